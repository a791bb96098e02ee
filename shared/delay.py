"""Figures of delays, one after another in the order of sending, a lost one being `LOST` in its place. Integers only.

A lost packet is an infinite delay (RFC 2330, section 11.3; RFC 5481, section 3.3), so quantiles may be infinite: None. Delay
variation is that of RFC 5481: PDV against the least delay of the stream, IPDV against the packet before (RFC 3393,
section 3). Neither needs two clocks to agree, only to run alike, so both hold for each direction alone.
"""

from collections.abc import Sequence
from itertools import pairwise
from typing import Final

from shared.kpi import percentile
from shared.record import LOST

PDV_PER_MILLE: Final = 999  # RFC 5481, section 4.2: the quantile that is usually set against the least delay


def quantile_us(delays_us: Sequence[int], per_mille: int) -> int | None:
    """The least delay that at least `per_mille` of all packets do not exceed; None if infinite, or of nothing."""
    return percentile(delays_us, per_mille)


def above_least_us(delays_us: Sequence[int]) -> tuple[int, ...]:
    """Each delay less the least one, losses in their places."""
    return since_least_us([None if delay_us == LOST else delay_us for delay_us in delays_us])


def since_least_us(delays_us: Sequence[int | None]) -> tuple[int, ...]:
    """The same of differences between two clocks, which may be of any sign: a loss is None there, and becomes `LOST`."""
    least_us = min((delay_us for delay_us in delays_us if delay_us is not None), default=0)
    return tuple(LOST if delay_us is None else delay_us - least_us for delay_us in delays_us)


def pdv_us(delays_us: Sequence[int], per_mille: int = PDV_PER_MILLE) -> int | None:
    """Packet delay variation: a high quantile of the delays above the least one; None if infinite, or of nothing."""
    return percentile(above_least_us(delays_us), per_mille)


def ipdv_us(delays_us: Sequence[int]) -> tuple[int, ...]:
    """Inter-packet delay variation, signed: the delay of each packet less that of the one sent before, where both came."""
    pairs = pairwise(delays_us)
    return tuple(after_us - before_us for before_us, after_us in pairs if LOST not in (before_us, after_us))
