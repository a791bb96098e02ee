"""A time-stamping authority over HTTP on loopback: `fakes.tsa` answers, or it is wrong in the one way it is told. TEST ONLY."""

import contextlib
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

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

    class Handler(BaseHTTPRequestHandler):
        """Its one route."""

        def do_POST(self) -> None:
            """Answer."""
            body = self.rfile.read(int(self.headers["Content-Length"]))
            is_query = self.headers["Content-Type"] == "application/timestamp-query"
            status, told = made.answer(body) if is_query else (415, b"")
            if made.wrong == "drips its head":
                self.wfile.write(b"HTTP/1.1 200 OK\r\nServer: ")
                self._drip()
                return
            self.send_response(status)
            self.send_header("Content-Type", "application/timestamp-reply")
            if made.wrong == "drips":
                self.end_headers()
                self._drip()
                return
            self.send_header("Content-Length", str(len(told)))
            self.end_headers()
            with contextlib.suppress(OSError):
                self.wfile.write(told)

        def _drip(self) -> None:
            with contextlib.suppress(OSError):
                for _ in range(600):
                    self.wfile.write(b"x")
                    time.sleep(0.1)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    server.block_on_close = False
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    made.url = f"http://127.0.0.1:{server.server_port}/tsr"
    try:
        yield made
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
