"""One aiohttp session per measurement: one attempt, no proxy or cookie, and each stage announced.

aiohttp repeats a GET by itself when a connection breaks before the answer; a repeated attempt would hide the
very failure that is measured, so `first_attempt_only` turns the break into an error that is not repeated.
Redirects are for the caller to refuse. Between TCP and TLS aiohttp announces nothing; asyncio wraps the
connected socket at that moment, so the context tells. Its resolver waits in the event loop's own threads, which
a stuck lookup would keep until long after the deadline; ours does not.
"""

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from types import SimpleNamespace

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult
from yarl import URL

from probe.measure.outcome import CouldNotRun
from probe.net.address import PeerAddress
from probe.net.lookup import SocketAddress, look_up
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


class Resolver(AbstractResolver):
    """Looks up names for aiohttp, each in a thread that nobody waits for."""

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        """Give every address, numeric, with its zone where it has one."""
        numeric = socket.AI_NUMERICHOST | socket.AI_NUMERICSERV
        return [
            ResolveResult(
                hostname=host, host=_numeric(address), port=port, family=its_family, proto=protocol, flags=numeric
            )
            for its_family, protocol, address in await look_up(host, port, family=family)
        ]

    async def close(self) -> None:
        """Nothing is kept open."""


def _numeric(address: SocketAddress) -> str:
    zone = address[3] if len(address) == 4 else 0  # noqa: PLR2004  (an IPv6 address: host, port, flow, zone)
    return f"{address[0]}%{zone}" if zone else str(address[0])


def public_tls_context() -> WatchedContext:
    """Trust the system's authorities."""
    context = WatchedContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_default_certs()
    return context


def tls_context(peer: PeerAddress) -> WatchedContext:
    """Trust the system's authorities, or only the peer's own where it names one."""
    if peer.tls_ca is None:
        return public_tls_context()
    context = WatchedContext(ssl.PROTOCOL_TLS_CLIENT)
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


def host_of(url: str | None) -> str | None:
    """Give a URL's host, if it has one."""
    try:
        return URL(url or "").host
    except ValueError:
        return None


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

    tracer = aiohttp.TraceConfig()
    tracer.on_dns_resolvehost_start.append(at(Stage.DNS))  # type: ignore[arg-type]
    tracer.on_dns_resolvehost_end.append(at(Stage.CONNECT))  # type: ignore[arg-type]
    tracer.on_connection_create_end.append(at(Stage.REQUEST))  # type: ignore[arg-type]
    return tracer


@asynccontextmanager
async def one_session(
    context: WatchedContext,
    entered: Entered,
) -> AsyncIterator[aiohttp.ClientSession]:
    """Open a session for one attempt, and leave no socket behind."""
    context.entered = entered
    connector = aiohttp.TCPConnector(ssl=context, force_close=True, resolver=Resolver())
    session = aiohttp.ClientSession(
        connector=connector,
        timeout=NO_TIMEOUT,
        auto_decompress=False,
        headers={"Accept-Encoding": "identity", "User-Agent": "speedproof"},
        cookie_jar=aiohttp.DummyCookieJar(),
        middlewares=(first_attempt_only,),
        trace_configs=[_tracer(entered)],
    )
    try:
        yield session
    finally:
        context.entered = None
        await session.close()
        await asyncio.sleep(0)  # asyncio closes a transport's socket one turn later
