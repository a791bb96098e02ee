"""How a device stands, in words."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from probe.budget import Budget, Spent
from probe.campaign import Course, Result
from probe.pausing import Pause
from probe.presence import Alive
from probe.standing import FRESH_US, Outgoing, Standing, lines, progress
from shared.campaign import Campaign
from shared.record import Record

NOW_US = 1_795_345_500_000_000  # 22 Nov 2026, 12:05 by a clock an hour ahead of UTC
MINUTE_US, HOUR_US = 60_000_000, 3_600_000_000
MONO_US = 50 * HOUR_US


def local(at_us: int) -> datetime:
    """A clock an hour ahead of UTC."""
    return datetime(1970, 1, 1, tzinfo=UTC).astimezone(timezone(timedelta(hours=1), "CET")) + timedelta(
        microseconds=at_us
    )


def record(**members: Any) -> Record:
    """A record of some minutes ago."""
    told = {"method": "latency", "end": "ok", "rtt_us": [35_000], "via": "stamp", "wall_us": NOW_US - 9 * MINUTE_US}
    return Record(b"", told | members, 1)


ALIVE = Alive(41, NOW_US - MINUTE_US, MONO_US - MINUTE_US, "boot", "waiting", NOW_US + 4 * MINUTE_US, 7)
GOOD = Standing(
    subscriber="anna",
    collector_url="https://proof.example.net",
    device="d" * 64,
    wall_us=NOW_US,
    mono_us=MONO_US,
    boot="boot",
    locked=True,
    alive=ALIVE,
    outgoing=Outgoing(1_234, 400, 0, 0, 0, 0, NOW_US - 3 * MINUTE_US),
    budget=Budget(1_000_000_000, 200_000_000),
    spent=Spent("2026-11-01", 210_000_000, 80_000_000, 0, 22_000_000),
    recent=(record(), record(method="fetch", end="failed", failure="connection_reset")),
)


def told(now: Standing, width: int = 100) -> str:
    """All lines as one text."""
    return "\n".join(lines(now, width, local))


@pytest.mark.parametrize(
    ("changes", "running"),
    [
        ({}, "running"),
        ({"locked": None}, "running"),
        ({"locked": False}, "no"),
        ({"alive": None, "locked": False}, "no"),
        ({"alive": None}, "busy"),
        ({"mono_us": ALIVE.mono_us + FRESH_US - 1}, "running"),
        ({"mono_us": ALIVE.mono_us + FRESH_US}, "silent"),
        ({"mono_us": ALIVE.mono_us - 1}, "silent"),
        ({"mono_us": ALIVE.mono_us + FRESH_US, "locked": None}, "no"),
        ({"boot": "another"}, "busy"),
        ({"boot": "another", "locked": False}, "no"),
        ({"alive": replace(ALIVE, state="stopped")}, "busy"),
        ({"alive": replace(ALIVE, state="stopped"), "locked": False}, "no"),
    ],
)
def test_whether_an_agent_runs(changes: dict[str, Any], running: str) -> None:
    """Only a fresh sign of this very boot is one of life, and no sign counts where nobody holds the folder."""
    assert replace(GOOD, **changes).running == running


def test_all_is_well() -> None:
    """A running agent: what it does, what comes next, what it cost; and nothing to be done."""
    assert told(GOOD).splitlines() == [
        "agent     RUNNING, waiting; next at 12:09, in 4 min",
        "line      line of anna, collector https://proof.example.net",
        "measured  1,234 records, 400 batches sealed",
        "sent      nothing waits; last receipt 3 min ago",
        "data      312 MB of 1 GB used since 2026-11-01 (light 210 MB, tests 80 MB, sending 22 MB)",
        "times     this device's own, CET, UTC+01:00; now 12:05",
        "last measurements:",
        "  11:56  latency      35 ms median, 0 % lost (STAMP)",
        "  11:56  object fetch FAILED: the connection was cut off",
    ]


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"locked": False}, "NOT RUNNING; last sign of life 1 min ago"),
        ({"locked": False}, "speedproof-probe service install"),
        ({"locked": False, "alive": None}, "NOT RUNNING; nobody has started it yet"),
        ({"locked": False, "alive": replace(ALIVE, state="stopped")}, "NOT RUNNING; was stopped 1 min ago"),
        ({"mono_us": MONO_US + 2 * HOUR_US}, "NO SIGN OF LIFE for 2 h 1 min"),
        ({"mono_us": MONO_US + 2 * HOUR_US}, "speedproof-probe doctor"),
        ({"alive": None}, "BUSY: another command measures just now"),
        ({"alive": replace(ALIVE, next_us=None)}, "RUNNING, waiting\n"),
        ({"alive": replace(ALIVE, next_us=NOW_US)}, "next now"),
        ({"pause": Pause(NOW_US - 1, NOW_US + HOUR_US)}, "pause     until 13:05"),
        ({"pause": Pause(NOW_US - 1)}, "pause     until you resume"),
        ({"pause": Pause(NOW_US - 1)}, "speedproof-probe resume"),
        ({"campaign": ("rule x: 1 of 2 starts done",)}, "campaign  rule x: 1 of 2 starts done"),
        ({"recent": ()}, "nothing measured yet; try: speedproof-probe once"),
    ],
)
def test_what_is_not_well_is_said_with_its_remedy(changes: dict[str, Any], words: str) -> None:
    """Each thing that is different says so in words, and what to do about it."""
    assert words in told(replace(GOOD, **changes)) + "\n"


def test_a_pause_that_is_over_is_not_shown() -> None:
    """Yesterday's pause is no news."""
    assert "pause" not in told(replace(GOOD, pause=Pause(0, NOW_US - 1)))


def test_what_waits_is_counted() -> None:
    """Batches, complaints, what was lost and since when nothing was taken are shown with their units."""
    out = Outgoing(10, 5, 1, 2, 35_000, 3, None, 4, NOW_US - 2 * HOUR_US)
    text = told(replace(GOOD, outgoing=out))
    assert "2 not sent yet (35 kB), STUCK for 2 h; no receipt yet" in text
    assert "3 complaints not sent yet" in text
    assert "4 records, without room or damaged" in text
    assert "to see what is in the way: speedproof-probe doctor" in text


def test_an_outbox_that_is_nearly_full_or_in_doubt() -> None:
    """What stands between the measurements and the collector is said while there is time."""
    out = replace(GOOD.outgoing, used_bytes=40_000_000, limit_bytes=50_000_000, is_asking=True)
    text = told(replace(GOOD, outgoing=out))
    assert "disk      40 MB of 50 MB taken; what has no room is lost" in text
    assert "the collector is asked where it stands with this device" in text
    assert "disk" not in told(replace(GOOD, outgoing=replace(out, used_bytes=39_999_999)))


@given(width=st.integers(40, 200), long=st.text(min_size=1, max_size=300), running=st.booleans())
def test_no_line_is_too_long(width: int, long: str, running: bool) -> None:
    """In forty columns and in two hundred every line fits, whatever the names are."""
    now = replace(GOOD, subscriber=long, campaign=(long,), locked=running, recent=(record(method=long, flaws=[long]),))
    assert all(len(text) <= width for text in lines(now, width, local))


CAMPAIGN_US = (NOW_US - 2 * HOUR_US, NOW_US - HOUR_US, NOW_US + HOUR_US)


def course(*ends: str, stopped_us: int | None = None) -> Course:
    """A campaign of three starts, of which the first ones ended so."""
    campaign = Campaign(
        id="c", number=1, criterion="x-rule", version="1", sha256="0" * 64, directions=("down",), plan="evidence",
        time_zone="UTC", from_us=CAMPAIGN_US[0], until_us=CAMPAIGN_US[-1], starts_us=CAMPAIGN_US,
    )  # fmt: skip
    return Course(campaign, tuple(Result(k, "download", NOW_US, end) for k, end in enumerate(ends)), stopped_us)


@pytest.mark.parametrize(
    ("one", "words"),
    [
        (course(), "rule x-rule: 0 of 3 starts done; the next at 13:05"),
        (course("ok", "failed"), "rule x-rule: 2 of 3 starts done, 1 failed; the next at 13:05"),
        (course("ok", stopped_us=1), "rule x-rule: 1 of 3 starts done; stopped"),
        (course("ok", "ok", "ok"), "rule x-rule: 3 of 3 starts done; over"),
    ],
)
def test_a_campaign_in_a_sentence(one: Course, words: str) -> None:
    """How many starts of the plan are done, what failed, and when the next is."""
    assert progress(one, NOW_US, local) == words
