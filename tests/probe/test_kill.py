"""The probe killed again and again, against the real collector: no start is lost, none is counted twice."""

import json
import os
import random
import subprocess
import sys
import time
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from probe.home import Home
from probe.outbox.replay import Replay
from probe.outbox.state import State
from shared.batch import open_batch
from shared.chain import START, follow
from shared.record import UNCOUNTED

KILLS = int(os.environ.get("SPEEDPROOF_KILLS", "10"))
SEED = 2
MOMENTS: dict[str, Callable[[State], object]] = {
    "while it measures": lambda state: state.intents,
    "while it sends": lambda state: state.unsent(),
}


def command(module: str, *words: str | Path) -> list[str]:
    """Spell a command of ours."""
    return [sys.executable, "-m", module, *map(str, words)]


def told(module: str, *words: str | Path) -> dict[str, object]:
    """Run a command to its end; its one object. It must work."""
    done = subprocess.run(command(module, *words, "--json"), capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    result: dict[str, object] = json.loads(done.stdout)
    return result


@pytest.fixture
def collector(tmp_path: Path) -> Iterator[dict[str, object]]:
    """Keep the real collector up, on ports of its own."""
    words = [
        "up",
        "--data",
        tmp_path / "collector",
        "--port",
        "0",
        "--peer-port",
        "0",
        "--slot-s",
        "2",
        "--guard-s",
        "1",
    ]
    with (
        (tmp_path / "up.log").open("wb") as log,
        subprocess.Popen(command("collector", *words, "--json"), stdout=subprocess.PIPE, stderr=log) as process,
    ):
        assert process.stdout is not None
        try:
            yield json.loads(process.stdout.readline())
        finally:
            process.terminate()
            process.wait(20)


def wait_for(moment: Callable[[State], object], folder: Path, patience_s: float) -> None:
    """Wait until the outbox has come to a moment, or for as long as that is worth."""
    deadline, log = time.monotonic() + patience_s, Replay(folder)
    log.load()
    while not moment(log.catch_up()) and time.monotonic() < deadline:
        time.sleep(0.002)


@pytest.mark.slow
@pytest.mark.timeout(180)
def test_killed_at_any_moment(collector: dict[str, object], tmp_path: Path) -> None:
    """After every kill the chain goes on: each start has one record, in one accepted batch, aborted if it was cut off."""
    data, state, chance = tmp_path / "collector", tmp_path / "probe", random.Random(SEED)
    told(
        "collector",
        "subscriber",
        "add",
        "anna",
        "--data",
        data,
        "--time-zone",
        "Europe/Prague",
        "--down",
        "advertised=40M",
    )
    code = str(told("collector", "code", "anna", "--data", data)["code"])
    told("probe", "enrol", str(collector["url"]), code, "--state", state)
    told("probe", "once", "--method", "latency", "--state", state)
    for number in range(KILLS):
        with subprocess.Popen(
            command("probe", "run", "--plan", "tiny", "--heavy-every", "1", "--state", state), stderr=subprocess.DEVNULL
        ) as process:
            if number % 3 == 0:
                time.sleep(chance.uniform(0, 2))
            else:
                wait_for(list(MOMENTS.values())[number % 3 - 1], state / "outbox", 5)
                time.sleep(chance.uniform(0, 0.2) if number % 3 == 1 else chance.uniform(0, 0.02))
            process.kill()
    told("probe", "once", "--method", "latency", "--state", state)

    status = told("probe", "status", "--state", state)
    assert (status["unsent"], status["unsealed"], status["open_intents"]) == (0, 0, 0)
    case = told("collector", "case", "show", "anna", "--data", data)
    assert case["alarms"] == []
    counts = case["counts"]["signed"]  # type: ignore[index,call-overload]
    assert counts["aborted"] >= 1
    assert counts["lost"] == 0

    file = tmp_path / "evidence.zip"
    told("collector", "evidence", "anna", "--data", data, "--out", file)
    assert told("collector.evidence", file)["holds"] is True
    key, head, seqs, tests = Home(state).key().public, START, [], []
    with zipfile.ZipFile(file) as archive:
        for name in sorted(name for name in archive.namelist() if name.startswith("batches/")):
            opened = open_batch(archive.read(name), lambda _: key)
            head = follow(head, opened.said, opened.pae_sha256)
            seqs += [record.seq for record in opened.records]
            tests += [record for record in opened.records if record.method not in UNCOUNTED]
    assert seqs == list(range(len(seqs)))
    assert len(seqs) == status["next_seq"]
    assert sum(counts[end] for end in ("ok", "failed", "aborted", "not_started")) == len(tests)
    assert head.batch == status["next_batch"]
