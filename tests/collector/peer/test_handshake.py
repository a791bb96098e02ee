"""The server's part of the opening handshake."""

import asyncio
from typing import TYPE_CHECKING

import pytest
from aiohttp.test_utils import make_mocked_request

from collector.peer.errors import BadRequest
from collector.peer.handshake import switched

if TYPE_CHECKING:
    from conftest import RawFactory, Served

NDT7 = "net.measurementlab.ndt.v7"
# The key and its proof are those of RFC 6455, section 1.3.
GOOD = {
    "Host": "peer",
    "Connection": "Upgrade",
    "Upgrade": "websocket",
    "Sec-WebSocket-Version": "13",
    "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
    "Sec-WebSocket-Protocol": NDT7,
}
PROOF = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="


def test_the_example_of_the_standard() -> None:
    """The standard's own key gets the standard's own proof, and the subprotocol asked for; no extension is agreed."""
    answer = switched(make_mocked_request("GET", "/", GOOD | {"Sec-WebSocket-Extensions": "permessage-deflate"}), NDT7)
    assert answer.status == 101
    assert dict(answer.headers) == {
        "Upgrade": "websocket",
        "Connection": "Upgrade",
        "Sec-WebSocket-Accept": PROOF,
        "Sec-WebSocket-Protocol": NDT7,
    }


@pytest.mark.parametrize(
    "headers",
    [
        {"Connection": "keep-alive, Upgrade"},
        {"Connection": "UPGRADE", "Upgrade": "WebSocket"},
        {"Sec-WebSocket-Protocol": f"a, {NDT7} ,b"},
    ],
)
def test_what_other_clients_write(headers: dict[str, str]) -> None:
    """Lists and the case of names are read as HTTP means them."""
    assert switched(make_mocked_request("GET", "/", GOOD | headers), NDT7).headers["Sec-WebSocket-Accept"] == PROOF


@pytest.mark.parametrize(
    "headers",
    [
        {"Connection": "keep-alive"},
        {"Connection": "Upgraded"},
        {"Upgrade": "h2c"},
        {"Sec-WebSocket-Version": "8"},
        {"Sec-WebSocket-Version": ""},
        {"Sec-WebSocket-Key": ""},
        {"Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ"},
        {"Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25j"},
        {"Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==\u00e9"},
        {"Sec-WebSocket-Protocol": ""},
        {"Sec-WebSocket-Protocol": f"{NDT7}0"},
        {"Sec-WebSocket-Protocol": f"{NDT7};q=1"},
    ],
)
def test_what_is_no_handshake(headers: dict[str, str]) -> None:
    """One wrong header is enough to be refused."""
    with pytest.raises(BadRequest):
        switched(make_mocked_request("GET", "/", GOOD | headers), NDT7)


@pytest.mark.parametrize("early", [b"\x82\xfe\x10\x00\0\0\0\0" + bytes(100), b"\x82", b"GET / HTTP/1.1\r\n\r\n"])
@pytest.mark.parametrize("way", ["download", "upload"])
async def test_a_client_that_does_not_wait(peer: "Served", raw: "RawFactory", way: str, early: bytes) -> None:
    """Bytes that come with the handshake in one packet are neither lost nor taken for frames: the client is refused."""
    client = await raw(peer)
    lines = "".join(f"{name}: {value}\r\n" for name, value in GOOD.items())
    client.writer.write(f"GET /ndt/v7/{way} HTTP/1.1\r\n{lines}\r\n".encode() + early)
    async with asyncio.timeout(5):
        answer = await client.reader.read()
    assert answer.startswith(b"HTTP/1.1 400 ")
    assert b"nothing may be sent before the handshake is answered" in answer
    assert answer.count(b"HTTP/1.1") == 1
    assert peer.journal == []


async def test_a_handshake_in_pieces(peer: "Served", raw: "RawFactory") -> None:
    """A handshake is read however its bytes arrive."""
    client = await raw(peer)
    lines = "".join(f"{name}: {value}\r\n" for name, value in GOOD.items())
    for piece in (b"GET /ndt/v7/upload?max_by", b"tes=3 HTTP/1.1\r\n", lines.encode(), b"\r", b"\n"):
        client.writer.write(piece)
        await client.writer.drain()
        await asyncio.sleep(0.01)
    assert (await client.reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 101 ")
