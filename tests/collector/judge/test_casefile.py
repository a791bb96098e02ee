"""JSON text in, result objects out; no bytes bring anything but a result or an error that can be shown."""

import json
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.judge.casefile import judge_text
from collector.judge.criterion import builtin
from collector.judge.errors import CaseError, CriterionError, JudgeError, UnknownCriterion, UnsupportedCriterion
from collector.judge.operating import rows_of
from collector.judge.sample import Direction
from shared.criteria.unsupported import UNSUPPORTED, why_unsupported

CASE: dict[str, Any] = {
    "direction": "down",
    "contract": {"time_zone": "Europe/Prague", "normal_bps": 60, "min_bps": 30},
    "measurements": [
        {"t": "2025-04-08T18:00:00+02:00", "direction": "down", "rate_bps": 1},
        {"t": "2025-04-08T18:00:00+02:00", "direction": "up", "rate_bps": 1},
        {"t": "2025-04-08T16:00:00Z", "direction": "down", "rate_bps": 1},
        {"t": "2025-04-08T18:15:00+02:00", "direction": "down", "not_started": "battery_low"},
        {"t": "2025-04-08T18:30:00+02:00", "direction": "down", "rate_bps": 1, "flaws": ["wifi", "cpu"]},
    ],
    "expect": {"verdict": "substantiated"},
    "why": 1.5,
    "id": "ignored in a single case",
}


def test_a_single_case_gives_exactly_the_members_of_the_contract() -> None:
    """No more, no fewer, in their order; places of rejected entries are those of the input."""
    result = judge_text("cz-fixed-cert", json.dumps(CASE), builtin())
    criterion = builtin()["cz-fixed-cert"]
    assert result == {
        "criterion": "cz-fixed-cert",
        "version": criterion.version,
        "verdict": "insufficient_evidence",
        "met": [],
        "failed": ["count"],
        "samples_used": 1,
        "samples_rejected": [
            {"index": 1, "reason": "other_direction"},
            {"index": 2, "reason": "duplicate"},
            {"index": 3, "reason": "not_started: battery_low"},
            {"index": 4, "reason": "flaw: cpu, wifi"},
        ],
        "limits": list(criterion.limits),
        "operating": [one.as_json() for one in rows_of("cz-fixed-cert", Direction.DOWN)],
    }
    assert json.loads(json.dumps(result)) == result


@pytest.mark.parametrize(
    ("criterion", "entry", "reason"),
    [
        ("cz-mobile-cert", {"failure": "eof_error"}, "not_finished"),
        ("us-caf-80-80", {"rate_bps": 1}, "outside_hours"),
    ],
)
def test_each_rule_gives_its_own_reason_to_leave_out(criterion: str, entry: dict[str, Any], reason: str) -> None:
    """The reason is named as the rule means it."""
    case = {**CASE, "measurements": [{"t": "2025-04-08T12:00:00+02:00", "direction": "down", **entry}]}
    result = judge_text(criterion, json.dumps(case), builtin())
    assert isinstance(result, dict)
    assert result["samples_rejected"] == [{"index": 0, "reason": reason}]


def test_a_file_of_cases_gives_a_result_for_each_with_its_id() -> None:
    """The array has the order of the file; an empty file an empty array."""
    text = json.dumps({"criterion": "x", "cases": [{**CASE, "id": "b"}, {**CASE, "id": "a"}]}).encode()
    results = judge_text("cz-fixed-cert", text, builtin())
    assert isinstance(results, list)
    assert [one["id"] for one in results] == ["b", "a"]
    assert judge_text("cz-fixed-cert", '{"cases": []}', builtin()) == []


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("", "$"),
        (b"\xff\xfe", "$"),
        ("\ufeff{}", "$"),
        ("{", "$"),
        ("[NaN]", "$"),
        ("[-Infinity]", "$"),
        ('{"a": 1, "a": 1}', "$"),
        ('{"cases": [{"x": {"b": 1, "b": 2}}]}', "$"),
        ("[" * 100_000, "$"),
        ('{"a":' * 100_000, "$"),
        ("9" * 5000, "$"),
        ("1e999", "$"),
        ("null", "$"),
        ('"text"', "$"),
        ('{"cases": {}}', "$.cases"),
        ('{"cases": [1]}', "$.cases[0]"),
        (json.dumps({"cases": [{**CASE, "id": 1}]}), "$.cases[0].id"),
        (
            json.dumps({"cases": [{**CASE, "measurements": [CASE["measurements"][0], {}]}]}),
            "$.cases[0].measurements[1].t",
        ),
        (json.dumps({"cases": [{**CASE, "direction": "round_trip"}]}), "$.cases[0].direction"),
    ],
)
def test_malformed_text_is_an_error_with_a_place(text: str | bytes, place: str) -> None:
    """Whatever is wrong, the error says where and no traceback shows."""
    with pytest.raises(CaseError) as caught:
        judge_text("cz-fixed-cert", text, builtin())
    assert caught.value.place == place


def test_an_unknown_criterion_is_named_with_those_known() -> None:
    """The message helps to find the right one."""
    with pytest.raises(UnknownCriterion, match="cz-fixed-cert, cz-mobile-cert") as caught:
        judge_text("cz-fixed", "{}", builtin())
    assert isinstance(caught.value, CriterionError)


@pytest.mark.parametrize("name", sorted(UNSUPPORTED))
def test_a_regime_that_is_not_known_whole_is_no_unknown_name(name: str) -> None:
    """What is missing is said, before the case is even looked at."""
    with pytest.raises(UnsupportedCriterion) as caught:
        judge_text(name, "not JSON", builtin())
    assert (caught.value.place, caught.value.problem) == ("criterion", why_unsupported(name))


@given(st.binary() | st.text())
def test_no_text_brings_anything_but_a_result_or_a_judge_error(text: bytes | str) -> None:
    """The caller has one family of errors to show."""
    with suppress(JudgeError):
        judge_text("si-2019", text, builtin())
