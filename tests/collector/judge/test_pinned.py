"""Every number and operator of every rule is pinned: changed by one, some vector of our own is answered otherwise."""

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from collector.judge.criterion import Criterion, builtin, load_criterion
from collector.judge.errors import CaseError, CriterionError
from collector.judge.evaluate import judge
from collector.judge.sample import Case, read_case
from shared.criteria.files import shipped

OWN = Path(__file__).resolve().parents[2] / "vectors" / "criteria"
NEXT_TO = {"<": ("<=",), "<=": ("<",), ">": (">=",), ">=": (">",), "==": (">=", "<=")}
# Lines whose neighbour says the same of every set that is complete: 89 and 90 % of 30, 5 and 6 or 95 and 94 % of 24.
SAME = {
    ("de-fixed-2021", 'share_percent = { op = "<", n = 89 }'),
    ("it-nemesys", "quantile_percent = 6"),
    ("it-nemesys", "quantile_percent = 94"),
}
PROSE = (
    "#",
    "id",
    "version",
    "title",
    "grade",
    "outcome",
    "limits",
    "says",
    "where",
    "channels",
    "limit_dbm",
    " ",
    "[[",
)


def neighbours(line: str) -> Iterator[str]:
    """The line with one number one less or more, or one operator at its edge the other way."""
    for number in re.finditer(r"(?<![\w\"])\d+(?![\w\"])", line):
        for step in (-1, 1):
            yield f"{line[: number.start()]}{int(number.group()) + step}{line[number.end() :]}"
    for found in re.finditer(r'(?<=op = ")[<>=]+(?=")', line):
        for op in NEXT_TO[found.group()]:
            yield f"{line[: found.start()]}{op}{line[found.end() :]}"


def changed(name: str) -> Iterator[tuple[str, str]]:
    """Each line that differs, and the whole file with it; what is only read by people is left alone."""
    lines = shipped()[f"{name}.toml"].decode().split("\n")
    for n, line in enumerate(lines):
        if not line.startswith(PROSE):
            for other in neighbours(line):
                yield other, "\n".join([*lines[:n], other, *lines[n + 1 :]])


def answers(criterion: Criterion, case: Case) -> tuple[object, ...]:
    """What a vector compares; an error is an answer too."""
    try:
        finding = judge(criterion, case)
    except CaseError:
        return ("error",)
    return finding.verdict, finding.met, finding.failed


@pytest.mark.parametrize("name", sorted(builtin()))
def test_no_number_of_a_rule_can_move_unseen(name: str) -> None:
    """A rule with one number or operator beside the right one answers some vector wrongly, or is no rule at all."""
    cases = [read_case(one) for one in json.loads((OWN / f"{name}.json").read_bytes())["cases"]]
    right = [answers(builtin()[name], case) for case in cases]
    unseen, tried = set(), 0
    for line, text in changed(name):
        tried += 1
        try:
            criterion = load_criterion(text, name)
        except CriterionError:
            continue
        if all(answers(criterion, case) == one for case, one in zip(cases, right, strict=True)):
            unseen.add((name, line))
    assert unseen == {one for one in SAME if one[0] == name}
    assert tried >= 8


def test_the_limits_of_the_bands_are_those_of_the_channels() -> None:
    """First and last channel of each row of the mobile rule: at its limit a signal counts, a decibel below it voids the set."""
    rule = builtin()["cz-mobile-cert"]
    text = shipped()["cz-mobile-cert.toml"].decode()
    rows = re.findall(r"channels = \[(\d+), (\d+)\]\nlimit_dbm = (-\d+)", text)
    good = next(
        one
        for one in json.loads((OWN / "cz-mobile-cert.json").read_bytes())["cases"]
        if one["id"] == "cz-mobile-cert/at-a-quarter"
    )
    assert len(rows) == 10
    for first, last, limit_dbm in rows:
        for channel in (int(first), int(last)):
            for below, failed in ((0, ()), (1, ("rsrp_below_band_limit",))):
                signal = {"radio": "lte", "channel": channel, "rsrp_dbm": int(limit_dbm) - below}
                case = good | {"measurements": [one | {"signals": [signal]} for one in good["measurements"]]}
                assert judge(rule, read_case(case)).failed == failed
