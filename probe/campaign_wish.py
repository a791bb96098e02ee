"""From a person's wish to a record: how a campaign is begun and given up, with or without an agent at work. Pure.

A command beside a running agent leaves its wish in the kept value `campaign_asked` (ASKED); whoever holds the state folder
answers it: `asked` says which record goes into the chain, and which values are kept in the same transaction.

How many campaigns a rule had is a kept value of its own (NUMBERS): it outlives a kept campaign that cannot be read, which
stands in no new one's way. Were it lost too, the moment within its id would keep two campaigns of one number apart.
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
NUMBERS: Final = "campaign_numbers"
LEAST_LEAD_US: Final = 120_000_000  # between fixing a campaign and its first start
MOST_PAST: Final = 50
_DIGITS: Final = "0123456789abcdefghijklmnopqrstuvwxyz"


def planned(
    rule: Rule, directions: tuple[str, ...], plan: str, bounds: Bounds, key: bytes, dev: str, number: int
) -> Campaign:
    """The device's campaign of this number for a rule; raises CannotPlan.

    Every draw follows from the rule and the number alone: planning again gives the same draws, and nobody can draw until he
    likes it.
    """
    drawn_for = f"{rule.id}.{number}"
    starts_us = place_starts(rule, bounds, draw_of(key, dev, drawn_for))
    return Campaign(
        id=f"{drawn_for}.{_in_base_36(bounds.from_us)}",
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


def number_of(criterion: str, before: Course | None, numbers: bytes | None = None) -> int:
    """Which campaign of a criterion the next one of this device is, counted from 1; `numbers`: the kept value NUMBERS."""
    highest = read_numbers(numbers).get(criterion, 0)
    if before is not None:
        told = [one.criterion for one in before.past] + [before.campaign.criterion]
        highest = max(highest, told.count(criterion))
        highest = max(highest, before.campaign.number if before.campaign.criterion == criterion else 0)
    return highest + 1


def read_numbers(kept: bytes | None) -> dict[str, int]:
    """The highest number of each criterion that had a campaign; what cannot be read tells of none."""
    try:
        told = strictjson.decode(kept) if kept else {}
    except Malformed:
        return {}
    return {criterion: number for criterion, number in told.items() if type(number) is int and number > 0}


def begun(
    campaign: Campaign, rule_text: bytes, before: Course | None, state: State | None, numbers: bytes | None = None
) -> bytes:
    """The wish to begin a campaign, as left in ASKED; `before` is the one before it, and how that stands."""
    past = before.past if before is not None else ()
    if before is not None and state is not None:
        past = (*past, Past(before.campaign.id, before.campaign.criterion, state.value))[-MOST_PAST:]
    course = strictjson.decode(Course(campaign, past=past).write())
    highest: JsonObject = {**read_numbers(numbers), campaign.criterion: campaign.number}
    return strictjson.encode({"begin": course, "numbers": highest, "rule": rule_text.decode()})


def given_up(course: Course, now_us: int) -> bytes:
    """The wish to give a campaign up, as left in ASKED."""
    return strictjson.encode({"stop": course.campaign.id, "wall_us": now_us})


def asked(kept: bytes | None, wish: bytes | None) -> tuple[JsonObject, dict[str, bytes]] | None:
    """The record that answers a wish and the values kept with it; None if there is nothing to do. Raises Malformed.

    `kept` is the value NAME; a campaign that cannot be read is none.
    """
    if not wish or wish == NOTHING:
        return None
    told = strictjson.decode(wish)
    course = readable_course(kept)
    match told:
        case {"begin": dict(members), "rule": str(rule_text)}:
            begins = read_course(strictjson.encode(members))
            if begins is None or (course is not None and course.campaign.id == begins.campaign.id):
                return None
            keep = {NAME: begins.write(), RULE: rule_text.encode(), ASKED: NOTHING}
            numbers = told.get("numbers")
            return begins.campaign.members(), keep | (
                {NUMBERS: strictjson.encode(numbers)} if isinstance(numbers, dict) else {}
            )
        case {"stop": str(campaign), "wall_us": int(at_us)}:
            if course is None or course.campaign.id != campaign or course.stopped_us is not None:
                return None
            return stopped(campaign), {NAME: replace(course, stopped_us=at_us).write(), ASKED: NOTHING}
        case _:
            raise Malformed("a wish about a campaign that cannot be read")


def readable_course(kept: bytes | None) -> Course | None:
    """The campaign that is kept, None without one that can be read."""
    try:
        return read_course(kept)
    except Malformed:
        return None


def _in_base_36(number: int) -> str:
    digits = ""
    while number:
        number, digit = divmod(number, 36)
        digits = _DIGITS[digit] + digits
    return digits
