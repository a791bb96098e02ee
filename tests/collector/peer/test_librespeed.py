"""The LibreSpeed backend: each endpoint, and a whole test as its web worker runs it."""

import asyncio
import io
import json
import zlib
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING

import aiohttp
import pytest

from collector.peer import objects
from collector.peer.account import End
from collector.peer.librespeed import CHUNK_BYTES, chunks

if TYPE_CHECKING:
    from conftest import RawFactory, Served

MEBIBYTE = 1 << 20


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({}, 4),
        ({"ckSize": ""}, 4),
        ({"ckSize": "x"}, 4),
        ({"ckSize": "-1"}, 4),
        ({"ckSize": "1.5"}, 4),
        ({"ckSize": "²"}, 4),
        ({"ckSize": "0"}, 4),
        ({"ckSize": "1"}, 1),
        ({"ckSize": "100"}, 100),
        ({"ckSize": "1024"}, 1024),
        ({"ckSize": "1025"}, 1024),
        ({"ckSize": "9" * 4000}, 1024),
    ],
)
def test_how_much_garbage(fields: dict[str, str], expected: int) -> None:
    """A good number of chunks is kept to 1024, and everything else means four."""
    assert chunks(fields) == expected


@pytest.mark.parametrize(("query", "n_chunks"), [("", 4), ("?r=0.3&ckSize=1", 1), ("?cors=true&ckSize=none", 4)])
async def test_garbage(peer: "Served", session: aiohttp.ClientSession, query: str, n_chunks: int) -> None:
    """Garbage is random, announced in full, not to be stored or changed on its way, and accounted for."""
    async with session.get(f"{peer.url}/backend/garbage.php{query}", headers={"Accept-Encoding": "gzip"}) as answer:
        body = await answer.read()
    assert (answer.status, answer.content_length, len(body)) == (200, n_chunks * CHUNK_BYTES, n_chunks * MEBIBYTE)
    assert answer.content_type == "application/octet-stream"
    assert answer.headers["Content-Disposition"] == "attachment; filename=random.dat"
    assert {"no-store", "no-transform"} == set(answer.headers["Cache-Control"].split(", "))
    assert "Content-Encoding" not in answer.headers
    assert len(zlib.compress(body, 1)) >= len(body)
    (transfer,) = await peer.ended()
    assert (transfer.kind, transfer.sent_bytes, transfer.end) == ("librespeed-download", len(body), End.COMPLETE)


async def test_a_ping(peer: "Served", session: aiohttp.ClientSession) -> None:
    """A ping is answered with no body, which is how the command line client knows a server that is up."""
    async with session.get(f"{peer.url}/backend/empty.php?r=0.1") as answer:
        assert (answer.status, await answer.read()) == (200, b"")
        assert answer.headers.get("Connection", "").lower() != "close"
    assert (await peer.ended())[0].kind == "librespeed-ping"


@pytest.mark.parametrize("n_bytes", [0, 1, 20 * MEBIBYTE])
async def test_an_upload(peer: "Served", session: aiohttp.ClientSession, n_bytes: int) -> None:
    """A post is read to its end and answered with no body; the bytes that arrived are in the account."""
    headers = {"Content-Encoding": "identity"}
    async with session.post(
        f"{peer.url}/backend/empty.php", data=io.BytesIO(bytes(n_bytes)), headers=headers
    ) as answer:
        assert (answer.status, await answer.read()) == (200, b"")
    (transfer,) = await peer.ended()
    assert (transfer.kind, transfer.received_bytes) == ("librespeed-upload", n_bytes)


async def test_an_upload_without_length(peer: "Served", session: aiohttp.ClientSession) -> None:
    """The command line client posts in pieces until its time is up."""

    async def pieces() -> AsyncIterator[bytes]:
        for _ in range(5):
            yield bytes(MEBIBYTE)

    async with session.post(f"{peer.url}/backend/empty.php", data=pieces()) as answer:
        assert answer.status == 200
    assert (await peer.ended())[0].received_bytes == 5 * MEBIBYTE


async def test_an_upload_that_stops(peer: "Served", raw: "RawFactory", monkeypatch: pytest.MonkeyPatch) -> None:
    """An upload of which nothing comes any more gives its place back."""
    monkeypatch.setattr(objects, "PATIENCE_S", 0.1)
    client = await raw(peer)
    client.writer.write(b"POST /backend/empty.php HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n1")
    (transfer,) = await peer.ended()
    assert (transfer.end, transfer.received_bytes) == (End.HARD_STOP, 1)


async def test_the_address(peer: "Served", session: aiohttp.ClientSession) -> None:
    """The client hears its own address, and nothing that would have to be looked up."""
    async with session.get(f"{peer.url}/backend/getIP.php?isp=true&distance=km&r=0.2") as answer:
        assert await answer.json() == {"processedString": "127.0.0.1", "rawIspInfo": ""}


async def test_telemetry_is_forgotten(peer: "Served", session: aiohttp.ClientSession) -> None:
    """A result is read, answered with the number that stands for none, and kept nowhere."""
    form = aiohttp.FormData({"dl": "9999.9", "ul": "1", "log": "x" * 100_000})
    async with session.post(f"{peer.url}/results/telemetry.php?r=0.4", data=form) as answer:
        assert (answer.content_type, await answer.text()) == ("text/plain", "id 0")
    (transfer,) = await peer.ended()
    assert "9999" not in repr(transfer)
    assert transfer.received_bytes > 100_000


async def test_a_whole_test(peer: "Served", session: aiohttp.ClientSession) -> None:
    """As the worker runs it from another origin: flows broken off when time is up, and every place free again."""
    query = {"cors": "true", "r": "0.7"}

    async def broken_off() -> None:
        params = {**query, "ckSize": "100"}
        async with session.get(f"{peer.url}/backend/garbage.php", params=params) as answer:
            await answer.content.readexactly(MEBIBYTE)
            answer.close()

    async def posted() -> None:
        headers = {"Content-Encoding": "identity"}
        async with session.post(
            f"{peer.url}/backend/empty.php", params=query, data=io.BytesIO(bytes(MEBIBYTE)), headers=headers
        ) as answer:
            assert answer.status == 200

    async with session.get(f"{peer.url}/backend/getIP.php", params={**query, "isp": "true"}) as answer:
        assert json.loads(await answer.read())["processedString"] == "127.0.0.1"
    await asyncio.gather(*(broken_off() for _ in range(6)))
    await peer.ended(6)
    for _ in range(3):
        async with session.get(f"{peer.url}/backend/empty.php", params=query) as answer:
            assert await answer.read() == b""
    await asyncio.gather(*(posted() for _ in range(3)))
    async with session.post(f"{peer.url}/results/telemetry.php", params=query, data={"dl": "1"}) as answer:
        assert (await answer.text()).split() == ["id", "0"]
    journal = await peer.ended(13)
    assert [transfer.end for transfer in journal] == [End.CLIENT_GONE] * 6 + [End.COMPLETE] * 7
    assert all(transfer.sent_bytes >= MEBIBYTE for transfer in journal[:6])
    assert sum(transfer.received_bytes for transfer in journal if transfer.kind == "librespeed-upload") == 3 * MEBIBYTE
