"""What people are told unasked: once per episode, never about a moment's weather."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from probe.notices import SLOW_FOR_US, STUCK_FOR_US, Seen, told

NOW_US = 1_800_000_000_000_000
ALL = frozenset({"slow", "recovered", "stuck"})


def slow(for_us: int) -> Seen:
    """A line that has been slow for so long."""
    return Seen(NOW_US, slow_since_us=NOW_US - for_us)


def test_nothing_to_tell() -> None:
    """A line that works and a collector that takes everything are no news."""
    assert told(None, Seen(NOW_US), ALL)[0] == []


@pytest.mark.parametrize(("for_us", "kinds"), [(SLOW_FOR_US - 1, []), (SLOW_FOR_US, ["slow"])])
def test_slow_for_a_while(for_us: int, kinds: list[str]) -> None:
    """A slow line is news from the moment on at which it has been slow for a while, and can be marked."""
    notices, _ = told(None, slow(for_us), ALL)
    assert [notice.kind for notice in notices] == kinds
    assert all(notice.may_mark and "40 minutes" in notice.text for notice in notices)


def test_once_per_episode_and_recovered_once() -> None:
    """An episode is told once, its end once, and the next one anew."""
    heard = []
    kept = None
    for seen in [slow(SLOW_FOR_US), slow(2 * SLOW_FOR_US), Seen(NOW_US), Seen(NOW_US), slow(SLOW_FOR_US)]:
        notices, kept = told(kept, seen, ALL)
        heard.append([notice.kind for notice in notices])
    assert heard == [["slow"], [], ["recovered"], [], ["slow"]]


def test_a_short_episode_recovers_in_silence() -> None:
    """Whoever was not told that the line is slow is not told that it has recovered."""
    _, kept = told(None, slow(SLOW_FOR_US - 1), ALL)
    assert told(kept, Seen(NOW_US), ALL)[0] == []


@pytest.mark.parametrize(("for_us", "kinds"), [(STUCK_FOR_US - 1, []), (STUCK_FOR_US, ["stuck"])])
def test_stuck_for_a_day(for_us: int, kinds: list[str]) -> None:
    """An upload that is stuck is news after a day, once, with the number that waits."""
    seen = Seen(NOW_US, stuck_since_us=NOW_US - for_us, waiting=12)
    notices, kept = told(None, seen, ALL)
    assert [notice.kind for notice in notices] == kinds
    assert all("12 batches wait, and for 24 hours" in notice.text for notice in notices)
    assert told(kept, seen, ALL)[0] == []


def test_what_is_switched_off_is_not_told_later() -> None:
    """Switching a notice on does not bring up an episode that began before."""
    notices, kept = told(None, slow(SLOW_FOR_US), frozenset())
    assert notices == []
    assert told(kept, slow(2 * SLOW_FOR_US), ALL)[0] == []
    assert [notice.kind for notice in told(kept, Seen(NOW_US), frozenset({"recovered"}))[0]] == ["recovered"]


@given(st.binary())
def test_a_damaged_value_begins_anew(kept: bytes) -> None:
    """Whatever was kept, what is kept next can be read."""
    _, after = told(kept, slow(SLOW_FOR_US), ALL)
    assert told(after, slow(SLOW_FOR_US), ALL) == ([], after)


def test_a_clock_set_back() -> None:
    """An episode that seems to begin in the future is not told, and told once the clock has passed it."""
    ahead = Seen(NOW_US, slow_since_us=NOW_US + SLOW_FOR_US)
    notices, kept = told(None, ahead, ALL)
    assert notices == []
    later = Seen(NOW_US + 2 * SLOW_FOR_US, slow_since_us=ahead.slow_since_us)
    assert [notice.kind for notice in told(kept, later, ALL)[0]] == ["slow"]
