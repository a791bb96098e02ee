"""`status`: what runs, what was measured, what waits, what comes next."""

import argparse
import io
import json
import os
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from fakes.collector import FakeCollector

from probe.boot import boot_id
from probe.clock import SystemClock
from probe.commands import status
from probe.home import Home
from probe.outbox import Outbox
from probe.pausing import Pause, write_pause
from probe.presence import STOPPED, Alive
from shared.batch import boot_name

Say = Callable[..., tuple[int, str, str]]
SayJson = Callable[..., tuple[int, dict[str, object]]]
CLOCK = SystemClock()
MINUTE_US = 60_000_000


def keep(state: Path, name: str, value: bytes) -> None:
    """Keep a value as the agent does."""
    with closing(Outbox(state / "outbox", lambda: bytes(32))) as box:
        box.keep(name, value)


def alive(state: Path, doing: str = "waiting", ago_us: int = MINUTE_US) -> bytes:
    """A sign of life of this boot."""
    boot = boot_name(Home(state).key().public.key_id, boot_id(CLOCK))
    now_us, mono_us = CLOCK.wall_us(), CLOCK.mono_us()
    return Alive(41, now_us - ago_us, mono_us - ago_us, boot, doing, now_us + 5 * MINUTE_US, 7).write()


def test_the_first_look(there: FakeCollector, state: Path, say: Say, say_json: SayJson) -> None:
    """Before the first measurement status says that nothing runs, and the next step."""
    del state
    code, out, err = say("status")
    assert (code, err) == (0, "")
    assert "NOT RUNNING; nobody has started it yet" in out
    assert f"line of anna, collector {there.url}" in out
    assert "nothing measured yet; try: speedproof-probe once" in out
    _, told = say_json("status")
    assert (told["running"], told["subscriber"], told["campaign"], told["lost"]) == ("no", "anna", [], 0)
    assert "alive" not in told
    assert "pause" not in told


def test_an_agent_at_work(there: FakeCollector, state: Path, say: Say, say_json: SayJson) -> None:
    """While an agent holds the folder and gives signs of life, it runs, and its next slot is told."""
    del there
    keep(state, "alive", alive(state))
    assert say_json("status")[1]["running"] == "no"
    with Home(state).lock():
        code, out, _ = say("status")
        _, told = say_json("status")
    assert code == 0
    assert "RUNNING, waiting; next at " in out
    assert "in 4 min" in out
    assert told["running"] == "running"
    assert told["alive"]["next_slot"] == 7  # type: ignore[index]


def test_an_agent_that_hangs(there: FakeCollector, state: Path, say: Say) -> None:
    """An agent that holds the folder and is silent is said to be silent."""
    del there
    keep(state, "alive", alive(state, ago_us=100 * MINUTE_US))
    with Home(state).lock():
        assert "NO SIGN OF LIFE for 1 h 40 min" in say("status")[1]


def test_a_stopped_agent(there: FakeCollector, state: Path, say: Say) -> None:
    """A clean stop is told from a death."""
    del there
    keep(state, "alive", alive(state, STOPPED))
    assert "NOT RUNNING; was stopped 1 min ago" in say("status")[1]


def test_looking_does_not_hold_the_folder(there: FakeCollector, state: Path, say: Say) -> None:
    """After a look an agent can start at once; during one the running agent keeps the folder."""
    del there
    assert say("status")[0] == 0
    with Home(state).lock():
        assert say("status")[0] == 0


def test_a_pause_and_the_accounts(there: FakeCollector, state: Path, say: Say, say_json: SayJson) -> None:
    """What the agent keeps for itself is shown: pause, data used, since when nothing was taken."""
    del there
    now_us = CLOCK.wall_us()
    keep(state, "pause", write_pause(Pause(now_us)))
    keep(state, "stuck_since_us", str(now_us - 90 * MINUTE_US).encode())
    say("once", "--no-upload", "--method", "latency")
    _, out, _ = say("status")
    assert "pause     until you resume" in out
    assert "STUCK for 1 h 30 min" in out
    _, told = say_json("status")
    assert told["pause"] == {"since_us": now_us}
    assert told["stuck_since_us"] == now_us - 90 * MINUTE_US
    assert told["spent"]["month_bytes"] == 1_000_000_000  # type: ignore[index]


@pytest.mark.parametrize("name", ["alive", "pause", "spent", "campaign", "stuck_since_us"])
def test_a_damaged_note_is_no_trouble(name: str, there: FakeCollector, state: Path, say: Say) -> None:
    """What the agent kept and nobody can read is left out; everything else is shown."""
    del there
    keep(state, name, b"\xff{")
    code, out, err = say("status")
    assert (code, err) == (0, "")
    assert "line of anna" in out


def options(**changes: object) -> argparse.Namespace:
    """What was typed."""
    return argparse.Namespace(**({"json": False, "watch": 1} | changes))


class Terminal(io.StringIO):
    """A terminal to write on."""

    def isatty(self) -> bool:
        """Say so."""
        return True


def test_watching_in_place(there: FakeCollector, state: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """On a terminal each look replaces the last one, within its columns and lines; Ctrl-C ends it cleanly."""
    del there
    screen, looks = Terminal(), 0
    monkeypatch.setattr("sys.stdout", screen)
    monkeypatch.setattr("shutil.get_terminal_size", lambda *_: os.terminal_size((40, 6)))

    def press(_: float) -> None:
        nonlocal looks
        looks += 1
        if looks == 3:
            raise KeyboardInterrupt

    monkeypatch.setattr(status.time, "sleep", press)
    assert status.run(Home(state), options()) == 0
    shown = screen.getvalue()
    assert shown.startswith(status.CLEAR + status.HOME)
    assert (shown.count(status.HOME), shown.count(status.CLEAR)) == (3, 1)
    one = shown.split(status.HOME)[1].removesuffix(status.TO_PAGE_END).split(f"{status.TO_LINE_END}\n")
    assert len(one) == 6
    assert all(len(line) < 40 for line in one)
    assert shown.endswith("\n")


@pytest.mark.parametrize("as_json", [False, True])
def test_watching_without_a_terminal(
    as_json: bool,
    there: FakeCollector,
    state: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Into a file or a pipe each look is written below the last one, without a single control character."""
    del there
    capsys.readouterr()
    left = iter([None, KeyboardInterrupt()])

    def sleep(_: float) -> None:
        end = next(left)
        if end is not None:
            raise end

    monkeypatch.setattr(status.time, "sleep", sleep)
    assert status.run(Home(state), options(json=as_json)) == 0
    out = capsys.readouterr().out
    assert "\x1b" not in out
    if as_json:
        assert [json.loads(line)["subscriber"] for line in out.splitlines()] == ["anna", "anna"]
    else:
        assert out.count("line of anna") == 2
