"""Looks at everything that stands around a test: before it, and after it. Judges nothing.

What looks round (`Look`) may take seconds and start programs, so tests that load the line have it done afresh before and
after, and others share a look that is not older than a minute, as long as the link is the same. The clocks are read
beside the host's counters, next to the test and not next to the look.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from typing import Final

from probe.clock import Clock
from probe.facts import HostFacts, Lull, Moment, cpu_busy_per_mille, grown
from probe.measure.outcome import CouldNotRun
from probe.net.address import PeerAddress
from probe.platform.aside import aside
from probe.platform.host import facts_on_any_way, facts_on_the_way_to, snapshot
from probe.surroundings import Link, Surroundings
from probe.traffic import is_foreign_in

Look = Callable[[str | None, bool], Awaitable[Surroundings]]  # by which interface packets leave, and whether they can

FRESH_US: Final = 60_000_000
HOST_S: Final = 5.0  # for a resolver to say by which address the peer is found
LOOKS, LOOK_S = 10, 0.1  # at the link, before load is put on it
LULLS: Final = 3  # what a test before this one left in the line's queues drains in a second or two
DATED_US: Final = 7 * 86_400_000_000  # at 100 ppm, which is a bad quartz, a clock loses a minute in it


async def look_nowhere(interface: str | None, has_way: bool) -> Surroundings:  # noqa: FBT001  (a Look)
    """See nothing, and say so: the null look, for devices and tests where nobody looks round."""
    return Surroundings(Link(interface, has_way=has_way), troubles=("nobody looked round",))


@dataclass(slots=True)
class Lookout:
    """One device's looks around, the last of which is remembered."""

    peer: PeerAddress
    clock: Clock
    pinned: str | None = None  # the interface that tests are pinned to
    look: Look = look_nowhere
    _last: Surroundings | None = field(default=None, init=False)
    _last_us: int = field(default=0, init=False)
    _last_interface: str | None = field(default=None, init=False)
    _counted: tuple[str | None, int | None, int | None] | None = field(default=None, init=False)
    _counted_us: int = field(default=0, init=False)  # when the counters were first seen as they are
    _set_us: int | None = field(default=None, init=False)  # when the clock was last said to be set

    @property
    def synced(self) -> bool | None:
        """Whether a time server sets the clock, as of the last look; None if nobody has told."""
        return None if self._last is None else self._last.synced

    def notice(self) -> None:
        """Look at the link's counters between two tests, so that a test can say for how long nothing had crossed it."""
        self._quiet_from_us(snapshot(self._last_interface))

    def _quiet_from_us(self, now: HostFacts) -> int:
        """Since when the counters are as they are now, as far as anybody looked."""
        counted = (now.interface, now.rx_bytes, now.tx_bytes)
        if counted != self._counted:
            self._counted, self._counted_us = counted, self.clock.mono_us()
        return self._counted_us

    async def glance(self) -> Surroundings:
        """What surrounds the device, as of a minute ago at most; raises nothing but a cancellation."""
        try:
            return await self._around(await self._host(), FRESH_US)
        except CouldNotRun as error:
            return Surroundings(troubles=(error.reason,))

    async def before(self, *, loads: bool) -> tuple[Moment, Lull | None]:
        """Everything that is known just before a test, and how still the line was if the test is going to load it."""
        found = await self._host()
        around = await self._around(found, 0 if loads else FRESH_US)
        lull = await self._lull(found.interface) if loads else None
        here = replace(snapshot(found.interface), has_way=found.has_way, ip_version=found.ip_version)
        return self._moment(here, around), lull

    async def after(self, *, loads: bool) -> Moment:
        """Everything that is known just after a test."""
        ended = self._moment(await self._host(), Surroundings())
        around = await self._around(ended.host, 0 if loads else FRESH_US)
        return replace(ended, around=around, dated=self._dated(around))

    def _moment(self, host: HostFacts, around: Surroundings) -> Moment:
        clock = self.clock
        return Moment(host, around, clock.wall_us(), clock.mono_us(), clock.awake_us(), self._dated(around))

    async def _host(self) -> HostFacts:
        """The host now; read in a thread, because a name may have to be looked up for the route, and not for long."""
        peer, pinned = self.peer, self.pinned
        try:
            async with asyncio.timeout(HOST_S):
                return await aside(lambda: facts_on_the_way_to(peer.udp_host, peer.udp_port, pinned))
        except TimeoutError:
            return await aside(lambda: facts_on_any_way(pinned))

    async def _around(self, host: HostFacts, within_us: int) -> Surroundings:
        now_us = self.clock.mono_us()
        known = self._last is not None and self._last_interface == host.interface
        if self._last is not None and known and now_us - self._last_us < within_us:
            return self._last
        around = await self.look(host.interface, host.has_way)
        self._last, self._last_us, self._last_interface = around, self.clock.mono_us(), host.interface
        if around.synced:
            self._set_us = self._last_us
        return around

    def _dated(self, around: Surroundings) -> bool | None:
        """Whether the clock is set, or was said to be not long ago: without a network no time server confirms it."""
        if around.synced is not False or self._set_us is None:
            return around.synced
        return self.clock.mono_us() - self._set_us < DATED_US

    async def _lull(self, interface: str | None) -> Lull:
        """Watch the link until it is still, or has been watched often enough: the last stretch is what counts."""
        lull = await self._watched(interface)
        for _ in range(LULLS - 1):
            if not is_foreign_in(lull):
                break
            lull = await self._watched(interface)
        return lull

    async def _watched(self, interface: str | None) -> Lull:
        """Watch the link for a moment: what others do there, and for how long nobody did anything."""
        start_us = self.clock.mono_us()
        first = last = snapshot(interface)
        quiet_from_us = self._quiet_from_us(first)
        for _ in range(LOOKS):
            await asyncio.sleep(LOOK_S)
            last = snapshot(interface)
            quiet_from_us = self._quiet_from_us(last)
        now_us, busy = self.clock.mono_us(), cpu_busy_per_mille(first, last)
        rx_bytes, tx_bytes = grown(first.rx_bytes, last.rx_bytes), grown(first.tx_bytes, last.tx_bytes)
        if rx_bytes is None or tx_bytes is None:
            return Lull(now_us - start_us, None, None, None, busy)
        return Lull(now_us - start_us, rx_bytes, tx_bytes, now_us - quiet_from_us, busy)
