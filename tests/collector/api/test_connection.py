"""What a connection is held to beside HTTP itself: on real sockets, by an application that says what it was asked."""

import asyncio
import contextlib
import json
import socket
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest
import uvicorn
from starlette.types import Receive, Scope, Send
from uvicorn.config import LoopFactoryType

from collector.api import connection
from collector.api.connection import HEAD_BYTES, MOST_WAITING, Connection

PATIENCE_S = 20
LARGE = 8_000_000  # more than any socket's buffers take


@dataclass
class Seen:
    """The application: what it was asked, and when a body was cut off."""

    port: int = 0
    asked: list[tuple[str, bytes]] = field(default_factory=list)
    cut_off: int = 0
    sent_all: threading.Event = field(default_factory=threading.Event)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer with the body; `/early` before it is there, `/large` with much, `/late` after a moment."""
        path, body, is_last = scope["path"], b"", scope["path"] == "/early"
        while not is_last:
            message = await receive()
            if message["type"] == "http.disconnect":
                self.cut_off += 1
                return
            body, is_last = body + message["body"], not message["more_body"]
        self.asked.append((path, body))
        if path == "/late":
            await asyncio.sleep(0.2)
        told = b"x" * LARGE if path == "/large" else body
        length = [(b"content-length", b"%d" % len(told))]
        await send({"type": "http.response.start", "status": 200, "headers": length})
        for begin in range(0, len(told) or 1, 65_536):
            part = told[begin : begin + 65_536]
            await send({"type": "http.response.body", "body": part, "more_body": begin + 65_536 < len(told)})
        self.sent_all.set()

    def talk(self, *parts: bytes, ends: bool = False) -> bytes:
        """Everything that comes back for these bytes until the collector hangs up."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=PATIENCE_S) as one:
            with contextlib.suppress(ConnectionError):
                for part in parts:
                    one.sendall(part)
                if ends:
                    one.shutdown(socket.SHUT_WR)
            return rest(one)


def rest(one: socket.socket) -> bytes:
    """What still comes until the other side hangs up."""
    found = b""
    with contextlib.suppress(ConnectionError):
        while part := one.recv(65_536):
            found += part
    return found


def error(said: bytes) -> tuple[int, str]:
    """Status and name of a refusal, which is the last thing said."""
    head, _, body = said.partition(b"\r\n\r\n")
    assert b"content-type: application/problem+json" in head
    assert b"connection: close" in head
    told = json.loads(body)
    assert told["detail"]
    assert int(head[9:12]) == told["status"]
    return told["status"], told["error"]


class _Server(uvicorn.Server):
    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.ready = threading.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.ready.set()


@dataclass
class Behind:
    """What listens for all tests; each has an application of its own."""

    app: Seen = field(default_factory=Seen)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let the application that is there when a request comes answer it to its end."""
        await self.app(scope, receive, send)


@contextlib.contextmanager
def listening(app: Behind, loop: LoopFactoryType) -> Iterator[_Server]:
    """A server with this kind of connection; it has ended when this is left."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        app.app.port = listener.getsockname()[1]
        config = uvicorn.Config(
            app, log_level="critical", ws="none", http=Connection, lifespan="off", loop=loop,
            timeout_keep_alive=1, timeout_graceful_shutdown=1,
        )  # fmt: skip
        server = _Server(config)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        try:
            assert server.ready.wait(PATIENCE_S)
            yield server
        finally:
            server.should_exit = True
            thread.join()


@pytest.fixture(scope="module", params=["asyncio", "uvloop"])
def behind(request: pytest.FixtureRequest) -> Iterator[Behind]:
    """A server for many tests, in either event loop."""
    app = Behind()
    with listening(app, request.param):
        yield app


@pytest.fixture
def seen(behind: Behind) -> Seen:
    """An application behind it, which nobody has asked yet."""
    behind.app = Seen(behind.app.port)
    return behind.app


def test_a_head_has_an_end(seen: Seen) -> None:
    """A head may be 64 KiB long: in one field, in many, in its target, or without any end, more is 431, and nobody is asked."""
    fits = b"GET / HTTP/1.1\r\nX: " + b"x" * (HEAD_BYTES - 100) + b"\r\nConnection: close\r\n\r\n"
    assert seen.talk(fits).startswith(b"HTTP/1.1 200 ")
    seen.asked.clear()
    for flood in (
        b"GET / HTTP/1.1\r\nX: " + b"x" * HEAD_BYTES + b"\r\n\r\n",
        b"GET / HTTP/1.1\r\n" + b"X: y\r\n" * HEAD_BYTES,
        b"GET /" + b"x" * HEAD_BYTES + b" HTTP/1.1\r\n\r\n",
        b"GET / HTTP/1.1\r\nX: " + b"x" * 5_000_000,
        b"GET / HTTP/1.1\r\n" + b"x" * 5_000_000,
    ):
        assert error(seen.talk(flood)) in {(431, "head_too_large"), (400, "bad_request")}
    assert seen.asked == []


def test_what_stands_behind_a_body_has_an_end(seen: Seen) -> None:
    """Trailers without end, and words beside a chunk's length without end, are refused while they come."""
    head = b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n"
    for flood in (b"0\r\n" + b"X: y\r\n" * HEAD_BYTES, b"5;" + b"x" * 5_000_000):
        assert error(seen.talk(head, flood)) == (431, "head_too_large")
    assert seen.asked == []
    deadline = time.monotonic() + PATIENCE_S
    while seen.cut_off != 2:
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_a_head_that_does_not_come(seen: Seen, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever sends nothing is hung up on, whoever sends a little is told 408: a byte now and then buys no time."""
    monkeypatch.setattr(connection, "HEAD_S", 0.3)
    assert seen.talk() == b""
    assert error(seen.talk(b"GET / HT")) == (408, "too_slow")
    with socket.create_connection(("127.0.0.1", seen.port), timeout=PATIENCE_S) as one:
        one.settimeout(0.05)
        said = b""
        with contextlib.suppress(ConnectionError):
            while not said:
                one.sendall(b"\r\n")
                with contextlib.suppress(TimeoutError):
                    said = one.recv(65_536)
        assert said.startswith(b"HTTP/1.1 408 ")
    assert seen.asked == []


def test_requests_in_a_row(seen: Seen) -> None:
    """Requests sent without waiting are answered in order; more than a few dozen ahead are not taken."""
    few = [b"POST / HTTP/1.1\r\nContent-Length: 2\r\n\r\n%02d" % number for number in range(20)]
    said = seen.talk(b"".join(few), ends=True)
    assert [part[-2:] for part in said.split(b"HTTP/1.1 200 ")[1:]] == [b"%02d" % number for number in range(20)]
    seen.asked.clear()
    many = b"GET /late HTTP/1.1\r\n\r\n" * 50_000
    assert seen.talk(many) == b""
    assert len(seen.asked) <= MOST_WAITING + 1


def test_an_answer_is_given_once(seen: Seen) -> None:
    """Nonsense behind a request takes nothing from its answer and adds none: there is one answer, or the connection breaks."""
    said = seen.talk(b"POST /late HTTP/1.1\r\nContent-Length: 2\r\n\r\nab" + b"\x00nonsense\r\n\r\n")
    assert said.count(b"HTTP/1.1") <= 1
    assert b" 400 " not in said
    said = seen.talk(b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\nnonsense\r\n")
    assert error(said) == (400, "bad_request")


def test_half_closed(seen: Seen) -> None:
    """Whoever has asked and says no more is answered, also late, and then hung up on; one cut off in a body is not."""
    for path in (b"/", b"/late"):
        said = seen.talk(b"POST %b HTTP/1.1\r\nContent-Length: 2\r\n\r\nab" % path, ends=True)
        assert said.startswith(b"HTTP/1.1 200 ")
        assert said.endswith(b"ab")
    said = seen.talk(b"POST /late HTTP/1.1\r\nContent-Length: 2\r\n\r\nabGET / HTTP/1.1\r\n\r\n", ends=True)
    assert said.count(b"HTTP/1.1 200 ") == 2
    assert seen.talk(b"POST / HTTP/1.1\r\nContent-Length: 9\r\n\r\nab", ends=True) == b""


def test_answered_before_the_body_was_whole(seen: Seen, monkeypatch: pytest.MonkeyPatch) -> None:
    """The sender sees an early answer although he goes on sending; he may go on after the body, but not for ever."""
    head = b"POST /early HTTP/1.1\r\nContent-Length: %d\r\n\r\n"
    said = seen.talk(head % LARGE, b"x" * LARGE, b"GET / HTTP/1.1\r\nConnection: close\r\n\r\n")
    assert said.count(b"HTTP/1.1 200 ") == 2
    monkeypatch.setattr(connection, "THROWN_BYTES", 1_000_000)
    with socket.create_connection(("127.0.0.1", seen.port), timeout=PATIENCE_S) as one:
        one.sendall(head % 10**9)
        sent, parts = 0, 10**9 // 65_536
        with contextlib.suppress(ConnectionError):
            for _ in range(parts):
                one.sendall(b"x" * 65_536)
                sent += 1
    assert sent < parts / 2


def test_a_reader_who_stops(seen: Seen, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever takes nothing of a large answer is dropped after a while, whoever takes a little now and then gets all of it."""
    monkeypatch.setattr(connection, "STUCK_S", 1.5)
    with socket.create_connection(("127.0.0.1", seen.port), timeout=PATIENCE_S) as one:
        one.sendall(b"GET /large HTTP/1.1\r\nConnection: close\r\n\r\n")
        assert seen.sent_all.wait(PATIENCE_S)  # into nothing: the connection is gone
        assert len(rest(one)) < LARGE
    with socket.create_connection(("127.0.0.1", seen.port), timeout=PATIENCE_S) as one:
        one.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65_536)
        one.sendall(b"GET /large HTTP/1.1\r\nConnection: close\r\n\r\n")
        taken, pauses = 0, 15
        while part := one.recv(50_000):
            taken += len(part)
            pauses -= 1
            if pauses > 0:
                time.sleep(0.2)  # twice as long in all as whoever takes nothing is given
        assert taken > LARGE


@pytest.mark.parametrize("protocol", ["websocket", "h2c", "TLS/1.3"])
def test_upgrades(seen: Seen, protocol: str) -> None:
    """An offer to change the protocol is ignored, and ends the connection; one with a body, which would be lost, is refused."""
    offer = f"Connection: Upgrade\r\nUpgrade: {protocol}\r\n".encode()
    said = seen.talk(b"GET / HTTP/1.1\r\n" + offer + b"\r\n\x00\x01other")
    assert said.startswith(b"HTTP/1.1 200 ")
    assert said.count(b"HTTP/1.1") == 1
    said = seen.talk(b"POST / HTTP/1.1\r\n" + offer + b"Content-Length: 2\r\n\r\nab")
    assert error(said) == (400, "bad_request")
    assert b"without Upgrade" in said
    assert [path for path, _ in seen.asked] == ["/"]


@pytest.mark.parametrize(
    "nonsense",
    [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n",
        b"FETCH / HTTP/1.1\r\n\r\n",
        b"CONNECT elsewhere:443 HTTP/1.1\r\n\r\n",
        b"GET http://elsewhere HTTP/1.1\r\n\r\n",
        b"GET http:///// HTTP/1.1\r\n\r\n",
        b"GET /\xff HTTP/1.1\r\n\r\n",
        b"GET / HTTP/1.1\r\nX: a\x00b\r\n\r\n",
        b"GET / HTTP/1.1\r\nX : a\r\n\r\n",
        b"GET / HTTP/1.1\r\nX: a\r\n b\r\n\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"POST / HTTP/1.1\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"POST / HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab",
        b"POST / HTTP/1.1\r\nTransfer-Encoding: identity\r\n\r\nab",
        b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n",
    ],
)
def test_what_is_no_request(seen: Seen, nonsense: bytes) -> None:
    """What cannot be read, or can be read in two ways, is 400 in the words of every other error, and nobody is asked."""
    assert error(seen.talk(nonsense)) == (400, "bad_request")
    assert seen.asked == []


def test_old_clients(seen: Seen) -> None:
    """HTTP/1.0 is answered and hung up on; a target with a host in it is its path."""
    assert seen.talk(b"GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n").startswith(b"HTTP/1.1 200 ")
    assert seen.talk(b"GET http://elsewhere/a?b HTTP/1.1\r\nConnection: close\r\n\r\n").startswith(b"HTTP/1.1 200 ")
    assert [path for path, _ in seen.asked] == ["/", "/a"]


class Endless(Seen):
    """One whose answers never end: not begun, or begun and not whole."""

    begins = False

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Wait for ever."""
        self.asked.append((scope["path"], b""))
        if self.begins:
            await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"9")]})
            await send({"type": "http.response.body", "body": b"be", "more_body": True})
        await asyncio.Event().wait()


@pytest.mark.parametrize("loop", ["asyncio", "uvloop"])
@pytest.mark.parametrize("begins", [False, True])
def test_who_still_waits_at_the_end_is_told_so(loop: LoopFactoryType, begins: bool) -> None:
    """Whoever was not answered in time when all ends is told to send it again; an answer that was begun stays unfinished."""
    app = Endless()
    app.begins = begins
    with listening(Behind(app), loop) as server, socket.create_connection(("127.0.0.1", app.port)) as one:
        one.settimeout(PATIENCE_S)
        one.sendall(b"POST /v1/batches HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n")
        deadline = time.monotonic() + PATIENCE_S
        while not app.asked:
            assert time.monotonic() < deadline
            time.sleep(0.01)
        server.should_exit = True
        said = rest(one)
    if begins:
        assert said.endswith(b"\r\n\r\nbe")
        return
    assert said.startswith(b"HTTP/1.1 503 ")
    assert b"retry-after: " in said
    assert error(said) == (503, "ending")
