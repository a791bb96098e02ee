"""The shell of `probe.measure.latency`: runs the train by UDP, and by TCP connect if none of it came back."""

import asyncio
import socket
from collections.abc import Callable, Coroutine

from probe.clock import Clock
from probe.measure.latency import CHANCE_BYTES, LatencyPlan, LatencyTrain, packets_of, result_of
from probe.measure.outcome import Measured, Trouble
from probe.net import tcp, udp
from probe.net.drive import drive
from probe.net.failures import trouble_of
from probe.net.http import url_of
from probe.net.scene import Scene
from shared.failure import Failure, Stage

LOOKUP_S = 10

RunTrain = Callable[[LatencyTrain, udp.Address, Clock], Coroutine[None, None, None]]


async def run(plan: LatencyPlan, scene: Scene) -> Measured:
    """Measure round trips to the peer's echo, or to its web server where the echo does not answer."""
    peer, clock = scene.peer, scene.clock
    url = url_of(peer, "")
    packets = packets_of(plan, scene.chance(plan.packets * CHANCE_BYTES))
    start_us = clock.mono_us()

    async def by(run_train: RunTrain, host: str, port: int, kind: socket.SocketKind) -> LatencyTrain | Trouble:
        try:
            address = await _look_up(host, port, kind)
        except (OSError, UnicodeError) as exc:
            return trouble_of(exc, Stage.DNS)
        train = LatencyTrain(plan, packets)
        train.start(clock.mono_us())
        await drive(train, run_train(train, address, clock), clock, scene.progress)
        return train

    try:
        first = await by(udp.run_train, peer.udp_host, peer.udp_port, socket.SOCK_DGRAM)
    except NotImplementedError:
        first = Trouble(Failure.UNKNOWN, Stage.CONNECT, "no datagrams on this event loop")
    second = None
    if isinstance(first, Trouble) or first.trouble() is not None:
        second = await by(tcp.run_train, url.host or "", url.port or 0, socket.SOCK_STREAM)
    return result_of(plan, first, second, clock.mono_us() - start_us)


async def _look_up(host: str, port: int, kind: socket.SocketKind) -> udp.Address:
    """Find the first address; the resolver's own order is the system's preference."""
    async with asyncio.timeout(LOOKUP_S):
        found = await asyncio.get_running_loop().getaddrinfo(host, port, type=kind)
    family, _kind, _protocol, _name, address = found[0]
    return family, address
