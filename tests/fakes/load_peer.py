"""The load tests of the small peer: ndt7 and throughput1 over aiohttp's WebSocket, with a fault for each failure.

Counts whole messages, which is enough on loopback. `FakeLoad` is told what to do wrong, and on which of its
connections: no other connection is harmed.
"""

import asyncio
import json
import socket
import struct
from contextlib import suppress
from dataclasses import dataclass, field

from aiohttp import WSCloseCode, WSMsgType, web

MESSAGE_BYTES = 8192
TEXT_S = 0.05
NORMAL = struct.pack("!H", WSCloseCode.OK)
SUBPROTOCOLS = {"ndt": "net.measurementlab.ndt.v7", "throughput": "net.measurementlab.throughput.v1"}
OVER = {WSMsgType.CLOSE, WSMsgType.CLOSING, WSMsgType.CLOSED, WSMsgType.ERROR}


@dataclass(frozen=True)
class Asked:
    """What a handshake asked for."""

    protocol: str
    download: bool
    seconds: float
    cap_bytes: int
    wake_s: float
    number: int  # how many came before

    @classmethod
    def of(cls, request: web.Request, number: int) -> "Asked":
        """Read a request; raises HTTPBadRequest."""
        query, protocol = request.query, request.path.split("/")[1]
        if SUBPROTOCOLS[protocol] not in request.headers.get("Sec-WebSocket-Protocol", ""):
            raise web.HTTPBadRequest
        if protocol == "throughput" and not {"mid", "streams"} <= query.keys():
            raise web.HTTPBadRequest
        length, cap = ("max_ms", "max_bytes") if protocol == "ndt" else ("duration", "bytes")
        return cls(
            protocol,
            request.path.endswith("download"),
            int(query.get(length, "5000")) / 1000,
            int(query.get(cap, 1 << 40)),
            int(query.get("wake_ms", "0")) / 1000,
            number,
        )


@dataclass
class FakeLoad:
    """What the load tests are to do wrong, and what they saw."""

    fault: str = ""
    after_bytes: int = 16_384
    only: int | None = None  # the one connection that has the fault; all of them if none is named
    text: bytes = b""
    requests: list[str] = field(default_factory=list)
    sent_bytes: int = 0
    got_bytes: int = 0
    gone: asyncio.Event = field(default_factory=asyncio.Event)
    _upgraded: int = 0

    def load_routes(self) -> list[web.RouteDef]:
        """The paths of the load tests."""
        return [
            web.get(f"/{root}/{way}", self.load)
            for root in ("ndt/v7", "throughput/v1")
            for way in ("download", "upload")
        ]

    async def load(self, request: web.Request) -> web.StreamResponse:
        """Serve one connection."""
        self.requests.append(request.path)
        asked = Asked.of(request, self._upgraded)
        self._upgraded += 1
        fault = self.fault if self.only in {None, asked.number} else ""
        if fault == "503":
            return web.Response(status=503)
        if fault == "redirect":
            return web.Response(status=302, headers={"Location": "/object/1"})
        protocols = () if fault == "no subprotocol" else (SUBPROTOCOLS[asked.protocol],)
        ws = web.WebSocketResponse(
            protocols=protocols, compress=False, max_msg_size=1 << 24, timeout=0.2, autoclose=False
        )
        await ws.prepare(request)
        serve = self._send_load if asked.download else self._take_load
        await serve(request, ws, asked, fault)
        return ws

    async def _send_load(self, request: web.Request, ws: web.WebSocketResponse, asked: Asked, fault: str) -> None:
        """Send load for the time asked for, or to its cap, or until the fault."""
        loop, sent_bytes = asyncio.get_running_loop(), 0
        start = loop.time()
        listening = asyncio.create_task(self._goodbye(ws))
        try:
            while (elapsed := loop.time() - start) < asked.seconds or fault == "endless":
                if fault not in {"", "endless"} and sent_bytes >= self.after_bytes:
                    await self._misbehave(request, ws, fault)
                    return
                wakes = elapsed < asked.wake_s
                piece = bytes(min(64 if wakes else MESSAGE_BYTES, asked.cap_bytes - sent_bytes))
                if (not piece or listening.done()) and fault != "endless":
                    break
                await ws.send_bytes(piece or bytes(MESSAGE_BYTES))
                sent_bytes += len(piece)
                self.sent_bytes += len(piece)
                if sent_bytes % (8 * MESSAGE_BYTES) == 0 or wakes:
                    await ws.send_str(self._count(asked, sent_bytes, elapsed))
                    await asyncio.sleep(0.05 if wakes else 0.005)
            await ws.send_str(self._count(asked, sent_bytes, elapsed))
            await ws.send_frame(NORMAL, WSMsgType.CLOSE)
            await asyncio.wait({listening}, timeout=1)
        except ConnectionResetError:
            return
        finally:
            listening.cancel()

    @staticmethod
    async def _goodbye(ws: web.WebSocketResponse) -> None:
        while (await ws.receive()).type not in OVER:
            pass

    async def _take_load(self, request: web.Request, ws: web.WebSocketResponse, asked: Asked, fault: str) -> None:
        """Count load for the time asked for, and say so, or until the fault."""
        got, start = [0], asyncio.get_running_loop().time()
        talk = asyncio.create_task(self._talk(ws, asked, got, start)) if not fault else None
        try:
            while (message := await ws.receive()).type not in OVER:
                got[0] += len(message.data)
                self.got_bytes += len(message.data)
                if fault not in {"", "silence"} and got[0] >= self.after_bytes:
                    await self._misbehave(request, ws, fault)
                    return
            if talk is not None and not talk.done():
                await ws.send_str(self._count(asked, got[0], asyncio.get_running_loop().time() - start))
                await ws.send_frame(NORMAL, WSMsgType.CLOSE)
        except ConnectionResetError:
            return
        finally:
            if talk is not None:
                talk.cancel()

    async def _talk(self, ws: web.WebSocketResponse, asked: Asked, got: list[int], start: float) -> None:
        with suppress(ConnectionResetError):
            await self._tell(ws, asked, got, start)

    async def _tell(self, ws: web.WebSocketResponse, asked: Asked, got: list[int], start: float) -> None:
        loop = asyncio.get_running_loop()
        while (elapsed := loop.time() - start) < asked.seconds:
            await ws.send_str(self._count(asked, got[0], elapsed))
            await asyncio.sleep(TEXT_S)
        await ws.send_str(self._count(asked, got[0], elapsed))
        if asked.protocol == "ndt":
            await ws.send_frame(NORMAL, WSMsgType.CLOSE)
            return
        while True:  # in throughput1 the sender closes
            await asyncio.sleep(TEXT_S)
            await ws.send_str(self._count(asked, got[0], loop.time() - start))

    @staticmethod
    def _count(asked: Asked, count_bytes: int, elapsed: float) -> str:
        elapsed_us = int(elapsed * 1_000_000)
        if asked.protocol == "ndt":
            return json.dumps({"Origin": "server", "AppInfo": {"NumBytes": count_bytes, "ElapsedTime": elapsed_us}})
        name = "BytesSent" if asked.download else "BytesReceived"
        return json.dumps({"Application": {name: count_bytes}, "ElapsedTime": elapsed_us})

    async def _misbehave(self, request: web.Request, ws: web.WebSocketResponse, fault: str) -> None:
        match fault:
            case "stall":
                await self.gone.wait()
            case "reset":
                reset(request)
            case "eof":
                if request.transport is not None:
                    request.transport.close()
            case "close":
                await ws.send_frame(struct.pack("!H", WSCloseCode.GOING_AWAY), WSMsgType.CLOSE)
                await asyncio.sleep(TEXT_S)
            case "deaf":
                await ws.send_frame(NORMAL, WSMsgType.CLOSE)
                await self.gone.wait()
            case "say":
                await ws.send_frame(self.text, WSMsgType.TEXT)
                await self.gone.wait()
            case "load":
                await ws.send_bytes(bytes(100))
                await self.gone.wait()
            case "ping":
                while not self.gone.is_set():
                    await ws.send_frame(bytes(125), WSMsgType.PING)
            case "talk":
                while not self.gone.is_set():
                    await ws.send_frame(b"{}" + b" " * 60_000, WSMsgType.TEXT)


def reset(request: web.Request) -> None:
    """Cut a connection so that the other side sees RST."""
    if request.transport is not None:
        sock = request.transport.get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        request.transport.abort()
