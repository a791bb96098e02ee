"""Which measurements a chart shows and as what: transfers, one mark each, thinned where they are too many.

Signed and imported measurements keep apart by their shape. A measurement that ran and failed is always
marked; one that was not started or was broken off has no figure and no mark, so the stretch stays empty. A
web object's rate is that of a short transfer and says little of a line's speed, so it is not drawn against
the contract.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from collector.view import RecordRow
from shared.record import End

DIRECTIONS: Final = ("down", "up")
MOST_MARKS: Final = 4000
_NOT_A_SPEED_TEST: Final = frozenset({"fetch", "latency"})
# 1 Jan 2010. Nothing read here measured a line before; a clock that says so was never set.
EARLIEST_US: Final = 1_262_304_000_000_000
LATEST_US: Final = 7_258_118_400_000_000  # 1 Jan 2200
_AHEAD_US: Final = 86_400_000_000


class Shape(StrEnum):
    """Where a measurement came from, as its mark's outline."""

    SCHEDULED = "circle"
    BY_HAND = "diamond"
    IMPORTED = "square"


@dataclass(frozen=True, slots=True)
class Mark:
    """One measurement in a chart; a failed one has no rate."""

    direction: str
    at_us: int
    rate_bps: int | None
    shape: Shape
    flawed: bool


@dataclass(frozen=True, slots=True)
class Marks:
    """What is drawn of how many (`total`); `thinned_us`: the stretch of which only the extremes are drawn."""

    drawn: tuple[Mark, ...]
    total: int
    thinned_us: int | None = None
    impossible: int = 0

    def in_direction(self, direction: str) -> tuple[Mark, ...]:
        """The marks of one panel."""
        return tuple(mark for mark in self.drawn if mark.direction == direction)


def is_transfer(row: RecordRow) -> bool:
    """Whether a record is a transfer that ran, so that it has a place in a chart of speeds."""
    ran = row.end == End.FAILED or (row.end == End.OK and row.rate_bps is not None)
    return ran and row.direction in DIRECTIONS and row.method not in _NOT_A_SPEED_TEST


def is_possible(at_us: int, as_of_us: int) -> bool:
    """Whether a device's clock can have been right: not before 2010 and no more than a day ahead of ours."""
    return EARLIEST_US <= at_us <= min(as_of_us + _AHEAD_US, LATEST_US)


def marks_of(rows: Iterable[RecordRow], as_of_us: int, most: int = MOST_MARKS) -> Marks:
    """The marks of a chart; of more than `most` figures only the slowest and fastest of each stretch."""
    transfers = [row for row in rows if is_transfer(row)]
    every = [_mark(row) for row in transfers if is_possible(row.at_us, as_of_us)]
    impossible = len(transfers) - len(every)
    figures = [mark for mark in every if mark.rate_bps is not None]
    if len(figures) <= most:
        return Marks(tuple(every), len(transfers), impossible=impossible)
    failures = [mark for mark in every if mark.rate_bps is None]
    kept, stretch_us = _thin(figures, most)
    return Marks((*kept, *failures), len(transfers), stretch_us, impossible)


def _mark(row: RecordRow) -> Mark:
    own = Shape.BY_HAND if row.slot is None and row.campaign is None else Shape.SCHEDULED
    shape = Shape.IMPORTED if row.provenance == "imported" else own
    rate_bps = row.rate_bps if row.end == End.OK else None
    return Mark(row.direction or "", row.at_us, rate_bps, shape, bool(row.flaws))


def _thin(figures: Sequence[Mark], most: int) -> tuple[tuple[Mark, ...], int]:
    """The slowest and the fastest of each kind in each stretch, at most `most`, and how long a stretch is."""
    kinds = len({(mark.direction, mark.shape, mark.flawed) for mark in figures})
    stretches = max(1, most // (2 * kinds))
    first_us = min(mark.at_us for mark in figures)
    stretch_us = (max(mark.at_us for mark in figures) - first_us) // stretches + 1
    slowest: dict[tuple[str, str, bool, int], Mark] = {}
    fastest: dict[tuple[str, str, bool, int], Mark] = {}
    for mark in figures:
        place = (mark.direction, mark.shape.value, mark.flawed, (mark.at_us - first_us) // stretch_us)
        if place not in slowest or _rate(mark) < _rate(slowest[place]):
            slowest[place] = mark
        if place not in fastest or _rate(mark) > _rate(fastest[place]):
            fastest[place] = mark
    return tuple(dict.fromkeys((*slowest.values(), *fastest.values()))), stretch_us


def _rate(mark: Mark) -> int:
    return mark.rate_bps or 0
