"""A real probe, its peer and a collector: what the customer keeps back the peer has told of, and the evidence says so."""

import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest
from fakes.running import PATIENCE_S, Running, command, running

from collector.evidence.archive import read_archive
from collector.evidence.check import check_evidence

TRANSFER = ("once", "--method", "download", "--plan", "tiny")


def probe(state: Path, *words: str) -> None:
    """A command of the probe."""
    done = subprocess.run(
        [sys.executable, "-m", "probe", *words, "--state", str(state)],
        capture_output=True, text=True, check=False, timeout=PATIENCE_S * 2,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr


def standings(collector: Running, wanted: dict[str, int]) -> dict[str, int]:
    """What became of the transfers, as soon as it is what is wanted."""
    deadline, found = time.monotonic() + PATIENCE_S, dict[str, int]()
    while found != wanted and time.monotonic() < deadline:
        time.sleep(0.2)
        found = collector.whole_case("anna")["transfers"]["standings"]
    return found


@pytest.mark.slow
@pytest.mark.threat("T1", "T11")
def test_a_good_result_is_thrown_away(tmp_path: Path) -> None:
    """Whoever puts his device back to before a result, and measures again, leaves the first in the log and is named for it."""
    data, state, before, file = tmp_path / "data", tmp_path / "probe", tmp_path / "before", tmp_path / "evidence.zip"
    with running(data) as collector:
        assert collector.add("anna").status == 200
        probe(state, "enrol", f"http://127.0.0.1:{collector.port}", collector.code_for("anna"))
        probe(state, *TRANSFER)
        assert standings(collector, {"delivered": 1}) == {"delivered": 1}
        shutil.copytree(state, before)
        probe(state, *TRANSFER, "--no-upload")
        shutil.rmtree(state)
        shutil.copytree(before, state)
        probe(state, *TRANSFER)
        wanted = {"delivered": 2, "denied": 1}
        assert standings(collector, wanted) == wanted
        assert command(data, "evidence", "anna", "--out", str(file)).returncode == 0
        assert "started, never delivered: 1 transfer" in command(data, "case", "show", "anna").stdout
        collector.stop()
    steps = {one.name: one for one in check_evidence(read_archive(file.read_bytes()))}
    assert all(one.holds for one in steps.values())
    step = steps["transfers"]
    assert "3 transfers signed by peers: 2 delivered; started, never delivered: 1 (start " in step.detail
    assert "(denied)" in step.detail


@pytest.mark.slow
@pytest.mark.threat("T11")
def test_a_batch_that_never_came(tmp_path: Path) -> None:
    """Of a result that was measured and never taken in, the collector has its peer's word, and waits for the record by number."""
    data, state = tmp_path / "data", tmp_path / "probe"
    with running(data, "--workers", "1") as collector:
        assert collector.add("anna").status == 200
        probe(state, "enrol", f"http://127.0.0.1:{collector.port}", collector.code_for("anna"))
        probe(state, *TRANSFER, "--no-upload")
        assert standings(collector, {"awaited": 1}) == {"awaited": 1}
        collector.stop()
