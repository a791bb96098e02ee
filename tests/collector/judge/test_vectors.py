"""The judge against the shared vectors of each criterion; skipped where they are not at hand."""

import json
import os
from pathlib import Path

import pytest

from collector.judge.casefile import judge_text
from collector.judge.criterion import builtin, load_criterion

_SHARED = Path(os.environ.get("SPEEDPROOF_SHARED") or Path(__file__).resolve().parents[4] / "shared")
_VECTORS = _SHARED / "vectors" / "criteria"

# Rules that are not shipped yet, in the same language: it must be able to say them without new code.
_AT_RTR = """
id = "at-rtr"
version = "1"
title = "Austrian certified measurement"
jurisdiction = "AT"
status = "facts_only"
grade = "primary"
outcome = "evidence for a court or the conciliation body"
limits = ["The rule judges nothing."]
basis = { down = {}, up = {}, round_trip = {} }
validity = [{ name = "flaw", predicate = "no_flaw", flaws = ["any"], otherwise = "leave_out" }]

[[completeness]]
name = "three_cycles"
primitive = "days"
dates = { op = ">=", n = 3 }
dates_with = { op = ">=", n = 8 }

[[completeness]]
name = "gap_15min"
primitive = "spacing"
gap_s = { op = ">=", n = 900 }
within = "date"

[[completeness]]
name = "window_14d"
primitive = "days"
window_days = { op = "<=", n = 14 }
"""
_DE_MOBILE = """
id = "de-mobile-draft-2024"
version = "1"
title = "German mobile draft"
jurisdiction = "DE"
status = "draft"
grade = "secondary"
outcome = "reduce or terminate"
limits = ["A draft."]
basis.down = { needs = ["estimated_max_bps", "area_class"] }
basis.up = { needs = ["estimated_max_bps", "area_class"] }
validity = [
  { name = "flaw", predicate = "no_flaw", flaws = ["any"], otherwise = "leave_out" },
  { name = "mobile", predicate = "network_type", types = ["mobile"], otherwise = "leave_out" },
]

[[completeness]]
name = "count"
primitive = "count"
counted = { op = "==", n = 30 }

[[completeness]]
name = "six_per_day_on_five_days"
primitive = "days"
dates = { op = "==", n = 5 }
per_date = { op = "==", n = 6 }

[[deviation]]
name = "reduced_max"
primitive = "days_with_any"
dates = { op = "<=", n = 2 }

[deviation.limit]
op = ">="
of = "estimated_max_bps"
percent_by_area = { urban = 25, semi_urban = 15, rural = 10 }
"""
_CRITERIA = {
    **builtin(),
    "at-rtr": load_criterion(_AT_RTR, "at-rtr.toml"),
    "de-mobile-draft-2024": load_criterion(_DE_MOBILE, "de-mobile-draft-2024.toml"),
}


@pytest.mark.parametrize("criterion_id", sorted(_CRITERIA))
def test_every_shared_vector_is_answered_as_computed_by_hand(criterion_id: str) -> None:
    """Verdict, met and failed of each vector are those of the computation by hand."""
    path = _VECTORS / f"{criterion_id}.json"
    if not path.is_file():
        pytest.skip(f"no shared vectors for {criterion_id}: set SPEEDPROOF_SHARED to the folder that holds them")
    text = path.read_bytes()
    results = judge_text(criterion_id, text, _CRITERIA)
    assert isinstance(results, list)
    expected = {
        case["id"]: (
            case["expect"]["verdict"],
            sorted(case["expect"]["met"]),
            sorted(case["expect"]["failed"]),
        )
        for case in json.loads(text)["cases"]
    }
    assert {one["id"]: (one["verdict"], one["met"], one["failed"]) for one in results} == expected
