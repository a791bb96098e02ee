"""A campaign in plain words: what it will do before it begins, how it stands afterwards. Pure; times in the line's zone."""

from collections.abc import Iterable, Sequence
from datetime import datetime, tzinfo
from itertools import groupby
from typing import Final

from probe.campaign import Course, Standing, Start, State
from probe.moments import day_of, span, zone_of
from shared.campaign import Campaign
from shared.criteria.amounts import counted
from shared.sampling import Rule, Started, Starts

WAYS: Final = {"down": "download", "up": "upload", "round_trip": "round trip"}
STATES: Final = {
    State.PLANNED: "planned, not begun yet",
    State.RUNNING: "under way",
    State.COMPLETE: "complete: nothing more is measured for it",
    State.BROKEN: "can no longer meet the rule; begin a new one, and that this one was tried will be shown",
    State.STOPPED: "given up; that it was tried will be shown",
}
_MEGA: Final = 1_000_000


def heading(campaign: Campaign, rule: Rule) -> str:
    """Which rule, and which campaign of it."""
    number = f"number {campaign.number} of this rule on this device"
    return f"{rule.title} ({rule.id} version {rule.version}, {rule.status.replace('_', ' ')}), campaign {number}"


def plan_lines(campaign: Campaign, rule: Rule, zone: tzinfo) -> list[str]:
    """What will be measured, when, and which conditions of the rule that meets."""
    starts = Starts(tuple(Started.at(at_us, zone) for at_us in campaign.starts_us))
    tests = len(campaign.starts_us) * len(campaign.directions)
    ways = " and ".join(WAYS[one] for one in campaign.directions)
    whole = span(campaign.until_us - campaign.starts_us[0])
    lines = [
        heading(campaign, rule),
        f"  {counted(tests, 'test')}: {ways} at each of {counted(len(campaign.starts_us), 'start')}, within {whole}",
        "  the rule's conditions, met if every start is made:",
        *(f"    {one.name}: {one.answer(starts).words}" for one in rule.completeness),
        f"  starts, by the time of {campaign.time_zone} (each up to {span(campaign.late_us)} late):",
        *(f"    {line}" for line in start_lines(campaign.starts_us, zone)),
    ]
    if any(need.predicate == "finished" for need in rule.needs):
        lines.append("  this rule counts finished tests only: one that fails leaves the set incomplete")
    return lines


def start_lines(starts_us: Iterable[int], zone: tzinfo) -> list[str]:
    """The starts, a line for each date, with the zone's name on that date."""
    local = [datetime.fromtimestamp(at_us // _MEGA, zone) for at_us in starts_us]
    return [
        f"{day_of(day)} {day.year}: {', '.join(f'{one:%H:%M:%S}' for one in group)} ({zone_of(day)})"
        for _, group_of_day in groupby(local, key=lambda one: one.date())
        for group in [list(group_of_day)]
        for day in group[:1]
    ]


def cost_lines(worst_bytes: int, usual_bytes: int | None, used_bytes: int, month_bytes: int) -> list[str]:
    """What it costs, and what that is beside the month's budget, of which so much is used."""
    usual = "not known yet, no such test was run lately" if usual_bytes is None else f"about {megabytes(usual_bytes)}"
    lines = [
        f"  data: {usual}; at most {megabytes(worst_bytes)}",
        f"  this month {megabytes(used_bytes)} of {megabytes(month_bytes)} are used",
    ]
    if used_bytes + worst_bytes > month_bytes:
        lines.append(
            "  LOOK: at its most it does not fit into this month's budget. A test whose most no longer fits is not started,"
            " and the set stays incomplete; [budget] month_mb in settings.toml raises it"
        )
    return lines


def status_lines(
    course: Course, rule: Rule, state: State, standings: Sequence[Standing], following: Start | None, zone: tzinfo
) -> list[str]:
    """How a campaign stands."""
    lines = [heading(course.campaign, rule), f"  {STATES[state]}"]
    for one in standings:
        parts = (
            (one.failed, "failed"),
            (one.flawed, "with a flaw"),
            (one.not_started, "not started"),
            (one.missed, "missed"),
            (one.left, "still to come"),
        )
        told = "".join(f", {number} {words}" for number, words in parts if number)
        lines.append(f"  {WAYS[one.direction]}: {one.counted} of {len(course.campaign.starts_us)} count{told}")
        lines += [f"    still missing: {words}" for words in one.unmet]
    lines.append(f"  data so far: {megabytes(course.used_bytes)}")
    if following is not None and state in {State.PLANNED, State.RUNNING}:
        lines.append(f"  next start: {start_lines((following.at_us,), zone)[0]}")
    if course.past:
        told = "; ".join(f"{one.id} ({one.state})" for one in course.past)
        lines.append(f"  tried before on this device: {told}")
    return lines


def megabytes(n_bytes: int) -> str:
    """An amount of data: MB = 10^6 bytes, one decimal below ten."""
    tenths = n_bytes * 10 // _MEGA
    return f"{tenths // 10}.{tenths % 10} MB" if tenths < 100 else f"{tenths // 10} MB"  # noqa: PLR2004 - 10.0 MB
