"""The loader of criteria: what it does not know it refuses, at every level, and says where."""

import hashlib
import tomllib
from importlib import resources

import pytest

from collector.judge.criterion import builtin, load_criterion, load_folder
from collector.judge.errors import CriterionError
from collector.judge.sample import Direction

RULE = """
id = "test-rule"
version = "1"
title = "A rule for tests"
jurisdiction = "none"
status = "draft"
grade = "ours"
outcome = "none"
limits = ["only for tests"]

[basis]
down = { needs = ["min_bps"] }

[[rsrp_limits]]
channels = [0, 599]
limit_dbm = -107

[[validity]]
name = "flaw"
predicate = "no_flaw"
flaws = ["any"]
otherwise = "leave_out"

[[validity]]
name = "rsrp"
predicate = "rsrp_against_limit"
op = ">="
except_radios = ["3g"]
otherwise = "void"

[[validity]]
name = "network_changed"
predicate = "one_network"
otherwise = "void"

[[completeness]]
name = "count"
primitive = "count"
counted = { op = ">=", n = 3 }

[[completeness]]
name = "spacing"
primitive = "spacing"
gap_s = { op = ">=", n = 1 }
within = "set"
between = [1, 2]

[[deviation]]
name = "slow"
primitive = "share"
limit = { op = "<", percent = 80, of = "min_bps" }
share_percent = { op = ">=", n = 50 }

[[sources]]
says = "all of it"
where = "here"
grade = "ours"
"""


def test_the_rule_of_these_tests_is_sound() -> None:
    """The refusals below are due to the one change each makes."""
    criterion = load_criterion(RULE, "rule.toml")
    assert (criterion.id, list(criterion.basis)) == ("test-rule", [Direction.DOWN])


@pytest.mark.parametrize(
    ("old", "new", "place"),
    [
        # unknown keys and parameters
        ('grade = "ours"\noutcome', 'grade = "ours"\ncolour = "red"\noutcome', "r"),
        ("down = { needs", "sideways = {}\ndown = { needs", "r.basis"),
        ('needs = ["min_bps"]', 'needs = ["min_bps"], wants = 1', "r.basis.down"),
        ("limit_dbm = -107", "limit_dbm = -107\nband = 1", "r.rsrp_limits[0]"),
        ('flaws = ["any"]', 'flaws = ["any"]\nflaw = 1', "r.validity[0]"),
        ('predicate = "one_network"', 'predicate = "one_network"\nn = 1', "r.validity[2]"),
        ('{ op = ">=", n = 3 }', '{ op = ">=", n = 3, min = 3 }', "r.completeness[0].counted"),
        ('primitive = "count"', 'primitive = "count"\nexact = 3', "r.completeness[0]"),
        ("between = [1, 2]", "betwixt = [1, 2]", "r.completeness[1]"),
        ('of = "min_bps" }', 'of = "min_bps", bps = 1 }', "r.deviation[0].limit"),
        ("share_percent = {", "within_s = 1\nshare_percent = {", "r.deviation[0]"),
        ('where = "here"', 'where = "here"\nurl = "x"', "r.sources[0]"),
        # unknown primitives, predicates, operators, words of closed lists
        ('primitive = "count"', 'primitive = "months"', "r.completeness[0].primitive"),
        ('primitive = "share"', 'primitive = "median"', "r.deviation[0].primitive"),
        ('predicate = "no_flaw"', 'predicate = "outdoors"', "r.validity[0].predicate"),
        ('otherwise = "leave_out"', 'otherwise = "ignore"', "r.validity[0].otherwise"),
        ('"one_network"\notherwise = "void"', '"one_network"\notherwise = "leave_out"',
         "r.validity[2].otherwise"),
        ('counted = { op = ">="', 'counted = { op = "=>"', "r.completeness[0].counted.op"),
        ('counted = { op = ">="', 'counted = { op = "!="', "r.completeness[0].counted.op"),
        ('limit = { op = "<"', 'limit = { op = "lt"', "r.deviation[0].limit.op"),
        ('op = ">="\nexcept_radios', 'op = "over"\nexcept_radios', "r.validity[1].op"),
        ('status = "draft"', 'status = "in_use"', "r.status"),
        ('where = "here"\ngrade = "ours"', 'where = "here"\ngrade = "hearsay"', "r.sources[0].grade"),
        ('needs = ["min_bps"]', 'needs = ["top_bps"]', "r.basis.down.needs[0]"),
        ('of = "min_bps" }', 'of = "top_bps" }', "r.deviation[0].limit.of"),
        ('within = "set"', 'within = "week"', "r.completeness[1].within"),
        ("share_percent = {", 'directions = ["up"]\nshare_percent = {', "r.deviation[0].directions[0]"),
        ('primitive = "share"', 'primitive = "success_share"', "r.deviation[0]"),
        ('"one_network"\notherwise = "void"', '"first_of_hour"\notherwise = "void"', "r.validity[2].otherwise"),
        ('"one_network"\notherwise = "void"', '"first_of_hour"\notherwise = "leave_out"', "r"),
        ('primitive = "count"\ncounted = { op = ">=", n = 3 }',
         'primitive = "hours_of_day"\nfrom_hour = 0\nto_hour = 24\ndates = 1', "r.completeness[0]"),
        # what is missing or of the wrong kind
        ('version = "1"', "", "r.version"),
        ('version = "1"', "version = 1", "r.version"),
        ('version = "1"', 'version = " "', "r.version"),
        ('title = "A rule for tests"', "title = 2025-01-01", "r.title"),
        ('limits = ["only for tests"]', "limits = []", "r.limits"),
        ('limits = ["only for tests"]', 'limits = ["twice", "twice"]', "r.limits"),
        ('limits = ["only for tests"]', "limits = [1]", "r.limits[0]"),
        ("n = 3 }", "n = 3.0 }", "r.completeness[0].counted.n"),
        ("n = 3 }", "n = true }", "r.completeness[0].counted.n"),
        ("n = 3 }", "n = -1 }", "r.completeness[0].counted.n"),
        ("n = 3 }", "n = 9007199254740992 }", "r.completeness[0].counted.n"),
        ('counted = { op = ">=", n = 3 }', "counted = 3", "r.completeness[0].counted"),
        ("percent = 80", "percent = 0", "r.deviation[0].limit.percent"),
        ("percent = 80", "percent = 79.5", "r.deviation[0].limit.percent"),
        ('percent = 80, of = "min_bps"', "us = 0", "r.deviation[0].limit.us"),
        ("channels = [0, 599]", "channels = [599, 0]", "r.rsrp_limits[0].channels"),
        ("channels = [0, 599]", "channels = [0, 1, 2]", "r.rsrp_limits[0].channels"),
        ("between = [1, 2]", "between = [1, 3]", "r.completeness[1].between"),
        ('flaws = ["any"]', 'flaws = ["any", "wifi"]', "r.validity[0].flaws"),
        ('primitive = "count"\ncounted = { op = ">=", n = 3 }', 'primitive = "days"', "r.completeness[0]"),
        ('primitive = "count"\ncounted', 'primitive = "days"\nwindow_days = { op = "<=", n = 3 }\ndates_with',
         "r.completeness[0].dates_with"),
        ("[[rsrp_limits]]\nchannels = [0, 599]\nlimit_dbm = -107", "", "r.validity[1]"),
        ("[[deviation]]", "[deviation]", "r.deviation"),
        # what only the whole shows
        ('id = "test-rule"', 'id = "Test Rule"', "r.id"),
        ('name = "spacing"', 'name = "count"', "r"),
        ('name = "spacing"', 'name = "basis"', "r"),
        ('name = "spacing"', 'name = "flaw"', "r"),
        ('status = "draft"', 'status = "facts_only"', "r.deviation"),
        ('needs = ["min_bps"]', 'needs = ["min_bps", "max_bps"]', "r.basis.down"),
        ('of = "min_bps" }', 'of = "max_bps" }', "r.basis.down"),
        ('of = "min_bps" }', 'of = "max_delay_us" }', "r.deviation[0].limit"),
        ("[basis]", "[basis]\nround_trip = {}", "r.deviation[0].limit"),
        ('percent = 80, of = "min_bps"', 'percent_by_area = { urban = 25 }, of = "min_bps"', "r.basis.down"),
        ('down = { needs = ["min_bps"] }', "", "r.basis"),
    ],
)  # fmt: skip
def test_one_wrong_word_refuses_the_whole_rule(old: str, new: str, place: str) -> None:
    """Unknown, missing or contradictory: the error names the place, and the rule judges nothing."""
    assert RULE.count(old) >= 1
    with pytest.raises(CriterionError) as caught:
        load_criterion(RULE.replace(old, new, 1), "r")
    assert caught.value.place == place


@pytest.mark.parametrize(
    "text",
    ["id = ", b"\xff", "x = " + "[" * 5000 + "]" * 5000, "n = " + "9" * 5000, "a = 1\na = 2", "\ud800"],
)
def test_what_is_not_toml_is_refused(text: str | bytes) -> None:
    """Bytes that are no text, text that is no TOML, and TOML without end are one kind of error."""
    with pytest.raises(CriterionError, match="is not TOML"):
        load_criterion(text, "r")


def test_a_direction_without_deviation_is_refused() -> None:
    """A rule that could only ever say "not substantiated" of a direction does not judge it."""
    text = RULE.replace("[basis]", '[basis]\nup = { needs = ["min_bps"] }')
    text = text.replace("share_percent = {", 'directions = ["down"]\nshare_percent = {')
    with pytest.raises(CriterionError, match="no deviation for up"):
        load_criterion(text, "r")


def test_a_deviation_may_have_a_row_for_each_direction() -> None:
    """One name in two rows is one deviation with a mark of its own each way; twice for one direction it is refused."""
    row = '[[deviation]]\nname = "slow"\nprimitive = "success_share"\ndirections = ["%s"]\nshare_percent = { op = "<", n = 9 }\n'
    head = RULE[: RULE.index("[[deviation]]")].replace('{ needs = ["min_bps"] }', "{}\nup = {}")
    criterion = load_criterion(head + row % "down" + row % "up", "r")
    assert [len(criterion.deviations(one)) for one in (Direction.DOWN, Direction.UP)] == [1, 1]
    with pytest.raises(CriterionError, match="'slow' is used twice"):
        load_criterion(head + row % "down" + row % "up" + row % "up", "r")


def test_the_shipped_criteria_are_those_promised() -> None:
    """Eleven rules, each under its own file's name, each with limits in plain English and sources."""
    criteria = builtin()
    assert {name: one.status for name, one in criteria.items()} == {
        "at-rtr": "facts_only",
        "cz-fixed-cert": "in_force",
        "cz-mobile-cert": "in_force",
        "de-fixed-2021": "in_force",
        "de-mobile-draft-2024": "draft",
        "in-trai-2012": "benchmark",
        "it-nemesys": "in_force",
        "si-2019": "superseded",
        "us-bead": "benchmark",
        "us-caf-80-80": "benchmark",
        "us-mba": "benchmark",
    }
    for name, criterion in criteria.items():
        content = (resources.files("shared.criteria") / f"{name}.toml").read_bytes()
        assert criterion.sha256 == hashlib.sha256(content).hexdigest()
        assert criterion.id == name == tomllib.loads(content.decode())["id"]
        assert criterion.limits
        assert criterion.sources


def test_a_known_id_cannot_be_taken_by_another_file() -> None:
    """A rule that has judged is not changed; a new one stands beside it."""
    added = load_folder({"rule.toml": RULE})
    assert set(added) == {*builtin(), "test-rule"}
    with pytest.raises(CriterionError) as caught:
        load_folder({"again.toml": RULE}, added)
    assert caught.value.place == "again.toml.id"
    with pytest.raises(CriterionError):
        load_folder({"cz.toml": RULE.replace("test-rule", "cz-fixed-cert")})


def test_text_and_bytes_are_one_file() -> None:
    """The hash is that of the bytes, whichever way the text came."""
    assert load_criterion(RULE, "r").sha256 == load_criterion(RULE.encode(), "r").sha256
