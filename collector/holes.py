"""Numbers of a device's chain of which there is no record, and where starts among them would have had their place. Pure.

Numbers count starts (FORMAT.md, section 5), so a record that was taken out of a chain leaves a hole between the records
before and after it. What it was nobody can say: a note, a test by hand, or a scheduled test with a good result. It can have
been a scheduled test of one direction only where the device shows none of that direction in a slot between the two; of so
many free slots as many as there are numbers may be meant. What lies after the device's last record was perhaps only not
delivered yet and is no hole; what lies before its first one is.
"""

from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import accumulate, pairwise
from types import MappingProxyType
from typing import Final

from collector.judge.doubt import Gap
from collector.view import RecordRow, RemovedRow
from shared.slots import SlotPlan

MOST_SLOTS: Final = 10_000  # of one hole, the last ones before its end: a clock at 1970 must not make half a century
Plans = Mapping[str, SlotPlan]
NONE_REMOVED: Final[Mapping[str, RemovedRow]] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Hole:
    """So many numbers between two records of a device; `before` is None where the chain begins with the hole."""

    missing: int
    before: RecordRow | None
    after: RecordRow

    @property
    def from_us(self) -> int | None:
        """Not before this moment, as far as the device's clock tells; None at the beginning of a chain."""
        return None if self.before is None else min(self.before.at_us, self.after.at_us)

    @property
    def to_us(self) -> int:
        """Not after this moment, as far as the device's clock tells."""
        return self.after.at_us if self.before is None else max(self.before.at_us, self.after.at_us)


@dataclass(frozen=True, slots=True)
class Started:
    """A start of which only the peer's word came: its device, its direction, when it began by the peer's clock."""

    dev: str
    direction: str
    at_us: int


@dataclass(frozen=True, slots=True)
class Numbering:
    """The holes of a line's devices, and which slots show a test, by device and direction."""

    holes: tuple[Hole, ...] = ()
    filled: frozenset[tuple[str, str, int]] = frozenset()
    plans: Plans = field(default_factory=dict)
    started: tuple[Started, ...] = ()

    def since(self, opened_us: int) -> tuple[Hole, ...]:
        """The holes that do not end before a moment."""
        return tuple(one for one in self.holes if one.to_us >= opened_us)

    def most_missing(self, opened_us: int, within_us: int | None) -> int:
        """How many numbers of one device can have been used up since a moment in one stretch of so long (None: in all)."""
        most = 0
        for dev in {one.after.dev for one in self.holes}:
            holes = sorted(
                (opened_us if one.from_us is None else one.from_us, one.to_us, one.missing)
                for one in self.since(opened_us)
                if one.after.dev == dev
            )
            sums = [0, *accumulate(missing for _, _, missing in holes)]
            for first, (_, to_us, _) in enumerate(holes):
                end = (
                    len(holes) if within_us is None else bisect_right(holes, to_us + within_us, key=lambda one: one[0])
                )
                most = max(most, sums[end] - sums[first])
        return most

    def gaps(self, direction: str, opened_us: int) -> tuple[Gap, ...]:
        """Where scheduled tests of a direction can be missing since a moment."""
        found = (
            Gap(min(hole.missing, len(places)), hole.to_us, places)
            for hole in self.since(opened_us)
            if (places := tuple(self._free(hole, direction, opened_us)))
        )
        return (*found, *(Gap(1, at_us, ((at_us, at_us),)) for at_us in self.only_peers(direction, opened_us)))

    def only_peers(self, direction: str, opened_us: int) -> tuple[int, ...]:
        """When the starts began since a moment of which only the peer's word came, in slots without a test of that direction."""
        return tuple(
            one.at_us
            for one in self.started
            if one.direction == direction
            and one.at_us >= opened_us
            and (one.dev, direction, self.plans.get(one.dev, SlotPlan()).slot_at(one.at_us)) not in self.filled
        )

    def _free(self, hole: Hole, direction: str, opened_us: int) -> Iterator[tuple[int, int]]:
        """The slots without a test: between which moments each would have begun."""
        dev = hole.after.dev
        plan = self.plans.get(dev, SlotPlan())
        length_us, guard_us = plan.slot_s * 1_000_000, plan.guard_s * 1_000_000
        last = plan.slot_at(hole.to_us)
        first = last - min(hole.missing, MOST_SLOTS)
        from_us = opened_us
        if hole.from_us is not None:
            # the last test of a slot may begin in the next one, so the record before may tell an earlier slot than its time
            told = [one.slot for one in (hole.before, hole.after) if one is not None and one.slot is not None]
            first, from_us = min([plan.slot_at(hole.from_us), *told]), max(opened_us, hole.from_us)
        for slot in range(max(first, last - MOST_SLOTS, plan.slot_at(opened_us) - 1), last + 1):
            if (dev, direction, slot) not in self.filled:
                earliest = max(slot * length_us, from_us)
                latest = min((slot + 1) * length_us - guard_us - 1, hole.to_us)
                yield earliest, max(earliest, latest)


def _missing(before: int, after: int, removed: RemovedRow | None) -> int:
    """How many numbers between two are nobody's, and were not removed here either."""
    if removed is None:
        return after - before - 1
    there = min(after - 1, removed.last_seq) - max(before + 1, removed.first_seq) + 1
    return after - before - 1 - max(0, there)


def numbering_of(
    rows: Sequence[RecordRow], plans: Plans, removed: Mapping[str, RemovedRow] = NONE_REMOVED
) -> Numbering:
    """The numbering of the signed rows of a line, notes and tests by hand among them.

    Numbers that the collector has received and removed by its own rule are not missing.
    """
    chains: dict[str, list[RecordRow]] = {}
    for row in rows:
        if row.provenance == "signed":
            chains.setdefault(row.dev, []).append(row)
    holes: list[Hole] = []
    for dev in sorted(chains):
        chain: list[RecordRow | None] = [None, *sorted(chains[dev], key=lambda one: one.seq)]
        for before, after in pairwise(chain):
            missing = (
                0 if after is None else _missing(-1 if before is None else before.seq, after.seq, removed.get(dev))
            )
            if after is not None and missing > 0:
                holes.append(Hole(missing, before, after))
    filled = frozenset(
        (row.dev, row.direction, row.slot)
        for row in rows
        if row.provenance == "signed" and row.direction is not None and row.slot is not None
    )
    return Numbering(tuple(holes), filled, plans)
