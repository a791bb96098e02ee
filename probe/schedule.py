"""When the next slot's measurement starts: pure, the same after every restart."""

from collections.abc import Collection
from dataclasses import dataclass

from shared.slots import SlotPlan


@dataclass(frozen=True, slots=True)
class Due:
    """The next start: its slot, its moment (unix µs), and whether this slot also carries the heavy methods."""

    slot: int
    at_us: int
    heavy: bool


@dataclass(frozen=True, slots=True)
class Schedule:
    """One device's slots. Every `heavy_every`-th slot is heavy; which ones follows from the device's name."""

    plan: SlotPlan
    key: bytes
    dev: str
    heavy_every: int

    def next_due(self, now_us: int, done: Collection[int]) -> Due:
        """The first start that is not before `now_us` and whose slot is not done.

        Not "after the last one done": a clock that once ran years ahead would end all measuring.
        """
        slot = self.plan.slot_at(now_us)
        while (at_us := self.plan.start_us(self.key, self.dev, slot)) < now_us or slot in done:
            slot += 1
        return Due(slot, at_us, slot % self.heavy_every == int(self.dev[:8], 16) % self.heavy_every)
