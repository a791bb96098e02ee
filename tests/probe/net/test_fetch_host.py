"""Fetches from an ordinary host over TLS: whatever way its bodies end, and what it does wrong."""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from ssl import SSLContext

import pytest
from fakes.certificate import certificate
from fakes.peer import free_port

from probe.clock import SystemClock
from probe.measure.fetch import FetchPlan
from probe.measure.outcome import CouldNotRun, Measured
from probe.net import fetch
from probe.net.address import PeerAddress
from probe.net.chance import Chance
from probe.net.scene import Scene
from probe.settings import Settings

CAP_BYTES = 200_000
MOST_SENT_BYTES = 50_000_000
PLAN = FetchPlan("test", None, patience_us=500_000, limit_us=3_000_000, foreign_cap_bytes=CAP_BYTES)
PEER = PeerAddress("http://127.0.0.1:9", "127.0.0.1", 9, "fake")
PIECE = bytes(10_000)
CHUNK = b"2710\r\n" + PIECE + b"\r\n"


@dataclass
class FakeHost:
    """An ordinary host: what it says to any request, and how it goes on then."""

    said: tuple[bytes, ...]
    then: str = "close"
    port: int = 0
    requests: list[bytes] = field(default_factory=list)
    sent_bytes: int = 0
    gone: asyncio.Event = field(default_factory=asyncio.Event)

    async def talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer one request."""
        try:
            self.requests.append(await reader.readuntil(b"\r\n\r\n"))
            for piece in self.said:
                writer.write(piece)
                await writer.drain()
            while self.then == "flood" and not writer.is_closing() and self.sent_bytes < MOST_SENT_BYTES:
                writer.write(PIECE)
                await writer.drain()
                await asyncio.sleep(0)  # a stream that was cut takes all there is, and says so one turn later
                self.sent_bytes += len(PIECE)
            if self.then == "stall":
                await self.gone.wait()
        except (ConnectionError, asyncio.IncompleteReadError):
            return
        finally:
            writer.close()

    def url(self, path: str = "/picture") -> str:
        """Say where the object is."""
        return f"https://127.0.0.1:{self.port}{path}"


@asynccontextmanager
async def serving(host: FakeHost, tls: SSLContext) -> AsyncIterator[FakeHost]:
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


@pytest.fixture
def tls(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> SSLContext:
    """Give a server's context with a certificate that the system trusts."""
    context, authority = certificate(tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(authority))
    return context


async def measure(*urls: str, chance: Chance = bytes, peer: PeerAddress = PEER) -> Measured:
    """Fetch once."""
    return await fetch.run(PLAN, Scene(peer, SystemClock(), chance, settings=Settings(urls=urls)))


def head(*fields: str, status: str = "HTTP/1.1 200 OK") -> bytes:
    """Write the head of an answer."""
    return "\r\n".join((status, *fields, "", "")).encode()


async def test_no_answer_at_all(tls: SSLContext) -> None:
    """A host that takes the request and says nothing is a timeout of the request."""
    async with serving(FakeHost((), "stall"), tls) as host:
        outcome = await measure(host.url())
    assert (outcome.members["failure"], outcome.members["stage"]) == ("generic_timeout_error", "request")


@pytest.mark.parametrize(
    ("said", "expected_bytes", "http"),
    [
        ((head("Content-Length: 20000"), PIECE, PIECE), 20_000, "1.1"),
        ((head("Transfer-Encoding: chunked"), CHUNK, CHUNK, b"0\r\n\r\n"), None, "1.1"),
        ((head("Connection: close"), PIECE, PIECE), None, "1.1"),
        ((head(status="HTTP/1.0 200 OK"), PIECE, PIECE), None, "1.0"),
        ((head("Content-Encoding: gzip", "Content-Length: 20000"), PIECE, PIECE), 20_000, "1.1"),
    ],
    ids=["length", "chunks", "until it closes", "HTTP/1.0", "encoded"],
)
async def test_whole_objects(tls: SSLContext, said: tuple[bytes, ...], expected_bytes: int | None, http: str) -> None:
    """An object is whole when its length, its encoding or its connection has ended; encoded bytes count as they came."""
    async with serving(FakeHost(said), tls) as host:
        outcome = await measure(host.url("/a%20b?c=d"))
        assert host.requests[0].startswith(b"GET /a%20b?c=d HTTP/1.1\r\n")
    members = outcome.members
    assert outcome.end == "ok", members
    assert (members["received_bytes"], members.get("expected_bytes"), members["http"]) == (20_000, expected_bytes, http)
    assert (members["host"], members["attempt"], members["url"]) == ("foreign", 1, host.url("/a%20b?c=d"))
    assert isinstance(members["tls_us"], int)
    assert "capped" not in members


@pytest.mark.parametrize(
    ("said", "then", "failure", "stage"),
    [
        ((head("Content-Length: 20000"), PIECE), "close", "eof_error", "body"),
        ((head("Transfer-Encoding: chunked"), CHUNK), "close", "eof_error", "body"),
        ((head("Content-Length: 20000"), PIECE), "stall", "generic_timeout_error", "body"),
        ((head("Transfer-Encoding: chunked"), CHUNK), "stall", "generic_timeout_error", "body"),
        ((b"HTTP/1.1 200 OK\r\nX: ",), "stall", "generic_timeout_error", "request"),
        ((head("Content-Length: 5", status="HTTP/1.1 404 Not Found"), b"sorry"), "close", "http_unexpected_status_code", "request"),
        ((head("Content-Length: 0", status="HTTP/1.1 204 No Content"),), "close", "http_unexpected_status_code", "request"),
        ((head("Location: https://other.example/", status="HTTP/1.1 301 Moved"),), "close", "http_unexpected_redirect_url", "request"),
        ((b"what?\r\n\r\n",), "close", "http_request_failed", "request"),
        ((head(f"Content-Length: {1 << 53}"), PIECE), "stall", "http_request_failed", "request"),
        ((head("Transfer-Encoding: chunked"), CHUNK, b"what?\r\n"), "stall", "http_request_failed", "body"),
        ((b"",), "close", "eof_error", "request"),
    ],
)  # fmt: skip
async def test_each_fault_has_its_name(
    tls: SSLContext, said: tuple[bytes, ...], then: str, failure: str, stage: str
) -> None:
    """Whatever an ordinary host does is named, with what came before, and was tried once only."""
    async with serving(FakeHost(said, then), tls) as host:
        outcome = await measure(host.url())
        assert len(host.requests) == 1
    members = outcome.members
    assert (outcome.end, members["failure"], members["stage"]) == ("failed", failure, stage), members
    assert members["received_bytes"] == (10_000 if stage == "body" else 0)


@pytest.mark.parametrize("declared", ["Content-Length: 1000000000", "Connection: close"])
async def test_a_long_object_is_read_to_the_cap(tls: SSLContext, declared: str) -> None:
    """An object that goes on beyond the cap is left there, and its host cannot send much more."""
    async with serving(FakeHost((head(declared),), "flood"), tls) as host:
        outcome = await measure(host.url())
        assert host.sent_bytes < MOST_SENT_BYTES
    members = outcome.members
    assert (outcome.end, members["capped"]) == ("ok", True)
    assert isinstance(members["received_bytes"], int)
    assert CAP_BYTES <= members["received_bytes"] < CAP_BYTES + 262_144


async def test_the_peers_authority_speaks_for_the_peer_only(tmp_path: Path) -> None:
    """An ordinary host is believed if the system does, whatever authority the peer has."""
    context, authority = certificate(tmp_path)
    peer = PeerAddress("https://127.0.0.1:9", "127.0.0.1", 9, "fake", authority)
    async with serving(FakeHost((head("Content-Length: 0"),)), context) as host:
        outcome = await measure(host.url(), peer=peer)
        assert host.requests == []
    assert (outcome.members["failure"], outcome.members["stage"]) == ("ssl_unknown_authority", "tls")


@pytest.mark.parametrize(("drawn", "port_of"), [(b"\0\0\0\0", 0), (b"\0\0\0\x05", 2), (b"\xff\xff\xff\xff", 0)])
async def test_chance_chooses_the_host(drawn: bytes, port_of: int) -> None:
    """Which of the objects is fetched is a matter of chance, and a refusal is named like any other."""
    urls = [f"https://127.0.0.1:{free_port()}/{number}" for number in range(3)]
    choose: Callable[[int], bytes] = lambda _n_bytes: drawn  # noqa: E731
    outcome = await measure(*urls, chance=choose)
    assert (outcome.members["url"], outcome.members["failure"]) == (urls[port_of], "connection_refused")


async def test_without_hosts_nothing_can_be_fetched() -> None:
    """Where nobody set an object, nothing can be said of ordinary hosts."""
    with pytest.raises(CouldNotRun, match="urls"):
        await measure()


@pytest.mark.parametrize("url", ["https://a.exam\nple/", "https://[/", "/picture"])
async def test_what_is_no_address_cannot_be_fetched(url: str) -> None:
    """What no request can name says nothing about the line."""
    with pytest.raises(CouldNotRun, match="nothing can be fetched"):
        await measure(url)


async def test_cancelling_leaves_nothing(tls: SSLContext) -> None:
    """A fetch that is cancelled in the middle of a body leaves no task."""
    before = asyncio.all_tasks()
    async with serving(FakeHost((head("Content-Length: 20000"), PIECE), "stall"), tls) as host:
        task = asyncio.create_task(measure(host.url()))
        async with asyncio.timeout(5):
            while not host.requests:  # noqa: ASYNC110  (the host tells nobody)
                await asyncio.sleep(0.01)
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
        assert task.cancelled()
    assert asyncio.all_tasks() == before


async def test_a_peer_by_ipv6() -> None:
    """An object is fetched over IPv6 as over IPv4."""
    host = FakeHost((head("Content-Length: 10000"), PIECE))
    try:
        server = await asyncio.start_server(host.talk, "::1", 0, family=socket.AF_INET6)
    except OSError:
        pytest.skip("no IPv6 on loopback here")
    port = server.sockets[0].getsockname()[1]
    plan = FetchPlan("test", 10_000, patience_us=500_000, limit_us=3_000_000)
    outcome = await fetch.run(plan, Scene(PeerAddress(f"http://[::1]:{port}", "::1", 9, "fake"), SystemClock(), bytes))
    server.close()
    await server.wait_closed()
    assert (outcome.end, outcome.members["received_bytes"]) == ("ok", 10_000)
