"""Scales and ticks of the pictures: where a value stands, and which round values are named. Pure, integers only.

Positions are tenths of a unit of the picture; `place` spells them. Time ticks are round moments of the local wall clock.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from probe.moments import DAY_US, HOUR_US, MONTHS, Local

_STEPS = (1, 2, 5)
_HOURS = (1, 3, 6, 12)
_DAYS = (1, 2, 7, 14)
_QUARTER_US = HOUR_US // 4


@dataclass(frozen=True, slots=True)
class Scale:
    """Values from `low` to `high` between two places; `high` is above `low`."""

    low: int
    high: int
    from_place: int
    to_place: int

    def at(self, value: int) -> int:
        """Where a value stands; one beyond the ends stands at the end."""
        inside = min(max(value, self.low), self.high)
        return self.from_place + (inside - self.low) * (self.to_place - self.from_place) // (self.high - self.low)


@dataclass(frozen=True, slots=True)
class Tick:
    """A named moment on a time axis."""

    at_us: int
    label: str


def place(tenths: int) -> str:
    """Spell a place in units of the picture: 1234 is 123.4."""
    whole, rest = divmod(abs(tenths), 10)
    sign = "-" if tenths < 0 else ""
    return f"{sign}{whole}.{rest}" if rest else f"{sign}{whole}"


def round_ticks(highest: int, least_step: int = 1, at_most: int = 5) -> tuple[int, ...]:
    """Round values from zero to the first at or above the highest: steps of 1, 2 or 5 with zeros, at most so many."""
    step, number = least_step, 0
    while step * at_most < highest:
        number += 1
        step = least_step * _STEPS[number % 3] * 10 ** (number // 3)
    return tuple(step * n for n in range(max(1, -(-highest // step)) + 1))


def time_ticks(from_us: int, to_us: int, local: Local, at_most: int = 6) -> tuple[Tick, ...]:
    """Round local moments within a stretch: hours, midnights, or first days of months."""
    span_us = to_us - from_us
    for hours in _HOURS:
        if span_us <= hours * HOUR_US * at_most:
            return tuple(_hours(from_us, to_us, local, hours))
    for days in _DAYS:
        if span_us <= days * DAY_US * at_most:
            return tuple(_days(from_us, to_us, local, days))
    return tuple(_months(from_us, to_us, local, at_most))


def _hours(from_us: int, to_us: int, local: Local, hours: int) -> Iterator[Tick]:
    """Full hours whose number on the local clock is a multiple; a half hour's zone has them on its own half hours."""
    day = None
    half_us = HOUR_US // 2
    for at_us in range(-(-from_us // half_us) * half_us, to_us + 1, half_us):
        moment = local(at_us)
        if moment.minute == 0 and moment.hour % hours == 0:
            yield Tick(at_us, f"{moment:%H:%M}" if moment.date() == day else f"{_date(moment)}, {moment:%H:%M}")
            day = moment.date()


def _days(from_us: int, to_us: int, local: Local, days: int) -> Iterator[Tick]:
    """Local midnights; every week's on a Monday."""
    for at_us, moment in midnights(from_us, to_us, local):
        if (moment.toordinal() - 1) % days == 0:
            yield Tick(at_us, _date(moment))


def _months(from_us: int, to_us: int, local: Local, at_most: int) -> Iterator[Tick]:
    firsts = [(at_us, moment) for at_us, moment in midnights(from_us, to_us, local) if moment.day == 1]
    every = -(-len(firsts) // at_most) or 1
    for at_us, moment in firsts[::every]:
        yield Tick(at_us, f"{MONTHS[moment.month - 1]} {moment.year}")


def midnights(from_us: int, to_us: int, local: Local) -> Iterator[tuple[int, datetime]]:
    """The beginnings of local days within a stretch, found by looking, so that any zone's summer time is right."""
    at_us = -(-from_us // _QUARTER_US) * _QUARTER_US  # where zones differ, they do by quarters of an hour
    while at_us <= to_us:
        moment = local(at_us)
        if local(at_us - _QUARTER_US).date() != moment.date():
            yield at_us, moment
            at_us += 22 * HOUR_US  # the shortest day has 23 hours
        else:
            at_us += _QUARTER_US


def _date(moment: datetime) -> str:
    return f"{moment.day} {MONTHS[moment.month - 1]}"
