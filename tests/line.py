"""A 4G link on one machine: probe in one network namespace, collector and peer in another, a real trace in between."""

import importlib.util
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from fakes.rules import SHORT, UNDISTURBED

REPOSITORY = Path(__file__).resolve().parents[1]
SHARED = Path(os.environ.get("SPEEDPROOF_SHARED", REPOSITORY.parent / "shared"))
BIN = Path(sys.executable).parent
SUBSCRIBER = "line-1"


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
            time.sleep(0.5)


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
