"""Byte counts over time, thin enough to be signed and dense enough for anybody to compute every rate again.

Pure. A sample is (microseconds since t = 0, bytes so far). The first count is kept, then one each
`SPACING_US`, and the last one always.
"""

from bisect import bisect_right
from dataclasses import dataclass, field

SPACING_US = 100_000


@dataclass(slots=True)
class Samples:
    """A cumulative count; times grow strictly, counts never fall."""

    t_us: list[int] = field(default_factory=list)
    counts: list[int] = field(default_factory=list)
    total_bytes: int = 0
    last_us: int = 0

    def add(self, n_bytes: int, t_us: int) -> None:
        """Count bytes that moved at a moment."""
        self.reach(self.total_bytes + n_bytes, t_us)

    def reach(self, total_bytes: int, t_us: int) -> None:
        """Note what the count had reached at a moment."""
        self.total_bytes, self.last_us = total_bytes, max(t_us, self.last_us)
        if not self.t_us or self.last_us - self.t_us[-1] >= SPACING_US:
            self._keep()

    def _keep(self) -> None:
        if self.t_us and self.t_us[-1] == self.last_us:
            self.counts[-1] = self.total_bytes
        else:
            self.t_us.append(self.last_us)
            self.counts.append(self.total_bytes)

    def close(self) -> None:
        """Keep the last count too, however soon it came after the one before."""
        if self.t_us:
            self._keep()

    def most_at(self, t_us: int) -> int:
        """Give a count that had certainly not been passed at a moment: the next one kept after it."""
        place = bisect_right(self.t_us, t_us)
        return self.counts[place] if place < len(self.t_us) else self.total_bytes

    def rate_bps(self) -> int:
        """Give the rate since the last kept sample but one, for the progress bar only."""
        before = len(self.t_us) - 2
        if before < 0 or self.last_us == self.t_us[before]:
            return 0
        return 8_000_000 * (self.total_bytes - self.counts[before]) // (self.last_us - self.t_us[before])
