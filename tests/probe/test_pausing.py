"""Pauses: as people type them, in this place's time, and never longer than asked."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from probe.pausing import NO_PAUSE, Pause, read_pause, read_words, write_pause
from shared.errors import Malformed

PRAGUE = ZoneInfo("Europe/Prague")
HOUR_US = 3_600_000_000


def us(*moment: int) -> int:
    """A moment by Prague's clocks (µs)."""
    return int(datetime(*moment, tzinfo=PRAGUE).timestamp()) * 1_000_000  # type: ignore[misc,arg-type]


def local(at_us: int) -> datetime:
    """A moment as the system tells it: with the offset of that moment, and no rules."""
    at = datetime.fromtimestamp(at_us // 1_000_000, UTC).astimezone(PRAGUE)
    return datetime.fromisoformat(at.isoformat())


@pytest.mark.parametrize(
    ("typed", "hours"),
    [("2h", 2), ("90m", 1.5), ("for 2 hours", 2), ("1d", 24), ("3 days", 72), ("30 min", 0.5), ("1 HOUR", 1)],
)
def test_for_how_long(typed: str, hours: float) -> None:
    """A number with m, h or d, as people write it, is so long from now on."""
    now_us = us(2026, 11, 22, 10, 30)
    assert read_words(typed.split(), now_us, local) == Pause(now_us, now_us + int(hours * HOUR_US))


@pytest.mark.parametrize(
    ("now", "typed", "until"),
    [
        ((2026, 11, 22, 10, 30), "until 18:00", (2026, 11, 22, 18, 0)),
        ((2026, 11, 22, 18, 0), "until 18:00", (2026, 11, 23, 18, 0)),
        ((2026, 11, 22, 23, 59), "7.05", (2026, 11, 23, 7, 5)),
        ((2026, 10, 24, 22, 0), "until 6:00", (2026, 10, 25, 6, 0)),  # the night is an hour longer
        ((2027, 3, 27, 22, 0), "until 6:00", (2027, 3, 28, 6, 0)),  # and one shorter
        ((2026, 10, 25, 1, 30), "until 12:00", (2026, 10, 25, 12, 0)),
    ],
)
def test_until_when(now: tuple[int, ...], typed: str, until: tuple[int, ...]) -> None:
    """A time of day is the next one by the clocks of this place, also on the days on which they are changed."""
    assert read_words(typed.split(), us(*now), local) == Pause(us(*now), us(*until))


def test_forever() -> None:
    """A pause without an end lasts until somebody resumes, whatever the clock does."""
    pause = read_words(["forever"], 1_000, local)
    assert pause == Pause(1_000)
    assert pause.holds_at(0)
    assert pause.holds_at(10**15)


@pytest.mark.parametrize("typed", ["", "soon", "2", "2x", "0h", "-1h", "25:00", "18:60", "until 2h", "367d", "9999d"])
def test_no_time(typed: str) -> None:
    """What is no time to pause for is refused, with words that help."""
    with pytest.raises(Malformed, match="forever"):
        read_words(typed.split(), us(2026, 11, 22, 10, 30), local)


def test_when_a_pause_holds() -> None:
    """From its beginning until its end, the end not included; under a clock before its beginning it does not hold."""
    pause = Pause(10, 20)
    assert [at for at in (9, 10, 19, 20) if pause.holds_at(at)] == [10, 19]


@given(st.integers(0, 2**53 - 1), st.one_of(st.none(), st.integers(0, 2**53 - 1)))
def test_what_is_kept_is_read_again(since_us: int, until_us: int | None) -> None:
    """A pause gives itself back; nothing kept and a pause that was ended are no pause."""
    assert read_pause(write_pause(Pause(since_us, until_us))) == Pause(since_us, until_us)
    assert read_pause(None) is read_pause(b"") is read_pause(NO_PAUSE) is None


@pytest.mark.parametrize(
    "kept", [b"junk", b"[]", b'{"until_us":1}', b'{"since_us":"a"}', b'{"since_us":1,"until_us":-1}']
)
def test_a_damaged_value(kept: bytes) -> None:
    """A value that is no pause is said to be none."""
    with pytest.raises(Malformed):
        read_pause(kept)
