"""Plain HTTP transfers."""

import asyncio
import gzip
import io
import zlib
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING

import aiohttp
import pytest
from aiohttp import web

from collector.peer import objects
from collector.peer.account import End
from collector.peer.errors import BadRequest, Declined, NothingHere
from collector.peer.objects import MAX_OBJECT_BYTES, object_bytes

if TYPE_CHECKING:
    from conftest import RawFactory, Served


@pytest.mark.parametrize("n_bytes", [0, 1, 65_536, 1_000_001])
async def test_an_object_has_its_size(peer: "Served", session: aiohttp.ClientSession, n_bytes: int) -> None:
    """The length announced is the length delivered, and the account says the same."""
    async with session.get(f"{peer.url}/object/{n_bytes}") as answer:
        body = await answer.read()
    assert (answer.status, answer.content_length, len(body)) == (200, n_bytes, n_bytes)
    assert "no-store" in answer.headers["Cache-Control"]
    assert "Content-Encoding" not in answer.headers
    (transfer,) = await peer.ended()
    assert (transfer.kind, transfer.sent_bytes, transfer.end) == ("object", n_bytes, End.COMPLETE)


async def test_an_object_does_not_compress(peer: "Served", session: aiohttp.ClientSession) -> None:
    """An object is random, also for a client that would take it compressed."""
    headers = {"Accept-Encoding": "gzip, br"}
    async with session.get(f"{peer.url}/object/100000", headers=headers) as answer:
        body = await answer.read()
    assert len(body) == 100_000
    assert len(zlib.compress(body)) > 99_000


async def test_the_head_of_an_object(peer: "Served", session: aiohttp.ClientSession) -> None:
    """HEAD tells the size of the largest object and sends none of it."""
    async with session.head(f"{peer.url}/object/{MAX_OBJECT_BYTES}") as answer:
        assert answer.status == 200
        assert answer.headers["Content-Length"] == str(MAX_OBJECT_BYTES)
    assert peer.journal == []


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("-1", NothingHere),
        ("1.5", NothingHere),
        ("x", NothingHere),
        ("", NothingHere),
        ("²", NothingHere),
        ("007", BadRequest),
        (str(MAX_OBJECT_BYTES + 1), BadRequest),
        ("9" * 5000, BadRequest),
    ],
)
def test_names_of_no_object(text: str, error: type[Declined]) -> None:
    """Whatever is not a size from 0 to 1 GiB names no object."""
    with pytest.raises(error):
        object_bytes(text)


@pytest.mark.parametrize(("name", "status"), [("x", 404), ("-1", 404), ("1073741825", 400), ("01", 400)])
async def test_bad_objects(peer: "Served", session: aiohttp.ClientSession, name: str, status: int) -> None:
    """A wrong name is answered with a problem of its own status."""
    async with session.get(f"{peer.url}/object/{name}") as answer:
        assert answer.status == status
        assert answer.content_type == "application/problem+json"
        assert (await answer.json(content_type=None))["status"] == status


async def test_a_client_that_leaves_an_object(peer: "Served", raw: "RawFactory") -> None:
    """Leaving in the middle of an object is noted, with what was sent until then."""
    client = await raw(peer)
    client.writer.write(b"GET /object/1000000000 HTTP/1.1\r\nHost: x\r\n\r\n")
    await client.reader.readexactly(10_000)
    client.writer.transport.abort()
    (transfer,) = await peer.ended()
    assert transfer.end is End.CLIENT_GONE
    assert 10_000 <= transfer.sent_bytes < 1_000_000_000


@pytest.mark.parametrize("n_bytes", [0, 1, 3_000_000])
async def test_the_sink_says_what_arrived(peer: "Served", session: aiohttp.ClientSession, n_bytes: int) -> None:
    """The answer counts the whole body."""
    async with session.post(f"{peer.url}/sink", data=io.BytesIO(bytes(n_bytes))) as answer:
        assert await answer.json() == {"received_bytes": n_bytes}
    assert (await peer.ended())[0].received_bytes == n_bytes


async def test_the_sink_takes_a_body_without_length(peer: "Served", session: aiohttp.ClientSession) -> None:
    """A chunked body is counted like any other."""

    async def pieces() -> AsyncIterator[bytes]:
        for _ in range(10):
            yield bytes(1000)

    async with session.post(f"{peer.url}/sink", data=pieces()) as answer:
        assert await answer.json() == {"received_bytes": 10_000}


async def test_the_sink_unpacks_nothing(peer: "Served", session: aiohttp.ClientSession) -> None:
    """A compressed body counts as many bytes as came over the wire."""
    packed = gzip.compress(bytes(1_000_000))
    headers = {"Content-Encoding": "gzip"}
    async with session.post(f"{peer.url}/sink", data=packed, headers=headers) as answer:
        assert await answer.json() == {"received_bytes": len(packed)}


async def test_the_sink_refuses_too_much_before_it_comes(peer: "Served", raw: "RawFactory") -> None:
    """A body announced beyond the limit is refused without being read."""
    client = await raw(peer)
    client.writer.write(b"POST /sink HTTP/1.1\r\nHost: x\r\nContent-Length: 1073741825\r\n\r\n")
    assert (await client.reader.readline()).split()[1] == b"413"
    assert (await peer.ended())[0].end is End.DECLINED


async def test_the_sink_refuses_too_much_when_it_comes(
    peer: "Served", raw: "RawFactory", monkeypatch: pytest.MonkeyPatch
) -> None:
    """A body without length is refused once it is beyond the limit."""
    monkeypatch.setattr(objects, "MAX_OBJECT_BYTES", 1000)
    client = await raw(peer)
    head = b"POST /sink HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
    client.writer.write(head + b"3e9\r\n" + bytes(1001) + b"\r\n")
    assert (await client.reader.readline()).split()[1] == b"413"
    (transfer,) = await peer.ended()
    assert (transfer.end, transfer.received_bytes) == (End.DECLINED, 1001)


@pytest.mark.parametrize("body", [b"", b"zz\r\n", b"5\r\nhello!!\r\n", b"5\r\nhel"])
async def test_a_body_that_does_not_get_any_further(
    peer: "Served", raw: "RawFactory", monkeypatch: pytest.MonkeyPatch, body: bytes
) -> None:
    """A body that stops, or is out of form, holds its place no longer than the peer's patience."""
    monkeypatch.setattr(objects, "PATIENCE_S", 0.1)
    client = await raw(peer)
    client.writer.write(b"POST /sink HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n")
    await asyncio.sleep(0.02)
    client.writer.write(body)
    (transfer,) = await peer.ended()
    assert transfer.end in {End.HARD_STOP, End.CLIENT_GONE}


async def test_a_body_that_is_seen_to_be_out_of_form(peer: "Served", monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the parser notices, the client is told that its body is not in form."""

    async def broken(_reader: aiohttp.StreamReader) -> bytes:
        raise web.RequestPayloadError

    async with aiohttp.ClientSession() as session:
        monkeypatch.setattr(aiohttp.StreamReader, "readany", broken)
        async with session.post(f"{peer.url}/sink", data=b"x") as answer:
            assert answer.status == 400


async def test_a_client_that_leaves_the_sink(peer: "Served", raw: "RawFactory") -> None:
    """An upload that breaks off is noted with what had arrived."""
    client = await raw(peer)
    client.writer.write(b"POST /sink HTTP/1.1\r\nHost: x\r\nContent-Length: 5000\r\n\r\n" + bytes(1000))
    await client.writer.drain()
    client.writer.close()
    (transfer,) = await peer.ended()
    assert (transfer.end, transfer.received_bytes) == (End.CLIENT_GONE, 1000)
