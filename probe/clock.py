"""The probe's only clock: a port with four readings, and the system's own behind it.

Wall time labels, monotonic time subtracts; the two are never mixed. The monotonic reading goes on while the
device sleeps, where the system offers such a clock (CLOCK_BOOTTIME on Linux and Android), so that a night in
a drawer is not a short pause; the awake one stands still meanwhile, so that their difference tells of the sleep. Integers,
in microseconds.
"""

import sys
import time
from typing import Final, Protocol

BUILT_US: Final = 1_790_000_000_000_000  # September 2026: a wall clock that shows less was never set


# Linux and Android: CLOCK_MONOTONIC stops in sleep, CLOCK_BOOTTIME does not. macOS: CLOCK_MONOTONIC goes on, and Python's
# monotonic() is the one that stops.
_ON_MACOS = sys.platform == "darwin"
_SLEEP_TOO: Final[int | None] = getattr(time, "CLOCK_MONOTONIC" if _ON_MACOS else "CLOCK_BOOTTIME", None)
_AWAKE: Final[int | None] = getattr(time, "CLOCK_UPTIME_RAW", None) if _ON_MACOS else None


class Clock(Protocol):
    """What the rest of the probe may know of time."""

    def wall_us(self) -> int:
        """Microseconds since 1970-01-01 UTC; may jump."""

    def mono_us(self) -> int:
        """Microseconds since an unknown moment; never goes back."""

    def awake_us(self) -> int:
        """Microseconds since an unknown moment, without the time the device slept; never goes back."""

    def zone(self, wall_us: int) -> tuple[int, str]:
        """How far this device's own zone is ahead of UTC at a moment (s), and what the zone is called then."""


class SystemClock:
    """The machine's clock."""

    def wall_us(self) -> int:
        """Microseconds since 1970-01-01 UTC, as far as this machine knows."""
        return time.time_ns() // 1000

    def mono_us(self) -> int:
        """Microseconds since boot, sleep included where the system counts it."""
        now_ns = time.monotonic_ns() if _SLEEP_TOO is None else time.clock_gettime_ns(_SLEEP_TOO)
        return now_ns // 1000

    def awake_us(self) -> int:
        """Microseconds since boot without sleep, where the system has such a clock; else as `mono_us`."""
        now_ns = time.monotonic_ns() if _AWAKE is None else time.clock_gettime_ns(_AWAKE)
        return now_ns // 1000

    def zone(self, wall_us: int) -> tuple[int, str]:
        """What the system's zone says of a moment; UTC for a moment it cannot place."""
        try:
            there = time.localtime(wall_us // 1_000_000)
        except (OverflowError, ValueError, OSError):
            return 0, "UTC"
        return there.tm_gmtoff, there.tm_zone
