"""A peer on loopback, and a WebSocket client written by hand for what no well-behaved client does."""

import asyncio
import base64
import random
import struct
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field

import aiohttp
import pytest

from collector.clock import SystemClock
from collector.peer.account import Transfer
from collector.peer.app import PeerConfig, create_peer
from collector.peer.serve import bind_pair, serving
from shared.keys import FileKey

SUBPROTOCOL = "net.measurementlab.ndt.v7"
KEY = FileKey.generate().public
PATIENCE_S = 5


@dataclass(frozen=True)
class Served:
    """A running peer."""

    port: int
    key_id: str = KEY.key_id
    journal: list[Transfer] = field(default_factory=list)
    _noted: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def url(self) -> str:
        """Where it answers."""
        return f"http://127.0.0.1:{self.port}"

    async def ended(self, count: int = 1) -> list[Transfer]:
        """The journal, once it has `count` entries."""
        async with asyncio.timeout(PATIENCE_S):
            while len(self.journal) < count:
                self._noted.clear()
                await self._noted.wait()
        return self.journal

    def note(self, transfer: Transfer) -> None:
        """Take an entry of the journal."""
        self.journal.append(transfer)
        self._noted.set()


@dataclass
class RawClient:
    """A WebSocket client over a plain socket, which does as it is told and nothing by itself."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    async def request(self, target: str, headers: dict[str, str | None] | None = None) -> tuple[int, str]:
        """Send a handshake, with headers replaced or (None) left out; gives status and head."""
        self.ask(target, headers)
        head = (await self.reader.readuntil(b"\r\n\r\n")).decode()
        return int(head.split()[1]), head

    def ask(self, target: str, headers: dict[str, str | None] | None = None) -> None:
        """Send a handshake without waiting for the answer."""
        offered: dict[str, str | None] = {
            "Host": "peer",
            "Connection": "Upgrade",
            "Upgrade": "websocket",
            "Sec-WebSocket-Version": "13",
            "Sec-WebSocket-Key": base64.b64encode(bytes(16)).decode(),
            "Sec-WebSocket-Protocol": SUBPROTOCOL,
            **(headers or {}),
        }
        lines = [f"{name}: {value}\r\n" for name, value in offered.items() if value is not None]
        self.writer.write(f"GET {target} HTTP/1.1\r\n{''.join(lines)}\r\n".encode("latin-1"))

    def send(self, opcode: int, payload: bytes, *, first_byte: int | None = None, masked: bool = True) -> None:
        """Send one frame; the mask is zero, which leaves the payload readable."""
        mask_bit, n_bytes = 0x80 if masked else 0, len(payload)
        if n_bytes < 126:
            length = bytes([mask_bit | n_bytes])
        elif n_bytes < 65_536:
            length = bytes([mask_bit | 126]) + struct.pack("!H", n_bytes)
        else:
            length = bytes([mask_bit | 127]) + struct.pack("!Q", n_bytes)
        first = bytes([0x80 | opcode if first_byte is None else first_byte])
        self.writer.write(first + length + (bytes(4) if masked else b"") + payload)

    async def frame(self) -> tuple[int, bytes]:
        """The next frame of the server: opcode and payload."""
        first, length = await self.reader.readexactly(2)
        if length == 126:
            (length,) = struct.unpack("!H", await self.reader.readexactly(2))
        elif length == 127:
            (length,) = struct.unpack("!Q", await self.reader.readexactly(8))
        return first & 0x0F, await self.reader.readexactly(length)

    async def frame_of(self, opcode: int) -> bytes:
        """The payload of the next frame with this opcode; others are skipped."""
        async with asyncio.timeout(PATIENCE_S):
            while True:
                seen, payload = await self.frame()
                if seen == opcode:
                    return payload

    async def close_code(self) -> int:
        """The code with which the server closes."""
        (code,) = struct.unpack("!H", (await self.frame_of(8))[:2])
        return int(code)


PeerFactory = Callable[..., AbstractAsyncContextManager[Served]]
RawFactory = Callable[[Served], Awaitable[RawClient]]


@asynccontextmanager
async def running(*, max_clients: int = 8, faults: bool = True, seed: int = 7) -> AsyncIterator[Served]:
    """Serve a peer for as long as the block lasts."""
    pair = bind_pair("127.0.0.1", 0)
    served = Served(pair.port)
    config = PeerConfig(
        name="test peer",
        key=KEY,
        clock=SystemClock(),
        chance=random.Random(seed),
        journal=served.note,
        max_clients=max_clients,
        faults=faults,
        ports={"port": pair.port},
    )
    async with serving(create_peer(config), pair, config.clock):
        yield served


@pytest.fixture
def start_peer() -> PeerFactory:
    """Start a peer with settings of one's own."""
    return running


@pytest.fixture
async def peer() -> AsyncIterator[Served]:
    """A peer with the usual settings."""
    async with running() as served:
        yield served


@pytest.fixture
async def session() -> AsyncIterator[aiohttp.ClientSession]:
    """An ordinary HTTP client."""
    async with aiohttp.ClientSession(auto_decompress=False) as client:
        yield client


@pytest.fixture
async def raw() -> AsyncIterator[RawFactory]:
    """Connections made by hand."""
    opened: list[RawClient] = []

    async def connect(served: Served) -> RawClient:
        client = RawClient(*await asyncio.open_connection("127.0.0.1", served.port))
        opened.append(client)
        return client

    yield connect
    for client in opened:
        client.writer.transport.abort()
    await asyncio.sleep(0)
