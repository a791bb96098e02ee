"""The figures of `shared.kpi` from what was read by types: the same numbers, fast enough to make an index anew. Pure.

`shared.kpi` is the definition, and a test holds these to it for any record.
"""

from bisect import bisect_left
from collections.abc import Sequence
from operator import add

from collector.store.said import Said
from shared.record import LOST

MOST_BPS = 10**15  # a thousand Tbit/s: no line; a figure above it is none
_MEDIAN_PM = 500
Series = list[tuple[Sequence[int], Sequence[int]]]


def plausible(rate_bps: int | None) -> int | None:
    """A rate that some line could have, None otherwise."""
    return rate_bps if rate_bps is not None and 0 <= rate_bps <= MOST_BPS else None


def rate_bps(said: Said) -> int | None:
    """`kpi.rate_bps`."""
    received, dur_us = said.received_bytes, said.dur_us
    if said.end != "ok" or received is None or received < 0 or dur_us is None or dur_us <= 0:
        return None
    warm_us, stated_us = said.warm_us or 0, said.until_us
    if warm_us > 0 or (warm_us == 0 and stated_us is not None):
        series = _flow_series(said)
        if series:
            until_us = min([times[-1] for times, _ in series])
            if stated_us is not None and warm_us < stated_us <= until_us:
                until_us = stated_us
            if until_us > warm_us:
                moved = sum([_at(times, counts, until_us) - _at(times, counts, warm_us) for times, counts in series])
                return 8_000_000 * moved // (until_us - warm_us)
    return 8_000_000 * received // dur_us


def rtt_median_us(said: Said) -> int | None:
    """`kpi.rtt_median_us`."""
    values = said.rtt_us
    if not values:
        return None
    rank = max(1, -(-_MEDIAN_PM * len(values) // 1000))
    answered = sorted([value for value in values if value != LOST] if LOST in values else values)
    return answered[rank - 1] if rank <= len(answered) else None


def loss_per_mille(said: Said) -> int | None:
    """`kpi.loss_per_mille`."""
    values = said.rtt_us
    return 1000 * values.count(LOST) // len(values) if values else None


def _flow_series(said: Said) -> Series:
    if (
        said.t_us and said.bytes and not (said.flow_t_us or said.flow_bytes or said.held_bytes)
    ):  # as most are, for speed
        return [(said.t_us, said.bytes)] if _is_series(said.t_us, said.bytes) else []
    times, counts, held = said.flow_t_us, said.flow_bytes, said.flow_held_bytes
    if not times and not counts:
        times, counts, held = [said.t_us], [said.bytes], [said.held_bytes]
    if len(times) != len(counts):
        return []
    if any(held) and [*map(len, held)] == [*map(len, counts)]:
        counts = [
            [min(arrived, row[-1]) for arrived in map(add, row, waiting)]
            for row, waiting in zip(counts, held, strict=True)
        ]
    for row, count in zip(times, counts, strict=True):
        if not _is_series(row, count):
            return []
    return [*zip(times, counts, strict=True)]


def _is_series(times: Sequence[int], counts: Sequence[int]) -> bool:
    if not times or len(times) != len(counts) or times[0] < 0 or counts[0] < 0:
        return False
    return sorted(times) == times and sorted(counts) == counts


def _at(times: Sequence[int], counts: Sequence[int], at_us: int) -> int:
    place = bisect_left(times, at_us)
    if place == len(times):
        return counts[-1]
    before_us, before = (times[place - 1], counts[place - 1]) if place else (0, 0)
    if times[place] == before_us:
        return counts[place]
    return before + (at_us - before_us) * (counts[place] - before) // (times[place] - before_us)
