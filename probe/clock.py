"""The probe's only clock: a port with four readings, and the system's own behind it.

Wall time labels, monotonic time subtracts; the two are never mixed. The monotonic reading goes on while the
device sleeps, where the system offers such a clock (CLOCK_BOOTTIME on Linux and Android), so that a night in
a drawer is not a short pause; the awake one stands still meanwhile, so that their difference tells of the sleep. Integers,
in microseconds.
"""

import time
from typing import Final, Protocol

BUILT_US: Final = 1_790_000_000_000_000  # September 2026: a wall clock that shows less was never set


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
        boot_clock = getattr(time, "CLOCK_BOOTTIME", None)
        now_ns = time.monotonic_ns() if boot_clock is None else time.clock_gettime_ns(boot_clock)
        return now_ns // 1000

    def awake_us(self) -> int:
        """Microseconds of CLOCK_MONOTONIC, which stops in sleep on Linux and Android."""
        return time.monotonic_ns() // 1000

    def zone(self, wall_us: int) -> tuple[int, str]:
        """What the system's zone says of a moment; UTC for a moment it cannot place."""
        try:
            there = time.localtime(wall_us // 1_000_000)
        except (OverflowError, ValueError, OSError):
            return 0, "UTC"
        return there.tm_gmtoff, there.tm_zone
