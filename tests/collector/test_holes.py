"""Records that are gone from a chain, and starts that the claimant held back: neither ever helps him."""

import dataclasses
import time
from typing import Any

import pytest
from fakes.campaigns import DEV, Line, campaign_of
from fakes.criteria import COUNT, DAYS, FIRST_OF_HOUR, GAP, HEAD, HOURS, HOURS_OF_DAY, SPAN
from fakes.rules import SHORT
from hypothesis import given, settings
from hypothesis import strategies as st

from collector.campaigns import fixed_campaigns
from collector.findings import judge_line
from collector.holes import Hole, numbering_of
from collector.judge.criterion import Criterion, load_criterion
from collector.registry import Subscriber
from collector.view import FindingView, RemovedRow
from shared.sampling import read_rule
from shared.slots import SlotPlan

PLAN = SlotPlan(900, 60)
SLOT_US = 900_000_000
FIRST = 2_000_000
SPEEDS = {"down": {"min_bps": 10_000_000, "advertised_bps": 40_000_000}}
LINE = Subscriber("line-1", "Europe/Prague", "short", SPEEDS, None, 0)
SLOW: dict[str, Any] = {"rate_bps": 1_000_000}
FAST: dict[str, Any] = {"rate_bps": 40_000_000}
FAILED: dict[str, Any] = {"end": "failed", "failure": "eof_error", "rate_bps": None}
ABORTED: dict[str, Any] = {"end": "aborted", "rate_bps": None}
FLAWED: dict[str, Any] = {"rate_bps": 1_000_000, "flaws": ("cross_traffic",)}
DEVIATIONS = """
[[deviation]]
name = "slow"
primitive = "%s"
limit = { op = "%s", percent = 80, of = "min_bps" }
%s
[[validity]]
name = "flaw"
predicate = "no_flaw"
flaws = ["any"]
otherwise = "leave_out"
"""
MADE = HEAD.replace("down = {}, up = {}", 'down = { needs = ["min_bps"] }')
HALF = DEVIATIONS % ("share", "<", 'share_percent = { op = ">=", n = 50 }')
ONCE = DEVIATIONS % ("bad_count", "<", 'results = { op = ">=", n = 1 }')
LOWEST = DEVIATIONS % ("quantile", "<", "quantile_percent = 5")
ATTEMPTS = DEVIATIONS.replace('limit = { op = "%s", percent = 80, of = "min_bps" }\n', "") % (
    "success_share",
    'share_percent = { op = "<=", n = 50 }',
)
NO_DAY = DEVIATIONS % ("days_with_any", ">=", 'dates = { op = "<", n = 2 }')
RULES = {
    "all": SHORT,
    "run": MADE + COUNT % ("==", 3) + GAP % ("", ">=", 900, "set", "") + SPAN % ("<=", 3600) + HALF,
    "once": MADE + COUNT % ("==", 3) + GAP % ("", ">=", 900, "set", "") + ONCE,
    "days": MADE + COUNT % (">=", 3) + DAYS % ("", 'window_days = { op = "<=", n = 1 }') + HALF,
    "two": MADE
    + COUNT % (">=", 4)
    + DAYS % ("", 'dates = { op = "==", n = 2 }\nwindow_days = { op = "<=", n = 2 }')
    + HALF,
    "spread": MADE + COUNT % ("==", 4) + DAYS % ("", 'dates = { op = "==", n = 2 }') + NO_DAY,
    "month": MADE + COUNT % (">=", 3) + DAYS % ("", 'months = { op = "<=", n = 1 }') + HALF,
    "attempts": MADE.replace('{ needs = ["min_bps"] }', "{}") + COUNT % (">=", 3) + ATTEMPTS,
    "each hour": MADE + HOURS_OF_DAY % (9, 11) + SPAN % ("<=", 7200) + FIRST_OF_HOUR + HALF,
    "lowest of two days": MADE + HOURS_OF_DAY % (9, 11) + SPAN % ("<=", 172_800) + FIRST_OF_HOUR + LOWEST,
    "hours": MADE + COUNT % (">=", 2) + HOURS % (0, 12) + DAYS % ("", 'window_days = { op = "<=", n = 2 }') + HALF,
}
CRITERIA = {name: load_criterion(text.replace("[basis]", ""), name) for name, text in RULES.items()}


def reason(name: str) -> dict[str, Any]:
    """A start that was not made."""
    return {"end": "not_started", "rate_bps": None, "reason": name}


def add(line: Line, slot: int, result: dict[str, Any] | None, offset_s: int = 0) -> None:
    """A slot's latency, and its download."""
    at_us = (FIRST + slot) * SLOT_US + offset_s * 1_000_000
    line.add(
        slot=FIRST + slot, at_us=at_us, method="latency", direction="round_trip", rate_bps=None, rtt_us=1, loss_pm=0
    )
    if result is not None:
        line.add(**{"slot": FIRST + slot, "at_us": at_us + 1_000_000} | result)


def line_of(*results: dict[str, Any] | None) -> Line:
    """A line with these downloads, one in each slot."""
    line = Line()
    for slot, result in enumerate(results):
        add(line, slot, result)
    return line


def finding_of(line: Line, rule: Criterion = CRITERIA["all"], opened_us: int | None = None) -> FindingView:
    """The finding on a line's downloads."""
    return judge_line(rule, LINE, line.rows, {}, {DEV: PLAN}, opened_us, fixed_campaigns(line.fixed))[0].findings[0]


def seqs_of(line: Line, rate_bps: int) -> list[int]:
    """The numbers of the results of one kind."""
    return [row.seq for row in line.rows if row.rate_bps == rate_bps]


@pytest.mark.threat("T1")
def test_good_results_taken_out_of_the_chain_win_nothing() -> None:
    """Every slot still shows its latency; the numbers of fifteen downloads are gone, and free places are as many."""
    line = line_of(*[SLOW, FAST, FAST, FAST] * 5, None)
    assert finding_of(line).verdict == "not_substantiated"
    finding = finding_of(line.without(*seqs_of(line, 40_000_000)))
    assert (finding.verdict, finding.failed) == ("insufficient_evidence", ("omitted_starts",))
    assert any("15 more are gone from the chain" in one for one in finding.because)


def test_few_results_taken_out_are_weighed_where_they_may_have_been() -> None:
    """Two numbers are no campaign; as good ones they would turn the share."""
    line = line_of(SLOW, FAST, SLOW, FAST, SLOW, FAST, FAST, None)
    assert finding_of(line).verdict == "not_substantiated"
    finding = finding_of(line.without(*seqs_of(line, 40_000_000)[:2]))
    assert (finding.verdict, finding.failed) == ("insufficient_evidence", ("omitted_starts",))


def test_losses_far_apart_are_no_campaign() -> None:
    """A set within days is not made of numbers that are missing weeks apart."""
    line = line_of(*[SLOW] * 960)
    gone = [row.seq for row in line.rows if row.direction == "down"][300::96]
    assert len(gone) > 4
    assert finding_of(line.without(*gone), CRITERIA["days"]).verdict == "substantiated"
    assert finding_of(line.without(*range(gone[0], gone[0] + 6)), CRITERIA["days"]).verdict == "insufficient_evidence"


def test_a_number_that_changes_nothing_stands_in_nobodys_way() -> None:
    """On a line that is slow throughout one lost record is no harm; nor is one whose slots all show their download."""
    line = line_of(*[SLOW] * 20)
    assert finding_of(line.without(9)).verdict == "substantiated"
    latencies = [row.seq for row in line.rows if row.method == "latency"][1:]
    assert finding_of(line.without(latencies[4])).verdict == "substantiated"


def test_what_was_lost_before_the_complaint_is_no_matter() -> None:
    """Only what can lie after it is weighed."""
    line = line_of(*[FAST] * 10, *[SLOW] * 10)
    opened_us = (FIRST + 10) * SLOT_US
    assert finding_of(line.without(*seqs_of(line, 40_000_000)[:-1]), opened_us=opened_us).verdict == "substantiated"
    assert finding_of(line.without(*range(20)), opened_us=opened_us).verdict == "insufficient_evidence"


@pytest.mark.threat("T2")
@pytest.mark.parametrize("why", ["paused", "stopped", "quiet_hours"])
def test_holding_back_the_good_hours_wins_nothing(why: str) -> None:
    """The owner may rest his line; what he rested counts as good when he wants a verdict in his favour."""
    finding = finding_of(line_of(*[SLOW, *[reason(why)] * 3] * 5))
    assert (finding.verdict, finding.failed) == ("insufficient_evidence", ("omitted_starts",))
    assert finding.samples_rejected[0] == (3, f"not_started: {why}")
    assert finding_of(line_of(*[SLOW] * 9, reason(why))).verdict == "substantiated"


@pytest.mark.parametrize("why", ["battery_low", "roaming", "metered", "budget", "late", "busy", "campaign_near"])
def test_what_was_rightly_not_started_is_nothing(why: str) -> None:
    """It is neither a result nor missing; and of a moment that had passed it may be said later."""
    line = line_of(*[SLOW, *[reason(why)] * 3] * 5)
    assert finding_of(line).verdict == "substantiated"
    line.rows[3] = dataclasses.replace(line.rows[3], at_us=line.rows[3].at_us + 2 * SLOT_US, received_us=2**52)
    told = dict(finding_of(line).samples_rejected)[3]
    assert told == (f"not_started: {why}" if why in {"late", "busy"} else "slot_mismatch")


def test_a_campaign_taken_out_with_its_plan_is_missed() -> None:
    """The slots show nothing; that so many numbers are gone as a campaign has does."""
    rule = read_rule(RULES["run"].encode(), "run")
    line = line_of(*[SLOW] * 20)
    assert finding_of(line, CRITERIA["run"]).verdict == "substantiated"
    plan = dataclasses.replace(
        campaign_of(rule, "Europe/Prague", (FIRST + 20) * SLOT_US), sha256=CRITERIA["run"].sha256
    )
    first = line.seq
    line.fix(plan)
    line.run(plan, [FAST] * 3)
    for slot in range(30, 35):
        add(line, slot, SLOW)
    assert finding_of(line, CRITERIA["run"]).verdict == "not_substantiated"
    assert finding_of(line.without(first), CRITERIA["run"]).verdict == "insufficient_evidence"
    assert finding_of(line.without(*range(first, first + 4)), CRITERIA["run"]).verdict == "insufficient_evidence"


def test_a_number_without_its_plan_tells_of_a_campaign() -> None:
    """Who takes out all of the first campaign leaves a hole, and a second one that says it is the second."""
    rule = read_rule(RULES["run"].encode(), "run")
    line = line_of(SLOW)
    for number, result in ((1, FAST), (2, SLOW)):
        plan = campaign_of(rule, "Europe/Prague", (FIRST + 100 * number) * SLOT_US, number)
        line.fix(dataclasses.replace(plan, sha256=CRITERIA["run"].sha256))
        line.run(plan, [result] * 3)
    assert finding_of(line, CRITERIA["run"]).verdict == "not_substantiated"
    assert finding_of(line.without(*range(2, 6)), CRITERIA["run"]).verdict == "insufficient_evidence"
    renumbered = dataclasses.replace(line, rows=[row for row in line.rows if not 2 <= row.seq <= 5])
    renumbered.rows = [dataclasses.replace(row, seq=row.seq - 4 * (row.seq > 5)) for row in renumbered.rows]
    renumbered.fixed = [dataclasses.replace(line.fixed[1], seq=2)]
    assert finding_of(renumbered, CRITERIA["run"]).verdict == "substantiated"


def test_holes_are_between_records_and_before_the_first() -> None:
    """What may only not have arrived yet, at the end, is none."""
    rows = line_of(*[SLOW] * 4).without(0, 3, 4, 7).rows
    numbering = numbering_of(rows, {DEV: PLAN})
    assert numbering.holes == (Hole(1, None, rows[0]), Hole(2, rows[1], rows[2]))
    assert [(gap.results, len(gap.places)) for gap in numbering.gaps("down", 0)] == [(1, 1), (1, 1)]
    imported = [dataclasses.replace(row, provenance="imported") for row in rows]
    assert numbering_of(imported, {}).holes == ()


def test_a_clock_that_was_not_set_makes_no_half_century_of_places() -> None:
    """A record of 1970 beside a hole: the places are bounded, and so is the time it takes."""
    line = line_of(*[SLOW] * 4)
    line.rows[2] = dataclasses.replace(line.rows[2], at_us=0, slot=None)
    (gap,) = numbering_of(line.without(3).rows, {DEV: PLAN}).gaps("down", 0)
    assert (gap.results, len(gap.places)) == (1, 9_999)


RESULTS = st.sampled_from([SLOW, SLOW, FAST, FAST, FAILED, FLAWED, ABORTED, reason("paused"), reason("budget"), None])


@pytest.mark.threat("T1")
@pytest.mark.parametrize("name", sorted(CRITERIA))
@settings(max_examples=120, deadline=None)
@given(st.data())
def test_taking_records_out_never_helps(name: str, data: st.DataObject) -> None:
    """Whatever is gone before a device's last record, no other verdict becomes `substantiated`."""
    line = Line()
    slot = 0
    for result in data.draw(st.lists(RESULTS, min_size=3, max_size=10)):
        add(line, slot, result, data.draw(st.sampled_from([0, 0, 300, 838])))
        if data.draw(st.integers(0, 5)) == 0:
            line.add(method="mark", direction=None, rate_bps=None, at_us=line.rows[-1].at_us + 1)
        slot += data.draw(st.sampled_from([1, 1, 1, 2, 40, 96]))
    line.add(method="presence", direction=None, rate_bps=None, at_us=(FIRST + slot) * SLOT_US)
    gone = line.without(*data.draw(st.sets(st.integers(0, line.seq - 2))))
    if finding_of(gone, CRITERIA[name]).verdict == "substantiated":
        assert finding_of(line, CRITERIA[name]).verdict == "substantiated"


def test_ninety_days_are_judged_at_once() -> None:
    """A hole in every day, under each kind of rule: no more than seconds."""
    line = line_of(*[SLOW, SLOW, FAST, SLOW] * 2160)
    gone = line.without(*range(7, line.seq, 192))
    for rule in CRITERIA.values():
        begun = time.process_time()
        finding_of(gone, rule)
        assert time.process_time() - begun < 5


@given(st.sets(st.integers(0, 20), min_size=1), st.integers(0, 20), st.integers(0, 20))
def test_what_the_collector_removed_is_no_hole(there: set[int], one: int, other: int) -> None:
    """Of the numbers up to the last record exactly those are missing that are neither there nor removed by the collector's rule."""
    first, last = sorted((one, other))
    line = Line()
    for seq in range(21):
        line.add(slot=FIRST + seq, at_us=(FIRST + seq) * SLOT_US)
    there -= set(range(first, last + 1))
    rows = [row for row in line.rows if row.seq in there]
    removed = {DEV: RemovedRow(DEV, 1, last - first + 1, first, last, 0)}
    numbering = numbering_of(rows, {DEV: PLAN}, removed)
    known = there | set(range(first, last + 1))
    assert sum(hole.missing for hole in numbering.holes) == len(set(range(max(there, default=0))) - known)
    assert sum(hole.missing for hole in numbering_of(rows, {DEV: PLAN}).holes) == len(
        set(range(max(there, default=0))) - there
    )
