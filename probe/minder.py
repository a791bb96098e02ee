"""Signs of life beside the measuring, and what the owner is told: start and end of a run, sleep, clocks, links.

Looks every few seconds, cheaply; sends nothing.
"""

import asyncio
import logging
import os
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Final

from probe import notices, presence
from probe.daemon import Daemon
from probe.errors import StateUnusable
from probe.logwatch import known_log
from probe.notices import Notice, Seen
from probe.platform.links import leaving
from probe.presence import Alive, Moment
from probe.seal import AGENT
from probe.signs import Signs
from probe.upload import STUCK
from shared.strictjson import JsonObject

LOOK_S: Final = 5.0
NOTICES_US: Final = 60_000_000
ALIVE_US: Final = 1_800_000_000  # beside those with every slot, which are never farther apart
log = logging.getLogger(__name__)


async def tell_nobody(_notice: Notice) -> None:
    """Show nothing."""


@dataclass(slots=True)
class Minder:
    """What looks after one agent's presence."""

    daemon: Daemon
    notify: Callable[[Notice], Awaitable[None]] = tell_nobody
    link_back: asyncio.Event = field(default_factory=asyncio.Event)
    _signs: Signs = field(init=False)
    _refused: Moment | None = None
    _untold: list[JsonObject] = field(default_factory=list)
    _alive_us: int = 0
    _noticed_us: int = 0

    def __post_init__(self) -> None:
        self._signs = Signs(self.daemon.agent.clock.mono_us())
        self.daemon.sign = lambda: {presence.NAME: self._alive("waiting")}

    def begin(self, aborted: int) -> None:
        """Record that a run began, and how the one before it ended; raises StateUnusable."""
        agent = self.daemon.agent
        self.daemon.next_errand()
        starts = agent.outbox.tally().next_seq
        told = presence.started(
            self._now(), agent.outbox.kept(presence.NAME), starts=starts, aborted=aborted, agent=AGENT
        )
        agent.note(told, {presence.NAME: self._alive("waiting")})

    def end(self, why: str) -> None:
        """Record a clean stop; raises StateUnusable."""
        told = presence.stopped(self._now(), why)
        self.daemon.agent.note(told, {presence.NAME: self._alive(presence.STOPPED)})

    def refused(self) -> None:
        """Remember since when the disk takes nothing."""
        self._refused = self._refused or self._now()

    def wrote(self) -> None:
        """Record for how long it took nothing, now that it does; raises StateUnusable."""
        if self._refused is not None:
            since = self._refused
            told = presence.noted("disk_refused", since_mono_us=since.mono_us, since_wall_us=since.wall_us)
            self.daemon.agent.note(told)
            self._refused = None

    async def mind(self) -> None:
        """Look every few seconds, until cancelled."""
        while True:
            await asyncio.sleep(LOOK_S)
            try:
                self._look()
                for notice in self._notices():
                    await self.notify(notice)
            except StateUnusable as error:
                log.warning("%s", error)

    def _look(self) -> None:
        agent, now = self.daemon.agent, self._now()
        if self.daemon.state == "waiting":
            agent.lookout.notice()
        self._signs.recorded(self.daemon.recorded_us)
        seen = self._signs.seen(now, leaving(agent.settings.interface), self.daemon.state)
        when: JsonObject = {"mono_us": now.mono_us, "wall_us": now.wall_us}
        self._untold += [one | when for one in seen if not (self._untold and one["event"] == "alive")]
        while self._untold:
            agent.note(self._untold[0])  # a disk that takes nothing now is told later
            told = self._untold.pop(0)
            log.info("%s", told["event"])
            if told["event"] == "link_back":
                self.link_back.set()
            if told["event"] == "clock_stepped":
                agent.outbox.drop(STUCK)  # by which clock it was kept nobody knows any more
        if now.mono_us - self._alive_us >= ALIVE_US:
            agent.outbox.keep(presence.NAME, self._alive(self.daemon.state))

    def _notices(self) -> list[Notice]:
        agent, watch = self.daemon.agent, self.daemon.watch
        outbox, now_us, mono_us = agent.outbox, agent.clock.wall_us(), agent.clock.mono_us()
        if mono_us - self._noticed_us < NOTICES_US:
            return []
        self._noticed_us = mono_us
        kept = outbox.kept(notices.NAME)
        stuck = outbox.kept(STUCK)
        stuck_us = int(stuck) if stuck is not None and stuck.isdigit() else None
        known = known_log(outbox)
        waiting = 0 if stuck_us is None else outbox.tally().unsent
        seen = Seen(now_us, watch.since_us, stuck_us, waiting, "" if known is None else known.wrong)
        found, after = notices.told(kept, seen, agent.settings.notify)
        if after != kept:
            outbox.keep(notices.NAME, after)
        return found

    def _now(self) -> Moment:
        agent = self.daemon.agent
        clock = agent.clock
        return Moment(clock.wall_us(), clock.mono_us(), agent.boot, clock.awake_us(), agent.lookout.synced)

    def _alive(self, state: str) -> bytes:
        clock, errand = self.daemon.agent.clock, self.daemon.next
        self._alive_us = clock.mono_us()
        next_us, slot = (None, None) if errand is None else (errand.at_us, errand.slot)
        return Alive(os.getpid(), clock.wall_us(), self._alive_us, self.daemon.agent.boot, state, next_us, slot).write()
