"""A world for one probe: the clock, the line, the power, the disk and the collector's entrance, by what really happens.

Agent, schedule, outbox (on a real disk), sealing and chain are the real ones. What happens is a list of stretches of true time; the
agent is told none of it but by what it can see, and the tests hold its records against it.
"""

import asyncio
import json
import random
import secrets
import shutil
from collections.abc import Callable
from contextlib import closing, suppress
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
from probe.errors import CollectorSilent, StateUnusable
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
from shared.batch import open_batch
from shared.record import Record
from shared.slots import SlotPlan

S, MINUTE, HOUR, DAY = 1_000_000, 60_000_000, 3_600_000_000, 86_400_000_000
BEGIN = 1_800_000_000_000_000 // DAY * DAY
SLOTS = SlotPlan()
ENROLLED = Enrolled(
    "http://127.0.0.1:9", COLLECTOR.public, "anna", SLOTS,
    PeerAddress("http://127.0.0.1:9", "127.0.0.1", 9, "fake"), None, time_zone="Europe/Prague",
)  # fmt: skip
COSTS = {
    "latency": 2_000,
    "fetch": 60_000,
    "dns": 1_000,
    "path": 30_000,
}  # received; others: a light transfer at 20 Mbit/s
Stretch = tuple[int, int]
Act = tuple[int, Callable[[], object]]


@dataclass
class World:
    """What really happens, by true time."""

    clock: "TrueClock"
    outages: list[Stretch] = field(default_factory=list)
    bad: list[Stretch] = field(default_factory=list)  # the line, without an outage
    away: list[Stretch] = field(default_factory=list)  # the collector
    full: list[Stretch] = field(default_factory=list)  # the disk
    off: list[Stretch] = field(default_factory=list)  # the power, or the agent
    slept: list[Stretch] = field(default_factory=list)
    steps: list[tuple[int, int]] = field(default_factory=list)  # of the wall clock, while the agent ran: when, how far
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
        if self.now(self.bad):
            return Measured("failed", {"failure": "eof_error", "stage": "body", "received_bytes": 7})
        count = COSTS.get(type(plan).__module__.rpartition(".")[2], 2_000_000)
        moved = {"received_bytes": count, "tcp_rx_bytes": count, "tcp_tx_bytes": count // 20}
        return Measured("ok", {"dur_us": 2 * S, "rtt_us": [30_000] * 5, "sent": 5, **moved})

    async def look(self, interface: str | None, has_way: bool) -> Surroundings:
        """Look round: a battery, and the link."""
        link = Link(interface, "cellular", has_way=has_way)
        return Surroundings(link, power=Power(plugged=False, charge_per_cent=self.charge))

    def put(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Stand in for the real world."""
        start = Outbox.start

        def start_if_there_is_room(box: Outbox, *intents: Callable[[int], bytes]) -> int:
            if self.now(self.full):
                raise StateUnusable("the outbox cannot be written: disk full")
            return start(box, *intents)

        def facts(*_where: object) -> HostFacts:
            gone = self.now(self.outages)
            return HostFacts(None if gone else "wwan0", "cellular", has_way=not gone)

        async def at_once(read: Callable[[], Any]) -> Any:
            return read()

        def leaving(_pinned: str | None) -> Link:
            return Link("wwan0", "cellular", has_way=not self.now(self.outages))

        monkeypatch.setattr(Outbox, "start", start_if_there_is_room)
        monkeypatch.setattr(agent_module, "METHODS", methods(self.run))  # type: ignore[arg-type]
        monkeypatch.setattr(agent_module, "boot_id", lambda _clock: self.boot)
        monkeypatch.setattr(lookout_module, "LOOK_S", 0)
        for module, name in ((minder_module, "LOOK_S"), (run_module, "_LOOK_S")):
            monkeypatch.setattr(module, name, 60.0)  # a month has half a million looks of five seconds
        monkeypatch.setattr(run_module, "_IDLE_S", 600.0)
        monkeypatch.setattr(lookout_module, "aside", at_once)
        monkeypatch.setattr(lookout_module, "facts_on_the_way_to", facts)
        monkeypatch.setattr(lookout_module, "snapshot", facts)
        monkeypatch.setattr(minder_module, "leaving", leaving)


class TrueClock(FakeClock):
    """Moves the true time with it."""

    world: World

    def advance(self, us: int, *, asleep: bool = False) -> None:
        """Let true time pass too."""
        super().advance(us, asleep=asleep)
        self.world.true_us += us


def new_world() -> World:
    """A world that begins now."""
    clock = TrueClock(wall_us=BEGIN)
    clock.world = World(clock)
    return clock.world


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

    def records(self) -> list[Record]:
        """Every record that was kept, in the order of the chain."""
        opened = (open_batch(body, ring(DEVICE)) for body in self.there.kept.values())
        return [one for batch in opened for one in batch.records]


@dataclass
class Box:
    """The probe's box: its disk, and the agent that runs on it."""

    world: World
    folder: Path
    settings: Settings
    entrance: Entrance = field(init=False)
    gaps: list[int | None] = field(default_factory=list)  # before each run; None where the clock did not know
    _ended_us: int | None = None

    def __post_init__(self) -> None:
        self.entrance = Entrance(self.world)

    @property
    def file(self) -> Path:
        """The outbox."""
        return self.folder / "outbox"

    def outbox(self) -> Outbox:
        """Open the outbox, as a command beside the agent does."""
        return Outbox(self.file, lambda: bytes(32))

    def keep(self, name: str, value: bytes) -> None:
        """Leave a wish, as a command beside the agent does."""
        with closing(self.outbox()) as box:
            box.keep(name, value)

    def runs_for(self, span_us: int, ends: str, *acts: Act) -> None:
        """Let the agent run so long, doing something else at moments of it; then stop it, or cut the power under it."""
        world = self.world
        knows = self._ended_us is not None and world.clock.wall_us() == world.true_us
        self.gaps.append(world.true_us - (self._ended_us or 0) if knows else None)
        agent = Agent(ENROLLED, DEVICE, self.outbox(), world.clock, secrets.token_bytes, self.settings, world.look)
        daemon = Daemon(agent)
        uploader = Uploader(
            agent.outbox, self.entrance, COLLECTOR.public, lambda _: None, device=agent, on_sent=daemon.sent  # type: ignore[arg-type]
        )  # fmt: skip

        async def live() -> None:
            task = asyncio.create_task(run_agent(daemon, uploader, Minder(daemon)))
            begun_us = world.true_us
            for at_us, act in (*acts, (span_us, lambda: None)):
                await asyncio.wait([task], timeout=max(0, begun_us + at_us - world.true_us) / S)
                act()
            if task.done():
                task.result()
            if ends == "power cut":
                self._cut()
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task

        virtual.run(live(), world.clock)
        agent.outbox.close()
        if ends == "power cut":
            self._come_back()
        self._ended_us = world.true_us if world.clock.wall_us() == world.true_us else None

    def _cut(self) -> None:
        """Remember the disk as it is now: whatever the agent does after this never was."""
        shutil.copytree(self.file, self.folder / "cut")

    def _come_back(self) -> None:
        shutil.rmtree(self.file)
        self.folder.joinpath("cut").rename(self.file)

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
        """Sleep, with the agent in memory."""
        begin = self.world.true_us
        self.world.clock.advance(span_us, asleep=True)
        self.world.slept.append((begin, self.world.true_us))

    def sets_clock(self, off_us: int) -> None:
        """Have the wall clock set, under a running agent, to what is so far from the truth."""
        world = self.world
        world.steps.append((world.true_us, world.true_us + off_us - world.clock.wall_us()))
        world.clock.set_wall(world.true_us + off_us)
