"""`campaign`: tests planned for one published rule, fixed before the first of them: plan, start, status, stop."""

import argparse
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Final

from probe import campaign_words as words
from probe.agent import Agent
from probe.budget import Books, Budget, Month
from probe.campaign import NAME, RULE, Course, Standing, State, read_course, read_kept_rule
from probe.campaign_outlook import lacks, usual_bytes, worst_bytes
from probe.campaign_wish import (
    ASKED,
    LEAST_LEAD_US,
    NUMBERS,
    asked,
    begun,
    given_up,
    number_of,
    planned,
    readable_course,
)
from probe.catalogue import TRANSFERS
from probe.clock import BUILT_US
from probe.commands.campaign_options import rule_of, shipped_ids, since_us, zone_named
from probe.commands.device import opened
from probe.commands.say import FAILED, WORKED, line, message, show
from probe.errors import AlreadyRunning
from probe.home import Home
from shared.campaign import Campaign
from shared.criteria.errors import CriterionError
from shared.errors import Malformed
from shared.placing import Bounds
from shared.record import read_record
from shared.sampling import Rule
from shared.slots import schedule_key

if TYPE_CHECKING:
    from probe.commands.say import Commands

BOTH: Final = "both"


def add(commands: "Commands", common: argparse.ArgumentParser) -> None:
    """Say its words."""
    told = commands.add_parser(
        "campaign", help="measure exactly what one published rule asks for", description=__doc__, parents=[]
    )
    acts = told.add_subparsers(dest="act", required=True, metavar="ACT")
    for act, what in (("plan", "show what would be measured and what it costs"), ("start", "the same, and begin it")):
        one = acts.add_parser(act, parents=[common], help=what)
        one.add_argument("--criterion", required=True, metavar="ID", help="the rule: " + ", ".join(shipped_ids()))
        one.add_argument(
            "--criteria", type=Path, metavar="PATH", help="a criterion file, or a folder of them, besides those shipped"
        )
        one.add_argument(
            "--direction", choices=("down", "up", "round_trip", BOTH), default=BOTH,
            help="what to test (default both: every direction the rule judges)",
        )  # fmt: skip
        one.add_argument(
            "--from", dest="since", default="now", metavar="WHEN",
            help="no start before: now (default), YYYY-MM-DD or YYYY-MM-DDTHH:MM, by the line's time",
        )  # fmt: skip
        one.add_argument("--plan", choices=TRANSFERS, default="evidence", help="how (default evidence)")
        one.add_argument(
            "--time-zone", metavar="ZONE", help="the line's IANA time zone, if enrolment did not tell it: Europe/Prague"
        )
    acts.choices["start"].add_argument("--yes", action="store_true", help="do not ask before beginning")
    acts.add_parser("status", parents=[common], help="what was done, what is missing, when the next start is")
    acts.add_parser("stop", parents=[common], help="give it up; that it was tried stays in the record")


def run(home: Home, options: argparse.Namespace) -> int:
    """Plan, begin, show or give up a campaign."""
    try:
        with opened(home) as agent:
            match options.act:
                case "status":
                    return _status(agent, options)
                case "stop":
                    return _stop(home, agent, options)
                case _:
                    return _start(home, agent, options)
    except CriterionError as error:
        raise Malformed(str(error)) from error


def _start(home: Home, agent: Agent, options: argparse.Namespace) -> int:
    now_us = agent.clock.wall_us()
    kept = agent.outbox.kept
    before = readable_course(kept(NAME))  # what cannot be read is in no new one's way
    state = None if before is None else _state(before, kept(RULE), now_us)
    if options.act == "start" and (before is not None and state in {State.PLANNED, State.RUNNING}):
        message(f"{before.campaign.id} is under way; give it up first with: speedproof-probe campaign stop")
        return FAILED
    if options.act == "start" and _is_waiting(agent):
        message("a campaign is just being begun or given up; look again in a minute: speedproof-probe campaign status")
        return FAILED
    if now_us < BUILT_US:
        raise Malformed("this device's clock was never set, so no start can be planned; set it, or connect it first")
    text, rule = rule_of(options.criterion, options.criteria)
    campaign = _planned(agent, rule, options, now_us, number_of(rule.id, before, kept(NUMBERS)))
    told, lines = _outlook(agent, campaign, rule, now_us)
    if options.act == "plan":
        show(
            options,
            told | {"begun": False},
            [*lines, "nothing was begun; begin it with: speedproof-probe campaign start"],
        )
        return WORKED
    if not options.yes and not _agreed(options, lines):
        message("nothing was begun")
        return FAILED
    how = _leave(home, agent, begun(campaign, text, before, state, kept(NUMBERS)))
    show(options, told | {"begun": True}, [*(lines if options.yes else ()), f"begun: {campaign.id}. {how}"])
    return WORKED


def _state(course: Course, rule_text: bytes | None, now_us: int) -> State:
    """How a campaign stands; of one whose rule cannot be read any more, whether it has a start left."""
    try:
        return course.state(read_kept_rule(rule_text), zone_named(course.campaign.time_zone), now_us)
    except (CriterionError, Malformed):
        if course.stopped_us is not None:
            return State.STOPPED
        return State.BROKEN if course.next_start(now_us) is None else State.RUNNING


def _is_waiting(agent: Agent) -> bool:
    """Whether a wish waits that can be read."""
    try:
        return asked(agent.outbox.kept(NAME), agent.outbox.kept(ASKED)) is not None
    except Malformed:
        return False


def _agreed(options: argparse.Namespace, lines: list[str]) -> bool:
    """Whether the person at the terminal wants this; without one, --yes must say so."""
    if options.json or not sys.stdin.isatty():
        raise Malformed("there is nobody to ask; look at it with `campaign plan`, then begin it with --yes")
    for text in lines:
        line(text)
    sys.stdout.write("The starts are fixed once you agree. Begin it? [y/N] ")
    sys.stdout.flush()
    return sys.stdin.readline().strip().lower() in {"y", "yes"}


def _planned(agent: Agent, rule: Rule, options: argparse.Namespace, now_us: int, number: int) -> Campaign:
    name = agent.enrolled.time_zone or options.time_zone
    if options.time_zone not in {None, name}:
        raise Malformed(f"the line is in {name}, as enrolment told; leave --time-zone out")
    if name is None:
        raise Malformed("the collector did not tell the line's time zone; say it with --time-zone, e.g. Europe/Prague")
    zone = zone_named(name)
    if options.direction not in {BOTH, *rule.directions}:
        raise Malformed(f"{rule.id} judges {', '.join(rule.directions)}, not {options.direction}")
    directions = rule.directions if options.direction == BOTH else (options.direction,)
    from_us = max(now_us + LEAST_LEAD_US, since_us(options.since, zone, now_us))
    bounds = Bounds(zone, from_us, agent.settings.quiet)
    dev, key = agent.device, schedule_key(agent.outbox.seed)
    return planned(rule, directions, options.plan, bounds, key, dev, number)


def _outlook(agent: Agent, campaign: Campaign, rule: Rule, now_us: int) -> tuple[dict[str, object], list[str]]:
    """What is told before a campaign begins, as JSON and as lines."""
    recent = [read_record(one.rstrip(b"\n")) for one in agent.outbox.recent()]
    starts = len(campaign.starts_us)
    worst = worst_bytes(campaign.methods, campaign.plan, starts)
    usual = usual_bytes(campaign.methods, campaign.plan, starts, recent)
    budget = Budget.of(agent.settings)
    month = Month.at(now_us, agent.clock.zone(now_us)[0], agent.settings.month_starts_on)
    used = Books.read(agent.outbox.kept("spent")).of(month).total_bytes
    missing = lacks(rule, recent, location=agent.settings.location)
    told: dict[str, object] = campaign.members() | {
        "worst_bytes": worst,
        "usual_bytes": usual,
        "month_bytes": budget.month_bytes,
        "month_used_bytes": used,
        "reserve_bytes": budget.reserve_bytes,
        "lacks": list(missing),
        "limits": list(rule.limits),
    }
    lines = words.plan_lines(campaign, rule, zone_named(campaign.time_zone))
    lines += words.cost_lines(worst, usual, used, budget.month_bytes)
    lines += [f"  LOOK: {one}" for one in missing]
    lines += ["  what the rule's finding will not show:", *(f"    {one}" for one in rule.limits)]
    return told, lines


def _status(agent: Agent, options: argparse.Namespace) -> int:
    course, wish = read_course(agent.outbox.kept(NAME)), _is_waiting(agent)
    waiting = ["a wish waits for the running probe to take it up"] if wish else []
    if course is None:
        show(options, {"campaign": None, "waiting": wish}, waiting or ["no campaign was begun on this device"])
        return WORKED
    now_us, zone, rule = (
        agent.clock.wall_us(),
        zone_named(course.campaign.time_zone),
        read_kept_rule(agent.outbox.kept(RULE)),
    )
    state, standings = course.state(rule, zone, now_us), course.standings(rule, zone, now_us)
    following = course.next_start(now_us)
    told = {
        "campaign": course.campaign.members(),
        "state": state.value,
        "directions": {one.direction: _told(one) for one in standings},
        "used_bytes": course.used_bytes,
        "next_start_us": following.at_us if following else None,
        "past": [{"campaign": one.id, "state": one.state} for one in course.past],
        "waiting": wish,
    }
    show(options, told, [*words.status_lines(course, rule, state, standings, following, zone), *waiting])
    return WORKED


def _told(one: Standing) -> Mapping[str, object]:
    return {
        "counted": one.counted,
        "failed": one.failed,
        "flawed": one.flawed,
        "not_started": one.not_started,
        "missed": one.missed,
        "left": one.left,
        "unmet": list(one.unmet),
        "possible": one.possible,
    }


def _stop(home: Home, agent: Agent, options: argparse.Namespace) -> int:
    course = read_course(agent.outbox.kept(NAME))
    now_us = agent.clock.wall_us()
    if course is None or course.stopped_us is not None or course.next_start(now_us) is None:
        message("there is no campaign under way")
        return FAILED
    how = _leave(home, agent, given_up(course, now_us))
    show(options, {"stopped": course.campaign.id}, [f"given up: {course.campaign.id}; it stays shown as tried. {how}"])
    return WORKED


def _leave(home: Home, agent: Agent, wish: bytes) -> str:
    """Put the record of a wish into the chain; where an agent runs, leave the wish to it. What to do next, in words."""
    try:
        with home.lock():
            answer = asked(agent.outbox.kept(NAME), wish)
            if answer is not None:
                agent.note(*answer)
                agent.seal_all()
    except AlreadyRunning:
        agent.outbox.keep(ASKED, wish)
        return "The running probe signs that within seconds; see: speedproof-probe campaign status"
    return "Signed. The tests are run by: speedproof-probe run"
