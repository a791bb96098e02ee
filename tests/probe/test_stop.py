"""Told to stop, a real process ends within two seconds, whatever hangs in it, and leaves no child behind."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
from fakes.collector import FakeCollector
from fakes.running import is_there
from fakes.tools import Toolbox, toolbox

from probe.outbox import Outbox
from shared import strictjson
from shared.record import read_record

STOPS_WITHIN_S = 2.0
PATIENCE_S = 20.0
NO_BUS = "unix:path=/nonexistent/bus"
HOUR_S = 3600

pytestmark = [
    pytest.mark.timeout(60),
    pytest.mark.skipif(sys.platform != "linux", reason="looks for children in /proc"),
]


@contextmanager
def running(state: Path, surroundings: dict[str, str]) -> Iterator["subprocess.Popen[bytes]"]:
    """`run` as a process of its own, in a slot that begins within a second; killed at the end if it still runs."""
    words = [sys.executable, "-m", "probe", "run", "--heavy-every", "1", "--state", str(state)]
    with (
        (state / "log").open("wb") as log,
        subprocess.Popen(words, env=os.environ | surroundings, stderr=log) as process,
    ):
        try:
            yield process
        finally:
            process.kill()


def until(reached: Callable[[], bool], why: Path) -> None:
    """Wait until something is so."""
    deadline_s = time.monotonic() + PATIENCE_S
    while not reached():
        assert time.monotonic() < deadline_s, why.read_text()
        time.sleep(0.02)


def stop(process: "subprocess.Popen[bytes]") -> float:
    """Tell it to stop; how long it took. Its exit is a clean one, and it leaves no child."""
    children = children_of(process.pid)
    begun_s = time.monotonic()
    process.send_signal(signal.SIGTERM)
    assert process.wait(PATIENCE_S) == 0
    took_s = time.monotonic() - begun_s
    assert [pid for pid in children if is_there(pid)] == []
    return took_s


def children_of(pid: int) -> list[int]:
    """Every process that a process started, and what those started; children belong to the thread that made them."""
    told = "".join(one.read_text() for one in Path(f"/proc/{pid}/task").glob("*/children"))
    found = [int(word) for word in told.split()]
    return found + [other for one in found for other in children_of(one)]


@pytest.fixture
def soon(there: FakeCollector, state: Path) -> Path:
    """Give the state folder of a device whose slots are two seconds long."""
    del there
    change(state, slots={"slot_s": 2, "guard_s": 1})
    return state


def change(state: Path, **members: strictjson.Json) -> None:
    """Change what enrolment told."""
    file = state / "enrolled.json"
    told = strictjson.decode(file.read_bytes().rstrip(b"\n"))
    file.write_bytes(strictjson.encode(told | members) + b"\n")


def test_a_tool_that_hangs(soon: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A modem's tool that never answers is ended with the agent, and what it started too."""
    box: Toolbox = toolbox(tmp_path, monkeypatch)
    box.plant("mmcli", "sleep 60 & sleep 60")
    with running(soon, {"DBUS_SYSTEM_BUS_ADDRESS": NO_BUS}) as process:
        until(lambda: bool(box.calls()) and len(children_of(process.pid)) >= 2, soon / "log")
        assert stop(process) < STOPS_WITHIN_S


def test_a_resolver_that_hangs(soon: Path, tmp_path: Path) -> None:
    """A lookup that nobody can stop is not waited for."""
    marker = tmp_path / "asked"
    planted = tmp_path / "planted"
    planted.mkdir()
    planted.joinpath("sitecustomize.py").write_text(
        "import pathlib, socket, time\n"
        "def hangs(*words, **more):\n"
        f"    pathlib.Path({str(marker)!r}).touch()\n"
        f"    time.sleep({HOUR_S})\n"
        "socket.getaddrinfo = hangs\n"
    )
    change(soon, peer={"host": "peer.example.net", "name": "main", "port": 8441})
    with running(soon, {"PYTHONPATH": f"{planted}:{os.environ.get('PYTHONPATH', '')}"}) as process:
        until(marker.exists, soon / "log")
        assert stop(process) < STOPS_WITHIN_S


def test_in_the_middle_of_a_test(soon: Path) -> None:
    """A test that is under way is recorded as aborted, and so are those of its slot that were still to come."""
    with closing(socket.create_server(("127.0.0.1", 0))) as peer:
        peer.settimeout(PATIENCE_S)
        change(soon, peer={"host": "127.0.0.1", "name": "main", "port": peer.getsockname()[1]})
        with running(soon, {}) as process:
            connection, _ = peer.accept()  # and never a word
            assert stop(process) < STOPS_WITHIN_S
            connection.close()
    with closing(Outbox(soon / "outbox", lambda: bytes(32))) as box:
        assert box.open_intents() == []
        ends = [read_record(line[:-1]) for line in box.recent()]
    assert [one.text("event") for one in ends if one.method == "presence"] == ["stopped", "started"]
    assert "aborted" in {one.text("end") for one in ends}
