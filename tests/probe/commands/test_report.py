"""`report`: one page for whoever owns the device."""

import stat
from collections.abc import Callable
from pathlib import Path

import pytest
from fakes.collector import FakeCollector

from probe.commands import report
from probe.history import FOLDER, History

pytestmark = pytest.mark.usefixtures("person_s_home")
Say = Callable[..., tuple[int, str, str]]
SayJson = Callable[..., tuple[int, dict[str, object]]]


def test_a_page_is_written(there: FakeCollector, state: Path, person_s_home: Path, say: Say, say_json: SayJson) -> None:
    """What was measured is on the page, in the home folder, for its owner only; how to see it is said."""
    del there
    assert say("once", "--method", "latency")[0] == 0
    code, out, err = say("report")
    file = person_s_home / report.NAME
    assert (code, err) == (0, "")
    assert out.splitlines()[0] == f"{file}: 1 measurement of the last 30 days"
    assert "speedproof-probe report --open" in out
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    page = file.read_text("utf-8")
    assert "Line of anna" in page
    assert "35 ms median" in page
    assert "Signed batches: 1; with the collector's receipt: 1." in page
    assert "The last receipts" in page
    code, told = say_json("report", "--out", str(state / "x.html"), "--days", "400")
    assert (code, told["measurements"], told["file"]) == (0, 1, str(state / "x.html"))
    assert told["bytes"] == (state / "x.html").stat().st_size


def test_a_folder_is_a_place_too(there: FakeCollector, tmp_path: Path, say_json: SayJson) -> None:
    """Named a folder, the page is put into it under its usual name."""
    del there
    code, told = say_json("report", "--out", str(tmp_path))
    assert (code, told["file"]) == (0, str(tmp_path / report.NAME))


def test_the_history_reaches_back(there: FakeCollector, state: Path, say_json: SayJson) -> None:
    """What the outbox has let go is still in the history; how many days are asked for decides what is shown."""
    del there
    from probe.clock import SystemClock

    now_us, day_us = SystemClock().wall_us(), 86_400_000_000
    history = History(state / FOLDER)
    for days in (1, 20, 100):
        history.add({"seq": days, "wall_us": now_us - days * day_us, "method": "latency", "end": "ok", "rtt_us": [1]})
    history.add({"seq": 1, "wall_us": now_us + day_us, "method": "latency", "end": "ok"})
    history.close()
    assert say_json("report")[1]["measurements"] == 2
    assert say_json("report", "--days", "365")[1]["measurements"] == 3


def test_a_page_that_cannot_be_written(there: FakeCollector, tmp_path: Path, say: Say) -> None:
    """A folder that is not there is named, with exit code 1."""
    del there
    code, out, err = say("report", "--out", str(tmp_path / "nowhere" / "x.html"))
    assert (code, out) == (1, "")
    assert (
        err
        == f"speedproof-probe: {tmp_path / 'nowhere' / 'x.html'} cannot be written: No such file or directory; another place by --out FILE\n"
    )


@pytest.mark.parametrize(("script", "expected"), [("exit 0", 0), ("exit 3", 1), ("sleep 20", 0)])
def test_showing_it(
    script: str, expected: int, there: FakeCollector, tmp_path: Path, say: Say, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What this system opens pages with is given the file; one that becomes the browser is left alone."""
    del there
    tools = tmp_path / "tools"
    tools.mkdir()
    (tools / "termux-open").write_text(
        f'#!/bin/sh\nPATH=/usr/bin:/bin\necho "$1" > {tmp_path}/opened\nexec {script}\n'.replace("exec exit", "exit")
    )
    (tools / "termux-open").chmod(0o700)
    monkeypatch.setenv("PATH", str(tools))
    monkeypatch.setattr(report, "PATIENCE_S", 0.3)
    children = []
    popen = report.subprocess.Popen
    monkeypatch.setattr(
        report.subprocess, "Popen", lambda *words, **more: children.append(popen(*words, **more)) or children[-1]
    )
    assert say("report", "--open", "--out", str(tmp_path / "x.html"))[0] == expected
    assert (tmp_path / "opened").read_text().strip() == str(tmp_path / "x.html")
    for child in children:
        child.kill()
        child.wait()


def test_nothing_to_show_it_with(
    there: FakeCollector, tmp_path: Path, say: Say, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where nothing opens pages that is said, and the page is there."""
    del there
    monkeypatch.setenv("PATH", str(tmp_path))
    code, out, err = say("report", "--open", "--out", str(tmp_path / "x.html"))
    assert code == 1
    assert out.startswith(str(tmp_path / "x.html"))
    assert "nothing here can open it" in err


@pytest.mark.parametrize("ready", [False, True])
def test_on_a_phone_the_way_to_other_apps_is_told(
    ready: bool, there: FakeCollector, person_s_home: Path, say: Say, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In Termux no other app sees the home folder: where to write to is said, and what has to be allowed first."""
    del there
    monkeypatch.setenv("PREFIX", "/data/data/com.termux/files/usr")
    if ready:
        (person_s_home / report.SHARED).mkdir(parents=True)
    code, out, _ = say("report")
    assert code == 0
    assert out.endswith(f"speedproof-probe report --out ~/storage/downloads/{report.NAME}\n")
    assert ("termux-setup-storage" in out) is not ready
