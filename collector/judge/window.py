"""Which measurements of a live line are judged: chosen by moments alone, before any result is looked at.

A rule made for one campaign, run over every window that could be cut from a long series, would meet
something almost surely. So the window is the first complete campaign that starts at or after the complaint,
and the number of starts tried is shown. Complete means that the completeness conditions hold over what the
rule counts. A set that is complete but void (a test without a location, say) is measured again, as the rules
themselves have it: the next one is looked for, and only if there is none is the void one shown. Results play
no part.

A campaign that was fixed beforehand (FORMAT.md, section 12) needs no looking for: of those, the first complete one is
judged, and what they did not plan takes no part.
"""

from bisect import bisect_left, bisect_right
from calendar import monthrange
from collections.abc import Callable, Iterable, Iterator, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, replace
from datetime import date
from typing import Final

from collector.judge.criterion import Criterion
from collector.judge.sample import Case, Sample
from collector.judge.tally import Placed, Tally, place, sort_out
from shared.criteria.completeness import Count, Days, Span
from shared.criteria.hours import HoursOfDay

_LONGEST_DAY_S: Final = 90_000  # one on which the clocks are set back
_LONGEST_MONTH_DAYS: Final = 31
_SECOND_US: Final = 1_000_000


@dataclass(frozen=True, slots=True)
class Window:
    """The case cut down to what is judged, whether it is complete, and how many starts were tried."""

    case: Case
    complete: bool
    starts_tried: int

    @property
    def samples(self) -> tuple[Sample, ...]:
        """The samples of the window, with those that will be left out."""
        return self.case.samples

    @property
    def from_us(self) -> int | None:
        """The first start, None in an empty window."""
        return min((one.at_us for one in self.samples), default=None)

    @property
    def to_us(self) -> int | None:
        """The last start, None in an empty window."""
        return max((one.at_us for one in self.samples), default=None)


def campaign(criterion: Criterion, case: Case, opened_at_us: int) -> Window:
    """The first complete campaign that starts at or after the complaint; without one, all since then."""
    since = _only(case, lambda one: one.at_us >= opened_at_us)
    found, tried = _first_complete(criterion, since, last_first=False)
    return found or Window(since, complete=False, starts_tried=tried)


def before(criterion: Criterion, case: Case, opened_at_us: int) -> Window | None:
    """The last complete campaign that ended before the complaint, None if there is none."""
    until = _only(case, lambda one: one.at_us < opened_at_us)
    found, _ = _first_complete(criterion, until, last_first=True)
    return found


def fixed(criterion: Criterion, case: Case, campaigns: Sequence[Sequence[Sample]]) -> tuple[Window, int]:
    """The first complete one of these campaigns (one at least), in the order given, and its place among them.

    A void one is shown only if there is no other, and without a complete one the last is, as far as it has come.
    """
    void: tuple[Window, int] | None = None
    last = Window(case, complete=False, starts_tried=0)
    for place_of, samples in enumerate(campaigns):
        one = _only(replace(case, samples=tuple(samples)), lambda _: True)
        tally = criterion.tally(one)
        complete = all(condition.answer(tally).holds for condition in criterion.completeness)
        last = Window(one, complete=complete, starts_tried=place_of + 1)
        if complete and all(rule.answer(tally).holds for rule in criterion.voids):
            return last, place_of
        if complete and void is None:
            void = last, place_of
    if void is not None:
        return replace(void[0], starts_tried=len(campaigns)), void[1]
    return last, len(campaigns) - 1


@dataclass(frozen=True, slots=True)
class Candidate:
    """What a rule would count from one start, and which samples lie in that stretch of time."""

    tally: Tally
    spans: Callable[[Sample], bool]


def _first_complete(criterion: Criterion, case: Case, *, last_first: bool) -> tuple[Window | None, int]:
    whole = sort_out(criterion.leave_outs, case)
    tried = 0
    void: Candidate | None = None
    for one in candidates(criterion, case, whole, last_first=last_first):
        tried += 1
        used = criterion.narrow(one.tally)
        if all(condition.answer(used).holds for condition in criterion.completeness):
            if all(rule.answer(used).holds for rule in criterion.voids):
                return _window(case, whole, one, tried), tried
            void = void or one
    return (None if void is None else _window(case, whole, void, tried)), tried


def _window(case: Case, whole: Tally, chosen: Candidate, tried: int) -> Window:
    others = {placed.sample for placed in whole.counted} - {placed.sample for placed in chosen.tally.counted}
    return Window(_cut(case, chosen, others), complete=True, starts_tried=tried)


def candidates(criterion: Criterion, case: Case, whole: Tally, *, last_first: bool) -> Iterator[Candidate]:
    """Every place where a campaign of this rule could start, by the kind of its count.

    An exact count: each run of so many counted samples. Else a window of days: its dates, from each date
    with a counted sample; of months: each month with one. Else, if one measurement of each hour is used: the rule's span
    from the first counted sample of each hour. Else: all there is.
    """
    exact, days, span_us = exact_count(criterion), dates_of(criterion), hourly_span_us(criterion)
    if exact is not None:
        for first in _from_either_end(range(len(whole.counted) - exact + 1), last_first=last_first):
            yield _run(whole, whole.counted[first : first + exact])
    elif days is not None:
        firsts = days.firsts({one.day.toordinal() for one in whole.counted})
        for first in _from_either_end(firsts, last_first=last_first):
            yield _dates(whole, case, first, days.end(first))
    elif span_us is not None:
        hours = [_hour(one) for one in whole.counted]
        begins = [n for n, hour in enumerate(hours) if n == 0 or hour != hours[n - 1]]
        for first in _from_either_end(begins, last_first=last_first):
            from_us = whole.counted[first].at_us
            yield _between(whole, from_us, from_us + span_us)
    else:
        yield Candidate(whole, lambda _: True)


def _run(whole: Tally, counted: tuple[Placed, ...]) -> Candidate:
    """A run of counted samples, and what was not started between its ends."""
    between = _between(whole, counted[0].sample.at_us, counted[-1].sample.at_us)
    return replace(between, tally=replace(between.tally, counted=counted))


def _between(whole: Tally, from_us: int, to_us: int) -> Candidate:
    """All that started within this stretch of time, both ends included."""

    def of(placed: tuple[Placed, ...]) -> tuple[Placed, ...]:
        return placed[bisect_left(placed, from_us, key=_at_us) : bisect_right(placed, to_us, key=_at_us)]

    tally = replace(whole, counted=of(whole.counted), not_started=of(whole.not_started))
    return Candidate(tally, lambda sample: from_us <= sample.at_us <= to_us)


def _dates(whole: Tally, case: Case, first: int, end: int) -> Candidate:
    """All of the dates from the first up to, not including, the end (proleptic Gregorian ordinals)."""

    def of(placed: tuple[Placed, ...]) -> tuple[Placed, ...]:
        return placed[bisect_left(placed, first, key=_day) : bisect_left(placed, end, key=_day)]

    tally = replace(whole, counted=of(whole.counted), not_started=of(whole.not_started))
    return Candidate(tally, lambda sample: first <= _day(place(sample, case)) < end)


def _cut(case: Case, candidate: Candidate, others: AbstractSet[Sample]) -> Case:
    """The candidate's stretch of the case, without what counts but is not in it (same instant as an end)."""
    return _only(case, lambda sample: candidate.spans(sample) and sample not in others)


def _from_either_end(starts: Sequence[int], *, last_first: bool) -> Sequence[int]:
    return starts[::-1] if last_first else starts


def _at_us(placed: Placed) -> int:
    return placed.sample.at_us


def _day(placed: Placed) -> int:
    return placed.day.toordinal()


def exact_count(criterion: Criterion) -> int | None:
    """The exact number of results that the rule asks for, if it does."""
    counts = [one.primitive for one in criterion.completeness if isinstance(one.primitive, Count)]
    return next((one.counted.n for one in counts if one.counted.op == "==" and one.counted.n), None)


def _hour(placed: Placed) -> tuple[int, int]:
    return _day(placed), placed.hour


@dataclass(frozen=True, slots=True)
class Dates:
    """Windows of dates (proleptic Gregorian ordinals): so many from the first, or, with None, those of its calendar month."""

    days: int | None

    def firsts(self, dates: Iterable[int]) -> list[int]:
        """Where the windows of these dates begin, each once, in order."""
        if self.days is not None:
            return sorted(set(dates))
        return sorted({date.fromordinal(one).replace(day=1).toordinal() for one in dates})

    def end(self, first: int) -> int:
        """The date after the last of a window."""
        if self.days is not None:
            return first + self.days
        begin = date.fromordinal(first)
        return first + monthrange(begin.year, begin.month)[1]


def dates_of(criterion: Criterion) -> Dates | None:
    """Within which dates the rule wants them all, if it says so."""
    rows = [one.primitive for one in criterion.completeness if isinstance(one.primitive, Days)]
    days = next((one.window_days.n for one in rows if one.window_days is not None and one.window_days.op == "<="), None)
    one_month = any(one.months is not None and one.months.most == 1 for one in rows)
    return Dates(days) if days is not None or one_month else None


def hourly_span_us(criterion: Criterion) -> int | None:
    """Within what time (µs) a rule wants its hours of the day, of each of which it uses one measurement; None for others."""
    spans = [one.primitive.span_s for one in criterion.completeness if isinstance(one.primitive, Span)]
    most = [one.most for one in spans if one.most is not None]
    return min(most) * _SECOND_US if most and criterion.by_hour is not None else None


def least_set(criterion: Criterion) -> tuple[int, int | None]:
    """How many results a complete set has at least, and how long it lasts at most (µs), as far as the rule says so."""
    least, lasts_s = 1, []
    for one in criterion.completeness:
        match one.primitive:
            case Count(counted=bound) if bound.op in {"==", ">=", ">"}:
                least = max(least, bound.n)
            case HoursOfDay(from_hour=first, to_hour=end):
                least = max(least, end - first)
            case Days(months=bound) if bound is not None and bound.most == 1:
                lasts_s.append(_LONGEST_MONTH_DAYS * _LONGEST_DAY_S)
            case Days(window_days=bound) if bound is not None and bound.op in {"==", "<=", "<"}:
                lasts_s.append(bound.n * _LONGEST_DAY_S)
            case Days(dates=bound, excused_by=()) if bound is not None and (bound.op, bound.n) == ("<=", 1):
                lasts_s.append(_LONGEST_DAY_S)
            case Span(span_s=bound) if bound.op in {"==", "<=", "<"}:
                lasts_s.append(bound.n)
    return least, min(lasts_s) * _SECOND_US if lasts_s else None


def _only(case: Case, keep: Callable[[Sample], bool]) -> Case:
    """The case with those samples of its own direction."""
    kept = (one for one in case.samples if one.direction is case.direction and keep(one))
    return replace(case, samples=tuple(kept))
