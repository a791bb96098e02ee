"""JSON text of one case, or of many as `{"cases": […]}`, in; objects ready for JSON out.

Strict JSON (RFC 8259) in UTF-8 without doubled keys, NaN or infinity. Whatever the bytes are, the outcome
is a result or a JudgeError with a place and a reason. Reads no file and prints nothing.
"""

import json
from collections.abc import Mapping
from typing import Any, NoReturn

from collector.judge.criterion import Criterion
from collector.judge.errors import CaseError, UnknownCriterion, UnsupportedCriterion
from collector.judge.evaluate import judge
from collector.judge.sample import read_case
from shared.criteria.unsupported import why_unsupported


def judge_text(
    criterion_id: str, text: str | bytes, criteria: Mapping[str, Criterion]
) -> dict[str, object] | list[dict[str, object]]:
    """The result for one case, or for a file of cases the array of results, each with its case's `id`."""
    if criterion_id not in criteria:
        if (why := why_unsupported(criterion_id)) is not None:
            raise UnsupportedCriterion("criterion", why)
        known = ", ".join(sorted(criteria))
        raise UnknownCriterion("criterion", f"{criterion_id!r:.80} is unknown; known are {known}")
    criterion = criteria[criterion_id]
    raw = read_json(text)
    if not isinstance(raw, dict) or "cases" not in raw:
        return _judge(criterion, raw, "$")
    cases = raw["cases"]
    if not isinstance(cases, list):
        raise CaseError("$.cases", "must be an array")
    return [_judge_named(criterion, one, f"$.cases[{n}]") for n, one in enumerate(cases)]


def read_json(text: str | bytes) -> object:
    """The value a JSON text says, or CaseError."""
    try:
        content = text if isinstance(text, str) else text.decode()
        return json.loads(content, object_pairs_hook=_object, parse_constant=_refuse_constant)
    except CaseError:
        raise
    except (ValueError, RecursionError) as error:  # not UTF-8, not JSON, a number or a nesting without end
        problem = "is nested too deeply" if isinstance(error, RecursionError) else f"is not JSON: {error}"
        raise CaseError("$", problem) from None


def _judge(criterion: Criterion, raw: object, place: str) -> dict[str, object]:
    return judge(criterion, read_case(raw, place), place).as_json()


def _judge_named(criterion: Criterion, raw: object, place: str) -> dict[str, object]:
    result = _judge(criterion, raw, place)
    name = raw.get("id") if isinstance(raw, dict) else None
    if not isinstance(name, str):
        raise CaseError(f"{place}.id", "must be text: the result is told apart by it")
    return {"id": name, **result}


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members: dict[str, Any] = {}
    for name, value in pairs:
        if name in members:
            raise CaseError("$", f"the member {name!r:.80} appears twice in one object")
        members[name] = value
    return members


def _refuse_constant(name: str) -> NoReturn:
    raise CaseError("$", f"{name} is not JSON")
