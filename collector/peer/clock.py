"""The one place of the peer that reads a clock.

Wall time labels, monotonic time subtracts; the two are never mixed. Both are integer microseconds.
"""

import time
from typing import Protocol


class Clock(Protocol):
    """What tells the time."""

    def wall_us(self) -> int:
        """Microseconds since 1970, as this machine believes."""

    def mono_us(self) -> int:
        """Microseconds since some fixed moment; never runs backwards."""


class SystemClock:
    """The clock of this machine."""

    def wall_us(self) -> int:
        """Microseconds since 1970, as this machine believes."""
        return time.time_ns() // 1000

    def mono_us(self) -> int:
        """Microseconds since some fixed moment; never runs backwards."""
        return time.monotonic_ns() // 1000
