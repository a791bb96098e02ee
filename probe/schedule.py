"""When the next slot's measurement starts: pure, the same after every restart and after a week without a network.

The key of the draw changes with the UTC day, as FORMAT.md, section 6, has it: from the first checkpoint that a witness
cosigned on that day, as far as it is known; until then from the newest one that is held, and before any from a seed drawn
once (RFC 2330: random, but nobody else can recompute it). Which it was is said in the record, as `drawn`.
"""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Literal

from shared.slots import SlotPlan, is_heavy, schedule_key

Drawn = Literal["beacon", "older", "seed"]
DAY_S = 86_400
HELD = 4  # beacons worth keeping: today's, and some to fall back on


@dataclass(frozen=True, slots=True)
class Beacon:
    """A witness's cosignature of a checkpoint (76 bytes), and when it was made (unix s)."""

    t_s: int
    cosig: bytes


@dataclass(frozen=True, slots=True)
class Draw:
    """What the starts of a device are drawn from."""

    seed: bytes
    beacons: tuple[Beacon, ...] = ()  # oldest first

    def learn(self, beacon: Beacon) -> "Draw":
        """With one more beacon; of each day the first counts, so that nobody can draw twice."""
        days = {one.t_s // DAY_S: one for one in sorted((*self.beacons, beacon), key=_t_s, reverse=True)}
        return Draw(self.seed, tuple(sorted(days.values(), key=_t_s)[-HELD:]))

    def key_of(self, day: int) -> tuple[bytes, Drawn]:
        """The key for a UTC day, and which kind it is."""
        held = [one for one in self.beacons if one.t_s // DAY_S <= day]
        if not held:
            return schedule_key(self.seed), "seed"
        return schedule_key(held[-1].cosig), "beacon" if held[-1].t_s // DAY_S == day else "older"


@dataclass(frozen=True, slots=True)
class Due:
    """The next start: its slot, its moment (unix µs), whether this slot also carries the heavy methods, and its draw."""

    slot: int
    at_us: int
    heavy: bool
    drawn: Drawn = "seed"


@dataclass(frozen=True, slots=True)
class Schedule:
    """One device's slots. Every `heavy_every`-th slot is heavy; which ones follows from the device's name."""

    plan: SlotPlan
    draw: Draw
    dev: str
    heavy_every: int

    def next_due(self, now_us: int, done: Collection[int]) -> Due:
        """The first start that is not before `now_us` and whose slot is not done.

        Not "after the last one done": a clock that once ran years ahead would end all measuring.
        """
        slot = self.plan.slot_at(now_us)
        while (due := self.start_of(slot)).at_us < now_us or slot in done:
            slot += 1
        return due

    def start_of(self, slot: int) -> Due:
        """The start in a slot."""
        key, drawn = self.draw.key_of(slot * self.plan.slot_s // DAY_S)
        at_us = self.plan.start_us(key, self.dev, slot)
        return Due(slot, at_us, is_heavy(self.dev, slot, self.heavy_every), drawn)


def _t_s(beacon: Beacon) -> int:
    return beacon.t_s
