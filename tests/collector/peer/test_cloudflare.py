"""Cloudflare's endpoints."""

import asyncio
import re
import zlib
from typing import TYPE_CHECKING

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from fakes.clock import FakeClock

from collector.peer.account import End, Transfer
from collector.peer.cloudflare import Cloudflare, server_timing
from collector.peer.load import RandomLoad
from collector.peer.objects import MAX_OBJECT_BYTES
from collector.peer.transfers import Transfers

if TYPE_CHECKING:
    from conftest import RawFactory, Served

# What the client looks for; it leaves out what is not more than 0.01 ms.
READ_BY_THE_CLIENT = re.compile(r"(?:^|,\s*)cfReq(?:uest)?Dur(?:ation)?;\s*dur=([0-9.]+)", re.IGNORECASE)


@pytest.mark.parametrize("n_bytes", [0, 1, 100_000, 3_000_001])
async def test_a_download_has_its_size(peer: "Served", session: aiohttp.ClientSession, n_bytes: int) -> None:
    """As many bytes come as were asked for, of random and unstored, and the account tells a probe from a load."""
    async with session.get(f"{peer.url}/__down", params={"bytes": n_bytes, "during": "upload"}) as answer:
        body = await answer.read()
    assert (answer.status, answer.content_length, len(body)) == (200, n_bytes, n_bytes)
    assert len(zlib.compress(body)) >= n_bytes
    assert "no-store" in answer.headers["Cache-Control"]
    assert READ_BY_THE_CLIENT.search(answer.headers["Server-Timing"])
    (transfer,) = await peer.ended()
    assert (transfer.sent_bytes, transfer.end) == (n_bytes, End.COMPLETE)
    assert transfer.kind == ("cloudflare-download" if n_bytes else "cloudflare-latency")


@pytest.mark.parametrize(
    "query", ["bytes=-1", "bytes=1e5", "bytes=", "bytes=1&bytes=1", f"bytes={MAX_OBJECT_BYTES + 1}"]
)
async def test_sizes_that_are_none(peer: "Served", session: aiohttp.ClientSession, query: str) -> None:
    """What is no size within bounds is refused, and moves nothing."""
    async with session.get(f"{peer.url}/__down?{query}") as answer:
        assert answer.status == 400
    assert peer.journal == []


@pytest.mark.parametrize(("own_us", "text"), [(0, "0.000"), (17, "0.017"), (1_000, "1.000"), (1_234_567, "1234.567")])
def test_the_peers_own_time(own_us: int, text: str) -> None:
    """Microseconds become milliseconds without a rounding."""
    assert server_timing(own_us) == {"Server-Timing": f"cfRequestDuration;dur={text}"}


async def test_an_upload_is_read_before_it_is_answered(peer: "Served", raw: "RawFactory") -> None:
    """No byte of the answer comes before the last byte of the body has arrived."""
    client = await raw(peer)
    client.writer.write(b"POST /__up HTTP/1.1\r\nHost: x\r\nContent-Length: 200000\r\n\r\n" + bytes(199_999))
    answer = asyncio.ensure_future(client.reader.readline())
    await asyncio.wait({answer}, timeout=0.1)
    assert not answer.done()
    client.writer.write(b"0")
    assert (await answer).split()[1] == b"200"
    (transfer,) = await peer.ended()
    assert (transfer.kind, transfer.received_bytes, transfer.end) == ("cloudflare-upload", 200_000, End.COMPLETE)


async def test_an_upload_hides_none_of_its_time() -> None:
    """A body that comes slowly is the link's time and not the peer's: nothing of it may be subtracted."""
    clock, journal = FakeClock(), list[Transfer]()
    app = web.Application()
    app.add_routes(Cloudflare(RandomLoad(b""), Transfers(1, clock, journal.append), clock).routes())
    async with TestServer(app) as server:
        reader, writer = await asyncio.open_connection(server.host, server.port)
        writer.write(b"POST /__up HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 1\r\n\r\n")
        assert (await reader.readuntil(b"\r\n\r\n")).split()[1] == b"100"
        clock.advance(5_000_000)
        writer.write(b"0")
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        writer.transport.abort()
    assert "\r\nServer-Timing: cfRequestDuration;dur=0.000\r\n" in head
    assert [transfer.dur_us for transfer in journal] == [5_000_000]


async def test_a_client_that_leaves(peer: "Served", raw: "RawFactory") -> None:
    """A download or an upload that is broken off frees its place, and what moved is noted."""
    client = await raw(peer)
    client.writer.write(b"GET /__down?bytes=500000000 HTTP/1.1\r\nHost: x\r\n\r\n")
    await client.reader.readexactly(100_000)
    client.writer.transport.abort()
    client = await raw(peer)
    client.writer.write(b"POST /__up HTTP/1.1\r\nHost: x\r\nContent-Length: 5000\r\n\r\n" + bytes(1000))
    await client.writer.drain()
    client.writer.close()
    down, up = sorted(await peer.ended(2), key=lambda transfer: transfer.kind)
    assert (down.end, up.end) == (End.CLIENT_GONE, End.CLIENT_GONE)
    assert down.sent_bytes >= 100_000
    assert up.received_bytes == 1000
