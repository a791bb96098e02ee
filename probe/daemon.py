"""One agent at work: what it remembers between errands, and how it does one. The loops are in `probe.run`.

Everything it must remember over a restart is kept in the outbox, beside the records it goes with.
"""

import asyncio
import contextlib
import logging
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from probe import beacons, pausing
from probe.agent import Agent, Begun
from probe.beacons import Held
from probe.clock import BUILT_US, Clock
from probe.cost import cost_of
from probe.errands import LADDER, LATE_US, Errand, Test, earliest, is_dead, of_slot, without_a_clock
from probe.errors import StateUnusable
from probe.events import Watch
from probe.gate import MINUTES_A_DAY, Situation, Weight, held_back
from probe.pausing import read_pause
from probe.platform.notify_socket import status
from probe.purse import Purse
from probe.schedule import Schedule
from probe.wishes import Wishes
from shared.errors import Malformed
from shared.record import read_record
from shared.slots import HEAVY_EVERY, schedule_key
from shared.strictjson import JsonObject

KEEP_SLOTS: Final = 1000  # ten days of a quarter of an hour each
log = logging.getLogger(__name__)


def nobody(_told: str) -> None:
    """Tell nobody."""


@dataclass(slots=True)
class Daemon:
    """An agent, what it was told to do, and what it remembers."""

    agent: Agent
    plan: str = "light"
    heavy_every: int = HEAVY_EVERY
    tell: Callable[[str], None] = nobody  # the service manager
    sign: Callable[[], Mapping[str, bytes]] = dict  # of life, kept with every errand
    sweep: Callable[[], object] = int  # after every errand: what its connections left in memory
    done: deque[int] = field(default_factory=lambda: deque(maxlen=KEEP_SLOTS))
    unset_done: set[int] = field(default_factory=set)
    purse: Purse = field(init=False)
    wishes: Wishes = field(init=False)
    watch: Watch = field(default_factory=Watch)
    recorded_us: int = 0  # when the last record was made, by the monotonic clock
    next: Errand | None = None
    state: str = "waiting"  # a word for `status`

    def __post_init__(self) -> None:
        """Give it a purse, and an ear for wishes."""
        self.purse, self.wishes = Purse(self.agent), Wishes(self.agent, self.plan)

    def wake(self) -> None:
        """Remember what was kept; the clock may have been set back while nothing ran."""
        if self.agent.history is not None:
            self.agent.history.catch_up(self.agent.outbox.recent())
        self.done.extend(_slots_of(self.agent.outbox.recent()))
        self.purse.open()
        self.watch = Watch.read(self.agent.outbox.kept("watch"))
        self.wishes.open()

    # what is next

    def next_errand(self) -> Errand:
        """What is due first."""
        self.next = self._earliest(self.agent.clock.wall_us())
        self.tell(status(f"waiting; next test at {_clock(self.next.at_us, self.agent.clock)}"))
        return self.next

    def _earliest(self, now_us: int) -> Errand:
        slot = self._without_a_clock(now_us) if now_us < BUILT_US else self._slot(now_us)
        return earliest((*self.wishes.errands(now_us), slot))

    def _slot(self, now_us: int) -> Errand:
        due = self._schedule().next_due(now_us, self.done)
        return of_slot(due, self.agent.enrolled.slots, self.plan)

    def _schedule(self) -> Schedule:
        agent = self.agent
        draw = Held.read(agent.outbox.kept(beacons.NAME)).draw(agent.outbox.seed)
        return Schedule(agent.enrolled.slots, draw, agent.device, self.heavy_every)

    def _without_a_clock(self, now_us: int) -> Errand:
        """One start in each stretch of a slot's length, by the clock that counts from the start of the device."""
        slots, mono_us = self.agent.enrolled.slots, self.agent.clock.mono_us()
        number = slots.slot_at(mono_us)
        key, dev = schedule_key(self.agent.outbox.seed), self.agent.device
        while number in self.unset_done or slots.start_us(key, dev, number) < mono_us:
            number += 1
        at_us = now_us + slots.start_us(key, dev, number) - mono_us
        return without_a_clock(at_us, min(at_us + slots.slot_s * 1_000_000, BUILT_US), number, self.plan)

    # doing it

    async def do(self, errand: Errand) -> None:
        """Every test of an errand, one after the other, sealed; raises StateUnusable if the disk takes nothing."""
        self.state = "measuring"
        try:
            await self._do(errand)
        finally:
            self.state = "waiting"

    async def _do(self, errand: Errand) -> None:
        self.agent.close_open_intents()  # a disk that was full may have left one, and what is open holds up all sealing
        begun_us, mono_us = self.agent.clock.wall_us(), self.agent.clock.mono_us()
        self.wishes.begin(errand)
        results = await self._tests(errand.tests, errand)
        if any(is_dead(one) for one in results):
            results += await self._tests((LADDER,), errand)
        self._finished(errand)
        with self.agent.outbox.together():
            self._pass_over(begun_us, self.agent.clock.mono_us() - mono_us)
            if errand.slot is not None:
                self._learn(results, begun_us)
            self._save(errand)
            self.agent.seal_all()
        if self.agent.history is not None:
            self.agent.history.flush()
        self.sweep()

    async def _tests(self, tests: Sequence[Test], errand: Errand) -> list[JsonObject]:
        """Run tests one after the other; the intents of all are on disk before the first begins."""
        begun = self.agent.begin([(test.method, test.plan) for test in tests], errand.slot, errand.why)
        results = []
        for place, test in enumerate(tests):
            try:
                results.append(await self._test(test, begun[place], errand))
            except asyncio.CancelledError:
                with contextlib.suppress(StateUnusable):
                    for later in begun[place + 1 :]:
                        self.agent.hold_back(later, "stopped")
                raise
        return results

    def _pass_over(self, begun_us: int, took_us: int) -> None:
        """Record the slots whose start fell into what was just done: they were due, and had to make way for it."""
        if begun_us < BUILT_US:
            return
        schedule = self._schedule()
        while (due := schedule.next_due(begun_us, self.done)).at_us <= begun_us + took_us:
            slot = of_slot(due, self.agent.enrolled.slots, self.plan)
            for one in self.agent.begin([(test.method, test.plan) for test in slot.tests], slot.slot, slot.why):
                self.agent.hold_back(one, "busy")
            self.done.append(due.slot)

    def _finished(self, errand: Errand) -> None:
        if errand.slot is not None:
            self.done.append(errand.slot)
        elif errand.stretch is not None:
            self.unset_done.add(errand.stretch)

    async def _test(self, test: Test, begun: Begun, errand: Errand) -> JsonObject:
        self.tell("WATCHDOG=1")
        reason = await self._reason(test, errand)
        if reason is not None:
            told = self.agent.hold_back(begun, reason)
            log.info("%s %s: not started, %s", _name(errand), test.method, reason)
        else:
            told = await self.agent.run(begun, with_next=True)
            self.purse.spend(test.account, cost_of(test, told))
            log.info("%s %s: %s", _name(errand), test.method, told["end"])
        self.recorded_us = self.agent.clock.mono_us()
        self.wishes.made(told)
        return told

    def _save(self, errand: Errand) -> None:
        """Keep what is to be remembered, in one transaction: a power cut costs the account of one errand at most."""
        self.next_errand()
        kept = {**self.purse.kept(), "watch": self.watch.write(), **self.wishes.kept(errand), **self.sign()}
        self.agent.outbox.keep_all(kept)

    async def _reason(self, test: Test, errand: Errand) -> str | None:
        """Why a test is not started now."""
        agent, now_us = self.agent, self.agent.clock.wall_us()
        if "campaign" in errand.why and now_us > errand.at_us + LATE_US:
            return "late"
        ahead_s, _ = agent.clock.zone(now_us)
        weight: Weight = "light" if test.account == "light" else "heavy"
        return held_back(
            Situation(
                weight=weight,
                settings=agent.settings,
                around=await agent.lookout.glance(),
                local_minute=(now_us // 1_000_000 + ahead_s) // 60 % MINUTES_A_DAY,
                paused=self._paused(now_us),
                makes_room="campaign" not in errand.why and self.wishes.is_near(),
                affordable=self.purse.affords(test),
            )
        )

    def _paused(self, now_us: int) -> bool:
        """Whether a person asked for quiet; what cannot be read is no pause: measuring is what the device is for."""
        try:
            pause = read_pause(self.agent.outbox.kept(pausing.NAME))
        except Malformed:
            return False
        return pause is not None and pause.holds_at(now_us)

    def is_due(self, errand: Errand) -> bool:
        """Whether it is time for it now; what is due no more is let go: a slot without a record is missing, and shows it."""
        now_us = self.agent.clock.wall_us()
        if now_us >= errand.until_us:
            self.wishes.begin(errand)
        return errand.at_us <= now_us < errand.until_us

    def sent(self, sent_bytes: int) -> None:
        """Book what was handed to the collector."""
        self.purse.spend("sent", sent_bytes)

    # what it means

    def _learn(self, results: list[JsonObject], begun_us: int) -> None:
        since_us = self.watch.since_us
        self.watch, event = self.watch.seen(results, begun_us)
        if event == "confirm":
            self.agent.note(_episode("bad", self.watch.since_us or begun_us))
            self.wishes.confirm("event")
        elif event == "recovered":
            self.agent.note(_episode("recovered", since_us or begun_us))


def _clock(at_us: int, clock: Clock) -> str:
    """A moment by this device's own clock, as service managers show it."""
    ahead_s, zone = clock.zone(at_us)
    minute = (at_us // 1_000_000 + ahead_s) // 60 % MINUTES_A_DAY
    return f"{minute // 60:02}:{minute % 60:02} {zone}"


def _episode(event: str, since_us: int) -> JsonObject:
    return {"event": event, "method": "episode", "since_us": since_us, "ver": 1}


def _slots_of(recent: Iterable[bytes]) -> list[int]:
    """The slots of records, the earliest first."""
    slots = {read_record(line.rstrip(b"\n")).integer("slot") for line in recent}
    return sorted(slot for slot in slots if slot is not None)


def _name(errand: Errand) -> str:
    return f"slot {errand.slot}" if errand.slot is not None else str(errand.why.get("why", "test"))
