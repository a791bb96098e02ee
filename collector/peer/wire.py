"""A WebSocket connection taken over from aiohttp after its handshake: frames in, frames out. Interprets nothing.

aiohttp joins every message before anybody sees it, which hides how much of a slow upload has arrived and costs a copy
of it. Here load is counted and hashed as it comes, in one buffer that all connections share, and what is written waits
until the kernel has taken the write before.
"""

import asyncio
import fcntl
import socket
import struct
import sys
import termios
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Final

from aiohttp import web

from shared.frames import BadFrame, FrameReader, Load, Opcode, Told, frame, frame_head

_BUFFER = memoryview(bytearray(1 << 18))  # consumed before anything else runs
LEAST_UNSENT_BYTES: Final = 4096
MOST_UNSENT_BYTES: Final = 1 << 17
_UNSENT_US: Final = 20_000
_NOTSENT_LOWAT: Final = 25
_HELD_BACK_BYTES: Final = 1  # by asyncio; with 0 its TLS takes an empty buffer for a full one


class Wire(asyncio.BufferedProtocol):
    """One connection. `load` is told each piece of load, `told` each text and control frame, `lost` the end."""

    def __init__(
        self,
        request: web.Request,
        load: Callable[[memoryview], None],
        told: Callable[[Told], None],
        lost: Callable[[BadFrame | None], None],
    ) -> None:
        """Take a request's connection over; raises ConnectionResetError if it is gone."""
        if request.transport is None:
            raise ConnectionResetError
        self._transport = request.transport
        # Asked later, a transport of TLS may have lost both.
        self._socket: socket.socket | None = self._transport.get_extra_info("socket")
        self._below = _below_tls(self._transport)
        self._behind = request.protocol
        self._load, self._told, self._lost = load, told, lost
        self._frames = FrameReader(masked=True)
        self._writable = asyncio.Event()
        self._writable.set()
        self.gone = asyncio.Event()
        self._broken = False  # what cannot be read once is not read again
        for transport in self._transports:
            transport.set_write_buffer_limits(high=_HELD_BACK_BYTES)
        self._transport.set_protocol(self)

    @property
    def socket(self) -> socket.socket | None:
        """The socket, while it is open."""
        return self._socket if self._socket is not None and self._socket.fileno() >= 0 else None

    @property
    def _transports(self) -> Iterator[asyncio.Transport]:
        """All that hold bytes back: the one written to, and the one below its TLS if it speaks TLS."""
        return (one for one in (self._transport, self._below) if one is not None)

    @property
    def unacknowledged_bytes(self) -> int:
        """What was written and has not arrived at the client; on systems that do not tell, what the kernel has not taken."""
        if self.gone.is_set():
            return 0
        held_bytes = sum(transport.get_write_buffer_size() for transport in self._transports)
        if sys.platform != "linux" or (sock := self.socket) is None:
            return held_bytes
        (queued_bytes,) = struct.unpack("i", fcntl.ioctl(sock.fileno(), termios.TIOCOUTQ, bytes(4)))
        return held_bytes + int(queued_bytes)

    async def send(self, opcode: Opcode, payload: bytes) -> None:
        """Send a whole message once there is room for it. Raises ConnectionResetError if the connection is gone."""
        await self._writable.wait()
        if self.gone.is_set() or self._transport.is_closing():
            raise ConnectionResetError
        self._transport.write(frame_head(opcode, len(payload)) + payload)

    def fill_segments(self, on: bool) -> None:  # noqa: FBT001
        """Let messages share packets, or send each at once."""
        if (sock := self.socket) is not None:
            with suppress(OSError):
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, int(not on))

    def limit_unsent(self, rate_bps: int) -> None:
        """Let the kernel hold back some milliseconds' worth of bytes and no more."""
        if (sock := self.socket) is not None:
            n_bytes = min(max(rate_bps * _UNSENT_US // 8_000_000, LEAST_UNSENT_BYTES), MOST_UNSENT_BYTES)
            with suppress(OSError):
                sock.setsockopt(socket.IPPROTO_TCP, _NOTSENT_LOWAT, n_bytes)

    def choose_congestion_control(self, name: str) -> str:
        """Send by this rule if the kernel has it; the rule that is in force, empty if the kernel does not say."""
        if (sock := self.socket) is None or not hasattr(socket, "TCP_CONGESTION"):
            return ""
        if name:
            with suppress(OSError):
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_CONGESTION, name.encode())
        with suppress(OSError):
            return sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_CONGESTION, 16).partition(b"\0")[0].decode("ascii")
        return ""

    def close(self) -> None:
        """Close once everything is written."""
        self._transport.close()

    # what the event loop calls

    def get_buffer(self, sizehint: int) -> memoryview:
        """The shared buffer."""
        del sizehint
        return _BUFFER

    def buffer_updated(self, nbytes: int) -> None:
        """Read what has arrived."""
        if self._broken:
            return
        try:
            for event in self._frames.feed(_BUFFER[:nbytes]):
                if isinstance(event, Load):
                    self._load(event.piece)
                elif event.opcode is Opcode.PING:
                    self._answer(event.payload)
                else:
                    self._told(event)
        except BadFrame as error:
            self._broken = True
            self._lost(error)

    def _answer(self, payload: bytes) -> None:
        """Answer a ping, but pile nothing up for a client that does not read; not every ping needs a pong (5.5.3)."""
        if self._writable.is_set():
            self._transport.write(frame(Opcode.PONG, payload))

    def eof_received(self) -> bool:
        """Close too."""
        return False

    def pause_writing(self) -> None:
        """Wait with more."""
        self._writable.clear()

    def resume_writing(self) -> None:
        """Go on."""
        self._writable.set()

    def connection_lost(self, exc: Exception | None) -> None:
        """Tell everybody, and aiohttp, which still counts the connection as one of its own."""
        self.gone.set()
        self._writable.set()
        self._lost(None)
        self._behind.connection_lost(exc)


def _below_tls(transport: asyncio.Transport) -> asyncio.Transport | None:
    """The transport that carries the TLS of this one, which holds bytes back too and has no public name; else none."""
    return getattr(getattr(transport, "_ssl_protocol", None), "_transport", None)
