"""The shell of `probe.measure.latency`: one burst by STAMP, by ICMP echo if nothing came back, and then by TCP connect."""

import asyncio
import socket
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass

from probe.measure import echo, stamp
from probe.measure.echo import Echo
from probe.measure.latency import LOOKUP_US, NAME, LatencyPlan, result_of
from probe.measure.outcome import Measured, Trouble
from probe.measure.stamp import Stamp
from probe.measure.train import Seen, Train, Via
from probe.net import icmp, tcp, udp
from probe.net.drive import drive
from probe.net.failures import trouble_of
from probe.net.http import url_of
from probe.net.lookup import look_up
from probe.net.scene import Scene
from shared.failure import Failure, Stage

SEED_BYTES = 16


async def run(plan: LatencyPlan, scene: Scene) -> Measured:
    """Measure round trips to the peer: to its reflector, else to its host, else to its web server."""
    start_us = scene.clock.mono_us()
    url = url_of(scene.peer, "")
    by = Ways(plan, scene)
    ways: tuple[Callable[[], Awaitable[Seen | None]], ...] = (
        lambda: by.stamp(scene.peer.udp_host, scene.peer.udp_port),
        lambda: by.icmp(scene.peer.udp_host),
        lambda: by.tcp(url.host, url.port),
    )
    return result_of(plan, await _until_one_answers(ways), scene.clock.mono_us() - start_us)


async def _until_one_answers(ways: Iterable[Callable[[], Awaitable[Seen | None]]]) -> list[Seen]:
    """Try ways in their order; a way that this machine has not is not tried (None)."""
    tried: list[Seen] = []
    for way in ways:
        seen = await way()
        if seen is not None:
            tried.append(seen)
            if seen.trouble is None:
                break
    return tried


@dataclass(frozen=True, slots=True)
class Ways:
    """The three ways of sending a plan's packets."""

    plan: LatencyPlan
    scene: Scene

    async def stamp(self, host: str, port: int) -> Seen:
        """Ask the reflector."""
        address = await _look_up(host, port, socket.SOCK_DGRAM, "stamp")
        if isinstance(address, Seen):
            return address
        chance = self.scene.chance(stamp.CHANCE_BYTES)
        core = Stamp(NAME, self.plan.pace, chance, self.plan.packets, self.plan.expected_us)
        core.start(*udp.one_moment(self.scene.clock))
        clock = self.scene.clock
        try:
            await drive(core, udp.run_train(core, address, clock, self.scene.interface), clock, self.scene.progress)
        except NotImplementedError:
            return Seen("stamp", trouble=Trouble(Failure.UNKNOWN, Stage.CONNECT, "no datagrams on this event loop"))
        return core.result()

    async def icmp(self, host: str) -> Seen | None:
        """Ask the host; None if this machine may not, or does not know the host.

        The process that may open raw sockets is not asked if the test is pinned: it would go by any link.
        """
        address = await _look_up(host, 0, socket.SOCK_DGRAM, "icmp")
        if isinstance(address, Seen):
            return None
        chance, clock = self.scene.chance(echo.CHANCE_BYTES), self.scene.clock
        ipv6 = address[0] == socket.AF_INET6
        core = Echo(NAME, self.plan.pace, chance, self.plan.packets, ipv6, self.plan.expected_us)
        core.start(clock.mono_us())
        try:
            await drive(core, icmp.run_train(core, address, clock, self.scene.interface), clock, self.scene.progress)
        except (OSError, NotImplementedError):
            apart = self.scene.interface is None and icmp.lab_is_possible()
            return await icmp.run_apart(self.plan, address, chance) if apart else None
        return core.result()

    async def tcp(self, host: str, port: int) -> Seen:
        """Ask the web server's kernel."""
        address = await _look_up(host, port, socket.SOCK_STREAM, "tcp")
        if isinstance(address, Seen):
            return address
        clock = self.scene.clock
        train = Train(NAME, self.plan.pace, self.scene.chance(SEED_BYTES), self.plan.packets, self.plan.expected_us)
        train.start(clock.mono_us())
        await drive(train, tcp.run_train(train, address, clock, self.scene.interface), clock, self.scene.progress)
        return train.result("tcp")


async def _look_up(host: str, port: int, kind: socket.SocketKind, via: Via) -> udp.Address | Seen:
    """Find the first address, which by the resolver's order is the system's preference, or what a way saw without one."""
    try:
        async with asyncio.timeout(LOOKUP_US / 1_000_000):
            found = await look_up(host, port, kind=kind)
    except (OSError, UnicodeError) as exc:
        return Seen(via, trouble=trouble_of(exc, Stage.DNS))
    family, _protocol, address = found[0]
    return family, address
