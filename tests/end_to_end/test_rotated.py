"""Every key of a running collector is followed by another, and the customer's device notices nothing but their names."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from fakes.running import Running, command, running

from collector.evidence.archive import read_archive
from collector.evidence.check import check_evidence
from collector.evidence.logged import Trust
from shared import strictjson
from shared.checkpoint import open_checkpoint
from shared.note import NoteKey

PATIENCE_S = 120


def probe(state: Path, *words: str) -> "subprocess.CompletedProcess[str]":
    """One command of the probe over its state folder."""
    done = subprocess.run(
        [sys.executable, "-m", "probe", *words, "--state", str(state)],
        capture_output=True, text=True, check=False, timeout=PATIENCE_S, env=os.environ | {"NO_COLOR": "1"},
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    return done


def graded(collector: Running) -> list[tuple[str, int]]:
    """The grades of the line's transfers."""
    return [(one["grade"], one["n"]) for one in collector.case("anna")["grades"]]


@pytest.mark.slow
def test_a_device_follows(tmp_path: Path) -> None:
    """After each of three keys was followed, tickets, counter-signatures, receipts and enrolments go on as before."""
    data, state = tmp_path / "data", tmp_path / "state"
    with running(data) as collector:
        first, port, peer_port = collector.told["collector_key"], collector.port, collector.told["peer"]["port"]
        assert collector.add("anna").status == 200
        told = json.loads(command(data, "code", "anna", "--json").stdout)
        probe(state, "enrol", told["link"])
        probe(state, "once", "--method", "download", "--plan", "light", "--json")
        assert graded(collector) == [("counter_signed", 1)]
        early = json.loads(command(data, "code", "anna", "--json").stdout)["link"]
        assert collector.stop() == 0
    first_log = (data / "keys" / "log.vkeys").read_text().strip()
    for whose in ("collector", "log", "portal", "peer", "collector"):
        done = command(data, "rotate", whose)
        assert done.returncode == 0, done.stderr
    with running(data, "--port", str(port), "--peer-port", str(peer_port)) as collector:
        said = strictjson.decode(collector.send("GET", "/v1/collector").body)["history"]
        assert isinstance(said, dict)
        assert {whose: len(list(one)) for whose, one in said.items()} == {"collector": 2, "peer": 1, "portal": 1}  # type: ignore[arg-type]
        probe(state, "once", "--method", "download", "--plan", "light", "--json")
        assert graded(collector) == [("counter_signed", 2)]
        log = json.loads(probe(state, "status", "--json").stdout)["log"]
        assert (log["past"], log["wrong"], log["proven"]) == ([], "", 2)
        assert log["vkey"] == collector.told["log_key"] != first_log
        past = f"/log/past/{first_log.partition('+')[0]}"
        last = open_checkpoint(collector.send("GET", f"{past}/checkpoint").body, NoteKey.from_vkey(first_log))
        tile = collector.send("GET", f"{past}/tile/0/000.p/{last.checkpoint.size}")
        assert len(tile.body) == 32 * last.checkpoint.size
        assert collector.send("GET", "/log/past/another.example/checkpoint").status == 404
        assert collector.send("GET", "/log/past/another.example/tile/0/000.p/1").status == 404
        probe(tmp_path / "other", "enrol", early)  # the link names the first key
        probe(tmp_path / "other", "once", "--method", "download", "--plan", "light", "--json")
        assert graded(collector) == [("counter_signed", 3)]
        assert command(data, "check").returncode == 0
        assert command(data, "evidence", "anna", "--out", str(tmp_path / "evidence.zip")).returncode == 0
        assert command(data, "backup", "--out", str(tmp_path / "backup")).returncode == 0
        assert collector.stop() == 0
    assert command(data, "rotate", "collector").returncode == 0
    assert command(data, "backup", "--out", str(tmp_path / "backup")).returncode == 0  # it is still this collector's
    done = command(tmp_path / "again", "restore", "--from", str(tmp_path / "backup"))
    assert done.returncode == 0, done.stderr
    assert command(tmp_path / "again", "check").returncode == 0
    files = read_archive((tmp_path / "evidence.zip").read_bytes())
    for trust in (Trust(first, first_log), Trust(first)):
        steps = check_evidence(files, trust)
        assert steps[-1].holds, steps[-1]
