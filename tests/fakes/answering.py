"""A service with one route on a real loopback socket; its answer can drip, head or body, for as long as nobody waits."""

import contextlib
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.client import HTTPMessage
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

DRIPS, DRIPS_ITS_HEAD = "drips", "drips its head"
Answers = Callable[[str, HTTPMessage, bytes], tuple[int, bytes]]


@contextmanager
def answering(answer: Answers, wrong: Callable[[], str] = str) -> Iterator[str]:
    """Let it listen: status and body by path, head and body of a POST. Gives the URL up to the path."""

    class Handler(BaseHTTPRequestHandler):
        """Its one route."""

        def do_POST(self) -> None:
            """Answer."""
            body = self.rfile.read(int(self.headers["Content-Length"]))
            status, told = answer(self.path, self.headers, body)
            how = wrong()
            if how == DRIPS_ITS_HEAD:
                self.wfile.write(b"HTTP/1.1 200 OK\r\nServer: ")
            elif how == DRIPS:
                self.send_response(status)
                self.end_headers()
            if how in (DRIPS, DRIPS_ITS_HEAD):
                self._drip()
                return
            self.send_response(status)
            self.send_header("Content-Length", str(len(told)))
            self.end_headers()
            with contextlib.suppress(OSError):  # one who reads no further than he wants
                self.wfile.write(told)

        def _drip(self) -> None:
            """A byte now and then, for a minute."""
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
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
