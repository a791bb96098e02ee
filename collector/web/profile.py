"""How a line falls short by the hour of the day, and whether it grows better or worse, as the page says it. Pure."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from collector.judge.shortfall import Shortfall, Shown, shortfall
from collector.view import CaseView, RecordRow
from collector.web.localtime import LineClock
from collector.web.missing import WAYS
from collector.web.quantities import counted, promised_rate, rate
from shared.omission import WAYS as METHODS
from shared.omission import Bound, Window


@dataclass(frozen=True, slots=True)
class HourRow:
    """One hour of the local day: "20:00", how many transfers, how many of them slow or failed, their median in words."""

    hour: str
    n: int
    slow: int
    median: str


@dataclass(frozen=True, slots=True)
class Profile:
    """What is told of one direction."""

    label: str
    promise: str
    hours: tuple[HourRow, ...]
    trend: str
    effective: str


def profiles_of(case: CaseView, rows: Sequence[RecordRow]) -> tuple[Profile, ...]:
    """One for each direction with a promise of which something was measured."""
    told, clock = case.omission, LineClock.of(case.time_zone)
    if told is None:
        return ()
    windows = [Window(one.day, one.way, Bound(one.scheduled, one.slow, one.missing)) for one in told.windows]  # type: ignore[arg-type]
    found = (
        shortfall(way, least_bps, windows, [*_shown(rows, way)], clock.local)
        for way, least_bps in sorted(told.least_bps.items())
    )
    return tuple(_profile(one) for one in found if one.hours)


def _shown(rows: Iterable[RecordRow], way: str) -> Iterator[Shown]:
    """The scheduled transfers of a direction that count."""
    for row in rows:
        if row.provenance != "signed" or row.slot is None or row.flaws or METHODS.get(row.method) != way:
            continue
        if row.end == "failed":
            yield Shown(row.at_us, 0)
        elif row.end == "ok" and row.rate_bps is not None:
            yield Shown(row.at_us, row.rate_bps)


def _profile(one: Shortfall) -> Profile:
    return Profile(
        WAYS[one.way][0],
        promised_rate(one.least_bps),
        tuple(HourRow(f"{hour.hour:02d}:00", hour.n, hour.slow, rate(hour.median_bps)) for hour in one.hours),
        _trend(one),
        _effective(one),
    )


def _trend(one: Shortfall) -> str:
    if one.trend is None:
        return "Too few days to see a trend."
    change = one.trend.bps_in_30_days
    way = "no change" if not change else f"{rate(abs(change))} {'more' if change > 0 else 'less'} in 30 days"
    clear = "clear at 1 %, if days do not hang together" if one.trend.is_clear else "not to be told from chance"
    return f"The days’ medians: {way}, over {one.trend.days} days; {clear}."


def _effective(one: Shortfall) -> str:
    if one.effective_n is None:
        return ""
    shown, alone = counted(one.bound.scheduled - one.bound.missing, "slot"), counted(one.effective_n, "slot")
    return f"What is shown ({shown}) tells as much as {alone} that do not hang together."
