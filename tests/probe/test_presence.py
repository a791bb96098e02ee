"""Whether the probe was there: what a start says of the run before it, and by which clock."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from probe import report
from probe.presence import STOPPED, Alive, Moment, noted, started, stopped
from shared.errors import Malformed
from shared.record import Record, write_record
from shared.strictjson import MAX_INTEGER, JsonObject

HOUR_US = 3_600_000_000
NOW = Moment(1_800_000_000_000_000, 50 * HOUR_US, "boot-b", awake_us=40 * HOUR_US, synced=True)
LAST = Alive(4711, NOW.wall_us - HOUR_US, NOW.mono_us - HOUR_US, "boot-b", "waiting", next_us=5, next_slot=7)
whole = st.integers(-MAX_INTEGER, MAX_INTEGER)


def start(now: Moment = NOW, last: Alive | None = LAST, *, starts: int = 9) -> JsonObject:
    """What a start says."""
    kept = None if last is None else last.write()
    return started(now, kept, starts=starts, aborted=0, agent="speedproof/1")


def test_the_first_start_ever() -> None:
    """With nothing kept and no number used up nothing ran before, and no time off is claimed."""
    members = start(last=None, starts=0)
    assert (members["event"], members["after"], members["agent"]) == ("started", "first", "speedproof/1")
    assert not {"off_us", "off_by", "last_wall_us", "aborted"} & set(members)


def test_a_past_that_was_not_kept() -> None:
    """Where there were starts but no sign of life is kept, or one that cannot be read, nothing is claimed of the past."""
    assert start(last=None)["after"] == "unknown"
    told = started(NOW, b"{", starts=0, aborted=0, agent="x")
    assert (told["after"], "off_us" in told) == ("unknown", False)


@pytest.mark.parametrize(
    ("state", "boot", "after"),
    [
        (STOPPED, "boot-b", "stop"),
        (STOPPED, "boot-a", "stop"),
        ("measuring", "boot-b", "cut_off"),
        ("measuring", "boot-a", "reboot"),
    ],
)
def test_how_the_run_before_ended(state: str, boot: str, after: str) -> None:
    """A clean stop, a process that was killed and a device that went down are told apart."""
    members = start(last=replace(LAST, state=state, boot=boot))
    assert (members["after"], members["last_boot"], members["last_state"]) == (after, boot, state)


def test_within_one_boot_the_monotonic_clock_tells_how_long() -> None:
    """A wall clock that was set meanwhile changes nothing."""
    members = start(replace(NOW, wall_us=1), LAST)
    assert (members["off_us"], members["off_by"]) == (HOUR_US, "mono")


def test_over_a_reboot_the_wall_clock_tells_how_long() -> None:
    """The monotonic clock began anew, so the other one is asked, and named."""
    members = start(replace(NOW, mono_us=60_000_000), replace(LAST, boot="boot-a"))
    assert (members["off_us"], members["off_by"]) == (HOUR_US, "wall")


def test_a_clock_that_is_not_set_yet_is_not_asked() -> None:
    """Without a clock of its own a board wakes in the past: then only the time since it woke is certain."""
    members = start(Moment(1_000_000, 60_000_000, "boot-b", synced=False), replace(LAST, boot="boot-a"))
    assert (members["off_us"], members["off_by"], members["synced"]) == (60_000_000, "boot", False)


def test_what_was_found_open_is_counted() -> None:
    """A start says how many measurements the end of the run before had cut off."""
    assert started(NOW, LAST.write(), starts=9, aborted=2, agent="x")["aborted"] == 2


def test_a_clean_stop() -> None:
    """It says why, and nothing that is not known."""
    assert stopped(replace(NOW, synced=None), "signal") == noted("stopped", why="signal")


@given(whole, whole, whole, st.text(max_size=9), st.text(max_size=9), st.none() | whole, st.none() | whole)
def test_a_sign_of_life_is_read_as_it_was_written(
    pid: int, wall_us: int, mono_us: int, boot: str, state: str, next_us: int | None, next_slot: int | None
) -> None:
    """Writing and reading gives the same."""
    alive = Alive(pid, wall_us, mono_us, boot, state, next_us, next_slot)
    assert Alive.read(alive.write()) == alive


@pytest.mark.parametrize(
    "kept",
    [
        b"",
        b"[]",
        b"{}",
        b'{"boot":"b","mono_us":1,"pid":true,"state":"s","wall_us":1}',
        b'{"boot":"b","mono_us":1,"pid":1,"state":7,"wall_us":1}',
        b'{"boot":"b","mono_us":1,"next_slot":"x","pid":1,"state":"s","wall_us":1}',
    ],
)
def test_what_is_no_sign_of_life(kept: bytes) -> None:
    """Anything else is refused."""
    with pytest.raises(Malformed):
        Alive.read(kept)


@given(whole, st.integers(0, MAX_INTEGER), st.booleans(), whole, st.integers(0, MAX_INTEGER))
def test_time_off_is_never_negative(now_us: int, mono_us: int, rebooted: bool, last_us: int, last_mono_us: int) -> None:
    """Whatever the clocks say, a start can be written down, and nothing was off for less than no time."""
    last = replace(LAST, wall_us=last_us, mono_us=last_mono_us, boot="boot-a" if rebooted else "boot-b")
    off_us = start(Moment(now_us, mono_us, "boot-b"), last)["off_us"]
    assert isinstance(off_us, int)
    assert off_us >= 0


def test_every_event_has_words() -> None:
    """What the probe says of its own presence is plain language, with how long it was away."""
    told: dict[str, JsonObject] = {
        "started after 1 h off": start(),
        "stopped": stopped(NOW, "signal"),
        "the device slept for 12 min": noted("resumed", slept_us=720_000_000),
        "the connection went away": noted("link_lost"),
    }
    for words, members in told.items():
        write_record({**members, "seq": 1})
        record = Record(b"", {"end": "ok", **members}, 1)
        assert report.line(record) == f"{'probe':<13}{words}"


@pytest.mark.parametrize(
    ("members", "words"),
    [
        ({"method": "mark", "words": "nothing loads"}, "you said     “nothing loads”"),
        ({"method": "mark"}, "you said     it is bad now"),
        ({"method": "episode", "event": "recovered"}, "line         it has recovered"),
        ({"method": "campaign", "act": "stop", "campaign": "cz-1"}, "campaign     cz-1 was given up"),
        ({"method": "campaign"}, "campaign     a plan of tests was fixed"),
        ({"method": "presence"}, "probe        something was noted"),
        ({"method": "presence", "event": "went_away"}, "probe        went away"),
        ({"method": "reach", "reached": "independent"}, "reach        all answered, up to an ordinary host"),
        (
            {"end": "failed", "failure": "generic_timeout_error", "method": "reach", "reached": "gateway"},
            "reach        FAILED: nothing came within the waiting time; the last to answer was the router",
        ),
    ],
)
def test_what_is_no_test_has_words(members: JsonObject, words: str) -> None:
    """Notes and ladders are told in plain language, and an event that is new is shown as it is."""
    assert report.line(Record(b"", {"end": "ok", **members}, 1)) == words
