"""The agent that stays: errands done as they come due, whatever waits sent, until it is told to stop.

One TaskGroup: a defect in one loop ends them all, and the service manager starts anew. Every wait is short, so that a
wall clock that jumps, a person's wish and a stop are seen within seconds.
"""

import asyncio
import contextlib
import logging
import secrets
from typing import Final

from probe.answers import REVOKED, Blocked, Later
from probe.backoff import Backoff
from probe.daemon import Daemon
from probe.errands import Errand
from probe.errors import StateUnusable
from probe.minder import Minder
from probe.upload import Uploader

_LOOK_S: Final = 5.0  # the wall clock may jump: never sleep longer than this without looking at it again
_BLOCKED_US: Final = 900_000_000
_REVOKED_S: Final = 86_400.0
_DISK_PAUSE_S: Final = 30.0
_IDLE_S: Final = 60.0  # a complaint may have been added by another process
log = logging.getLogger(__name__)


async def run_agent(daemon: Daemon, uploader: Uploader, minder: Minder | None = None) -> None:
    """Measure and send until cancelled. What a crash left open becomes aborted first; raises StateUnusable."""
    agent = daemon.agent
    minder = minder or Minder(daemon)
    if agent.outbox.doubt is not None:
        log.warning("the collector is asked where the chain stands: %s", agent.outbox.doubt)
    if agent.outbox.set_aside is not None:
        log.warning("the outbox was damaged and is mended; the damaged one is %s", agent.outbox.set_aside)
    closed = agent.close_open_intents()
    if closed:
        log.warning("%d measurements were cut off last time; recorded as aborted", closed)
    daemon.wake()
    minder.begin(closed)
    agent.seal_all()
    fresh = asyncio.Event()
    fresh.set()
    daemon.tell("READY=1")
    try:
        async with asyncio.TaskGroup() as tasks:
            line = asyncio.Lock()  # what is sent while a test runs would be measured as somebody else's traffic
            tasks.create_task(_measure(daemon, minder, fresh, line))
            tasks.create_task(_send(daemon, uploader, fresh, minder.link_back, line))
            tasks.create_task(minder.mind())
    except asyncio.CancelledError:
        daemon.tell("STOPPING=1")
        _end(daemon, minder)
        raise
    except BaseExceptionGroup:
        with contextlib.suppress(StateUnusable):
            agent.close_open_intents()
        raise


def _end(daemon: Daemon, minder: Minder) -> None:
    """A clean stop; on a disk that takes nothing it is one all the same, and the next start will say that it was cut off."""
    try:
        with daemon.agent.outbox.together():
            daemon.agent.close_open_intents()
            minder.end("told")
            daemon.agent.seal_all()
    except StateUnusable as error:
        log.warning("%s", error)


async def _measure(daemon: Daemon, minder: Minder, fresh: asyncio.Event, line: asyncio.Lock) -> None:
    while True:
        errand = daemon.next_errand()
        try:
            await _wait_until(daemon, errand)
            async with line:
                if not daemon.is_due(errand):  # the clock jumped, the machine slept over it, or sending took too long
                    continue
                await daemon.do(errand)
                minder.wrote()
        except StateUnusable as error:
            minder.refused()
            log.warning("%s; trying again in %d s", error, _DISK_PAUSE_S)
            await asyncio.sleep(_DISK_PAUSE_S)
            continue
        finally:
            fresh.set()


async def _wait_until(daemon: Daemon, errand: Errand) -> None:
    """Sleep until a start, or until something changed after which another one may come first."""
    clock = daemon.agent.clock
    seen_us = now_us = clock.wall_us()
    while seen_us <= now_us < errand.at_us:
        await asyncio.sleep(min((errand.at_us - now_us) / 1_000_000, _LOOK_S))
        daemon.tell("WATCHDOG=1")
        if daemon.wishes.asked():
            return
        seen_us, now_us = now_us, clock.wall_us()


async def _send(
    daemon: Daemon, uploader: Uploader, fresh: asyncio.Event, link_back: asyncio.Event, line: asyncio.Lock
) -> None:
    backoff, tries = Backoff(), 0
    uploader.delayed = daemon.agent.note
    uploader.may_send = lambda: not daemon.wishes.is_near()  # whose tests have their moments
    while True:
        fresh.clear()  # before looking: what is sealed while we send must wake us again
        link_back.clear()
        try:
            outcome = await uploader.send_all(line)
        except StateUnusable as error:
            outcome = Later(str(error))  # what was not noted as sent is sent again, and answered with the same receipt
        if outcome is None:
            tries = 0
            await _either(fresh, _IDLE_S)
            continue
        tries += 1
        blocked = isinstance(outcome, Blocked)
        log.warning("%s", outcome.why) if blocked or tries == 1 else log.info("%s", outcome.why)
        asked_us = _BLOCKED_US if isinstance(outcome, Blocked) else outcome.wait_us
        if (
            isinstance(outcome, Blocked) and outcome.error == REVOKED
        ):  # looked at again now and then: somebody may have erred
            await asyncio.sleep(_REVOKED_S)
            continue
        wait_us = backoff.wait_us(tries, secrets.randbits(32), asked_us)
        await _either(link_back, wait_us / 1_000_000)  # a network that is back is a reason to try at once


async def _either(event: asyncio.Event, timeout_s: float) -> None:
    try:
        async with asyncio.timeout(timeout_s):
            await event.wait()
    except TimeoutError:
        return
