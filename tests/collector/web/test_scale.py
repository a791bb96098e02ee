"""Axes keep everything inside and mark round values."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.web.localtime import LineClock, instant_us
from collector.web.marks import EARLIEST_US, LATEST_US
from collector.web.scale import Scale, rate_ticks, time_ticks

PRAGUE = LineClock.of("Europe/Prague")
HOUR_US = 3_600_000_000
whole = st.integers(-(2**60), 2**60)


@given(whole, whole, whole)
def test_a_value_stands_inside_its_scale(low: int, length: int, value: int) -> None:
    """Whatever is drawn, it is drawn between the ends, whichever way the axis runs."""
    high = low + abs(length)
    assert 440 <= Scale(low, high, 440, 7440).at(value) <= 7440
    assert 300 <= Scale(low, high, 2100, 300).at(value) <= 2100


@given(st.integers(0, 2**53), st.integers(0, 2**53))
def test_a_scale_keeps_the_order(one: int, other: int) -> None:
    """More is never drawn lower."""
    scale = Scale(0, 2**53, 2100, 300)
    assert (scale.at(one) >= scale.at(other)) or one > other


@pytest.mark.parametrize(
    ("highest", "steps"),
    [
        (0, (0, 1)),
        (4, (0, 1, 2, 3, 4, 5)),
        (40, (0, 10, 20, 30, 40, 50)),
        (99, (0, 20, 40, 60, 80, 100)),
        (100, (0, 50, 100, 150)),
    ],
)
def test_rates_are_marked_at_one_two_or_five(highest: int, steps: tuple[int, ...]) -> None:
    """Ticks are 1, 2 or 5 times a power of ten and the last lies above everything."""
    assert rate_ticks(highest, 5) == steps


@given(st.integers(0, 2**60))
def test_rate_ticks_are_few_and_reach_above(highest: int) -> None:
    """However large the values, the marks are few and enclose them."""
    ticks = rate_ticks(highest, 5)
    assert 2 <= len(ticks) <= 6
    assert ticks[0] == 0
    assert ticks[-1] > highest
    assert str(ticks[1]).rstrip("0") in {"1", "2", "5"}


@given(
    st.integers(EARLIEST_US, LATEST_US - 1),
    st.integers(1, 190 * 365 * 24 * HOUR_US),
    st.integers(3, 8),
    st.sampled_from(["Europe/Prague", "Australia/Lord_Howe", "Asia/Kathmandu", "America/St_Johns"]),
)
def test_time_ticks_are_few_ordered_and_inside(from_us: int, length_us: int, at_most: int, name: str) -> None:
    """From minutes to centuries the marks are few, rise, and lie within the axis."""
    ticks = [tick.at_us for tick in time_ticks(from_us, from_us + length_us, LineClock.of(name), at_most)]
    assert len(ticks) <= at_most + 3
    assert ticks == sorted(set(ticks))
    assert all(from_us <= at_us <= from_us + length_us for at_us in ticks)


@pytest.mark.parametrize(
    ("hours", "labels"),
    [
        (1, ("12:10", "12:20", "12:30")),
        (30, ("18:00", "00:00", "06:00")),
        (24 * 6, ("23 Nov", "24 Nov", "25 Nov")),
        (24 * 400, ("Jan 2027", "Apr 2027")),
        (24 * 365 * 20, ("2030", "2035", "2040")),
    ],
)
def test_the_step_of_time_fits_the_span(hours: int, labels: tuple[str, ...]) -> None:
    """An hour is marked in minutes, a day in hours, a week in days, a year in months, decades in years."""
    from_us = instant_us(datetime(2026, 11, 22, 11, 5, tzinfo=UTC))
    ticks = time_ticks(from_us, from_us + hours * HOUR_US, PRAGUE, 8)
    assert tuple(tick.label for tick in ticks)[: len(labels)] == labels


def day_of(*start: int) -> list[tuple[str, str]]:
    """The marks of 26 hours from a UTC date and hour, in Prague."""
    year, month, day, hour = start
    from_us = instant_us(datetime(year, month, day, hour, tzinfo=UTC))
    return [(tick.label, tick.below) for tick in time_ticks(from_us, from_us + 26 * HOUR_US, PRAGUE, 14)]


def test_a_day_of_twenty_three_hours_is_marked_at_even_hours() -> None:
    """Where clocks go forward at two, the skipped hour has no mark and the others keep the wall clock."""
    assert day_of(2026, 3, 28, 22) == [
        ("00:00", "29 Mar 2026"),
        *[(f"{hour:02}:00", "") for hour in range(4, 24, 2)],
        ("00:00", "30 Mar"),
        ("02:00", ""),
    ]


def test_a_day_of_twenty_five_hours_has_no_mark_twice() -> None:
    """Where clocks go back, the hour that comes twice is marked once."""
    marks = day_of(2026, 10, 24, 22)
    assert marks == [
        ("00:00", "25 Oct 2026"),
        *[(f"{hour:02}:00", "") for hour in range(2, 24, 2)],
        ("00:00", "26 Oct"),
    ]


def test_the_year_is_said_once() -> None:
    """Dates name their year at the first mark and where another year begins."""
    from_us = instant_us(datetime(2026, 12, 29, 12, tzinfo=UTC))
    ticks = time_ticks(from_us, from_us + 5 * 24 * HOUR_US, PRAGUE, 8)
    assert [tick.below for tick in ticks] == ["2026", "", "2027", "", ""]
