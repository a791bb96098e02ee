"""The commands that look and complain: `status`, `complain`, `doctor`."""

from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from fakes.collector import FakeCollector

from probe.catalogue import METHODS
from probe.outbox import Outbox

Say = Callable[..., tuple[int, str, str]]
SayJson = Callable[..., tuple[int, dict[str, object]]]


WHOLE = sum(method.weight != "by_hand" for method in METHODS.values())  # the methods of a whole slot


def test_status(there: FakeCollector, say: Say, say_json: SayJson) -> None:
    """Status tells the line, what was measured and what waits, the newest first."""
    code, out, _ = say("status")
    assert code == 0
    assert "nothing measured yet" in out
    say("once", "--no-upload")
    code, told = say_json("status")
    assert code == 0
    assert (told["next_seq"], told["batches"], told["unsent"], told["next_batch"]) == (WHOLE, 1, 1, 1)
    assert [record["seq"] for record in told["recent"]] == list(reversed(range(WHOLE)))  # type: ignore[attr-defined]
    assert told["subscriber"] == "anna"
    _, out, _ = say("status")
    assert f"line of anna, collector {there.url}" in out
    assert f"{WHOLE} records, 1 batch sealed" in out
    assert "1 not sent yet" in out
    assert "  object fetch 40 Mbit/s, 5 MB in 1 s" in out


def test_complain(there: FakeCollector, say: Say, say_json: SayJson) -> None:
    """A complaint arrives in the customer's words."""
    assert say_json("complain", "since Monday nothing loads") == (0, {"sent": True, "unsent": None})
    code, out, _ = say("complain", "still müde 🐌")
    assert (code, out) == (0, "your complaint is with the collector\n")
    assert there.complaints == ["since Monday nothing loads", "still müde 🐌"]


@pytest.mark.parametrize("words", ["", "   ", "x" * 4001, "\udcff"])
def test_a_complaint_that_is_none(words: str, there: FakeCollector, say: Say, say_json: SayJson) -> None:
    """No words, or too many, are said to be so, and nothing is kept."""
    code, out, err = say("complain", words)
    assert (code, out) == (2, "")
    assert err.startswith("speedproof-probe: ")
    assert say_json("status")[1]["unsent_complaints"] == 0
    assert there.complaints == []


def test_a_complaint_while_the_collector_is_away(there: FakeCollector, say: Say, say_json: SayJson) -> None:
    """A complaint that cannot be sent is kept, said so, and goes with the next batch."""
    there.script = ["reset", "503"]
    code, told = say_json("complain", "slow")
    assert (code, told["sent"]) == (0, False)
    code, out, err = say("complain", "slower")
    assert (code, out) == (0, "your complaint is kept and will be sent later\n")
    assert "not sent yet: the disk is full" in err
    assert "2 complaints not sent yet" in say("status")[1]
    assert say("once", "--method", "latency")[0] == 0
    assert there.complaints == ["slow", "slower"]


def test_a_complaint_that_is_refused(there: FakeCollector, say: Say) -> None:
    """A complaint the collector does not take is a failure a person has to look at."""
    there.script = ["403"]
    code, _, err = say("complain", "slow")
    assert code == 1
    assert "nobody enrolled this key" in err


def test_the_doctor_gives_a_new_outbox_a_seed(there: FakeCollector, state: Path, say: Say) -> None:
    """Whichever command makes the outbox, its slots are drawn by chance."""
    del there
    say("doctor")
    with closing(Outbox(state / "outbox", lambda: bytes(32))) as box:
        assert box.seed != bytes(32)
