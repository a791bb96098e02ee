"""`forget`: what is erased, what is asked before, what stays."""

import io
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from fakes.collector import FakeCollector

from probe.history import FOLDER, History
from probe.home import Home
from probe.service.plan import WHEELS

Say = Callable[..., tuple[int, str, str]]
SayJson = Callable[..., tuple[int, dict[str, object]]]


class Typing(io.StringIO):
    """A person at a terminal."""

    def isatty(self) -> bool:
        """Say so."""
        return True


@pytest.fixture
def measured(there: FakeCollector, state: Path, say: Say) -> FakeCollector:
    """A device with something that was not sent."""
    assert say("once", "--no-upload", "--method", "fetch")[0] == 0
    there.script = ["reset"]
    say("complain", "slow")
    history = History(state / FOLDER)
    history.add({"seq": 0, "wall_us": 1_800_000_000_000_000, "method": "latency", "end": "ok"})
    history.close()
    (state / WHEELS).mkdir()
    (state / WHEELS / "speedproof-0.1.0-py3-none-any.whl").write_bytes(b"PK")
    return there


def test_all_of_it_goes(measured: FakeCollector, state: Path, say_json: SayJson, say: Say) -> None:
    """Key, outbox, history, enrolment, settings, copies set aside: nothing of ours is left, and the folder is gone."""
    del measured
    for name in (
        "settings.toml",
        "device.pem.3f9a1c07",
        "outbox.sqlite",
        "outbox.sqlite-wal",
        "enrolled.json.new",
    ):
        (state / name).touch()
    shutil.copytree(state / "outbox", state / "outbox.3f9a1c07")
    code, told = say_json("forget", "--yes")
    assert code == 0
    assert (told["left"], told["unsent"], told["unsent_complaints"]) == ([], 1, 1)
    assert not state.exists()
    assert "nothing here to forget" in say("forget", "--yes")[1]


def test_what_is_not_ours_stays(measured: FakeCollector, state: Path, say: Say) -> None:
    """A file or folder of somebody else's in the same folder is named and left alone."""
    del measured
    (state / "holiday.jpg").write_bytes(b"x")
    (state / "device.pem.d").mkdir()
    code, out, _ = say("forget", "--yes")
    assert code == 0
    assert "not ours, so left there: device.pem.d, holiday.jpg" in out
    assert (state / "holiday.jpg").exists()
    assert "speedproof-probe service remove" in out
    assert "stays at the collector" in out


@pytest.mark.parametrize(("typed", "erased"), [("forget\n", True), (" FORGET \n", True), ("yes\n", False), ("", False)])
def test_it_asks_for_the_word(
    typed: str, erased: bool, measured: FakeCollector, state: Path, say: Say, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only the word itself is agreement; before it, what will be lost is counted, and what stays is said."""
    del measured
    monkeypatch.setattr("sys.stdin", Typing(typed))
    code, _, err = say("forget")
    assert (code, state.exists()) == ((0, False) if erased else (2, True))
    assert "LOST by this: 1 signed batch, 1 complaint." in err
    assert "stays at the collector and is not erased" in err
    assert ("nothing was erased" in err) is not erased


def test_without_a_terminal_it_does_not_guess(
    measured: FakeCollector, state: Path, say: Say, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A script has to say --yes."""
    del measured
    monkeypatch.setattr("sys.stdin", io.StringIO("forget\n"))
    code, _, err = say("forget")
    assert (code, state.exists()) == (2, True)
    assert "forget --yes" in err


def test_not_while_an_agent_measures(measured: FakeCollector, state: Path, say: Say) -> None:
    """A running agent is not pulled its key from under."""
    del measured
    with Home(state).lock():
        code, out, err = say("forget", "--yes")
    assert (code, out) == (1, "")
    assert "another speedproof-probe measures" in err
    assert (state / "device.pem").exists()


def test_a_device_that_is_damaged_can_be_forgotten(
    measured: FakeCollector, state: Path, say: Say, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without a key or a readable enrolment it is said that nobody knows what is lost, and everything goes all the same."""
    del measured
    (state / "enrolled.json").write_bytes(b"junk")
    monkeypatch.setattr("sys.stdin", Typing("forget\n"))
    code, _, err = say("forget")
    assert (code, state.exists()) == (0, False)
    assert "cannot be said" in err


def test_the_enrolment_goes_before_the_key_and_the_key_before_the_chain(
    measured: FakeCollector, state: Path, say: Say, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Stopped in the middle, a device is left that can sign nothing: never a key without its chain."""
    del measured
    (state / "settings.toml").touch()
    gone: list[str] = []
    unlink = Path.unlink

    def note(file: Path, missing_ok: bool = False) -> None:
        gone.append(file.name)
        if len(gone) == 3:
            raise OSError(30, "Read-only file system", str(file))
        unlink(file, missing_ok=missing_ok)

    monkeypatch.setattr(Path, "unlink", note)
    code, _, err = say("forget", "--yes")
    assert code == 1
    assert "cannot be erased: Read-only file system" in err
    assert gone == ["enrolled.json", "device.pem", "settings.toml"]
    assert list((state / "outbox").glob("*.log"))
