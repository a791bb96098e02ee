"""Why a test that is due is not started: rows, and one pure function.

"Correctly not started" is an outcome of its own (RFC 7594): it is recorded with its reason, and blames nobody.

What loads the line is held back sooner than what hardly costs anything: a line without a heartbeat looks like a probe
that is off. A row's meaning never changes; a new row is added.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Literal

from probe.settings import Rule, Settings
from probe.surroundings import Surroundings

Weight = Literal["light", "heavy"]
HARDLY_PER_CENT: Final = 10  # charge below which not even a light test runs
MINUTES_A_DAY: Final = 1440


@dataclass(frozen=True, slots=True)
class Situation:
    """What is known when a test is due."""

    weight: Weight
    settings: Settings
    around: Surroundings
    local_minute: int  # of the device's own day
    paused: bool = False
    makes_room: bool = False  # a campaign's start is near, and this is none of its tests
    affordable: bool = True


@dataclass(frozen=True, slots=True)
class Hold:
    """One reason not to start."""

    reason: str
    holds: Callable[[Situation], bool]
    comment: str


def _by(rule: Rule, weight: Weight) -> bool:
    return rule == "deny" or (rule == "light" and weight == "heavy")


def _is_mobile(around: Surroundings) -> bool:
    """Whether the mobile network carries the link: by its kind, or because it is the modem's bearer, whatever its name."""
    bearer = None if around.radio is None else around.radio.interface
    return around.link.kind == "cellular" or (bearer is not None and bearer == around.link.interface)


def _unplugged_below(now: Situation, per_cent: int) -> bool:
    charge = now.around.power.charge_per_cent
    return charge is not None and charge < per_cent and now.around.power.plugged is not True


def _quiet(now: Situation) -> bool:
    return any(
        (minute_from <= now.local_minute < minute_to)
        if minute_from < minute_to
        else (now.local_minute >= minute_from or now.local_minute < minute_to)
        for minute_from, minute_to in now.settings.quiet
    )


HOLDS: Final = (
    Hold("paused", lambda now: now.paused, "The customer said: not now."),
    Hold(
        "roaming",
        lambda now: (
            now.around.radio is not None
            and now.around.radio.roaming is True
            and _is_mobile(now.around)
            and _by(now.settings.roaming, now.weight)
        ),
        "Roaming costs money, and a visited network says nothing about the home one.",
    ),
    Hold(
        "metered",
        lambda now: now.around.link.metered is True and _by(now.settings.metered, now.weight),
        "The owner does not want tests on links that are paid for by volume.",
    ),
    Hold(
        "battery_low",
        lambda now: _unplugged_below(
            now,
            now.settings.least_charge_per_cent
            if now.weight == "heavy"
            else min(HARDLY_PER_CENT, now.settings.least_charge_per_cent),
        ),
        "No bulk below a fifth of the charge (what users of other probes ask for).",
    ),
    Hold(
        "battery_saver",
        lambda now: now.weight == "heavy" and now.around.power.saver is True,
        "A phone that saves its battery slows its radio and its processor.",
    ),
    Hold("quiet_hours", lambda now: now.weight == "heavy" and _quiet(now), "The owner wants the line for himself."),
    Hold(
        "campaign_near",
        lambda now: now.makes_room,
        "A campaign's tests have their moments; another's would delay them.",
    ),
    Hold("budget", lambda now: not now.affordable, "The month's bytes, or this week's share of them, are used up."),
)


def held_back(now: Situation) -> str | None:
    """The first reason not to start, None if there is none."""
    return next((row.reason for row in HOLDS if row.holds(now)), None)
