"""Rules that name a speed of their own, or need no promise at all, over a line's records."""

import dataclasses
from typing import Any

import pytest
from fakes.campaigns import DEV, Line

from collector.criteria import unknown_criterion
from collector.findings import judge_line
from collector.judge.criterion import builtin
from collector.registry import Subscriber
from collector.view import VerdictView
from shared.slots import SlotPlan

PLAN = SlotPlan(900, 60)
SLOT_US = 900_000_000
FIRST = 2_000_000  # in January 2027
SPEEDS = {"down": {"min_bps": 10_000_000, "advertised_bps": 40_000_000}}
LINE = Subscriber("line-1", "Europe/Prague", "us-bead", SPEEDS, None, 0)
PAUSED: dict[str, Any] = {"end": "not_started", "rate_bps": None, "reason": "paused"}


def verdict_of(name: str, results: list[dict[str, Any]], line: Subscriber = LINE) -> VerdictView:
    """The verdict of a rule over downloads, one in each slot."""
    there = Line()
    for slot, result in enumerate(results):
        there.add(**{"slot": FIRST + slot, "at_us": (FIRST + slot) * SLOT_US} | result)
    return judge_line(builtin()[name], line, there.rows, {}, {DEV: PLAN}, None)[0]


def rates(*rates_mbps: int) -> list[dict[str, Any]]:
    """Downloads of these rates."""
    return [{"rate_bps": rate * 1_000_000} for rate in rates_mbps]


def test_a_speed_of_the_rules_own_is_as_good_as_good_gets() -> None:
    """A line of 40 Mbit/s: a start that was held back counts as one that had met the rule's 100, not the contract's 40."""
    nearly = rates(*[100] * 22, 40, 40)
    assert verdict_of("us-bead", nearly).verdict == "substantiated"  # 22 of 24: 91.7 %
    assert verdict_of("us-bead", [*nearly, *[PAUSED] * 15]).verdict == "substantiated"  # 37 of 39: 94.9 %
    assert verdict_of("us-bead", [*nearly, *[PAUSED] * 16]).verdict == "insufficient_evidence"  # 38 of 40: 95 %


def test_a_share_of_attempts_asks_of_no_rate() -> None:
    """A slow line never fails; one that fails one time in four does, and its held-back starts count as successes."""
    failed: dict[str, Any] = {"end": "failed", "failure": "eof_error", "rate_bps": None}
    assert verdict_of("in-trai-2012", rates(*[1] * 20)).verdict == "not_substantiated"
    bad = [*rates(*[1] * 15), *[failed] * 5]
    assert verdict_of("in-trai-2012", bad).verdict == "substantiated"
    assert (
        verdict_of("in-trai-2012", [*bad, *[PAUSED] * 5]).verdict == "substantiated"
    )  # 20 of 25 is not more than 80 %
    assert verdict_of("in-trai-2012", [*bad, *[PAUSED] * 6]).verdict == "insufficient_evidence"


def test_a_direction_of_which_the_contract_says_nothing_is_not_judged() -> None:
    """The delay is judged where a longest one is agreed; elsewhere the verdict is that of the speeds."""
    day = rates(*[40] * 96)
    told = verdict_of("it-nemesys", day)
    assert (told.verdict, [one.direction for one in told.findings]) == ("not_substantiated", ["down"])
    agreed = dataclasses.replace(LINE, contract=SPEEDS | {"round_trip": {"max_delay_us": 50_000}})
    assert [one.direction for one in verdict_of("it-nemesys", day, agreed).findings] == ["down", "round_trip"]
    assert [one.direction for one in verdict_of("us-caf-80-80", day).findings] == ["down", "round_trip"]


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("pl-uke", "criterion pl-uke (UKE, certified measurement; PL) is unsupported: its deviation rule is not known"),
        ("none-such", "unknown criterion 'none-such'; known are a, b"),
        (None, "unknown criterion None; known are a, b"),
    ],
)
def test_an_id_without_a_criterion_is_told_by_what_is_known_of_it(name: object, words: str) -> None:
    """A regime that is not known whole is named as such; any other name with those there are."""
    assert unknown_criterion(name, ("b", "a")).startswith(words)
