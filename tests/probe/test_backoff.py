"""The waits between tries: bounded, growing, spread."""

from hypothesis import given
from hypothesis import strategies as st

from probe.backoff import Backoff

MOST_DRAWN = 2**32 - 1
drawn = st.integers(0, MOST_DRAWN)
tries = st.integers(0, 10_000)
wished_us = st.integers(0, 10**18)


@given(tries, drawn, wished_us)
def test_a_wait_has_bounds(count: int, chance: int, at_least_us: int) -> None:
    """Never less than a tenth of the base or than the peer's wish (within reason), never more than twice the most."""
    backoff = Backoff()
    wait_us = backoff.wait_us(count, chance, at_least_us)
    assert max(backoff.base_us // 10, min(at_least_us, backoff.most_us)) <= wait_us <= 2 * backoff.most_us


@given(st.integers(1, 40), drawn)
def test_waits_grow(count: int, chance: int) -> None:
    """With the same chance a further failure never shortens the wait."""
    assert Backoff().wait_us(count, chance) <= Backoff().wait_us(count + 1, chance)


@given(st.integers(1, 9))
def test_the_ceiling_doubles(count: int) -> None:
    """The longest wait after each failure is twice the one before, as long as it is below the most."""
    first, second = (Backoff().wait_us(n, MOST_DRAWN) for n in (count, count + 1))
    assert abs(second - 2 * first) <= 2


@given(tries, drawn, drawn)
def test_chance_spreads_a_crowd(count: int, one: int, other: int) -> None:
    """Jitter is full: the wait rises with what was drawn, from almost nothing to the ceiling."""
    lower, higher = sorted((one, other))
    assert Backoff().wait_us(count, lower) <= Backoff().wait_us(count, higher)
    assert Backoff().wait_us(count, 0) == 100_000


def test_the_peers_wish_comes_first() -> None:
    """Retry-After is waited for in full before any jitter, but no longer than the most."""
    backoff = Backoff(base_us=1000, most_us=50_000)
    assert backoff.wait_us(1, 0, 20_000) == 20_100
    assert backoff.wait_us(1, 0, 10**15) == 50_100
