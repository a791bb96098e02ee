"""Deviation: whether results fall short of what was promised, each rule in its own way of counting.

The primitives `share`, `days_with_any`, `bad_count`, `bad_run`, `quantile` and `mean`, one class each, and `success_share`,
which asks of no figure. They are asked only when the set is complete; of an empty set none holds. No floats: shares and means are
compared crosswise.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import ClassVar, Final, Protocol

from collector.judge.comparison import AREA_CLASS, Limit, Threshold, mean_words
from collector.judge.errors import CriterionError
from collector.judge.sample import Case, Contract, Direction
from collector.judge.tally import Placed, Tally
from collector.judge.words import LEVELS, RESULTS
from shared.criteria.amounts import AMOUNTS, duration
from shared.criteria.answer import Answer
from shared.criteria.bound import Bound
from shared.criteria.table import Table

_SECOND_US: Final = 1_000_000


class Primitive(Protocol):
    """A way to hold results against a limit: whether the deviation is met, and why, in words."""

    def answer(self, tally: Tally, limit: Limit) -> tuple[bool, str]:
        """What it says about these counted results."""
        ...


@dataclass(frozen=True, slots=True)
class Share:
    """The share, in percent, of results that pass the limit."""

    percent: Bound

    @classmethod
    def read(cls, table: Table) -> "Share":
        """Read `share_percent`."""
        return cls(Bound.read(table, "share_percent"))

    def answer(self, tally: Tally, limit: Limit) -> tuple[bool, str]:
        """100 * passing against percent * all."""
        n = len(tally.counted)
        passing = len(_passing(tally.counted, limit))
        met = n > 0 and self.percent.admits(100 * passing, n)
        share = f"{LEVELS[self.percent.op]} {self.percent.n} %"
        return met, f"{_of(passing, tally)} {limit.words}{_mark(share)}"


@dataclass(frozen=True, slots=True)
class DaysWithAny:
    """The number of dates on which at least one result passes the limit."""

    dates: Bound

    @classmethod
    def read(cls, table: Table) -> "DaysWithAny":
        """Read `dates`."""
        return cls(Bound.read(table, "dates"))

    def answer(self, tally: Tally, limit: Limit) -> tuple[bool, str]:
        """Dates with a passing result against the bound."""
        days = {one.day for one in tally.counted}
        with_any = {one.day for one in _passing(tally.counted, limit)}
        met = bool(days) and self.dates.admits(len(with_any))
        there = f"on {len(with_any)} of {len(days)} dates at least one of the {RESULTS[tally.direction]} was"
        return met, f"{there} {limit.words}{_mark(self.dates.words('date'))}"


@dataclass(frozen=True, slots=True)
class BadCount:
    """The number of results that pass the limit of a bad result, in all or within one span of time."""

    results: Bound
    within_s: Bound | None

    @classmethod
    def read(cls, table: Table) -> "BadCount":
        """Read `results` and, if there, `within_s`."""
        results = Bound.read(table, "results", (">=", ">"))
        return cls(results, Bound.read(table, "within_s", ("<", "<=")) if "within_s" in table else None)

    def answer(self, tally: Tally, limit: Limit) -> tuple[bool, str]:
        """The number of bad results, or the most in any span, against the bound."""
        bad = [one.sample.at_us for one in _passing(tally.counted, limit)]
        most, span = len(bad), ""
        if self.within_s is not None:
            most = _most_within(bad, self.within_s)
            span = f" within {AMOUNTS[self.within_s.op]} {duration(self.within_s.n * _SECOND_US)}"
        met = bool(tally.counted) and self.results.admits(most)
        return met, f"{_of(most, tally)} {limit.words}{span}{_mark(self.results.words('result'))}"


@dataclass(frozen=True, slots=True)
class BadRun:
    """The longest time, first start to last, of neighbouring results that all pass the limit."""

    run_s: Bound

    @classmethod
    def read(cls, table: Table) -> "BadRun":
        """Read `run_s`."""
        return cls(Bound.read(table, "run_s", (">=", ">")))

    def answer(self, tally: Tally, limit: Limit) -> tuple[bool, str]:
        """The longest run against the bound; without a bad result there is no run."""
        longest_us = _longest_run_us(tally.counted, limit)
        if longest_us is None:
            return False, f"no run of {RESULTS[tally.direction]} {limit.words}"
        met = self.run_s.admits(longest_us, _SECOND_US)
        run = f"the longest unbroken run of {RESULTS[tally.direction]} {limit.words}"
        there = f"{run} lasted {duration(longest_us)}"
        return met, there + _mark(f"{AMOUNTS[self.run_s.op]} {duration(self.run_s.n * _SECOND_US)}")


@dataclass(frozen=True, slots=True)
class Quantile:
    """The smallest result x with F(x) >= q (RFC 2330 section 11.3)."""

    percent: int

    @classmethod
    def read(cls, table: Table) -> "Quantile":
        """Read `quantile_percent`."""
        return cls(table.integer("quantile_percent", least=1, most=100))

    def answer(self, tally: Tally, limit: Limit) -> tuple[bool, str]:
        """The order statistic against the limit."""
        if not tally.counted:
            return False, "no result"
        values = [one.sample.value for one in tally.counted]
        in_order = sorted(values, key=lambda value: (value is None, value or 0))
        rank = -(-self.percent * len(values) // 100)  # the smallest k with 100 k >= percent * n
        value = in_order[rank - 1]
        of = f"{len(values)} {RESULTS[tally.direction]}"
        there = f"the {self.percent} % quantile of {of} is {mean_words(value, 1, limit.unit)}"
        return limit.admits(value), f"{there}{_mark(limit.words)}"


@dataclass(frozen=True, slots=True)
class Mean:
    """The arithmetic mean of all results; with one round trip lost it is without end."""

    @classmethod
    def read(cls, _table: Table) -> "Mean":
        """Nothing more to read."""
        return cls()

    def answer(self, tally: Tally, limit: Limit) -> tuple[bool, str]:
        """The sum against n times the limit."""
        n = len(tally.counted)
        if not n:
            return False, "no result"
        values = [one.sample.value for one in tally.counted]
        known = [value for value in values if value is not None]
        total = sum(known) if len(known) == n else None
        there = f"the mean of {n} {RESULTS[tally.direction]} is {mean_words(total, n, limit.unit)}"
        return limit.admits(total, n), f"{there}{_mark(limit.words)}"


def _passing(placed: Sequence[Placed], limit: Limit) -> list[Placed]:
    return [one for one in placed if limit.admits(one.sample.value)]


def _of(number: int, tally: Tally) -> str:
    return f"{number} of {len(tally.counted)} {RESULTS[tally.direction]} {'was' if number == 1 else 'were'}"


def _mark(words: str) -> str:
    return f"; the rule's mark is {words}"


def _most_within(starts_us: Sequence[int], span: Bound) -> int:
    """The largest number of starts, given in order, of which first and last lie within the span."""
    most, first = 0, 0
    for last, at_us in enumerate(starts_us):
        while first < last and not span.admits(at_us - starts_us[first], _SECOND_US):
            first += 1
        most = max(most, last - first + 1)
    return most


def _longest_run_us(placed: Sequence[Placed], limit: Limit) -> int | None:
    longest: int | None = None
    began: int | None = None
    for one in placed:
        if not limit.admits(one.sample.value):
            began = None
            continue
        began = one.sample.at_us if began is None else began
        longest = max(longest or 0, one.sample.at_us - began)
    return longest


@dataclass(frozen=True, slots=True)
class Deviation:
    """A named deviation: a primitive, the threshold it uses and the directions it speaks of."""

    name: str
    directions: tuple[Direction, ...]
    threshold: Threshold
    primitive: Primitive

    @property
    def needs(self) -> tuple[str, ...]:
        """The contract members that its threshold is made of."""
        of = () if self.threshold.of is None else (self.threshold.of,)
        return of + ((AREA_CLASS,) if self.threshold.percent_by_area else ())

    @property
    def fixed_bps(self) -> int:
        """The speed of the rule's own that results are held against, 0 if there is none."""
        return self.threshold.fixed if self.threshold.unit == "bps" else 0

    def lacks(self, contract: Contract) -> tuple[str, ...]:
        """The contract members it needs and does not find."""
        return self.threshold.lacks(contract)

    def answer(self, tally: Tally, case: Case) -> Answer:
        """Whether the deviation is there, and why, in words."""
        met, words = self.primitive.answer(tally, self.threshold.limit(case.contract))
        return Answer(self.name, met, words)


@dataclass(frozen=True, slots=True)
class SuccessShare:
    """The share, in percent, of attempts that did not fail, however fast or slow; it needs no contract."""

    name: str
    directions: tuple[Direction, ...]
    percent: Bound
    needs: ClassVar[tuple[str, ...]] = ()
    fixed_bps: ClassVar[int] = 0

    def lacks(self, _contract: Contract) -> tuple[str, ...]:
        """Nothing."""
        return ()

    def answer(self, tally: Tally, _case: Case) -> Answer:
        """100 * successes against percent * attempts: what was counted and did not fail, of all that was counted."""
        n = len(tally.counted)
        successes = sum(one.sample.failure is None for one in tally.counted)
        met = n > 0 and self.percent.admits(100 * successes, n)
        share = f"{LEVELS[self.percent.op]} {self.percent.n} %"
        return Answer(
            self.name, met, f"{successes} of {n} attempted {RESULTS[tally.direction]} succeeded{_mark(share)}"
        )


AnyDeviation = Deviation | SuccessShare


PRIMITIVES: Final[Mapping[str, Callable[[Table], Primitive]]] = MappingProxyType(
    {
        "share": Share.read,
        "days_with_any": DaysWithAny.read,
        "bad_count": BadCount.read,
        "bad_run": BadRun.read,
        "quantile": Quantile.read,
        "mean": Mean.read,
    }
)


_SUCCESS_SHARE: Final = "success_share"


def read_deviation(table: Table, directions: tuple[Direction, ...]) -> AnyDeviation:
    """Read one `[[deviation]]` entry; without `directions` it speaks of all the criterion judges."""
    name = table.text("name")
    if "directions" in table:
        known = tuple(one.value for one in directions)
        directions = tuple(Direction(one) for one in table.texts("directions", known))
    kind = table.text("primitive", (*PRIMITIVES, _SUCCESS_SHARE))
    if kind == _SUCCESS_SHARE:
        percent = Bound.read(table, "share_percent")
        table.close()
        return SuccessShare(name, directions, percent)
    primitive = PRIMITIVES[kind](table)
    threshold = Threshold.read(table, "limit")
    for direction in directions:
        unit = "us" if direction is Direction.ROUND_TRIP else "bps"
        if threshold.unit != unit:
            raise CriterionError(table.at("limit"), f"is in {threshold.unit}, but {direction.value} is in {unit}")
    table.close()
    return Deviation(name, directions, threshold, primitive)
