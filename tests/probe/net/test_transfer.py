"""Download and upload over real sockets: whole ones, each failure by its name, and nothing left behind."""

import asyncio
import gc
import threading
import time
from collections.abc import Callable, Coroutine
from dataclasses import replace
from pathlib import Path
from typing import Any

import psutil
import pytest
from fakes.certificate import certificate
from fakes.link import record_of
from fakes.peer import FakePeer, free_port, mute_port, running
from fakes.rude_peer import LOAD, Script, after_handshake, answering, read_head, rude, switched

from probe.clock import SystemClock
from probe.measure.outcome import CouldNotRun, Measured, Progress
from probe.measure.transfer import Protocol, TransferPlan
from probe.net import download, upload
from probe.net.address import PeerAddress
from probe.net.scene import Scene
from shared.frames import Opcode, frame, frame_head
from shared.kpi import rate_bps

PLAN = TransferPlan("test", 350_000, 2_000_000_000, warm_us=100_000, patience_us=450_000)
THREE = replace(PLAN, name="three", protocol=Protocol.THROUGHPUT1, flows=3, spacing_us=25_000)
CLOCK = SystemClock()
# How a kernel names a peer that hangs up on bytes of ours depends on whether it had read those before.
HUNG_UP = {"connection_reset", "connection_already_closed", "eof_error"}
SLACK_S = 5  # for a machine that does other things, too; what hangs takes longer
LONG_US = 60_000_000  # no such test gets so far, however slow the machine
Run = Callable[..., Coroutine[Any, Any, Measured]]
BOTH = pytest.mark.parametrize("run", [download.run, upload.run], ids=["download", "upload"])
PLANS = pytest.mark.parametrize("plan", [PLAN, THREE], ids=["ndt7", "throughput1"])


def chance(n_bytes: int) -> bytes:
    """Give bytes of which nobody asks to be random here."""
    return bytes(n_bytes)


@pytest.fixture
def always_early(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a peer that ends in order have ended too early, however long a slow machine took to come to that."""
    monkeypatch.setattr("probe.measure.transfer.EARLY_US", LONG_US)


@pytest.fixture
def never_early(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a peer that ends when it was asked to never have ended too early, however late a slow machine was to begin."""
    monkeypatch.setattr("probe.measure.transfer.EARLY_US", 0)


def patient(plan: TransferPlan) -> TransferPlan:
    """The plan with more patience than any machine takes."""
    return replace(plan, patience_us=5_000_000)


def open_sockets() -> int:
    """How many sockets of this process are not closed."""
    gc.collect()
    return len(psutil.Process().net_connections("tcp"))


async def measure(
    run: Run, peer: PeerAddress, watch: Callable[[Progress], None] | None = None, plan: TransferPlan = PLAN
) -> Measured:
    """Run one transfer, within its deadline, and look for what it left behind."""
    before, begun = asyncio.all_tasks(), time.monotonic()
    outcome = await run(plan, Scene(peer, CLOCK, chance, watch))
    spent_s = time.monotonic() - begun
    limit_us = plan.duration_us + 300_000 + 2 * plan.patience_us
    assert spent_s <= limit_us / 1_000_000 + SLACK_S or outcome.members.get("stage") in {"request", "tls", "connect"}
    ours = {task for task in asyncio.all_tasks() - before if "probe" in repr(task.get_coro())}
    assert not ours
    return outcome


def address_of(port: int, host: str = "127.0.0.1") -> PeerAddress:
    """Say where a port of loopback is."""
    return PeerAddress(f"http://{host}:{port}", "127.0.0.1", 9, "nobody")


# what goes well


@pytest.mark.usefixtures("never_early")
@BOTH
@PLANS
@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
async def test_a_whole_transfer(run: Run, plan: TransferPlan, host: str) -> None:
    """A good peer gives an ok, over either protocol and either family, with samples in order and a moving progress bar."""
    seen: list[Progress] = []
    async with running(FakePeer(), host=host) as peer:
        address, begun = address_of(peer.port, f"[{host}]" if ":" in host else host), time.monotonic()
        outcome = await measure(run, address, seen.append, patient(plan))
        spent_us = (time.monotonic() - begun) * 1_000_000
        assert len(peer.requests) == plan.flows
    members, record = outcome.members, record_of(outcome)
    assert outcome.end == "ok", members
    counts = record.series("flow_bytes") or (record.integers("bytes"),)
    received = record.integer("received_bytes")
    assert received is not None
    assert received == sum(flow[-1] for flow in counts) > 100_000
    assert 200_000 <= (record.integer("dur_us") or 0) <= spent_us
    assert (members["flows"], members["protocol"]) == (plan.flows, plan.protocol.value)
    assert members["peer_bytes"]
    if run is upload.run:
        assert members["received_bytes"] == members["peer_bytes"]
        assert received <= peer.got_bytes <= (record.integer("sent_bytes") or 0)
    else:
        assert received <= peer.sent_bytes
    assert rate_bps(record)
    assert seen[-1].moved_bytes > 0
    assert seen[-1].expected_us == plan.duration_us


@pytest.mark.usefixtures("never_early")
@BOTH
async def test_tls_with_an_authority_of_ones_own(run: Run, tmp_path: Path) -> None:
    """A peer whose certificate is from the configured authority is measured like any other."""
    context, ca = certificate(tmp_path)
    async with running(FakePeer(), context) as peer:
        outcome = await measure(run, peer.address(scheme="https", ca=ca), plan=patient(THREE))
    assert outcome.end == "ok", outcome.members
    assert outcome.members["flows"] == 3


@pytest.mark.usefixtures("never_early")
@BOTH
async def test_a_trickle_before_the_load(run: Run) -> None:
    """A gentle plan wakes the line with little before it loads it."""
    plan = replace(patient(THREE), gentle=True, warm_us=700_000, duration_us=900_000)
    async with running(FakePeer()) as peer:
        outcome = await measure(run, peer.address(), plan=plan)
    record = record_of(outcome)
    assert outcome.end == "ok", outcome.members
    assert outcome.members["flows_opened"] == 3
    wake_us = record.integer("wake_us")
    assert wake_us is not None
    assert 300_000 <= wake_us <= 400_000
    before = [
        max((count for t_us, count in zip(*flow, strict=True) if t_us < wake_us), default=0)
        for flow in zip(record.series("flow_t_us"), record.series("flow_bytes"), strict=True)
    ]
    assert sum(before) < 30_000 < (record.integer("received_bytes") or 0)


# what the peer does wrong


@pytest.mark.usefixtures("always_early")
@BOTH
@PLANS
@pytest.mark.parametrize(
    ("fault", "failure", "stage"),
    [
        ("stall", "generic_timeout_error", "body"),
        ("reset", "connection_reset", "body"),
        ("eof", "eof_error", "body"),
        ("close", "eof_error", "body"),
        ("no subprotocol", "http_request_failed", "request"),
        ("503", "http_unexpected_status_code", "request"),
        ("redirect", "http_unexpected_redirect_url", "request"),
    ],
)
async def test_each_fault_has_its_name(run: Run, plan: TransferPlan, fault: str, failure: str, stage: str) -> None:
    """Whatever the peer does, the record names it, keeps what came, and was one attempt."""
    plan = replace(plan if fault == "stall" else patient(plan), duration_us=LONG_US)
    async with running(FakePeer(fault=fault)) as peer:
        outcome = await measure(run, peer.address(), plan=plan)
        assert len(peer.requests) <= plan.flows
    members = outcome.members
    if run is upload.run and fault == "eof" and members["failure"] in HUNG_UP:
        failure = str(members["failure"])
    assert (outcome.end, members["failure"], members["stage"]) == ("failed", failure, stage), members
    if run is download.run and stage == "body" and plan.flows == 1:
        assert members["received_bytes"] == peer.after_bytes
    if run is download.run and fault == "eof":
        assert members["closed"] == "eof"
    if fault in {"503", "redirect"}:
        assert members["status"] == {"503": 503, "redirect": 302}[fault]


@pytest.mark.usefixtures("always_early")
@BOTH
@pytest.mark.parametrize(("fault", "failure"), [("reset", "connection_reset"), ("close", "eof_error")])
async def test_one_flow_of_three_that_fails(run: Run, fault: str, failure: str) -> None:
    """The failure of one flow ends the whole at once, by its name, with what all had carried."""
    async with running(FakePeer(fault=fault, only=1, after_bytes=100_000)) as peer:
        outcome = await measure(run, peer.address(), plan=replace(patient(THREE), duration_us=LONG_US))
    assert (outcome.end, outcome.members["failure"]) == ("failed", failure), outcome.members
    assert isinstance(outcome.members["dur_us"], int)
    assert outcome.members["dur_us"] < LONG_US // 2
    assert isinstance(outcome.members["received_bytes"], int)
    assert outcome.members["received_bytes"] >= (100_000 if run is download.run else 0)


@BOTH
async def test_one_flow_of_three_that_stalls_at_the_end(run: Run) -> None:
    """A flow that goes silent while the others end is waited for, and then the whole has failed."""
    async with running(FakePeer(fault="stall", only=2, after_bytes=100_000)) as peer:
        outcome = await measure(run, peer.address(), plan=THREE)
    assert (outcome.end, outcome.members["failure"]) == ("failed", "generic_timeout_error"), outcome.members


@pytest.mark.parametrize(("fault", "failure"), [("silence", "eof_error"), ("stall", "generic_timeout_error")])
async def test_an_upload_nobody_counted_is_failed(fault: str, failure: str) -> None:
    """However much was given to the socket, without the peer's count there is no result."""
    async with running(FakePeer(fault=fault, after_bytes=0)) as peer:
        outcome = await measure(upload.run, peer.address())
    assert outcome.end == "failed"
    assert outcome.members["failure"] == failure
    assert outcome.members["received_bytes"] == 0
    assert isinstance(outcome.members["sent_bytes"], int)
    assert outcome.members["sent_bytes"] > 0


@pytest.mark.usefixtures("always_early")
async def test_a_peer_that_closes_and_does_not_listen() -> None:
    """What a deaf peer will never read is dropped, not left to be sent for ever."""
    async with running(FakePeer(fault="deaf")) as peer:
        outcome = await measure(upload.run, peer.address())
    assert outcome.members["failure"] == "eof_error"


@pytest.mark.parametrize(
    ("plan", "text"),
    [
        (PLAN, b"{"),
        (PLAN, b'{"AppInfo":{"NumBytes":99999999999,"ElapsedTime":1}}'),
        (PLAN, b'{"AppInfo":{"NumBytes":1,"ElapsedTime":9000000}}'),
        (THREE, b'{"Application":{"BytesReceived":99999999999},"ElapsedTime":1}'),
        (THREE, b'{"Application":{"BytesReceived":1},"ElapsedTime":9000000}'),
    ],
    ids=["no JSON", "too much", "clock ahead", "too much of three", "clock ahead of three"],
)
async def test_a_lying_peer_ends_an_upload(plan: TransferPlan, text: bytes) -> None:
    """A claim that cannot be true, or cannot be read, is a failure at once."""
    async with running(FakePeer(fault="say", text=text)) as peer:
        outcome = await measure(upload.run, peer.address(), plan=plan)
    assert outcome.members["failure"] == "json_parse_error"
    assert outcome.members["peer_inconsistent"] is True


async def test_text_that_is_none_is_a_broken_frame() -> None:
    """A text that is not UTF-8 breaks the protocol itself."""
    async with running(FakePeer(fault="say", text=b"\xff\xfe")) as peer:
        outcome = await measure(upload.run, peer.address())
    assert (outcome.members["failure"], outcome.members["note"]) == ("unknown_failure", "a text is not UTF-8")


async def test_load_in_an_upload_is_refused() -> None:
    """A peer that sends load where it should count breaks the protocol."""
    async with running(FakePeer(fault="load")) as peer:
        outcome = await measure(upload.run, peer.address())
    assert outcome.members["failure"] == "unknown_failure"
    assert "load from the peer" in str(outcome.members["note"])


@pytest.mark.parametrize(("fault", "failure"), [("ping", "unknown_failure"), ("talk", "json_parse_error")])
async def test_a_flood_of_talk_ends_an_upload(fault: str, failure: str) -> None:
    """A peer that floods an upload with pings or texts is left by name."""
    async with running(FakePeer(fault=fault)) as peer:
        outcome = await measure(upload.run, peer.address(), plan=replace(PLAN, duration_us=3_000_000))
    assert (outcome.end, outcome.members["failure"]) == ("failed", failure), outcome.members


@PLANS
@pytest.mark.parametrize(
    "again",
    [
        LOAD,
        frame(Opcode.PING, bytes(125)),
        frame(Opcode.TEXT, b" " * 9000),
        frame(Opcode.BINARY, b"x"),
        frame_head(Opcode.BINARY, 0),
    ],
    ids=["load", "pings", "texts", "little messages", "empty messages"],
)
async def test_the_cap_is_hard_against_the_peers_will(plan: TransferPlan, again: bytes) -> None:
    """A peer that sends without end, whatever it sends, is cut off before it has cost a byte more than the cap."""
    plan = replace(plan, cap_bytes=300_000, duration_us=5_000_000, patience_us=3_000_000)
    async with rude(after_handshake(again=again * (16_384 // len(again) + 1))) as port:
        outcome = await measure(download.run, address_of(port), plan=plan)
    received = outcome.members["received_bytes"]
    assert isinstance(received, int)
    assert received <= plan.cap_bytes
    assert isinstance(outcome.members["dur_us"], int)
    assert outcome.members["dur_us"] < 4_000_000
    if again == LOAD:
        assert outcome.end == "ok"
        assert received > plan.cap_bytes - 4000
    elif again != frame(Opcode.BINARY, b"x"):
        assert (outcome.members.get("failure"), received) == ("eof_error", 0)


ENDLESS_HEAD = b"HTTP/1.1 101 Switching Protocols\r\nX: " + b"x" * 40_000


@BOTH
@pytest.mark.parametrize(
    ("script", "failure", "stage"),
    [
        (answering(b"SSH-2.0-OpenSSH_9.2\r\n\r\n"), "http_request_failed", "request"),
        (answering(ENDLESS_HEAD), "http_request_failed", "request"),
        (answering(b"HTTP/1.1 101 Switching Protocols\r\n\r\n"), "http_request_failed", "request"),
        (answering(b"HTTP/1.1 101 Switch"), "eof_error", "request"),
        (answering(b""), "eof_error", "request"),
        (after_handshake(b"\xff" * 50), "unknown_failure", "body"),
        (after_handshake(b"\x83\x00"), "unknown_failure", "body"),
        (after_handshake(b"\x82\x85abcdefghi"), "unknown_failure", "body"),
        (after_handshake(b"\x82\x7f" + b"\xff" * 8), "unknown_failure", "body"),
        (after_handshake(b"\x80\x00"), "unknown_failure", "body"),
    ],
    ids=[
        "other protocol",
        "endless head",
        "no proof",
        "cut head",
        "no head",
        "garbage",
        "opcode",
        "masked",
        "huge",
        "continuation",
    ],
)
async def test_garbage_has_its_name(run: Run, script: Script, failure: str, stage: str) -> None:
    """Bytes that are no handshake or no frames fail at once, and nothing is counted."""
    async with rude(script) as port:
        outcome = await measure(run, address_of(port))
    assert (outcome.members["failure"], outcome.members["stage"]) == (failure, stage), outcome.members
    assert outcome.members["received_bytes"] == 0


@BOTH
async def test_a_head_that_comes_byte_by_byte_is_too_late(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """A handshake that never comes to its end is given up in its time."""
    monkeypatch.setattr("probe.measure.flows.HANDSHAKE_US", 400_000)
    async with rude(answering(b"HTTP/1.1 101 Switching Protocols\r\n" * 100, pause_s=0.01)) as port:
        begun = time.monotonic()
        outcome = await measure(run, address_of(port))
        assert time.monotonic() - begun < 0.4 + SLACK_S
    assert (outcome.members["failure"], outcome.members["stage"]) == ("generic_timeout_error", "request")


async def test_frames_in_pieces_of_any_size_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    """Load behind the head in one packet, and load that comes byte by byte, all counts, though it takes longer than planned."""
    pieces = [LOAD[place : place + 1] for place in range(len(LOAD))]

    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(switched(await read_head(reader)))
        for piece in (LOAD + LOAD[:7000], LOAD[7000:], *pieces):
            writer.write(piece)
            await writer.drain()
            await asyncio.sleep(0)
        await reader.read(1)  # only what is between two messages may end them: it closes when it is asked to
        writer.write(frame(Opcode.CLOSE, b"\x03\xe8"))

    monkeypatch.setattr("probe.measure.transfer.CLOSE_US", LONG_US)
    plan = replace(PLAN, duration_us=50_000, patience_us=LONG_US)
    async with rude(script) as port:
        outcome = await measure(download.run, address_of(port), plan=plan)
    assert (outcome.end, outcome.members["received_bytes"]) == ("ok", 3 * 8192), outcome.members


@BOTH
async def test_a_peer_that_never_answers(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """A handshake that is never answered is a timeout of its stage."""
    monkeypatch.setattr("probe.measure.flows.HANDSHAKE_US", 300_000)
    async with mute_port() as port:
        outcome = await measure(run, address_of(port))
    assert (outcome.members["failure"], outcome.members["stage"]) == ("generic_timeout_error", "request")


@BOTH
async def test_nobody_listens(run: Run) -> None:
    """A refused connection is named so, in the stage of connecting."""
    outcome = await measure(run, address_of(free_port()), plan=THREE)
    assert (outcome.members["failure"], outcome.members["stage"]) == ("connection_refused", "connect")
    assert outcome.members["received_bytes"] == 0
    assert "connect_us" not in outcome.members


async def test_a_name_that_does_not_exist() -> None:
    """A peer whose name cannot be looked up is a failure of the lookup."""
    outcome = await measure(download.run, PeerAddress("http://no-such-host.invalid", "x.invalid", 9, "none"))
    assert outcome.members["stage"] == "dns"
    assert str(outcome.members["failure"]).startswith("dns_")


@BOTH
@pytest.mark.parametrize(
    ("wrong", "failure"), [("name", "ssl_invalid_hostname"), ("authority", "ssl_unknown_authority")]
)
async def test_a_certificate_that_does_not_convince(run: Run, wrong: str, failure: str, tmp_path: Path) -> None:
    """TLS is verified: another name or an unknown authority is a failure of TLS, and nothing is asked of the peer."""
    context, ca = certificate(tmp_path, host="another.example" if wrong == "name" else "127.0.0.1")
    async with running(FakePeer(), context) as peer:
        trusted = ca if wrong == "name" else None
        outcome = await measure(run, peer.address(scheme="https", ca=trusted), plan=THREE)
        assert not peer.requests
    assert (outcome.members["failure"], outcome.members["stage"]) == (failure, "tls")


@BOTH
async def test_tls_with_a_peer_that_speaks_none(run: Run) -> None:
    """A plain peer behind an https address is a failed handshake of TLS."""
    async with running(FakePeer()) as peer:
        outcome = await measure(run, peer.address(scheme="https"))
    assert (outcome.members["failure"], outcome.members["stage"]) == ("ssl_failed_handshake", "tls")


# what is left behind


@BOTH
@PLANS
@pytest.mark.parametrize(
    ("after_s", "fault"),
    [(0.0, ""), (0.005, ""), (0.2, ""), (0.75, "stall")],
    ids=["at once", "handshake", "load", "waiting for the end"],
)
async def test_cancelling_leaves_nothing(run: Run, plan: TransferPlan, after_s: float, fault: str) -> None:
    """A transfer that is cancelled, whenever, is gone at once, with its tasks, its sockets and its threads."""
    sockets, threads = open_sockets(), threading.active_count()
    plan = replace(plan, patience_us=LONG_US)
    async with running(FakePeer(fault=fault)) as peer:
        before = asyncio.all_tasks()
        task = asyncio.create_task(run(plan, Scene(peer.address(), CLOCK, chance)))
        await asyncio.sleep(after_s)
        task.cancel()
        begun = time.monotonic()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert time.monotonic() - begun < SLACK_S
        ours = {other for other in asyncio.all_tasks() - before if "probe" in repr(other.get_coro())}
        assert not ours
    assert open_sockets() <= sockets
    assert threading.active_count() <= threads


@BOTH
async def test_cancelling_a_handshake_of_tls_leaves_nothing(run: Run) -> None:
    """A peer that accepts and says nothing holds no socket of ours once we have gone."""
    sockets = open_sockets()
    async with mute_port() as port:
        peer = PeerAddress(f"https://127.0.0.1:{port}", "127.0.0.1", 9, "mute")
        task = asyncio.create_task(run(THREE, Scene(peer, CLOCK, chance)))
        await asyncio.sleep(0.1)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await asyncio.sleep(0.05)
    assert open_sockets() <= sockets


@pytest.mark.parametrize("url", ["ftp://127.0.0.1", "nonsense", "http://", "http://[::1"])
async def test_an_address_that_is_none_cannot_run(url: str) -> None:
    """A peer's address that is no URL says nothing about the line, so it raises."""
    with pytest.raises(CouldNotRun):
        await measure(download.run, PeerAddress(url, "127.0.0.1", 9, "none"))
