"""What a responsiveness test is served."""

from collections.abc import AsyncIterator
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import aiohttp
import pytest

from collector.peer import responsiveness
from collector.peer.account import End
from collector.peer.errors import BadRequest
from collector.peer.responsiveness import LARGE_BYTES, configuration

if TYPE_CHECKING:
    from conftest import RawFactory, Served

URLS = {"large_download_url", "small_download_url", "upload_url"}


async def test_the_configuration(peer: "Served", session: aiohttp.ClientSession) -> None:
    """Version 1 names three URLs, all on the very host that was asked, and each of them is served."""
    async with session.get(f"{peer.url}/.well-known/nq") as answer:
        assert answer.content_type == "application/json"
        said = await answer.json()
    assert said["version"] == 1
    assert set(said["urls"]) == URLS
    assert {urlsplit(url).netloc for url in said["urls"].values()} == {f"127.0.0.1:{peer.port}"}
    async with session.get(said["urls"]["small_download_url"]) as answer:
        assert (answer.status, len(await answer.read())) == (200, 1)
    async with session.post(said["urls"]["upload_url"], data=b"abc") as answer:
        assert (answer.status, await answer.read()) == (200, b"")
    async with session.get(said["urls"]["large_download_url"]) as answer:
        assert answer.content_length == LARGE_BYTES
        await answer.content.readexactly(1_000_000)
        answer.close()
    journal = await peer.ended(3)
    assert [transfer.kind for transfer in journal] == ["rpm-probe", "rpm-upload", "rpm-download"]
    assert [transfer.end for transfer in journal] == [End.COMPLETE, End.COMPLETE, End.CLIENT_GONE]


def test_the_large_object_is_as_large_as_the_draft_wants() -> None:
    """Eight gigabytes last longer than any test."""
    assert LARGE_BYTES >= 8 * 10**9


@pytest.mark.parametrize("host", ["peer.example", "peer.example:8441", "127.0.0.1:1", "[::1]:8441", "[2001:db8::7]"])
def test_hosts(host: str) -> None:
    """Every form of a host that can stand in a URL is given back as it came."""
    urls = configuration("https", host)["urls"]
    assert set(urls) == URLS
    assert {urlsplit(url)[:2] for url in urls.values()} == {("https", host)}


@pytest.mark.parametrize(
    "host", ["", "a b", "a/b", "me@peer", "peer?x", "peer:port", "[::1", '"', "пир.example", "a\r\nb"]
)
def test_what_is_no_host(host: str) -> None:
    """A Host header that would make another URL of it, or none, is refused."""
    with pytest.raises(BadRequest):
        configuration("http", host)


async def test_a_client_that_names_no_host(peer: "Served", raw: "RawFactory") -> None:
    """Without a Host header there is no URL to give."""
    client = await raw(peer)
    client.writer.write(b"GET /.well-known/nq HTTP/1.0\r\n\r\n")
    assert (await client.reader.readline()).split()[1] == b"400"


async def test_a_load_has_an_end(peer: "Served", raw: "RawFactory", monkeypatch: pytest.MonkeyPatch) -> None:
    """A load that nobody ends is ended by the peer."""
    monkeypatch.setattr(responsiveness, "LIMIT_US", 100_000)
    client = await raw(peer)
    client.writer.write(b"GET /nq/large HTTP/1.1\r\nHost: x\r\n\r\n")
    (transfer,) = await peer.ended()
    assert transfer.end is End.HARD_STOP


async def test_an_upload_without_end(
    peer: "Served", session: aiohttp.ClientSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A body that is written for as long as the test lasts is counted until it stops."""

    async def pieces() -> AsyncIterator[bytes]:
        for _ in range(40):
            yield bytes(100_000)

    async with session.post(f"{peer.url}/nq/upload", data=pieces()) as answer:
        assert answer.status == 200
    assert (await peer.ended())[0].received_bytes == 4_000_000
