"""Delay quantiles, PDV and IPDV."""

from hypothesis import given
from hypothesis import strategies as st

from shared.delay import above_least_us, ipdv_us, pdv_us, quantile_us, since_least_us
from shared.record import LOST

DELAYS = st.lists(st.one_of(st.just(LOST), st.integers(0, 10**7)), max_size=30)


def test_a_loss_is_an_infinite_delay() -> None:
    """One loss in ten leaves the ninetieth percentile finite and no higher one."""
    delays_us = [10, 20, 30, 40, 50, 60, 70, 80, 90, LOST]
    assert quantile_us(delays_us, 900) == 90
    assert quantile_us(delays_us, 901) is None
    assert quantile_us([], 500) is None


def test_variation_against_the_least_delay() -> None:
    """PDV is counted from the least delay, and infinite where its quantile is lost."""
    assert above_least_us([35, LOST, 30, 47]) == (5, LOST, 0, 17)
    assert pdv_us([35, 30, 47]) == 17
    assert pdv_us([35, 30, 47], 500) == 5
    assert pdv_us([35, LOST]) is None
    assert pdv_us([]) is None
    assert above_least_us([LOST]) == (LOST,)


def test_variation_against_the_packet_before() -> None:
    """IPDV is signed, and there is none beside a loss."""
    assert ipdv_us([30, 35, 31, LOST, 40, 41]) == (5, -4, 1)
    assert ipdv_us([30]) == ()


@given(DELAYS, st.integers(-(10**12), 10**12))
def test_what_clocks_differ_by_falls_out(delays_us: list[int], offset_us: int) -> None:
    """The same delays by clocks that disagree have the same variation, both kinds of it."""
    shifted = since_least_us([None if delay == LOST else delay + offset_us for delay in delays_us])
    assert shifted == above_least_us(delays_us)
    assert ipdv_us(shifted) == ipdv_us(delays_us)
    assert shifted.count(LOST) == delays_us.count(LOST)
    assert LOST in shifted or min(shifted, default=0) == 0
