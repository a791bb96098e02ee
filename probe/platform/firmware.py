"""Whether a Raspberry Pi's firmware holds the processor back now. Only reads.

The kernel tells it in a file of its own: `get_throttled` of the driver raspberrypi-firmware, hexadecimal, in Raspberry Pi's
kernels; in others the driver rpi_volt at least tells of low voltage, for which the firmware slows down. `vcgencmd` is asked
where neither is there, and only if its device can be seen: a hardened service sees no devices (PrivateDevices=).
"""

import re
from pathlib import Path
from typing import Final

from probe.platform.aside import aside
from probe.platform.glimpse import Glimpse, trouble
from probe.platform.tools import Untold, ask
from probe.radio.strangers import few_words
from probe.surroundings import Power

SYS: Final = Path("/sys")
MODEL: Final = Path("/proc/device-tree/model")
MAILBOX: Final = Path("/dev/vcio")
FILES: Final = (  # the usual place, then wherever the driver is: a Pi 5 calls its `soc` otherwise
    "devices/platform/soc/soc:firmware/get_throttled",
    "bus/platform/drivers/raspberrypi-firmware/*/get_throttled",
)
VOLTAGE: Final = "rpi_volt"
HELD_BACK: Final = 0b1110  # frequency capped, throttled, soft temperature limit, all of now
_THROTTLED = re.compile(r"(?:throttled=)?(?:0x)?([0-9a-fA-F]{1,8})")


async def read(model: Path, sys: Path = SYS, mailbox: Path = MAILBOX) -> Glimpse:
    """Look at the kernel's files, else ask the firmware's own tool."""
    if "Raspberry Pi" not in _text(model):
        return Glimpse()
    told = await aside(lambda: by_kernel(sys))
    if told is not None:
        return Glimpse(power=Power(throttled=told))
    if not await aside(mailbox.exists):
        return Glimpse()
    answer = await ask(("vcgencmd", "get_throttled"))
    if isinstance(answer, Untold):
        return Glimpse() if answer.absent else trouble("vcgencmd", answer.why)
    return Glimpse(power=Power(throttled=throttled(answer.text)))


def by_kernel(sys: Path) -> bool | None:
    """Say whether the processor is held back, as far as the kernel's files tell. Blocks; never raises OSError."""
    for pattern in FILES:
        for file in sorted(sys.glob(pattern)):
            told = throttled(_text(file))
            if told is not None:
                return told
    sensors = (file.parent for file in sys.glob("class/hwmon/hwmon*/name") if _text(file) == VOLTAGE)
    # No alarm says nothing of heat, so it is no answer.
    return True if any(_text(sensor / "in0_lcrit_alarm") == "1" for sensor in sensors) else None


def throttled(text: str) -> bool | None:
    """Read `50005` or `throttled=0x50005`; the upper half tells what was, and not what is."""
    found = _THROTTLED.fullmatch(text.strip())
    return bool(int(found[1], 16) & HELD_BACK) if found else None


def _text(file: Path) -> str:
    try:
        return few_words(file.read_text(encoding="ascii", errors="replace").strip("\0\n "))
    except OSError:
        return ""
