"""The ndt7 server's sockets: moves what `ndt7` decides, over aiohttp's WebSocket; interprets nothing.

Two tasks per test. One speaks (load and texts, or texts alone), one listens; a WebSocket frame is never cut
by another, so a text waits behind the message before it. The listener alone learns how the client left. What
has been counted as sent is at most `_WRITE_BUFFER_BYTES` ahead of the kernel; how far the kernel is ahead of
the wire is bounded where the socket is made, in `serve`.
"""

import asyncio
import json
import random
import uuid
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Final

from aiohttp import WebSocketError, WSCloseCode, WSMsgType, web

from collector.clock import Clock
from collector.peer import ndt7, tcpinfo
from collector.peer.account import End, Meter, address_text
from collector.peer.errors import BadRequest
from collector.peer.load import RandomLoad
from collector.peer.ndt7 import Direction, Ndt7Test
from collector.peer.query import query_of
from collector.peer.transfers import Transfers

_WRITE_BUFFER_BYTES: Final = 1 << 16
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_LEFT_WITHOUT_CLOSING: Final = frozenset({WSMsgType.CLOSED, WSMsgType.CLOSING, WSMsgType.ERROR})


@dataclass(slots=True)
class _Session:
    """One test on one connection."""

    test: Ndt7Test
    ws: web.WebSocketResponse
    meter: Meter
    clock: Clock
    load: RandomLoad
    load_position: int
    connection: dict[str, str]
    began_us: int = 0
    _ended: asyncio.Event = field(default_factory=asyncio.Event)

    async def run(self) -> None:
        """Run the test to its end, then close: with a summary, if it is we who close."""
        self.began_us = self.clock.mono_us()
        async with asyncio.TaskGroup() as tasks:
            listener = tasks.create_task(self._listen())
            try:
                downloads = self.test.direction is Direction.DOWNLOAD
                await (self._send_load() if downloads else self._send_counts())
            except ConnectionError:
                await self._ended.wait()
            listener.cancel()
        self.meter.end = self.test.end or End.PEER_FAILED
        if self.meter.end in {End.DURATION, End.BYTE_CAP, End.EARLY_EXIT}:
            await self._send_text()
        if self.meter.end is not End.CLIENT_GONE:
            wrong = self.meter.end is End.PROTOCOL_ERROR
            await self.ws.close(code=WSCloseCode.UNSUPPORTED_DATA if wrong else WSCloseCode.OK)

    async def _send_load(self) -> None:
        """Send random messages, and between them the texts that are due."""
        while self.test.end is None:
            if self.test.take_text(self._now_us()):
                await self._send_text()
            n_bytes = self.test.next_message_bytes()
            await self.ws.send_bytes(self.load.at(self.load_position + self.test.moved_bytes, n_bytes))
            self.test.moved(n_bytes)
            self.meter.sent_bytes = self.test.moved_bytes
            # A message that the kernel took at once has not let anybody else run yet.
            await asyncio.sleep(0)
            self.test.passed(self._now_us())

    async def _send_counts(self) -> None:
        """Tell the client, now and then, what has arrived: this is the result of an upload."""
        while self.test.end is None:
            pause_us = max(self.test.next_wakeup_us() - self._now_us(), 0)
            try:
                async with asyncio.timeout(pause_us / 1_000_000):
                    await self._ended.wait()
            except TimeoutError:
                self.test.passed(self._now_us())
                if self.test.end is None and self.test.take_text(self._now_us()):
                    await self._send_text()

    async def _listen(self) -> None:
        """Count what arrives, and learn how the client ends it."""
        try:
            while self.test.end is None:
                message = await self.ws.receive()
                if message.type is WSMsgType.BINARY:
                    self._take(len(message.data))
                elif message.type is WSMsgType.CLOSE:
                    self.test.stop(End.CLIENT_CLOSED)
                elif message.type in _LEFT_WITHOUT_CLOSING:
                    wrong = isinstance(message.data, WebSocketError)
                    self.test.stop(End.PROTOCOL_ERROR if wrong else End.CLIENT_GONE)
        finally:
            self._ended.set()

    def _take(self, n_bytes: int) -> None:
        if self.test.direction is Direction.DOWNLOAD:
            self.test.stop(End.PROTOCOL_ERROR)
            return
        self.test.moved(n_bytes)
        self.meter.received_bytes = self.test.moved_bytes

    async def _send_text(self) -> None:
        info = tcpinfo.parse(tcpinfo.read(self.ws.get_extra_info("socket")))
        text = self.test.measurement(self._now_us(), self.connection, info)
        self.test.acknowledged(info.get("BytesAcked", self.test.moved_bytes))
        await self.ws.send_str(json.dumps(text, separators=(",", ":")))

    def _now_us(self) -> int:
        return self.clock.mono_us() - self.began_us


class Ndt7:
    """The two endpoints of ndt7."""

    def __init__(self, load: RandomLoad, transfers: Transfers, clock: Clock, chance: random.Random) -> None:
        """Send `load`, within the places of `transfers`."""
        self._load = load
        self._transfers = transfers
        self._clock = clock
        self._chance = chance

    def routes(self) -> list[web.RouteDef]:
        """The paths served here."""
        return [
            web.get("/ndt/v7/download", self._download, allow_head=False),
            web.get("/ndt/v7/upload", self._upload, allow_head=False),
        ]

    async def _download(self, request: web.Request) -> web.StreamResponse:
        return await self._serve(request, Direction.DOWNLOAD)

    async def _upload(self, request: web.Request) -> web.StreamResponse:
        return await self._serve(request, Direction.UPLOAD)

    async def _serve(self, request: web.Request, direction: Direction) -> web.StreamResponse:
        ndt7.require_subprotocol(request.headers.get("Sec-WebSocket-Protocol", ""))
        plan = ndt7.parse_plan(query_of(request.raw_path))
        ws = web.WebSocketResponse(
            timeout=ndt7.CLOSING_US / 1_000_000,
            autoclose=False,
            protocols=(ndt7.SUBPROTOCOL,),
            compress=False,
            max_msg_size=ndt7.MAX_MESSAGE_BYTES + 1,  # aiohttp refuses a message of the limit itself
            writer_limit=0,  # every message waits until the buffer has room
        )
        if not ws.can_prepare(request):
            raise BadRequest("a handshake for WebSocket version 13 is needed here")
        limit_us = plan.duration_us + ndt7.CLOSING_US
        async with self._transfers.running(request, f"ndt7-{direction}", limit_us) as meter:
            if request.transport is not None:
                request.transport.set_write_buffer_limits(high=_WRITE_BUFFER_BYTES)
            await ws.prepare(request)
            session = _Session(
                test=Ndt7Test(direction, plan, self._chance),
                ws=ws,
                meter=meter,
                clock=self._clock,
                load=self._load,
                load_position=self._chance.getrandbits(32),
                connection=self._connection(ws),
            )
            await session.run()
        return ws

    def _connection(self, ws: web.WebSocketResponse) -> dict[str, str]:
        began = _EPOCH + timedelta(microseconds=self._clock.wall_us())
        return {
            "Client": address_text(ws.get_extra_info("peername")),
            "Server": address_text(ws.get_extra_info("sockname")),
            "UUID": str(uuid.UUID(int=self._chance.getrandbits(128), version=4)),
            "StartTime": began.isoformat(timespec="microseconds").replace("+00:00", "Z"),
        }
