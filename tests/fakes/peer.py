"""A small measurement peer for the shells: an ndt7 subset, objects, a reflector, and a fault for each failure.

Real sockets on loopback, in the test's own event loop. Not the collector's peer, and no model for it: it does
what it is told, including what no peer should do.
"""

import asyncio
import json
import socket
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from ssl import SSLContext

from aiohttp import WSCloseCode, WSMsgType, web
from fakes.reflector import FakeReflector

from probe.clock import SystemClock
from probe.net.address import PeerAddress

LOAD = bytes(8192)


@dataclass
class FakePeer:
    """What the peer is to do wrong, and what it saw."""

    fault: str = ""
    after_bytes: int = 16_384
    text: bytes = b""
    drop_packets: frozenset[int] = frozenset()
    drop_replies: frozenset[int] = frozenset()
    port: int = 0
    udp_port: int = 0
    requests: list[str] = field(default_factory=list)
    packets: int = 0
    got_bytes: int = 0
    gone: asyncio.Event = field(default_factory=asyncio.Event)

    def address(self, *, scheme: str = "http", host: str = "127.0.0.1", ca: Path | None = None) -> PeerAddress:
        """Say where this peer is."""
        return PeerAddress(f"{scheme}://{host}:{self.port}", "127.0.0.1", self.udp_port, "fake", ca)

    async def download(self, request: web.Request) -> web.StreamResponse:
        """Send load for the time asked for, or until the fault."""
        ws, max_ms, loop = (
            await self._upgrade(request),
            int(request.query["max_ms"]),
            asyncio.get_running_loop(),
        )
        start, sent_bytes = loop.time(), 0
        while (elapsed := loop.time() - start) < max_ms / 1000:
            if self.fault and sent_bytes >= self.after_bytes:
                return await self._misbehave(request, ws)
            await ws.send_bytes(LOAD)
            sent_bytes += len(LOAD)
            if sent_bytes % (8 * len(LOAD)) == 0:
                await ws.send_str(self._count(sent_bytes, elapsed))
                await asyncio.sleep(0.005)
        await ws.close()
        return ws

    async def upload(self, request: web.Request) -> web.StreamResponse:
        """Count load for the time asked for, and say so, or until the fault."""
        ws, max_ms = await self._upgrade(request), int(request.query["max_ms"])
        talk = asyncio.create_task(self._tell(ws, max_ms)) if not self.fault else None
        try:
            async for message in ws:
                self.got_bytes += len(message.data)
                if self.fault not in {"", "silence"} and self.got_bytes >= self.after_bytes:
                    return await self._misbehave(request, ws)
        finally:
            if talk is not None:
                talk.cancel()
        return ws

    async def _tell(self, ws: web.WebSocketResponse, max_ms: int) -> None:
        loop = asyncio.get_running_loop()
        start = loop.time()
        while (elapsed := loop.time() - start) < max_ms / 1000:
            await ws.send_str(self._count(self.got_bytes, elapsed))
            await asyncio.sleep(0.05)
        await ws.send_str(self._count(self.got_bytes, elapsed))
        await ws.send_frame(struct.pack("!H", WSCloseCode.OK), WSMsgType.CLOSE)

    async def _upgrade(self, request: web.Request) -> web.WebSocketResponse:
        self.requests.append(request.path)
        protocols = () if self.fault == "no subprotocol" else ("net.measurementlab.ndt.v7",)
        ws = web.WebSocketResponse(protocols=protocols, compress=False, max_msg_size=1 << 24, timeout=0.2)
        await ws.prepare(request)
        return ws

    @staticmethod
    def _count(count_bytes: int, elapsed: float) -> str:
        app = {"NumBytes": count_bytes, "ElapsedTime": int(elapsed * 1_000_000)}
        return json.dumps({"Origin": "server", "AppInfo": app})

    async def _misbehave(self, request: web.Request, ws: web.WebSocketResponse) -> web.StreamResponse:
        match self.fault:
            case "stall":
                await self.gone.wait()
            case "reset":
                reset(request)
            case "eof":
                if request.transport is not None:
                    request.transport.close()
            case "close":
                await ws.close(code=WSCloseCode.GOING_AWAY)
            case "deaf":
                await ws.send_frame(struct.pack("!H", WSCloseCode.OK), WSMsgType.CLOSE)
                await self.gone.wait()
            case "say":
                await ws.send_frame(self.text, WSMsgType.TEXT)
                await self.gone.wait()
        return ws

    async def object(self, request: web.Request) -> web.StreamResponse:
        """Serve an object, or a part of it and then the fault."""
        self.requests.append(request.path)
        n_bytes = int(request.match_info["n_bytes"])
        match self.fault:
            case "503":
                return web.Response(status=503)
            case "redirect":
                return web.Response(status=302, headers={"Location": "/object/1"})
            case "silent":
                await self.gone.wait()
            case "hang up":
                if request.transport is not None:
                    request.transport.close()
            case "":
                return web.Response(body=bytes(n_bytes))
        answer = web.StreamResponse(headers={"Content-Length": str(n_bytes)})
        await answer.prepare(request)
        await answer.write(bytes(self.after_bytes))
        if self.fault == "stall":
            await self.gone.wait()
        elif self.fault == "reset":
            await asyncio.sleep(0.05)
            reset(request)
        elif request.transport is not None:
            request.transport.close()
        return answer

    async def refuse(self, request: web.Request) -> web.StreamResponse:
        """Answer a handshake with a status."""
        self.requests.append(request.path)
        if self.fault == "redirect":
            return web.Response(status=302, headers={"Location": "/object/1"})
        return web.Response(status=503)


def reset(request: web.Request) -> None:
    """Cut a connection so that the other side sees RST."""
    if request.transport is not None:
        sock = request.transport.get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        request.transport.abort()


class _Reflector(asyncio.DatagramProtocol):
    def __init__(self, peer: FakePeer) -> None:
        self._peer = peer
        self._reflector = FakeReflector()
        self._transport: asyncio.DatagramTransport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport  # type: ignore[assignment]

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        number, self._peer.packets = self._peer.packets, self._peer.packets + 1
        if number in self._peer.drop_packets or self._transport is None:
            return
        now_us = SystemClock().wall_us()
        reply = self._reflector.reply(data, addr, now_us, now_us)
        if reply is not None and number not in self._peer.drop_replies:
            self._transport.sendto(reply, addr)


@asynccontextmanager
async def running(peer: FakePeer, tls: SSLContext | None = None) -> AsyncIterator[FakePeer]:
    """Keep a peer up on free ports of loopback."""
    app = web.Application()
    refuses = peer.fault in {"redirect", "503"}
    app.router.add_get("/ndt/v7/download", peer.refuse if refuses else peer.download)
    app.router.add_get("/ndt/v7/upload", peer.refuse if refuses else peer.upload)
    app.router.add_get("/object/{n_bytes}", peer.object)
    runner = web.AppRunner(app, handle_signals=False, shutdown_timeout=0, access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0, ssl_context=tls)
    await site.start()
    peer.port = runner.addresses[0][1]
    echo, _ = await asyncio.get_running_loop().create_datagram_endpoint(
        lambda: _Reflector(peer), local_addr=("127.0.0.1", 0)
    )
    peer.udp_port = echo.get_extra_info("sockname")[1]
    try:
        yield peer
    finally:
        peer.gone.set()
        echo.close()
        await runner.cleanup()
        await asyncio.sleep(0)


@asynccontextmanager
async def mute_port() -> AsyncIterator[int]:
    """Keep a TCP port that accepts and never says a word."""
    ended = asyncio.Event()

    async def be_mute(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await ended.wait()
        finally:
            writer.close()

    server = await asyncio.start_server(be_mute, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        ended.set()
        server.close()
        await server.wait_closed()
        await asyncio.sleep(0.01)


def free_port() -> int:
    """Find a TCP port on which nobody listens."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])
