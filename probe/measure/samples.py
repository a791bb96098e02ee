"""Byte counts over time, thin enough to be signed and dense enough for anybody to compute every rate again.

Pure. A sample is (microseconds since t = 0, bytes so far, bytes held back). The first count is kept, then one each
`spacing_us`, and the last one always. Held back is what has arrived and waits for a lost packet before it
(`probe.measure.held`); count and held together never fall.
"""

from bisect import bisect_right
from dataclasses import dataclass, field

SPACING_US = 100_000


@dataclass(slots=True)
class Samples:
    """A cumulative count; times grow strictly, counts never fall."""

    spacing_us: int = SPACING_US
    t_us: list[int] = field(default_factory=list)
    counts: list[int] = field(default_factory=list)
    held: list[int] = field(default_factory=list)
    total_bytes: int = 0
    last_us: int = 0
    grown_us: int = 0  # when the count last grew
    _held_bytes: int = 0

    def add(self, n_bytes: int, t_us: int) -> None:
        """Count bytes that moved at a moment; a jump is made of what was held back."""
        self.reach(self.total_bytes + n_bytes, t_us, max(self._held_bytes - n_bytes, 0))

    def reach(self, total_bytes: int, t_us: int, held_bytes: int = 0) -> None:
        """Note what the count had reached at a moment, and what was held back behind it."""
        self.last_us = max(t_us, self.last_us)
        if total_bytes > self.total_bytes:
            self.total_bytes, self.grown_us = total_bytes, self.last_us
        self._held_bytes = held_bytes
        if not self.t_us or self.last_us - self.t_us[-1] >= self.spacing_us:
            self._keep()

    def _keep(self) -> None:
        if self.t_us and self.t_us[-1] == self.last_us:
            for series in (self.t_us, self.counts, self.held):
                series.pop()
        arrived_bytes = self.counts[-1] + self.held[-1] if self.t_us else 0
        self.t_us.append(self.last_us)
        self.counts.append(self.total_bytes)
        self.held.append(max(self._held_bytes, arrived_bytes - self.total_bytes))

    def close(self) -> None:
        """Keep the last count too, however soon it came after the one before."""
        if self.t_us:
            self._keep()
        # What was held back is counted before the end, or it was nothing that anybody received.
        self.held = [min(held, self.total_bytes - count) for count, held in zip(self.counts, self.held, strict=True)]

    def until_grown(self) -> tuple[list[int], list[int], list[int]]:
        """Give times, counts and what was held back, up to the moment at which the last byte was counted."""
        cut = next((place + 1 for place, count in enumerate(self.counts) if count >= self.total_bytes), 0)
        return self.t_us[:cut], self.counts[:cut], self.held[:cut]

    def most_at(self, t_us: int) -> int:
        """Give a count that had certainly not been passed at a moment: the next one kept after it."""
        place = bisect_right(self.t_us, t_us)
        return self.counts[place] if place < len(self.t_us) else self.total_bytes

    def rate_bps(self) -> int:
        """Give the rate since the last kept sample but one, or but some if they are close."""
        before = len(self.t_us) - 2
        while before > 0 and self.last_us - self.t_us[before] < SPACING_US:
            before -= 1
        if before < 0 or self.last_us == self.t_us[before]:
            return 0
        return 8_000_000 * (self.total_bytes - self.counts[before]) // (self.last_us - self.t_us[before])
