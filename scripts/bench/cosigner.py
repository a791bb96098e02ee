"""A witness that cosigns whatever it is shown, at the time it is told: for figures, and for nothing else."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from shared.note import COSIGNATURE, NoteKey, sign

NAME = "witness.example/bench"


@dataclass
class Cosigner:
    """Its key, and the time it signs with (unix s)."""

    now_s: int
    url: str = ""
    private: Ed25519PrivateKey = field(default_factory=Ed25519PrivateKey.generate)

    @property
    def public(self) -> NoteKey:
        """Its key, to be trusted."""
        return NoteKey.of(NAME, COSIGNATURE, self.private.public_key().public_bytes_raw())

    def sign(self, message: bytes) -> bytes:
        """Sign."""
        return self.private.sign(message)


@contextmanager
def cosigning(now_s: int) -> Iterator[Cosigner]:
    """One on a port of its own."""
    witness = Cosigner(now_s)

    class Handler(BaseHTTPRequestHandler):
        """Answers one request."""

        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            """Cosign what comes."""
            body = self.rfile.read(int(self.headers["Content-Length"]))
            text = body.partition(b"\n\n")[2].partition(b"\n\n")[0].decode() + "\n"
            told = sign(text, witness, witness.now_s).line.encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(told)))
            self.end_headers()
            self.wfile.write(told)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    witness.url = f"http://127.0.0.1:{server.server_port}"
    try:
        yield witness
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
