"""What is missing of a line, as the page and the command line say it: the bound, its windows, and gaps in the numbers. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from collector.judge.betting import MILLE, at_least_pm, at_most_pm
from collector.judge.shortfall import ALPHA_PPM
from collector.view import CaseView, ComplaintRow, DelayRow, GapRow, OmissionView, WindowRow
from collector.web.presence import length
from collector.web.quantities import counted, promised_rate
from shared.omission import DAY_S, NONE, Bound

DAY_US: Final = DAY_S * 1_000_000
MOST_GAPS: Final = 50
MOST_DELAYS: Final = 10
WAYS: Final[Mapping[str, tuple[str, str]]] = {
    "down": ("Downloads", "slower than {} or failed"),
    "up": ("Uploads", "slower than {} or failed"),
    "any": ("Slots", "in which a test failed"),
}
LIMIT: Final = (
    "The schedule wants light tests in each slot and transfers in every 16th, whether or not anything was delivered. "
    "What is missing counts against the claim: only the lower end may be claimed, and deleting results, switching the "
    "device off or measuring by hand never raises it. A slot whose result has a flaw counts as missing. Windows are UTC "
    "days, as starts are drawn by them."
)
SURE: Final = (
    "The line’s own share is a conclusion, where the other figure is a count: how large a share of its slots is slow, days to "
    "come included. It holds on every day at once, however often one looks, and errs with a chance of 0.5 % at each end. A day "
    "is taken as one observation, so that slots of one bad evening do not count as many; what is missing is good at the lower "
    "end and slow at the upper. Days are taken as alike in the long run: of a fine line that has a bad week it may say too much."
)


@dataclass(frozen=True, slots=True)
class Share:
    """The bound of one direction, over all windows or those since a complaint."""

    label: str
    what: str
    bound: Bound
    days: int = 0  # on which something was wanted; 0: nothing is concluded of the line itself
    above_pm: int = 0  # the line's own share lies above that, missing ones taken for good,
    below_pm: int = 1000  # and below that, missing ones taken for slow (`collector.judge.betting`)

    @property
    def words(self) -> str:
        """The interval in one phrase."""
        return interval(self.bound)

    @property
    def sure(self) -> str:
        """What can be said of the line itself, days to come included; nothing where that is not asked."""
        if not self.days:
            return ""
        above, below = self.above_pm > 0, self.below_pm < MILLE
        ends = [
            *([f"above {_percent(self.above_pm)} %"] if above else []),
            *([f"below {_percent(self.below_pm)} %"] if below else []),
        ]
        said = " and ".join(ends) or "not known yet"
        return f"{said} ({counted(self.days, 'day')})"


@dataclass(frozen=True, slots=True)
class Day:
    """One window: its day (since 1970, UTC) and the bound of each direction, in the order of the headings."""

    day: int
    bounds: tuple[Bound, ...]


@dataclass(frozen=True, slots=True)
class Missing:
    """What a page tells of what is missing."""

    shares: tuple[Share, ...]
    since_complaint: tuple[Share, ...]
    labels: tuple[str, ...]
    days: tuple[Day, ...]
    gaps: tuple[GapRow, ...]
    gaps_total: int
    numbers_missing: int


def missing_of(case: CaseView) -> Missing | None:
    """What a case's page tells of what is missing; None if the case does not say."""
    told = case.omission
    if told is None:
        return None
    ways = list(dict.fromkeys(one.way for one in told.windows))
    shares = _shares(told, ways, 0)
    newest = sorted(told.gaps, key=lambda gap: gap.to_us, reverse=True)
    return Missing(
        shares,
        _since(told, ways, case.complaints),
        tuple(share.label for share in shares),
        tuple(_days(told, ways)),
        tuple(newest[:MOST_GAPS]),
        len(newest),
        sum(gap.missing for gap in newest),
    )


def _since(told: OmissionView, ways: Sequence[str], complaints: Sequence[ComplaintRow]) -> tuple[Share, ...]:
    """From the day of the first complaint on, if there are windows before it."""
    if not complaints:
        return ()
    first = min(one.received_us for one in complaints) // DAY_US
    return _shares(told, ways, first) if any(one.day < first for one in told.windows) else ()


def _shares(told: OmissionView, ways: Sequence[str], since_day: int) -> tuple[Share, ...]:
    found = []
    for way in ways:
        label, what = WAYS[way]
        amount = promised_rate(told.least_bps[way]) if way in told.least_bps else ""
        bounds = [
            Bound(one.scheduled, one.slow, one.missing)
            for one in told.windows
            if one.way == way and one.day >= since_day
        ]
        share = Share(label, what.format(amount), sum(bounds, NONE))
        found.append(_concluded(share, bounds) if way in told.least_bps else share)
    return tuple(share for share in found if share.bound.scheduled)


def _days(told: OmissionView, ways: Sequence[str]) -> Iterable[Day]:
    sums = {(one.day, one.way): Bound(one.scheduled, one.slow, one.missing) for one in told.windows}
    for day in sorted({one.day for one in told.windows}, reverse=True):
        yield Day(day, tuple(sums.get((day, way), NONE) for way in ways))


def _concluded(share: Share, days: Sequence[Bound]) -> Share:
    """What follows for the line itself from the days of a direction with a promise."""
    above_pm = at_least_pm([(one.slow, one.scheduled) for one in days], ALPHA_PPM)
    below_pm = at_most_pm([(one.slow + one.missing, one.scheduled) for one in days], ALPHA_PPM)
    there = sum(one.scheduled > 0 for one in days)
    return replace(share, days=there, above_pm=above_pm, below_pm=below_pm)


def _percent(end_pm: int) -> str:
    return f"{end_pm / 10:.1f}".removesuffix(".0")


def interval(bound: Bound) -> str:
    """A bound as a share, or as two."""
    low, high = _percent(bound.least_pm), _percent(bound.most_pm)
    return f"{low} %" if not bound.missing else f"{low} to {high} %"


def whose(delay: DelayRow) -> str:
    """What the device recorded of the hours in which its records waited."""
    answered = [
        *([f"{counted(delay.put_off, 'time')} that it would not take them now"] if delay.put_off else []),
        *([f"{counted(delay.refused, 'time')} that it would not take them at all"] if delay.refused else []),
    ]
    silent = f"{counted(delay.silent, 'try', 'tries')} had no answer" if delay.silent else ""
    if answered:
        words = " and ".join(answered) + (f"; {silent}" if silent else "")
        return f"the device recorded that this collector answered {words}. The delay was on the collector’s side"
    if silent:
        return f"the device recorded that {silent}: a network that was down and a collector that was away look the same"
    return "the device recorded no try in vain: it may have been off, or kept them"


def numbers(gap: GapRow) -> str:
    """The numbers of a gap."""
    return str(gap.first_seq) if gap.first_seq == gap.last_seq else f"{gap.first_seq} to {gap.last_seq}"


def lines_of(told: Mapping[str, Any]) -> Iterable[str]:
    """The same for the command line, from a case's `omission` as JSON has it."""
    view = OmissionView(
        told["heavy_every"], told["least_bps"], windows=tuple(WindowRow(**one) for one in told["windows"])
    )
    for share in _shares(view, list(dict.fromkeys(one.way for one in view.windows)), 0):
        bound = share.bound
        yield (
            f"{share.label.lower()} {share.what}: {share.words} of {bound.scheduled:,} wanted "
            f"({bound.slow:,} shown, {bound.missing:,} missing)"
        ) + (f"; the line's own share: {share.sure}" if share.sure else "")
    if told["gaps"]:
        yield f"{sum(gap['missing'] for gap in told['gaps']):,} numbers of starts without a record"


def delayed(delay: DelayRow) -> str:
    """Which records came late, and by how much."""
    return f"{counted(delay.records, 'record')}, up to {length(delay.longest_us // 1_000_000)} after they were made"
