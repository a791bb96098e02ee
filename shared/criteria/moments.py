"""What a completeness condition sees of a set of measurements: when each started, and nothing of what it found.

Both sides have their own forms of it: the judge's tally, the planner's starts.
"""

from collections.abc import Sequence
from datetime import date
from typing import Protocol


class Moment(Protocol):
    """When a measurement started, with its calendar day and hour at the customer's place."""

    @property
    def at_us(self) -> int:
        """The instant (unix µs)."""

    @property
    def day(self) -> date:
        """The local date."""

    @property
    def hour(self) -> int:
        """The local hour."""


class Moments(Protocol):
    """The starts of a set of measurements that count, in the order of time."""

    @property
    def counted(self) -> Sequence[Moment]:
        """Those that count."""

    def present(self, excused_by: Sequence[str]) -> Sequence[Moment]:
        """The same, and those that were not started for one of these reasons."""


class Completeness(Protocol):
    """A condition on the set of counted measurements: whether it holds, and why, in words."""

    def answer(self, moments: Moments) -> tuple[bool, str]:
        """What it says about this set."""
