"""`mark`: every tap becomes one signed record, whether an agent runs or not."""

import stat
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from fakes.collector import FakeCollector

from probe import presence
from probe.commands.device import opened
from probe.commands.mark import mark_command
from probe.daemon import Daemon
from probe.home import Home
from probe.marks import WAITING, WRITTEN, pending
from probe.outbox import Outbox
from probe.presence import Alive
from shared.record import Record, read_record

Say = Callable[..., tuple[int, str, str]]


def marks(state: Path) -> list[Record]:
    """The records of marks, oldest first."""
    with closing(Outbox(state / "outbox", lambda: bytes(32))) as outbox:
        found = [read_record(line.rstrip(b"\n")) for line in outbox.recent()]
    return [record for record in reversed(found) if record.method == "mark"]


def test_without_an_agent(there: FakeCollector, state: Path, say: Say) -> None:
    """The command writes and seals the record itself, and says that no test follows."""
    code, out, _ = say("mark", "video", "stops\x1b[31m")
    assert code == 0
    assert out == "marked; no agent is running, so measure too if you can: speedproof-probe once\n"
    (record,) = marks(state)
    assert record.end == "ok"
    assert record.text("words") == "video stops [31m"
    assert "slot" not in record.fields
    with closing(Outbox(state / "outbox", lambda: bytes(32))) as outbox:
        assert outbox.tally().unsealed == 0
        assert pending(outbox.kept(WAITING), outbox.kept(WRITTEN)) == ()
    del there


def test_while_an_agent_runs(there: FakeCollector, state: Path, say: Say) -> None:
    """The command leaves the record to the agent, which writes each mark once, as of the moment of the tap, and tests."""
    home = Home(state)
    with home.lock(), opened(home) as agent:
        clock = agent.clock
        agent.outbox.keep(presence.NAME, Alive(1, clock.wall_us(), clock.mono_us(), agent.boot, "waiting").write())
        for words in ("one", "two"):
            code, out, _ = say("mark", words)
            assert (code, out) == (0, "marked; a test follows within a minute\n")
        assert marks(state) == []
        daemon = Daemon(agent)
        assert daemon.wishes.asked()
        assert not daemon.wishes.asked()
        assert daemon.wishes.pending
    assert [record.text("words") for record in marks(state)] == ["one", "two"]
    del there


def test_what_an_agent_left(there: FakeCollector, state: Path, say: Say) -> None:
    """A mark that no agent wrote any more gets its record with the next one, in order."""
    with Home(state).lock():
        assert "another command measures just now" in say("mark", "one")[1]
    say("mark", "two")
    assert [record.text("words") for record in marks(state)] == ["one", "two"]
    del there


def test_a_damaged_value(there: FakeCollector, state: Path, say: Say) -> None:
    """A kept value that cannot be read is begun anew: a tap is never refused for it."""
    for damaged in (WAITING, WRITTEN):
        with closing(Outbox(state / "outbox", lambda: bytes(32))) as outbox:
            outbox.keep(damaged, b"junk")
        assert say("mark")[0] == 0
    del there


def test_json(there: FakeCollector, say_json: Callable[..., tuple[int, dict[str, object]]]) -> None:
    """With --json one object says that it is marked, when, and whether an agent runs."""
    code, told = say_json("mark")
    assert code == 0
    assert (told["marked"], told["agent_runs"]) == (True, False)
    assert isinstance(told["wall_us"], int)
    del there


def test_a_widget(state: Path, tmp_path: Path, say: Say, monkeypatch: pytest.MonkeyPatch) -> None:
    """On a phone a button for the home screen is written, which runs this very program over this very state."""
    monkeypatch.setenv("PREFIX", "/data/data/com.termux/files/usr")
    monkeypatch.setenv("HOME", str(tmp_path))
    code, out, _ = say("mark", "--install-widget")
    assert code == 0
    file = tmp_path / ".shortcuts/tasks/speedproof-bad"
    assert str(file) in out
    assert stat.S_IMODE(file.stat().st_mode) == 0o700
    assert " ".join(mark_command(Home(state))) in file.read_text()


def test_a_widget_elsewhere(say: Say, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without Termux it is said what to use instead."""
    monkeypatch.delenv("PREFIX", raising=False)
    code, _, err = say("mark", "--install-widget")
    assert code == 2
    assert "for Termux" in err
