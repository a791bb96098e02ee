"""`speedproof-collector up` as a process of its own."""

import contextlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from fakes.served import Client

COMMAND = (sys.executable, "-m", "collector")
PATIENCE_S = 30


@dataclass(frozen=True)
class Running(Client):
    """A collector's process and what it said when it was ready."""

    process: "subprocess.Popen[bytes]" = field(kw_only=True)
    told: dict[str, Any] = field(kw_only=True)

    @property
    def peer_pid(self) -> int:
        """The process of its peer."""
        (pid,) = self.children["collector.peer"]
        return pid

    @property
    def children(self) -> dict[str, list[int]]:
        """Its processes, by the module they run."""
        found: dict[str, list[int]] = {}
        for task in Path(f"/proc/{self.process.pid}/task").iterdir():
            try:
                below = (task / "children").read_text().split()
            except FileNotFoundError:  # a thread that has just ended
                continue
            for pid in below:
                with contextlib.suppress(
                    FileNotFoundError, ProcessLookupError, ValueError
                ):  # gone, or not yet what it will be
                    words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
                    found.setdefault(words[words.index(b"-m") + 1].decode(), []).append(int(pid))
        return {name: sorted(pids) for name, pids in found.items()}

    def stop(self) -> int:
        """Ask it to end; its exit code."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(PATIENCE_S)

    def kill(self) -> None:
        """End it without asking."""
        self.process.kill()
        self.process.wait(PATIENCE_S)


def is_there(pid: int) -> bool:
    """Whether a process runs."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state != "Z"


@contextlib.contextmanager
def running(data: Path, *options: str) -> Iterator[Running]:
    """A collector over a folder, ready; killed at the end if it still runs."""
    command = [*COMMAND, "up", "--data", str(data), "--port", "0", "--peer-port", "0", "--json", *options]
    log = data.with_name(data.name + ".log")
    with log.open("ab") as errors, subprocess.Popen(command, stdout=subprocess.PIPE, stderr=errors) as process:
        try:
            assert process.stdout is not None
            line = process.stdout.readline()
            assert line, log.read_text()
            told = json.loads(line)
            token = json.loads((data / "desk.json").read_text())["token"]
            yield Running(int(told["url"].rpartition(":")[2]), token, process=process, told=told)
        finally:
            process.kill()


def command(data: Path, *words: str) -> "subprocess.CompletedProcess[str]":
    """One command over a folder, as a process."""
    return subprocess.run(
        [*COMMAND, *words],
        capture_output=True, text=True, check=False, timeout=PATIENCE_S * 4, env=os.environ | {"SPEEDPROOF_DATA": str(data)},
    )  # fmt: skip
