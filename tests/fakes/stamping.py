"""A time-stamping authority over HTTP on loopback: `fakes.tsa` answers, or it is wrong in the one way it is told. TEST ONLY."""

import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.client import HTTPMessage
from pathlib import Path

from fakes.answering import answering
from fakes.tsa import Tsa


@dataclass
class Stamping:
    """What it is, and what it was asked."""

    tsa: Tsa
    url: str = ""
    wrong: str = ""
    asked: list[bytes] = field(default_factory=list)
    first: bytes = b""  # its first answer
    lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def roots(self) -> Path:
        """The file with its root's certificate."""
        return self.tsa.folder / "ca.pem"

    def answer(self, query: bytes) -> tuple[int, bytes]:
        """Status and body."""
        with self.lock:
            self.asked.append(query)
            if self.wrong in ("500", "404"):
                return int(self.wrong), b"so it is\n"
            if self.wrong == "nonsense":
                return 200, b"hello\xff"
            if self.wrong == "nothing":
                return 200, b""
            if self.wrong == "endless":
                return 200, bytes(1_000_000)
            if self.wrong == "old answer":
                return 200, self.first
            if self.wrong == "other bytes":
                return 200, self.tsa.stamp(b"other bytes")
            if self.wrong == "without the nonce":  # the same request up to it, in a sequence that is shorter
                query = b"\x30\x36" + query[2:-14] + query[-3:]
            try:
                told = self.tsa.answer(query)
            except subprocess.CalledProcessError:
                return 400, b"no request\n"
            self.first = self.first or told
            return 200, told


@contextmanager
def stamping(tsa: Tsa) -> Iterator[Stamping]:
    """Let it listen."""
    made = Stamping(tsa)

    def answer(_: str, head: HTTPMessage, body: bytes) -> tuple[int, bytes]:
        return made.answer(body) if head["Content-Type"] == "application/timestamp-query" else (415, b"")

    with answering(answer, lambda: made.wrong) as url:
        made.url = f"{url}/tsr"
        yield made
