"""Hours of the day: whether each of them is measured, on its own date or on any, and which measurement of an hour is used.

Hours are those of the customer's clock. On the day on which it is put forward one of them is not there, on the day on which
it is put back one comes twice and is one hour all the same.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta
from typing import TypeVar

from shared.criteria.moments import Moment, Moments
from shared.criteria.table import Table

AnyMoment = TypeVar("AnyMoment", bound=Moment)


@dataclass(frozen=True, slots=True)
class Slots:
    """Each hour of a part of the day, on each of so many dates from the first, is measured or excused."""

    from_hour: int
    to_hour: int
    dates: int
    excused_by: tuple[str, ...]

    @classmethod
    def read(cls, table: Table) -> "Slots":
        """Read the hours, the dates and the reasons that excuse."""
        first = table.integer("from_hour", least=0, most=23)
        return cls(
            first,
            table.integer("to_hour", least=first + 1, most=24),
            table.integer("dates", least=1, most=366),
            table.texts("excused_by") if "excused_by" in table else (),
        )

    def answer(self, moments: Moments) -> tuple[bool, str]:
        """Every slot must have an entry; with no entry at all there is no first date, and all are empty."""
        present = moments.present(self.excused_by)
        hours = range(self.from_hour, self.to_hour)
        slots = len(hours) * self.dates
        first = min((one.day for one in present), default=date.min)
        filled = {
            (one.day, one.hour)
            for one in present
            if one.hour in hours and (one.day - first) < timedelta(days=self.dates)
        }
        needed = f"each of {slots} hours ({self.from_hour}:00 to {self.to_hour}:00 on {self.dates} dates)"
        return len(filled) == slots, f"{needed} needed; {len(filled)} measured or excused"


@dataclass(frozen=True, slots=True)
class HoursOfDay:
    """Each hour of a part of the day is measured, on whichever date; what was not started excuses nothing."""

    from_hour: int
    to_hour: int

    @classmethod
    def read(cls, table: Table) -> "HoursOfDay":
        """Read the hours."""
        first = table.integer("from_hour", least=0, most=23)
        return cls(first, table.integer("to_hour", least=first + 1, most=24))

    def answer(self, moments: Moments) -> tuple[bool, str]:
        """Every hour must have a measurement."""
        hours = range(self.from_hour, self.to_hour)
        filled = {one.hour for one in moments.counted} & set(hours)
        needed = f"each of {len(hours)} hours of the day ({self.from_hour}:00 to {self.to_hour}:00)"
        return len(filled) == len(hours), f"{needed} needed; {len(filled)} measured"


def first_of_each_hour(moments: Iterable[AnyMoment]) -> tuple[AnyMoment, ...]:
    """The earliest measurement of each hour of day, whatever its date, in order; given in the order of time."""
    first: dict[int, AnyMoment] = {}
    for one in moments:
        first.setdefault(one.hour, one)
    return tuple(first.values())
