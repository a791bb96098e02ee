"""How many bytes have arrived and wait in the receiver's kernel: for a lost packet before them, or to be read.

TCP hands bytes on in order, so behind every loss the count stands still for a round trip and then jumps, although the
line carried packets all the time; a rate between two moments is wrong by what was held back at either. A kernel that
counts the segments it received (Linux `tcpi_data_segs_in`) tells nearly how much that was. Pure.

While a packet is missing no byte comes in order; so whenever the bytes in order have grown for some looks by just the
segments that came, nothing is held. That also takes back what short or repeated segments had made the estimate drift.
"""

from dataclasses import dataclass, field

SMOOTH_LOOKS = 3
LIMIT_BYTES = 1 << 23


@dataclass(frozen=True, slots=True)
class Kernel:
    """What a receiver's kernel has counted of a connection; zeros are what it does not tell."""

    in_order_bytes: int = 0
    segments: int = 0
    segment_bytes: int = 0
    unread_bytes: int = 0  # in order, and not handed on yet


@dataclass(slots=True)
class Held:
    """The estimate for one connection."""

    _rest_bytes: int = 0  # bytes in order less bytes in segments
    _free_bytes: int | None = None  # the same, when nothing was held
    _last: Kernel = field(default_factory=Kernel)
    _smooth: int = 0

    def look(self, now: Kernel) -> int:
        """Take the kernel's counts at a moment; the bytes held then."""
        grown = now.segments - self._last.segments
        grown_bytes = now.in_order_bytes - self._last.in_order_bytes
        self._last = now
        self._rest_bytes += grown_bytes - grown * now.segment_bytes
        if grown_bytes > 0 and abs(grown_bytes - grown * now.segment_bytes) <= now.segment_bytes:
            self._smooth += 1
        elif grown:
            self._smooth = 0
        if self._free_bytes is None or self._rest_bytes > self._free_bytes or self._smooth >= SMOOTH_LOOKS:
            self._free_bytes = self._rest_bytes
        waiting_bytes = min(self._free_bytes - self._rest_bytes, LIMIT_BYTES) if now.segment_bytes else 0
        return waiting_bytes + now.unread_bytes
