"""The threat table: every attack has a test that performs it, and says so with the marker `threat`.

The rows are those of the facts this is built from (integrity, section 13). A row in `OPEN` has no test yet, and why.
"""

import ast
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

TESTS = Path(__file__).resolve().parent
THREATS = {
    "T1": "the customer deletes good results",
    "T2": "the probe is on at bad hours only",
    "T3": "many slow runs by hand",
    "T4": "the device's clock is moved",
    "T5": "back-dating",
    "T6": "replay, of one's own or of another's",
    "T7": "a record is edited after it was sealed",
    "T8": "invented results",
    "T9": "a slow reader",
    "T10": "he shapes his own link, or loads it meanwhile",
    "T11": "the operator drops a batch",
    "T12": "an administrator edits a row of the index",
    "T13": "an administrator forks the log with its real key",
    "T14": "another tree for the court",
    "T15": "acceptance is delayed",
    "T16": "uploading for another subscriber",
    "T17": "a stolen device key",
    "T18": "tricks with algorithms",
    "T19": "tricks with JSON, gzip bombs",
    "T20": "peers are treated specially",
    "T21": "the PDF could be anybody's",
    "T22": "the key of the time-stamps or of the log is stolen",
}
OPEN: dict[str, str] = {}


def named(file: Path) -> Iterator[tuple[str, str]]:
    """The threats that a file's tests name, each with what bears the marker: a test, or `file` for a file's own mark."""
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        match node:
            case ast.FunctionDef() | ast.AsyncFunctionDef():
                yield from ((threat, node.name) for mark in node.decorator_list for threat in _threats(mark))
            case ast.Assign(targets=[ast.Name(id="pytestmark")], value=value):
                yield from ((threat, "file") for threat in _threats(value))
            case _:
                pass


def _threats(mark: ast.AST) -> Iterator[str]:
    for node in ast.walk(mark):
        match node:
            case ast.Call(func=ast.Attribute(attr="threat"), args=args):
                yield from (str(ast.literal_eval(arg)) for arg in args)
            case _:
                pass


def performed() -> dict[str, set[str]]:
    """The tests that perform each attack."""
    found = defaultdict[str, set[str]](set)
    for file in sorted(TESTS.rglob("test_*.py")):
        for threat, bearer in named(file):
            found[threat].add(f"{file.relative_to(TESTS)}::{bearer}")
    return dict(found)


def test_every_attack_is_performed() -> None:
    """Each row of the table has a test that attacks, but for those that are said to be open."""
    found = performed()
    assert set(found) <= set(THREATS), "a test names a threat that is no row"
    assert {threat for threat in THREATS if threat not in found} <= set(OPEN)


def test_tests_are_what_bears_the_mark() -> None:
    """The marker stands on tests, where pytest collects it, and on nothing else."""
    bearers = [one.rpartition("::")[2] for tests in performed().values() for one in tests]
    assert all(bearer == "file" or bearer.startswith("test_") for bearer in bearers)
