"""Moments in words follow the wall clock at the customer's place."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.web.localtime import IMPOSSIBLE, LineClock, instant_us

PRAGUE = LineClock.of("Europe/Prague")


def us(*parts: int) -> int:
    """A UTC date and time in unix µs."""
    year, month, day, hour, minute = parts
    return instant_us(datetime(year, month, day, hour, minute, tzinfo=UTC))


def test_a_moment_names_its_zone() -> None:
    """Date, time and zone are all there."""
    assert PRAGUE.moment(us(2026, 11, 22, 13, 5)) == "22 Nov 2026, 14:05 (Europe/Prague)"


def test_summer_and_winter_have_their_own_offsets() -> None:
    """The same UTC hour is another local hour in summer."""
    assert PRAGUE.short(us(2026, 7, 1, 12, 0)) == "1 Jul 2026, 14:00"
    assert PRAGUE.short(us(2026, 1, 1, 12, 0)) == "1 Jan 2026, 13:00"


def test_an_hour_that_comes_twice_is_told_apart() -> None:
    """When clocks go back, each half past two says which one it is."""
    first, second = us(2026, 10, 25, 0, 30), us(2026, 10, 25, 1, 30)
    assert PRAGUE.short(first) == "25 Oct 2026, 02:30 (UTC+0200)"
    assert PRAGUE.short(second) == "25 Oct 2026, 02:30 (UTC+0100)"
    assert PRAGUE.machine(first) == "2026-10-25T02:30:00+02:00"


def test_the_skipped_hour_is_never_shown() -> None:
    """When clocks go forward, the minute after 01:59 is 03:00."""
    assert PRAGUE.short(us(2026, 3, 29, 0, 59)) == "29 Mar 2026, 01:59"
    assert PRAGUE.short(us(2026, 3, 29, 1, 0)) == "29 Mar 2026, 03:00"


def test_a_window_says_a_common_day_once() -> None:
    """Within one day the date is not repeated; over days both are given."""
    assert PRAGUE.window(us(2026, 11, 22, 13, 5), us(2026, 11, 22, 14, 20)) == (
        "22 Nov 2026, 14:05 to 15:20 (Europe/Prague)"
    )
    assert PRAGUE.window(us(2026, 11, 21, 13, 5), us(2026, 11, 22, 14, 20)) == (
        "21 Nov 2026, 14:05 to 22 Nov 2026, 15:20 (Europe/Prague)"
    )


@pytest.mark.parametrize("name", ["", "Mars/Olympus", "../../etc/passwd", "/etc/localtime", "Europe", "a\0b", "<b>"])
def test_a_zone_nobody_knows_becomes_utc_and_says_so(name: str) -> None:
    """An unknown zone never stops a page and is never passed off as known."""
    clock = LineClock.of(name)
    assert not clock.known
    assert clock.moment(us(2026, 11, 22, 13, 5)) == "22 Nov 2026, 13:05 (UTC)"


@given(st.integers(-(2**80), 2**80))
def test_any_number_is_a_moment_in_words(at_us: int) -> None:
    """A device's clock may say anything without breaking a page."""
    assert PRAGUE.moment(at_us)
    assert (PRAGUE.machine(at_us) == "") == (PRAGUE.short(at_us) == IMPOSSIBLE)
