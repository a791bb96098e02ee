"""How well a rate is known: when a running count is level, its rate, and an interval for that rate. Integers only.

Pure. Works on bytes so far at moments `GRID_US` apart, all flows together. What is estimated is the mean rate that the
line carried in the very seconds of the window. Two things make the window's own mean uncertain: where its ends fall
among arrivals that come in bursts, and load that did not fill the line all the time; the second leaves its trace in how
much the parts of the window differ. So the window is cut into equal batches (batch means; their number is small, hence
Student's t), and to the half width that follows from them comes a floor, which was set from runs over emulated links
whose rate is known (`scripts/bench_methods.py`), and the share of silences, in which nobody knows what the line could do.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import isqrt

from probe.measure.outcome import Value

GRID_US = 25_000
LEAST_WINDOW_US = 400_000
WINDOW_ROUND_TRIPS = 4
LEAST_WINDOW_BYTES = 150_000  # a hundred packets: below that, where one packet falls decides
LEVEL_PER_MILLE = 40  # the last third of a level window differs from its first by less
KNOWN_PER_MILLE = 50  # a rate is known well enough at this half width
FLOOR_PER_MILLE = 20
BATCHES = 8
SILENCE_STEPS = 10  # a quarter of a second without a byte: longer than any queue of a line that is being loaded
# Student's t, 97.5 %, in thousandths, by the number of batches less one.
T_MILLI = (0, 12706, 4303, 3182, 2776, 2571, 2447, 2365)


@dataclass(frozen=True, slots=True)
class Estimate:
    """A rate over a window, with the 95 % interval stated for it."""

    from_us: int
    until_us: int
    rate_bps: int
    half_width_bps: int

    @property
    def known(self) -> bool:
        """Whether the interval is narrow enough to stop."""
        return self.rate_bps > 0 and self.half_width_bps * 1000 <= self.rate_bps * KNOWN_PER_MILLE

    def members(self) -> dict[str, Value]:
        """The record's members for the interval."""
        return {
            "rate_lo_bps": max(self.rate_bps - self.half_width_bps, 0),
            "rate_hi_bps": self.rate_bps + self.half_width_bps,
            "interval_pm": 950,
        }


def estimate(points: Sequence[int], start: int, end: int) -> Estimate | None:
    """The rate between two points of the grid and its interval; None if there is too little to tell."""
    steps = end - start
    batches = min(BATCHES, steps)
    if batches < 2 or points[end] <= points[start]:  # noqa: PLR2004  (a difference needs two)
        return None
    edges = [start + steps * k // batches for k in range(batches + 1)]
    span_us = steps * GRID_US
    rates = [
        8_000_000 * (points[late] - points[early]) // ((late - early) * GRID_US) for early, late in pairwise(edges)
    ]
    rate_bps = 8_000_000 * (points[end] - points[start]) // span_us
    variance = sum((rate - rate_bps) ** 2 for rate in rates) // (batches - 1)
    half_bps = T_MILLI[batches - 1] * isqrt(variance // batches) // 1000 + rate_bps * FLOOR_PER_MILLE // 1000
    silent = _silent_steps(points, start, end)
    if silent:
        half_bps += rate_bps * silent // max(steps - silent, 1)
    return Estimate(start * GRID_US, end * GRID_US, rate_bps, half_bps)


def _silent_steps(points: Sequence[int], start: int, end: int) -> int:
    """How many steps belong to silences: there the sender may have waited, for a line that could have carried more."""
    total = run = 0
    for place in range(start, end):
        run = run + 1 if points[place + 1] == points[place] else 0
        total += SILENCE_STEPS if run == SILENCE_STEPS else int(run > SILENCE_STEPS)
    return total


def known_estimate(points: Sequence[int], round_trip_us: int) -> Estimate | None:
    """The estimate over the longest window up to now that is level and known well enough; None if there is none."""
    end = len(points) - 1
    least = -(-max(LEAST_WINDOW_US, WINDOW_ROUND_TRIPS * round_trip_us) // GRID_US)
    for start in range(max(end - least, -1) + 1):
        if points[end] - points[start] < LEAST_WINDOW_BYTES:
            return None
        third = (end - start) // 3
        first, last = points[start + third] - points[start], points[end] - points[end - third]
        if abs(last - first) * 1000 > LEVEL_PER_MILLE * max(first, last):
            continue
        found = estimate(points, start, end)
        if found is not None and found.known:
            return found
    return None


def last_estimate(points: Sequence[int], warm_us: int) -> Estimate | None:
    """The estimate over everything after the first part, for a line that was never level."""
    start = min(-(-warm_us // GRID_US), len(points) // 2)
    return estimate(points, start, len(points) - 1)
