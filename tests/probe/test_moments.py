"""Moments and stretches of time in words."""

from datetime import UTC, date, datetime, timedelta, timezone
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from probe.clock import SystemClock
from probe.moments import (
    DAY_US,
    HOUR_US,
    MINUTE_US,
    ago,
    at_time,
    day_of,
    local_by,
    span,
    zone_of,
    zones_between,
)

NOW_US = 1_795_345_500_000_000  # 22 Nov 2026, 11:05 UTC


def prague(at_us: int) -> datetime:
    """A moment by Prague's clocks."""
    return datetime.fromtimestamp(at_us // 1_000_000, UTC).astimezone(ZoneInfo("Europe/Prague"))


@pytest.mark.parametrize(
    ("span_us", "words"),
    [
        (-5, "0 s"),
        (999_999, "0 s"),
        (59_999_999, "59 s"),
        (MINUTE_US, "1 min"),
        (HOUR_US - 1, "59 min"),
        (HOUR_US, "1 h"),
        (HOUR_US + 5 * MINUTE_US, "1 h 5 min"),
        (2 * DAY_US - 1, "47 h 59 min"),
        (2 * DAY_US, "2 days"),
        (4 * DAY_US + 2 * HOUR_US, "4 days 2 h"),
    ],
)
def test_a_stretch_is_told_in_two_units_at_most(span_us: int, words: str) -> None:
    """Lengths are cut to what a person can use, never rounded up."""
    assert span(span_us) == words


@pytest.mark.parametrize(
    ("moment", "name"),
    [
        (datetime(2026, 1, 1, tzinfo=UTC), "UTC"),
        (datetime(2026, 1, 1, tzinfo=ZoneInfo("Europe/Prague")), "CET, UTC+01:00"),
        (datetime(2026, 7, 1, tzinfo=ZoneInfo("Europe/Prague")), "CEST, UTC+02:00"),
        (datetime(2026, 1, 1, tzinfo=ZoneInfo("America/St_Johns")), "NST, UTC-03:30"),
        (datetime(2026, 1, 1, tzinfo=ZoneInfo("America/Sao_Paulo")), "UTC-03:00"),
        (datetime(2026, 1, 1, tzinfo=timezone(timedelta(hours=5, minutes=45))), "UTC+05:45"),
    ],
)
def test_a_zone_is_named_with_its_offset(moment: datetime, name: str) -> None:
    """A time of day is never shown without saying by which clock."""
    assert zone_of(moment) == name


def test_both_zones_are_named_where_the_clocks_changed() -> None:
    """A month over the end of summer time has two zones."""
    assert zones_between(NOW_US - 40 * DAY_US, NOW_US, prague) == "CEST, UTC+02:00 and CET, UTC+01:00"
    assert zones_between(NOW_US - DAY_US, NOW_US, prague) == "CET, UTC+01:00"


def test_a_moment_is_as_brief_as_it_is_clear() -> None:
    """Today needs no date, this year no year."""
    assert at_time(NOW_US, NOW_US, prague) == "12:05"
    assert at_time(NOW_US - DAY_US, NOW_US, prague) == "Sat 21 Nov, 12:05"
    assert at_time(NOW_US - 400 * DAY_US, NOW_US, prague) == "Sat 18 Oct 2025, 13:05"
    assert day_of(date(2026, 11, 22)) == "Sun 22 Nov"


def test_a_moment_still_to_come_is_said_to_be_one() -> None:
    """After the clock was set back, "ago" would be a lie."""
    assert ago(NOW_US - 3 * MINUTE_US, NOW_US) == "3 min ago"
    assert ago(NOW_US + HOUR_US, NOW_US) == "1 h ahead of this device's clock"


@given(at_us=st.integers(-(2**53), 2**53))
def test_any_clock_has_a_local_time(at_us: int) -> None:
    """Whatever a clock was set to, a moment can be told, with the system's zone."""
    local = local_by(SystemClock().zone)
    assert local(at_us).utcoffset() is not None


def test_local_time_is_the_zone_s() -> None:
    """A zone an hour ahead shows an hour more."""
    local = local_by(lambda _: (3600, "CET"))
    assert f"{local(NOW_US):%d %H:%M} {zone_of(local(NOW_US))}" == "22 12:05 CET, UTC+01:00"
