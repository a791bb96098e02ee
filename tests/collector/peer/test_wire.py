"""A connection taken over from aiohttp: frames of any make, counted as they come, and nothing left when it ends."""

import asyncio
import gc
import socket
import ssl
import struct
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

import pytest
from aiohttp import web
from fakes.certificate import certificate
from hypothesis import given
from hypothesis import strategies as st

from collector.peer.account import End
from collector.peer.wire import LEAST_UNSENT_BYTES, MOST_UNSENT_BYTES, Wire, _below_tls
from shared.frames import BadFrame, Opcode, Told, frame

if TYPE_CHECKING:
    from conftest import PeerFactory, RawClient, RawFactory, Served

UPLOAD, DOWNLOAD = "/throughput/v1/upload?mid=m&streams=1", "/throughput/v1/download?mid=m&streams=1"
SPOKEN: dict[str, str | None] = {"Sec-WebSocket-Protocol": "net.measurementlab.throughput.v1"}
CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG = 0, 1, 2, 8, 9, 10
KEY = b"\x01\x02\x03\x04"
LINUX = pytest.mark.skipif(sys.platform != "linux", reason="only Linux has these options")


class Transport:
    """What a wire asks of a transport, noted."""

    def __init__(self, sock: socket.socket | None = None) -> None:
        self.written: list[bytes] = []
        self.closed = False
        self.sock = sock

    def get_extra_info(self, _name: str) -> socket.socket | None:
        """Show the socket."""
        return self.sock

    def set_write_buffer_limits(self, high: int) -> None:
        """Hold back no more than this."""
        assert high == 1  # with 0 the transport of TLS takes an empty buffer for a full one

    def set_protocol(self, _protocol: object) -> None:
        """Be taken over."""

    def write(self, data: bytes) -> None:
        """Take what is sent."""
        self.written.append(data)

    def get_write_buffer_size(self) -> int:
        """As much as was written, as if none of it had been taken."""
        return sum(map(len, self.written))

    def is_closing(self) -> bool:
        """Whether it was closed."""
        return self.closed

    def close(self) -> None:
        """Close."""
        self.closed = True


class Scene:
    """A wire over such a transport, and what it told."""

    def __init__(self, sock: socket.socket | None = None) -> None:
        self.transport = Transport(sock)
        self.load, self.told, self.lost = bytearray(), list[Told](), list[BadFrame | None]()
        self.behind: list[Exception | None] = []
        request = SimpleNamespace(
            transport=self.transport, protocol=SimpleNamespace(connection_lost=self.behind.append)
        )
        self.wire = Wire(cast("web.Request", request), self.take, self.told.append, self.lost.append)

    def take(self, piece: memoryview) -> None:
        """Keep load."""
        self.load += piece

    def receive(self, data: bytes, step_bytes: int = 1 << 18) -> None:
        """Let bytes arrive in pieces."""
        for at in range(0, len(data), step_bytes):
            piece = data[at : at + step_bytes]
            self.wire.get_buffer(-1)[: len(piece)] = piece
            self.wire.buffer_updated(len(piece))


async def test_a_connection_that_is_gone_is_not_taken_over() -> None:
    """A client that left before its handshake was answered is a lost connection, not a crash."""
    with pytest.raises(ConnectionResetError):
        Wire(cast("web.Request", SimpleNamespace(transport=None)), print, print, print)


@given(st.lists(st.binary(max_size=300), max_size=6), st.integers(1, 400))
def test_load_is_counted_before_its_message_is_whole(messages: list[bytes], step_bytes: int) -> None:
    """However the network cuts frames, every byte of load is told as it stands on the wire, once and in order."""
    scene = Scene()
    data = b"".join(frame(Opcode.BINARY, message, KEY) for message in messages)
    scene.receive(data, step_bytes)
    masked = b"".join(frame(Opcode.BINARY, message, KEY)[-len(message) :] for message in messages if message)
    assert bytes(scene.load) == masked
    assert scene.lost == []


def test_a_part_of_a_message_counts_at_once() -> None:
    """Half of a message has arrived when half of it has arrived."""
    scene = Scene()
    data = frame(Opcode.BINARY, bytes(1000), KEY)
    scene.receive(data[:508])
    assert len(scene.load) == 500
    scene.receive(data[508:])
    assert len(scene.load) == 1000


@given(st.binary(max_size=200), st.integers(1, 50))
def test_any_bytes_are_frames_or_the_end(data: bytes, step_bytes: int) -> None:
    """Whatever arrives, nothing is raised, and after what cannot be read nothing more is told."""
    scene = Scene()
    scene.receive(data, step_bytes)
    assert len(scene.lost) <= 1
    if scene.lost:
        before = (bytes(scene.load), list(scene.told))
        scene.receive(frame(Opcode.BINARY, b"more", KEY) + frame(Opcode.TEXT, b"more", KEY), step_bytes)
        assert (bytes(scene.load), scene.told, len(scene.lost)) == (*before, 1)


def test_a_ping_is_answered_only_where_there_is_room() -> None:
    """A client that pings and does not read piles up nothing."""
    scene = Scene()
    scene.receive(frame(Opcode.PING, b"one", KEY))
    scene.wire.pause_writing()
    scene.receive(frame(Opcode.PING, b"two", KEY) * 1000)
    scene.wire.resume_writing()
    scene.receive(frame(Opcode.PING, b"three", KEY))
    assert scene.transport.written == [frame(Opcode.PONG, b"one"), frame(Opcode.PONG, b"three")]


async def test_a_message_waits_for_room() -> None:
    """What is sent while the kernel is full waits until it is not, and then goes out whole."""
    scene = Scene()
    scene.wire.pause_writing()
    sending = asyncio.create_task(scene.wire.send(Opcode.BINARY, b"load"))
    await asyncio.sleep(0)
    assert scene.transport.written == []
    scene.wire.resume_writing()
    await sending
    assert scene.transport.written == [frame(Opcode.BINARY, b"load")]


async def test_whoever_waits_hears_of_the_end() -> None:
    """A connection that is lost wakes its sender with an error, and is given back to the server that counts it."""
    scene, error = Scene(), ConnectionResetError()
    scene.wire.pause_writing()
    sending = asyncio.create_task(scene.wire.send(Opcode.BINARY, b"load"))
    await asyncio.sleep(0)
    scene.wire.connection_lost(error)
    with pytest.raises(ConnectionResetError):
        await sending
    assert (scene.lost, scene.behind, scene.wire.gone.is_set()) == ([None], [error], True)


def test_what_has_not_arrived() -> None:
    """What the transport still holds has not arrived; of a connection that is gone nothing more is awaited."""
    scene = Scene()
    assert scene.wire.unacknowledged_bytes == 0
    scene.receive(frame(Opcode.PING, b"12345", KEY))
    assert scene.wire.unacknowledged_bytes == 7
    scene.wire.connection_lost(None)
    assert scene.wire.unacknowledged_bytes == 0


async def test_nothing_is_sent_on_a_closed_connection() -> None:
    """After its close a wire refuses what is sent."""
    scene = Scene()
    scene.wire.close()
    with pytest.raises(ConnectionResetError):
        await scene.wire.send(Opcode.TEXT, b"")
    assert scene.wire.eof_received() is False


def test_without_a_socket_there_are_no_options() -> None:
    """Where the transport shows no socket, or it is closed, asking for options changes nothing."""
    closed = socket.socket()
    closed.close()
    for sock in (None, closed):
        scene = Scene(sock)
        scene.wire.fill_segments(True)
        scene.wire.limit_unsent(1)
        assert scene.wire.socket is None
        assert scene.wire.choose_congestion_control("cubic") == ""


@LINUX
def test_options_of_a_socket() -> None:
    """The unsent part follows the rate within bounds, and a congestion control the kernel has not is not put in force."""
    with socket.socket() as sock:
        scene = Scene(sock)
        for rate_bps, n_bytes in ((0, LEAST_UNSENT_BYTES), (8_000_000, 20_000), (10**12, MOST_UNSENT_BYTES)):
            scene.wire.limit_unsent(rate_bps)
            assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_NOTSENT_LOWAT) == n_bytes
        scene.wire.fill_segments(False)
        assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY) == 1
        scene.wire.fill_segments(True)
        assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY) == 0
        assert scene.wire.choose_congestion_control("reno") == "reno"
        assert scene.wire.choose_congestion_control("no such rule") == "reno"
        assert scene.wire.choose_congestion_control("") == "reno"


async def test_the_transport_below_tls_is_found(tmp_path: Path) -> None:
    """What asyncio holds back below TLS is bounded too: its transport is there, and a plain one has none below it."""
    context, authority = certificate(tmp_path)
    ended = asyncio.Event()

    async def wait(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await ended.wait()
        writer.close()

    async with await asyncio.start_server(wait, "127.0.0.1", 0, ssl=context) as server:
        trusting = ssl.create_default_context(cafile=authority)
        _, writer = await asyncio.open_connection(*server.sockets[0].getsockname(), ssl=trusting)
        below = _below_tls(writer.transport)
        assert isinstance(below, asyncio.Transport)
        below.set_write_buffer_limits(high=1)
        assert below.get_write_buffer_limits() == (0, 1)
        assert _below_tls(below) is None
        ended.set()
        writer.close()
        await writer.wait_closed()


async def opened(client: "RawClient", target: str) -> None:
    """Shake hands."""
    status, _ = await client.request(target, SPOKEN)
    assert status == 101


async def test_what_arrived_of_a_message_counts_when_the_line_breaks(peer: "Served", raw: "RawFactory") -> None:
    """Of a message that was never finished, what came is in the account."""
    client = await raw(peer)
    await opened(client, UPLOAD)
    client.writer.write(frame(Opcode.BINARY, bytes(1_000_000), KEY)[: 10 + 4 + 123_456])
    await client.writer.drain()
    await asyncio.sleep(0.2)
    client.writer.transport.abort()
    (transfer,) = await peer.ended()
    assert transfer.received_bytes == 123_456
    assert transfer.end is End.CLIENT_GONE


async def test_control_frames_within_a_message(peer: "Served", raw: "RawFactory") -> None:
    """A ping between the parts of a message is answered, and is no part of it (RFC 6455, section 5.4)."""
    client = await raw(peer)
    await opened(client, f"{UPLOAD}&bytes=300")
    client.send(BINARY, bytes(100), first_byte=0x02)
    client.send(PING, b"between")
    assert await client.frame_of(PONG) == b"between"
    client.send(CONTINUATION, bytes(200))
    assert await client.close_code() == 1000
    client.send(CLOSE, struct.pack("!H", 1000))
    (transfer,) = await peer.ended()
    assert (transfer.received_bytes, transfer.end) == (300, End.BYTE_CAP)


@pytest.mark.parametrize(
    ("bad", "code"),
    [
        ({"opcode": BINARY, "payload": b"x", "masked": False}, 1002),
        ({"opcode": BINARY, "payload": b"x", "first_byte": 0xA2}, 1002),
        ({"opcode": CONTINUATION, "payload": b"x"}, 1002),
        ({"opcode": 0xB, "payload": b""}, 1002),
        ({"opcode": PING, "payload": b"x", "first_byte": 0x09}, 1002),
        ({"opcode": TEXT, "payload": b"\xc3("}, 1007),
        ({"opcode": TEXT, "payload": bytes(1 << 17)}, 1009),
    ],
)
async def test_bad_frames_close_with_their_code(
    peer: "Served", raw: "RawFactory", bad: dict[str, Any], code: int
) -> None:
    """A frame that must not come ends the test with the code that says why, whatever follows it in the same packet."""
    client = await raw(peer)
    await opened(client, UPLOAD)
    client.send(BINARY, bytes(10))
    client.send(**bad)
    client.send(TEXT, b"\xff")
    assert await client.close_code() == code
    (transfer,) = await peer.ended()
    assert transfer.end is End.PROTOCOL_ERROR
    assert transfer.received_bytes <= 11


@pytest.mark.parametrize("target", [DOWNLOAD, UPLOAD])
async def test_a_stopped_peer_leaves_nothing(start_peer: "PeerFactory", raw: "RawFactory", target: str) -> None:
    """A server that stops with a connection taken over leaves no task and no open transport, and the account is closed."""
    before = asyncio.all_tasks()
    async with start_peer() as served:
        client = await raw(served)
        await opened(client, f"{target}&duration=20000")
        await asyncio.sleep(0.1)
    await asyncio.sleep(0)
    assert [transfer.end for transfer in served.journal] == [End.PEER_STOPPED]
    assert asyncio.all_tasks() - before == set()
    async with asyncio.timeout(5):
        while await client.reader.read(1 << 20):
            pass
    client.writer.transport.abort()
    await asyncio.sleep(0)
    gc.collect()  # an unclosed transport warns here, and warnings are errors
