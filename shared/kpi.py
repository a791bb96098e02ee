"""Figures computed from what a record holds, so that anyone recomputes them. Integers only.

Rate: application bytes that arrived, over time, without the warm-up, by RMBT's rule of interpolated samples (RMBT
specification 1.2.0): t* is the smallest of the flows' last sample times, each flow's count at t* is interpolated between
its samples, and the sum counts. What had arrived by the end of the warm-up is taken off by the same rule. Percentile:
the smallest x with F(x) >= q (RFC 2330, section 11.3), a lost packet being an infinite delay; there is no figure where
that delay is infinite.
"""

from collections.abc import Sequence
from operator import add

from shared.record import LOST, End, Record


def rate_bps(record: Record) -> int | None:
    """The rate of a finished transfer in bit/s; None if it did not finish or does not hold enough to compute one."""
    received, dur_us = record.integer("received_bytes"), record.integer("dur_us")
    if record.end is not End.OK or received is None or received < 0 or dur_us is None or dur_us <= 0:
        return None
    window = window_us(record)
    if window is None:
        return 8_000_000 * received // dur_us
    from_us, until_us = window
    moved = sum(
        bytes_at(times, counts, until_us) - bytes_at(times, counts, from_us) for times, counts in flow_series(record)
    )
    return 8_000_000 * moved // (until_us - from_us)


def window_us(record: Record) -> tuple[int, int] | None:
    """The part of a transfer that its rate is taken from, in µs since t = 0; None if it is the whole of it."""
    series, warm_us = flow_series(record), record.integer("warm_us") or 0
    stated_us = record.integer("until_us")
    if not series or warm_us < 0 or (warm_us == 0 and stated_us is None):
        return None
    until_us = min(times[-1] for times, _ in series)
    if stated_us is not None and warm_us < stated_us <= until_us:
        until_us = stated_us
    return (warm_us, until_us) if until_us > warm_us else None


def flow_series(record: Record) -> list[tuple[Sequence[int], Sequence[int]]]:
    """Each flow's sample times and cumulative counts of what had arrived; nothing if there are none or they cannot be true.

    What had arrived is what was counted in order and what waited behind a lost packet (`held_bytes`), if that is told;
    but never more than was counted in order in the end.
    """
    times, counts, held = record.series("flow_t_us"), record.series("flow_bytes"), record.series("flow_held_bytes")
    if not times and not counts:
        times, counts, held = (record.integers("t_us"),), (record.integers("bytes"),), (record.integers("held_bytes"),)
    if len(times) != len(counts):
        return []
    if [len(row) for row in held] == [len(row) for row in counts]:
        counts = tuple(
            tuple(min(arrived, row[-1]) for arrived in map(add, row, waiting))
            for row, waiting in zip(counts, held, strict=True)
        )
    return list(zip(times, counts, strict=True)) if all(map(_is_series, times, counts)) else []


def bytes_at(times: Sequence[int], counts: Sequence[int], at_us: int) -> int:
    """Bytes that had arrived at a moment, interpolated between samples; the series starts at (0, 0)."""
    before_us, before = 0, 0
    for t_us, count in zip(times, counts, strict=True):
        if t_us >= at_us:
            if t_us == before_us:
                return count
            return before + (at_us - before_us) * (count - before) // (t_us - before_us)
        before_us, before = t_us, count
    return before


def _is_series(times: Sequence[int], counts: Sequence[int]) -> bool:
    """A usable series: as many times as counts, starting at or after (0, 0), neither ever going back."""
    if not times or len(times) != len(counts) or times[0] < 0 or counts[0] < 0:
        return False
    return all(times[i] <= times[i + 1] and counts[i] <= counts[i + 1] for i in range(len(times) - 1))


def percentile(values: Sequence[int], per_mille: int) -> int | None:
    """The smallest value that at least `per_mille` of all do not exceed; `LOST` is infinite, and so is the answer then: None."""
    if not values:
        return None
    rank = max(1, -(-per_mille * len(values) // 1000))
    answered = sorted(value for value in values if value != LOST)
    return answered[rank - 1] if rank <= len(answered) else None


def rtt_median_us(record: Record) -> int | None:
    """Median round trip in µs, losses being infinite; None if infinite or there are no round trips."""
    return percentile(record.integers("rtt_us"), 500)


def loss_per_mille(record: Record) -> int | None:
    """Lost round trips per thousand sent; None if none was sent."""
    values = record.integers("rtt_us")
    return 1000 * values.count(LOST) // len(values) if values else None
