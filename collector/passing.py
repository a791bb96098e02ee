"""Passing requests on to the process that has the index: everything a worker does not answer itself, byte for byte.

A body is read before anybody is asked, up to 64 KiB of it: so whoever dawdles holds nothing of the other process, and all that
strangers may send is whole by then. Of a longer one the rest is handed on as it comes; the other process answers before that
unless the desk sends it.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Final

import aiohttp
from aiohttp import ClientSession, ClientTimeout, DummyCookieJar, UnixConnector
from starlette.requests import Request
from starlette.types import Receive, Scope, Send
from yarl import URL

from collector.api.intake import SILENCE_S, Intake, next_part
from collector.errors import BadRequest, DeskAway, TooSlow

_HOP_BY_HOP: Final = {
    "connection", "expect", "keep-alive", "proxy-authenticate", "proxy-authorization", "te", "trailer", "transfer-encoding",
    "upgrade",
}  # fmt: skip
_PATIENCE_S: Final = 120  # judging a line with years of measurements takes its time
_TURN_S: Final = 30  # for a connection to become free
_MOST_ASKED: Final = 256  # at a time
_BEGINNING_BYTES: Final = 64 * 1024
_OURS: Final = ("accept", "accept-encoding", "user-agent", "content-type")  # what the library would put in by itself


class Desk:
    """The other process, reached by a socket in the file system; for one event loop."""

    def __init__(self, address: str) -> None:
        """Talk to the process that listens here; connects when first asked."""
        self._address = address
        self._session: ClientSession | None = None

    async def close(self) -> None:
        """Hang up."""
        if self._session is not None:
            await self._session.close()

    def _opened(self) -> ClientSession:
        if self._session is None:
            self._session = ClientSession(
                connector=UnixConnector(self._address, limit=_MOST_ASKED),
                cookie_jar=DummyCookieJar(),
                auto_decompress=False,
                skip_auto_headers=_OURS,
                timeout=ClientTimeout(total=None, connect=_TURN_S, sock_connect=5, sock_read=_PATIENCE_S),
            )
        return self._session

    async def post(self, path: str, media_type: str, body: bytes) -> tuple[int, str, bytes]:
        """Hand over a body; status, media type and body of the answer. Raises DeskAway."""
        try:
            async with (
                _not_cancelled(),
                self._opened().post(f"http://desk{path}", data=body, headers={"Content-Type": media_type}) as answer,
            ):
                return answer.status, answer.headers.get("content-type", ""), await answer.read()
        except (aiohttp.ClientError, OSError, TimeoutError) as error:
            raise DeskAway(f"the process with the index does not answer: {error}") from error

    async def pass_on(self, scope: Scope, receive: Receive, send: Send, intake: Intake) -> None:
        """Hand over a whole request and give back the whole answer.

        Raises while nothing was given back yet: BadRequest, what `intake` raises, DeskAway.
        """
        request = Request(scope, receive)
        if "content-length" not in request.headers and "transfer-encoding" not in request.headers:
            await self._ask(request, send, None)
            return
        async with intake.beginning(request, _BEGINNING_BYTES) as (begun, is_whole):
            await self._ask(request, send, begun if is_whole else _Rest(begun, receive))

    async def _ask(self, request: Request, send: Send, data: "bytes | _Rest | None") -> None:
        url, headers, begun = _url(request), _kept(request), False
        try:
            async with (
                _not_cancelled(),
                self._opened().request(
                    request.method, url, headers=headers, data=data, allow_redirects=False
                ) as answer,
            ):
                begun = True
                await send(
                    {"type": "http.response.start", "status": answer.status, "headers": _raw(answer.raw_headers)}
                )
                async for part in answer.content.iter_any():
                    await send({"type": "http.response.body", "body": part, "more_body": True})
                await send({"type": "http.response.body", "body": b""})
        except (aiohttp.ClientError, OSError, TimeoutError) as error:
            if begun:
                raise
            if isinstance(data, _Rest) and data.why is not None:
                raise data.why from error
            raise DeskAway(f"the process with the index does not answer: {error}") from error


class _Rest:
    """A long body: what has come of it, then the rest as it comes; and why, if no more did."""

    def __init__(self, begun: bytes, receive: Receive) -> None:
        self._begun, self._receive = begun, receive
        self.why: BadRequest | TooSlow | None = None

    async def __aiter__(self) -> AsyncIterator[bytes]:
        yield self._begun
        is_last = False
        try:
            while not is_last:
                async with asyncio.timeout(SILENCE_S):
                    part, is_last = await next_part(self._receive)
                if part:
                    yield part
        except TimeoutError as error:
            self.why = TooSlow("the body stopped coming")
            raise ConnectionResetError(str(self.why)) from error
        except BadRequest as error:
            self.why = error
            raise ConnectionResetError(str(error)) from error


@contextlib.asynccontextmanager
async def _not_cancelled() -> AsyncIterator[None]:
    """Take for what it is what uvloop does to whoever is refused a connection: it cancels him."""
    try:
        yield
    except asyncio.CancelledError as error:
        task = asyncio.current_task()
        if task is not None and task.cancelling():
            raise
        raise ConnectionRefusedError("nobody listens") from error


def _url(request: Request) -> URL:
    """Where to ask, as it was spelt; raises BadRequest for a target that is no path."""
    path, query = request.scope["raw_path"].decode("latin-1"), request.scope["query_string"].decode("latin-1")
    if not path.startswith("/"):
        raise BadRequest(f"{path[:100]!r} is no path; nothing else can be asked for here")
    try:
        return URL(f"http://desk{path}{'?' if query else ''}{query}", encoded=True)
    except ValueError as error:
        raise BadRequest(f"this path cannot be asked for: {error}") from error


def _kept(request: Request) -> list[tuple[str, str]]:
    """The headers that are not for this connection alone."""
    own = _HOP_BY_HOP | {
        token.strip().lower() for value in request.headers.getlist("connection") for token in value.split(",")
    }
    told = [(name.decode("latin-1").lower(), _text(value)) for name, value in request.scope["headers"]]
    return [(name, value) for name, value in told if name not in own]


def _text(value: bytes) -> str:
    """A header's value as the library spells it again: its bytes, or, if they are no UTF-8, something that nobody looks for."""
    try:
        return value.decode("utf-8")
    except UnicodeDecodeError:
        return value.decode("latin-1")


def _raw(headers: tuple[tuple[bytes, bytes], ...]) -> list[tuple[bytes, bytes]]:
    return [(name.lower(), value) for name, value in headers if name.decode("latin-1").lower() not in _HOP_BY_HOP]
