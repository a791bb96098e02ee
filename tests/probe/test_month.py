"""A month of a probe in the field, in seconds: all that happens to such a device, and every slot accounted for by records alone.

Outages, a bad line, reboots, power cuts, sleep, clocks that jump under the agent and between two runs, a collector that is away,
a disk that is full, a pause, a campaign, an allowance that is too small. The truth is known to the test, but no gap is
explained by it: it only shows that the records claim nothing that was not so.
"""

import secrets
import shutil
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from fakes.world import BEGIN, DAY, HOUR, MINUTE, SLOTS, Box, S, World, new_world
from strategies import DEVICE

from probe import campaign, campaign_wish, pausing
from probe.budget import Books
from probe.campaign_wish import begun, planned
from probe.minder import ALIVE_US
from probe.pausing import Pause, write_pause
from probe.settings import Settings
from shared.campaign import Campaign
from shared.placing import Bounds
from shared.record import Record
from shared.sampling import Rule, read_rule
from shared.slots import schedule_key

DAYS, MONTH_MB, RESERVE_PER_CENT = 30, 500, 40
SLOT_US = SLOTS.slot_s * S
LIGHT, HEAVY = ("latency", "fetch", "dns"), ("download", "upload", "path")
TEXT = (resources.files("shared.criteria") / "cz-mobile-cert.toml").read_bytes()
RULE: Rule = read_rule(TEXT, "rule")

pytestmark = [pytest.mark.slow, pytest.mark.timeout(240)]


@dataclass(frozen=True)
class Gap:
    """A stretch of the device's own wall clock of which a presence record says why nothing was measured in it."""

    event: str | None
    from_us: int
    until_us: int

    def covers(self, slot: int) -> bool:
        """Whether a slot lies in it, or is the one beside it: a start is drawn anywhere in its slot."""
        return self.from_us - SLOT_US < slot * SLOT_US and (slot + 1) * SLOT_US < self.until_us + SLOT_US


@dataclass(frozen=True)
class Month:
    """What was kept of it, and what is true."""

    world: World
    box: Box
    records: list[Record]
    plan: Campaign

    def tests(self, *names: str) -> list[Record]:
        """The tests of the schedule."""
        found = [one for one in self.records if one.integer("slot") is not None]
        return [one for one in found if not names or one.method in names]

    def presence(self, *events: str) -> list[Record]:
        """Records of these events."""
        return [one for one in self.records if one.method == "presence" and one.text("event") in events]

    def gaps(self) -> list[Gap]:
        """Every gap that is told."""
        told = (gap_of(one) for one in self.records if one.method == "presence")
        return [one for one in told if one is not None]

    def missing(self) -> list[int]:
        """The slots of the month of which there is no record at all."""
        had = {one.integer("slot") for one in self.tests()}
        return [one for one in range(SLOTS.slot_at(BEGIN) + 1, SLOTS.slot_at(BEGIN + DAYS * DAY)) if one not in had]


def gap_of(one: Record) -> Gap | None:
    """The gap that a presence record tells of, by its own members and nothing else."""
    event, now_us, since_us = one.text("event"), one.integer("wall_us") or 0, one.integer("since_wall_us")
    match event:
        case "started" if one.text("after") != "first":
            lasted_us = one.integer("off_us") or 0
            return Gap(event, min(one.integer("last_wall_us") or now_us, now_us - lasted_us), now_us)
        case "resumed" if since_us is not None:
            return Gap(event, since_us, since_us + (one.integer("slept_us") or 0))
        case "clock_stepped" if since_us is not None and (one.integer("step_us") or 0) > 0:
            return Gap(event, since_us, since_us + (one.integer("step_us") or 0))
        case "disk_refused" if since_us is not None:
            return Gap(event, since_us, now_us)
    return None


def live(box: Box, world: World) -> Campaign:
    """Thirty days of it; the plan of the campaign that was fixed on the way."""
    at = BEGIN.__add__
    world.outages = [(at(3 * DAY + 7 * HOUR), at(3 * DAY + 9 * HOUR)), (at(12 * DAY), at(13 * DAY + 5 * HOUR))]
    world.away = [(at(5 * DAY), at(12 * DAY))]
    box.runs_for(2 * DAY, "told to stop")
    box.is_off_for(90 * S, reboots=False)  # an update
    box.runs_for(3 * DAY + 5 * HOUR, "power cut")
    box.is_off_for(40 * MINUTE)
    world.bad = [(world.true_us + 90 * HOUR, world.true_us + 93 * HOUR)]

    def pause() -> None:
        now_us = world.clock.wall_us()
        box.keep(pausing.NAME, write_pause(Pause(now_us, now_us + 5 * HOUR)))

    box.runs_for(6 * DAY, "power cut", (30 * HOUR, lambda: box.sleeps_for(7 * HOUR)), (60 * HOUR, pause))
    box.is_off_for(6 * HOUR)
    box.runs_for(3 * DAY, "told to stop")
    box.is_off_for(20 * MINUTE, keeps_time=False)  # no clock of its own: wakes up where it stopped
    box.runs_for(35 * MINUTE, "power cut")
    box.is_off_for(10 * S)
    world.clock.set_wall(world.true_us)  # by a time server, before the agent runs
    world.full = [(world.true_us + 6 * HOUR, world.true_us + 9 * HOUR)]
    box.runs_for(1 * DAY, "told to stop")
    box.runs_for(
        1 * DAY, "told to stop", (6 * HOUR, lambda: box.sets_clock(3 * HOUR)), (8 * HOUR, lambda: box.sets_clock(0))
    )
    world.charge = 15
    box.runs_for(1 * DAY, "told to stop")
    world.charge = 100
    box.runs_for(
        2 * DAY, "power cut", (DAY, lambda: box.sets_clock(-2 * HOUR)), (DAY + HOUR, lambda: box.sets_clock(0))
    )
    whatever_comes(box, world, at(26 * DAY))
    bounds = Bounds(ZoneInfo("Europe/Prague"), world.clock.wall_us() + 10 * MINUTE)
    with closing(box.outbox()) as outbox:
        key = schedule_key(outbox.seed)
    plan = planned(RULE, ("down", "up"), "evidence", bounds, key, DEVICE.public.key_id, 1)
    box.runs_for(
        1 * DAY, "told to stop", (MINUTE, lambda: box.keep(campaign_wish.ASKED, begun(plan, TEXT, None, None)))
    )
    whatever_comes(box, world, at(DAYS * DAY))
    box.runs_for(20 * MINUTE, "told to stop")
    return plan


def whatever_comes(box: Box, world: World, until_us: int) -> None:
    """Runs and stretches without power, by chance, until a moment is over."""
    while world.true_us < until_us:
        left_us = until_us - world.true_us
        box.runs_for(min(3 * DAY, left_us), world.chance.choice(["told to stop", "power cut"]))
        box.is_off_for(world.chance.randrange(30, 7200) * S)


@pytest.fixture(scope="module")
def month() -> Iterator[Month]:
    """Live through it once, on a disk in memory where there is one: it has thousands of fsyncs."""
    fast = Path("/dev/shm")
    folder = (fast if fast.is_dir() else Path.cwd()) / f"month-{secrets.token_hex(6)}"
    folder.mkdir()
    world = new_world()
    box = Box(world, folder, Settings(month_mb=MONTH_MB, reserve_per_cent=RESERVE_PER_CENT))
    try:
        with pytest.MonkeyPatch.context() as monkeypatch:
            world.put(monkeypatch)
            plan = live(box, world)
        yield Month(world, box, box.entrance.records(), plan)
    finally:
        shutil.rmtree(folder)


def within(slot: int, *stretches: tuple[int, int]) -> bool:
    """Whether a slot touches one of these stretches."""
    return any(one < (slot + 1) * SLOT_US and slot * SLOT_US < other for one, other in stretches)


def test_the_chain_holds(month: Month) -> None:
    """Nothing is lost, nothing is there twice, everything is in order."""
    seqs = [one.seq for one in month.records]
    assert seqs == list(range(len(seqs)))


def test_each_slot_is_there_once_with_every_light_method(month: Month) -> None:
    """A slot of which anything is recorded has a record of each of its light tests, and no test of it is made twice."""
    times = Counter((one.integer("slot"), one.method) for one in month.tests())
    assert max(times.values()) == 1
    slots = {slot for slot, _ in times}
    assert [(slot, name) for slot in slots for name in LIGHT if (slot, name) not in times] == []
    ends = Counter(one.text("end") for one in month.tests("latency"))
    assert ends["ok"] > 2_000


def test_every_missing_slot_lies_in_a_gap_that_is_told(month: Month) -> None:
    """Off, asleep, or jumped over by the clock: some presence record says so, of the very time that is missing."""
    full = month.world.full  # has a test of its own
    gaps = month.gaps()
    missing = [slot for slot in month.missing() if not within(slot, *full)]
    assert len(missing) > 60
    assert [slot for slot in missing if not any(gap.covers(slot) for gap in gaps)] == []
    explaining = Counter(gap.event for gap in gaps if any(gap.covers(slot) for slot in missing))
    assert set(explaining) == {"started", "resumed", "clock_stepped"}


def test_slots_for_which_the_disk_had_no_room_are_told(month: Month) -> None:
    """Three hours in which nothing could be written are told once the disk has room: no reader takes them for a dead line."""
    missing = [slot for slot in month.missing() if within(slot, *month.world.full)]
    assert 10 <= len(missing) <= 14
    ((begin_us, end_us),) = month.world.full
    gaps = [gap for gap in month.gaps() if gap.event == "disk_refused"]
    assert [slot for slot in missing if not any(gap.covers(slot) for gap in gaps)] == []
    for gap in gaps:
        assert begin_us - MINUTE < gap.from_us < gap.until_us < end_us + SLOT_US


def test_no_gap_is_told_that_was_none(month: Month) -> None:
    """Each start, each sleep and each step of the clock that is told was one, and was as long or as far as is told."""
    world, box = month.world, month.box
    starts = month.presence("started")
    assert len(starts) == len(box.gaps)
    afters = Counter(one.text("after") for one in starts)
    assert afters["first"] == 1
    assert afters["stop"] >= 5
    assert afters["reboot"] >= 3
    for gap_us, one in zip(box.gaps, starts, strict=True):
        off_us = one.integer("off_us") or 0
        if gap_us is not None:
            assert gap_us - S <= off_us <= gap_us + (10 * S if one.text("after") == "stop" else ALIVE_US + 2 * MINUTE)
    slept = [one.integer("slept_us") or 0 for one in month.presence("resumed")]
    assert len(slept) == len(world.slept)
    for told_us, (begin_us, end_us) in zip(slept, world.slept, strict=True):
        assert abs(told_us - (end_us - begin_us)) < MINUTE
    steps = month.presence("clock_stepped")
    assert len(steps) == len(world.steps) == 4
    for one, (_, step_us) in zip(steps, world.steps, strict=True):
        assert abs((one.integer("step_us") or 0) - step_us) < S
    assert len(month.presence("link_lost")) == len(world.outages)


def test_outages_are_measured_and_have_their_ladders(month: Month) -> None:
    """A slot failed only when the line did, and where it was gone the ladder says what still worked."""
    world = month.world
    failed = {one.integer("slot") or 0 for one in month.tests("latency") if one.text("end") == "failed"}
    assert len(failed) > 100
    assert [slot for slot in failed if not within(slot, *world.outages, *world.bad)] == []
    ladders = {one.integer("slot") for one in month.tests("reach")}
    assert {slot for slot in failed if within(slot, *world.outages)} <= ladders


def test_a_bad_line_is_confirmed_once(month: Month) -> None:
    """Three bad hours are one episode, with one transfer each way out of the reserve, and its end."""
    ((begin_us, end_us),) = month.world.bad
    episodes = [one for one in month.records if one.method == "episode"]
    near = [one for one in episodes if begin_us <= (one.integer("wall_us") or 0) <= end_us + HOUR]
    assert [one.text("event") for one in near] == ["bad", "recovered"]
    confirming = [
        one
        for one in month.records
        if one.text("why") == "event" and begin_us <= (one.integer("wall_us") or 0) < end_us
    ]
    assert [one.method for one in confirming] == ["download", "upload"]


def test_what_was_rightly_not_started_says_why(month: Month) -> None:
    """A pause holds back everything for its hours; a low battery and a small allowance what loads the line; nothing else does."""
    held = [one for one in month.tests() if one.text("end") == "not_started"]
    reasons = Counter((one.text("reason"), one.method in LIGHT) for one in held)
    assert set(reasons) <= {
        ("paused", True), ("paused", False), ("battery_low", False), ("budget", False),
        ("campaign_near", True), ("campaign_near", False),
    }  # fmt: skip
    assert 19 <= sum(one.text("reason") == "paused" and one.method == "latency" for one in held) <= 21
    assert reasons["battery_low", False] >= 3
    transfers = Counter(one.text("reason") or one.text("end") for one in month.tests("download"))
    assert transfers["budget"] >= 20
    assert transfers["ok"] >= 20


def test_the_campaign_is_complete(month: Month) -> None:
    """Fixed before its first test, each test at its moment and paid out of the reserve."""
    fixed = next(one for one in month.records if one.method == "campaign")
    tests = [one for one in month.records if one.integer("k") is not None and one.method != "reach"]
    assert len(tests) == 2 * len(month.plan.starts_us)
    for one in tests:
        assert one.seq > fixed.seq
        assert 0 <= (one.integer("wall_us") or 0) - month.plan.starts_us[one.integer("k") or 0] < 30 * S
    with closing(month.box.outbox()) as outbox:
        course = campaign.read_course(outbox.kept(campaign.NAME))
    assert course is not None
    assert course.state(RULE, ZoneInfo("Europe/Prague"), BEGIN + DAYS * DAY) == "complete"


def test_the_books_stay_within_the_allowance(month: Month) -> None:
    """Every account was used, and no calendar month cost more than it may."""
    with closing(month.box.outbox()) as outbox:
        books = Books.read(outbox.kept("spent"))
    assert len(books.months) == 2
    assert max(one.total_bytes for one in books.months) <= MONTH_MB * 1_000_000
    for account in ("light_bytes", "heavy_bytes", "reserve_bytes", "sent_bytes"):
        assert sum(getattr(one, account) for one in books.months) > 0
