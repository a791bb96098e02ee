"""The scripts of `verify.html` under Node, as they stand in the page: what they make of bytes, for comparing with Python."""

import base64
import json
import re
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from collector.web.verify_page import PAGE

NODE = shutil.which("node")
NEEDS_NODE = pytest.mark.skipif(NODE is None, reason="no node on PATH")
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

    def check(
        self, files: Mapping[str, bytes], kept: Mapping[str, bytes] | None = None, **trust: object
    ) -> dict[str, Any]:
        """How the steps go over these members."""
        trusted = {"collector": None, "vkey": None, "witnesses": [], "quorum": 1} | trust
        return self.ask("check", files=files, kept=kept, trust=trusted)


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
