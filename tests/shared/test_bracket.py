"""The time bracket: what an honest device measured lies in it, and no wall clock moves anything out of it (T4, T5)."""

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from shared.bracket import LIVE_US, RHO_PPM, TOLERANCE_US, Bracket, TimeGrade, time_grade

HOUR_US = 3_600_000_000
DAY_US = 24 * HOUR_US
NOW_US = 1_795_310_570_000_000
WALL = st.integers(-(2**53), 2**53)


@st.composite
def honest(draw: st.DrawFn) -> tuple[Bracket, int, int]:
    """A bracket of a device whose steady clock is wrong by RHO at most, with a record's steady and true time."""
    beacon_us = draw(st.integers(0, DAY_US))  # true times since boot
    at_us = draw(st.integers(0, 2 * DAY_US))
    sealed_us = at_us + draw(st.integers(0, 3 * DAY_US))
    assume(sealed_us >= beacon_us)
    rho = draw(st.integers(-RHO_PPM // 2, RHO_PPM // 2))

    def steady(true_us: int) -> int:
        return true_us + true_us * rho // 1_000_000

    cosigned_us = NOW_US + beacon_us - draw(st.integers(0, HOUR_US))  # it came later than it was cosigned
    received_us = NOW_US + sealed_us + draw(st.integers(0, DAY_US))
    return Bracket(cosigned_us, received_us, steady(sealed_us), steady(beacon_us)), steady(at_us), NOW_US + at_us


@given(honest())
def test_an_honest_device(told: tuple[Bracket, int, int]) -> None:
    """A record's true time is neither before its earliest nor after its latest moment."""
    bracket, mono_us, true_us = told
    earliest_us = bracket.earliest_us(mono_us)
    assert earliest_us is not None
    assert earliest_us - 2 <= true_us <= bracket.latest_us(mono_us) + 2  # of rounding
    assert bracket.placed_us(true_us, mono_us) == true_us


@given(honest(), WALL)
def test_a_wall_clock_that_was_moved(told: tuple[Bracket, int, int], wall_us: int) -> None:
    """T4: whatever the wall clock says, the moment that is believed is in the bracket, give or take five minutes."""
    bracket, mono_us, _ = told
    placed_us, earliest_us = bracket.placed_us(wall_us, mono_us), bracket.earliest_us(mono_us)
    assert earliest_us is not None
    assert earliest_us - TOLERANCE_US <= placed_us <= bracket.latest_us(mono_us) + TOLERANCE_US
    assert placed_us in {wall_us, earliest_us, bracket.latest_us(mono_us)}


@given(honest(), WALL)
def test_of_an_earlier_boot(told: tuple[Bracket, int, int], wall_us: int) -> None:
    """Of a record of an earlier boot no steady clock tells when; only that it was before this one."""
    bracket, mono_us, _ = told
    assert bracket.earliest_us(mono_us, same_boot=False) is None
    latest_us = bracket.latest_us(mono_us, same_boot=False)
    assert latest_us <= bracket.until_us - bracket.sealed_mono_us * (1_000_000 - RHO_PPM) // 1_000_000 + 1
    assert bracket.placed_us(wall_us, mono_us, same_boot=False) in {wall_us, latest_us}


@pytest.mark.parametrize(
    "bracket",
    [Bracket(None, NOW_US, 9 * HOUR_US, HOUR_US), Bracket(NOW_US - DAY_US, NOW_US, 9 * HOUR_US)],
)
def test_an_open_end(bracket: Bracket) -> None:
    """Without a beacon, or with one of an earlier boot, only the later end is known."""
    assert bracket.earliest_us(8 * HOUR_US) is None
    assert bracket.latest_us(8 * HOUR_US) == NOW_US - HOUR_US + 360_000
    assert bracket.placed_us(0, 8 * HOUR_US) == 0
    assert bracket.placed_us(NOW_US, 8 * HOUR_US) == NOW_US - HOUR_US + 360_000


def test_nothing_tells_when() -> None:
    """A record without a steady time, or one that lies about it, was made before it was received."""
    bracket = Bracket(NOW_US - HOUR_US, NOW_US, HOUR_US, 0)
    assert bracket.latest_us(None) == bracket.latest_us(2 * HOUR_US) == NOW_US
    assert bracket.earliest_us(None) is None


@pytest.mark.parametrize(
    ("since_us", "until_us", "grade"),
    [
        (NOW_US - LIVE_US, NOW_US, TimeGrade.LIVE),
        (NOW_US - LIVE_US - 1, NOW_US, TimeGrade.OFFLINE),
        (None, NOW_US, TimeGrade.UNDATED),
        (NOW_US, None, TimeGrade.UNDATED),
    ],
)
def test_grades(since_us: int | None, until_us: int | None, grade: TimeGrade) -> None:
    """A day between both ends is live, a microsecond more is offline; with an end open nothing is said."""
    assert time_grade(since_us, until_us) is grade
