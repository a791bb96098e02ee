"""One connection to a collector: HTTP by uvicorn and httptools, with the bounds that they leave to others.

    a head                 64 KiB, within 30 s from the connection's beginning or from the answer before it; else 431 or 408
    waiting requests       32 behind the one that is being answered; whoever sends more is hung up on
    an answer before the   what still comes is thrown away, for 30 s and 128 MiB at most, so that the sender sees the answer
      body was whole       instead of a broken connection; 5 s behind a request that was refused here
    a reader who stops     60 s without taking a byte, while more waits than the system's buffers hold; then he is dropped
    an upgrade             is not offered: the request is answered as it is, or refused if it brings a body, which the parser
                           would take for the other protocol
    the end of it all      what is not answered 3 s after the collector was told to end is answered 503: send it again
    end of sending         whoever says no more may still listen: what was asked is answered, then the connection ends

What the parser cannot read is refused in the same words as everything else, and is not worth a warning: anybody can send it.
"""

import asyncio
import contextlib
import fcntl
import json
import logging
import sys
import termios
from asyncio import TimerHandle, Transport
from typing import Final, Literal

import httptools
from uvicorn._types import ASGI3Application, ASGIReceiveCallable, ASGISendCallable, ASGISendEvent, Scope
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol, RequestResponseCycle

from collector.api.problems import problem
from collector.errors import BadRequest, CollectorError, Ending, HeadTooLarge, TooSlow

HEAD_BYTES: Final = 64 * 1024
HEAD_S: Final = 30.0
MOST_WAITING: Final = 32
THROWN_BYTES: Final = 128 * 1024 * 1024  # twice the longest body that anybody may send
LINGER_S: Final = 5.0
STUCK_S: Final = 60.0
_FIELD_BYTES: Final = 4  # ": " and the end of the line
log = logging.getLogger(__name__)


class Connection(HttpToolsProtocol):
    """uvicorn's, bounded."""

    def connection_made(self, transport: Transport) -> None:  # type: ignore[override]
        """Begin to wait for a head."""
        super().connection_made(transport)
        self._silent_bytes = 0  # received since anything came of it
        self._head_bytes = 0
        self._thrown_bytes = 0
        self._why: CollectorError | None = None  # why what is being parsed is refused
        self._is_refused = False
        self._unsent_bytes = 0
        self._unread: TimerHandle | None = None
        self._headless: TimerHandle | None = None
        self._wait_for_head()

    def connection_lost(self, exc: Exception | None) -> None:
        """Wait for nothing any more."""
        self._has_head()
        self.resume_writing()
        self.pipeline.clear()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Take what came; refuse what is none, and what is too much."""
        if self._is_refused:
            self._throw_away(len(data))
            return
        if self.transport.is_closing():
            return
        self._unset_keepalive_if_required()
        self._silent_bytes += len(data)
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            pass  # what comes behind is not looked at: the connection ends with the answer
        except httptools.HttpParserError as error:
            self._refuse(self._why or BadRequest(f"this cannot be read as a request: {error}"))
            return
        if self._silent_bytes > HEAD_BYTES:
            self._refuse(HeadTooLarge(f"more than {HEAD_BYTES} bytes and no end of the head"))

    def eof_received(self) -> Literal[True] | None:  # type: ignore[override]
        """Answer what was asked before the end; hang up if that was nothing whole."""
        newest = self.cycle
        if self._is_refused or newest is None or newest.more_body or newest.response_complete:
            return None
        newest.keep_alive = False
        return True

    def on_message_begin(self) -> None:
        """Count a head anew."""
        self._head_bytes = 0
        super().on_message_begin()

    def on_url(self, url: bytes) -> None:
        """Count."""
        self._count(len(url))
        super().on_url(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        """Count, also those behind a body."""
        self._count(len(name) + len(value) + _FIELD_BYTES)
        super().on_header(name, value)

    def _count(self, size: int) -> None:
        self._head_bytes += size
        if self._head_bytes > HEAD_BYTES:
            self._why = HeadTooLarge(f"the head of a request is at most {HEAD_BYTES} bytes long")
            raise self._why

    def on_headers_complete(self) -> None:
        """Begin to answer, or have it wait."""
        upgrades = self.parser.should_upgrade()
        if upgrades and any(name in {b"content-length", b"transfer-encoding"} for name, _ in self.headers):
            self._why = BadRequest("there is nothing to upgrade to; send the request without Upgrade")
            raise self._why
        if len(self.pipeline) >= MOST_WAITING:
            self._why = BadRequest("too many requests at once; wait for answers")
            raise self._why
        if not self.url.startswith(b"/") and self.url != b"*" and not _has_path(self.url):
            self._why = BadRequest("the target of a request here is a path")
            raise self._why
        self._silent_bytes = 0
        self._has_head()
        super().on_headers_complete()
        if upgrades:
            self.cycle.keep_alive = False

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: ASGI3Application) -> None:
        """Have it answered; whoever has gone meanwhile is not written to, also before uvicorn has heard of it."""

        async def answered(scope: Scope, receive: ASGIReceiveCallable, send: ASGISendCallable) -> None:
            async def send_if_there(message: ASGISendEvent) -> None:
                cycle.disconnected = cycle.disconnected or self.transport.is_closing()
                await send(message)

            try:
                await app(scope, receive, send_if_there)
            except asyncio.CancelledError:  # by uvicorn, whose patience at the end is over
                if cycle.response_started:
                    raise
                status, fields, body = _spelt(Ending("the collector is ending; send it again"))
                await send_if_there({"type": "http.response.start", "status": status, "headers": fields})
                await send_if_there({"type": "http.response.body", "body": body, "more_body": False})

        super()._start_asgi_task(cycle, answered)

    def on_body(self, body: bytes) -> None:
        """Hand it on, or throw it away if it was answered already."""
        self._silent_bytes = 0
        if self.cycle.response_complete:
            self._throw_away(len(body))
        super().on_body(body)

    def _throw_away(self, size: int) -> None:
        self._thrown_bytes += size
        if self._thrown_bytes > THROWN_BYTES:
            self.transport.abort()

    def on_message_complete(self) -> None:
        """Note it."""
        self._silent_bytes = 0
        super().on_message_complete()

    def on_response_complete(self) -> None:
        """Go on with who waits, or wait for the next head."""
        self._thrown_bytes = 0
        is_idle = not self.pipeline
        super().on_response_complete()
        if is_idle and not self.transport.is_closing():
            self._wait_for_head()

    def pause_writing(self) -> None:
        """Begin to look whether anything is taken."""
        super().pause_writing()
        self._look_again()

    def resume_writing(self) -> None:
        """Look no more."""
        if self._unread is not None:
            self._unread.cancel()
            self._unread = None
        super().resume_writing()

    def _look_again(self) -> None:
        self._unsent_bytes = self._unsent()
        self._unread = self.loop.call_later(STUCK_S, self._is_stuck)

    def _is_stuck(self) -> None:
        if self._unsent() >= self._unsent_bytes:
            self.transport.abort()
        else:
            self._look_again()

    def _unsent(self) -> int:
        """Bytes that the other side has not taken, here and, where that can be asked, in the system's buffer."""
        size = self.transport.get_write_buffer_size()
        with contextlib.suppress(OSError):
            told = fcntl.ioctl(self.transport.get_extra_info("socket").fileno(), termios.TIOCOUTQ, bytes(4))
            size += int.from_bytes(told, sys.byteorder)
        return size

    def _wait_for_head(self) -> None:
        self._has_head()
        self._headless = self.loop.call_later(HEAD_S, self._has_no_head)

    def _has_head(self) -> None:
        if self._headless is not None:
            self._headless.cancel()
            self._headless = None

    def _has_no_head(self) -> None:
        if self._silent_bytes or self._thrown_bytes:
            self._refuse(TooSlow(f"no whole request came within {HEAD_S:.0f} s"))
        else:
            self.transport.close()

    def _refuse(self, error: CollectorError) -> None:
        """Say why, unless another answer is on its way or was given already, and hang up."""
        log.info("refused a connection: %s", error)
        self._is_refused = True
        cycle = self.cycle
        if cycle is not None:
            cycle.disconnected = True
            cycle.message_event.set()
            if self.pipeline or _is_answered(cycle):
                self.transport.abort()
                return
        status, own, body = _spelt(error)
        fields = [*self.server_state.default_headers, *own, (b"connection", b"close")]
        lines = b"".join(b"%b: %b\r\n" % field for field in fields)
        self.transport.write(STATUS_LINE[status] + lines + b"\r\n" + body)
        self.transport.write_eof()
        self._thrown_bytes = 0
        self._has_head()
        self._headless = self.loop.call_later(LINGER_S, self.transport.abort)


def _spelt(error: CollectorError) -> tuple[int, list[tuple[bytes, bytes]], bytes]:
    """Status, headers and body of the answer to an error."""
    status, headers, words = problem(error)
    body = json.dumps(words).encode()
    fields = [(name.lower().encode(), value.encode()) for name, value in headers.items()]
    return status, [*fields, (b"content-length", b"%d" % len(body))], body


def _is_answered(cycle: RequestResponseCycle) -> bool:
    """Whether a request's answer is on its way, or was given before the request was whole: it must not be given another."""
    if cycle.response_complete:
        return cycle.more_body
    return cycle.response_started or not cycle.more_body


def _has_path(target: bytes) -> bool:
    try:
        return httptools.parse_url(target).path is not None
    except httptools.HttpParserError:
        return False
