"""Whether the system says that a time server sets its clock. Asks; never looks at the clock itself.

`timedate1` knows it from the kernel, whichever program sets the clock, and may be woken for it; where D-Bus cannot be spoken
to, `timedatectl` asks it for us. Without it a file that systemd-timesyncd leaves says yes, and its absence says nothing.
"""

from pathlib import Path
from typing import Final

from probe.platform.aside import aside
from probe.platform.glimpse import Glimpse, trouble
from probe.platform.system_bus import Bus, Silent
from probe.platform.tools import Untold, ask

SERVICE: Final = "org.freedesktop.timedate1"
PATH: Final = "/org/freedesktop/timedate1"
MARK: Final = Path("/run/systemd/timesync/synchronized")
COMMAND: Final = ("timedatectl", "show", "-p", "NTPSynchronized", "--value")


async def read(bus: Bus | None, mark: Path = MARK) -> Glimpse:
    """Ask timedate1, then look for timesyncd's mark; without a bus the mark alone."""
    said = Glimpse() if bus is None else await _over_bus(bus)
    return said if said.synced is not None else await _marked(said, mark)


async def read_by_tool(mark: Path = MARK) -> Glimpse:
    """Let `timedatectl` ask timedate1, then look for timesyncd's mark."""
    told = await ask(COMMAND)
    if isinstance(told, Untold):
        said = Glimpse() if told.absent else trouble("timedatectl", told.why)
    else:
        said = Glimpse(synced={"yes": True, "no": False}.get(told.text.strip()))
    return said if said.synced is not None else await _marked(said, mark)


async def _over_bus(bus: Bus) -> Glimpse:
    try:
        synced = await bus.get(SERVICE, PATH, SERVICE, "NTPSynchronized", wake=True)
    except Silent as silent:
        return Glimpse() if silent.absent else trouble("timedate1", silent.why)
    return Glimpse(synced=synced) if isinstance(synced, bool) else Glimpse()


async def _marked(said: Glimpse, mark: Path) -> Glimpse:
    return Glimpse(synced=True, troubles=said.troubles) if await aside(mark.exists) else said
