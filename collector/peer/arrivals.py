"""How much of a body has arrived at the other end, by the kernel's own count of acknowledged bytes.

What was written may still wait in this machine or be on its way; what was acknowledged has arrived at the client's
kernel. The position at which the body begins is taken when the head has been handed to the kernel: what is acknowledged
by then and what is queued. The socket is duplicated, because the count is wanted most in the moment the client has left,
when the connection's own descriptor is closed already. Linux only: `known()` says whether the system tells at all.
"""

import asyncio
import fcntl
import socket
import struct
import sys
import termios
from typing import Final, Protocol, Self

from aiohttp import web

from collector.clock import Clock
from collector.peer import tcpinfo
from collector.peer.account import End, Meter
from collector.peer.load import RandomLoad

LOOK_S: Final = 0.005  # how often arrivals are looked at
_PIECE_BYTES: Final = 1 << 17
_COUNTED: Final = "BytesAcked"


def known(request: web.BaseRequest) -> bool:
    """Say whether this system tells what was acknowledged on a connection."""
    transport = request.transport
    return transport is not None and _COUNTED in tcpinfo.parse(tcpinfo.read(transport.get_extra_info("socket")))


class Arrivals:
    """The arrivals of one body; made when its head was written and nothing of it yet."""

    def __init__(self, request: web.BaseRequest) -> None:
        """Note where the body begins. Raises ConnectionError if the client is gone."""
        if request.transport is None:
            raise ConnectionResetError("the client is gone")
        self._socket: socket.socket = request.transport.get_extra_info("socket").dup()
        self._start = self._acknowledged() + self._queued()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.close()

    def count(self) -> int:
        """How many bytes of the body have arrived."""
        return max(0, self._acknowledged() - self._start)

    def _acknowledged(self) -> int:
        return tcpinfo.parse(tcpinfo.read(self._socket)).get(_COUNTED, 0)

    def _queued(self) -> int:
        if sys.platform != "linux":
            return 0
        (queued_bytes,) = struct.unpack("i", fcntl.ioctl(self._socket.fileno(), termios.TIOCOUTQ, bytes(4)))
        return int(queued_bytes)


class Arriving(Protocol):
    """Who is told of what arrives."""

    n_bytes: int
    expected_bytes: int

    def arrived(self, n_bytes: int, now_us: int) -> None:
        """Take how much has arrived by now."""


async def deliver(
    request: web.Request, response: web.StreamResponse, load: RandomLoad, told: Arriving, meter: Meter, clock: Clock
) -> None:
    """Write a body of random load behind its head, and wait until all of it has arrived or the client has left."""
    with Arrivals(request) as arrivals:

        async def watch() -> None:
            while told.n_bytes < told.expected_bytes and request.transport is not None:
                told.arrived(arrivals.count(), clock.mono_us())
                await asyncio.sleep(LOOK_S)

        watching = asyncio.create_task(watch())
        try:
            while meter.sent_bytes < told.expected_bytes:
                piece = load.at(meter.sent_bytes, min(told.expected_bytes - meter.sent_bytes, _PIECE_BYTES))
                await response.write(piece)
                await asyncio.sleep(0)  # a piece the kernel took at once has let nobody else run yet
                meter.sent_bytes += len(piece)
            await watching
        finally:
            watching.cancel()
            await asyncio.wait({watching})
            told.arrived(arrivals.count(), clock.mono_us())
    if told.n_bytes < told.expected_bytes:
        meter.end = End.CLIENT_GONE
