"""Whether a finding for the claimant stands although results may be missing of which nothing but their number is known. Pure.

Of a gap it is known how many results it can hide at most, and where their places are; not how many it does hide, nor their
moments, hence not which campaign would have been the first complete one. So nothing is guessed: the finding stands only if it
would for whatever the gaps may hide. It does if

1. there is a campaign that is complete without doubt, because no gap reaches into it (or, where the rule asks for no exact
   count, because it is complete with all that its gaps can hide, at the places that could disturb it most, and without
   it), and it shows a deviation;
2. every stretch that a gap reaches into and that could have been complete before it shows a deviation too, with results put
   in that are all as good as promised: as many as the gaps can hide, and where the rule asks for an exact count also fewer.

A deviation that holds with good results put in holds with fewer of them or worse ones; so no completeness is asked of the
second kind, beyond the least numbers that the rule wants.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import accumulate

from collector.judge.criterion import Criterion
from collector.judge.sample import Case, Sample
from collector.judge.tally import Placed, Tally, place, sort_out
from collector.judge.window import Dates, candidates, dates_of, exact_count, hourly_span_us
from shared.criteria.completeness import Count, Days

Good = Callable[[int], Sample]


@dataclass(frozen=True, slots=True)
class Gap:
    """At most so many results, not after `to_us`, each at another of these places: not before, and as a rule not after."""

    results: int
    to_us: int
    places: tuple[tuple[int, int], ...]


@dataclass(frozen=True, slots=True)
class _Hidden:
    """What a gap can hide of what the rule would count, in order: by place, the earliest and the latest."""

    results: int
    to_us: int
    early: tuple[Placed, ...]
    late: tuple[Placed, ...]

    @property
    def from_us(self) -> int:
        return self.early[0].at_us

    def within(self, first: int, end: int) -> "_Hidden":
        """What of it can lie on these dates (proleptic Gregorian ordinals, up to the end)."""
        low, high = bisect_left(self.early, first, key=_day), bisect_left(self.early, end, key=_day)
        return replace(self, early=self.early[low:high], late=self.late[low:high])

    def choices(self) -> tuple[tuple[Placed, ...], ...]:
        """As many as it can hide: over all of its places, at the first ones, at the last ones."""
        n = min(self.results, len(self.early))
        spread = tuple(self.early[(2 * i + 1) * len(self.early) // (2 * n)] for i in range(n))
        return spread, self.early[:n], self.late[-n:]


def stands(criterion: Criterion, case: Case, opened_at_us: int, gaps: Sequence[Gap], good: Good) -> bool:
    """Whether what was found since the complaint holds for whatever the gaps hide; `good`: as good a result as promised."""
    since = replace(case, samples=tuple(one for one in case.samples if one.at_us >= opened_at_us))
    whole = sort_out(criterion.leave_outs, since)
    hidden = sorted(_hidden(criterion, since, gaps, good), key=lambda one: one.from_us)
    question = _Question(criterion, since, whole, tuple(hidden))
    exact = exact_count(criterion)
    if exact is not None:
        return question.of_runs(exact)
    return question.of_dates(dates_of(criterion)) if criterion.by_hour is None else question.of_hours()


def _hidden(criterion: Criterion, case: Case, gaps: Sequence[Gap], good: Good) -> Iterator[_Hidden]:
    rules = [one for one in criterion.leave_outs if one.of_time]
    for gap in gaps:
        both = [(place(good(early), case), place(good(late), case)) for early, late in gap.places]
        usable = [pair for pair in both if all(rule.objection(pair[0]) is None for rule in rules)]
        if usable and gap.results:
            yield _Hidden(gap.results, gap.to_us, tuple(one for one, _ in usable), tuple(one for _, one in usable))


@dataclass(frozen=True, slots=True)
class _Question:
    criterion: Criterion
    case: Case
    whole: Tally
    hidden: tuple[_Hidden, ...]

    def of_runs(self, n: int) -> bool:
        """For a rule of an exact count: of the runs of so many results the first complete one is judged."""
        begins = [one.from_us for one in self.hidden]
        ends = list(accumulate((one.to_us for one in self.hidden), max))
        for first, one in enumerate(candidates(self.criterion, self.case, self.whole, last_first=False)):
            reaching = bisect_left(begins, one.tally.counted[-1].at_us)
            if reaching and ends[reaching - 1] > one.tally.counted[0].at_us:
                continue
            if self._complete(one.tally):
                runs = _runs_in_doubt(self.whole.counted, self.hidden, n, first)
                return self._deviates(one.tally) and all(
                    self._deviates(replace(self.whole, counted=run)) for run in runs
                )
        return False

    def of_hours(self) -> bool:
        """For a rule that uses one measurement of each hour: nothing may be hidden before the judged stretch is over.

        A good result at an earlier minute of an hour would be used instead, so none can be put in without knowing when.
        """
        for one in candidates(self.criterion, self.case, self.whole, last_first=False):
            used = self.criterion.narrow(one.tally)
            if self._complete(used):
                over_us = used.counted[0].at_us + (hourly_span_us(self.criterion) or 0)
                return self._deviates(used) and all(gap.from_us > over_us for gap in self.hidden)
        return False

    def of_dates(self, dates: Dates | None) -> bool:
        """For a rule of a window of dates, or of all there is: every window in the order of its first date."""
        counted = self.whole.counted
        days = {_day(one) for one in counted} | {_day(one) for gap in self.hidden for one in gap.early}
        for first in sorted(days)[:1] if dates is None else dates.firsts(days):
            end = max(days) + 1 if dates is None else dates.end(first)
            seen = _between(counted, first, end)
            spared = _between(self.whole.not_started, first, end)
            bare = replace(self.whole, counted=seen, not_started=spared)
            gaps = [part for gap in self.hidden if (part := gap.within(first, end)).early]
            full = [_with(bare, [one for gap in gaps for one in gap.choices()[how]]) for how in range(3)]
            if not gaps and self._complete(bare):
                return self._deviates(bare)
            if gaps and self._can_be_complete(full[0], {_day(one) for gap in gaps for one in gap.early}):
                if not all(self._deviates(one) for one in full):
                    return False
                if all(self._complete(one) for one in (bare, *full)):
                    return True
        return False

    def _complete(self, tally: Tally) -> bool:
        return all(one.answer(tally).holds for one in (*self.criterion.completeness, *self.criterion.voids))

    def _can_be_complete(self, fullest: Tally, hidden_days: set[int]) -> bool:
        """Whether there are results and dates enough; every other condition is taken to hold."""
        days = hidden_days | {_day(one) for one in fullest.present(())}
        for one in self.criterion.completeness:
            match one.primitive:
                case Count(counted=bound) if bound.op not in {"<", "<="} and len(fullest.counted) < bound.n:
                    return False
                case Days(dates=bound, excused_by=()) if bound and bound.op not in {"<", "<="} and len(days) < bound.n:
                    return False
        return bool(fullest.counted)

    def _deviates(self, tally: Tally) -> bool:
        return any(one.answer(tally, self.case).holds for one in self.criterion.deviations(self.case.direction))


def _runs_in_doubt(
    counted: Sequence[Placed], hidden: Sequence[_Hidden], n: int, until: int
) -> Iterator[tuple[Placed, ...]]:
    """The runs of n that begin before the result number `until` and hold hidden ones, with few of these and with many.

    Where they may lie on several dates, each in several ways.
    """
    reach = [
        (bisect_right(counted, gap.from_us, key=_at_us), bisect_left(counted, gap.to_us, key=_at_us), gap)
        for gap in hidden
    ]
    lows, passed = [low for low, _, _ in reach], 0
    for first in range(until + 1):
        while passed < len(reach) and max(reach[passed][:2]) < first:
            passed += 1
        near = reach[passed : bisect_right(lows, first + n)]
        for last in range(first, min(first + n, len(counted) + 1) if near else first):
            there = [gap for low, high, gap in near if low <= last and high >= first]
            wanted = n - (last - first)
            if sum(min(gap.results, len(gap.early)) for gap in there) < wanted:
                continue
            for how in range(3 if len({_day(one) for gap in there for one in (gap.early[0], gap.late[-1])}) > 1 else 1):
                results = [one for gap in there for one in gap.choices()[how]]
                chosen = [results[i * len(results) // wanted] for i in range(wanted)]
                yield tuple(sorted((*counted[first:last], *chosen), key=_at_us))


def _with(tally: Tally, more: Sequence[Placed]) -> Tally:
    return replace(tally, counted=tuple(sorted((*tally.counted, *more), key=_at_us)))


def _between(placed: tuple[Placed, ...], first: int, end: int) -> tuple[Placed, ...]:
    return placed[bisect_left(placed, first, key=_day) : bisect_left(placed, end, key=_day)]


def _at_us(placed: Placed) -> int:
    return placed.at_us


def _day(placed: Placed) -> int:
    return placed.day.toordinal()
