"""The agent that stays: slots measured as they come due, whatever waits sent, until it is told to stop."""

import asyncio
import logging
import secrets
from collections import deque
from collections.abc import Iterable

from probe.agent import Agent
from probe.backoff import Backoff
from probe.catalogue import CATALOGUE
from probe.errors import StateUnusable
from probe.schedule import Due, Schedule
from probe.upload import Blocked, Later, Uploader
from shared.record import read_record
from shared.slots import schedule_key

_LOOK_S = 5.0  # the wall clock may jump: never sleep longer than this without looking at it again
_BLOCKED_US = 900_000_000
_DISK_PAUSE_S = 30.0
_KEEP_SLOTS = 1000  # ten days of a quarter of an hour each
log = logging.getLogger(__name__)


async def run_agent(agent: Agent, uploader: Uploader, plan: str, heavy_every: int) -> None:
    """Measure and send until cancelled. What a crash left open becomes aborted first."""
    closed = agent.close_open_intents()
    if closed:
        log.warning("%d measurements were cut off last time; recorded as aborted", closed)
    agent.seal_all()
    fresh = asyncio.Event()
    fresh.set()
    async with asyncio.TaskGroup() as tasks:
        line = asyncio.Lock()  # what is sent while a test runs would be measured as somebody else's traffic
        tasks.create_task(_measure(agent, plan, heavy_every, fresh, line))
        tasks.create_task(_send(uploader, fresh, line))


async def _measure(agent: Agent, plan: str, heavy_every: int, fresh: asyncio.Event, line: asyncio.Lock) -> None:
    dev = agent.signer.public.key_id
    schedule = Schedule(agent.enrolled.slots, schedule_key(agent.outbox.seed), dev, heavy_every)
    done = deque(_slots_of(agent.outbox.recent()), _KEEP_SLOTS)  # the clock may have been set back while we were away
    while True:
        due = schedule.next_due(agent.clock.wall_us(), done)
        await _wait_until(agent, due)
        now_us = agent.clock.wall_us()
        if now_us < due.at_us or agent.enrolled.slots.slot_at(now_us) != due.slot:
            continue  # the clock jumped, or the machine slept over it: the slot is missing, and shows as missing
        try:
            async with line:
                await measure_slot(agent, due, plan)
        except StateUnusable:
            log.exception("nothing was measured in slot %d", due.slot)
            await asyncio.sleep(_DISK_PAUSE_S)
            continue
        finally:
            fresh.set()
        done.append(due.slot)


def _slots_of(recent: Iterable[bytes]) -> list[int]:
    """The slots of records, the earliest first."""
    slots = {read_record(line.rstrip(b"\n")).integer("slot") for line in recent}
    return sorted(slot for slot in slots if slot is not None)


async def _wait_until(agent: Agent, due: Due) -> None:
    """Sleep until a start, or until the clock was set back: then another start may come first."""
    seen_us = now_us = agent.clock.wall_us()
    while seen_us <= now_us < due.at_us:
        await asyncio.sleep(min((due.at_us - now_us) / 1_000_000, _LOOK_S))
        seen_us, now_us = now_us, agent.clock.wall_us()


async def measure_slot(agent: Agent, due: Due, plan: str) -> None:
    """All methods of one slot, one after the other, then sealed."""
    agent.close_open_intents()  # a disk that was full may have left one, and what is open holds up all sealing
    for method in CATALOGUE:
        if method.weight == "light" or (due.heavy and method.weight == "heavy"):
            ended = await agent.measure(method.name, method.plan_beside(plan), due.slot)
            log.info("slot %d: %s %s", due.slot, method.name, ended["end"])
    agent.seal_all()


async def _send(uploader: Uploader, fresh: asyncio.Event, line: asyncio.Lock) -> None:
    backoff, tries = Backoff(), 0
    while True:
        fresh.clear()  # before looking: what is sealed while we send must wake us again
        try:
            outcome = await uploader.send_all(line)
        except StateUnusable as error:
            outcome = Later(str(error))  # what was not noted as sent is sent again, and answered with the same receipt
        if outcome is None:
            tries = 0
            await _either(fresh, 60.0)  # a complaint may have been added by another process
            continue
        tries += 1
        blocked = isinstance(outcome, Blocked)
        log.warning("%s", outcome.why) if blocked or tries == 1 else log.info("%s", outcome.why)
        asked_us = _BLOCKED_US if isinstance(outcome, Blocked) else outcome.wait_us
        wait_us = backoff.wait_us(tries, secrets.randbits(32), asked_us)
        await asyncio.sleep(wait_us / 1_000_000)


async def _either(event: asyncio.Event, timeout_s: float) -> None:
    try:
        async with asyncio.timeout(timeout_s):
            await event.wait()
    except TimeoutError:
        return
