"""One exchange over real sockets: what is asked, what is read of whatever comes back, and that nothing is left."""

import asyncio
import contextlib
import socket
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import h11
import psutil
import pytest
from fakes.certificate import certificate
from fakes.peer import free_port, mute_port
from hypothesis import given, settings
from hypothesis import strategies as st

from probe.net.connect import Origin
from probe.net.exchange import BUFFER_BYTES, HEAD_BYTES, NAMED_ERRORS, Answer, Request, Stream, exchange
from probe.net.http import read_url
from shared.failure import Stage

MOST_BYTES = 100_000
MOST_SENT_BYTES = 50_000_000
PIECE = bytes(10_000)


@dataclass
class Host:
    """A server that takes one request after the other, says what it was told to say, and closes."""

    said: tuple[bytes, ...] = ()
    body_bytes: int = 0
    then: str = "close"
    port: int = 0
    requests: list[bytes] = field(default_factory=list)
    sent_bytes: int = 0
    asked: asyncio.Event = field(default_factory=asyncio.Event)
    gone: asyncio.Event = field(default_factory=asyncio.Event)

    async def talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer one request."""
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            head = await reader.readuntil(b"\r\n\r\n")
            self.requests.append(head + await reader.readexactly(self.body_bytes))
            self.asked.set()
            for piece in self.said:
                writer.write(piece)
                await writer.drain()
                await asyncio.sleep(0.001)  # so that each arrives alone
            while self.then == "flood" and self.sent_bytes < MOST_SENT_BYTES:
                writer.write(PIECE)
                self.sent_bytes += len(PIECE)
                await asyncio.wait_for(writer.drain(), 20)
            if self.then == "stall":
                await self.gone.wait()
        writer.close()

    def origin(self, scheme: str = "http", ca: Path | None = None) -> Origin:
        """Say where it is."""
        return Origin.at(read_url(f"{scheme}://127.0.0.1:{self.port}"), ca)


@asynccontextmanager
async def serving(host: Host, tls: ssl.SSLContext | None = None) -> AsyncIterator[Host]:
    """Keep a host up on a free port of loopback."""
    server = await asyncio.start_server(host.talk, "127.0.0.1", 0, ssl=tls)
    host.port = server.sockets[0].getsockname()[1]
    try:
        yield host
    finally:
        host.gone.set()
        server.close()
        await server.wait_closed()
        await asyncio.sleep(0.01)


def ignore(_stage: Stage) -> None:
    """Take no notice of a stage."""


async def ask(origin: Origin, request: Request | None = None) -> tuple[int, bytes]:
    """Exchange once: status and body."""
    async with exchange(origin, request or Request("GET", "/"), ignore) as answer:
        return answer.status, await answer.body(MOST_BYTES)


async def ask_watched(origin: Origin, seen: list[Stage]) -> None:
    """Exchange once, and note the stages."""
    async with exchange(origin, Request("GET", "/"), seen.append):
        pass


def head(*fields: str, status: str = "HTTP/1.1 200 OK") -> bytes:
    """Write the head of an answer."""
    return "\r\n".join((status, *fields, "", "")).encode()


@pytest.mark.parametrize(
    ("request_", "first", "length"),
    [
        (Request("GET", "/a%20b?c=d"), b"GET /a%20b?c=d HTTP/1.1", None),
        (Request("DELETE", "/x"), b"DELETE /x HTTP/1.1", None),
        (Request("POST", "/x"), b"POST /x HTTP/1.1", b"0"),
        (Request("POST", "/x", (("X-More", "yes"),), b"hello"), b"POST /x HTTP/1.1", b"5"),
    ],
)
async def test_what_is_asked(request_: Request, first: bytes, length: bytes | None) -> None:
    """A request says what it wants, of whom, that nothing may be encoded, and how long its body is if it may have one."""
    async with serving(Host((head("Content-Length: 0"),), len(request_.body))) as host:
        assert await ask(host.origin(), request_) == (200, b"")
        (asked,) = host.requests
    line, *fields = asked.partition(b"\r\n\r\n")[0].split(b"\r\n")
    told = dict(field.split(b": ") for field in fields)
    assert line == first
    assert told[b"Host"] == b"127.0.0.1:%d" % host.port
    assert (told[b"Accept-Encoding"], told[b"Connection"]) == (b"identity", b"close")
    assert told.get(b"Content-Length") == length
    assert asked.endswith(request_.body)
    assert (b"X-More" in told) == bool(request_.headers)


WHOLE = {
    "by length": (head("Content-Length: 10"), b"01234", b"56789"),
    "in chunks": (head("Transfer-Encoding: chunked"), b"5;x=y\r\n01234\r\n", b"5\r\n56789\r\n0\r\nX: y\r\n\r\n"),
    "chunks before length": (head("Transfer-Encoding: chunked", "Content-Length: 3"), b"a\r\n0123456789\r\n0\r\n\r\n"),
    "until it closes": (head(), b"01234", b"56789"),
    "of HTTP/1.0": (head(status="HTTP/1.0 200 OK"), b"0123456789"),
    "after preliminary answers": (
        head(status="HTTP/1.1 103 Early"),
        head(status="HTTP/1.1 100 Go on"),
        head("Content-Length: 10") + b"0123456789",
    ),
    "byte by byte": tuple(bytes([byte]) for byte in head("Content-Length: 10") + b"0123456789"),
    "and more than that": (head("Content-Length: 10"), b"0123456789", b"and more"),
}


@pytest.mark.parametrize("said", WHOLE.values(), ids=WHOLE)
async def test_whole_answers(said: tuple[bytes, ...]) -> None:
    """A body is as long as its length, its chunks or its connection says, and nothing before or after it is part of it."""
    async with serving(Host(said)) as host:
        assert await ask(host.origin()) == (200, b"0123456789")


WRONG: dict[str, tuple[tuple[bytes, ...], type[Exception]]] = {
    "nothing": ((), EOFError),
    "half a head": ((b"HTTP/1.1 200 OK\r\nX: ",), EOFError),
    "only preliminary": ((head(status="HTTP/1.1 100 Go on"),), EOFError),
    "a short body": ((head("Content-Length: 10"), b"01234"), EOFError),
    "a short chunk": ((head("Transfer-Encoding: chunked"), b"a\r\n01234"), EOFError),
    "no last chunk": ((head("Transfer-Encoding: chunked"), b"a\r\n0123456789\r\n"), EOFError),
    "no HTTP": ((b"what?\r\n\r\n",), h11.RemoteProtocolError),
    "TLS": ((b"\x15\x03\x03\x00\x02\x02\x46",), h11.RemoteProtocolError),
    "a header without name": ((head(": x"),), h11.RemoteProtocolError),
    "no such chunk": ((head("Transfer-Encoding: chunked"), b"x\r\n"), h11.RemoteProtocolError),
    "another encoding": ((head("Transfer-Encoding: gzip, chunked"),), h11.RemoteProtocolError),
    "two lengths": ((head("Content-Length: 1", "Content-Length: 2"),), h11.RemoteProtocolError),
    "a negative length": ((head("Content-Length: -1"),), h11.RemoteProtocolError),
    "a length no record holds": ((head(f"Content-Length: {1 << 53}"),), h11.RemoteProtocolError),
    "a length without end": ((head("Content-Length: " + "9" * 5000),), h11.RemoteProtocolError),
    "another protocol": ((head("Upgrade: x", status="HTTP/1.1 101 Switch"),), h11.RemoteProtocolError),
    "a head without end": ((b"HTTP/1.1 200 OK\r\n", b"X: y\r\n" * HEAD_BYTES), h11.RemoteProtocolError),
    "a chunk's head without end": (
        (head("Transfer-Encoding: chunked"), b"5;" + b"x" * 2 * HEAD_BYTES),
        h11.RemoteProtocolError,
    ),
}


@pytest.mark.parametrize(("said", "error"), WRONG.values(), ids=WRONG)
async def test_what_is_no_whole_answer(said: tuple[bytes, ...], error: type[Exception]) -> None:
    """An answer that ends early and one that is not HTTP are two things, and each is asked for once only."""
    async with serving(Host(said)) as host:
        with pytest.raises(error):
            await ask(host.origin())
        assert len(host.requests) == 1


class Nowhere(asyncio.Transport):
    """A connection to nobody."""

    def write(self, data: object) -> None:
        """Lose it."""

    def pause_reading(self) -> None:
        """There is nothing to read."""

    resume_reading = pause_reading


@given(
    st.lists(st.binary(max_size=30) | st.sampled_from([piece for said in WHOLE.values() for piece in said]), max_size=6)
)
@settings(deadline=None, max_examples=60)
def test_any_bytes_are_an_answer_or_an_error(said: list[bytes]) -> None:
    """Whatever arrives, reading it ends, in an answer or in an error that has a name."""

    async def read() -> None:
        stream = Stream()
        stream.connection_made(Nowhere())
        stream.send(Request("GET", "/").events("a.example"))
        for piece in filter(None, said):
            stream.get_buffer(-1)[: len(piece)] = piece
            stream.buffer_updated(len(piece))
        stream.eof_received()
        answer = await Answer.on(stream)
        while await answer.piece():
            pass

    with contextlib.suppress(*NAMED_ERRORS):
        asyncio.run(asyncio.wait_for(read(), 5))


async def test_the_head() -> None:
    """Status, version, declared length and headers are those of the answer, whatever their case, and no redirect is followed."""
    said = head("Content-Length: 3", "RETRY-after: 7", "Location: /elsewhere", status="HTTP/1.0 302 Found")
    async with serving(Host((said, b"abc"))) as host:
        async with exchange(host.origin(), Request("GET", "/"), ignore) as answer:
            assert (answer.status, answer.http, answer.length_bytes) == (302, "1.0", 3)
            assert (answer.header("Retry-After"), answer.header("X")) == ("7", "")
            assert (await answer.piece(), await answer.piece()) == (b"abc", b"")
        assert len(host.requests) == 1


async def test_a_body_beyond_the_limit() -> None:
    """Of a body without end no more is taken than shows that it is too long."""
    async with serving(Host((head(),), then="flood")) as host:
        _status, body = await ask(host.origin())
    assert MOST_BYTES < len(body) <= MOST_BYTES + 2 * BUFFER_BYTES


async def test_a_sender_waits_for_a_reader() -> None:
    """What nobody reads is not taken from the line, and whoever reads it later gets all of it."""
    async with serving(Host((head(),), then="flood")) as host:
        async with exchange(host.origin(), Request("GET", "/"), ignore) as answer:
            before = -1
            async with asyncio.timeout(10):
                while before != host.sent_bytes:
                    before = host.sent_bytes
                    await asyncio.sleep(0.2)
            assert before < MOST_SENT_BYTES
            read_bytes = 0
            while piece := await answer.piece():
                read_bytes += len(piece)
        assert read_bytes == host.sent_bytes >= MOST_SENT_BYTES


async def test_an_answer_before_the_request_is_out() -> None:
    """A server that has heard enough is understood, although it never took the whole request."""
    async with serving(Host((head("Content-Length: 2", status="HTTP/1.1 413 Large"), b"no"), then="stall")) as host:
        assert await ask(host.origin(), Request("POST", "/", body=bytes(20_000_000))) == (413, b"no")


async def test_a_long_request_arrives(tmp_path: Path) -> None:
    """A request longer than any buffer arrives whole, over TLS too."""
    context, authority = certificate(tmp_path)
    body = bytes(range(256)) * 20_000
    for scheme, tls, ca in (("http", None, None), ("https", context, authority)):
        async with serving(Host((head("Content-Length: 0"),), len(body)), tls) as host:
            assert await ask(host.origin(scheme, ca), Request("POST", "/", body=body)) == (200, b"")
            assert host.requests[0].endswith(body)


@pytest.mark.parametrize("name", ["http_proxy", "HTTP_PROXY", "all_proxy"])
async def test_no_proxy_is_asked(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """A proxy in the environment is for others."""
    monkeypatch.setenv(name, f"http://127.0.0.1:{free_port()}")
    async with serving(Host((head("Content-Length: 0"),))) as host:
        assert await ask(host.origin()) == (200, b"")


async def test_the_stages(tmp_path: Path) -> None:
    """Each stage is announced in its order, those that there are."""
    context, authority = certificate(tmp_path)
    seen: list[Stage] = []
    async with serving(Host((head("Content-Length: 0"),)), context) as host:
        await ask_watched(host.origin("https", authority), seen)
    assert seen == [Stage.CONNECT, Stage.TLS, Stage.REQUEST]
    seen.clear()
    with pytest.raises(socket.gaierror):
        await ask_watched(Origin.at(read_url("http://no-such-host.invalid")), seen)
    assert seen == [Stage.DNS]


def test_without_tls_no_authority_is_loaded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who speaks no TLS needs nobody to believe."""

    def refuse(*_: object) -> None:
        raise AssertionError

    monkeypatch.setattr(ssl.SSLContext, "load_default_certs", refuse)
    assert Origin.at(read_url("http://127.0.0.1:1")).context is None
    with pytest.raises(AssertionError):
        Origin.at(read_url("https://127.0.0.1:1"))


def left(before: set[asyncio.Task[None]], port: int) -> list[str]:
    """What an exchange with a port left behind on this side."""
    tasks = [repr(task.get_coro()) for task in asyncio.all_tasks() - before]
    sockets = [str(one) for one in psutil.Process().net_connections("tcp") if one.raddr and one.raddr.port == port]
    return [one for one in tasks if "probe" in one] + sockets


@pytest.mark.parametrize("stage", [Stage.TLS, Stage.REQUEST, Stage.BODY])
@pytest.mark.parametrize("cancelled", [False, True])
async def test_nothing_is_left(stage: Stage, *, cancelled: bool, tmp_path: Path) -> None:
    """Wherever an exchange is left, by whoever waits for it or by an error within, no task and no socket stays."""
    context, authority = certificate(tmp_path)
    here = asyncio.Event()

    async def go(origin: Origin) -> None:
        def entered(now: Stage) -> None:
            if now is stage:
                here.set()

        async with exchange(origin, Request("GET", "/"), entered) as answer:
            await answer.piece()
            here.set()
            await (answer.piece() if cancelled else asyncio.sleep(0))
            raise ZeroDivisionError

    said = (head("Content-Length: 10"), b"01234") if stage is Stage.BODY else ()
    async with mute_port() as mute, serving(Host(said, then="stall"), context) as host:
        port = mute if stage is Stage.TLS else host.port
        before = asyncio.all_tasks()
        task = asyncio.create_task(go(Origin.at(read_url(f"https://127.0.0.1:{port}"), authority)))
        await here.wait()
        await asyncio.sleep(0.05)
        if cancelled or stage is not Stage.BODY:
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
        else:
            with pytest.raises(ZeroDivisionError):
                await task
        assert left(before - {task}, port) == []


async def test_a_handshake_that_fails_leaves_nothing(tmp_path: Path) -> None:
    """A server that is not believed is asked nothing, and leaves no socket here."""
    context, _authority = certificate(tmp_path)
    async with serving(Host(), context) as host:
        before = asyncio.all_tasks()
        with pytest.raises(ssl.SSLCertVerificationError):
            await ask(host.origin("https"))
        assert host.requests == []
        assert left(before, host.port) == []
