"""Latency under load over real sockets, against the real peer: by STAMP, by TCP, with TLS, by IPv6, and with nobody there."""

import asyncio
import random
import secrets
import socket
import ssl
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest
from aiohttp import web
from fakes.certificate import certificate
from fakes.peer import free_port

from collector.clock import SystemClock as PeerClock
from collector.peer.app import PeerConfig, create_peer
from collector.peer.stamp import Reflector, ReflectorSocket
from probe.clock import SystemClock
from probe.measure import foreign as foreign_core
from probe.measure.loaded_latency import CHANCE_BYTES, LoadedLatency
from probe.measure.loaded_plan import DOWNLOAD_LIGHT, UPLOAD_LIGHT, LoadedLatencyPlan
from probe.measure.outcome import CouldNotRun, Measured, Progress, Value
from probe.net import foreign, loaded_latency
from probe.net.address import PeerAddress
from probe.net.connect import Origin
from probe.net.scene import Scene
from probe.net.tickets import Admitted, NoTicket, Tickets
from shared.keys import FileKey
from shared.transfer import Direction

CLOCK = SystemClock()
IDLE = replace(DOWNLOAD_LIGHT.idle, packets=4, pace=replace(DOWNLOAD_LIGHT.idle.pace, patience_us=200_000))
BRIEF_LOAD = replace(DOWNLOAD_LIGHT.load, duration_us=1_000_000, warm_us=300_000, cap_bytes=4_000_000_000)
BRIEF_LOAD = replace(BRIEF_LOAD, patience_us=600_000)
PACE = replace(DOWNLOAD_LIGHT.pace, patience_us=500_000)
DOWN = replace(DOWNLOAD_LIGHT, load=BRIEF_LOAD, pace=PACE, idle=IDLE)
UP = replace(UPLOAD_LIGHT, load=BRIEF_LOAD, pace=PACE, idle=IDLE)
BOTH = pytest.mark.parametrize("plan", [DOWN, UP], ids=["download", "upload"])


@asynccontextmanager
async def a_peer(
    host: str = "127.0.0.1",
    tls: tuple[ssl.SSLContext, Path] | None = None,
    *,
    reflects: bool = True,
    anonymous: bool = True,
) -> AsyncIterator[PeerAddress]:
    """Keep the real peer up, with its reflector if it is to have one; where it is."""
    config = PeerConfig(
        "p", FileKey.generate().public, PeerClock(), random.Random(1), lambda _: None, anonymous=anonymous
    )
    runner = web.AppRunner(create_peer(config), handle_signals=False, shutdown_timeout=0, access_log=None)
    await runner.setup()
    loop, family = asyncio.get_running_loop(), socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM) as udp:
        udp.bind((host, 0))
        udp.settimeout(0)
        try:
            await web.TCPSite(runner, host, 0, ssl_context=tls and tls[0]).start()
            udp_port, port = udp.getsockname()[1], runner.addresses[0][1]
            if reflects:
                loop.add_reader(udp, ReflectorSocket(udp, Reflector(udp_port), PeerClock()).answer_waiting)
            where = f"[{host}]" if ":" in host else host
            url = f"{'http' if tls is None else 'https'}://{where}:{port}"
            yield PeerAddress(url, host, udp_port, "p", tls and tls[1])
        finally:
            loop.remove_reader(udp)
            await runner.cleanup()
            await asyncio.sleep(0)


async def measure(plan: LoadedLatencyPlan, peer: PeerAddress, seen: list[Progress] | None = None) -> Measured:
    """Run once, and look for what it left behind."""
    before = asyncio.all_tasks()
    scene = Scene(peer, CLOCK, secrets.token_bytes, None if seen is None else seen.append)
    outcome = await loaded_latency.run(plan, scene)
    assert not {task for task in asyncio.all_tasks() - before if "probe" in repr(task.get_coro())}
    return outcome


@BOTH
async def test_nobody_is_there(plan: LoadedLatencyPlan) -> None:
    """Where neither reflector nor server answers, the load's failure is the record's, and the idle losses are kept."""
    port = free_port()
    outcome = await measure(plan, PeerAddress(f"http://127.0.0.1:{port}", "127.0.0.1", port, "nobody"))
    members = outcome.members
    assert (outcome.end, members["failure"], members["stage"]) == ("failed", "connection_refused", "connect")
    assert (members["via"], members["tried"], members["idle_rtt_us"]) == ("tcp", "stamp", [-1] * 3)


@BOTH
async def test_a_whole_measurement(plan: LoadedLatencyPlan) -> None:
    """A good peer gives round trips idle and loaded, probes, the kernel's round trips and a figure; progress is named."""
    seen: list[Progress] = []
    async with a_peer() as peer:
        outcome = await measure(plan, peer, seen)
    members = outcome.members
    assert outcome.end == "ok", members
    assert (members["via"], members["stamps"], members["direction"]) == ("stamp", "kernel", plan.direction)
    loaded, sent = members["loaded_rtt_us"], members["loaded_sent_us"]
    assert isinstance(loaded, list) and isinstance(sent, list)
    assert len(loaded) == len(sent) > 0
    assert isinstance(members["rpm"], int)
    assert members["rpm_confidence"] == "low"
    for name in ("foreign_t_us", "foreign_tcp_us", "foreign_http_us", "self_rtt_us"):
        assert members[name], name
    assert "rtt_us" not in members
    assert "foreign_tls_us" not in members
    assert members["received_bytes"]
    assert {one.method for one in seen} == {"loaded_latency"}


@pytest.mark.parametrize("version", [None, ssl.TLSVersion.TLSv1_2], ids=["newest", "1.2"])
async def test_over_tls_with_a_private_authority(tmp_path: Path, version: ssl.TLSVersion | None) -> None:
    """With the peer's own authority everything is verified, and the handshake is timed, by its round trips."""
    context, authority = certificate(tmp_path)
    if version is not None:
        context.maximum_version = version
    async with a_peer(tls=(context, authority)) as peer:
        outcome = await measure(DOWN, peer)
    tls_us = outcome.members["foreign_tls_us"]
    assert outcome.end == "ok"
    assert isinstance(tls_us, list)
    assert -1 not in tls_us
    assert outcome.members["tls_trips"] == (1 if version is None else 2)


async def test_an_authority_that_is_not_believed(tmp_path: Path) -> None:
    """A certificate nobody vouches for fails the load by its name."""
    async with a_peer(tls=certificate(tmp_path)) as peer:
        outcome = await measure(DOWN, replace(peer, tls_ca=None))
    assert (outcome.end, outcome.members["failure"]) == ("failed", "ssl_unknown_authority")


async def test_by_tcp_where_the_reflector_is_mute() -> None:
    """Without a reflector connections stand in, idle and loaded, and the record says so."""
    async with a_peer(reflects=False) as peer:
        outcome = await measure(DOWN, peer)
    members = outcome.members
    assert (outcome.end, members["via"], members["tried"]) == ("ok", "tcp", "stamp")
    assert members["loaded_rtt_us"] == members["foreign_tcp_us"] != []


async def test_over_ipv6() -> None:
    """IPv6 is measured as IPv4 is."""
    try:
        async with a_peer("::1") as peer:
            outcome = await measure(UP, peer)
    except OSError:
        pytest.skip("no IPv6 on this machine")
    assert (outcome.end, outcome.members["via"]) == ("ok", "stamp")
    assert outcome.members["foreign_http_us"]


async def test_a_peer_that_takes_no_load_is_named() -> None:
    """Where load needs a ticket and there is none, the failure is the handshake's."""
    async with a_peer(anonymous=False) as peer:
        outcome = await measure(DOWN, peer)
    assert (outcome.members["failure"], outcome.members["status"]) == ("http_unexpected_status_code", 403)
    assert outcome.members["via"] == "stamp"


@dataclass(frozen=True)
class NoneGiven(Tickets):
    """A peer that gives no ticket, and what it was told."""

    told: list[object] = field(default_factory=list)

    async def ask(self, direction: Direction, flows: int, least_bytes: int, seed: bytes | None = None) -> Admitted:
        """Refuse."""
        assert least_bytes > 0
        self.told.append((direction, flows, seed is not None))
        return Admitted(None, NoTicket.REFUSED, seed)

    async def finish(self, admitted: Admitted, flow_bytes: Sequence[int], digests: Sequence[bytes]) -> dict[str, Value]:
        """Note what was returned."""
        self.told.append((sum(flow_bytes), len(digests)))
        return await super().finish(admitted, flow_bytes, digests)


@BOTH
async def test_the_peer_is_asked_for_a_ticket_first(plan: LoadedLatencyPlan) -> None:
    """The load is announced to the peer as any transfer is; without a ticket it runs all the same, and the record says why."""
    async with a_peer() as peer:
        tickets = NoneGiven(peer, FileKey.generate(), b"", b"", 0, CLOCK)
        outcome = await loaded_latency.run(plan, Scene(peer, CLOCK, secrets.token_bytes, tickets=tickets))
    assert (outcome.end, outcome.members["ticket"]) == ("ok", "refused")
    up = plan is UP
    assert tickets.told[0] == (Direction.UP if up else Direction.DOWN, 1, up)
    assert tickets.told[1] == ((0, 0) if up else (outcome.members["received_bytes"], 1))


@BOTH
async def test_cancelling_leaves_nothing(plan: LoadedLatencyPlan) -> None:
    """Cancelled under full load it is gone, with its tasks and sockets."""
    async with a_peer() as peer:
        before = asyncio.all_tasks()
        task = asyncio.create_task(loaded_latency.run(plan, Scene(peer, CLOCK, secrets.token_bytes)))
        await asyncio.sleep(0.9)
        assert not task.done()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert not {other for other in asyncio.all_tasks() - before if "probe" in repr(other.get_coro())}


async def test_an_address_that_is_none_cannot_run() -> None:
    """A peer whose address is no URL says nothing about the line."""
    with pytest.raises(CouldNotRun):
        await measure(DOWN, PeerAddress("nonsense", "127.0.0.1", 9, "none"))


async def test_names_that_do_not_exist() -> None:
    """A name that is not found fails in its lookup."""
    outcome = await measure(DOWN, PeerAddress("http://no-such-host.invalid", "no-such-host.invalid", 9, "none"))
    assert (outcome.end, outcome.members["stage"]) == ("failed", "dns")


@pytest.mark.parametrize(
    ("answer", "failure"),
    [
        (b"HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n", "http_unexpected_status_code"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n", "eof_error"),
        (b"", "eof_error"),
        (b"nonsense\r\n\r\n", "http_request_failed"),
        (None, "generic_timeout_error"),
    ],
)
async def test_each_failure_of_a_probe_has_its_name(
    answer: bytes | None, failure: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever a server answers, the probe ends, names it, and keeps the time of what it reached."""
    monkeypatch.setattr(foreign, "PATIENCE_US", 200_000)
    gone = asyncio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        if answer is None:
            await gone.wait()
        writer.write(answer or b"")
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    core = LoadedLatency(DOWN, bytes(CHANCE_BYTES))
    scene = Scene(PeerAddress(f"http://127.0.0.1:{port}", "127.0.0.1", 9, "p"), CLOCK, secrets.token_bytes)
    number = core.foreign.begin(CLOCK.mono_us())
    await foreign.probe(core, number, Origin.of(scene), [(socket.AF_INET, ("127.0.0.1", port))], CLOCK)
    trouble = core.foreign.commonest_trouble()
    assert trouble is not None
    assert trouble.failure == failure
    assert core.foreign.tcp_us[0] >= 0
    assert core.foreign.http_us == [foreign_core.LOST]
    assert core.foreign.open_until_us is None
    gone.set()
    server.close()
    await server.wait_closed()
    await asyncio.sleep(0.01)
