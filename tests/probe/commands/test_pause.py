"""`pause` and `resume`: kept where a running agent finds it, and told in this place's time."""

from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from fakes.collector import FakeCollector

from probe.home import Home
from probe.outbox import Outbox
from probe.pausing import NAME, Pause, read_pause

Say = Callable[..., tuple[int, str, str]]
SayJson = Callable[..., tuple[int, dict[str, object]]]


def kept(state: Path) -> Pause | None:
    """The pause that is kept."""
    with closing(Outbox(state / "outbox", lambda: bytes(32))) as outbox:
        return read_pause(outbox.kept(NAME))


def test_for_a_while(there: FakeCollector, state: Path, say_json: SayJson) -> None:
    """Two hours are two hours, also while an agent runs."""
    with Home(state).lock():
        code, told = say_json("pause", "2h")
    assert code == 0
    found = kept(state)
    assert found is not None
    assert found.until_us == found.since_us + 2 * 3_600_000_000
    assert (told["paused"], told["since_us"], told["until_us"]) == (True, found.since_us, found.until_us)
    del there


def test_what_it_says(there: FakeCollector, say: Say) -> None:
    """It says until when with the zone's name, what pausing does to the evidence, and how to go on."""
    out = say("pause", "until", "18:00")[1]
    assert "18:00 (" in out
    assert "recorded as not started, and shown so" in out
    assert "speedproof-probe resume" in out
    assert "until you resume" in say("pause", "forever")[1]
    del there


def test_resume(there: FakeCollector, state: Path, say: Say) -> None:
    """Resuming takes the pause away; without one it says so, and is no failure."""
    say("pause", "forever")
    assert say("resume")[:2] == (0, "no pause any more: measuring goes on by the schedule\n")
    assert kept(state) is None
    assert say("resume")[:2] == (0, "there was no pause\n")
    with closing(Outbox(state / "outbox", lambda: bytes(32))) as outbox:
        outbox.keep(NAME, b"junk")
    assert say("resume")[0] == 0
    assert kept(state) is None
    del there


@pytest.mark.parametrize("words", [("soon",), ("2",), ("until", "25:00")])
def test_no_time(words: tuple[str, ...], there: FakeCollector, state: Path, say: Say) -> None:
    """What is no time ends with 2, with examples, and nothing is paused."""
    code, out, err = say("pause", *words)
    assert (code, out) == (2, "")
    assert "2h, 30m or 3d" in err
    assert kept(state) is None
    del there
