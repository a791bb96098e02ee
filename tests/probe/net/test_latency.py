"""The latency burst over real sockets: by STAMP, by ICMP, by TCP, and by none."""

import asyncio
import socket
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from fakes.peer import FakePeer, free_port, running

from probe.clock import SystemClock
from probe.measure.latency import LatencyPlan
from probe.measure.outcome import Measured, Progress, Trouble
from probe.measure.stamp import Stamp
from probe.measure.train import Pace, Seen
from probe.net import icmp, latency, udp
from probe.net.address import PeerAddress
from probe.net.drive import drive
from probe.net.scene import Scene
from shared.failure import Failure, Stage

PACE = Pace(mean_us=10_000, floor_us=5_000, cap_us=30_000, wake_us=300_000, patience_us=300_000)
PLAN = LatencyPlan("test", packets=6, pace=PACE)


@pytest.fixture(autouse=True)
def no_icmp(monkeypatch: pytest.MonkeyPatch) -> None:
    """Forbid ICMP, as most systems do: what loopback answers by it would hide the other ways."""

    async def refuse(*_args: object) -> None:
        raise PermissionError

    monkeypatch.setattr(icmp, "run_train", refuse)
    monkeypatch.setattr(icmp, "lab_is_possible", lambda: False)


def chance(n_bytes: int) -> bytes:
    """Give bytes that are not zero."""
    return bytes(range(1, n_bytes + 1))


async def measure(peer: PeerAddress, seen: list[Progress] | None = None) -> Measured:
    """Run one burst."""
    watch = None if seen is None else seen.append
    return await latency.run(PLAN, Scene(peer, SystemClock(), chance, watch))


@contextmanager
def mute_udp() -> Iterator[int]:
    """Keep a UDP port that takes packets and never answers."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind(("127.0.0.1", 0))
        yield sock.getsockname()[1]


async def test_no_answer_at_all() -> None:
    """A mute reflector and a closed web port give a failed burst, with the name of what TCP met."""
    with mute_udp() as port:
        outcome = await measure(PeerAddress(f"http://127.0.0.1:{free_port()}", "127.0.0.1", port, "nobody"))
    members = outcome.members
    assert outcome.end == "failed"
    assert (members["failure"], members["stage"]) == ("connection_refused", "connect")
    assert (members["via"], members["sent"], members["tried"]) == ("tcp", 6, "stamp")
    assert members["rtt_us"] == [-1] * 5
    assert "first_rtt_us" not in members


async def test_round_trips_by_stamp() -> None:
    """A reflector that answers gives one small time per packet and the variation of each way; the progress is told."""
    seen: list[Progress] = []
    async with running(FakePeer()) as peer:
        outcome = await measure(peer.address(), seen)
    members = outcome.members
    assert outcome.end == "ok"
    assert (members["via"], members["sent"], members["stamps"]) == ("stamp", 6, "kernel")
    assert "tried" not in members
    assert isinstance(members["first_rtt_us"], int)
    for name in ("rtt_us", "up_pdv_us", "down_pdv_us"):
        way = members[name]
        assert isinstance(way, list)
        assert len(way) == 5
        assert all(isinstance(one, int) and 0 <= one < PACE.patience_us for one in way)
    assert (members["lost_up"], members["lost_down"], members["lost_tail"]) == (0, 0, 0)
    assert "peer_inconsistent" not in members
    assert seen


async def test_lost_packets_keep_their_places_and_directions() -> None:
    """What did not arrive and what did not come back are -1 where they were sent, and are told apart."""
    async with running(FakePeer(drop_packets=frozenset({1, 2}), drop_replies=frozenset({4}))) as peer:
        outcome = await measure(peer.address())
    rtt_us = outcome.members["rtt_us"]
    assert isinstance(rtt_us, list)
    assert [number for number, each in enumerate(rtt_us) if each == -1] == [0, 1, 3]
    assert (outcome.members["lost_up"], outcome.members["lost_down"], outcome.members["lost_tail"]) == (2, 1, 0)
    assert outcome.end == "ok"


async def test_by_tcp_where_datagrams_are_lost() -> None:
    """When no packet comes back, the same burst is connections to the web server."""
    async with running(FakePeer(drop_packets=frozenset(range(6)))) as peer:
        outcome = await measure(peer.address())
    members = outcome.members
    assert outcome.end == "ok"
    assert (members["via"], members["tried"], members["sent"], members["stamps"]) == ("tcp", "stamp", 6, "user")
    assert isinstance(members["rtt_us"], list)
    assert -1 not in members["rtt_us"]
    assert "lost_up" not in members


async def test_icmp_stands_between(monkeypatch: pytest.MonkeyPatch) -> None:
    """A host that answers echo is measured by it, and one that does not is asked by TCP."""
    answers = Seen("icmp", (5,) * 6)

    async def apart(*_args: object) -> Seen:
        return answers

    monkeypatch.setattr(icmp, "lab_is_possible", lambda: True)
    monkeypatch.setattr(icmp, "run_apart", apart)
    async with running(FakePeer(drop_packets=frozenset(range(12)))) as peer:
        outcome = await measure(peer.address())
        assert (outcome.members["via"], outcome.members["tried"], outcome.end) == ("icmp", "stamp", "ok")
        answers = Seen("icmp", (-1,) * 6, Trouble(Failure.TIMEOUT, Stage.CONNECT))
        outcome = await measure(peer.address())
        assert (outcome.members["via"], outcome.members["tried"], outcome.end) == ("tcp", "stamp,icmp", "ok")


async def test_a_port_that_refuses_datagrams_does_not_stop_the_burst() -> None:
    """A refusal of one packet leaves the next one to be sent."""
    async with running(FakePeer()) as peer:
        closed = PeerAddress(peer.address().http_url, "127.0.0.1", free_port(), "refusing")
        outcome = await measure(closed)
    assert (outcome.members["via"], outcome.members["tried"]) == ("tcp", "stamp")


async def test_names_that_do_not_exist() -> None:
    """When neither name is found nothing was sent, and the failure is the lookup's."""
    outcome = await measure(PeerAddress("http://no-such-host.invalid", "no-such-host.invalid", 9, "none"))
    assert outcome.end == "failed"
    assert (outcome.members["sent"], outcome.members["stage"], outcome.members["tried"]) == (0, "dns", "stamp")


async def test_a_network_without_a_way_is_named() -> None:
    """An address to which nothing can be sent at all refuses each packet by name."""
    core = Stamp("latency", PACE, chance(18), 2)
    clock = SystemClock()
    core.start(*udp.one_moment(clock))
    await drive(core, udp.run_train(core, (socket.AF_INET, ("255.255.255.255", 9)), clock), clock, None)
    trouble = core.result().trouble
    assert trouble is not None
    assert trouble.failure in {"unknown_failure", "network_unreachable"}


async def test_an_event_loop_without_datagrams_uses_tcp(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the event loop cannot watch a datagram socket, TCP is used."""

    def refuse(*_args: object) -> None:
        raise NotImplementedError

    async with running(FakePeer()) as peer:
        monkeypatch.setattr(type(asyncio.get_running_loop()), "add_reader", refuse)
        outcome = await measure(peer.address())
    assert (outcome.end, outcome.members["via"], outcome.members["tried"]) == ("ok", "tcp", "stamp")


async def test_an_open_train_runs_until_it_is_stopped() -> None:
    """The same core and shell measure beside something else, for as long as that takes."""
    async with running(FakePeer()) as peer:
        core, clock = Stamp("loaded", PACE, chance(18)), SystemClock()
        core.start(*udp.one_moment(clock))
        work = asyncio.create_task(udp.run_train(core, (socket.AF_INET, ("127.0.0.1", peer.udp_port)), clock))
        await asyncio.sleep(0.3)
        core.stop(clock.mono_us())
        async with asyncio.timeout(2):
            await work
    seen = core.result()
    assert len(seen.rtts_us) > 5
    assert seen.trouble is None


@pytest.mark.skipif(not socket.has_ipv6, reason="no IPv6 on this machine")
async def test_over_ipv6() -> None:
    """A packet core is driven over IPv6 as over IPv4."""
    with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as mute:
        try:
            mute.bind(("::1", 0))
        except OSError:
            pytest.skip("no IPv6 on this machine")
        core, clock = Stamp("latency", PACE, chance(18), 2), SystemClock()
        core.start(*udp.one_moment(clock))
        await drive(core, udp.run_train(core, (socket.AF_INET6, mute.getsockname()), clock), clock, None)
        assert len(mute.recv(100)) == 44
    assert core.result().rtts_us == (-1, -1)


async def test_cancelling_leaves_nothing() -> None:
    """A burst that is cancelled leaves no task and no reader."""
    with mute_udp() as port:
        before = asyncio.all_tasks()
        task = asyncio.create_task(measure(PeerAddress("http://127.0.0.1", "127.0.0.1", port, "mute")))
        await asyncio.sleep(0.1)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert asyncio.all_tasks() == before
