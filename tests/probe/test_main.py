"""The command line: what it prints, where, and with which exit code."""

import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
from aiohttp import web
from fakes.collector import CODE, FakeCollector, serving_aside
from fakes.methods import FakeRun
from fakes.peer import free_port
from strategies import COLLECTOR

from probe.__main__ import COMMANDS, build_parser, main
from probe.catalogue import METHODS
from probe.home import Home
from probe.outbox import Outbox
from probe.report import NAMES

PROBE = [sys.executable, "-m", "probe"]


Say = Callable[..., tuple[int, str, str]]
SayJson = Callable[..., tuple[int, dict[str, object]]]


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    """`--help` explains each command and its options, on stdout, with exit code 0."""
    acts = {"campaign": ["status"]}
    with pytest.raises(SystemExit) as ended:
        main([command, *acts.get(command, []), "--help"])
    assert ended.value.code == 0
    out = capsys.readouterr().out
    assert f"speedproof-probe {command}" in out
    assert "--state" in out
    assert "--json" in out


MISUSES = [
    [],
    ["measure"],
    ["once", "--method", "teleport"],
    ["once", "--plan", "endless"],
    ["run", "--heavy-every", "0"],
    ["run", "--heavy-every", "x"],
    ["complain"],
]


@pytest.mark.parametrize("words", MISUSES, ids=" ".join)
def test_misuse(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    """Words that cannot be understood end with 2 and a message, and print nothing on stdout."""
    with pytest.raises(SystemExit) as ended:
        main(words)
    assert ended.value.code == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert "usage: speedproof-probe" in captured.err


@pytest.mark.parametrize("command", [["once"], ["run"], ["status"], ["complain", "slow"]])
def test_not_enrolled(command: list[str], say: Say) -> None:
    """Before enrolment each command says what to do first, with exit code 1 and no traceback."""
    code, out, err = say(*command)
    assert (code, out) == (1, "")
    assert err == "speedproof-probe: this device is not enrolled; use: speedproof-probe enrol URL CODE\n"


def test_enrol(state: Path, say: Say, say_json: SayJson) -> None:
    """Enrolling tells the line, both keys, and whether the collector's was known before."""
    with serving_aside(FakeCollector()) as there:
        code, told = say_json("enrol", there.url, CODE)
        assert code == 0
        key_id = COLLECTOR.public.key_id
        device = Home(state).key().public.key_id
        assert told == {"collector": there.url, "collector_key": key_id, "device": device, "subscriber": "anna"}
        code, out, _ = say("enrol", there.url, CODE, "--collector-key", key_id)
    assert code == 0
    assert "enrolled for the line of anna" in out
    assert "believed as first seen" not in out


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (("nowhere", CODE), 2, "https://host:port"),
        (("http://[::1", CODE), 2, "https://host:port"),
        (("http://127.0.0.1:9", "short"), 2, "a code has 10"),
        (("http://127.0.0.1:9", CODE, "--ca", "/nowhere/ca.pem"), 2, "/nowhere/ca.pem"),
        (("http://127.0.0.1:9", CODE), 1, "does not answer"),
    ],
)
def test_enrol_that_fails(words: tuple[str, ...], code: int, message: str, say: Say) -> None:
    """What the user can put right ends with 2, what the world must put right with 1; both say what it is."""
    found, out, err = say("enrol", *words)
    assert (found, out) == (code, "")
    assert err.startswith("speedproof-probe: ")
    assert message in err


def test_once(there: FakeCollector, say: Say, say_json: SayJson) -> None:
    """By hand the methods of a whole slot are measured, told, sealed and sent, and the receipt is shown."""
    code, out, err = say("once")
    assert (code, err) == (0, "")
    lines = out.splitlines()
    whole = [method.name for method in METHODS.values() if method.weight != "by_hand"]
    assert [line[:12].strip() for line in lines[:-1]] == [NAMES[name] for name in whole]
    assert lines[-1].startswith("sent as batch 0; the collector's receipt: ")
    code, told = say_json("once", "--method", "download", "--plan", "tiny")
    assert code == 0
    (record,), (receipt,) = told["records"], told["receipts"]  # type: ignore[misc]
    assert (record["method"], record["plan"], record["seq"], record["end"]) == ("download", "tiny", len(whole), "ok")
    assert "slot" not in record
    assert receipt["batch"] == 1
    assert told["unsent"] is None
    assert there.seqs == list(range(len(whole) + 1))


def test_once_with_a_plan_of_another_method(there: FakeCollector, say: Say) -> None:
    """A plan that a method does not have is refused with those it has, and nothing is measured."""
    code, out, err = say("once", "--method", "fetch", "--plan", "evidence")
    assert (code, out) == (2, "")
    assert "fetch has no plan evidence; it has icon, small, page" in err
    assert there.seqs == []


def test_once_without_sending(there: FakeCollector, say_json: SayJson) -> None:
    """`--no-upload` keeps the batch here and is no failure."""
    code, told = say_json("once", "--no-upload")
    assert (code, told["receipts"], told["unsent"]) == (0, [], None)
    assert there.asked == ["enrolment"]
    assert say_json("status")[1]["unsent"] == 1


def test_once_while_the_collector_is_away(state: Path, quick: FakeRun, say: Say, say_json: SayJson) -> None:
    """What could not be sent is kept and said; the next time both batches arrive."""
    del quick
    port = free_port()
    device = Home(state).key_for_enrolment()
    there = FakeCollector(device)
    with serving_aside(there, port):
        assert say("enrol", there.url, CODE)[0] == 0
    code, told = say_json("once", "--method", "latency")
    assert code == 1
    assert told["receipts"] == []
    assert len(told["records"]) == 1  # type: ignore[arg-type]
    assert "does not answer" in str(told["unsent"])
    code, out, err = say("once", "--method", "latency")
    assert (code, out.count("\n")) == (1, 1)
    assert "it is kept and sent later" in err
    with serving_aside(there, port):
        code, told = say_json("once", "--method", "latency")
    assert code == 0
    assert [receipt["batch"] for receipt in told["receipts"]] == [0, 1, 2]  # type: ignore[attr-defined]
    assert there.seqs == [0, 1, 2]


def test_once_closes_what_a_crash_left(there: FakeCollector, state: Path, say: Say) -> None:
    """A measurement that a crash cut off is sent as aborted, before the new one."""
    with closing(Outbox(state / "outbox", lambda: bytes(32))) as box:
        box.start(lambda seq: b'{"boot":"earlier","seq":%d}' % seq)
    assert say("once", "--method", "fetch")[0] == 0
    assert there.seqs == [0, 1]


@pytest.mark.parametrize(
    ("said", "told_as"), [("\ud800", "?"), ("\x1b[31mred", "?[31mred"), ("ä" * 1000, "ä" * 500), ("", "answer 503")]
)
def test_strange_words_of_a_collector(
    said: str, told_as: str, there: FakeCollector, say: Say, say_json: SayJson, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A collector's words reach people without what a terminal would obey, and never at length."""

    async def strange(_request: object) -> object:
        body = json.dumps({"detail": said}).encode()
        return web.Response(status=503, body=body, content_type="application/json")

    there.script = ["503"] * 10
    monkeypatch.setattr(there, "_wrong", lambda _step, request: strange(request))
    code, told = say_json("once", "--method", "latency")
    assert (code, told["unsent"]) == (1, told_as)
    code, _, err = say("once", "--method", "latency")
    assert (code, err) == (1, f"not sent yet: {told_as}; it is kept and sent later\n")


@pytest.mark.parametrize("name", ["device.pem", "enrolled.json"])
def test_a_broken_state_folder(name: str, there: FakeCollector, state: Path, say: Say) -> None:
    """A file that cannot be used is named, with exit code 1 and no traceback."""
    del there
    (state / name).write_bytes(b"junk" * 1000)
    code, out, err = say("status")
    assert (code, out) == (1, "")
    assert err.startswith("speedproof-probe: ")
    assert err.count("\n") == 1
    assert "cannot be used" in err


def test_the_state_folder_from_the_environment(
    there: FakeCollector, state: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """SPEEDPROOF_STATE stands in for --state."""
    del there
    monkeypatch.setenv("SPEEDPROOF_STATE", str(state))
    assert main(["status", "--json"]) == 0
    assert json.loads(capsys.readouterr().out.splitlines()[-1])["subscriber"] == "anna"


def test_two_agents_on_one_folder(there: FakeCollector, state: Path, say: Say) -> None:
    """While one agent measures, another is refused, and looking and complaining are not."""
    with Home(state).lock():
        for command in (["once"], ["run"], ["enrol", there.url, CODE]):
            code, out, err = say(*command)
            assert (code, out) == (1, "")
            assert "another speedproof-probe measures" in err
        assert say("status")[0] == 0
        assert say("complain", "slow")[0] == 0


@contextmanager
def process(state: Path, *words: str) -> Iterator["subprocess.Popen[str]"]:
    """Run a command in a process of its own; it is gone afterwards."""
    with subprocess.Popen(
        [*PROBE, *words, "--state", str(state)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as child:
        try:
            yield child
        finally:
            child.kill()


def has_receipt(state: Path) -> bool:
    """Whether a batch was sent and its receipt is kept."""
    with closing(Outbox(state / "outbox", lambda: bytes(32))) as box:
        return box.tally().last_receipt_us is not None


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_run_stops_when_told(number: int, there: FakeCollector, state: Path) -> None:
    """`run` ends within two seconds of a signal, with exit code 0, every start closed and sealed."""
    with process(state, "run", "--plan", "tiny", "--heavy-every", "1") as child:
        deadline = time.monotonic() + 20
        while not has_receipt(state) and time.monotonic() < deadline:
            time.sleep(0.05)
        assert there.seqs
        before = time.monotonic()
        child.send_signal(number)
        out, err = child.communicate(timeout=10)
        assert time.monotonic() - before < 2
    assert (child.returncode, out) == (0, "")
    assert "Traceback" not in err
    assert "batch 0: receipt" in err
    with closing(Outbox(state / "outbox", lambda: bytes(32))) as box:
        tally = box.tally()
    assert (tally.open_intents, tally.unsealed) == (0, 0)


def test_a_reader_that_leaves(there: FakeCollector, state: Path) -> None:
    """A closed pipe is no traceback."""
    del there
    with process(state, "status") as child:
        assert child.stdout is not None
        child.stdout.close()
        err = child.stderr.read() if child.stderr else ""
        child.wait(10)
    assert "Traceback" not in err
    assert "Exception ignored" not in err
    assert child.returncode == 1


def test_the_methods_that_can_be_asked_for() -> None:
    """Every method of the catalogue can be run by hand."""
    for method in METHODS:
        assert build_parser().parse_args(["once", "--method", method]).method == method
