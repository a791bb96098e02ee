"""A witness that is not ours: `aics-witness` as PyPI has it, a process of its own on loopback. Skips where it cannot be had."""

import json
import os
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from fakes.outside import python

from collector.log.key import Witness
from shared.dsse import b64
from shared.note import NoteKey

PATIENCE_S = 30


@dataclass
class RealWitness:
    """One, in a folder of its own."""

    folder: Path
    port: int
    key: NoteKey = field(init=False)

    def __post_init__(self) -> None:
        """Make its key and its database."""
        made = self.command("init", "--name", "witness.example/real", "--listen", f"127.0.0.1:{self.port}")
        self.key = NoteKey.from_vkey(made.strip())

    @property
    def asked_at(self) -> Witness:
        """As the settings name it."""
        return Witness(f"http://127.0.0.1:{self.port}", self.key)

    def knows(self, log: NoteKey) -> None:
        """Enlist a log."""
        self.command("add-log", "--origin", log.name, "--vkey", log.vkey)

    def evidence(self) -> list[dict[str, Any]]:
        """The requests it has kept because they contradict what it cosigned."""
        found: list[dict[str, Any]] = json.loads(self.command("evidence"))
        return found

    def command(self, *words: str) -> str:
        """One of its commands; what it prints."""
        done = subprocess.run(self._line(*words), capture_output=True, text=True, check=False, timeout=PATIENCE_S)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def post(self, old: int, note: bytes, *proof: bytes) -> tuple[int, bytes]:
        """One request, byte for byte as C2SP tlog-witness has it; status and body."""
        body = f"old {old}\n{''.join(b64(one) + chr(10) for one in proof)}\n".encode() + note
        request = urllib.request.Request(f"{self.asked_at.url}/add-checkpoint", body, method="POST")
        try:
            with urllib.request.urlopen(request, timeout=PATIENCE_S) as answer:
                return answer.status, answer.read()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.read()

    @contextmanager
    def serving(self) -> Iterator[None]:
        """Let it listen; it is told to end at the end."""
        process = subprocess.Popen(self._line("serve"), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            self._wait(process)
            yield
        finally:
            process.terminate()
            try:
                process.wait(PATIENCE_S)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

    def _wait(self, process: "subprocess.Popen[bytes]") -> None:
        deadline = time.monotonic() + PATIENCE_S
        while time.monotonic() < deadline:
            assert process.poll() is None, f"the witness ended ({process.returncode})"
            with suppress(OSError), urllib.request.urlopen(f"{self.asked_at.url}/healthz", timeout=1) as answer:
                if answer.status == 200:
                    return
            time.sleep(0.05)
        raise TimeoutError("the witness does not answer")

    def _line(self, command: str, *words: str) -> tuple[str, ...]:
        config = os.fspath(self.folder / "witness.json")
        return (str(python()), "-m", "aics_witness", command, "--config", config, *words)


def real_witness(folder: Path) -> RealWitness:
    """A new one, which knows no log yet."""
    folder.mkdir()
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    return RealWitness(folder, port)
