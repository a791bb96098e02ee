"""How well a rate is known."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from probe.measure.steady import (
    FLOOR_PER_MILLE,
    GRID_US,
    LEAST_WINDOW_BYTES,
    LEAST_WINDOW_US,
    estimate,
    known_estimate,
    last_estimate,
)

POINTS = st.lists(st.integers(0, 50_000), min_size=1, max_size=80).map(
    lambda steps: [sum(steps[: end + 1]) - steps[0] for end in range(len(steps))]
)


def constant(step_bytes: int, steps: int) -> list[int]:
    """Points of a line that never changes."""
    return [step_bytes * step for step in range(steps + 1)]


def test_a_constant_rate_is_known_to_its_floor() -> None:
    """Without any spread the half width is the floor, which no run on a known line has needed to be wider."""
    found = estimate(constant(10_000, 40), 0, 40)
    assert found is not None
    assert found.rate_bps == 8_000_000 * 10_000 // GRID_US
    assert found.half_width_bps == found.rate_bps * FLOOR_PER_MILLE // 1000
    assert found.known
    assert found.members() == {"rate_lo_bps": 3_136_000, "rate_hi_bps": 3_264_000, "interval_pm": 950}


@pytest.mark.parametrize(("points", "start", "end"), [([0], 0, 0), ([0, 5], 0, 1), ([0, 0, 0, 0], 0, 3)])
def test_too_little_gives_no_estimate(points: list[int], start: int, end: int) -> None:
    """One step has no spread, and no bytes have no rate."""
    assert estimate(points, start, end) is None


@given(POINTS)
def test_an_interval_holds_its_own_rate_and_is_never_below_zero(points: list[int]) -> None:
    """Whatever the points, bounds are in order, of integers, around the mean of the window."""
    found = estimate(points, 0, len(points) - 1)
    if found is not None:
        members = found.members()
        low, high = members["rate_lo_bps"], members["rate_hi_bps"]
        assert isinstance(low, int)
        assert isinstance(high, int)
        assert 0 <= low <= found.rate_bps <= high
        assert found.rate_bps == 8_000_000 * points[-1] // found.until_us


@given(POINTS, st.integers(0, 400_000))
def test_what_is_known_is_level_long_and_large_enough(points: list[int], round_trip_us: int) -> None:
    """A rate is said to be known only over a window that reaches to now, lasts, and carried a hundred packets."""
    found = known_estimate(points, round_trip_us)
    if found is not None:
        start = found.from_us // GRID_US
        assert found.until_us == (len(points) - 1) * GRID_US
        assert found.until_us - found.from_us >= max(LEAST_WINDOW_US, 4 * round_trip_us)
        assert points[-1] - points[start] >= LEAST_WINDOW_BYTES
        assert found.known


def test_a_level_line_is_known_as_soon_as_may_be() -> None:
    """On a constant line the least window is enough."""
    least = LEAST_WINDOW_US // GRID_US
    assert known_estimate(constant(20_000, least - 1), 0) is None
    found = known_estimate(constant(20_000, least), 0)
    assert found is not None
    assert (found.from_us, found.until_us) == (0, LEAST_WINDOW_US)


def test_a_start_that_is_slower_is_left_out() -> None:
    """The window begins where the line has come to its rate."""
    points = constant(1000, 8)
    points += [points[-1] + 20_000 * step for step in range(1, 25)]
    found = known_estimate(points, 0)
    assert found is not None
    assert found.from_us >= 8 * GRID_US
    assert found.rate_bps == 8_000_000 * 20_000 // GRID_US


def test_a_line_that_still_rises_is_not_known() -> None:
    """A rate that grows all the time is never level."""
    assert known_estimate([500 * step * step for step in range(60)], 0) is None


def test_a_rate_that_creeps_up_is_not_level() -> None:
    """A drift small enough for a narrow interval still means that the line has not come to its rate."""
    points = [sum(20_000 + 120 * step for step in range(end)) for end in range(31)]
    narrow = estimate(points, 14, 30)
    assert narrow is not None
    assert narrow.known
    assert known_estimate(points, 0) is None


def test_a_line_that_was_never_level_is_still_estimated_in_the_end() -> None:
    """The last estimate is over all but the first part; of nothing there is none."""
    points = [500 * step * step for step in range(60)]
    found = last_estimate(points, 300_000)
    assert found is not None
    assert (found.from_us, found.until_us) == (300_000, 59 * GRID_US)
    assert last_estimate([0], 300_000) is None
    assert last_estimate([0, 10], 300_000) is None


def test_stated_intervals_hold() -> None:
    """Over steps that scatter independently the true mean is inside at least nine times in ten."""
    chance, inside = random.Random(7), 0
    for _ in range(400):
        steps = [chance.randint(0, 40_000) for _ in range(64)]
        points = [sum(steps[:end]) for end in range(65)]
        found = estimate(points, 0, 64)
        assert found is not None
        inside += abs(found.rate_bps - 8_000_000 * 20_000 // GRID_US) <= found.half_width_bps
    assert inside >= 360
