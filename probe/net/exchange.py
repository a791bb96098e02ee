"""One HTTP/1.1 exchange on one connection: a request, its answer, the end (RFC 9112; h11 reads and writes it).

No redirect is followed, nothing is tried twice, no proxy is asked, no cookie kept, no body decoded: what happened on
the line is what is told. What arrives goes straight into the parser's own buffer, and when that is full the sender is kept
waiting. What goes wrong is one of `NAMED_ERRORS`: an OSError (a lookup's, a connection's, TLS's), an EOFError (the
connection ended before the answer did) or h11's RemoteProtocolError (the answer is not HTTP). Deadlines are the caller's.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Final, cast

import h11

from probe.net.connect import Entered, Origin, find, race
from shared.failure import Stage

NAMED_ERRORS: Final = (OSError, EOFError, h11.RemoteProtocolError)
BUFFER_BYTES: Final = 1 << 16
HEAD_BYTES: Final = 1 << 14  # a longer head that is not yet whole is none; also for what stands between chunks
MOST_LENGTH_BYTES: Final = (1 << 53) - 1  # of what a record can say
WITHOUT_BODY: Final = frozenset({"GET", "DELETE"})
OURS: Final = (
    ("User-Agent", "speedproof"),
    ("Accept", "*/*"),
    ("Accept-Encoding", "identity"),
    ("Connection", "close"),
)


@dataclass(frozen=True, slots=True)
class Request:
    """What is asked for."""

    verb: str
    target: str
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""

    def events(self, authority: str) -> tuple[h11.Event, ...]:
        """What is sent."""
        headers = [("Host", authority), *OURS, *self.headers]
        if self.body or self.verb not in WITHOUT_BODY:
            headers.append(("Content-Length", str(len(self.body))))
        head = h11.Request(method=self.verb, target=self.target, headers=headers)
        return head, h11.Data(data=self.body), h11.EndOfMessage()


class Stream(asyncio.BufferedProtocol):
    """A connection and the parser it feeds."""

    def __init__(self) -> None:
        self._parser = h11.Connection(h11.CLIENT, max_incomplete_event_size=HEAD_BYTES)
        self._buffer = memoryview(bytearray(BUFFER_BYTES))
        self._transport: asyncio.Transport | None = None
        self._unread_bytes = 0
        self._news, self._gone = asyncio.Event(), asyncio.Event()
        self._error: Exception | None = None
        self._ended = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take the connection."""
        self._transport = cast("asyncio.Transport", transport)

    def get_buffer(self, _sizehint: int) -> memoryview:
        """Give room for what arrives."""
        return self._buffer

    def buffer_updated(self, nbytes: int) -> None:
        """Hand on what arrived; more than a buffer that nobody has read is enough."""
        self._parser.receive_data(bytes(self._buffer[:nbytes]))
        self._unread_bytes += nbytes
        if self._unread_bytes >= BUFFER_BYTES and self._transport is not None:
            self._transport.pause_reading()
        self._news.set()

    def eof_received(self) -> bool:
        """Take the end of what the other side sends; the connection is closed then."""
        self._ended = True
        self._news.set()
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        """Take the end of the connection, whoever ended it."""
        self._error, self._ended = exc, True
        self._news.set()
        self._gone.set()

    def send(self, events: tuple[h11.Event, ...]) -> None:
        """Send all of these, as fast as the line takes them."""
        if self._transport is not None:
            self._transport.writelines([data for event in events if (data := self._parser.send(event))])

    async def event(self) -> h11.Event:
        """The next part of the answer; raises one of NAMED_ERRORS."""
        while (event := self._parser.next_event()) is h11.NEED_DATA:
            if self._error is not None:
                raise self._error
            if self._ended:
                return self._last()
            self._go_on()
            await self._news.wait()
        return cast("h11.Event", event)

    def _go_on(self) -> None:
        self._news.clear()
        if self._unread_bytes >= BUFFER_BYTES and self._transport is not None:
            self._transport.resume_reading()
        self._unread_bytes = 0

    def _last(self) -> h11.Event:
        """What the end of the connection means: the answer's end, or that it came too early."""
        self._parser.receive_data(b"")
        try:
            return cast("h11.Event", self._parser.next_event())
        except h11.RemoteProtocolError as exc:
            raise EOFError("the connection ended before the answer") from exc

    async def end(self) -> None:
        """Leave neither a transport nor a socket."""
        if self._transport is not None:
            self._transport.abort()
            await self._gone.wait()


@dataclass(frozen=True, slots=True)
class Answer:
    """The head of an answer, and what reads its body."""

    status: int
    http: str  # the version, such as 1.1
    length_bytes: int | None  # as it was declared
    _head: h11.Response
    _stream: Stream

    @classmethod
    async def on(cls, stream: Stream) -> "Answer":
        """Wait for the head that is not a preliminary one (1xx); raises one of NAMED_ERRORS."""
        while isinstance(head := await stream.event(), h11.InformationalResponse):
            pass
        if isinstance(head, h11.Response):
            return cls(head.status_code, head.http_version.decode("ascii"), _length(head), head, stream)
        raise EOFError("no answer at all")

    def header(self, name: str) -> str:
        """A header's value; empty if there is none."""
        return next((value.decode("latin-1") for key, value in self._head.headers if key == name.lower().encode()), "")

    async def piece(self) -> bytes:
        """The next piece of the body, as it arrives; empty at its end. Raises one of NAMED_ERRORS."""
        event = await self._stream.event()
        return bytes(event.data) if isinstance(event, h11.Data) else b""

    async def body(self, most_bytes: int) -> bytes:
        """The whole body, or of a longer one as much as had arrived when it was longer."""
        body = bytearray()
        while len(body) <= most_bytes and (piece := await self.piece()):
            body += piece
        return bytes(body)


def _length(head: h11.Response) -> int | None:
    """The declared length, which chunks override (RFC 9112, section 6.3)."""
    told = dict(head.headers)
    if b"transfer-encoding" in told or b"content-length" not in told:
        return None
    length_bytes = int(told[b"content-length"])
    if length_bytes > MOST_LENGTH_BYTES:
        raise h11.RemoteProtocolError("no body is that long")
    return length_bytes


@asynccontextmanager
async def exchange(origin: Origin, request: Request, entered: Entered) -> AsyncIterator[Answer]:
    """Connect, ask, and give the answer once its head is there; afterwards nothing is left open.

    Raises one of NAMED_ERRORS, or CouldNotRun where this device has no thread to spare for a lookup.
    """
    sock = await race(await find(origin, entered), entered, origin.interface)
    if origin.context is not None:
        entered(Stage.TLS)
    host = None if origin.context is None else origin.host
    stream = Stream()
    try:
        await asyncio.get_running_loop().create_connection(
            lambda: stream, sock=sock, ssl=origin.context, server_hostname=host
        )
        entered(Stage.REQUEST)
        stream.send(request.events(origin.authority))
        yield await Answer.on(stream)
    finally:
        await stream.end()
        await asyncio.sleep(0)  # asyncio closes the socket of a broken handshake one turn later
