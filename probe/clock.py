"""The probe's only clock: a port with two readings, and the system's own behind it.

Wall time labels, monotonic time subtracts; the two are never mixed. The monotonic reading goes on while the
device sleeps, where the system offers such a clock (CLOCK_BOOTTIME on Linux and Android), so that a night in
a drawer is not a short pause. Integers, in microseconds.
"""

import time
from typing import Protocol


class Clock(Protocol):
    """What the rest of the probe may know of time."""

    def wall_us(self) -> int:
        """Microseconds since 1970-01-01 UTC; may jump."""

    def mono_us(self) -> int:
        """Microseconds since an unknown moment; never goes back."""


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
