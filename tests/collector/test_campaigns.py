"""Campaigns that were fixed beforehand: what counts for them, what does not, and that nothing is won by making it vanish."""

import dataclasses
from typing import Any

import pytest
from fakes.campaigns import DAY_US, Line, campaign_of
from hypothesis import given, settings
from hypothesis import strategies as st

from collector.campaigns import fixed_campaigns
from collector.findings import judge_line
from collector.judge.criterion import builtin, load_criterion
from collector.registry import Subscriber
from collector.samples import sift
from collector.view import FindingView, VerdictView
from shared.campaign import LATE_US
from shared.criteria.files import shipped
from shared.sampling import read_rule
from shared.slots import SlotPlan

PLANNING = read_rule(shipped()["cz-fixed-cert.toml"], "cz-fixed-cert.toml")
CZ = builtin()["cz-fixed-cert"]
NOON_US = 1_795_345_500_000_000  # 22 Nov 2026, 12:05 in Prague
SPEEDS = {"down": {"normal_bps": 60_000_000, "min_bps": 30_000_000, "advertised_bps": 100_000_000}}
SUBSCRIBER = Subscriber("line-1", "Europe/Prague", "cz-fixed-cert", SPEEDS, None, 0)
SLOW: dict[str, Any] = {"rate_bps": 1_000_000}
FAST: dict[str, Any] = {"rate_bps": 90_000_000}
FAILED: dict[str, Any] = {"end": "failed", "failure": "eof_error", "rate_bps": None}
ABORTED: dict[str, Any] = {"end": "aborted", "rate_bps": None}
FIRST = campaign_of(PLANNING, "Europe/Prague", NOON_US)
SECOND = campaign_of(PLANNING, "Europe/Prague", NOON_US + DAY_US, 2)


def line(*results: dict[str, Any] | None, late_us: int = 0) -> Line:
    """A line with one campaign and these results."""
    made = Line()
    made.fix(FIRST)
    made.run(FIRST, results, late_us)
    return made


def then(made: Line, *results: dict[str, Any] | None) -> Line:
    """The same line with a second campaign after the first."""
    made.fix(SECOND)
    made.run(SECOND, results)
    return made


def renumbered(made: Line, row: int, k: int | None) -> Line:
    """The same line, one of its tests under another number."""
    made.rows[row] = dataclasses.replace(made.rows[row], k=k)
    return made


def verdict_of(made: Line, opened_us: int | None = NOON_US) -> VerdictView:
    """The verdict of the campaign's rule."""
    campaigns = fixed_campaigns(made.fixed)
    return judge_line(CZ, SUBSCRIBER, made.rows, {}, {made.dev: SlotPlan()}, opened_us, campaigns)[0]


def finding_of(made: Line, opened_us: int | None = NOON_US) -> FindingView:
    """The finding that decides."""
    return verdict_of(made, opened_us).findings[0]


@pytest.mark.parametrize("late_us", [0, 17_000_000, LATE_US])
def test_a_complete_campaign_is_judged(late_us: int) -> None:
    """Six starts that were fixed beforehand, each within its tolerance, are a set the rule judges."""
    finding = finding_of(line(*[SLOW] * 6, late_us=late_us))
    assert (finding.verdict, finding.samples_used, finding.failed) == ("substantiated", 6, ())
    assert (finding.campaign, finding.windows_looked_at) == ("cz-fixed-cert.1", 1)
    assert "received before its first start" in finding.because[-1]
    assert verdict_of(line(*[FAST] * 6)).verdict == "not_substantiated"


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"at_us": FIRST.starts_us[2] - 1}, "campaign_mismatch"),
        ({"at_us": FIRST.starts_us[2] + LATE_US + 1}, "campaign_mismatch"),
        ({"k": 6}, "campaign_mismatch"),
        ({"k": 1, "at_us": FIRST.starts_us[1] + 5}, "campaign_repeated"),
        ({"end": "aborted", "rate_bps": None}, "aborted"),
        ({"rate_bps": None}, "no_figure"),
    ],
)
def test_what_does_not_count_for_its_campaign(changed: dict[str, Any], reason: str) -> None:
    """Each is left out by name, and the set is no longer complete."""
    made = line(*[SLOW] * 6)
    made.rows[3] = dataclasses.replace(made.rows[3], **changed)
    finding = finding_of(made)
    assert finding.samples_rejected == ((3, reason),)
    assert finding.verdict == "insufficient_evidence"


def test_a_test_before_its_plan_is_of_an_unknown_campaign() -> None:
    """A plan that follows its test fixed nothing."""
    made = Line()
    made.run(FIRST, [SLOW])
    made.fix(FIRST)
    assert [one.reason for one in sift(made.rows, {}, "signed", {}, fixed_campaigns(made.fixed)).left_out] == [
        "campaign_unknown"
    ]
    made.run(SECOND, [SLOW])
    reasons = [one.reason for one in sift(made.rows, {}, "signed", {}, fixed_campaigns(made.fixed)).left_out]
    assert reasons == ["campaign_unknown"] * 2


def test_a_plan_of_another_device_is_none() -> None:
    """Each device's chain fixes its own campaigns."""
    made = line(*[SLOW] * 6)
    made.rows = [dataclasses.replace(row, dev="b" * 64) if row.campaign else row for row in made.rows]
    assert finding_of(made).failed == ("count",)


def test_after_giving_up_nothing_counts() -> None:
    """It is over, and shown as given up."""
    made = line(*[SLOW] * 3)
    made.give_up(FIRST, FIRST.starts_us[2] + 1)
    made.run(FIRST, [None, None, None, SLOW, SLOW, SLOW])
    finding = finding_of(made)
    assert [reason for _, reason in finding.samples_rejected] == ["campaign_stopped"] * 3
    assert finding.samples_used == 3
    assert "given up" in finding.because[-1]


def test_other_rules_and_slots_know_nothing_of_it() -> None:
    """Its day was chosen by the claimant, so its tests are in no other statistics; nor are slots in a campaign."""
    made = line(*[SLOW] * 6)
    other = builtin()["de-fixed-2021"]
    speeds = {"down": SPEEDS["down"] | {"max_bps": 100_000_000}}
    subscriber = dataclasses.replace(SUBSCRIBER, contract=speeds)
    campaigns = fixed_campaigns(made.fixed)
    finding = judge_line(other, subscriber, made.rows, {}, {}, None, campaigns)[0].findings[0]
    assert (finding.samples_used, finding.campaign) == (0, None)
    assert {reason for _, reason in finding.samples_rejected} == {"campaign"}
    slot = SlotPlan().slot_at(FIRST.starts_us[2])
    made.add(slot=slot, at_us=FIRST.starts_us[2] + 1, rate_bps=90_000_000)
    assert finding_of(made).samples_used == 6


def test_a_campaign_for_another_text_of_the_rule_is_for_another_rule() -> None:
    """What was fixed is the file's very bytes."""
    made = Line()
    made.fix(dataclasses.replace(FIRST, sha256="b" * 64))
    made.run(FIRST, [SLOW] * 6)
    assert finding_of(made).campaign is None


def test_the_schedules_own_starts_still_can_make_a_campaign() -> None:
    """Without a plan the first complete run of slots is judged, as ever."""
    made = Line()
    for n in range(6):
        at_us = NOON_US + n * 900_000_000
        made.add(slot=SlotPlan().slot_at(at_us), at_us=at_us, **SLOW)
    assert (finding_of(made).verdict, finding_of(made).campaign) == ("substantiated", None)


def test_the_first_complete_campaign_is_judged_and_all_tried_are_counted() -> None:
    """An incomplete one is passed over but shown in the number; a later one changes nothing."""
    made = then(line(SLOW, SLOW, None, SLOW, SLOW, SLOW), *[SLOW] * 6)
    assert (finding_of(made).campaign, finding_of(made).windows_looked_at) == ("cz-fixed-cert.2", 2)
    good_first = then(line(*[FAST] * 6), *[SLOW] * 6)
    assert (finding_of(good_first).campaign, verdict_of(good_first).verdict) == ("cz-fixed-cert.1", "not_substantiated")


def test_a_window_of_slots_that_was_there_before_is_counted_as_tried() -> None:
    """Who starts a campaign after the schedule's own window had its say looks a second time, and it shows."""
    made = Line()
    for n in range(6):
        at_us = NOON_US + n * 900_000_000
        made.add(slot=SlotPlan().slot_at(at_us), at_us=at_us, **FAST)
    assert then(made, *[SLOW] * 6)
    assert (finding_of(made).verdict, finding_of(made).windows_looked_at) == ("substantiated", 2)


def test_a_campaign_before_the_complaint_does_not_decide() -> None:
    """Its first start lies before; what counts is what was fixed after."""
    made = line(*[SLOW] * 6)
    assert finding_of(made, FIRST.starts_us[0] + 1).campaign is None
    assert finding_of(made, FIRST.starts_us[0]).campaign == "cz-fixed-cert.1"


def test_a_plan_that_came_late_is_the_devices_word() -> None:
    """It stands before its tests in the chain all the same, and the finding says which it was."""
    made = Line()
    made.fix(FIRST, received_us=FIRST.starts_us[3])
    made.run(FIRST, [SLOW] * 6)
    assert "received only after its first start" in finding_of(made).because[-1]


def test_what_is_missing_is_said() -> None:
    """A start of which nothing was received is counted, and the set is incomplete."""
    finding = finding_of(line(SLOW, None, SLOW, SLOW, SLOW, SLOW))
    assert finding.verdict == "insufficient_evidence"
    assert finding.because[-1] == "campaign cz-fixed-cert.1: of 1 of its 6 starts nothing was received so far"


def test_a_start_that_was_held_back_is_no_result_and_no_gap() -> None:
    """It is named with its reason."""
    held = {"end": "not_started", "reason": "roaming", "rate_bps": None}
    finding = finding_of(line(SLOW, held, SLOW, SLOW, SLOW, SLOW))
    assert finding.samples_rejected == ((2, "not_started: roaming"),)
    assert len(finding.because) > 1


def test_of_two_plans_of_one_name_the_first_stands() -> None:
    """What was fixed is not fixed anew; what is no plan fixes nothing."""
    made = Line()
    made.note(FIRST.members() | {"starts_us": []}, NOON_US)
    made.fix(FIRST)
    made.fix(dataclasses.replace(SECOND, id=FIRST.id))
    fixed = fixed_campaigns(made.fixed)
    assert [one.campaign.starts_us for one in fixed.values()] == [FIRST.starts_us]


def test_cutting_off_or_removing_a_good_result_does_not_bring_the_next_campaign_in() -> None:
    """As a good one it would have completed the first campaign, so the second one's verdict does not stand."""
    for made in (
        then(line(FAST, FAST, ABORTED, FAST, FAST, FAST), *[SLOW] * 6),
        then(line(*[FAST] * 6), *[SLOW] * 6).without(3),
        then(line(*[FAST] * 6), *[SLOW] * 6).without(0),
        then(line(*[FAST] * 6, late_us=LATE_US + 1), *[SLOW] * 6),
        then(renumbered(line(*[FAST] * 6), 3, None), *[SLOW] * 6),
        then(renumbered(line(*[FAST] * 6), 3, 1), *[SLOW] * 6),
        then(renumbered(line(*[FAST] * 6), 3, 99), *[SLOW] * 6),
    ):
        assert verdict_of(made).verdict == "insufficient_evidence"
        assert finding_of(made).failed == ("omitted_starts",)


@pytest.mark.parametrize("late_us", [LATE_US + 1, 800_000_000])
def test_one_late_test_is_that_one_start(late_us: int) -> None:
    """Of a campaign that was broken off after it, the others were never started: it does not come first."""
    made = then(line(SLOW, late_us=late_us), *[SLOW] * 6)
    assert (verdict_of(made).verdict, finding_of(made).campaign) == ("substantiated", SECOND.id)
    assert verdict_of(then(line(*[FAST] * 5, SLOW, late_us=late_us), *[SLOW] * 6)).verdict == "insufficient_evidence"


def test_a_late_test_of_another_direction_says_nothing_of_this_one() -> None:
    """Each direction has its starts."""
    both = dataclasses.replace(FIRST, directions=("down", "up"))
    made = Line()
    made.fix(both)
    made.run(both, [SLOW])
    made.run(both, [SLOW], LATE_US + 1, "up")
    assert verdict_of(then(made, *[SLOW] * 6)).verdict == "substantiated"


@pytest.mark.parametrize("late_us", [LATE_US, LATE_US + 1, 10**10])
def test_a_start_whose_moment_had_passed_is_not_started(late_us: int) -> None:
    """Whenever the device says so; not before the moment, and of no start that was not planned."""
    late = {"end": "not_started", "reason": "late", "rate_bps": None}
    made = line(late, late_us=late_us)
    assert finding_of(made).samples_rejected == ((1, "not_started: late"),)
    assert verdict_of(then(made, *[SLOW] * 6)).verdict == "substantiated"
    for wrong in ({"at_us": FIRST.starts_us[0] - 1}, {"k": 6}, {"k": None}, {"direction": "up"}):
        odd = line(late)
        odd.rows[1] = dataclasses.replace(odd.rows[1], **wrong)
        told = sift(odd.rows, {}, "signed", {}, fixed_campaigns(odd.fixed)).left_out
        assert [one.reason for one in told] == ["campaign_mismatch"]


@pytest.mark.parametrize("why", ["paused", "stopped", "quiet_hours"])
def test_pausing_over_a_campaigns_start_is_omitting_it(why: str) -> None:
    """With a good result it could have been the first complete one."""
    held = {"end": "not_started", "reason": why, "rate_bps": None}
    made = then(line(FAST, FAST, FAST, FAST, FAST, held), *[SLOW] * 6)
    assert finding_of(made).failed == ("omitted_starts",)
    roaming = then(line(FAST, FAST, FAST, FAST, FAST, held | {"reason": "roaming"}), *[SLOW] * 6)
    assert verdict_of(roaming).verdict == "substantiated"


def test_what_is_omitted_counts_where_others_do() -> None:
    """A rule that leaves out what was not measured as it wants would leave out a result of which nothing is known."""
    text = shipped()["cz-fixed-cert.toml"].decode()
    text += '\n[[validity]]\nname = "net"\npredicate = "network_type"\ntypes = ["mobile"]\notherwise = "leave_out"\n'
    mobile = load_criterion(text, "mobile")
    plans = [dataclasses.replace(one, sha256=mobile.sha256) for one in (FIRST, SECOND)]
    made = Line()
    for plan, results in zip(plans, ([FAST, FAST, ABORTED, FAST, FAST, FAST], [SLOW] * 6), strict=True):
        made.fix(plan)
        made.run(plan, results)
    found = judge_line(mobile, SUBSCRIBER, made.rows, {}, {}, NOON_US, fixed_campaigns(made.fixed))[0]
    assert found.findings[0].failed == ("omitted_starts",)


def test_a_campaign_that_never_had_a_start_stands_in_nobodys_way() -> None:
    """The phone was off: nothing was started, nothing is missing from its chain, and the next campaign counts."""
    made = then(line(*[None] * 6), *[SLOW] * 6)
    assert (verdict_of(made).verdict, finding_of(made).windows_looked_at) == ("substantiated", 2)


RESULTS = st.lists(st.sampled_from([SLOW, FAST, FAILED, None]), min_size=6, max_size=6)


@settings(max_examples=200, deadline=None)
@given(RESULTS, RESULTS, st.sets(st.integers(0, 13)), st.sets(st.integers(1, 13)))
def test_making_records_vanish_never_helps(
    first: list[dict[str, Any] | None], second: list[dict[str, Any] | None], removed: set[int], cut: set[int]
) -> None:
    """Whatever tests are removed from the chain or cut off, no other verdict becomes `substantiated`."""
    made = then(line(*first), *second)
    plans = {row.seq for row in made.fixed}
    honest = verdict_of(made).verdict
    gone = made.without(*(removed - plans))
    gone.rows = [
        dataclasses.replace(row, end="aborted", rate_bps=None, failure=None) if row.seq in cut - plans else row
        for row in gone.rows
    ]
    if honest != "substantiated":
        assert verdict_of(gone).verdict != "substantiated"
