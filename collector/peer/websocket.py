"""The load tests' sockets: moves what `loadtest` decides over a WebSocket; interprets nothing.

One coroutine speaks (load and texts, or texts alone), what arrives is counted as it comes. A frame is never cut by
another, so a text waits behind the message before it. How far the count of sent bytes is ahead of the wire is bounded:
one message waits for the kernel, and the kernel holds back some milliseconds' worth (`Wire.limit_unsent`).
"""

import asyncio
import json
import random
import struct
import uuid
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Final

from aiohttp import web
from aiohttp.typedefs import Handler

from collector.clock import Clock
from collector.peer import loadtest, ndt7, tcpinfo, throughput1
from collector.peer.account import End, Meter, address_text
from collector.peer.flows import FlowAccount
from collector.peer.handshake import Switched, end_http, switched
from collector.peer.loadtest import Dialect, Direction, LoadTest
from collector.peer.query import integer, parse_fields, query_of
from collector.peer.sessions import Sessions
from collector.peer.transfers import Transfers, drop
from collector.peer.wire import Wire
from shared.frames import NORMAL, UNSUPPORTED, BadFrame, Opcode, Told
from shared.transfer import Direction as Way

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_POLL_US: Final = 25_000  # also how late the end of what was acknowledged may be noticed
_OURS: Final = frozenset({End.DURATION, End.BYTE_CAP, End.EARLY_EXIT})
_MOST_FLOWS: Final = 64
_WAY: Final = {Direction.DOWNLOAD: Way.DOWN, Direction.UPLOAD: Way.UP}


DIALECTS: Final = (ndt7.DIALECT, throughput1.DIALECT)


@dataclass(slots=True)
class _Session:
    """One test on one connection."""

    test: LoadTest
    dialect: Dialect
    meter: Meter
    account: FlowAccount
    clock: Clock
    connection: dict[str, str]
    began_us: int = 0
    _spoken: bool = False
    _code: int = NORMAL
    _goodbye: asyncio.Event = field(default_factory=asyncio.Event)  # the client has said it, or is gone
    _stirred: asyncio.Event = field(default_factory=asyncio.Event)  # something is due earlier than it was

    async def run(self, wire: Wire) -> None:
        """Run the test to its end, then close: with a last text, if somebody is there to read it."""
        poll = asyncio.create_task(self._poll(wire))
        try:
            downloads = self.test.direction is Direction.DOWNLOAD
            await (self._send_load(wire) if downloads else self._send_counts(wire))
            await self._part(wire)
        except ConnectionError:
            self.test.stop(End.CLIENT_GONE)
        finally:
            poll.cancel()
            self._look_at(wire)
            self.meter.end = self.test.end or End.PEER_FAILED

    async def _part(self, wire: Wire) -> None:
        end = self.test.end or End.PEER_FAILED
        if end is End.CLIENT_GONE:
            return
        if end in _OURS or end is End.CLIENT_CLOSED:
            await self._send_text(wire)
        wire.fill_segments(False)  # noqa: FBT003
        await wire.send(Opcode.CLOSE, struct.pack("!H", self._code))
        await self._goodbye.wait()
        # A client may say goodbye while a long queue still drains, and the kernel counts only as long as the socket is open.
        while wire.unacknowledged_bytes:  # noqa: ASYNC110  (the kernel sets no event)
            await asyncio.sleep(_POLL_US / 1_000_000)
        self._look_at(wire)
        wire.close()
        await wire.gone.wait()

    async def _send_load(self, wire: Wire) -> None:
        """Send random messages, and between them the texts that are due."""
        test = self.test
        wire.fill_segments(True)  # noqa: FBT003
        while test.end is None:
            now_us = self._now_us()
            if test.take_text(now_us):
                await self._send_text(wire)
            n_bytes = test.next_message_bytes(now_us)
            if n_bytes == 0:
                await self._wait(test.next_wakeup_us(now_us))
                continue
            piece = self.account.stream.take(n_bytes)
            if not piece:
                test.stop(End.BYTE_CAP)
                return
            await wire.send(Opcode.BINARY, piece)
            test.moved(len(piece))
            self.meter.sent_bytes = test.moved_bytes
            # A message that the kernel took at once has not let anybody else run yet.
            await asyncio.sleep(0)
            test.passed(self._now_us())

    async def _send_counts(self, wire: Wire) -> None:
        """Tell the client, now and then, what has arrived: this is the result of an upload."""
        while self.test.end is None:
            await self._wait(self.test.next_wakeup_us(self._now_us()))
            self.test.passed(self._now_us())
            if self.test.end is None and self.test.take_text(self._now_us()):
                await self._send_text(wire)

    async def _wait(self, until_us: int) -> None:
        try:
            async with asyncio.timeout(max(until_us - self._now_us(), 0) / 1_000_000):
                await self._stirred.wait()
        except TimeoutError:
            return
        self._stirred.clear()

    async def _poll(self, wire: Wire) -> None:
        """Look at the kernel's counts all the time, so that they are known when the connection breaks."""
        while not wire.gone.is_set():
            await asyncio.sleep(_POLL_US / 1_000_000)
            self.test.passed(self._now_us())
            info = self._look_at(wire)
            self.test.crossed(info.get("BytesAcked", self.test.moved_bytes), self._now_us())
            wire.limit_unsent(self.test.rate_bps)

    def _look_at(self, wire: Wire) -> dict[str, int]:
        info = tcpinfo.parse(tcpinfo.read(wire.socket))
        self.account.polled(info, self.clock.mono_us())
        return info

    async def _send_text(self, wire: Wire) -> None:
        info = self._look_at(wire)
        text = self.dialect.words(self.test, self._now_us(), self.connection, info, not self._spoken)
        self._spoken = True
        self.test.acknowledged(info.get("BytesAcked", self.test.moved_bytes))
        await wire.send(Opcode.TEXT, json.dumps(text, separators=(",", ":")).encode())

    # what the wire tells

    def load(self, piece: memoryview) -> None:
        """Take load."""
        if self.test.direction is Direction.DOWNLOAD:
            self._code = UNSUPPORTED
            self.end(End.PROTOCOL_ERROR)
        elif self.test.end is None:
            self.account.received(piece, self.clock.mono_us())
            self.test.moved(len(piece))
            self.meter.received_bytes = self.test.moved_bytes
            if self.test.end is not None or not self.account.left_bytes:
                self.end(End.BYTE_CAP)
            elif self.test.hasten_text(self._now_us()):
                self._stirred.set()

    def told(self, event: Told) -> None:
        """Take a text, which a client may send and nobody needs, or its goodbye."""
        if event.opcode is Opcode.CLOSE:
            self.end(End.CLIENT_CLOSED)
            self._goodbye.set()

    def lost(self, error: BadFrame | None) -> None:
        """Take the end of the connection, or of what can be read on it."""
        self._code = NORMAL if error is None else error.close_code
        self.end(End.CLIENT_GONE if error is None else End.PROTOCOL_ERROR)
        self._goodbye.set()

    def end(self, end: End) -> None:
        """Stop for a reason."""
        self.test.stop(end)
        self._stirred.set()

    def _now_us(self) -> int:
        return self.clock.mono_us() - self.began_us


class LoadTests:
    """The endpoints of ndt7 and throughput1."""

    def __init__(self, sessions: Sessions, transfers: Transfers, clock: Clock, chance: random.Random) -> None:
        """Serve who has a ticket and, if `sessions` lets them, who has none, within the places of `transfers`."""
        self._sessions, self._transfers, self._clock, self._chance = sessions, transfers, clock, chance

    def routes(self) -> list[web.RouteDef]:
        """The paths served here."""
        return [
            web.get(f"{dialect.root}/{direction}", self._endpoint(dialect, direction), allow_head=False)
            for dialect in DIALECTS
            for direction in Direction
        ]

    def _endpoint(self, dialect: Dialect, direction: Direction) -> Handler:
        async def serve(request: web.Request) -> web.StreamResponse:
            return await self._serve(request, dialect, direction)

        return serve

    async def _serve(self, request: web.Request, dialect: Dialect, direction: Direction) -> web.StreamResponse:
        answer = switched(request, dialect.subprotocol)
        fields = parse_fields(query_of(request.raw_path))
        plan = dialect.parse_plan(fields)
        end_http(request)
        limit_us = plan.duration_us + loadtest.CLOSING_US
        with ExitStack() as afterwards:
            async with self._transfers.running(request, f"{dialect.name}-{direction}", limit_us) as meter:
                account = self._account(fields, direction)
                # Once it is known why this ended, so that the statement says what the journal says.
                afterwards.callback(lambda: account.closed(meter.end, self._clock.mono_us()))
                session = _Session(
                    test=LoadTest(direction, plan, self._chance),
                    dialect=dialect,
                    meter=meter,
                    account=account,
                    clock=self._clock,
                    connection=self._connection(request),
                )
                try:
                    await self._begin(request, answer, session)
                finally:
                    drop(request)
        return answer

    async def _begin(self, request: web.Request, answer: Switched, session: _Session) -> None:
        """Take the connection over, answer the handshake, and run the test."""
        wire = Wire(request, session.load, session.told, session.lost)
        cc = wire.choose_congestion_control(session.test.plan.congestion)
        session.connection["CC"] = session.meter.cc = cc
        session.account.connected(session.connection["Client"], cc)
        wire.limit_unsent(0)
        await answer.prepare(request)
        session.began_us = self._clock.mono_us()
        await session.run(wire)

    def _account(self, fields: Mapping[str, str], direction: Direction) -> FlowAccount:
        """The account this flow goes to: its ticket's, or nobody's. Raises NoTicket."""
        if "sid" not in fields:
            return self._sessions.anonymous(_WAY[direction])
        flow = integer(fields.get("flow", ""), "flow", 0, _MOST_FLOWS - 1)
        return self._sessions.find(fields["sid"]).open_flow(flow, _WAY[direction], self._clock.mono_us())

    def _connection(self, request: web.Request) -> dict[str, str]:
        began = _EPOCH + timedelta(microseconds=self._clock.wall_us())
        transport = request.transport
        return {
            "Client": address_text(transport and transport.get_extra_info("peername")),
            "Server": address_text(transport and transport.get_extra_info("sockname")),
            "UUID": str(uuid.UUID(int=self._chance.getrandbits(128), version=4)),
            "StartTime": began.isoformat(timespec="microseconds").replace("+00:00", "Z"),
        }
