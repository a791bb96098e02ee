"""Whether the system says that a time server sets its clock. Asks; never looks at the clock itself.

`timedate1` knows it from the kernel, whichever program sets the clock, and may be woken for it. Without it a file that
systemd-timesyncd leaves says yes, and its absence says nothing.
"""

from pathlib import Path
from typing import Final

from probe.platform.aside import aside
from probe.platform.glimpse import Glimpse, trouble
from probe.platform.system_bus import Bus, Silent

SERVICE: Final = "org.freedesktop.timedate1"
PATH: Final = "/org/freedesktop/timedate1"
MARK: Final = Path("/run/systemd/timesync/synchronized")


async def read(bus: Bus | None, mark: Path = MARK) -> Glimpse:
    """Ask timedate1, then look for timesyncd's mark."""
    said = Glimpse()
    if bus is not None:
        try:
            synced = await bus.get(SERVICE, PATH, SERVICE, "NTPSynchronized", wake=True)
        except Silent as silent:
            said = said if silent.absent else trouble("timedate1", silent.why)
        else:
            return Glimpse(synced=synced) if isinstance(synced, bool) else Glimpse()
    if await aside(mark.exists):
        return Glimpse(synced=True, troubles=said.troubles)
    return said
