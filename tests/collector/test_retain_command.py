"""`speedproof-collector retain`: beside a running collector and without one, killed, once a day by itself, and misused."""

import json
import logging
import os
import shutil
import subprocess
import threading
import time
from pathlib import Path
from typing import Any

import pytest
from fakes.aged import aged, live
from fakes.clock import FakeClock
from fakes.commanded import commanded
from fakes.history import History
from fakes.running import COMMAND, command, running

from collector.backup import restore
from collector.config import parse
from collector.daily import Daily
from collector.errors import BadBackup, BadRequest, StorageFull
from collector.ledger.names import RETAINING, TOMB
from collector.ledger.segments import read_entries
from collector.retain import retain_all

LONG_AGO_US = 1_690_000_000_000_000  # 2023
PATIENCE_S = 60


@pytest.fixture(scope="module")
def left(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a collector whose two lines measured long ago, for twelve days."""
    data, clock = tmp_path_factory.mktemp("left") / "data", FakeClock(LONG_AGO_US)
    with aged(data, clock) as services:
        live(History(services), clock, 12)
    return data


@pytest.fixture
def data(left: Path, tmp_path: Path) -> Path:
    """A copy of it."""
    return shutil.copytree(left, tmp_path / "data")


def told(data: Path, *words: str) -> dict[str, Any]:
    """What a command says, having worked."""
    done = commanded(data, *words, "--json")
    assert done.returncode == 0, done.stderr
    said: dict[str, Any] = json.loads(done.stdout)
    return said


def tombs(data: Path) -> list[str]:
    """The tombstones there are."""
    return sorted(path.name for path in (data / "ledger").glob("*" + TOMB))


@pytest.mark.slow
@pytest.mark.parametrize("workers", [None, "0", "1"])
def test_with_and_without_a_collector(data: Path, workers: str | None) -> None:
    """A dry run says what the real one then does; afterwards a check agrees, and nothing is left to do."""

    def act() -> None:
        dry = told(data, "retain", "--days", "30", "--dry-run")
        assert (dry["dry_run"], dry["lines"], dry["held_lines"], tombs(data)) == (True, ["line-0", "line-1"], {}, [])
        real = told(data, "retain", "--days", "30")
        assert {name: real[name] for name in ("batches", "segments", "lines", "held")} == {
            name: dry[name] for name in ("batches", "segments", "lines", "held")
        }
        assert 0 < real["bytes"] < dry["bytes"]
        assert len(tombs(data)) == real["segments"] > 3
        check = told(data, "check")
        assert (check["found"], check["removed"], check["unfinished"]) == ([], {"30": real["batches"]}, [])
        assert told(data, "retain", "--days", "30")["batches"] == 0

    if workers is None:
        act()
        return
    with running(data, "--workers", workers) as collector:
        act()
        case = collector.case("line-0")
        assert case["removed"][0]["batches"] > 3
        assert collector.stop() == 0
    assert told(data, "rebuild")["same_as_before"] is True


def test_in_words(data: Path) -> None:
    """People are told in a line what went, and in a check that it did."""
    done = command(data, "retain", "--days", "30", "--dry-run")
    assert "would lose their records: about" in done.stdout
    assert "nothing was removed" in done.stdout
    done = commanded(data, "retain", "--days", "30")
    assert "lost their records: 0.0 MB" in done.stdout
    assert "by a rule of 30 days; everything else about them is here" in commanded(data, "check").stdout
    assert "were removed by the rule of retention" in commanded(data, "case", "show", "line-0").stdout


def test_held_lines_are_named(tmp_path: Path) -> None:
    """For which line batches are held, and when it complained last, is told."""
    clock, data = FakeClock(LONG_AGO_US), tmp_path / "data"
    with aged(data, clock) as services:
        live(History(services), clock, 12, complaint_on=11)
    at_us = 12 * 86_400_000_000 + LONG_AGO_US
    days = (time.time_ns() // 1000 - at_us) // 86_400_000_000
    said = told(data, "retain", "--days", str(days + 3), "--dry-run")
    assert said["held"] > 0
    assert said["held_lines"]["line-1"] < at_us
    done = commanded(data, "retain", "--days", str(days + 3))
    assert (
        f"{said['held']} batches as old are held, since their lines have complained:\n  line-1, last on 2023-"
        in done.stdout
    )


@pytest.mark.parametrize(
    ("words", "code", "why"),
    [
        (["--days", "0"], 2, "days is a whole number from 1 to 36500, not 0"),
        (["--days", "-5"], 2, "days is a whole number from 1 to 36500, not -5"),
        (["--days", "36501"], 2, "days is a whole number from 1"),
        ([], 2, "days is a whole number from 1 to 36500, not None"),
        (["--days", "many"], 2, "invalid int value: 'many'"),
        (["--days", "5", "--data", "no-such-folder"], 1, "no-such-folder is no collector's data folder"),
    ],
)
def test_misused(data: Path, words: list[str], code: int, why: str) -> None:
    """What is no rule and no collector's folder is refused with a reason, and nothing is made or removed."""
    done = commanded(data, "retain", *words)
    assert (done.returncode, done.stdout) == (code, "")
    assert why in done.stderr
    assert not Path("no-such-folder").exists()
    assert tombs(data) == []


@pytest.mark.slow
def test_killed_again_and_again(data: Path) -> None:
    """Killed in the middle as often as one likes, the ledger always reads, and in the end it is as if nothing had happened."""
    before = list(read_entries(data / "ledger"))
    environment = os.environ | {"SPEEDPROOF_DATA": str(data)}
    for number in range(1, 5):
        with subprocess.Popen(
            [*COMMAND, "retain", "--days", "30", "--json"], stdout=subprocess.PIPE, env=environment
        ) as process:
            ends = time.monotonic() + PATIENCE_S
            while process.poll() is None and len(tombs(data)) < number and time.monotonic() < ends:
                time.sleep(0.0005)  # a segment takes longer
            process.kill()
        after = list(read_entries(data / "ledger"))
        assert [(one.no, one.meta) for one in after[: len(before)]] == [(one.no, one.meta) for one in before]
        assert told(data, "check")["found"] == []
    assert len(tombs(data)) >= 4
    told(data, "retain", "--days", "30")
    check = told(data, "check")
    assert (check["found"], check["unfinished"], list((data / "ledger").glob("*" + RETAINING))) == ([], [], [])
    assert told(data, "rebuild")["same_as_before"] is True


@pytest.mark.slow
def test_a_backup_lets_go_too(data: Path, tmp_path: Path) -> None:
    """A backup into the same folder drops what was removed since, and restored it is the same ledger, and agrees."""
    backup = tmp_path / "backup"
    told(data, "backup", "--out", str(backup))
    told(data, "retain", "--days", "30")
    told(data, "backup", "--out", str(backup))
    ledger = backup / "ledger"
    for tomb in tombs(data):
        assert (ledger / tomb).exists()
        assert not (ledger / tomb).with_suffix(".ndjson").exists()
    restore(backup, tmp_path / "again", lambda *_: None)
    assert list(read_entries(tmp_path / "again" / "ledger")) == list(read_entries(data / "ledger"))
    assert told(tmp_path / "again", "check")["found"] == []
    file = ledger / tombs(data)[0]
    file.write_bytes(b"x" + file.read_bytes()[1:])
    with pytest.raises(BadBackup, match=file.name):
        restore(backup, tmp_path / "more", lambda *_: None)


@pytest.mark.slow
def test_a_running_collector_does_it_by_itself(data: Path) -> None:
    """With `retain_days` in its settings a collector applies the rule without being asked."""
    (data / "collector.toml").write_text("retain_days = 30\n")
    with running(data) as collector:
        ends = time.monotonic() + PATIENCE_S
        while not (tombs(data) and not told(data, "retain", "--dry-run")["segments"]) and time.monotonic() < ends:
            time.sleep(0.2)
        assert collector.stop() == 0
    assert len(tombs(data)) > 3
    assert told(data, "check")["removed"].keys() == {"30"}


def test_what_fails_is_tried_again(caplog: pytest.LogCaptureFixture) -> None:
    """A rule that could not be applied is logged and applied again later; to end it ends the thread."""
    calls, done = list[str](), threading.Event()

    def run(name: str, told: dict[str, Any]) -> dict[str, Any]:
        calls.append(name)
        if len(calls) == 1:
            raise StorageFull("the disk is full")
        done.set()
        assert told == {}
        return {"segments": []}

    with caplog.at_level(logging.ERROR):
        daily = Daily(run, 30, 0.001, 0.001)
        daily.start()
        assert done.wait(PATIENCE_S)
        daily.close()
    assert "the disk is full" in caplog.text
    assert set(calls) == {"retain_segments"}


def test_an_end_is_heard_between_two_segments() -> None:
    """Whoever ends a collector waits for one segment, not for all."""
    seen, begun, goes_on = list[str](), threading.Event(), threading.Event()

    def run(name: str, told: dict[str, Any]) -> dict[str, Any]:
        if name == "retain_segments":
            return {"segments": ["one", "two"]}
        seen.append(told["segment"])
        begun.set()
        assert goes_on.wait(PATIENCE_S)
        return {"goes": 0, "goes_bytes": 0, "held": 0, "held_lines": {}, "lines": [], "is_begun": False}

    daily = Daily(run, 30, 0.001)
    daily.start()
    assert begun.wait(PATIENCE_S)
    ending = threading.Thread(target=daily.close)
    ending.start()
    while not daily._ending.is_set():
        time.sleep(0.001)
    goes_on.set()
    ending.join(PATIENCE_S)
    assert (seen, ending.is_alive()) == (["one"], False)


def test_the_setting(tmp_path: Path) -> None:
    """`retain_days` is a number of days; without it nothing is removed."""
    assert parse("", tmp_path, {}).retain_days is None
    assert parse("retain_days = 400", tmp_path, {}).retain_days == 400
    for value in ("0", "-1", '"30"', "true", "1.5", "40000"):
        with pytest.raises(BadRequest, match="retain_days is a whole number from 1"):
            parse(f"retain_days = {value}", tmp_path, {})


def test_progress_and_sums() -> None:
    """What all segments came to is added up, each line once, and progress ends at the last."""
    outlook = {"goes": 2, "goes_bytes": 10, "held": 1, "held_lines": {"c": 5}, "lines": ["a", "b"], "is_begun": False}
    seen: list[tuple[int, int, str]] = []

    def run(name: str, told: dict[str, Any]) -> dict[str, Any]:
        match name:
            case "retain_segments":
                return {"segments": ["one", "two", "three"]}
            case "retain_outlook":
                return outlook if told["segment"] != "two" else outlook | {"goes": 0, "lines": []}
            case _:
                return {"removed": 2, "removed_bytes": 7}

    done = retain_all(run, 9, lambda *told: seen.append(told), dry_run=False)
    assert done == {
        "days": 9, "dry_run": False, "segments": 2, "batches": 4, "bytes": 14, "held": 3,
        "lines": ["a", "b"], "held_lines": {"c": 5},
    }  # fmt: skip
    assert seen[-1] == (3, 3, "segments")
