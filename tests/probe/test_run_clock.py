"""The schedule kept by a clock that jumps: no slot twice, none early, and no end of measuring."""

import asyncio
from collections.abc import Callable

import pytest
from fakes.clock import FakeClock
from strategies import DEVICE

from probe import run as tested
from probe.agent import Agent
from probe.schedule import Due
from shared import strictjson
from shared.slots import SlotPlan, schedule_key

MakeAgent = Callable[..., Agent]


class JumpingClock(FakeClock):
    """A clock that moves by as much as is slept, and jumps when told."""

    jumps: tuple[tuple[int, int], ...] = ()
    slept: int = 0

    def sleep(self, seconds: float) -> None:
        """Let time pass, and then jump if it is time to."""
        self.advance(int(seconds * 1_000_000) + 1)
        self.slept += 1
        for at, by_us in self.jumps:
            if at == self.slept:
                self.set_wall(self.wall_us() + by_us)


HOUR_US = 3_600_000_000
JUMPS = {
    "none": (),
    "back by an hour": ((5, -HOUR_US),),
    "ahead by an hour": ((5, HOUR_US),),
    "back and forth": ((3, -HOUR_US), (6, HOUR_US), (9, -HOUR_US), (12, 2 * HOUR_US)),
    "back by a second, often": tuple((at, -1_000_000) for at in range(1, 200, 3)),
    "ten years ahead, and back": ((4, 87_600 * HOUR_US), (60, -87_600 * HOUR_US)),
    "ten years back": ((4, -87_600 * HOUR_US),),
}


async def starts_of(agent: Agent, clock: JumpingClock, monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, int]]:
    """Run the schedule for forty slots of imagined time; slot and moment (unix µs) of each start."""
    real_sleep = asyncio.sleep
    starts: list[tuple[int, int]] = []

    async def sleep(seconds: float) -> None:
        clock.sleep(seconds)
        await real_sleep(0)

    async def note(_agent: Agent, due: Due, _plan: str) -> None:
        starts.append((due.slot, clock.wall_us()))
        clock.advance(5_000_000)
        if len(starts) == 40:
            raise KeyboardInterrupt

    monkeypatch.setattr(tested.asyncio, "sleep", sleep)
    monkeypatch.setattr(tested, "measure_slot", note)
    with pytest.raises(KeyboardInterrupt):
        await tested._measure(agent, "tiny", 4, asyncio.Event(), asyncio.Lock())
    return starts


@pytest.mark.parametrize("jumps", JUMPS.values(), ids=JUMPS)
async def test_no_slot_is_measured_twice(
    jumps: tuple[tuple[int, int], ...], make_agent: MakeAgent, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Wherever the clock jumps, each slot is measured at most once, inside itself, not early, and measuring goes on."""
    clock, plan = JumpingClock(), SlotPlan(60, 20)
    clock.jumps = jumps
    agent = make_agent(clock=clock, slots=plan)
    starts = await starts_of(agent, clock, monkeypatch)
    assert len({slot for slot, _ in starts}) == 40
    for slot, at_us in starts:
        assert plan.slot_at(at_us) == slot
        assert at_us >= plan.start_us(schedule_key(agent.outbox.seed), DEVICE.public.key_id, slot)
    assert clock.slept < 40 * 60


async def test_a_clock_that_was_set_back_over_a_restart(make_agent: MakeAgent, monkeypatch: pytest.MonkeyPatch) -> None:
    """A board without a clock of its own that wakes up in the past measures no slot a second time."""
    clock, plan = JumpingClock(), SlotPlan(60, 20)
    agent = make_agent(clock=clock, slots=plan)
    done = {plan.slot_at(clock.wall_us()) + ahead for ahead in (1, 2, 5)}
    for slot in done:
        seq = agent.outbox.start(lambda _: b"")
        line = strictjson.encode({"end": "ok", "method": "latency", "seq": seq, "slot": slot}) + b"\n"
        agent.outbox.finish(seq, line, "boot")
    starts = await starts_of(agent, clock, monkeypatch)
    assert done.isdisjoint(slot for slot, _ in starts)
