"""One aiohttp session per measurement: one attempt, no proxy, cookie or redirect, and each stage announced.

aiohttp repeats a GET by itself when a connection breaks before the answer; a repeated attempt would hide the
very failure that is measured, so `first_attempt_only` turns the break into an error that is not repeated. It
follows redirects of a WebSocket handshake too; these are refused. Between TCP and TLS aiohttp announces
nothing; asyncio wraps the connected socket at that moment, so the context tells.
"""

import asyncio
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from types import SimpleNamespace
from typing import Any

import aiohttp
from yarl import URL

from probe.measure.outcome import CouldNotRun
from probe.net.address import PeerAddress
from shared.failure import Stage

Entered = Callable[[Stage], None]

NAMED_ERRORS = (OSError, aiohttp.ClientError, aiohttp.http_exceptions.HttpProcessingError)
NO_TIMEOUT = aiohttp.ClientTimeout(total=None, connect=None, sock_connect=None, sock_read=None)


class WatchedContext(ssl.SSLContext):
    """A verifying client context that tells when a handshake begins."""

    entered: Entered | None = None

    def wrap_bio(
        self,
        incoming: ssl.MemoryBIO,
        outgoing: ssl.MemoryBIO,
        server_side: bool = False,  # noqa: FBT001, FBT002  (the signature of the standard library)
        server_hostname: str | bytes | None = None,
        session: ssl.SSLSession | None = None,
    ) -> ssl.SSLObject:
        """Tell, then begin TLS on a connected socket."""
        if self.entered is not None:
            self.entered(Stage.TLS)
        return super().wrap_bio(incoming, outgoing, server_side, server_hostname, session)


def tls_context(peer: PeerAddress) -> WatchedContext:
    """Trust the system's authorities, or only the peer's own where it names one."""
    context = WatchedContext(ssl.PROTOCOL_TLS_CLIENT)
    if peer.tls_ca is None:
        context.load_default_certs()
        return context
    try:
        context.load_verify_locations(cafile=peer.tls_ca)
    except OSError as exc:
        reason = f"the certificate authority {peer.tls_ca} cannot be read"
        raise CouldNotRun(reason) from exc
    return context


def url_of(peer: PeerAddress, path: str) -> URL:
    """Join the peer's root and a path."""
    try:
        url = URL(peer.http_url)
    except ValueError:
        url = URL()
    if url.scheme not in {"http", "https"} or not url.host:
        reason = f"the address of peer {peer.name} is not an http(s) URL"
        raise CouldNotRun(reason)
    return url.with_user(None).joinpath(path.removeprefix("/"))


async def first_attempt_only(
    request: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType
) -> aiohttp.ClientResponse:
    """Turn what aiohttp would quietly try again into an error it lets through."""
    try:
        return await handler(request)
    except aiohttp.ClientConnectorError:
        raise
    except (aiohttp.ClientOSError, aiohttp.ServerDisconnectedError) as exc:
        reason = "the only attempt failed"
        raise aiohttp.ClientError(reason) from exc


def _tracer(entered: Entered) -> aiohttp.TraceConfig:
    def at(stage: Stage) -> Callable[..., object]:
        async def tell(_session: aiohttp.ClientSession, _context: SimpleNamespace, _params: object) -> None:
            entered(stage)

        return tell

    async def refuse(
        _session: aiohttp.ClientSession,
        _context: SimpleNamespace,
        params: aiohttp.TraceRequestRedirectParams,
    ) -> None:
        answer = params.response
        raise aiohttp.TooManyRedirects(answer.request_info, (), status=answer.status)

    tracer = aiohttp.TraceConfig()
    tracer.on_dns_resolvehost_start.append(at(Stage.DNS))  # type: ignore[arg-type]
    tracer.on_dns_resolvehost_end.append(at(Stage.CONNECT))  # type: ignore[arg-type]
    tracer.on_connection_create_end.append(at(Stage.REQUEST))  # type: ignore[arg-type]
    tracer.on_request_redirect.append(refuse)
    return tracer


@asynccontextmanager
async def one_session(
    context: WatchedContext,
    entered: Entered,
    ws_class: type[Any] = aiohttp.ClientWebSocketResponse,
) -> AsyncIterator[aiohttp.ClientSession]:
    """Open a session for one attempt, and leave no socket behind."""
    context.entered = entered
    connector = aiohttp.TCPConnector(ssl=context, force_close=True, resolver=aiohttp.ThreadedResolver())
    session = aiohttp.ClientSession(
        connector=connector,
        timeout=NO_TIMEOUT,
        auto_decompress=False,
        headers={"Accept-Encoding": "identity", "User-Agent": "speedproof"},
        cookie_jar=aiohttp.DummyCookieJar(),
        middlewares=(first_attempt_only,),
        trace_configs=[_tracer(entered)],
        ws_response_class=ws_class,
    )
    try:
        yield session
    finally:
        context.entered = None
        await session.close()
        await asyncio.sleep(0)  # asyncio closes a transport's socket one turn later
