"""Passing requests on to the process that has the index: everything a worker does not answer itself, byte for byte."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Mapping
from typing import Final

import aiohttp
from aiohttp import ClientSession, ClientTimeout, DummyCookieJar, UnixConnector
from starlette.types import Receive, Scope, Send
from yarl import URL

from collector.errors import DeskAway

_HOP_BY_HOP: Final = {
    "connection", "keep-alive", "proxy-authenticate", "proxy-authorization", "te", "trailer", "transfer-encoding", "upgrade",
}  # fmt: skip
_PATIENCE_S: Final = 120  # judging a line with years of measurements takes its time
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
                connector=UnixConnector(self._address),
                cookie_jar=DummyCookieJar(),
                auto_decompress=False,
                skip_auto_headers=_OURS,
                timeout=ClientTimeout(total=None, sock_connect=5, sock_read=_PATIENCE_S),
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

    async def pass_on(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Hand over a whole request and give back the whole answer; raises DeskAway while nothing was given back yet."""
        path = scope["raw_path"].decode("latin-1")
        query = scope["query_string"].decode("latin-1")
        headers = [(name.decode("latin-1"), value.decode("latin-1")) for name, value in scope["headers"]]
        kept = [(name, value) for name, value in headers if name.lower() not in _HOP_BY_HOP]
        has_body = any(name.lower() in {"content-length", "transfer-encoding"} for name, _ in headers)
        begun = False
        try:
            async with (
                _not_cancelled(),
                self._opened().request(
                    scope["method"],
                    _url(path, query),
                    headers=kept,
                    data=_parts(receive) if has_body else None,
                    allow_redirects=False,
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
            raise DeskAway(f"the process with the index does not answer: {error}") from error


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


def _url(path: str, query: str) -> URL:
    return URL(f"http://desk{path}{'?' if query else ''}{query}", encoded=True)


async def _parts(receive: Receive) -> AsyncIterator[bytes]:
    while True:
        message: Mapping[str, object] = await receive()
        if message["type"] != "http.request":
            raise ConnectionResetError("the sender left before the body was whole")
        part = message.get("body", b"")
        if isinstance(part, bytes) and part:
            yield part
        if not message.get("more_body", False):
            return


def _raw(headers: tuple[tuple[bytes, bytes], ...]) -> list[tuple[bytes, bytes]]:
    return [(name.lower(), value) for name, value in headers if name.decode("latin-1").lower() not in _HOP_BY_HOP]
