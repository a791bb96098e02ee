"""What an agent does besides its slots because somebody asked for it: a person by a mark or a campaign, or a line that is bad.

Wishes come from other processes by kept values; what they make this agent do is remembered over a restart.
"""

import logging
from dataclasses import dataclass, field
from typing import Final

from probe import campaign, campaign_wish
from probe.agent import Agent
from probe.campaign import Course, read_course
from probe.errands import PENDING, Errand, confirming, confirming_again, is_soon, of_campaign
from probe.marking import write_marks
from shared import strictjson
from shared.errors import Malformed
from shared.strictjson import JsonObject

ROOM_US: Final = 90_000_000  # nothing begins so shortly before a campaign's start, which may be late by 30 s only
MOST_PENDING: Final = 3  # confirming tests that wait: a person who taps ten times gets no ten tests
log = logging.getLogger(__name__)


@dataclass(slots=True)
class Wishes:
    """Confirming tests that wait, and the campaign that is under way."""

    agent: Agent
    plan: str
    pending: list[Errand] = field(default_factory=list)
    course: Course | None = None
    _version: int = -1  # of the outbox, when others' wishes were last looked for

    def open(self) -> None:
        """Remember what was kept."""
        outbox = self.agent.outbox
        self.pending = confirming_again(outbox.kept(PENDING), self.plan, self.agent.clock.wall_us())
        try:
            course = read_course(outbox.kept(campaign.NAME))
            self.course = course and course.caught_up(outbox.recent())
        except Malformed as error:
            log.warning("%s; start a new one", error)

    def errands(self, now_us: int) -> tuple[Errand, ...]:
        """What is wished for, each with its moment; a campaign's start first."""
        start = self._next_start(now_us)
        return (*(() if start is None else (of_campaign(start),)), *self.pending)

    def is_near(self) -> bool:
        """Whether a campaign's start is so near that anything else could make it late."""
        now_us = self.agent.clock.wall_us()
        start = self._next_start(now_us)
        return start is not None and start.at_us - now_us < ROOM_US

    def _next_start(self, now_us: int) -> campaign.Start | None:
        """The next start of a campaign, as long as its tests can still change anything."""
        course = campaign.under_way(self.course, self.agent.outbox.kept(campaign.RULE), now_us)
        return None if course is None else course.next_start(now_us)

    def confirm(self, why: str) -> None:
        """Ask for a transfer each way out of the reserve, soon."""
        now_us = self.agent.clock.wall_us()
        self.pending = [one for one in self.pending if is_soon(one.at_us, now_us)]
        if len(self.pending) < MOST_PENDING:
            self.pending.append(confirming(now_us, self.agent.chance(8), self.plan, why))

    def begin(self, errand: Errand) -> None:
        """Let go of a confirming test that begins, or is missed."""
        if errand in self.pending:
            self.pending.remove(errand)

    def made(self, told: JsonObject) -> None:
        """Take note of a campaign's record."""
        if self.course is not None:
            self.course = self.course.after(told)

    def kept(self, errand: Errand) -> dict[str, bytes]:
        """What is to be kept after an errand."""
        waiting = strictjson.encode({"pending": [[str(one.why["why"]), one.at_us] for one in self.pending]})
        if self.course is None or "campaign" not in errand.why:
            return {PENDING: waiting}
        return {PENDING: waiting, campaign.NAME: self.course.write()}

    def asked(self) -> bool:
        """Do what a person asked for meanwhile in another process; whether there was anything. Raises StateUnusable."""
        outbox = self.agent.outbox
        version = outbox.version
        if version == self._version:
            return False
        marked, wished = self._marked(), self._wished()
        self._version = version
        for _ in range(marked):
            self.confirm("mark")
        return bool(marked) or wished

    def _marked(self) -> int:
        """Give the marks that wait their records; how many that were."""
        try:
            return len(write_marks(self.agent))
        except Malformed as error:
            log.warning("marks that cannot be read: %s", error)
            return 0

    def _wished(self) -> bool:
        """Begin a campaign, or give it up."""
        outbox = self.agent.outbox
        try:
            wish = campaign_wish.asked(outbox.kept(campaign.NAME), outbox.kept(campaign_wish.ASKED))
            if wish is None:
                return False
            self.agent.note(*wish)
            self.course = read_course(outbox.kept(campaign.NAME))
        except Malformed as error:
            log.warning("a wish that cannot be read: %s", error)
            return False
        return True
