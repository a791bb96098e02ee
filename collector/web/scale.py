"""Axes: where a value stands on a line of pixels, and which round values are marked. Whole numbers only.

Positions are tenths of a pixel. Rates are marked at 1, 2 or 5 times a power of ten; times at round moments
of the line's own wall clock, from minutes to centuries; where clocks are set back, an hour that comes twice
is marked once.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from collector.web.localtime import MONTHS, LineClock, instant_us

_MINUTE_US: Final = 60_000_000
_DAY_US: Final = 86_400_000_000
_MINUTES: Final = (1, 2, 5, 10, 15, 30, 60, 120, 180, 360, 720)
_DAYS: Final = (1, 2, 7, 14)
_MONTHS: Final = (1, 3, 6, 12, 24, 60, 120, 240, 600, 1200, 2400, 6000, 12000)


@dataclass(frozen=True, slots=True)
class Scale:
    """A stretch of values laid on a stretch of pixels (tenths); values beyond it stand at its ends."""

    low: int
    high: int
    from_px10: int
    to_px10: int

    def at(self, value: int) -> int:
        """Where a value stands, in tenths of a pixel."""
        inside = min(max(value, self.low), self.high)
        length_px10, span = self.to_px10 - self.from_px10, max(1, self.high - self.low)
        return self.from_px10 + length_px10 * (inside - self.low) // span


@dataclass(frozen=True, slots=True)
class TimeTick:
    """A marked moment: what stands under it, and below that the day or the year where it begins."""

    at_us: int
    label: str
    below: str = ""


def rate_ticks(highest_bps: int, at_most: int) -> tuple[int, ...]:
    """Round rates from 0 to the first one above the highest value, at most so many steps."""
    step = 1
    while step * at_most <= highest_bps:
        step = step * 5 // 2 if str(step).startswith("2") else step * 2
    return tuple(step * n for n in range(highest_bps // step + 2))


def time_ticks(from_us: int, to_us: int, clock: LineClock, at_most: int) -> tuple[TimeTick, ...]:
    """Round moments of the local wall clock within a stretch of time, at most so many."""
    span_us = to_us - from_us
    for minutes in _MINUTES:
        if span_us < minutes * _MINUTE_US * at_most:
            return _with_days(_minutes(from_us, to_us, clock, minutes))
    for days in _DAYS:
        if span_us < days * _DAY_US * at_most:
            return _with_years(_days(from_us, to_us, clock, days))
    months = next((n for n in _MONTHS if span_us < n * 28 * _DAY_US * at_most), _MONTHS[-1])
    return tuple(_months(from_us, to_us, clock, months))


def _minutes(from_us: int, to_us: int, clock: LineClock, minutes: int) -> Iterator[datetime]:
    """Moments whose local wall clock is a multiple of so many minutes."""
    at_us, last = -(-from_us // _MINUTE_US) * _MINUTE_US, None
    while at_us <= to_us:
        local = clock.local(at_us)
        minute, shown = local.hour * 60 + local.minute, local.replace(tzinfo=None, fold=0)
        if minute % minutes == 0 and (last is None or shown > last):
            last = shown
            yield local
        # To the next multiple, but never past a half hour at once: that is where clocks change.
        at_us += min(minutes - minute % minutes, 30 - minute % 30) * _MINUTE_US


def _days(from_us: int, to_us: int, clock: LineClock, days: int) -> Iterator[datetime]:
    """Local midnights, every so many days; counted from a Monday, so that a week is marked at its start."""
    first = clock.local(from_us).date().toordinal()
    for ordinal in range(first, clock.local(to_us).date().toordinal() + 1):
        at = datetime.fromordinal(ordinal).replace(tzinfo=clock.zone)
        if (ordinal - 1) % days == 0 and from_us <= instant_us(at) <= to_us:
            yield at


def _months(from_us: int, to_us: int, clock: LineClock, months: int) -> Iterator[TimeTick]:
    """First days of months, every so many months; a year's name alone where only years are marked."""
    first, last = clock.local(from_us), clock.local(to_us)
    start = (first.year * 12 + first.month - 1) // months * months
    for month in range(max(start, 12), last.year * 12 + last.month, months):
        at = datetime(month // 12, month % 12 + 1, 1, tzinfo=clock.zone)
        if from_us <= instant_us(at) <= to_us:
            label = f"{at.year}" if months % 12 == 0 else f"{MONTHS[at.month - 1]} {at.year}"
            yield TimeTick(instant_us(at), label)


def _with_days(moments: Iterable[datetime]) -> tuple[TimeTick, ...]:
    """Wall clock labels, with the date under the first and under the first of each later day."""
    ticks, day, year = [], None, None
    for at in moments:
        date = f"{at.day} {MONTHS[at.month - 1]}{f' {at.year}' if at.year != year else ''}"
        ticks.append(TimeTick(instant_us(at), f"{at:%H:%M}", date if at.date() != day else ""))
        day, year = at.date(), at.year
    return tuple(ticks)


def _with_years(days: Iterable[datetime]) -> tuple[TimeTick, ...]:
    """Dates, with the year under the first and under the first of each later year."""
    ticks, year = [], None
    for at in days:
        below = f"{at.year}" if at.year != year else ""
        ticks.append(TimeTick(instant_us(at), f"{at.day} {MONTHS[at.month - 1]}", below))
        year = at.year
    return tuple(ticks)
