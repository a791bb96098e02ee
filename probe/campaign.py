"""A campaign under way: what is next, what was done, what is missing, in the rule's own words. Pure.

The kept value `campaign` (NAME) belongs to whoever holds the state folder: the agent, or a command while no agent runs. It
is written with the record that fixes the campaign and not before (`probe.campaign_wish`), so the plan is always older than
its first test.

A start that was missed is not made up for: of a fixed plan nothing is chosen afterwards. Nor is a test that failed
repeated. A campaign that can no longer meet its rule says so, and a new one may be begun; how many were, is counted.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import tzinfo
from enum import StrEnum
from functools import lru_cache
from typing import Final
from zoneinfo import ZoneInfo

from probe.catalogue import METHODS
from probe.remembered import used_bytes
from shared import strictjson
from shared.campaign import METHOD_OF, Campaign, read_campaign
from shared.criteria.errors import CriterionError
from shared.errors import Malformed
from shared.record import End, Record, read_record
from shared.sampling import Rule, Started, Starts, read_rule, unmet
from shared.statement import integer, text
from shared.strictjson import Json, JsonObject

NAME: Final = "campaign"
RULE: Final = "campaign_rule"  # the criterion's file, as bytes
NOTHING: Final = b"{}"
BEGIN_US: Final = (
    30_000_000  # how late the first test of a start may begin: room for those after it within the tolerance
)


class State(StrEnum):
    """How a campaign stands."""

    PLANNED = "planned"
    RUNNING = "running"
    COMPLETE = "complete"
    BROKEN = "broken"  # can no longer meet the rule
    STOPPED = "stopped"


@dataclass(frozen=True, slots=True)
class Start:
    """Tests that are due together; after `until_us` they are missed. `why` are their members in the record."""

    k: int
    at_us: int
    until_us: int
    tests: tuple[tuple[str, str], ...]  # method and plan
    why: Mapping[str, Json]


@dataclass(frozen=True, slots=True)
class Result:
    """What became of one test."""

    k: int
    method: str
    at_us: int
    end: str
    reason: str = ""
    flaws: tuple[str, ...] = ()
    used_bytes: int = 0


@dataclass(frozen=True, slots=True)
class Past:
    """A campaign before this one."""

    id: str
    criterion: str
    state: str


@dataclass(frozen=True, slots=True)
class Standing:
    """How one direction stands: tests by what became of them, and the conditions not met so far, in the rule's words."""

    direction: str
    counted: int
    failed: int  # of those that ran; whether they count is the rule's choice
    flawed: int
    not_started: int
    missed: int
    left: int
    unmet: tuple[str, ...]
    possible: bool  # whether all conditions would be met if everything that is left went well


@dataclass(frozen=True, slots=True)
class Course:
    """A campaign and what became of it so far."""

    campaign: Campaign
    results: tuple[Result, ...] = ()
    stopped_us: int | None = None
    past: tuple[Past, ...] = ()

    def next_start(self, now_us: int, done: Collection[tuple[int, str]] = ()) -> Start | None:
        """The next start that can still be made; `done`: tests (k, method) that are done besides those known here."""
        if self.stopped_us is not None:
            return None
        known = {(one.k, one.method) for one in self.results} | set(done)
        for k, at_us in enumerate(self.campaign.starts_us):
            left = tuple(one for one in self.campaign.methods if (k, one) not in known)
            if left and now_us < at_us + BEGIN_US:
                tests = tuple((one, METHODS[one].plan_beside(self.campaign.plan)) for one in left)
                return Start(k, at_us, at_us + BEGIN_US, tests, self.record_members(k))
        return None

    def record_members(self, k: int) -> JsonObject:
        """What the record of a test of this campaign carries, in place of a slot."""
        return {"campaign": self.campaign.id, "k": k}

    def after(self, told: JsonObject) -> "Course":
        """With one more record, as it was stored; one of another campaign, or one that is known, changes nothing."""
        record = Record(b"", told, 0)
        k, at_us = record.integer("k"), record.integer("wall_us")
        if record.text("campaign") != self.campaign.id or k is None or at_us is None:
            return self
        if any((one.k, one.method) == (k, record.method) for one in self.results):
            return self
        result = Result(
            k, record.method, at_us, record.text("end") or "", record.text("reason") or "", record.texts("flaws"),
            used_bytes(record) or 0,
        )  # fmt: skip
        return replace(self, results=(*self.results, result))

    def caught_up(self, recent: Iterable[bytes]) -> "Course":
        """With what the last records (newest first) tell: a start that a crash cut off was made, and is not made again."""
        course = self
        for line in reversed(list(recent)):
            course = course.after(read_record(line.rstrip(b"\n")).fields)
        return course

    @property
    def used_bytes(self) -> int:
        """What its tests moved, as far as their records tell."""
        return sum(one.used_bytes for one in self.results)

    def standings(self, rule: Rule, zone: tzinfo, now_us: int) -> tuple[Standing, ...]:
        """How each direction stands."""
        return tuple(self._standing(rule, zone, now_us, direction) for direction in self.campaign.directions)

    def _standing(self, rule: Rule, zone: tzinfo, now_us: int, direction: str) -> Standing:
        ours = [one for one in self.results if one.method == METHOD_OF[direction]]
        ran = [one for one in ours if one.end in {End.OK, End.FAILED}]
        counting = [one for one in ran if _counts(rule, one)]
        held = tuple((Started.at(one.at_us, zone), one.reason) for one in ours if one.end == End.NOT_STARTED)
        done = {one.k for one in ours}
        left = [at_us for k, at_us in enumerate(self.campaign.starts_us) if k not in done and now_us < at_us + BEGIN_US]
        left = [] if self.stopped_us is not None else left
        moments = tuple(Started.at(one.at_us, zone) for one in counting)
        hoped = (*moments, *(Started.at(at_us, zone) for at_us in left))
        return Standing(
            direction=direction,
            counted=len(counting),
            failed=sum(one.end == End.FAILED for one in ran),
            flawed=sum(bool(one.flaws) for one in ran),
            not_started=len(held),
            missed=len(self.campaign.starts_us) - len(done) - len(left),
            left=len(left),
            unmet=unmet(rule, Starts(_in_order(moments), held)),
            possible=not unmet(rule, Starts(_in_order(hoped), held)),
        )

    def state(self, rule: Rule, zone: tzinfo, now_us: int) -> State:
        """How it stands as a whole: one direction that can still be complete keeps it going."""
        standings = self.standings(rule, zone, now_us)
        if all(not one.unmet for one in standings):
            return State.COMPLETE
        if self.stopped_us is not None:
            return State.STOPPED
        if not any(one.possible and one.left for one in standings):
            return State.COMPLETE if any(not one.unmet for one in standings) else State.BROKEN
        return State.RUNNING if now_us >= self.campaign.starts_us[0] else State.PLANNED

    def write(self) -> bytes:
        """The kept value."""
        results: list[Json] = [
            {"k": one.k, "method": one.method, "at_us": one.at_us, "end": one.end, "reason": one.reason,
             "flaws": list(one.flaws), "used_bytes": one.used_bytes}
            for one in self.results
        ]  # fmt: skip
        past: list[Json] = [{"id": one.id, "criterion": one.criterion, "state": one.state} for one in self.past]
        told: JsonObject = {"campaign": self.campaign.members(), "past": past, "results": results}
        return strictjson.encode(told if self.stopped_us is None else told | {"stopped_us": self.stopped_us})


def read_course(kept: bytes | None) -> Course | None:
    """The campaign that is kept, None without one; raises Malformed."""
    if not kept or kept == NOTHING:
        return None
    told = strictjson.decode(kept)
    match told:
        case {"campaign": dict(members), "past": list(past), "results": list(results)}:
            return Course(
                read_campaign(Record(b"", members, 0)),
                tuple(_result(one) for one in results if isinstance(one, dict)),
                integer(told, "stopped_us") if "stopped_us" in told else None,
                tuple(
                    Past(text(one, "id"), text(one, "criterion"), text(one, "state"))
                    for one in past
                    if isinstance(one, dict)
                ),
            )
        case _:
            raise Malformed("what was kept of a campaign cannot be read")


def under_way(course: Course | None, rule_text: bytes | None, now_us: int) -> Course | None:
    """The campaign, None if there is none or more tests would change nothing: they would only cost.

    Without its rule or the zone's data that cannot be known, and it goes on.
    """
    if course is None:
        return None
    try:
        state = course.state(read_kept_rule(rule_text), ZoneInfo(course.campaign.time_zone), now_us)
    except (CriterionError, KeyError, ValueError, OSError):  # ZoneInfoNotFoundError is a KeyError
        return course
    return course if state in {State.PLANNED, State.RUNNING} else None


@lru_cache(maxsize=4)
def read_kept_rule(kept: bytes | None) -> Rule:
    """The rule of the campaign that is kept; raises CriterionError."""
    return read_rule(kept or b"", "the rule that was kept")


def _counts(rule: Rule, result: Result) -> bool:
    """Whether the rule lets a test that ran count; the judge asks the same, with all he knows."""
    for need in rule.needs:
        flaws = result.flaws if need.told == ("any",) else set(result.flaws) & set(need.told)
        if need.predicate == "no_flaw" and flaws and not need.voids:
            return False
        if need.predicate == "finished" and result.end != End.OK:
            return False
    return True


def _in_order(moments: Iterable[Started]) -> tuple[Started, ...]:
    return tuple(sorted(moments, key=lambda one: one.at_us))


def _result(told: Mapping[str, Json]) -> Result:
    one = Record(b"", dict(told), 0)
    k, at_us = one.integer("k"), one.integer("at_us")
    if k is None or at_us is None:
        raise Malformed("what was kept of a test cannot be read")
    return Result(
        k, one.method, at_us, one.text("end") or "", one.text("reason") or "", one.texts("flaws"),
        one.integer("used_bytes") or 0,
    )  # fmt: skip
