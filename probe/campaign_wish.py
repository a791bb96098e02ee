"""From a person's wish to a record: how a campaign is begun and given up, with or without an agent at work. Pure.

A command beside a running agent leaves its wish in the kept value `campaign_asked` (ASKED); whoever holds the state folder
answers it: `asked` says which record goes into the chain, and which values are kept in the same transaction.
"""

from dataclasses import replace
from typing import Final

from probe.campaign import NAME, NOTHING, RULE, Course, Past, State, read_course
from shared import strictjson
from shared.campaign import LATE_US, Campaign, stopped
from shared.errors import Malformed
from shared.placing import Bounds, draw_of, place_starts
from shared.sampling import Rule
from shared.strictjson import JsonObject

ASKED: Final = "campaign_asked"
LEAST_LEAD_US: Final = 120_000_000  # between fixing a campaign and its first start
MOST_PAST: Final = 50


def planned(
    rule: Rule, directions: tuple[str, ...], plan: str, bounds: Bounds, key: bytes, dev: str, number: int
) -> Campaign:
    """The device's campaign of this number for a rule; raises CannotPlan.

    Its id, and with it every draw, follows from the rule and the number: planning again gives the same plan, and nobody
    can draw until he likes it.
    """
    name = f"{rule.id}.{number}"
    starts_us = place_starts(rule, bounds, draw_of(key, dev, name))
    return Campaign(
        id=name,
        number=number,
        criterion=rule.id,
        version=rule.version,
        sha256=rule.sha256,
        directions=directions,
        plan=plan,
        time_zone=str(bounds.zone),
        from_us=bounds.from_us,
        until_us=starts_us[-1] + LATE_US,
        starts_us=starts_us,
        quiet=bounds.quiet,
    )


def number_of(criterion: str, before: Course | None) -> int:
    """Which campaign of a criterion the next one of this device is, counted from 1."""
    if before is None:
        return 1
    told = [one.criterion for one in before.past] + [before.campaign.criterion]
    return max([told.count(criterion), before.campaign.number if before.campaign.criterion == criterion else 0]) + 1


def begun(campaign: Campaign, rule_text: bytes, before: Course | None, state: State | None) -> bytes:
    """The wish to begin a campaign, as left in ASKED; `before` is the one before it, and how that stands."""
    past = before.past if before is not None else ()
    if before is not None and state is not None:
        past = (*past, Past(before.campaign.id, before.campaign.criterion, state.value))[-MOST_PAST:]
    course = strictjson.decode(Course(campaign, past=past).write())
    return strictjson.encode({"begin": course, "rule": rule_text.decode()})


def given_up(course: Course, now_us: int) -> bytes:
    """The wish to give a campaign up, as left in ASKED."""
    return strictjson.encode({"stop": course.campaign.id, "wall_us": now_us})


def asked(kept: bytes | None, wish: bytes | None) -> tuple[JsonObject, dict[str, bytes]] | None:
    """The record that answers a wish and the values kept with it; None if there is nothing to do. Raises Malformed."""
    if not wish or wish == NOTHING:
        return None
    told = strictjson.decode(wish)
    course = read_course(kept)
    match told:
        case {"begin": dict(members), "rule": str(rule_text)}:
            begins = read_course(strictjson.encode(members))
            if begins is None or (course is not None and course.campaign.id == begins.campaign.id):
                return None
            return begins.campaign.members(), {NAME: begins.write(), RULE: rule_text.encode(), ASKED: NOTHING}
        case {"stop": str(campaign), "wall_us": int(at_us)}:
            if course is None or course.campaign.id != campaign or course.stopped_us is not None:
                return None
            return stopped(campaign), {NAME: replace(course, stopped_us=at_us).write(), ASKED: NOTHING}
        case _:
            raise Malformed("a wish about a campaign that cannot be read")
