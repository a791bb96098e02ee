"""A small measurement peer for the shells: load tests, objects, a reflector, and a fault for each failure.

Real sockets on loopback, in the test's own event loop. Not the collector's peer, and no model for it: it does
what it is told, including what no peer should do.
"""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from ssl import SSLContext

from aiohttp import web
from fakes.load_peer import FakeLoad, reset
from fakes.reflector import FakeReflector

from probe.clock import SystemClock
from probe.net.address import PeerAddress


@dataclass
class FakePeer(FakeLoad):
    """What the peer is to do wrong, and what it saw."""

    drop_packets: frozenset[int] = frozenset()
    drop_replies: frozenset[int] = frozenset()
    port: int = 0
    udp_port: int = 0
    packets: int = 0

    def address(self, *, scheme: str = "http", host: str = "127.0.0.1", ca: Path | None = None) -> PeerAddress:
        """Say where this peer is."""
        return PeerAddress(f"{scheme}://{host}:{self.port}", "127.0.0.1", self.udp_port, "fake", ca)

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
async def running(peer: FakePeer, tls: SSLContext | None = None, *, host: str = "127.0.0.1") -> AsyncIterator[FakePeer]:
    """Keep a peer up on free ports of loopback; its reflector is on that of IPv4."""
    app = web.Application()
    app.add_routes(peer.load_routes())
    app.router.add_get("/object/{n_bytes}", peer.object)
    runner = web.AppRunner(app, handle_signals=False, shutdown_timeout=0, access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, host, 0, ssl_context=tls)
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
