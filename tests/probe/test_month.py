"""A month of a probe in the field, in seconds: outages, reboots, power cuts, sleep, a clock that jumps, a collector that is away.

The agent, its schedule, its outbox on a real disk, sealing and chain are the real ones; simulated are the clock, the line
(by what the methods report), the power, and the collector's entrance, which keeps a chain as the real one does. The
truth is known, so every slot of the month must be accounted for, by records alone.
"""

import asyncio
import json
import random
import secrets
import shutil
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from fakes import virtual
from fakes.clock import FakeClock
from fakes.collector import FakeCollector
from fakes.methods import methods
from strategies import COLLECTOR, DEVICE, ring

from probe import agent as agent_module
from probe import lookout as lookout_module
from probe import minder as minder_module
from probe import run as run_module
from probe.agent import Agent
from probe.daemon import Daemon
from probe.errors import CollectorSilent
from probe.facts import HostFacts
from probe.home import Enrolled
from probe.measure.outcome import Measured
from probe.minder import Minder
from probe.net.address import PeerAddress
from probe.net.collector import Told
from probe.outbox import Outbox
from probe.packed import Packed
from probe.run import run_agent
from probe.settings import Settings
from probe.surroundings import Link, Power, Surroundings
from probe.upload import Uploader
from shared import strictjson
from shared.batch import open_batch
from shared.record import Record
from shared.slots import SlotPlan

S, MINUTE, HOUR, DAY = 1_000_000, 60_000_000, 3_600_000_000, 86_400_000_000
BEGIN = 1_800_000_000_000_000 // DAY * DAY
DAYS = 30
SLOTS = SlotPlan()
ENROLLED = Enrolled(
    "http://127.0.0.1:9",
    COLLECTOR.public,
    "anna",
    SLOTS,
    PeerAddress("http://127.0.0.1:9", "127.0.0.1", 9, "fake"),
    None,
)
Stretch = tuple[int, int]


@dataclass
class World:
    """What really happens, by true time: none of it is told to the agent but by what it can see."""

    clock: FakeClock
    outages: list[Stretch] = field(default_factory=list)
    away: list[Stretch] = field(default_factory=list)  # the collector
    off: list[Stretch] = field(default_factory=list)  # the power, or the agent
    slept: list[Stretch] = field(default_factory=list)
    wrong: list[Stretch] = field(default_factory=list)  # the wall clock is not the true time
    true_us: int = BEGIN
    boot: str = "boot-0"
    charge: int = 100
    chance: random.Random = field(default_factory=lambda: random.Random(4))

    def now(self, stretches: list[Stretch]) -> bool:
        """Whether it is within one of these now."""
        return any(begin <= self.true_us < end for begin, end in stretches)

    async def run(self, plan: Any, scene: Any) -> Measured:
        """Do what every method does here: as the line is, in the time it takes."""
        del scene
        if self.now(self.outages):
            await asyncio.sleep(8)
            return Measured("failed", {"failure": "network_unreachable", "stage": "connect", "received_bytes": 0})
        await asyncio.sleep(2)
        count = min(plan.cost_bytes // 3, 2_000_000)
        return Measured(
            "ok", {"dur_us": 2 * S, "received_bytes": count, "tcp_rx_bytes": count, "tcp_tx_bytes": count // 20}
        )

    async def look(self, interface: str | None, has_way: bool) -> Surroundings:
        """Look round: a battery, and the link."""
        link = Link(interface, "cellular", has_way=has_way)
        return Surroundings(link, power=Power(plugged=False, charge_per_cent=self.charge))


class TrueClock(FakeClock):
    """Moves the true time with it."""

    world: World

    def advance(self, us: int, *, asleep: bool = False) -> None:
        """Let true time pass too."""
        super().advance(us, asleep=asleep)
        self.world.true_us += us


class Entrance:
    """The collector's, without a network: keeps what the fake one keeps, when it is there."""

    def __init__(self, world: World) -> None:
        self.there, self._world = FakeCollector(), world

    async def post_batch(self, packed: Packed) -> Told:
        """Take a batch."""
        await asyncio.sleep(0.3)
        if self._world.now(self._world.away) or self._world.now(self._world.outages):
            raise CollectorSilent("nobody answers")
        lost = self._world.chance.random() < 0.02
        answer = self.there._take(packed.body)
        if lost:
            raise CollectorSilent("the answer was lost")
        return Told(answer.status, json.loads(bytes(answer.body or b"")), 0, len(packed.gzip))  # type: ignore[arg-type]


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> World:
    """Put a world in the place of the real one."""
    clock = TrueClock(wall_us=BEGIN)
    world = World(clock)
    clock.world = world
    monkeypatch.setattr(agent_module, "METHODS", methods(world.run))  # type: ignore[arg-type]
    monkeypatch.setattr(agent_module, "boot_id", lambda _clock: world.boot)
    monkeypatch.setattr(lookout_module, "LOOK_S", 0)
    for module, name in ((minder_module, "LOOK_S"), (run_module, "_LOOK_S")):
        monkeypatch.setattr(module, name, 30.0)  # a month has half a million looks of five seconds
    monkeypatch.setattr(run_module, "_IDLE_S", 600.0)

    def facts(*_where: object) -> HostFacts:
        gone = world.now(world.outages)
        return HostFacts(None if gone else "wwan0", "cellular", has_way=not gone)

    async def at_once(read: Callable[[], Any]) -> Any:
        return read()

    monkeypatch.setattr(lookout_module, "aside", at_once)
    monkeypatch.setattr(lookout_module, "facts_on_the_way_to", facts)
    monkeypatch.setattr(lookout_module, "snapshot", facts)
    monkeypatch.setattr(
        minder_module, "leaving", lambda _pinned: Link("wwan0", "cellular", has_way=not world.now(world.outages))
    )
    return world


@dataclass
class Device:
    """The probe's box: its disk, and the agent that runs on it."""

    world: World
    folder: Path
    entrance: Entrance
    lives: int = 0
    gaps: list[int | None] = field(default_factory=list)  # before each life; None where the clock did not know
    _ended_us: int | None = None

    def runs_for(self, span_us: int, ends: str) -> None:
        """Let the agent run for so long, then stop it, or cut the power under it."""
        world, file = self.world, self.folder / "outbox.sqlite"
        knows = self._ended_us is not None and world.clock.wall_us() == world.true_us
        self.gaps.append(world.true_us - (self._ended_us or 0) if knows else None)
        agent = Agent(
            ENROLLED, DEVICE, Outbox(file, lambda: bytes(32)), world.clock,
            secrets.token_bytes, Settings(month_mb=1000), world.look,
        )  # fmt: skip
        daemon = Daemon(agent)
        uploader = Uploader(
            agent.outbox,
            self.entrance,
            COLLECTOR.public,
            lambda _: None,
            device=agent,
            on_sent=daemon.sent,  # type: ignore[arg-type]
        )

        async def live() -> None:
            task = asyncio.create_task(run_agent(daemon, uploader, Minder(daemon)))
            await asyncio.wait([task], timeout=span_us / S)
            assert not task.done()
            if ends == "power cut":
                self._cut(file)
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task

        virtual.run(live(), world.clock)
        agent.outbox.close()
        if ends == "power cut":
            self._come_back(file)
        self.lives += 1
        self._ended_us = world.true_us if world.clock.wall_us() == world.true_us else None

    def _cut(self, file: Path) -> None:
        """Remember the disk as it is now: whatever the agent does after this never was."""
        self.folder.joinpath("cut").mkdir()
        for one in self.folder.glob("outbox.sqlite*"):
            shutil.copy(one, self.folder / "cut" / one.name)

    def _come_back(self, file: Path) -> None:
        for one in self.folder.glob("outbox.sqlite*"):
            one.unlink()
        for one in self.folder.joinpath("cut").iterdir():
            one.replace(self.folder / one.name)
        self.folder.joinpath("cut").rmdir()

    def is_off_for(self, span_us: int, *, reboots: bool = True, keeps_time: bool = True) -> None:
        """Let time pass without an agent, and perhaps without power."""
        world = self.world
        begin = world.true_us
        if reboots:
            world.clock.reboot(span_us, keeps_time=keeps_time)
            world.true_us += span_us
            world.boot = f"boot-{begin}"
        else:
            world.clock.advance(span_us)
        world.off.append((begin, world.true_us))

    def sleeps_for(self, span_us: int) -> None:
        """Sleep at once, with the agent in memory; used from within a run."""
        begin = self.world.true_us
        self.world.clock.advance(span_us, asleep=True)
        self.world.slept.append((begin, self.world.true_us))


def month(device: Device, world: World) -> None:
    """Thirty days of it."""
    world.outages = [
        (BEGIN + 3 * DAY + 7 * HOUR, BEGIN + 3 * DAY + 9 * HOUR),
        (BEGIN + 12 * DAY, BEGIN + 13 * DAY + 5 * HOUR),
    ]
    world.away = [(BEGIN + 5 * DAY, BEGIN + 12 * DAY)]  # a week
    device.runs_for(2 * DAY, "told to stop")
    device.is_off_for(90 * S, reboots=False)  # an update
    device.runs_for(3 * DAY + 5 * HOUR, "power cut")
    device.is_off_for(40 * MINUTE)
    device.runs_for(6 * DAY, "power cut")
    device.is_off_for(6 * HOUR)
    device.runs_for(3 * DAY, "told to stop")
    device.is_off_for(20 * MINUTE, keeps_time=False)  # no clock of its own: wakes up where it stopped
    begin = world.true_us
    device.runs_for(35 * MINUTE, "power cut")
    world.wrong.append((begin, world.true_us))
    device.is_off_for(10 * S)
    world.clock.set_wall(world.true_us)  # set by a time server
    device.runs_for(1 * DAY, "told to stop")
    world.clock.set_wall(world.true_us + 3 * HOUR)  # ahead, for two hours
    begin = world.true_us
    device.runs_for(2 * HOUR, "told to stop")
    world.wrong.append((begin, world.true_us))
    world.clock.set_wall(world.true_us)
    world.charge = 15
    device.runs_for(1 * DAY, "told to stop")
    world.charge = 100
    device.sleeps_for(7 * HOUR)  # a lid closed between two runs
    while world.true_us < BEGIN + DAYS * DAY:
        device.runs_for(
            min(3 * DAY, BEGIN + DAYS * DAY - world.true_us), world.chance.choice(["told to stop", "power cut"])
        )
        device.is_off_for(world.chance.randrange(30, 7200) * S)
    device.runs_for(20 * MINUTE, "told to stop")


def records_of(entrance: Entrance) -> list[Record]:
    """Every record that was kept, in the order of the chain."""
    opened = (open_batch(body, ring(DEVICE)) for body in entrance.there.kept.values())
    return [one for batch in opened for one in batch.records]


def within(slot: int, stretches: list[Stretch]) -> bool:
    """Whether a slot touches one of these stretches."""
    begin, end = slot * SLOTS.slot_s * S, (slot + 1) * SLOTS.slot_s * S
    return any(one < end and begin < other for one, other in stretches)


@pytest.fixture
def disk() -> Iterator[Path]:
    """A disk in memory where there is one: a month has thousands of fsyncs."""
    fast = Path("/dev/shm")
    folder = (fast if fast.is_dir() else Path.cwd()) / f"month-{secrets.token_hex(6)}"
    folder.mkdir()
    yield folder
    shutil.rmtree(folder)


@pytest.mark.slow
@pytest.mark.timeout(120)
def test_every_slot_of_a_month_is_accounted_for(world: World, disk: Path) -> None:
    """Each slot is measured, held back with a reason, cut off, or explained by when the device was off or its clock wrong."""
    entrance = Entrance(world)
    device = Device(world, disk, entrance)
    month(device, world)
    records = records_of(entrance)

    # the chain: nothing lost, nothing twice, in order
    seqs = [one.seq for one in records]
    assert seqs == list(range(len(seqs)))

    # each slot once by each method
    tests = [one for one in records if one.integer("slot") is not None]
    times = Counter((one.integer("slot"), one.method) for one in tests)
    assert max(times.values()) == 1

    # every slot of the month
    first, last = SLOTS.slot_at(BEGIN) + 1, SLOTS.slot_at(BEGIN + DAYS * DAY) - 1
    had = {one.integer("slot"): one for one in tests if one.method == "latency"}
    explained = [*world.off, *world.slept, *world.wrong]
    missing = [slot for slot in range(first, last) if slot not in had and not within(slot, explained)]
    assert missing == []
    ends = Counter(one.text("end") for one in had.values())
    assert ends["ok"] > 2_000
    assert ends["failed"] > 100  # the outages were measured, not missed
    for slot, one in had.items():
        if slot is not None and one.text("end") == "failed":
            assert within(slot, world.outages) or within(slot, world.wrong)

    # while the network was gone the ladder says so
    ladders = {one.integer("slot") for one in tests if one.method == "reach"}
    assert {slot for slot, one in had.items() if one.text("end") == "failed"} <= ladders

    # the battery held back what loads the line
    held = Counter(one.text("reason") for one in tests if one.text("end") == "not_started")
    assert held["battery_low"] >= 3

    # and every stretch in which nothing ran is told by the start that followed
    presence = [one for one in records if one.method == "presence"]
    starts = [one for one in presence if one.text("event") == "started"]
    assert len(starts) == device.lives
    afters = Counter(one.text("after") for one in starts)
    assert afters["first"] == 1
    assert afters["stop"] >= 5
    assert afters["reboot"] >= 3
    for gap_us, one in zip(device.gaps, starts, strict=True):
        if gap_us is not None:
            assert gap_us <= (one.integer("off_us") or 0) + S
            assert (one.integer("off_us") or 0) <= gap_us + (10 * S if one.text("after") == "stop" else 16 * MINUTE)
    lost = [one for one in presence if one.text("event") == "link_lost"]
    assert len(lost) == len(world.outages)

    # what it cost
    spent = strictjson.decode(Outbox(disk / "outbox.sqlite", lambda: bytes(32)).kept("spent") or b"{}")
    months = spent["months"]
    assert isinstance(months, list)
    for one in months:
        assert isinstance(one, dict)
        assert sum(int(str(value)) for name, value in one.items() if name != "month") <= 1000 * 1_000_000
