"""An agent's days: what is held back, what a person asks for meanwhile, bad hours and good ones, campaigns; in no time."""

from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime
from importlib import resources
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from fakes.days import HOUR, MINUTE, SLOTS, WELL, Days, S, of
from strategies import DEVICE

from probe import campaign, campaign_wish, marks, pausing
from probe.budget import Books
from probe.campaign_wish import begun, planned
from probe.gate import HOLDS
from probe.marks import Mark, with_mark
from probe.measure.outcome import Measured
from probe.pausing import Pause, write_pause
from probe.settings import Settings
from probe.surroundings import Link, Power, Radio, Surroundings
from shared.placing import Bounds
from shared.sampling import read_rule
from shared.slots import schedule_key

LIGHT = ["latency", "fetch", "dns"]
HEAVY = ["download", "upload", "path"]
FAILED = Measured("failed", {"failure": "eof_error", "stage": "body", "received_bytes": 7})
DEAD = Measured("failed", {"failure": "network_unreachable", "stage": "connect"})


@pytest.fixture
def days(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Days:
    """Give a device whose line is well."""
    return Days(tmp_path).put(monkeypatch)


def test_an_hour(days: Days) -> None:
    """Each slot holds its light tests, with their intents written before the first of them began."""
    records = days.run(HOUR)
    slots = Counter(one.integer("slot") for one in of(records, *LIGHT))
    assert len(slots) >= 3
    assert set(slots.values()) == {len(LIGHT)}
    assert {one.text("event") for one in of(records, "presence")} == {"started", "stopped"}
    books = Books.read(days.outbox().kept("spent")).months
    assert sum(one.light_bytes for one in books) > 0


@pytest.mark.parametrize(
    ("around", "settings", "reason", "methods"),
    [
        (Surroundings(power=Power(plugged=False, charge_per_cent=15)), Settings(), "battery_low", HEAVY),
        (Surroundings(power=Power(plugged=False, charge_per_cent=5)), Settings(), "battery_low", [*LIGHT, *HEAVY]),
        (Surroundings(power=Power(saver=True)), Settings(), "battery_saver", HEAVY),
        (
            Surroundings(Link("wwan0", "cellular"), Radio("termux", roaming=True)),
            Settings(),
            "roaming",
            [*LIGHT, *HEAVY],
        ),
        (Surroundings(Link("eth1", metered=True)), Settings(metered="light"), "metered", HEAVY),
        (Surroundings(), Settings(quiet=((0, 1439), (1439, 0))), "quiet_hours", HEAVY),
        (Surroundings(), Settings(month_mb=1), "budget", ["download", "upload"]),
    ],
)
def test_what_is_rightly_not_started(
    days: Days, around: Surroundings, settings: Settings, reason: str, methods: list[str]
) -> None:
    """It is recorded with its slot and its reason, and the other tests of the slot run."""
    days.around, days.settings = around, settings
    records = of(days.run(20 * MINUTE, heavy_every=1), *LIGHT, *HEAVY)
    held = {one.method for one in records if one.text("end") == "not_started"}
    assert held == set(methods)
    for one in records:
        assert one.integer("slot") is not None
        assert one.text("reason") == (reason if one.method in methods else None)
    assert reason in {row.reason for row in HOLDS}


def test_a_pause_from_another_process(days: Days) -> None:
    """It begins with the next slot and ends when it is over; each paused slot says so."""

    def pause() -> None:
        with_pause = days.outbox()
        now_us = days.clock.wall_us()
        with_pause.keep(pausing.NAME, write_pause(Pause(now_us, now_us + HOUR)))
        with_pause.close()

    records = of(days.run(3 * HOUR, (HOUR, pause)), "latency")
    ends = [one.text("end") for one in records]
    assert ends[:3] == ["ok"] * 3
    assert 3 <= ends.count("not_started") <= 5
    assert ends[-3:] == ["ok"] * 3
    assert {one.text("reason") for one in records if one.text("end") == "not_started"} == {"paused"}


def test_a_mark_from_another_process(days: Days) -> None:
    """It has its record within seconds, and a transfer each way follows, which fills no slot."""

    def mark() -> None:
        other = days.outbox()
        said = Mark(days.clock.wall_us(), days.clock.mono_us(), "boot", "nothing loads")
        other.keep(marks.WAITING, with_mark(other.kept(marks.WAITING), other.kept(marks.WRITTEN), said))
        other.close()

    records = days.run(30 * MINUTE, (17 * MINUTE, mark))
    (noted,) = of(records, "mark")
    assert noted.text("words") == "nothing loads"
    tests = [one for one in records if one.text("why") == "mark"]
    assert [one.method for one in tests] == ["download", "upload"]
    assert all(one.integer("slot") is None for one in tests)
    assert (tests[0].integer("wall_us") or 0) - (noted.integer("wall_us") or 0) < 15 * S
    assert Books.read(days.outbox().kept("spent")).months[-1].reserve_bytes > 0


def test_bad_hours_and_good_ones(days: Days) -> None:
    """Three bad slots in a row are confirmed once, out of the reserve; recovery is noted once."""

    def bad() -> None:
        days.does = lambda _plan: FAILED

    def good() -> None:
        days.does = lambda _plan: WELL

    records = days.run(8 * HOUR, (HOUR, bad), (4 * HOUR, good))
    assert [one.text("event") for one in of(records, "episode")] == ["bad", "recovered"]
    confirming = [one for one in records if one.text("why") == "event"]
    assert [one.method for one in confirming] == ["download", "upload"]
    bad_us = of(records, "episode")[0].integer("wall_us") or 0
    assert 2 * MINUTE <= (confirming[0].integer("wall_us") or 0) - bad_us <= 6 * MINUTE
    assert [notice.kind for notice in days.notices] == ["slow"]  # that it recovered is told only to who asks for it


def test_a_restart_forgets_no_confirmation(days: Days) -> None:
    """What was to be confirmed when the agent stopped is confirmed when it is back."""
    days.does = lambda _plan: FAILED
    records = []
    while not of(records, "episode"):
        records = days.run(MINUTE)
        assert not [one for one in records if one.text("why") == "event"]
    again = days.run(10 * MINUTE)
    assert [one.method for one in again if one.text("why") == "event"] == ["download", "upload"]
    assert not [one for one in days.run(3 * HOUR) if one.text("why") == "event"]


def test_a_dead_line_has_its_ladder(days: Days) -> None:
    """Where tests fail as they do without a network, the slot also says what still works; elsewhere it does not."""
    days.does = lambda _plan: DEAD
    records = days.run(40 * MINUTE)
    assert {one.integer("slot") for one in of(records, "latency")} == {
        one.integer("slot") for one in of(records, "reach")
    }
    days.does = lambda _plan: FAILED
    assert of(days.run(40 * MINUTE), "reach") == []


def test_a_campaign(days: Days) -> None:
    """Fixed by a record before its first test, run at its moments, with nothing else in its way."""
    content = (resources.files("shared.criteria") / "cz-mobile-cert.toml").read_bytes()
    rule = read_rule(content, "rule")
    now_us = days.clock.wall_us()
    plan = planned(
        rule, ("down", "up"), "evidence", Bounds(ZoneInfo("Europe/Prague"), now_us + 10 * MINUTE),
        schedule_key(bytes(32)), DEVICE.public.key_id, 1,
    )  # fmt: skip

    def start() -> None:
        other = days.outbox()
        other.keep(campaign_wish.ASKED, begun(plan, content, None, None))
        other.close()

    records = days.run(plan.until_us - now_us + HOUR, (MINUTE, start), heavy_every=1)
    fixed = next(number for number, one in enumerate(records) if one.method == "campaign")
    tests = [
        (number, one) for number, one in enumerate(records) if one.integer("k") is not None and one.method != "reach"
    ]
    assert len(tests) == 2 * len(plan.starts_us)
    for number, one in tests:
        assert number > fixed
        late_us = (one.integer("wall_us") or 0) - plan.starts_us[one.integer("k") or 0]
        assert 0 <= late_us < 30 * S
        assert one.integer("slot") is None
    course = campaign.read_course(days.outbox().kept(campaign.NAME))
    assert course is not None
    assert course.state(rule, ZoneInfo("Europe/Prague"), days.clock.wall_us()) == "complete"
    near = {one.text("reason") for one in records if one.text("end") == "not_started"}
    assert near <= {"campaign_near"}


def test_a_test_that_comes_too_late_for_its_campaign(days: Days) -> None:
    """What could only begin after the campaign's tolerance is not begun, and says so."""
    days.lasts_s = 57
    content = (resources.files("shared.criteria") / "cz-mobile-cert.toml").read_bytes()
    now_us = days.clock.wall_us()
    plan = planned(
        read_rule(content, "rule"), ("down", "up"), "evidence", Bounds(ZoneInfo("UTC"), now_us + 10 * MINUTE),
        schedule_key(bytes(32)), DEVICE.public.key_id, 1,
    )  # fmt: skip
    other = days.outbox()
    other.keep(campaign_wish.ASKED, begun(plan, content, None, None))
    other.close()
    records = [one for one in days.run(plan.starts_us[0] + 5 * MINUTE - now_us) if one.integer("k") == 0]
    assert [(one.method, one.text("reason")) for one in records] == [("download", None), ("upload", "late")]


def test_a_slot_that_had_to_make_way(days: Days) -> None:
    """A slot whose start falls into a confirming test is recorded as not started, because the device was busy."""
    days.lasts_s = 20
    slot = SLOTS.slot_at(days.clock.wall_us()) + 1
    start_us = SLOTS.start_us(schedule_key(bytes(32)), DEVICE.public.key_id, slot)

    def mark() -> None:
        other = days.outbox()
        said = Mark(days.clock.wall_us(), days.clock.mono_us(), "boot", "")
        other.keep(marks.WAITING, with_mark(other.kept(marks.WAITING), other.kept(marks.WRITTEN), said))
        other.close()

    records = days.run(40 * MINUTE, (start_us - 15 * S - days.clock.wall_us(), mark))
    there = [one for one in records if one.integer("slot") == slot]
    assert {one.method for one in there} == set(LIGHT)
    assert {one.text("reason") for one in there} == {"busy"}


def test_the_same_schedule_after_a_restart(days: Days) -> None:
    """A stop in the middle of an hour moves no start: the second run goes on where the first would have."""
    records = days.run(40 * MINUTE) + days.run(40 * MINUTE)
    for one in of(records, "latency"):
        start_us = SLOTS.start_us(schedule_key(bytes(32)), DEVICE.public.key_id, one.integer("slot") or 0)
        assert 0 <= (one.integer("wall_us") or 0) - start_us < 10 * S


def test_the_budget_of_another_month(days: Days) -> None:
    """What is left of a month is not carried over, and what was spent is not held against the next."""
    days.clock.set_wall(int(datetime(2027, 1, 31, 23, tzinfo=UTC).timestamp()) * S)
    days.settings = replace(days.settings, month_mb=500)
    days.run(2 * HOUR)
    months = {one.month: one.light_bytes for one in Books.read(days.outbox().kept("spent")).months}
    assert set(months) == {"2027-01-01", "2027-02-01"}
    assert all(months.values())
