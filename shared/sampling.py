"""What a criterion asks of sampling, read from its file: how many tests, on which days, how far apart, within what. Pure.

Reads the completeness rows with the judge's own reader (`shared.criteria`), and of the validity rows which predicate they
name and the hours they allow. A primitive, predicate or parameter that is not known is refused, never guessed
(CriterionError); rows that are known but fit no plan made here are refused as well (CannotPlan). Judges no result: what a
deviation says is not even looked at.
"""

import hashlib
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, tzinfo
from types import MappingProxyType
from typing import Final, TypeVar

from shared.criteria.bound import Bound
from shared.criteria.completeness import Condition, Count, Days, Gaps, Span, read_condition
from shared.criteria.errors import CannotPlan, CriterionError
from shared.criteria.hours import HoursOfDay, Slots, first_of_each_hour
from shared.criteria.table import Table

DIRECTIONS: Final = ("down", "up", "round_trip")
FIRST_OF_HOUR: Final = "first_of_hour"  # of each hour of day the earliest test is used, the others are left aside
# What a validity row may say besides its name, its predicate and what otherwise becomes of the test.
PREDICATES: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType(
    {
        "no_flaw": ("flaws",),
        "finished": (),
        "hours": ("from_hour", "to_hour"),
        "network_type": ("types",),
        "located": (),
        "network_of": ("mcc",),
        "sim_is_network": (),
        "one_network": (),
        "rsrp_known": ("except_radios",),
        "rsrp_against_limit": ("except_radios", "op"),
        FIRST_OF_HOUR: (),
    }
)
LATE_S: Final = 60  # ours: how much later than planned a test may start, so that the rule's gaps and spans still hold
APART_S: Final = 300  # ours, where a rule names no gap: minutes apart, tests repeat each other
EVEN_PER_CENT: Final = (
    95  # ours, where a rule names a span and no gap: spread over it evenly, the rest is left to chance
)
MONTH_DATES: Final = (
    14  # ours, where a rule names a month and no days: over so many, so that a plan waits less than as long
)
OVERLAP_S: Final = 120  # ours: the tests of one start, one after the other, last no longer than this
_DAY_H: Final = 24

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Need:
    """A validity rule by its name: what every test must be, and whether one that is not voids the whole set."""

    name: str
    predicate: str
    voids: bool
    told: tuple[str, ...] = ()  # flaws, kinds of network, a country code: what the predicate names


@dataclass(frozen=True, slots=True)
class Rule:
    """What of a criterion a plan needs; `sha256` is that of the file's bytes."""

    id: str
    version: str
    title: str
    status: str
    directions: tuple[str, ...]
    needs: tuple[Need, ...]
    hours: tuple[int, int]  # of the local day, in which tests count
    completeness: tuple[Condition, ...]
    limits: tuple[str, ...]
    sha256: str


@dataclass(frozen=True, slots=True)
class Asks:
    """The least set of tests that meets a rule: how they spread over dates, and what must lie between them (s)."""

    per_date: tuple[int, ...]
    apart_days: int
    window_days: int | None
    least_gap_s: tuple[int, ...]  # between neighbours of a date, for the fullest date
    most_gap_s: int | None
    over_night_s: int  # between the last of a date and the first of the next
    span_s: int | None
    hours: tuple[tuple[int, int], ...]  # one stretch for all tests of a date, or (hourly) one for each
    hourly: bool


@dataclass(frozen=True, slots=True)
class Started:
    """A start with its date and hour at the customer's place."""

    at_us: int
    day: date
    hour: int

    @classmethod
    def at(cls, at_us: int, zone: tzinfo) -> "Started":
        """The start of an instant."""
        local = datetime.fromtimestamp(at_us // 1_000_000, zone)
        return cls(at_us, local.date(), local.hour)


@dataclass(frozen=True, slots=True)
class Starts:
    """Starts that count, in the order of time, and those that were not started, with their reasons."""

    counted: tuple[Started, ...]
    not_started: tuple[tuple[Started, str], ...] = ()

    def present(self, excused_by: Sequence[str]) -> tuple[Started, ...]:
        """Those that count, and those that were not started for one of these reasons."""
        return self.counted + tuple(one for one, reason in self.not_started if reason in excused_by)


def read_rule(content: bytes, name: str) -> Rule:
    """What a criterion file asks of sampling; raises CriterionError, naming the place. `name` is the file's."""
    try:
        table = Table(tomllib.loads(content.decode()), name)
    except (ValueError, RecursionError) as error:  # not UTF-8, not TOML, nested without end
        raise CriterionError(name, f"is not TOML: {str(error) or type(error).__name__:.200}") from None
    validity = [_read_need(one) for one in table.tables("validity")]
    basis = table.table("basis")
    rule = Rule(
        id=table.text("id"),
        version=table.text("version"),
        title=table.text("title"),
        status=table.text("status"),
        directions=tuple(one for one in DIRECTIONS if one in basis),
        needs=tuple(need for need, _ in validity),
        hours=(max([0, *(hours[0] for _, hours in validity)]), min([_DAY_H, *(hours[1] for _, hours in validity)])),
        completeness=tuple(read_condition(one) for one in table.tables("completeness")),
        limits=table.texts("limits"),
        sha256=hashlib.sha256(content).hexdigest(),
    )
    if not rule.directions:
        raise CriterionError(basis.place, "must name a direction")
    for key in ("jurisdiction", "grade", "outcome"):
        table.text(key)
    for key in ("rsrp_limits", "deviation", "sources"):
        table.tables(key)
    table.close()
    return rule


def _read_need(table: Table) -> tuple[Need, tuple[int, int]]:
    """A validity row, and the hours it allows."""
    name, predicate = table.text("name"), table.text("predicate", PREDICATES)
    voids = table.text("otherwise", ("leave_out", "void")) == "void"
    unknown = sorted(set(table.unread()) - set(PREDICATES[predicate]))
    if unknown:
        raise CriterionError(table.place, f"unknown key or parameter: {', '.join(unknown):.200}")
    told: tuple[str, ...] = ()
    hours = (0, _DAY_H)
    match predicate:
        case "hours":
            first = table.integer("from_hour", least=0, most=_DAY_H - 1)
            hours = (first, table.integer("to_hour", least=first + 1, most=_DAY_H))
        case "no_flaw":
            told = table.texts("flaws")
        case "network_type":
            told = table.texts("types")
        case "network_of":
            told = (table.text("mcc"),)
        case _:
            pass
    return Need(name, predicate, voids, told), hours


def unmet(rule: Rule, starts: Starts) -> tuple[str, ...]:
    """The completeness conditions that a set does not meet: each one's name and words, in the rule's order."""
    counting = tuple(one for one in starts.counted if rule.hours[0] <= one.hour < rule.hours[1])
    if any(one.predicate == FIRST_OF_HOUR for one in rule.needs):
        counting = first_of_each_hour(counting)
    answers = [one.answer(Starts(counting, starts.not_started)) for one in rule.completeness]
    return tuple(f"{one.name}: {one.words}" for one in answers if not one.holds)


def asks_of(rule: Rule) -> Asks:
    """The least set of tests that could meet the rule; raises CannotPlan where its rows leave that open."""
    slots: tuple[Slots | HoursOfDay, ...] = (*_rows(rule, Slots), *_rows(rule, HoursOfDay))
    days, gaps, spans = _rows(rule, Days), _rows(rule, Gaps), _rows(rule, Span)
    apart_days = max(1, _least(one.apart_days for one in days))
    window_days = _most(one.window_days for one in days)
    span_s = _most(one.span_s for one in spans)
    if slots:
        if len(slots) > 1:
            raise CannotPlan(rule.id, "asks for hours of the day in more than one way")
        hours = tuple((hour, hour + 1) for hour in range(slots[0].from_hour, slots[0].to_hour))
        per_date = (len(hours),) * (slots[0].dates if isinstance(slots[0], Slots) else 1)
    else:
        hours = (rule.hours,)
        per_date = _per_date(rule, apart_days, window_days, spans_one_date=span_s is not None)
    fullest, alone = max(per_date), len(per_date) == 1
    spread_s = None if slots else span_s  # in its hour each test has its place already
    least_gap_s = tuple(_gap_s(gaps, number, spread_s, fullest, alone=alone) for number in range(1, fullest))
    over_night = (one for one in gaps if not one.per_date and one.between is None)
    return Asks(
        per_date=per_date,
        apart_days=apart_days,
        window_days=window_days,
        least_gap_s=least_gap_s,
        most_gap_s=_most(one.gap_s for one in gaps),
        over_night_s=max(APART_S, _least(one.gap_s for one in over_night)),
        span_s=span_s,
        hours=hours,
        hourly=bool(slots),
    )


def _per_date(rule: Rule, apart_days: int, window_days: int | None, *, spans_one_date: bool) -> tuple[int, ...]:
    """How many tests on each date: as few as the rule allows, on as many dates as it allows for its number."""
    days = _rows(rule, Days)
    count = _least(one.counted for one in _rows(rule, Count))
    dates = _least(one.dates for one in days)
    each = max(_least(one.per_date for one in days), _least(one.dates_with for one in days))
    if each:
        return (each,) * max(1, dates, -(-count // each))
    if not count:
        raise CannotPlan(rule.id, "does not say how many measurements it asks for")
    if spans_one_date:
        return (count,)
    alone = MONTH_DATES if any(one.months is not None for one in days) else 1
    room = ((alone if window_days is None else window_days) - 1) // apart_days + 1
    most = _most(one.dates for one in days)
    number = min(count, max(dates, room if most is None else min(room, most)))
    if number < 1:
        raise CannotPlan(rule.id, "allows no date to measure on")
    return tuple(count // number + (place < count % number) for place in range(number))


def _gap_s(gaps: Sequence[Gaps], number: int, span_s: int | None, tests: int, *, alone: bool) -> int:
    """The least distance planned between two neighbours of a date, so that it holds even if the first of them is late."""
    least = [
        one.gap_s.least
        for one in gaps
        if (one.per_date or alone or one.between is None)
        and one.between in {None, number}
        and one.not_between != number
    ]
    if span_s is not None and not any(least):
        return max(OVERLAP_S, (span_s - LATE_S) * EVEN_PER_CENT // (100 * (tests - 1)))
    return max([APART_S if span_s is None else OVERLAP_S, *(one + LATE_S for one in least)])


def _rows(rule: Rule, kind: type[T]) -> tuple[T, ...]:
    return tuple(one.primitive for one in rule.completeness if isinstance(one.primitive, kind))


def _least(bounds: Iterable[Bound | None]) -> int:
    """The smallest number that all of these admit from below."""
    return max((one.least for one in bounds if one is not None), default=0)


def _most(bounds: Iterable[Bound | None]) -> int | None:
    """The largest number that all of these admit, None if there is no limit."""
    return min((most for one in bounds if one is not None and (most := one.most) is not None), default=None)
