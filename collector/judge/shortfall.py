"""How often a line falls short of its promise: the share of slow slots, what is missing, and how sure that is. Pure.

Three things that must not be taken for one another:

    the bound       [k/S, (k + m)/S] of what was measured (FORMAT.md, section 15): it knows no chance, only what is missing
    the interval    of the line's own share, over days to come as well: it holds on every day at once, however often anybody
                    looks, and however much the slots of one day are alike (`collector.judge.betting`: a day is one observation).
                    Its lower end takes what is missing for good, its upper end for slow
    the profile     by hour of the day, and the trend over the days: seen, not proven; each names on how much it rests

The interval's lower end says: were the line's days, given those before, slow in no larger a share than that on average, then to
see this has a chance below α at any time. A fine line with a bad week is not such a line in that week.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from itertools import combinations
from typing import Final

from collector.judge.betting import at_least_pm, at_most_pm
from shared.omission import Bound, Window

ALPHA_PPM: Final = 5_000  # 0.5 % at each end
LEAST_TREND_DAYS: Final = 14
MOST_TREND_DAYS: Final = 180
_SURE_Z2_MILLI: Final = 6_635  # chi-squared, one degree of freedom, 1 %
_DAYS_APART: Final = 30


@dataclass(frozen=True, slots=True)
class Shown:
    """A scheduled transfer that counts: when it began, what it reached (bit/s; 0: it failed)."""

    at_us: int
    rate_bps: int


@dataclass(frozen=True, slots=True)
class Hour:
    """What was measured in one hour of the local day: how many, how many of them slow, their median (bit/s)."""

    hour: int
    n: int
    slow: int
    median_bps: int


@dataclass(frozen=True, slots=True)
class Trend:
    """The daily medians' way: bit/s in thirty days (Theil and Sen), over so many days; `is_clear`: by Mann and Kendall, at 1 %.

    The days are taken as not hanging together; where they do, a trend is found too easily.
    """

    bps_in_30_days: int
    days: int
    is_clear: bool


@dataclass(frozen=True, slots=True)
class Shortfall:
    """What can be said of one direction against the least that was promised."""

    way: str
    least_bps: int
    bound: Bound
    days: int  # on which slots were wanted
    above_pm: int  # the line's own share of slow slots lies above that,
    below_pm: int  # and below that
    alpha_ppm: int  # the chance of being wrong, at each end
    effective_n: int | None  # so many unrelated slots would tell as much as those that are shown; None: too few days
    hours: tuple[Hour, ...]
    trend: Trend | None


def shortfall(
    way: str, least_bps: int, windows: Iterable[Window], shown: Sequence[Shown], local: Callable[[int], datetime]
) -> Shortfall:
    """All of it: `windows` are the days' bounds (those of other ways are passed over), `local` the wall clock at the line."""
    days = [one.bound for one in sorted(windows, key=lambda one: one.day) if one.way == way and one.bound.scheduled]
    return Shortfall(
        way=way,
        least_bps=least_bps,
        bound=sum(days, Bound(0, 0, 0)),
        days=len(days),
        above_pm=at_least_pm([(one.slow, one.scheduled) for one in days], ALPHA_PPM),
        below_pm=at_most_pm([(one.slow + one.missing, one.scheduled) for one in days], ALPHA_PPM),
        alpha_ppm=ALPHA_PPM,
        effective_n=_effective_n(days),
        hours=_hours(least_bps, shown, local),
        trend=_trend(shown, local),
    )


def _effective_n(days: Sequence[Bound]) -> int | None:
    """As many unrelated slots would make the days differ as much: slots of a bad day are bad together.

    The variance is that of a ratio, with days as the drawn unit (Cochran 1977, section 6.3); never more than there are.
    """
    there = [(one.slow, one.scheduled - one.missing) for one in days if one.scheduled > one.missing]
    slow, n = sum(one for one, _ in there), sum(of for _, of in there)
    drawn = len(there)
    if drawn < 2 or not 0 < slow < n:  # noqa: PLR2004 - one day differs from none; all alike tells nothing of it
        return None
    squares = sum((one * n - slow * of) ** 2 for one, of in there)  # n² (k - p s)²
    # p (1 - p) / v with v = D / (D - 1) * squares / n⁴
    found = slow * (n - slow) * n * n * (drawn - 1) // (drawn * squares) if squares else n
    return max(1, min(n, found))


def _hours(least_bps: int, shown: Iterable[Shown], local: Callable[[int], datetime]) -> tuple[Hour, ...]:
    found = defaultdict[int, list[int]](list)
    for one in shown:
        found[local(one.at_us).hour].append(one.rate_bps)
    return tuple(
        Hour(hour, len(rates), sum(rate < least_bps for rate in rates), _median(rates))
        for hour, rates in sorted(found.items())
    )


def _trend(shown: Iterable[Shown], local: Callable[[int], datetime]) -> Trend | None:
    rates = defaultdict[date, list[int]](list)
    for one in shown:
        rates[local(one.at_us).date()].append(one.rate_bps)
    medians = [(day.toordinal(), _median(those)) for day, those in sorted(rates.items())][-MOST_TREND_DAYS:]
    days = len(medians)
    if days < LEAST_TREND_DAYS:
        return None
    slopes, ups = [], 0
    for (early, before), (late, after) in combinations(medians, 2):
        slopes.append(_DAYS_APART * (after - before) // (late - early))
        ups += (after > before) - (after < before)
    # z² = (|S| - 1)² / (n (n - 1) (2 n + 5) / 18)
    spread = days * (days - 1) * (2 * days + 5)
    is_clear = 18_000 * max(0, abs(ups) - 1) ** 2 > _SURE_Z2_MILLI * spread
    return Trend(_median(slopes), days, is_clear)


def _median(values: Sequence[int]) -> int:
    """The smallest value that half of them do not exceed (RFC 2330, section 11.3)."""
    return sorted(values)[(len(values) - 1) // 2]
