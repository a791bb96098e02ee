"""The latency train over real sockets: by UDP, by TCP, and by neither."""

import asyncio
import socket
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from fakes.peer import FakePeer, free_port, running

from probe.clock import SystemClock
from probe.measure.latency import LatencyPlan
from probe.measure.outcome import Measured, Progress
from probe.net import latency
from probe.net.address import PeerAddress
from probe.net.scene import Scene

PLAN = LatencyPlan("test", packets=5, interval_us=10_000, patience_us=300_000)


def chance(n_bytes: int) -> bytes:
    """Give bytes that differ from packet to packet."""
    return b"".join(number.to_bytes(4, "big") for number in range(n_bytes // 4))


async def measure(peer: PeerAddress, seen: list[Progress] | None = None) -> Measured:
    """Run one train."""
    watch = None if seen is None else seen.append
    return await latency.run(PLAN, Scene(peer, SystemClock(), chance, watch))


@contextmanager
def mute_udp() -> Iterator[int]:
    """Keep a UDP port that takes packets and never answers."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind(("127.0.0.1", 0))
        yield sock.getsockname()[1]


async def test_no_answer_at_all() -> None:
    """A mute echo and a closed web port give a failed train, with the name of what TCP met."""
    with mute_udp() as port:
        outcome = await measure(PeerAddress(f"http://127.0.0.1:{free_port()}", "127.0.0.1", port, "nobody"))
    members = outcome.members
    assert outcome.end == "failed"
    assert (members["failure"], members["stage"]) == ("connection_refused", "connect")
    assert (members["via"], members["sent"], members["udp_sent"]) == ("tcp", 5, 5)
    assert members["rtt_us"] == [-1] * 5


async def test_round_trips_by_udp() -> None:
    """An echo that answers gives one small time per packet, and the progress is told."""
    seen: list[Progress] = []
    async with running(FakePeer()) as peer:
        outcome = await measure(peer.address(), seen)
    members = outcome.members
    assert outcome.end == "ok"
    assert (members["via"], members["sent"]) == ("udp", 5)
    assert "udp_sent" not in members
    assert isinstance(members["rtt_us"], list)
    assert all(0 <= rtt_us < PLAN.patience_us for rtt_us in members["rtt_us"])
    assert seen


async def test_lost_packets_keep_their_places() -> None:
    """What the echo dropped is -1 where it was sent."""
    async with running(FakePeer(drop_packets=frozenset({0, 3}))) as peer:
        outcome = await measure(peer.address())
    rtt_us = outcome.members["rtt_us"]
    assert isinstance(rtt_us, list)
    assert [number for number, each in enumerate(rtt_us) if each == -1] == [0, 3]
    assert outcome.end == "ok"


async def test_by_tcp_where_udp_is_lost() -> None:
    """When no packet comes back, the same train is connections to the web server."""
    async with running(FakePeer(drop_packets=frozenset(range(5)))) as peer:
        outcome = await measure(peer.address())
    members = outcome.members
    assert outcome.end == "ok"
    assert (members["via"], members["udp_sent"], members["sent"]) == ("tcp", 5, 5)
    assert isinstance(members["rtt_us"], list)
    assert -1 not in members["rtt_us"]


async def test_a_port_that_refuses_datagrams_does_not_stop_the_train() -> None:
    """A refusal of one packet leaves the next one to be sent."""
    async with running(FakePeer()) as peer:
        closed = PeerAddress(peer.address().http_url, "127.0.0.1", free_port(), "refusing")
        outcome = await measure(closed)
    assert (outcome.members["via"], outcome.members["udp_sent"]) == ("tcp", 5)


async def test_names_that_do_not_exist() -> None:
    """When neither name is found nothing was sent, and the failure is the lookup's."""
    outcome = await measure(PeerAddress("http://no-such-host.invalid", "no-such-host.invalid", 9, "none"))
    assert outcome.end == "failed"
    assert (outcome.members["sent"], outcome.members["stage"]) == (0, "dns")


async def test_an_event_loop_without_datagrams_uses_tcp(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the event loop cannot watch a datagram socket, TCP is used and no packet counts as sent."""

    def refuse(*_args: object) -> None:
        raise NotImplementedError

    async with running(FakePeer()) as peer:
        monkeypatch.setattr(type(asyncio.get_running_loop()), "add_reader", refuse)
        outcome = await measure(peer.address())
    assert (outcome.end, outcome.members["via"], outcome.members["udp_sent"]) == ("ok", "tcp", 0)


async def test_cancelling_leaves_nothing() -> None:
    """A train that is cancelled leaves no task and no reader."""
    with mute_udp() as port:
        before = asyncio.all_tasks()
        task = asyncio.create_task(measure(PeerAddress("http://127.0.0.1", "127.0.0.1", port, "mute")))
        await asyncio.sleep(0.1)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert asyncio.all_tasks() == before
