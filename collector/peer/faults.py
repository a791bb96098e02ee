"""Deliberate faults, so that a probe can be shown each failure it must be able to name.

`/fault/KIND` with KIND one of: `stall` (after N bytes nothing more comes), `truncate` (a clean end after N
bytes, short of the announced length), `reset` (RST after N bytes), `slow` (N bit/s), `silent` (no answer),
`close` (the connection ends without an answer), `503`. A client that waits is let go after `PATIENCE_US`.
None of this is a measurement; a peer can be started without it.
"""

import asyncio
import fcntl
import socket
import struct
import sys
import termios
from collections.abc import Awaitable, Callable, Mapping
from typing import Final, TypeAlias

from aiohttp import web

from collector.clock import Clock
from collector.peer.account import End, Meter
from collector.peer.errors import NothingHere
from collector.peer.load import RandomLoad
from collector.peer.objects import MAX_OBJECT_BYTES, UNCACHED, send_random
from collector.peer.query import integer_field, parse_fields, query_of
from collector.peer.transfers import Transfers, drop

PATIENCE_US: Final = 60_000_000
MISSING_BYTES: Final = 65_536  # announced beyond what a stalled, truncated or reset body delivers
SLOW_BODY_S: Final = 10
SLOW_BODY_BYTES: Final = 1_000_000  # the largest slow body; smaller ones last `SLOW_BODY_S`
_TICK_S: Final = 0.05
_MOST_TICKS: Final = 1150  # just less than the patience
_CHECK_S: Final = 0.002
_MOST_CHECKS: Final = 5000
_RST_ON_CLOSE: Final = struct.pack("ii", 1, 0)

Fault: TypeAlias = Callable[[web.Request, Mapping[str, str], Meter], Awaitable[web.StreamResponse]]


def slow_body_bytes(rate_bps: int) -> int:
    """The length of a slow body: what the rate moves in `SLOW_BODY_S`, within a byte and the largest."""
    return min(max(rate_bps * SLOW_BODY_S // 8, 1), SLOW_BODY_BYTES)


def slow_sent_bytes(rate_bps: int, elapsed_us: int) -> int:
    """How much of a slow body may have left after `elapsed_us`."""
    return rate_bps * elapsed_us // 8_000_000


class Faults:
    """The endpoints that go wrong on purpose."""

    def __init__(self, load: RandomLoad, transfers: Transfers, clock: Clock) -> None:
        """Send `load` where a body is needed, within the places of `transfers`."""
        self._load = load
        self._transfers = transfers
        self._clock = clock
        self._faults: dict[str, Fault] = {
            "stall": self._stall,
            "truncate": self._truncate,
            "reset": self._reset,
            "slow": self._slow,
            "silent": self._silent,
            "close": self._close,
            "503": self._unavailable,
        }

    def routes(self) -> list[web.RouteDef]:
        """The paths served here."""
        return [web.get("/fault/{kind}", self._serve, allow_head=False)]

    async def _serve(self, request: web.Request) -> web.StreamResponse:
        kind = request.match_info["kind"]
        if kind not in self._faults:
            raise NothingHere(f"the faults are {', '.join(self._faults)}")
        fields = parse_fields(query_of(request.raw_path))
        response = web.StreamResponse()
        async with self._transfers.running(request, f"fault-{kind}", PATIENCE_US) as meter:
            response = await self._faults[kind](request, fields, meter)
            meter.end = End.FAULT
        return response

    async def _short_body(self, request: web.Request, fields: Mapping[str, str], meter: Meter) -> web.StreamResponse:
        """Announce more than `after` bytes, and send `after`."""
        after_bytes = integer_field(fields, "after", 0, 0, MAX_OBJECT_BYTES)
        response = web.StreamResponse(headers=UNCACHED)
        response.content_length = after_bytes + MISSING_BYTES
        await response.prepare(request)
        await response.write(b"")  # the head goes out even when no byte follows
        await send_random(response, self._load, after_bytes, meter)
        return response

    async def _stall(self, request: web.Request, fields: Mapping[str, str], meter: Meter) -> web.StreamResponse:
        response = await self._short_body(request, fields, meter)
        await self._until_gone(request)
        drop(request)
        return response

    async def _truncate(self, request: web.Request, fields: Mapping[str, str], meter: Meter) -> web.StreamResponse:
        response = await self._short_body(request, fields, meter)
        _end(request)
        return response

    async def _reset(self, request: web.Request, fields: Mapping[str, str], meter: Meter) -> web.StreamResponse:
        response = await self._short_body(request, fields, meter)
        # A reset throws away what is still on its way, and the client is to have had exactly `after` bytes.
        for _ in range(_MOST_CHECKS):
            if not _unsent_bytes(request):
                break
            await asyncio.sleep(_CHECK_S)
        if request.transport is not None:
            connection = request.transport.get_extra_info("socket")
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RST_ON_CLOSE)
        drop(request)
        return response

    async def _slow(self, request: web.Request, fields: Mapping[str, str], meter: Meter) -> web.StreamResponse:
        rate_bps = integer_field(fields, "bps", 8_000, 1)
        n_bytes = slow_body_bytes(rate_bps)
        response = web.StreamResponse(headers=UNCACHED)
        response.content_length = n_bytes
        await response.prepare(request)
        await response.write(b"")
        began_us = self._clock.mono_us()
        while meter.sent_bytes < n_bytes:
            await asyncio.sleep(_TICK_S)
            due_bytes = min(slow_sent_bytes(rate_bps, self._clock.mono_us() - began_us), n_bytes)
            await send_random(response, self._load, due_bytes - meter.sent_bytes, meter)
        return response

    async def _silent(self, request: web.Request, _fields: Mapping[str, str], _meter: Meter) -> web.StreamResponse:
        await self._until_gone(request)
        drop(request)
        return web.StreamResponse()

    async def _close(self, request: web.Request, _fields: Mapping[str, str], _meter: Meter) -> web.StreamResponse:
        _end(request)
        return web.StreamResponse()

    async def _unavailable(
        self, _request: web.Request, _fields: Mapping[str, str], _meter: Meter
    ) -> web.StreamResponse:
        return web.Response(status=503, headers={"Retry-After": "1"}, text="unavailable on purpose\n")

    async def _until_gone(self, request: web.Request) -> None:
        """Wait until the client has left or its time is up."""
        for _ in range(_MOST_TICKS):
            if request.transport is None:
                break
            await asyncio.sleep(_TICK_S)


def _end(request: web.Request) -> None:
    """Send what is waiting, then end the connection cleanly."""
    if request.transport is not None:
        request.transport.close()


def _unsent_bytes(request: web.Request) -> int:
    """What the client has not acknowledged; on systems that do not tell, what the kernel has not taken."""
    if request.transport is None:
        return 0
    waiting_bytes = request.transport.get_write_buffer_size()
    if waiting_bytes or sys.platform != "linux":
        return waiting_bytes
    connection = request.transport.get_extra_info("socket")
    (queued_bytes,) = struct.unpack("i", fcntl.ioctl(connection.fileno(), termios.TIOCOUTQ, bytes(4)))
    return int(queued_bytes)
