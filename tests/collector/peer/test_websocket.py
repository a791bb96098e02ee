"""ndt7 over real sockets on loopback."""

import asyncio
import json
import socket
import struct
import sys
from contextlib import suppress
from datetime import datetime
from typing import TYPE_CHECKING, Any
from unittest.mock import AsyncMock

import aiohttp
import pytest

from collector.peer import loadtest, tcpinfo
from collector.peer.account import End
from collector.peer.flows import FlowAccount
from collector.peer.handshake import Switched

if TYPE_CHECKING:
    from conftest import PeerFactory, RawFactory, Served

SUBPROTOCOL = "net.measurementlab.ndt.v7"
DOWNLOAD, UPLOAD = "/ndt/v7/download", "/ndt/v7/upload"
TEXT, BINARY, CLOSE, PING, PONG = 1, 2, 8, 9, 10
RST_ON_CLOSE = struct.pack("ii", 1, 0)


async def _drained(ws: aiohttp.ClientWebSocketResponse) -> tuple[list[int], list[dict[str, Any]]]:
    """The sizes of all binary messages and the contents of all texts, up to the close."""
    sizes: list[int] = []
    texts: list[dict[str, Any]] = []
    async for message in ws:
        if message.type is aiohttp.WSMsgType.BINARY:
            sizes.append(len(message.data))
        else:
            texts.append(json.loads(message.data))
    return sizes, texts


async def test_a_silent_client_of_a_download_is_left_at_last(
    peer: "Served", raw: "RawFactory", monkeypatch: pytest.MonkeyPatch
) -> None:
    """A client that never reads is dropped when its time is up, and what it did not take is not counted."""
    monkeypatch.setattr(loadtest, "CLOSING_US", 400_000)
    client = await raw(peer)
    client.writer.transport.pause_reading()
    client.ask(f"{DOWNLOAD}?max_ms=200")
    (transfer,) = await peer.ended()
    assert transfer.end is End.HARD_STOP
    assert 600_000 <= transfer.dur_us < 2_000_000


async def test_download(peer: "Served", session: aiohttp.ClientSession) -> None:
    """A download delivers what the server says it sent, in growing messages, and is closed in time."""
    async with session.ws_connect(f"{peer.url}{DOWNLOAD}?max_ms=700", protocols=[SUBPROTOCOL]) as ws:
        assert ws.protocol == SUBPROTOCOL
        sizes, texts = await _drained(ws)
    assert ws.close_code == 1000
    assert texts[-1]["AppInfo"]["NumBytes"] == sum(sizes)
    assert sizes[0] == 2**13
    assert max(sizes) <= 2**20
    assert 700_000 <= texts[-1]["AppInfo"]["ElapsedTime"] < 3_000_000
    (transfer,) = await peer.ended()
    assert (transfer.kind, transfer.end) == ("ndt7-download", End.DURATION)
    assert (transfer.sent_bytes, transfer.received_bytes) == (sum(sizes), 0)


async def test_texts(peer: "Served", session: aiohttp.ClientSession) -> None:
    """Every text names connection, test and origin, and neither time nor bytes run backwards."""
    async with session.ws_connect(f"{peer.url}{DOWNLOAD}?max_ms=1500", protocols=[SUBPROTOCOL]) as ws:
        own_host, own_port = ws.get_extra_info("sockname")
        _, texts = await _drained(ws)
    first = texts[0]["ConnectionInfo"]
    assert 3 <= len(texts) <= 61
    assert first["Client"] == f"{own_host}:{own_port}"
    assert first["Server"] == f"127.0.0.1:{peer.port}"
    assert datetime.fromisoformat(first["StartTime"]).utcoffset() is not None
    assert all(text["Origin"] == "server" and text["Test"] == "download" for text in texts)
    for member in ("ElapsedTime", "NumBytes"):
        values = [text["AppInfo"][member] for text in texts]
        assert values == sorted(values)
    if sys.platform == "linux":
        final = texts[-1]["TCPInfo"]
        assert final["BytesSent"] >= texts[-1]["AppInfo"]["NumBytes"] - (1 << 20)
        assert final["MinRTT"] > 0


@pytest.mark.parametrize("max_bytes", [1, 20_000, 1_000_000, 5_000_001])
async def test_a_capped_download(peer: "Served", session: aiohttp.ClientSession, max_bytes: int) -> None:
    """A cap ends the download with 1000 once it is reached, less than 1 KiB beyond it."""
    async with session.ws_connect(f"{peer.url}{DOWNLOAD}?max_bytes={max_bytes}", protocols=[SUBPROTOCOL]) as ws:
        sizes, _ = await _drained(ws)
    assert ws.close_code == 1000
    assert 0 <= sum(sizes) - max_bytes < 1024
    assert (await peer.ended())[0].end is End.BYTE_CAP


async def test_upload(peer: "Served", session: aiohttp.ClientSession) -> None:
    """The server's last text counts every byte of a capped upload, and closes it with 1000."""
    url = f"{peer.url}{UPLOAD}?max_bytes=3000000&client_name=test"
    async with session.ws_connect(url, protocols=[SUBPROTOCOL]) as ws:
        reading = asyncio.create_task(_drained(ws))
        for _ in range(30):
            await ws.send_bytes(bytes(100_000))
        sizes, texts = await reading
    assert ws.close_code == 1000
    assert sizes == []
    assert texts[-1]["AppInfo"]["NumBytes"] == 3_000_000
    (transfer,) = await peer.ended()
    assert (transfer.end, transfer.sent_bytes, transfer.received_bytes) == (End.BYTE_CAP, 0, 3_000_000)


async def test_an_upload_is_told_its_count_while_it_runs(peer: "Served", session: aiohttp.ClientSession) -> None:
    """Counts arrive during an upload, not only at its end, and also while nothing moves."""
    async with session.ws_connect(f"{peer.url}{UPLOAD}?max_ms=1500", protocols=[SUBPROTOCOL]) as ws:
        await ws.send_bytes(bytes(5000))
        _, texts = await _drained(ws)
    assert len(texts) >= 3
    assert {text["AppInfo"]["NumBytes"] for text in texts} == {5000}
    assert {text["Test"] for text in texts} == {"upload"}
    assert (await peer.ended())[0].end is End.DURATION


BAD_HANDSHAKES = [
    ("", {"Sec-WebSocket-Protocol": None}),
    ("", {"Sec-WebSocket-Protocol": "net.measurementlab.ndt.v6"}),
    ("", {"Upgrade": None, "Connection": None}),
    ("", {"Sec-WebSocket-Version": "12"}),
    ("", {"Sec-WebSocket-Key": "short"}),
    ("?a=1&a=2", {}),
    ("?=1", {}),
    ("?a=%ff", {}),
    ("?" + "x" * 4097, {}),
    ("?early_exit=100", {}),
    ("?max_ms=10001", {}),
    ("?max_bytes=-1", {}),
]


@pytest.mark.parametrize(("query", "headers"), BAD_HANDSHAKES)
@pytest.mark.parametrize("path", [DOWNLOAD, UPLOAD])
async def test_bad_handshakes(
    peer: "Served", raw: "RawFactory", path: str, query: str, headers: dict[str, str | None]
) -> None:
    """A handshake that breaks a rule gets 400 and a problem, and is no transfer."""
    status, head = await (await raw(peer)).request(path + query, headers)
    assert status == 400
    assert "application/problem+json" in head
    assert peer.journal == []


async def test_no_compression_is_agreed(peer: "Served", raw: "RawFactory") -> None:
    """An offer to compress is not taken up: the payload on the wire is the payload counted."""
    client = await raw(peer)
    offer = {"Sec-WebSocket-Extensions": "permessage-deflate"}
    status, head = await client.request(f"{DOWNLOAD}?max_ms=50", offer)
    assert status == 101
    assert f"Sec-WebSocket-Protocol: {SUBPROTOCOL}" in head
    assert "Sec-WebSocket-Extensions" not in head
    assert len(await client.frame_of(BINARY)) == 2**13


@pytest.mark.parametrize(
    ("frame", "code"),
    [
        ({"opcode": BINARY, "payload": b"x" * 10}, 1003),
        ({"opcode": TEXT, "payload": b"\xff"}, 1007),
        ({"opcode": 3, "payload": b"x"}, 1002),
        ({"opcode": TEXT, "payload": b"x", "first_byte": 0xC1}, 1002),
        ({"opcode": PING, "payload": b"x" * 126}, 1002),
    ],
)
async def test_frames_out_of_place(peer: "Served", raw: "RawFactory", frame: dict[str, Any], code: int) -> None:
    """Load in the wrong direction closes with 1003, a broken frame with its own code; neither is raised."""
    client = await raw(peer)
    await client.request(f"{DOWNLOAD}?max_ms=3000&max_bytes=9007199254740991")
    client.send(**frame)
    assert await client.close_code() == code
    client.send(CLOSE, struct.pack("!H", code))
    assert (await peer.ended())[0].end is End.PROTOCOL_ERROR


async def test_a_message_beyond_the_limit_is_refused_before_it_comes(peer: "Served", raw: "RawFactory") -> None:
    """A header that announces more than 2^24 bytes closes with 1009."""
    client = await raw(peer)
    await client.request(f"{UPLOAD}?max_ms=3000")
    client.writer.write(bytes([0x82, 0xFF]) + struct.pack("!Q", 2**24 + 1) + bytes(4))
    assert await client.close_code() == 1009
    client.send(CLOSE, struct.pack("!H", 1009))
    assert (await peer.ended())[0].end is End.PROTOCOL_ERROR


async def test_a_message_of_the_limit_is_taken(peer: "Served", raw: "RawFactory") -> None:
    """A message of exactly 2^24 bytes is one message."""
    client = await raw(peer)
    await client.request(f"{UPLOAD}?max_bytes={2**24}")
    client.send(BINARY, bytes(2**24))
    assert await client.close_code() == 1000
    client.send(CLOSE, struct.pack("!H", 1000))
    assert (await peer.ended())[0].received_bytes == 2**24


async def test_pings_and_texts_of_the_client(peer: "Served", raw: "RawFactory") -> None:
    """A ping is answered with its payload; a client's own measurements are let pass, whatever they say."""
    client = await raw(peer)
    await client.request(f"{UPLOAD}?max_ms=2000")
    client.send(TEXT, b'{"AppInfo":{"NumBytes":-1}}')
    client.send(TEXT, b"not JSON")
    client.send(PING, b"hello")
    assert await client.frame_of(PONG) == b"hello"
    client.send(CLOSE, struct.pack("!H", 1000))
    assert await client.close_code() == 1000
    (transfer,) = await peer.ended()
    assert (transfer.end, transfer.received_bytes) == (End.CLIENT_CLOSED, 0)


async def test_a_fragmented_message_counts_once(peer: "Served", raw: "RawFactory") -> None:
    """The payload of a message sent in parts is the sum of its parts."""
    client = await raw(peer)
    await client.request(f"{UPLOAD}?max_bytes=300")
    client.send(BINARY, bytes(100), first_byte=0x02)
    client.send(0, bytes(200))
    summary = json.loads(await client.frame_of(TEXT))
    assert summary["AppInfo"]["NumBytes"] == 300


@pytest.mark.parametrize("path", [DOWNLOAD, UPLOAD])
@pytest.mark.parametrize(
    ("leaving", "end"), [("close", End.CLIENT_CLOSED), ("eof", End.CLIENT_GONE), ("reset", End.CLIENT_GONE)]
)
async def test_a_client_may_leave_in_any_way(
    peer: "Served", raw: "RawFactory", path: str, leaving: str, end: End
) -> None:
    """Close, end of stream and reset in the middle of a test end it at once and are only noted."""
    client = await raw(peer)
    await client.request(f"{path}?max_ms=10000")
    if path == DOWNLOAD:
        await client.frame_of(BINARY)
    if leaving == "close":
        client.send(CLOSE, struct.pack("!H", 1001))
        await client.frame_of(CLOSE)
    elif leaving == "eof":
        client.writer.close()
    else:
        connection = client.writer.get_extra_info("socket")
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RST_ON_CLOSE)
        client.writer.transport.abort()
    (transfer,) = await peer.ended()
    assert transfer.end is end
    assert transfer.dur_us < 3_000_000


@pytest.mark.skipif(sys.platform != "linux", reason="needs TCP_NOTSENT_LOWAT")
async def test_counts_stay_near_the_wire(peer: "Served") -> None:
    """With a client that stops reading, the server's count is not far ahead of what arrived."""
    reader, writer = await asyncio.open_connection("127.0.0.1", peer.port, limit=1 << 12)
    target = f"{DOWNLOAD}?max_ms=10000 HTTP/1.1"
    key = "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA=="
    upgrade = f"Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Protocol: {SUBPROTOCOL}"
    writer.write(f"GET {target}\r\nHost: x\r\n{upgrade}\r\n{key}\r\n\r\n".encode())
    await reader.readuntil(b"\r\n\r\n")
    await asyncio.sleep(0.3)
    arrived_bytes = tcpinfo.parse(tcpinfo.read(writer.get_extra_info("socket")))["BytesReceived"]
    writer.transport.abort()
    (transfer,) = await peer.ended()
    assert transfer.sent_bytes <= arrived_bytes + (1 << 18)


async def test_many_tests_at_once(start_peer: "PeerFactory", session: aiohttp.ClientSession) -> None:
    """Tests side by side each get their time, and the one too many gets 503 with a time to come back."""
    async with start_peer(max_clients=3) as served:
        url = f"{served.url}{UPLOAD}?max_ms=600"
        sockets = [await session.ws_connect(url, protocols=[SUBPROTOCOL]) for _ in range(3)]
        with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
            await session.ws_connect(url, protocols=[SUBPROTOCOL])
        assert refused.value.status == 503
        assert refused.value.headers is not None
        assert int(refused.value.headers["Retry-After"]) > 0
        for ws in sockets:
            await _drained(ws)
        await served.ended(3)
        async with session.ws_connect(f"{url}&again", protocols=[SUBPROTOCOL]) as ws:
            await _drained(ws)
        assert {transfer.end for transfer in await served.ended(4)} == {End.DURATION}


async def test_stopping_the_peer_ends_a_running_test(start_peer: "PeerFactory", session: aiohttp.ClientSession) -> None:
    """A peer that is told to stop does not wait for its clients."""
    async with start_peer() as served:
        ws = await session.ws_connect(f"{served.url}{DOWNLOAD}", protocols=[SUBPROTOCOL])
        await ws.receive_bytes()
        began = asyncio.get_running_loop().time()
    assert asyncio.get_running_loop().time() - began < 1.5
    assert [transfer.end for transfer in served.journal] == [End.PEER_STOPPED]
    await ws.close()


@pytest.fixture
def ends(monkeypatch: pytest.MonkeyPatch) -> list[End]:
    """What the accounts of flows were closed with."""
    said: list[End] = []
    monkeypatch.setattr(FlowAccount, "closed", lambda _account, end, _now_us: said.append(end))
    return said


@pytest.mark.parametrize("path", [DOWNLOAD, UPLOAD])
@pytest.mark.parametrize("leaving", ["close", "reset", "rubbish", "silence", "stop"])
async def test_every_account_is_closed_with_the_journals_end(
    start_peer: "PeerFactory",
    raw: "RawFactory",
    ends: list[End],
    path: str,
    leaving: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """However a flow ends, its account is closed once, with the very reason that stands in the journal."""
    monkeypatch.setattr(loadtest, "CLOSING_US", 300_000)
    async with start_peer() as served:
        client = await raw(served)
        await client.request(f"{path}?max_ms={200 if leaving == 'silence' else 9000}")
        match leaving:
            case "close":
                client.send(CLOSE, struct.pack("!H", 1000))
            case "reset":
                client.writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RST_ON_CLOSE)
                client.writer.transport.abort()
            case "rubbish":
                client.send(3, b"")
        if leaving in {"close", "rubbish"}:
            await client.close_code()
            client.writer.close()
        if leaving != "stop":
            await served.ended()
            assert ends == [served.journal[0].end]
    assert ends == [transfer.end for transfer in served.journal]
    assert ends == [
        {
            "close": End.CLIENT_CLOSED,
            "reset": End.CLIENT_GONE,
            "rubbish": End.PROTOCOL_ERROR,
            "silence": End.HARD_STOP,
            "stop": End.PEER_STOPPED,
        }[leaving]
    ]


async def test_a_client_that_is_gone_before_the_answer(
    peer: "Served", raw: "RawFactory", ends: list[End], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A client that leaves while its handshake is answered has an account, and it says so."""
    monkeypatch.setattr(Switched, "prepare", AsyncMock(side_effect=ConnectionResetError))
    client = await raw(peer)
    client.ask(UPLOAD)
    assert [transfer.end for transfer in await peer.ended()] == ends == [End.CLIENT_GONE]
    async with asyncio.timeout(5):
        with suppress(ConnectionResetError):
            assert await client.reader.read() == b""
