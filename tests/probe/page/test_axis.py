"""Scales and ticks."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from probe.moments import DAY_US, HOUR_US, Local
from probe.page.axis import Scale, midnights, place, round_ticks, time_ticks

NOON_US = 1_792_843_200_000_000  # Sat 24 Oct 2026, 12:00 UTC: the last day of summer time in Prague


@given(low=st.integers(-(10**12), 10**12), span=st.integers(1, 10**12), value=st.integers(-(10**13), 10**13))
def test_a_scale_never_leaves_its_ends(low: int, span: int, value: int) -> None:
    """Every value stands between the ends, the ends at the ends, and more is never further back."""
    scale = Scale(low, low + span, 400, 3520)
    assert 400 <= scale.at(value) <= 3520
    assert (scale.at(low), scale.at(low + span)) == (400, 3520)
    assert scale.at(value) <= scale.at(value + 1)


@pytest.mark.parametrize(("tenths", "spelled"), [(0, "0"), (1234, "123.4"), (1230, "123"), (-5, "-0.5"), (-20, "-2")])
def test_a_place_is_spelled_in_units(tenths: int, spelled: str) -> None:
    """Tenths become decimals without a float in between."""
    assert place(tenths) == spelled


@given(highest=st.integers(0, 10**12), at_most=st.integers(2, 8))
def test_round_ticks_reach_the_highest(highest: int, at_most: int) -> None:
    """Ticks begin at zero, are even, few, and end at or above the highest value."""
    ticks = round_ticks(highest, 1, at_most)
    assert ticks[0] == 0
    assert ticks[-1] >= highest
    assert 2 <= len(ticks) <= at_most + 1
    assert {after - before for before, after in pairwise(ticks)} == {ticks[1]}
    assert str(ticks[1]).rstrip("0") in {"1", "2", "5"}


def test_a_day_has_its_hours(local: Local) -> None:
    """Within a day round hours of the local clock are named, the first with its date."""
    ticks = time_ticks(NOON_US, NOON_US + 10 * HOUR_US, local)
    assert [tick.label for tick in ticks] == ["24 Oct, 15:00", "18:00", "21:00", "25 Oct, 00:00"]


def test_a_week_has_its_days(local: Local) -> None:
    """Over some days midnights are named, also where the clocks change."""
    ticks = time_ticks(NOON_US, NOON_US + 4 * DAY_US, local)
    assert [tick.label for tick in ticks] == ["25 Oct", "26 Oct", "27 Oct", "28 Oct"]
    assert all(local(tick.at_us).hour == 0 for tick in ticks)
    assert ticks[1].at_us - ticks[0].at_us == 25 * HOUR_US


def test_a_year_has_its_months(local: Local) -> None:
    """Over a year first days of months are named, not too many."""
    ticks = time_ticks(NOON_US - 395 * DAY_US, NOON_US, local)
    assert [tick.label for tick in ticks] == ["Oct 2025", "Jan 2026", "Apr 2026", "Jul 2026", "Oct 2026"]


@given(from_us=st.integers(0, 2 * 10**15), days=st.integers(1, 60), quarters=st.integers(-48, 56))
def test_every_midnight_is_found(from_us: int, days: int, quarters: int) -> None:
    """In any fixed zone a stretch of so many days has that many midnights, a day apart."""

    def local(at_us: int) -> datetime:
        return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=at_us, minutes=15 * quarters)

    found = [at_us for at_us, _ in midnights(from_us, from_us + days * DAY_US - 1, local)]
    assert len(found) == days
    assert {after - before for before, after in pairwise(found)} <= {DAY_US}
