"""What an emulated link could have carried in given seconds, and how far an estimate is from it.

Pure, integers only: times in microseconds of the monotonic clock, rates in bit/s, shares in millionths. It runs
nothing and knows no tool.

The truth is TCP payload. A full packet of 1500 bytes carries 1448 of it over IPv4 and 1428 over IPv6, because the
TCP header comes with its timestamps (RFC 7323). A link that loses a share of its packets behind the serialiser carries
that share less, whatever the sender does. A trace offers one packet per delivery opportunity (mahimahi: 1504 bytes, of
which 4 are a device header). WebSocket framing, below 0.1 %, is not taken off.
"""

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import comb
from typing import Final, Self

MTU_BYTES: Final = 1500
PAYLOAD_BYTES: Final[Mapping[int, int]] = {4: 1448, 6: 1428}  # by IP version
MILLION: Final = 1_000_000


@dataclass(frozen=True, slots=True)
class Trace:
    """Delivery opportunities from a start on; after the last one everything repeats."""

    at_us: tuple[int, ...]

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read a mahimahi trace: one time in milliseconds per line."""
        return cls(tuple(int(line) * 1000 for line in text.split()))

    @property
    def period_us(self) -> int:
        """After how long it repeats."""
        return self.at_us[-1]

    def until(self, t_us: int) -> int:
        """Opportunities from the start up to and including a moment."""
        rounds, rest_us = divmod(t_us, self.period_us)
        return rounds * len(self.at_us) + bisect_right(self.at_us, rest_us)

    def between(self, from_us: int, until_us: int) -> int:
        """Opportunities after one moment, up to and including another."""
        return self.until(until_us) - self.until(from_us)


def constant_bps(rate_bps: int, loss_ppm: int, version: int = 4) -> int:
    """Payload of a constant link."""
    return rate_bps * PAYLOAD_BYTES[version] * (MILLION - loss_ppm) // (MTU_BYTES * MILLION)


def trace_bps(trace: Trace, from_us: int, until_us: int, loss_ppm: int, version: int = 4) -> int:
    """Mean payload rate that a trace offered between two moments since its start."""
    payload_bytes = trace.between(from_us, until_us) * PAYLOAD_BYTES[version]
    return payload_bytes * 8 * (MILLION - loss_ppm) // (until_us - from_us)


def error_ppm(estimate: int, truth: int) -> int:
    """How far an estimate is from the truth, with its sign."""
    return (estimate - truth) * MILLION // truth


def between_samples(samples: Sequence[tuple[int, int]], at_us: int) -> int:
    """A count that was read now and then, at a moment between two readings."""
    before_us, before = samples[0]
    for t_us, count in samples:
        if t_us >= at_us:
            return count if t_us == before_us else before + (count - before) * (at_us - before_us) // (t_us - before_us)
        before_us, before = t_us, count
    return before


def jain_per_mille(shares: Sequence[int]) -> int:
    """Jain's index of fairness: 1000 when all have the same."""
    squares = len(shares) * sum(share * share for share in shares)
    return 1000 * sum(shares) ** 2 // squares if squares else 0


def binomial_bounds(n: int, share_ppm: int, outside_ppm: int = 1000) -> tuple[int, int]:
    """The fewest and the most hits of n that chance alone gives, but for `outside_ppm`, half of it at either end."""
    counts = [comb(n, k) * share_ppm**k * (MILLION - share_ppm) ** (n - k) for k in range(n + 1)]
    limit = MILLION**n * outside_ppm // (2 * MILLION)
    return _first_beyond(counts, limit), n - _first_beyond(counts[::-1], limit)


def _first_beyond(counts: Sequence[int], limit: int) -> int:
    total = 0
    for k, count in enumerate(counts):
        total += count
        if total > limit:
            return k
    return len(counts) - 1
