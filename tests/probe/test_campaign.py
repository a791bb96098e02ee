"""A campaign under way: what is next, what became of it, what is still missing; pure, and the same after every restart."""

from dataclasses import replace
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from fakes.criteria import COUNT, HOURS, rule
from hypothesis import given
from hypothesis import strategies as st

from probe.campaign import BEGIN_US, NOTHING, Course, State, read_course, read_kept_rule, under_way
from probe.campaign_wish import planned
from shared.criteria.errors import CriterionError
from shared.criteria.files import shipped
from shared.errors import Malformed
from shared.placing import Bounds
from shared.record import write_record
from shared.sampling import Rule, read_rule
from shared.strictjson import JsonObject

MINUTE_US = 60_000_000
ZONE = ZoneInfo("Europe/Prague")
NOON_US = int(datetime(2026, 11, 22, 12, tzinfo=ZONE).timestamp()) * 1_000_000
CZ = read_rule(shipped()["cz-fixed-cert.toml"], "cz-fixed-cert.toml")
MOBILE = read_rule(shipped()["cz-mobile-cert.toml"], "cz-mobile-cert.toml")


def course(rule_of: Rule = CZ, *directions: str) -> Course:
    """A campaign of a rule, from noon on."""
    return Course(planned(rule_of, directions or ("down",), "evidence", Bounds(ZONE, NOON_US), b"k", "d" * 64, 1))


def told(of: Course, k: int, method: str = "download", **changed: Any) -> JsonObject:
    """The record of a test that worked, at its planned moment."""
    members: JsonObject = {"campaign": of.campaign.id, "k": k, "method": method, "end": "ok", "seq": k}
    return members | {"wall_us": of.campaign.starts_us[k], "received_bytes": 20_000_000} | changed


def test_starts_come_one_after_the_other_with_what_they_run() -> None:
    """Each start names its methods with the plans that go together, its number and until when it may begin."""
    both = course(CZ, "down", "up")
    start = both.next_start(NOON_US)
    assert start is not None
    assert (start.k, start.at_us) == (0, both.campaign.starts_us[0])
    assert start.until_us == start.at_us + BEGIN_US
    assert start.tests == (("download", "evidence"), ("upload", "evidence"))
    assert dict(start.why) == {"campaign": both.campaign.id, "k": 0}
    latency = course(read_rule(shipped()["us-caf-80-80.toml"], "us"), "round_trip").next_start(NOON_US)
    assert latency is not None
    assert latency.tests == (("latency", "standard"),)


def test_a_missed_start_is_not_made_up_for() -> None:
    """Past its tolerance the next one follows; past the last there is none."""
    of = course()
    first, second = of.campaign.starts_us[:2]
    for now_us, k in ((first + BEGIN_US - 1, 0), (first + BEGIN_US, 1), (second + BEGIN_US, 2)):
        start = of.next_start(now_us)
        assert start is not None
        assert start.k == k
    assert of.next_start(of.campaign.until_us) is None


def test_what_is_done_is_not_done_again() -> None:
    """Neither what the records told nor what the caller knows; half a start leaves the other half."""
    of = course(CZ, "down", "up").after(told(course(), 0))
    start = of.next_start(NOON_US)
    assert start is not None
    assert (start.k, start.tests) == (0, (("upload", "evidence"),))
    after = of.next_start(NOON_US, {(0, "upload")})
    assert after is not None
    assert after.k == 1


def test_a_record_of_another_campaign_changes_nothing() -> None:
    """Nor one without a number or a moment."""
    of = course()
    for changed in ({"campaign": "other"}, {"k": "0"}, {"wall_us": None}):
        assert of.after({**told(of, 0), **changed}) is of  # type: ignore[dict-item]


def test_a_start_that_a_crash_cut_off_is_not_made_again() -> None:
    """The record that tells of it stands in the outbox; the course learns it from there, each record once."""
    of = course()
    lines = [write_record(told(of, k, end="aborted")) for k in (1, 0)]
    caught = of.caught_up(lines)
    assert [one.k for one in caught.results] == [0, 1]
    assert caught.caught_up(lines) == caught
    start = caught.next_start(NOON_US)
    assert start is not None
    assert start.k == 2


@pytest.mark.parametrize(
    ("changed", "counted", "failed", "flawed", "held"),
    [
        ({}, 1, 0, 0, 0),
        ({"end": "failed"}, 1, 1, 0, 0),
        ({"flaws": ["wifi"]}, 0, 0, 1, 0),
        ({"end": "not_started", "reason": "roaming"}, 0, 0, 0, 1),
        ({"end": "aborted"}, 0, 0, 0, 0),
    ],
)
def test_how_one_direction_stands(changed: dict[str, Any], counted: int, failed: int, flawed: int, held: int) -> None:
    """Tests are told apart by what became of them, and the rule says what is still missing."""
    of = course().after(told(course(), 0, **changed))
    (standing,) = of.standings(CZ, ZONE, of.campaign.starts_us[0] + BEGIN_US)
    assert (standing.counted, standing.failed, standing.flawed, standing.not_started) == (counted, failed, flawed, held)
    assert (standing.left, standing.missed) == (5, 0)
    assert standing.unmet == (f"count: exactly 6 measurements needed; {counted} counted",)
    assert standing.possible is (counted == 1)


def test_a_failure_does_not_count_where_the_rule_asks_for_finished_tests() -> None:
    """Then the campaign can no longer be complete, and says so."""
    of = course(MOBILE).after(told(course(MOBILE), 0, end="failed"))
    assert of.state(MOBILE, ZONE, of.campaign.starts_us[0] + BEGIN_US) is State.BROKEN


def test_only_the_flaws_a_rule_names_matter() -> None:
    """A rule without a word on flaws counts a test that has one."""
    some = '[[validity]]\nname = "f"\npredicate = "no_flaw"\nflaws = ["vpn"]\notherwise = "leave_out"\n'
    named = read_rule(rule(COUNT % ("==", 1), some), "r")
    of = course(named).after(told(course(named), 0, flaws=["wifi"]))
    assert of.state(named, ZONE, NOON_US) is State.COMPLETE


def test_the_states_of_a_campaign() -> None:
    """Planned, under way, complete when all is there, broken when a start is missed."""
    of = course()
    starts_us = of.campaign.starts_us
    assert of.state(CZ, ZONE, NOON_US) is State.PLANNED
    assert of.after(told(of, 0)).state(CZ, ZONE, starts_us[0] + BEGIN_US) is State.RUNNING
    done = of
    for k in range(6):
        done = done.after(told(of, k))
    assert done.state(CZ, ZONE, starts_us[5] + BEGIN_US) is State.COMPLETE
    assert done.used_bytes == 120_000_000
    assert of.state(CZ, ZONE, starts_us[0] + BEGIN_US) is State.BROKEN
    assert replace(of, stopped_us=NOON_US).state(CZ, ZONE, NOON_US) is State.STOPPED
    assert replace(of, stopped_us=NOON_US).next_start(NOON_US) is None


def test_a_campaign_that_can_win_nothing_more_costs_nothing_more() -> None:
    """Once it is broken or complete it is under way no more; a clock that comes back brings it back."""
    of, text = course(), shipped()["cz-fixed-cert.toml"]
    assert under_way(of, text, NOON_US) is of
    assert under_way(of, text, of.campaign.starts_us[0] + BEGIN_US) is None
    assert under_way(of, text, NOON_US) is of
    assert under_way(None, text, NOON_US) is None


def test_where_its_rule_cannot_be_read_a_campaign_goes_on() -> None:
    """Nor where the device has no data of its time zone: what is not known stops nothing."""
    of, late_us = course(), course().campaign.until_us
    nowhere = replace(of, campaign=replace(of.campaign, time_zone="Mars/Olympus"))
    assert under_way(of, None, late_us) is of
    assert under_way(nowhere, shipped()["cz-fixed-cert.toml"], late_us) is nowhere


def test_one_complete_direction_is_enough() -> None:
    """Down and up are judged apart: what is complete stays so, whatever became of the other."""
    both = done = course(CZ, "down", "up")
    for k in range(6):
        done = done.after(told(both, k))
    assert done.state(CZ, ZONE, both.campaign.until_us) is State.COMPLETE


def test_tests_outside_the_rules_hours_do_not_complete_it() -> None:
    """A start whose clock was moved out of the rule's hours is missing."""
    evening = read_rule(rule(COUNT % ("==", 1), HOURS % (18, 24)), "r")
    of = course(evening)
    assert of.after(told(of, 0, wall_us=NOON_US)).state(evening, ZONE, NOON_US) is State.BROKEN


@given(st.lists(st.sampled_from(["ok", "failed", "aborted", "not_started"]), max_size=6), st.booleans())
def test_what_is_kept_is_read_back(ends: list[str], stop: bool) -> None:
    """After a restart the course is the same, whatever became of its tests."""
    of = course()
    for k, end in enumerate(ends):
        of = of.after(told(of, k, end=end, reason="paused", flaws=["wifi"] if k % 2 else []))
    of = replace(of, stopped_us=NOON_US) if stop else of
    assert read_course(of.write()) == of


@pytest.mark.parametrize("kept", [b"[]", b'{"campaign":{}}', b'{"campaign":{},"past":[],"results":[]}', b"\xff"])
def test_what_cannot_be_read_is_no_campaign(kept: bytes) -> None:
    """It is said, and not taken for the absence of one."""
    with pytest.raises(Malformed):
        read_course(kept)


def test_nothing_kept_is_no_campaign() -> None:
    """Neither a device that never had one nor one whose wish was answered."""
    assert read_course(None) is None
    assert read_course(NOTHING) is None
    with pytest.raises(CriterionError):
        read_kept_rule(None)


def test_a_result_without_its_number_is_refused() -> None:
    """Half a result could hide that a start was done."""
    kept = course().after(told(course(), 0)).write()
    with pytest.raises(Malformed, match="of a test"):
        read_course(kept.replace(b'"k":0,', b'"k":"0",'))
