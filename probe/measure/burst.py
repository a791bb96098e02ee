"""Is this line fast enough for several flows? Told from short bursts among the trickle that wakes the radio. Pure.

The first windows of three flows together are more than a slow line's queue takes; what it then drops is sent again, and
costs the customer for no better figure. RMBT falls back to one flow for the same reason, after its own pre-test.
"""

from collections import deque
from dataclasses import dataclass, field

BURST_BYTES = 1 << 13  # six packets, which every sender may send at once
BURST_AT = (5, 8)  # in place of these messages of the trickle
SLOW_US = 24_000  # a line that takes longer for most of a burst is slower than about 2 Mbit/s
MOST_OF_IT_BYTES = BURST_BYTES * 3 // 4
DECIDED_US = 1_100_000  # both bursts have long arrived
NOTICE_US = 300_000  # and flows that are not wanted can still be stopped before they begin


@dataclass(slots=True)
class Burst:
    """What is seen of the first flow while it trickles."""

    fast: bool = False
    _seen: deque[tuple[int, int]] = field(default_factory=deque)
    _before_bytes: int = 0

    def note(self, t_us: int, total_bytes: int) -> None:
        """Take the count at a moment."""
        self._seen.append((t_us, total_bytes))
        while t_us - self._seen[0][0] > SLOW_US:
            self._before_bytes = self._seen.popleft()[1]
        self.fast = self.fast or total_bytes - self._before_bytes >= MOST_OF_IT_BYTES
