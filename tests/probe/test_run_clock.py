"""The schedule kept by a clock that jumps: no slot twice, none early, and no end of measuring."""

import asyncio
import itertools
from collections.abc import Callable

import pytest
from fakes import virtual
from fakes.clock import FakeClock
from fakes.host import FakeHost
from strategies import DEVICE

from probe import run as tested
from probe.agent import Agent
from probe.daemon import Daemon
from probe.errands import Errand
from probe.facts import HostFacts
from probe.minder import Minder
from shared import strictjson
from shared.slots import SlotPlan, schedule_key

MakeAgent = Callable[..., Agent]
PLAN = SlotPlan(60, 20)
HOUR_US = 3_600_000_000
JUMPS = {
    "none": (),
    "back by an hour": ((5, -HOUR_US),),
    "ahead by an hour": ((5, HOUR_US),),
    "back and forth": ((3, -HOUR_US), (6, HOUR_US), (9, -HOUR_US), (12, 2 * HOUR_US)),
    "back by a second, often": tuple((at, -1_000_000) for at in range(1, 200, 3)),
    "ten years ahead, and back": ((4, 87_600 * HOUR_US), (60, -87_600 * HOUR_US)),
    "two years back": ((4, -17_520 * HOUR_US),),
}


class JumpingClock(FakeClock):
    """A clock that jumps when it has been waited for so often."""

    jumps: tuple[tuple[int, int], ...] = ()
    waits: int = 0

    def advance(self, us: int, *, asleep: bool = False) -> None:
        """Let time pass, and then jump if it is time to."""
        super().advance(us, asleep=asleep)
        self.waits += 1
        for at, by_us in self.jumps:
            if at == self.waits:
                self.set_wall(self.wall_us() + by_us)


class Noting(Daemon):
    """A daemon that notes its errands instead of doing them, and has enough of forty."""

    starts: list[tuple[int, int]]

    async def do(self, errand: Errand) -> None:
        """Note slot and moment."""
        self.starts.append((errand.slot or -1, self.agent.clock.wall_us()))
        await asyncio.sleep(5)
        if errand.slot is not None:
            self.done.append(errand.slot)
        if len(self.starts) == 40:
            raise KeyboardInterrupt


def starts_of(agent: Agent, clock: JumpingClock) -> list[tuple[int, int]]:
    """Run the schedule for forty starts of imagined time; slot and moment (unix µs) of each."""
    daemon = Noting(agent, "tiny", 4)
    daemon.starts = []
    daemon.wake()
    with pytest.raises(KeyboardInterrupt):
        virtual.run(tested._measure(daemon, Minder(daemon), asyncio.Event(), asyncio.Lock()), clock)
    return daemon.starts


@pytest.fixture(autouse=True)
def _silent_host(monkeypatch: pytest.MonkeyPatch) -> None:
    FakeHost(HostFacts(None, "other")).put(monkeypatch)


@pytest.mark.parametrize("jumps", JUMPS.values(), ids=JUMPS)
def test_no_slot_is_measured_twice(jumps: tuple[tuple[int, int], ...], make_agent: MakeAgent) -> None:
    """Wherever the clock jumps, each slot is measured at most once, inside itself, not early, and measuring goes on."""
    clock = JumpingClock(wall_us=1_900_000_000_000_000)
    clock.jumps = jumps
    agent = make_agent(clock=clock, slots=PLAN)
    starts = starts_of(agent, clock)
    assert len({slot for slot, _ in starts}) == 40
    for slot, at_us in starts:
        assert PLAN.slot_at(at_us) == slot
        assert at_us >= PLAN.start_us(schedule_key(agent.outbox.seed), DEVICE.public.key_id, slot)
    assert clock.waits < 40 * 60


def test_a_clock_that_was_set_back_over_a_restart(make_agent: MakeAgent) -> None:
    """A board that wakes up an hour in the past measures no slot a second time."""
    clock = JumpingClock()
    agent = make_agent(clock=clock, slots=PLAN)
    done = {PLAN.slot_at(clock.wall_us()) + ahead for ahead in (1, 2, 5)}
    for slot in done:
        seq = agent.outbox.start(lambda _: b"")
        line = strictjson.encode({"end": "ok", "method": "latency", "seq": seq, "slot": slot}) + b"\n"
        agent.outbox.finish(seq, line, "boot")
    assert done.isdisjoint(slot for slot, _ in starts_of(agent, clock))


def test_a_clock_that_was_never_set(make_agent: MakeAgent) -> None:
    """A board that thinks it is 1970 measures as often as ever and names no slot; once the clock is set, slots go on."""
    clock = JumpingClock(wall_us=7_000_000)
    clock.jumps = ((120, 1_900_000_000_000_000),)
    starts = starts_of(make_agent(clock=clock, slots=PLAN), clock)
    early = [at_us for slot, at_us in starts if slot == -1]
    assert len(early) >= 5
    assert all(20_000_000 <= later - one < 105_000_000 for one, later in itertools.pairwise(early))
    assert all(at_us < 10**15 for at_us in early)
    named = [slot for slot, _ in starts if slot != -1]
    assert len(set(named)) == 40 - len(early)
    assert [slot for slot, _ in starts[len(early) :]] == named
