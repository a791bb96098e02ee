"""`doctor` as a whole: everything in order, nothing changed, and useful in any state of the device."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from fakes.collector import FakeCollector

from probe.commands.doctor import lines
from probe.doctor.check import Check, wrong
from probe.surroundings import Link, Surroundings

Say = Callable[..., tuple[int, str, str]]
FIRST = ["python", "signer", "disk", "files"]
LAST = ["outbox", "receipt", "agent", "service", "selftest", "budget"]


@pytest.fixture(autouse=True)
def around(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing of this machine's radio and clock is asked."""

    async def look(leaves_by: str | None, has_way: bool, _settings: object, *, android: bool) -> Surroundings:
        del leaves_by, has_way, android
        return Surroundings(Link("wwan0", "cellular"), synced=True)

    monkeypatch.setattr("probe.doctor.visit.look_around", look)


def told(say: Say) -> tuple[int, dict[str, dict[str, Any]]]:
    """The exit code, and each check by its name."""
    code, out, _ = say("doctor", "--json")
    checks = json.loads(out)["checks"]
    assert all(set(check) == {"name", "level", "good", "found", "advice"} for check in checks)
    assert all(check["good"] is (check["level"] != "look") for check in checks)
    return code, {check["name"]: check for check in checks}


def contents(state: Path) -> dict[str, bytes]:
    """The files of a folder and its folders."""
    return {str(file): file.read_bytes() for file in state.rglob("*") if file.is_file()}


def test_an_enrolled_device(there: FakeCollector, say: Say) -> None:
    """Every check is there, in order; what is missing is the agent, the peer, and nothing else."""
    code, checks = told(say)
    names = list(checks)
    assert names[:4] == FIRST
    assert names[-6:] == LAST
    assert code == 1
    assert [name for name, check in checks.items() if not check["good"]] == ["peer", "agent"]
    assert checks["collector"]["level"] == "ok"
    assert there.asked == ["enrolment"]


def test_nothing_is_changed(there: FakeCollector, state: Path, say: Say) -> None:
    """Whatever is looked at, every file stays as it was and none is made."""
    before = contents(state)
    say("doctor")
    assert contents(state) == before
    del there


def test_a_device_that_is_not_enrolled(state: Path, say: Say) -> None:
    """Before enrolment it says how to enrol, looks at the machine all the same, and makes no outbox."""
    code, checks = told(say)
    assert code == 1
    assert [name for name, check in checks.items() if not check["good"]] == ["enrolment"]
    assert list(state.iterdir()) == []


def test_an_outbox_that_is_gone(there: FakeCollector, state: Path, say: Say) -> None:
    """A lost outbox is said and not made anew: a chain begun again would fork the old one."""
    shutil.rmtree(state / "outbox")
    _, checks = told(say)
    assert checks["outbox"]["level"] == "look"
    assert "gone" in checks["outbox"]["found"]
    assert not (state / "outbox").exists()
    del there


def test_a_damaged_outbox(there: FakeCollector, state: Path, say: Say) -> None:
    """An outbox that is damaged is set aside by whoever opens it; the doctor says what that means."""
    (state / "outbox" / "00000001.log").write_bytes(b"junk" * 1000)
    _, checks = told(say)
    assert "the collector is asked where the chain stands" in checks["chain"]["found"]
    del there


@pytest.mark.parametrize("name", ["device.pem", "enrolled.json", "settings.toml"])
def test_a_broken_file(name: str, there: FakeCollector, state: Path, say: Say) -> None:
    """A file that cannot be read is one thing to look at, not the end of looking."""
    (state / name).write_bytes(b"junk")
    code, checks = told(say)
    assert code == 1
    assert any(name in check["found"] or "key" in check["found"] for check in checks.values() if not check["good"])
    del there


def test_for_people(there: FakeCollector, say: Say) -> None:
    """Each line begins with a word that needs no colour, and the last one counts what is to be looked at."""
    code, out, _ = say("doctor")
    assert code == 1
    shown = out.splitlines()
    assert all(line.startswith(("ok  ", "note", "LOOK", "    ")) for line in shown[:-1])
    assert shown[-1] == "2 things to look at"
    del there


@pytest.mark.parametrize("width", [40, 80])
def test_it_fits(width: int) -> None:
    """No line is wider than the window; advice stands below what was found."""
    check = wrong(
        "collector", "proof.example.net port 8440: " + "no answer " * 12, "check the network, then the address " * 3
    )
    shown = lines(check, width)
    assert max(map(len, shown)) <= width
    assert shown[0].startswith("LOOK collector")
    assert any(line.strip().startswith("-> check") for line in shown)
    assert lines(Check("python", "ok", "3.14"), width) == ["ok   python     3.14"]
