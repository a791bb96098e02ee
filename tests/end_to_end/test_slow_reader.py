"""A slow reader and a slow path, told apart by the peer's own kernel (T9): a real peer, a real collector, real sockets."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]
NEEDS_ROOT = pytest.mark.skipif(
    os.geteuid() != 0 or sys.platform != "linux", reason="needs root and network namespaces"
)


def held_back(how: str, folder: Path) -> Any:
    """What came of a download that was held back in this way."""
    paths = os.pathsep.join([str(REPOSITORY), str(REPOSITORY / "tests")])
    done = subprocess.run(
        [sys.executable, "-m", "fakes.held_back", how, str(folder / "data")],
        capture_output=True, text=True, check=False, timeout=120, env=os.environ | {"PYTHONPATH": paths},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.mark.slow
@pytest.mark.threat("T9")
def test_a_reader_that_takes_its_time(tmp_path: Path) -> None:
    """Whoever reads slowly is told by the peer's kernel: his window was shut, and the record has the flaw, whatever its grade."""
    came = held_back("slow", tmp_path)
    assert came["told"]["rwnd_limited_pm"] > 200
    assert came["flawed"] == 1


@pytest.mark.root
@pytest.mark.slow
@pytest.mark.threat("T9", "T10")
@NEEDS_ROOT
def test_a_path_that_is_slow(tmp_path: Path) -> None:
    """A path of 8 Mbit/s is slow without that flaw; a shaper on it looks just so, which is the limit that evidence states."""
    came = held_back("tbf", tmp_path)
    assert came["told"]["dur_us"] > 2_000_000
    assert came["told"]["rwnd_limited_pm"] <= 200
    assert came["flawed"] == 0
    assert came["grades"] == [{"direction": "down", "grade": "counter_signed", "reason": None, "n": 1}]


@pytest.mark.threat("T10")
def test_the_limit_is_stated() -> None:
    """That a customer can slow down his own link, unseen, stands in every evidence file and in the rules of the flaws."""
    text = " ".join((REPOSITORY / "collector" / "evidence" / "README.txt").read_text().split())
    assert "a customer can slow down his own link" in text
    from probe.flaws import FLAW_RULES

    shaped = next(rule for rule in FLAW_RULES if rule.id == "shaped_here")
    assert "is not seen" in shaped.comment
