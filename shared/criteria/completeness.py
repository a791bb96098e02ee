"""Completeness: whether what was measured is the set the rule asks for. Looks at moments, never at results.

The judge asks it of what was measured, the planner of what it plans, and a campaign's progress of what is still missing.
The primitives `count`, `days`, `slots`, `hours_of_day` and `spacing` (`hours` is a validity predicate), one class each:
what its entry in a criterion may say, and its answer. Days are local dates with a counted measurement; gaps
and spans are elapsed time. Where nothing was measured a condition on neighbours, spans or windows holds;
what is missing then is the count.
"""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from itertools import pairwise
from types import MappingProxyType
from typing import Final

from shared.criteria.amounts import AMOUNTS, counted, duration
from shared.criteria.answer import Answer
from shared.criteria.bound import Bound
from shared.criteria.errors import CriterionError
from shared.criteria.hours import HoursOfDay, Slots
from shared.criteria.moments import Completeness, Moment, Moments
from shared.criteria.table import Table

_SECOND_US: Final = 1_000_000


@dataclass(frozen=True, slots=True)
class Count:
    """How many measurements count."""

    counted: Bound

    @classmethod
    def read(cls, table: Table) -> "Count":
        """Read `counted`."""
        return cls(Bound.read(table, "counted"))

    def answer(self, moments: Moments) -> tuple[bool, str]:
        """The number against the bound."""
        n = len(moments.counted)
        return self.counted.admits(n), f"{self.counted.words('measurement')} needed; {n} counted"


@dataclass(frozen=True, slots=True)
class Days:
    """The spread over dates: how many, how full, how far apart, from first to last (one at least), in how many months.

    `dates_with` narrows what `dates` counts to the dates with so many measurements; `excused_by` also takes
    as present what was not started for these reasons.
    """

    dates: Bound | None
    dates_with: Bound | None
    per_date: Bound | None
    apart_days: Bound | None
    window_days: Bound | None
    excused_by: tuple[str, ...]
    months: Bound | None = None

    @classmethod
    def read(cls, table: Table) -> "Days":
        """Read the bounds that are there."""
        days = cls(
            dates=Bound.read_optional(table, "dates"),
            dates_with=Bound.read_optional(table, "dates_with"),
            per_date=Bound.read_optional(table, "per_date"),
            apart_days=Bound.read_optional(table, "apart_days"),
            window_days=Bound.read_optional(table, "window_days"),
            excused_by=table.texts("excused_by") if "excused_by" in table else (),
            months=Bound.read_optional(table, "months"),
        )
        if days.dates is days.per_date is days.apart_days is days.window_days is days.months:  # all None
            raise CriterionError(table.place, "needs one of dates, per_date, apart_days, window_days and months")
        if days.dates_with is not None and days.dates is None:
            raise CriterionError(table.at("dates_with"), "needs dates")
        return days

    def answer(self, moments: Moments) -> tuple[bool, str]:
        """All bounds that are there must hold."""
        per_day = Counter(one.day for one in moments.present(self.excused_by))
        days = sorted(per_day)
        answers: list[tuple[bool, str, str]] = []
        if self.dates is not None:
            full = [day for day in days if self.dates_with is None or self.dates_with.admits(per_day[day])]
            each = f" with {self.dates_with.words('measurement')}" if self.dates_with is not None else ""
            needed = f"{self.dates.words('date')}{each}"
            answers.append((self.dates.admits(len(full)), needed, counted(len(full), "date")))
        if self.per_date is not None:
            numbers = [per_day[day] for day in days]
            there = f"{', '.join(map(str, numbers)) or 'none'} on each"
            holds = all(self.per_date.admits(number) for number in numbers)
            answers.append((holds, f"{self.per_date.words('measurement')} on each date", there))
        if self.apart_days is not None:
            gaps = [(late - early).days for early, late in pairwise(days)]
            there = f"the nearest {counted(min(gaps), 'day')} apart" if gaps else "no two dates"
            holds = all(self.apart_days.admits(gap) for gap in gaps)
            answers.append((holds, f"dates {self.apart_days.words('day')} apart", there))
        if self.window_days is not None:
            window = (days[-1] - days[0]).days + 1 if days else 0
            holds = not days or self.window_days.admits(window)
            needed = f"{self.window_days.words('calendar day')} from the first to the last"
            answers.append((holds, needed, counted(window, "calendar day")))
        if self.months is not None:
            months = len({(day.year, day.month) for day in days})
            holds = not days or self.months.admits(months)
            answers.append((holds, self.months.words("calendar month"), counted(months, "calendar month")))
        every_needed = " and ".join(needed for _, needed, _ in answers)
        every_there = ", ".join(there for _, _, there in answers)
        return all(holds for holds, _, _ in answers), f"{every_needed} needed; {every_there}"


@dataclass(frozen=True, slots=True)
class Gaps:
    """Elapsed time between the starts of neighbours, of the whole set or of one date each.

    `between` picks the pair of these numbers in the set or date; `not_between` leaves that pair out. A pair
    is told by its first number.
    """

    gap_s: Bound
    per_date: bool
    between: int | None
    not_between: int | None

    @classmethod
    def read(cls, table: Table) -> "Gaps":
        """Read a gap and what it is between."""
        return cls(
            Bound.read(table, "gap_s"),
            per_date=table.text("within", ("set", "date")) == "date",
            between=_pair(table, "between") if "between" in table else None,
            not_between=_pair(table, "not_between") if "not_between" in table else None,
        )

    def answer(self, moments: Moments) -> tuple[bool, str]:
        """Every gap against the bound."""
        gaps_us = self._gaps_us(moments.counted)
        whose = " of a date" if self.per_date else ""
        which = f"neighbours{whose}"
        if self.between is not None:
            which = f"number {self.between} and number {self.between + 1}{whose}"
        there = "no such pair"
        if gaps_us:
            there = f"shortest {duration(min(gaps_us))}, longest {duration(max(gaps_us))}"
        holds = all(self.gap_s.admits(gap_us, _SECOND_US) for gap_us in gaps_us)
        return holds, f"{_long(self.gap_s)} between the starts of {which} needed; {there}"

    def _gaps_us(self, counted_ones: Sequence[Moment]) -> list[int]:
        groups: dict[date | None, list[int]] = {}
        for one in counted_ones:
            groups.setdefault(one.day if self.per_date else None, []).append(one.at_us)
        return [
            late - early
            for starts in groups.values()
            for number, (early, late) in enumerate(pairwise(starts), start=1)
            if (self.between is None or number == self.between) and number != self.not_between
        ]


@dataclass(frozen=True, slots=True)
class Span:
    """Elapsed time from the first start to the last."""

    span_s: Bound

    def answer(self, moments: Moments) -> tuple[bool, str]:
        """The span against the bound."""
        starts = [one.at_us for one in moments.counted]
        span_us = starts[-1] - starts[0] if starts else 0
        needed = f"{_long(self.span_s)} from the first start to the last"
        return self.span_s.admits(span_us, _SECOND_US), f"{needed} needed; {duration(span_us)} there"


def _spacing(table: Table) -> Completeness:
    return Span(Bound.read(table, "span_s")) if "span_s" in table else Gaps.read(table)


def _pair(table: Table, key: str) -> int:
    first, second = table.two_integers(key, least=1)
    if second != first + 1:
        raise CriterionError(table.at(key), "must be the numbers of two neighbours, such as [5, 6]")
    return first


def _long(bound: Bound) -> str:
    return f"{AMOUNTS[bound.op]} {duration(bound.n * _SECOND_US)}"


@dataclass(frozen=True, slots=True)
class Condition:
    """A named completeness condition."""

    name: str
    primitive: Completeness

    def answer(self, moments: Moments) -> Answer:
        """Whether it holds, and why, in words."""
        holds, words = self.primitive.answer(moments)
        return Answer(self.name, holds, words)


PRIMITIVES: Final[Mapping[str, Callable[[Table], Completeness]]] = MappingProxyType(
    {
        "count": Count.read,
        "days": Days.read,
        "slots": Slots.read,
        "hours_of_day": HoursOfDay.read,
        "spacing": _spacing,
    }
)


def read_condition(table: Table) -> Condition:
    """Read one `[[completeness]]` entry."""
    name = table.text("name")
    primitive = PRIMITIVES[table.text("primitive", PRIMITIVES)](table)
    table.close()
    return Condition(name, primitive)
