"""What the agent is to do next, and when: a slot of the schedule, a start of a campaign, a confirming test. Pure."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final

from probe.budget import Account
from probe.campaign import Start
from probe.catalogue import CATALOGUE, METHODS, Method
from probe.schedule import Due
from shared import strictjson
from shared.errors import Malformed
from shared.failure import Failure
from shared.slots import SlotPlan
from shared.strictjson import JsonObject

PENDING: Final = "pending"  # of the kept value
CONFIRMING: Final = ("download", "upload")
CONFIRM_FROM_US: Final = 120_000_000  # 2 to 5 minutes after what asked for it: a breath, and nobody's rhythm
CONFIRM_SPREAD_US: Final = 180_000_000
CONFIRM_WITHIN_US: Final = 900_000_000
AT_ONCE_US: Final = 1_000_000
LATE_US: Final = 55_000_000  # after a campaign's start: a test that begins later could miss the tolerance of 60 s


@dataclass(frozen=True, slots=True)
class Test:
    """One method with its plan, and the account that pays for it."""

    method: str
    plan: str
    account: Account


LADDER: Final = Test("reach", "ladder", "light")
DEAD: Final = frozenset(
    {
        Failure.DNS_TEMPORARY,
        Failure.TIMEOUT,
        Failure.HOST_UNREACHABLE,
        Failure.NETWORK_DOWN,
        Failure.NETWORK_UNREACHABLE,
    }
)


@dataclass(frozen=True, slots=True)
class Errand:
    """Tests that are due together at a moment (unix µs); after `until_us` they are missed."""

    at_us: int
    until_us: int
    tests: tuple[Test, ...]
    slot: int | None = None
    why: JsonObject = field(default_factory=dict)
    stretch: int | None = None  # its number, where no slot can be named


def of_slot(due: Due, plan: SlotPlan, chosen: str, methods: Sequence[Method] = CATALOGUE) -> Errand:
    """The tests of a slot; it is missed when the slot is over."""
    tests = tuple(
        Test(method.name, method.plan_beside(chosen), "light" if method.weight == "light" else "heavy")
        for method in methods
        if method.weight == "light" or (due.heavy and method.weight == "heavy")
    )
    why: JsonObject = {} if due.drawn == "seed" else {"drawn": due.drawn}
    return Errand(due.at_us, (due.slot + 1) * plan.slot_s * 1_000_000, tests, due.slot, why)


def of_campaign(start: Start) -> Errand:
    """The tests of a campaign's start, paid out of the reserve."""
    tests = tuple(Test(method, plan, "reserve") for method, plan in start.tests)
    return Errand(start.at_us, start.until_us, tests, None, dict(start.why))


def without_a_clock(at_us: int, until_us: int, number: int, chosen: str) -> Errand:
    """The light tests of a stretch of time, numbered since the device started: the wall clock was never set, so no slot."""
    tests = tuple(
        Test(method.name, method.plan_beside(chosen), "light") for method in CATALOGUE if method.weight == "light"
    )
    return Errand(at_us, until_us, tests, None, {"why": "clock_unset"}, number)


def confirming(asked_us: int, chance: bytes, chosen: str, why: str) -> Errand:
    """A transfer each way out of the reserve; at once if a person asks, else a few minutes after what was seen."""
    drawn_us = int.from_bytes(chance[:8], "big") % CONFIRM_SPREAD_US
    wait_us = AT_ONCE_US if why == "mark" else CONFIRM_FROM_US + drawn_us
    return _confirming(asked_us + wait_us, chosen, why)


def _confirming(at_us: int, chosen: str, why: str) -> Errand:
    tests = tuple(Test(name, METHODS[name].plan_beside(chosen), "reserve") for name in CONFIRMING)
    return Errand(at_us, at_us + CONFIRM_WITHIN_US, tests, None, {"why": why})


def confirming_again(kept: bytes | None, chosen: str, now_us: int) -> list[Errand]:
    """The confirming tests that waited when the agent last stopped; what cannot be read, or is of another time, is let go."""
    try:
        waiting = strictjson.decode(kept or b"{}").get("pending", [])
    except Malformed:
        return []
    found = []
    for row in waiting if isinstance(waiting, list) else []:
        match row:
            case [str(why), int(at_us)] if is_soon(at_us, now_us):
                found.append(_confirming(at_us, chosen, why))
    return found


def is_soon(at_us: int, now_us: int) -> bool:
    """Whether a confirming test that is due then was asked for by this clock, and is not missed."""
    return now_us - CONFIRM_WITHIN_US < at_us <= now_us + CONFIRM_FROM_US + CONFIRM_SPREAD_US


def earliest(errands: Iterable[Errand]) -> Errand:
    """The one that is due first; of two at one moment the first named."""
    return min(errands, key=lambda one: one.at_us)


def is_dead(told: JsonObject) -> bool:
    """Whether a test failed as tests fail when there is no network: then the ladder says what still works."""
    if told.get("end") != "failed":
        return False
    flaws = told.get("flaws")
    return told.get("failure") in {one.value for one in DEAD} or (isinstance(flaws, list) and "no_link" in flaws)
