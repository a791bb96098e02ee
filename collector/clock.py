"""The collector's clock: the one place on this side that reads time."""

import time
from typing import Protocol


class Clock(Protocol):
    """Wall time labels, monotonic time subtracts; both in µs, never mixed."""

    def wall_us(self) -> int:
        """Unix time in µs."""

    def mono_us(self) -> int:
        """Time since some fixed moment in µs, never going back."""


class SystemClock:
    """The machine's clocks."""

    def wall_us(self) -> int:
        """Unix time in µs."""
        return time.time_ns() // 1000

    def mono_us(self) -> int:
        """Monotonic time in µs."""
        return time.monotonic_ns() // 1000
