"""The bound over what is missing: it contains the truth, and nothing that is taken away, or made by hand, raises its lower end."""

import random
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.omission import (
    NONE,
    Bound,
    Planned,
    Result,
    Way,
    Window,
    gaps,
    least_promised,
    shown_by,
    total,
    ways_of,
    windows,
)
from shared.slots import SlotPlan

DEV = "00000005" + "a" * 56
PLAN = SlotPlan()
SLOT_US = 900_000_000
DAY = 20_000
FIRST = DAY * 96
LEAST = {"down": 10_000_000}
SLOW_BPS, GOOD_BPS = 9_999_999, 10_000_000


def result(n: int, *, slow: bool = False, **changed: Any) -> Result:
    """A download of a slot."""
    at_us = (FIRST + n) * SLOT_US + 100_000_000
    rate_bps = SLOW_BPS if slow else GOOD_BPS
    one = Result(DEV, FIRST + n, "download", "ok", rate_bps, (), at_us, at_us + 60_000_000)
    return replace(one, **changed)


def bound_of(results: Sequence[Result], slots: int, way: Way = "down", every: int = 1) -> Bound:
    """The bound over so many slots from the first one on."""
    planned = [Planned(DEV, PLAN, FIRST, FIRST + slots)]
    return total(windows(planned, (way,), shown_by(results, {DEV: PLAN}, LEAST), every), way)


def test_slow_good_and_missing() -> None:
    """A slow slot counts at both ends, a missing one at the upper end only."""
    bound = bound_of([result(0, slow=True), result(1), result(3, end="failed", rate_bps=None)], 6)
    assert bound == Bound(6, 2, 3)
    assert (bound.least_pm, bound.most_pm, bound.coverage_pm) == (333, 834, 500)


def test_nothing_was_scheduled() -> None:
    """Where no start was wanted nothing is claimed, and nothing excluded."""
    assert (NONE.least_pm, NONE.most_pm, NONE.coverage_pm) == (0, 1000, 0)
    assert windows([Planned(DEV, PLAN, FIRST, FIRST)], ("down",), {}) == ()


NOT_COUNTED: dict[str, dict[str, Any]] = {
    "flawed": {"flaws": ("cross_traffic",)},
    "not_started": {"end": "not_started", "rate_bps": None},
    "aborted": {"end": "aborted", "rate_bps": None},
    "unknown_end": {"end": None},
    "no_figure": {"rate_bps": None},
    "no_line": {"rate_bps": 10**15 + 1},
    "of_an_earlier_slot": {"slot": FIRST - 2},
    "of_a_later_slot": {"slot": FIRST + 1},
    "dated_after_it_was_received": {"received_us": FIRST * SLOT_US - 200_000_001},
    "no_test_of_the_line": {"method": "path"},
    "other_direction": {"method": "upload"},
    "no_direction": {"method": "fetch"},
    "nobody's": {"dev": "b" * 64},
}


@pytest.mark.parametrize("why", NOT_COUNTED)
def test_what_does_not_count_is_missing(why: str) -> None:
    """A result that does not count is none: neither slow nor good."""
    assert bound_of([result(0, slow=True, **NOT_COUNTED[why])], 1) == Bound(1, 0, 1)


def test_the_last_test_of_a_slot_may_begin_in_the_next() -> None:
    """The tests of a slot run one after the other, so the last one's time may lie in the slot after it."""
    assert bound_of([result(1, slot=FIRST)], 1) == Bound(1, 0, 0)


def test_a_slow_result_is_not_mended_by_a_good_one() -> None:
    """Whatever else a slot shows, and in whichever order: taking the good one away must not raise the claim."""
    for results in ([result(0), result(0, slow=True)], [result(0, slow=True), result(0)]):
        assert bound_of(results, 1) == Bound(1, 1, 0)


def test_heavy_slots_are_the_ones_that_the_schedule_wants() -> None:
    """A transfer is wanted in the slots that the device's name picks; one in another slot is not asked about."""
    results = [result(slot, slow=True) for slot in range(96)]
    assert bound_of(results, 96, every=16) == Bound(6, 6, 0)
    assert bound_of(results[:5], 96, every=16) == Bound(6, 0, 6)


def test_whether_anything_worked_is_asked_of_every_slot() -> None:
    """A slot in which a test failed is told, also where no transfer was wanted and nothing promised."""
    failed = result(1, method="fetch", end="failed", rate_bps=None)
    results = [result(0, method="latency", rate_bps=None), failed, result(2, method="dns", end="failed")]
    assert bound_of(results, 4, "any", every=16) == Bound(4, 1, 2)


def test_windows_are_days() -> None:
    """Each UTC day is a window of its own, of each direction, and adding them up gives the whole."""
    planned = [Planned(DEV, PLAN, FIRST + 90, FIRST + 100)]
    shown = shown_by([result(95, slow=True), result(96)], {DEV: PLAN}, LEAST)
    found = windows(planned, ways_of(LEAST), shown, 1)
    assert found == (
        Window(DAY, "down", Bound(6, 1, 5)),
        Window(DAY, "any", Bound(6, 0, 5)),
        Window(DAY + 1, "down", Bound(4, 0, 3)),
        Window(DAY + 1, "any", Bound(4, 0, 3)),
    )
    assert total(found, "down") == Bound(10, 1, 8)
    assert total(found, "down", DAY + 1) == Bound(4, 0, 3)


def test_the_least_that_was_promised() -> None:
    """Slow is what is below everything that was promised; where nothing was there is nothing to be slower than."""
    contract = {"down": {"advertised_bps": 40, "min_bps": 10}, "up": {}, "round_trip": {"most_us": 1}}
    assert least_promised(contract) == {"down": 10}
    assert ways_of({"down": 10}) == ("down", "any")
    assert ways_of({}) == ("any",)


slots = st.lists(st.sampled_from(["slow", "good", "failed", "flawed", "held"]), min_size=1, max_size=40)


def made(kinds: Sequence[str]) -> list[Result]:
    """A slot's download and latency for each kind."""
    changed: dict[str, dict[str, Any]] = {
        "failed": {"end": "failed", "rate_bps": None},
        "flawed": {"flaws": ("wifi",)},
        "held": {"end": "not_started", "rate_bps": None},
    }
    downloads = [result(n, slow=kind == "slow", **changed.get(kind, {})) for n, kind in enumerate(kinds)]
    return downloads + [result(n, method="latency", rate_bps=None) for n in range(len(kinds))]


@pytest.mark.threat("T1")
@given(slots, st.data())
def test_taking_results_away_never_raises_the_lower_end(kinds: list[str], data: st.DataObject) -> None:
    """Whatever subset is deleted: the claim does not grow, and what was claimed before is still possible."""
    results = made(kinds)
    kept = [one for one in results if data.draw(st.booleans())]
    for way in ("down", "any"):
        before, after = bound_of(results, len(kinds), way), bound_of(kept, len(kinds), way)
        assert after.least_pm <= before.least_pm
        assert way == "any" or before.least_pm <= after.most_pm  # a slot without its failed test may show others
        assert after.coverage_pm <= before.coverage_pm
        assert after.scheduled == before.scheduled


@pytest.mark.threat("T2")
@given(st.lists(st.tuples(st.booleans(), st.booleans()), min_size=1, max_size=96))
def test_on_at_bad_hours_only(hours: list[tuple[bool, bool]]) -> None:
    """For any line and any pattern of on and off the truth lies within the bound; so never below what is claimed."""
    results = [result(n, slow=is_slow) for n, (is_slow, is_on) in enumerate(hours) if is_on]
    bound = bound_of(results, len(hours))
    truth = sum(is_slow for is_slow, _ in hours) / len(hours)
    assert bound.least_pm <= 1000 * truth <= bound.most_pm


@pytest.mark.threat("T2")
def test_always_off_when_the_line_is_good() -> None:
    """Whoever measures in the bad third alone may claim that third, at a coverage that says how."""
    bound = bound_of([result(n, slow=True) for n in range(0, 96, 3)], 96)
    assert (bound.least_pm, bound.most_pm, bound.coverage_pm) == (333, 1000, 333)


TRUTH = 0.334
SLOTS = 14 * 96
# The table of the facts (integrity, section 8): what is done to the results, naive share, lower end, coverage; upper end.
CASES: dict[str, tuple[float, float, float, float]] = {
    "honest": (0.334, 0.334, 1.0, 0.334),
    "customer deletes 50 % of good ones": (0.493, 0.334, 0.67, 0.667),
    "customer deletes 80 % of good ones": (0.732, 0.334, 0.46, 0.867),
    "customer deletes 95 % of good ones": (0.91, 0.334, 0.37, 0.967),
    "operator drops 80 % of slow ones": (0.09, 0.067, 0.73, 0.334),
    "device off 40 % of the time": (0.334, 0.2, 0.6, 0.6),
    "500 slow runs by hand": (0.515, 0.334, 1.0, 0.334),
}


def simulated(name: str, chance: random.Random) -> tuple[list[Result], list[bool], float]:
    """What arrives, how the slots truly were, and the share that whoever counts records would believe."""
    truth = [n < TRUTH * SLOTS for n in range(SLOTS)]
    chance.shuffle(truth)
    results = [result(n, slow=is_slow) for n, is_slow in enumerate(truth)]
    share_of_good = {"50": 0.5, "80": 0.8, "95": 0.95}
    if name.startswith("customer"):
        gone = share_of_good[name.split()[2]]
        results = [one for one in results if one.rate_bps == SLOW_BPS or chance.random() >= gone]
    if name.startswith("operator"):
        results = [one for one in results if one.rate_bps == GOOD_BPS or chance.random() >= 0.8]
    if name.startswith("device"):
        results = [one for one in results if chance.random() >= 0.4]
    slow, every = sum(one.rate_bps == SLOW_BPS for one in results), len(results)
    by_hand = 500 if name.startswith("500") else 0  # without a slot, so they are no `Result` at all
    return results, truth, (slow + by_hand) / (every + by_hand)


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_the_bound_contains_the_truth(name: str, seed: int) -> None:
    """Two weeks of slots under each attack: the truth is inside, where the share of what arrived may be far off."""
    naive, least, coverage, most = CASES[name]
    results, truth, share = simulated(name, random.Random(seed))
    bound = bound_of(results, SLOTS)
    true_pm = 1000 * sum(truth) / SLOTS
    assert bound.least_pm <= true_pm <= bound.most_pm
    assert bound.least_pm / 1000 == pytest.approx(least, abs=0.03)
    assert bound.most_pm / 1000 == pytest.approx(most, abs=0.03)
    assert bound.coverage_pm / 1000 == pytest.approx(coverage, abs=0.04)
    assert share == pytest.approx(naive, abs=0.04)


def test_gaps() -> None:
    """Numbers missing before the first record and between two are gaps; what the collector removed itself is not."""
    assert gaps([]) == ()
    assert gaps([2, 3, 6, 6, 9]) == ((0, 1, 2), (4, 5, 2), (7, 8, 2))
    assert gaps([10, 12], (0, 7)) == ((0, 9, 2), (11, 11, 1))
    assert gaps([3], (0, 2)) == ()
    assert gaps([0, 5], (10, 12)) == ((1, 4, 4),)
