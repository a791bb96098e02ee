"""What many remembered measurements come to: usual values, hours of the day, slots, failures, data used. Pure, integers.

Usual values are quartiles (RFC 2330's percentile) of planned measurements without a flaw: what somebody started by hand
and what something else may have spoilt is shown, and not counted. They are for the owner's eye; whoever judges computes
his own from the signed records.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from enum import Enum

from probe.moments import SECOND_US, Local
from probe.remembered import Remembered
from shared import kpi
from shared.record import End


class State(Enum):
    """What came of a slot."""

    WORKED = "worked"
    PARTLY = "partly"
    FAILED = "failed"
    HELD_BACK = "held back"


@dataclass(frozen=True, slots=True)
class Usual:
    """Quartiles of so many values."""

    count: int
    low: int
    middle: int
    high: int


def usual(values: Iterable[int | None]) -> Usual | None:
    """The quartiles of what is known; None if nothing is."""
    known = sorted(value for value in values if value is not None)
    if not known:
        return None
    low, middle, high = (known[max(1, -(-part * len(known) // 4)) - 1] for part in (1, 2, 3))
    return Usual(len(known), low, middle, high)


def counted(rows: Iterable[Remembered], *methods: str) -> list[Remembered]:
    """The scheduled measurements without a flaw, of these methods or of all, that ran to an end, well or not."""
    ran = (End.OK, End.FAILED)
    return [
        row
        for row in rows
        if (not methods or row.method in methods) and row.end in ran and not row.flaws
        if row.is_planned and row.is_measurement
    ]


def by_hour(rows: Iterable[Remembered], local: Local, value: Callable[[Remembered], int | None]) -> dict[int, Usual]:
    """The usual value of each hour of the local day that has any."""
    hours: dict[int, list[int | None]] = {}
    for row in rows:
        hours.setdefault(local(row.at_us).hour, []).append(value(row))
    found = {hour: usual(values) for hour, values in sorted(hours.items())}
    return {hour: one for hour, one in found.items() if one is not None}


def by_stretch(
    rows: Iterable[Remembered], from_us: int, to_us: int, stretches: int, value: Callable[[Remembered], int | None]
) -> list[tuple[int, tuple[int, ...]]]:
    """What is known in each of so many equal stretches of time that have anything: its middle, and the values."""
    found: dict[int, list[int]] = {}
    width_us = max(1, -(-(to_us - from_us) // stretches))
    for row in rows:
        known = value(row)
        if known is not None:
            found.setdefault((row.at_us - from_us) // width_us, []).append(known)
    return [(from_us + n * width_us + width_us // 2, tuple(sorted(values))) for n, values in sorted(found.items())]


def by_day(
    rows: Iterable[Remembered], local: Local, value: Callable[[Remembered], int | None]
) -> dict[date, tuple[int, ...]]:
    """What is known on each local day."""
    days: dict[date, list[int]] = {}
    for row in rows:
        known = value(row)
        if known is not None:
            days.setdefault(local(row.at_us).date(), []).append(known)
    return {day: tuple(sorted(values)) for day, values in sorted(days.items())}


def share_per_mille(part: int, whole: int) -> int:
    """A part of a whole that is not empty, rounded down."""
    return 1000 * part // whole


def middle(values: Sequence[int]) -> int:
    """The median of at least one value."""
    found = kpi.percentile(values, 500)
    return 0 if found is None else found


def slots(rows: Iterable[Remembered]) -> dict[int, State]:
    """What came of each slot of which there is any record; one that is missing here left none."""
    ends: dict[int, set[str]] = {}
    for row in rows:
        if row.slot is not None and row.is_measurement:
            ends.setdefault(row.slot, set()).add("aside" if "peer_fault" in row.flaws else row.end)
    return {slot: _state(found) for slot, found in sorted(ends.items())}


def _state(ends: set[str]) -> State:
    if End.FAILED in ends:
        return State.PARTLY if End.OK in ends else State.FAILED
    return State.WORKED if End.OK in ends else State.HELD_BACK


def failed(states: Mapping[int, State]) -> list[range]:
    """The runs of slots, one after the other, in which nothing worked."""
    runs: list[range] = []
    for slot in sorted(slot for slot, state in states.items() if state is State.FAILED):
        if runs and runs[-1].stop == slot:
            runs[-1] = range(runs[-1].start, slot + 1)
        else:
            runs.append(range(slot, slot + 1))
    return runs


def silent(states: Mapping[int, State], until_us: int, slot_s: int) -> list[range]:
    """The runs of slots, between the first that is known and the last that is over, of which nothing is recorded."""
    if not states:
        return []
    first, beyond = min(states), until_us // (slot_s * SECOND_US)
    known = [slot for slot in sorted(states) if slot < beyond]
    edges = zip([first - 1, *known], [*known, max(beyond, first)], strict=True)
    return [range(before + 1, after) for before, after in edges if after - before > 1]


def reasons(rows: Iterable[Remembered], end: End, name: Callable[[Remembered], str | None]) -> list[tuple[str, int]]:
    """How many measurements ended so, for each reason, the commonest first."""
    tally = Counter(name(row) or "" for row in rows if row.end == end and row.is_measurement)
    return sorted(tally.items(), key=lambda one: (-one[1], one[0]))


def flaws(rows: Iterable[Remembered]) -> list[tuple[str, int]]:
    """How many measurements have each flaw, the commonest first."""
    tally = Counter(flaw for row in rows for flaw in row.flaws)
    return sorted(tally.items(), key=lambda one: (-one[1], one[0]))
