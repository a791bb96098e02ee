"""The judge against vectors of each criterion: this repository's own, and the shared ones where they are at hand."""

import json
import os
from dataclasses import replace
from pathlib import Path

import pytest

from collector.judge.casefile import judge_text
from collector.judge.criterion import builtin
from collector.judge.evaluate import judge
from collector.judge.finding import Verdict
from collector.judge.sample import read_case

_OWN = Path(__file__).resolve().parents[2] / "vectors" / "criteria"
_SHARED = Path(os.environ.get("SPEEDPROOF_SHARED") or Path(__file__).resolve().parents[4] / "shared")
_VECTORS = _SHARED / "vectors" / "criteria"
_WITHOUT_SHARED = {"us-bead", "us-mba"}  # encoded here beyond what the shared vectors cover


def _hold(criterion_id: str, path: Path) -> None:
    """Compare verdict, met and failed of each case with those expected."""
    text = path.read_bytes()
    told = json.loads(text)
    criterion = builtin()[criterion_id]
    assert (told["criterion"], told["status"]) == (criterion_id, criterion.status)
    results = judge_text(criterion_id, text, builtin())
    assert isinstance(results, list)
    expected = {
        case["id"]: (
            case["expect"]["verdict"],
            sorted(case["expect"]["met"]),
            sorted(case["expect"]["failed"]),
        )
        for case in told["cases"]
    }
    assert len(expected) == len(told["cases"])
    assert {one["id"]: (one["verdict"], one["met"], one["failed"]) for one in results} == expected


@pytest.mark.parametrize("criterion_id", sorted(set(builtin()) - _WITHOUT_SHARED))
def test_every_shared_vector_is_answered_as_computed_by_hand(criterion_id: str) -> None:
    """Verdict, met and failed of each vector are those of the computation by hand."""
    path = _VECTORS / f"{criterion_id}.json"
    if not _VECTORS.is_dir():
        pytest.skip(f"no shared vectors for {criterion_id}: SPEEDPROOF_SHARED names the folder that holds them")
    _hold(criterion_id, path)


@pytest.mark.parametrize("criterion_id", sorted(builtin()))
def test_every_vector_of_our_own_is_answered_as_computed_by_hand(criterion_id: str) -> None:
    """At each boundary of each rule: on it, beside it, one too few, one too many, on days of 23 and 25 hours."""
    _hold(criterion_id, _OWN / f"{criterion_id}.json")


def test_no_shared_vector_is_left_aside() -> None:
    """Each criterion of the shared vectors is shipped here."""
    if not _VECTORS.is_dir():
        pytest.skip("no shared vectors: SPEEDPROOF_SHARED names the folder that holds them")
    assert {path.stem for path in _VECTORS.glob("*.json")} == set(builtin()) - _WITHOUT_SHARED


@pytest.mark.parametrize("criterion_id", sorted(builtin()))
def test_every_name_of_a_rule_is_seen_in_a_vector_of_our_own(criterion_id: str) -> None:
    """Each condition fails in some case and each deviation is met in some case, so that no row goes untried."""
    criterion = builtin()[criterion_id]
    cases = json.loads((_OWN / f"{criterion_id}.json").read_bytes())["cases"]
    failed = {name for case in cases for name in case["expect"]["failed"]}
    met = {name for case in cases for name in case["expect"]["met"]}
    conditions = {one.name for one in (*criterion.completeness, *criterion.voids)}
    basis = {"basis"} if any(criterion.basis.values()) else set()
    assert failed == conditions | basis
    assert met == {one.name for one in criterion.deviation}
    assert all(case["why"] for case in cases)


@pytest.mark.parametrize("criterion_id", sorted(builtin()))
def test_a_slower_result_never_takes_a_deviation_away(criterion_id: str) -> None:
    """In each vector of our own any one rate set to nothing, or round trip to an hour, leaves met what was met."""
    criterion = builtin()[criterion_id]
    for told in json.loads((_OWN / f"{criterion_id}.json").read_bytes())["cases"]:
        case = read_case(told)
        before = judge(criterion, case)
        if before.verdict is Verdict.INSUFFICIENT:
            continue
        for n, one in enumerate(case.samples):
            worse = replace(one, rate_bps=one.rate_bps and 0, rtt_us=one.rtt_us and 3_600_000_000)
            after = judge(criterion, replace(case, samples=(*case.samples[:n], worse, *case.samples[n + 1 :])))
            # a copy that says something else is another measurement, and then the set another set
            assert set(before.met) <= set(after.met) or told["id"].endswith("/copies"), told["id"]
