"""Reading `case.json`, so that whoever reads it reads the same: plain JSON, but UTF-8, no key twice, no NaN, whole characters."""

import json
from typing import Any, NoReturn

from shared.errors import Malformed

CASE = "case.json"


def read_case(data: bytes) -> dict[str, Any]:
    """The case as the collector shows it; raises Malformed. What stands in it is for the caller to look at."""
    try:
        told = json.loads(data.decode("utf-8"), object_pairs_hook=_no_twins, parse_constant=_refuse)
        json.dumps(told, ensure_ascii=False).encode("utf-8")
    except (ValueError, RecursionError) as error:
        raise Malformed(f"{CASE} cannot be read: {error}") from error
    if not isinstance(told, dict):
        raise Malformed(f"{CASE} is not an object")
    return told


def _no_twins(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """The last of two equal keys would win here, and the first somewhere else."""
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a key twice")
    return found


def _refuse(text: str) -> NoReturn:
    raise ValueError(f"not a JSON number: {text}")
