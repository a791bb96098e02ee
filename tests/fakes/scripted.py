"""The scripts of `verify.html` under Node, as they stand in the page: what they make of bytes, for comparing with Python."""

import base64
import json
import re
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import pytest

from collector.evidence.archive import NotEvidence
from collector.evidence.check import STEPS, Step, check_evidence
from collector.evidence.logged import NO_TRUST, Trust
from collector.web.verify_page import PAGE

NODE = shutil.which("node")
NEEDS_NODE = pytest.mark.skipif(NODE is None, reason="no node on PATH")
ELSEWHERE = "not checked by this page; use speedproof-verify"
_DRIVER = Path(__file__).with_name("verify.mjs")


def script_in(page: str) -> str:
    """The one script of a page."""
    (found,) = re.findall(r'<script type="module">(.*?)</script>', page, re.DOTALL)
    return str(found)


@dataclass(frozen=True, slots=True)
class Scripts:
    """A process of Node that has the page's scripts."""

    process: "subprocess.Popen[bytes]"

    def ask(self, ask: str, **what: object) -> dict[str, Any]:
        """The answer to one question: `ok`, or how it was refused."""
        stdin, stdout = self.process.stdin, self.process.stdout
        assert stdin is not None
        assert stdout is not None
        stdin.write(json.dumps({"ask": ask, **what}, default=_b64).encode() + b"\n")
        stdin.flush()
        told = json.loads(stdout.readline())
        assert "crashed" not in told, told["crashed"]
        return dict(told)

    def check(self, files: Mapping[str, bytes], trust: Trust, kept: Mapping[str, bytes] | None) -> dict[str, Any]:
        """How the steps go over these members."""
        told = asdict(trust) | {"tsa_roots": None}
        return self.ask("check", files=files, kept=kept, trust=told)


def words(detail: str) -> str:
    """A reason without what is each parser's own: where in a text it stopped, and what it calls base64 that is none."""
    return re.sub(
        r"(not JSON|not base64): .*|base64 with loose trailing bits", lambda found: found[1] or "not base64", detail
    )


def told_alike(
    node: Scripts, files: Mapping[str, bytes], trust: Trust = NO_TRUST, kept: Mapping[str, bytes] | None = None
) -> list[Step]:
    """The program's steps, once the page has told the same: names, verdicts and words, but of steps that it does not check.

    What is no evidence to the program must be none to the page; that is raised as the program does.
    """
    page = node.check(files, trust, kept)
    try:
        steps = check_evidence(dict(files), trust, None if kept is None else dict(kept))
    except NotEvidence:
        assert "notEvidence" in page
        raise
    shown = page["ok"]["steps"]
    assert [(step["no"], step["name"]) for step in shown] == [*enumerate(STEPS, start=1)]
    seen = [step for step in shown if step["state"] != "not reached" and step["detail"] != ELSEWHERE]
    for step in seen:  # the page does not claim what it was given nothing for
        if step["name"] == "kept" and kept is None and step["state"] == "unchecked":
            step["state"] = "holds"
    known = [step for step in steps if step.name in {one["name"] for one in seen}]
    assert [(one["name"], one["state"], words(one["detail"])) for one in seen[: len(known)]] == [
        (step.name, "holds" if step.holds else "fails", words(step.detail)) for step in known
    ]
    assert len(seen) == len(known) or not steps[-1].holds
    return steps


def _b64(value: object) -> str:
    assert isinstance(value, bytes)
    return base64.b64encode(value).decode()


@contextmanager
def scripts(folder: Path) -> Iterator[Scripts]:
    """Start Node with the script that is in the page, in this folder."""
    assert NODE is not None
    code, module = script_in(PAGE.decode()), folder / "page.mjs"
    names = re.findall(r"^(?:async )?(?:function|class|const) ([A-Za-z_][A-Za-z0-9_]*)", code, re.MULTILINE)
    module.write_text(f"{code}\nexport {{ {', '.join(names)} }};\n", "utf-8")
    command = (NODE, "--disable-warning=ExperimentalWarning", str(_DRIVER), str(module))
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        yield Scripts(process)
        process.terminate()
