"""A moment is read only if it can be no other: with its offset, by the clocks of a named zone, or as so long ago."""

import contextlib
from datetime import UTC, datetime, timedelta, timezone
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.errors import BadRequest
from collector.moments import Stretch, moment_us, stretch_of

NOW_US = 1_795_345_500_000_000  # 22 Nov 2026, 11:05 UTC
HOUR_US, DAY_US = 3_600_000_000, 86_400_000_000
DAYS = 31


def us(text: str) -> int:
    """The moment of an ISO 8601 text with its offset."""
    return int(datetime.fromisoformat(text).timestamp()) * 1_000_000


@pytest.mark.parametrize(
    ("text", "zone", "iso"),
    [
        ("2026-11-15T14:00Z", None, "2026-11-15T14:00+00:00"),
        ("2026-11-15T14:00:30+01:00", None, "2026-11-15T13:00:30+00:00"),
        ("2026-11-15T14:00-03:30", "Europe/Prague", "2026-11-15T17:30+00:00"),  # its own offset wins
        ("2026-11-15 Europe/Prague", None, "2026-11-14T23:00+00:00"),
        ("2026-11-15 Europe/Prague", "America/New_York", "2026-11-14T23:00+00:00"),
        ("2026-07-15T14:00 Europe/Prague", None, "2026-07-15T12:00+00:00"),
        ("2026-11-15", "UTC", "2026-11-15T00:00+00:00"),
        (
            "2018-11-04",
            "America/Sao_Paulo",
            "2018-11-04T03:00+00:00",
        ),  # clocks went forward at midnight: it begins at one
        ("24h", None, "2026-11-21T11:05+00:00"),
        ("7d", None, "2026-11-15T11:05+00:00"),
        ("90min", None, "2026-11-22T09:35+00:00"),
    ],
)
def test_moments(text: str, zone: str | None, iso: str) -> None:
    """Each way to write a moment gives that moment."""
    assert moment_us("since", text, NOW_US, zone) == us(iso)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("2026-11-15", "different moment in each time zone"),
        ("2026-11-15T14:00", "different moment in each time zone"),
        ("2026-11-15T14:00 01:00", "written %2B"),
        ("2026-11-15T14:00Z Europe/Prague", "one of them is enough"),
        ("2026-11-15 Mars/Olympus", "IANA name"),
        ("2026-11-15 Europe", "IANA name"),
        ("2026-02-30T00:00Z", "no such moment"),
        ("2026-11-15T24:61Z", "no such moment"),
        ("2026-11-15T14:00+25:00", "no such moment"),
        ("2026-10-25T02:30 Europe/Prague", "comes twice"),
        ("2026-03-29T02:30 Europe/Prague", "never comes"),
        ("0001-01-01 Europe/Prague", "years"),
        ("9999-12-31T23:59-12:00", "years"),
        ("999999d", "before 1970"),
        ("0d", "a moment such as"),
        ("-1d", "a moment such as"),
        ("1 week", "a moment such as"),
        ("yesterday", "a moment such as"),
        ("1795345500", "a moment such as"),
        ("２０２６-11-15T14:00Z", "a moment such as"),
        ("", "a moment such as"),
        ("x" * 10_000, "a moment such as"),
        (1795345500, "a moment such as"),
        (None, "a moment such as"),
    ],
)
def test_no_moment(text: object, words: str) -> None:
    """What could be several moments, or none, is refused by its name and told how it is written, at no great length."""
    with pytest.raises(BadRequest, match=words) as refused:
        moment_us("since", text, NOW_US)
    assert len(str(refused.value)) < 500


@given(
    st.text(max_size=40) | st.from_regex(r"\A\d{4}-\d\d-\d\d(T\d\d:\d\d)?( ?[A-Z][a-z/+0-9]*)?\Z"),
    st.none() | st.text(max_size=20),
)
def test_any_text_is_a_moment_or_refused(text: str, zone: str | None) -> None:
    """Whatever is written, there is a moment or BadRequest, and nothing else."""
    with contextlib.suppress(BadRequest):
        assert isinstance(moment_us("since", text, NOW_US, zone), int)


@given(
    st.datetimes(datetime(1971, 1, 2), datetime(2199, 12, 30)),  # noqa: DTZ001 - the zone comes below
    st.integers(-14 * 60, 14 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes))),
)
def test_what_is_written_with_its_offset_is_read_back(at: datetime, zone: timezone) -> None:
    """Any moment, written in any offset, is read as that moment to the microsecond."""
    moment = at.replace(tzinfo=zone)
    assert moment_us("since", moment.isoformat(), NOW_US) == (moment - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(
        microseconds=1
    )


@given(
    st.datetimes(datetime(1971, 1, 2), datetime(2037, 12, 30)),  # noqa: DTZ001 - the zone comes below
    st.sampled_from(["Europe/Prague", "America/New_York", "Australia/Lord_Howe", "Asia/Kathmandu", "Pacific/Apia"]),
)
def test_a_wall_clock_time_is_read_only_if_it_comes_once(at: datetime, name: str) -> None:
    """A time by the clocks of a zone is the moment at which they show it, if there is one such moment and no second."""
    zone, at = ZoneInfo(name), at.replace(microsecond=0)
    shown = {
        moment
        for fold in (0, 1)
        for moment in [at.replace(tzinfo=zone, fold=fold).astimezone(UTC)]
        if moment.astimezone(zone).replace(tzinfo=None) == at
    }
    try:
        found = moment_us("since", f"{at.isoformat()} {name}", NOW_US)
    except BadRequest:
        assert len(shown) != 1
    else:
        assert {datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=found)} == shown


def test_a_stretch() -> None:
    """From since up to until; without them from the default up to now, and a named zone is for both."""
    assert stretch_of({}, NOW_US, DAYS, "24h") == Stretch(NOW_US - DAY_US, NOW_US)
    told = {"since": "2026-11-01", "until": "2026-11-02T12:00", "zone": "Europe/Prague"}
    assert stretch_of(told, NOW_US, DAYS, None) == Stretch(us("2026-10-31T23:00+00:00"), us("2026-11-02T11:00+00:00"))
    assert stretch_of({"since": "31d"}, NOW_US, DAYS, None) == Stretch(NOW_US - 31 * DAY_US, NOW_US)


@pytest.mark.parametrize(
    ("told", "words"),
    [
        ({}, "since is missing"),
        ({"since": "32d"}, "more than 31 days"),
        ({"since": "31d", "until": "2026-11-22T11:06Z"}, "more than 31 days"),
        ({"since": "2026-11-22T11:05Z"}, "in the future"),
        ({"since": "2d", "until": "3d"}, "until is not after since"),
        ({"since": "2d", "until": "2d"}, "until is not after since"),
        ({"since": "2d", "zone": "Mars/Olympus"}, "IANA name"),
        ({"since": "2d", "zone": 7}, "IANA zone"),
        ({"since": 7}, "since is a moment"),
        ({"since": "2d", "until": 7}, "until is a moment"),
    ],
)
def test_no_stretch(told: dict[str, object], words: str) -> None:
    """A stretch that is missing, empty, too long or in the future is refused with what to do."""
    with pytest.raises(BadRequest, match=words):
        stretch_of(told, NOW_US, DAYS, None)
