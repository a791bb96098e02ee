"""Looking round: every reader this system has, all at once, within nine seconds, and one picture of what they saw.

A reader that fails or is too slow is named in the picture's troubles and spoils nothing; what none of them saw is absent.
Only reads: no setting is changed, no service is woken but the one that knows the clock, no router is asked but the stick
whose address was set.
"""

import asyncio
import contextlib
import logging
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from typing import Final

from probe.clock import Clock, SystemClock
from probe.platform import firmware, mmcli, nmcli, power, qdisc, timekeeping
from probe.platform import interface as kernel
from probe.platform.aside import aside
from probe.platform.glimpse import Glimpse, picture, trouble
from probe.platform.host import kind_of
from probe.platform.system_bus import Bus, Silent, system_bus, there_is_one
from probe.settings import Settings
from probe.surroundings import Surroundings

LIMIT_S: Final = 7.5  # with a second for the bus before and half of one for ending programs after, nine
FILES: Final = kernel.Files()
SYSTEM_CLOCK: Final = SystemClock()

Readers = Mapping[str, Callable[[], Awaitable[Glimpse]]]
log = logging.getLogger(__name__)


async def look_around(
    interface: str | None,
    has_way: bool,  # noqa: FBT001  (beside the interface it speaks for itself)
    settings: Settings,
    *,
    android: bool,
    clock: Clock = SYSTEM_CLOCK,
) -> Surroundings:
    """Say what surrounds this device; `interface` is the one by which packets leave. Raises nothing but a cancellation."""
    system = "android" if android else sys.platform
    async with _bus(system) as (bus, troubled):
        seen = await gathered(readers(system, interface, settings, bus, clock), LIMIT_S)
    if all(one.kind is None for one in seen):
        seen.append(Glimpse(kind=kind_of(interface)))
    return picture(interface, [*seen, troubled], has_way=has_way)


def readers(system: str, interface: str | None, settings: Settings, bus: Bus | None, clock: Clock) -> Readers:
    """Name the readers of a system, the most trusted first; those of other systems are not even loaded."""
    chosen: dict[str, Callable[[], Awaitable[Glimpse]]] = {}
    if settings.hilink is not None:
        from probe.platform import hilink  # noqa: PLC0415

        stick = settings.hilink
        chosen["hilink"] = lambda: hilink.read(stick, interface)
    if system == "android":
        from probe.platform import termux  # noqa: PLC0415

        chosen["termux-api"] = lambda: termux.read(location=settings.location)
        chosen["interfaces"] = termux.read_sharing
    elif system == "linux":
        chosen["kernel"] = lambda: aside(lambda: kernel.read(interface, FILES))
        chosen["queues"] = lambda: aside(lambda: Glimpse(qdisc=qdisc.read(interface)))
        chosen["power"] = lambda: aside(lambda: power.read(power.SYS))
        chosen["firmware"] = lambda: firmware.read(firmware.MODEL, firmware.SYS, firmware.MAILBOX)
        if bus is None:
            chosen["mmcli"] = lambda: mmcli.read(interface, clock)
        if bus is None and there_is_one():  # and no library to speak to it with, or it did not let us
            chosen["clock"] = lambda: timekeeping.read_by_tool(timekeeping.MARK)
            chosen["nmcli"] = lambda: nmcli.read(interface)
            chosen["powerprofilesctl"] = power.read_profile_by_tool
        else:
            chosen["clock"] = lambda: timekeeping.read(bus, timekeeping.MARK)
        if bus is not None:
            from probe.platform import modemmanager, networkmanager  # noqa: PLC0415

            chosen["modemmanager"] = lambda: modemmanager.read(bus, interface, clock)
            chosen["networkmanager"] = lambda: networkmanager.read(bus, interface)
            chosen["power-profiles-daemon"] = lambda: power.read_profile(bus)
    elif system == "darwin":
        from probe.platform import macos  # noqa: PLC0415

        chosen["networksetup"] = lambda: macos.read_link(interface)
        chosen["pmset"] = macos.read_saver
        chosen["battery"] = lambda: aside(power.read_battery)
    elif system == "win32":
        from probe.platform import windows  # noqa: PLC0415

        chosen["powershell"] = lambda: windows.read(interface)
        chosen["battery"] = lambda: aside(power.read_battery)
    return chosen


async def gathered(chosen: Readers, limit_s: float) -> list[Glimpse]:
    """Run readers at once, for so long at most; what each saw, or why it saw nothing."""
    tasks = {name: asyncio.create_task(_guarded(name, read)) for name, read in chosen.items()}
    try:
        if tasks:
            await asyncio.wait(tasks.values(), timeout=limit_s)
    finally:
        for task in tasks.values():
            task.cancel()
        await asyncio.gather(*tasks.values(), return_exceptions=True)
    too_slow = f"no answer within {limit_s:g} s"
    return [trouble(name, too_slow) if task.cancelled() else task.result() for name, task in tasks.items()]


async def _guarded(name: str, read: Callable[[], Awaitable[Glimpse]]) -> Glimpse:
    try:
        return await read()
    except Exception as error:
        log.exception("the reader %s failed", name)
        return trouble(name, f"failed: {type(error).__name__}")


@contextlib.asynccontextmanager
async def _bus(system: str) -> AsyncIterator[tuple[Bus | None, Glimpse]]:
    """The system's bus, where there is one; and why it cannot be spoken to, if it cannot."""
    if system != "linux":
        yield None, Glimpse()
        return
    async with contextlib.AsyncExitStack() as stack:
        try:
            bus, troubled = await stack.enter_async_context(system_bus()), Glimpse()
        except Silent as silent:
            bus, troubled = None, trouble("d-bus", silent.why)
        yield bus, troubled
