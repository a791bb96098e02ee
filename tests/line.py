"""A 4G link on one machine: probe in one network namespace, collector and peer in another, a real trace in between."""

import importlib.util
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from fakes.jobs import BY_IPV4 as PEER
from fakes.jobs import PORT
from fakes.rules import SHORT, UNDISTURBED

REPOSITORY = Path(__file__).resolve().parents[1]
SHARED = Path(os.environ.get("SPEEDPROOF_SHARED", REPOSITORY.parent / "shared"))
BIN = Path(sys.executable).parent
SUBSCRIBER = "line-1"
LATE_US, ATTEMPTS = 800_000, 6  # after the mark the last job may come to it; how often they begin
GOOD = {"down_mbps": 20, "up_mbps": 10, "rtt_ms": 40, "queue_ms": 300}


@dataclass
class Line:
    """A line that is measured: the emulated link, the collector beyond it, the probe before it."""

    emulator: Any
    folder: Path
    url: str = ""

    def collector(self, *words: str) -> Any:
        """Run a command of the collector where the collector is; its JSON."""
        done = self.emulator.popen(
            [str(BIN / "speedproof-collector"), *words, "--json", "--data", str(self.folder / "collector")],
            server=True,
            stdout=subprocess.PIPE,
        )
        out, _ = done.communicate(timeout=60)
        assert done.returncode == 0, words
        return json.loads(out)

    def probe(self, *words: str, timeout: float = 120) -> subprocess.CompletedProcess[bytes]:
        """Run a command of the probe at the customer's end of the link."""
        done: subprocess.CompletedProcess[bytes] = self.emulator.run(
            self.probe_command(*words), capture_output=True, timeout=timeout
        )
        return done

    def probe_started(self, *words: str) -> "subprocess.Popen[bytes]":
        """Start a command of the probe and go on."""
        process: subprocess.Popen[bytes] = self.emulator.popen(
            self.probe_command(*words), stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
        )
        return process

    def probe_command(self, *words: str) -> list[str]:
        """A command of the probe with its state folder."""
        return [str(BIN / "speedproof-probe"), *words, "--state", str(self.folder / "probe")]

    def case(self) -> Any:
        """The case of the line's subscriber."""
        return self.collector("case", "show", SUBSCRIBER)

    def until(self, holds: Callable[[], bool], timeout_s: float, what: str) -> None:
        """Wait until something holds."""
        deadline = time.monotonic() + timeout_s
        while not holds():
            assert time.monotonic() < deadline, f"not within {timeout_s} s: {what}"
            time.sleep(1.0)


@pytest.fixture
def line_over(tmp_path: Path) -> Iterator[Callable[..., Line]]:
    """Make a line over an emulated link with these settings: collector up, subscriber added, probe enrolled."""
    emulate = _emulate()
    made: list[Any] = []

    def make(*, slot_s: int, **link: Any) -> Line:
        emulator = emulate.Emulator(**link)
        made.append(emulator)
        emulator.__enter__()
        line = Line(emulator, tmp_path)
        _up(line, slot_s)
        return line

    yield make
    for emulator in made:
        processes = list(emulator.procs)
        emulator.close()
        for process in processes:
            for stream in (process.stdin, process.stdout, process.stderr):
                if stream:
                    stream.close()


@dataclass
class Methods:
    """The probe's methods on an emulated link, run by a process that takes orders (`fakes.probing`)."""

    emulator: Any
    process: "subprocess.Popen[bytes]"

    def order(self, *jobs: str, mark_us: int = 0, mark_bytes: int = 0, cancel_us: int = -1) -> "Ordered":
        """Begin jobs that `fakes.jobs` names, all at once; returns when all have come to the mark.

        On a busy machine the last one may come to it when the first is nearly over: then they begin anew.
        """
        assert self.process.stdin is not None
        order = {"jobs": jobs, "mark_us": mark_us, "mark_bytes": mark_bytes, "cancel_us": cancel_us}
        for _ in range(ATTEMPTS):
            ordered = Ordered(self, self.emulator.stats())
            self.process.stdin.write(json.dumps(order).encode() + b"\n")
            self.process.stdin.flush()
            marked = self.told()
            if not mark_us or (not marked["ended"] and marked["marked_us"] <= mark_us + LATE_US):
                return ordered
            ordered.ended()
        pytest.fail(f"the jobs never came to the mark together: {marked}")

    def told(self) -> dict[str, Any]:
        """The next line it says."""
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        assert line, "the process has ended"
        told: dict[str, Any] = json.loads(line)
        return told

    @contextmanager
    def fault(self, what: str) -> Iterator[None]:
        """Keep a fault on the link: it drops everything, holds everything, has no route, or drops what the emulator names."""
        modes = {"dead": "drop", "stalled": "stall"}
        with ExitStack() as lifted:
            if what in modes:
                self.emulator.outage(mode=modes[what])
                lifted.callback(self.emulator.outage, mode=modes[what], on=False)
            elif what == "routeless":
                for kind, words in self._routes():
                    self._route(kind, "del", words[0])
                    lifted.callback(self._route, kind, "add", *words)
            else:
                self.emulator.blackhole(what)
                lifted.callback(self.emulator.blackhole, what, on=False)
            yield

    @contextmanager
    def link(self, **settings: Any) -> Iterator[None]:
        """Change the link for a while."""
        self.emulator.set(**settings)
        try:
            yield
        finally:
            self.emulator.set(**GOOD)

    def _routes(self) -> list[tuple[str, list[str]]]:
        lines = [(kind, line) for kind in ("-4", "-6") for line in self._route(kind, "show").splitlines()]
        return [(kind, line.split()) for kind, line in lines if not line.startswith(("fe80:", "multicast"))]

    def _route(self, kind: str, *words: str) -> str:
        command = ["ip", kind, "-n", self.emulator.client_ns, "route", *words, "dev", "tun0"]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout


@dataclass
class Ordered:
    """Jobs under way, and what had crossed the link when they began."""

    methods: Methods
    before: dict[str, Any]

    def until_delivered(self, direction: str, packets: int) -> None:
        """Wait until the link has carried so many packets one way."""
        deadline = time.monotonic() + 10
        while self.delivered(direction, "pkts") < packets:
            assert time.monotonic() < deadline
            time.sleep(0.01)

    def delivered(self, direction: str, what: str = "bytes") -> int:
        """How much the link has carried one way since the jobs began."""
        now = self.methods.emulator.stats()
        return int(now[direction][f"tx_{what}"] - self.before[direction][f"tx_{what}"])

    def ended(self) -> dict[str, Any]:
        """What came of the jobs, what the process had before it cancelled them, and what it was left with."""
        return self.methods.told()


@pytest.fixture(scope="module")
def methods(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Methods]:
    """The probe's methods before an emulated line, a peer and a name server behind it."""
    folder = tmp_path_factory.mktemp("peer")
    python, paths = str(sys.executable), os.pathsep.join([str(REPOSITORY), str(REPOSITORY / "tests")])
    with _emulate().Emulator(**GOOD, resolv=PEER) as emulator:
        words = ["--host", "::", "--port", str(PORT), "--key", str(folder / "key.pem"), "--no-faults"]
        environ = os.environ | {"PYTHONPATH": paths, "RES_OPTIONS": "timeout:1 attempts:1"}
        emulator.popen_server([python, "-m", "collector.peer", *words], port=PORT, wait=20, env=environ)
        emulator.popen_server([python, "-m", "fakes.nameserver"], env=environ)
        command = [python, "-m", "fakes.probing"]
        process = emulator.popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environ)
        made = Methods(emulator, process)
        try:
            assert made.told() == {"ready": True}
            yield made
        finally:
            process.stdin.close()
            process.stdout.close()


def _emulate() -> Any:
    """The emulator, or a skip that says why there is none."""
    tool = SHARED / "tools" / "emulate.py"
    if os.geteuid() != 0:
        pytest.skip("an emulated link needs root for its network namespaces")
    if not tool.exists():
        pytest.skip("the link emulator is not there (../shared/tools/emulate.py)")
    if not Path("/dev/net/tun").exists():
        pytest.skip("an emulated link needs /dev/net/tun")
    spec = importlib.util.spec_from_file_location("emulate", tool)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["emulate"] = module
    spec.loader.exec_module(module)
    return module


def _up(line: Line, slot_s: int) -> None:
    criteria = line.folder / "criteria"
    criteria.mkdir()
    (criteria / "short.toml").write_text(SHORT + UNDISTURBED)
    command = [
        str(BIN / "speedproof-collector"), "up", "--json", "--data", str(line.folder / "collector"),
        "--host", line.emulator.server_ip, "--criteria", str(criteria), "--slot-s", str(slot_s), "--guard-s", str(slot_s - 1),
    ]  # fmt: skip
    process = line.emulator.popen(command, server=True, stdout=subprocess.PIPE)
    ready = json.loads(process.stdout.readline())
    line.url = ready["url"]
    line.collector(
        "subscriber", "add", SUBSCRIBER, "--time-zone", "Europe/Prague", "--criterion", "short", "--criteria", str(criteria),
        "--down", "advertised=20M", "--down", "min=3M",
    )  # fmt: skip
    code = line.collector("code", SUBSCRIBER)["code"]
    done = line.probe("enrol", line.url, code)
    assert done.returncode == 0, done.stderr.decode()


def trace(name: str) -> dict[str, str]:
    """The two directions of a recorded link."""
    return {f"{way}_trace": str(SHARED / "traces" / f"{name}.{way}") for way in ("down", "up")}
