"""`verify.html` as a file: whole in itself, closed to the network, the same wherever it is had."""

import base64
import hashlib
import html
import re
import subprocess
import sys
from pathlib import Path

import pytest
from fakes.scripted import NEEDS_NODE, NODE, script_in, scripts
from fakes.served import Served

from collector.evidence.archive import read_archive
from collector.evidence.bundle import make_evidence
from collector.evidence.check import STEPS
from collector.web.verify_page import PAGE, SCRIPTS

REPOSITORY = Path(__file__).resolve().parents[3]
SOURCES = REPOSITORY / "collector" / "web" / "verify"
TEXT = PAGE.decode()


def hashed(text: str) -> str:
    """A source as a policy names it."""
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


def test_nothing_is_loaded_and_nothing_else_runs() -> None:
    """The policy permits the one script and the one style that are in the page, by their hashes, and nothing from anywhere."""
    (policy,) = re.findall(r'<meta http-equiv="Content-Security-Policy" content="(.*?)">', TEXT)
    (style,) = re.findall(r"<style>(.*?)</style>", TEXT, re.DOTALL)
    rules = dict(rule.strip().split(" ", 1) for rule in html.unescape(policy).split(";"))
    assert rules == {
        "default-src": "'none'",
        "style-src": hashed(style),
        "script-src": hashed(script_in(TEXT)),
        "img-src": "data:",
        "base-uri": "'none'",
        "form-action": "'none'",
    }
    assert TEXT.count("<script") == TEXT.count("</script>") == 1
    assert not re.findall(r'(?:src|href)="(?!data:)', TEXT)
    assert not re.search(
        r"\bon[a-z]+=|\bstyle=|innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|fetch\(|XMLHttpRequest|import\(",
        TEXT,
    )


def test_every_label_has_its_field() -> None:
    """Each field has a label, each reference its target, and no id stands twice."""
    ids = re.findall(r'\bid="([^"]+)"', TEXT)
    assert len(ids) == len(set(ids))
    fields = re.findall(r'<(?:input|textarea)[^>]* id="([^"]+)"', TEXT)
    assert sorted(re.findall(r'<label for="([^"]+)"', TEXT)) == sorted(fields)
    assert set(re.findall(r'aria-labelledby="([^"]+)"', TEXT)) <= set(ids)
    assert set(re.findall(r'\bat\("([a-z-]+)"\)', script_in(TEXT))) <= set(ids)


@NEEDS_NODE
@pytest.mark.parametrize("name", SCRIPTS)
def test_every_script_can_be_read(name: str) -> None:
    """Each source is whole by itself, begins with what it is for, and is of a size to be read."""
    file = SOURCES / f"{name}.js"
    done = subprocess.run([str(NODE), "--check", str(file)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    source = file.read_text("utf-8")
    assert source.startswith("// ")
    assert len(source.splitlines()) <= 300


def test_every_source_is_in_the_page() -> None:
    """No script lies there that is not in the page."""
    assert {file.stem for file in SOURCES.glob("*.js")} == set(SCRIPTS)


@NEEDS_NODE
def test_every_step_is_checked_or_named(tmp_path: Path) -> None:
    """The page knows every step of the program by its name; those without a check of their own are told as not checked."""
    assert f'const STEPS = ["{STEPS[0]}"' in script_in(TEXT)
    with scripts(tmp_path) as node:
        told = node.ask("steps")["ok"]
    assert told["steps"] == list(STEPS)
    assert set(STEPS) - set(told["checks"]) == {"format", "time-stamps"}
    assert told["unknown"] == {"state": "unchecked", "detail": "not checked by this page; use speedproof-verify"}


@NEEDS_NODE
@pytest.mark.parametrize(
    ("states", "answer"),
    [
        ("hhh", "3 of 3 steps were checked and hold."),
        ("huh", "2 of 3 steps were checked and hold; not checked: 2 two."),
        ("huf", "The evidence does not hold: step 3, three. 1 of 3 steps were checked before it and hold."),
        ("hfn", "The evidence does not hold: step 2, two. 1 of 3 steps were checked before it and hold."),
    ],
)
def test_the_answer_says_no_more_than_was_done(tmp_path: Path, states: str, answer: str) -> None:
    """So many of so many steps were checked and hold, and which were not: never that a file is simply valid."""
    words = {"h": "holds", "u": "unchecked", "f": "fails", "n": "not reached"}
    steps = [
        {"no": no, "name": name, "state": words[one]}
        for no, (name, one) in enumerate(zip(("one", "two", "three"), states, strict=True), 1)
    ]
    with scripts(tmp_path) as node:
        assert node.ask("answer", steps=steps)["ok"] == answer


def test_the_collector_serves_it_to_anybody(served: Served) -> None:
    """It is had without a token, is the same bytes, and may be framed by nobody."""
    answer = served.send("GET", "/verify.html", headers={"Accept": "text/html"})
    assert (answer.status, answer.body) == (200, PAGE)
    assert answer.headers["content-security-policy"] == "frame-ancestors 'none'"
    assert answer.headers["content-type"].startswith("text/html")


def test_it_is_in_every_evidence_file(served: Served) -> None:
    """Who gets the file gets the page, under the collector's manifest."""
    served.add("empty")
    files = read_archive(make_evidence(served.services, "empty"))
    assert files["verify.html"] == PAGE
    assert hashlib.sha256(PAGE).hexdigest().encode() in files["manifest.json"]
    assert b"verify.html" in files["README.txt"]


def test_it_can_be_written_to_a_file(tmp_path: Path) -> None:
    """The script writes the very bytes that a collector serves."""
    file = tmp_path / "verify.html"
    subprocess.run([sys.executable, REPOSITORY / "scripts" / "make_verify_page.py", file], check=True, cwd=REPOSITORY)
    assert file.read_bytes() == PAGE
