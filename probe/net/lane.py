"""One flow of a transfer on a real connection: an asyncio protocol over one WebSocket. Interprets nothing.

Load is read into one buffer that all flows share, counted by its frames and forgotten: the cost of a transfer lies in
its wake-ups, not in its bytes. On Linux the kernel is therefore told to wake us only for some milliseconds' worth of
bytes (SO_RCVLOWAT). What a stall leaves below that mark shows in the kernel's own count, and the mark is back at one
byte before the planned end.
"""

import asyncio
import contextlib
import hashlib
import socket
import struct
from collections.abc import Callable
from typing import Protocol, cast

from probe.clock import Clock
from probe.measure.download import Download
from probe.measure.outcome import Trouble
from probe.measure.transfer import Ending
from probe.measure.upgrade import HEAD_END, HEAD_LIMIT_BYTES, Upgrade
from probe.measure.upload import DONE, Upload
from probe.net import tcpinfo
from probe.net.chance import Chance
from probe.net.failures import trouble_of
from shared.failure import Failure, Stage
from shared.frames import BadFrame, FrameReader, Load, Opcode, Told, frame, frame_head

BUFFER_BYTES = 1 << 18
HELD_BACK_BYTES = 1  # by asyncio; with 0 its TLS takes an empty buffer for a full one
MASK_BYTES = 4
CLOSE_GRACE_S = 0.3
NORMAL = struct.pack("!H", 1000)
CUT_AT_ONCE = struct.pack("ii", 1, 0)


class Stream(Protocol):
    """Where an upload's bytes come from."""

    def take(self, n_bytes: int) -> bytes:
        """Give the next bytes."""


class Lane(asyncio.BufferedProtocol):
    """The connection of flow `number` of a core, from its opening handshake to its end."""

    def __init__(
        self,
        core: Download | Upload,
        number: int,
        clock: Clock,
        chance: Chance,
        buffer: memoryview,
        stream: Stream | None,
        settle: Callable[[], None],
        *,
        hashing: bool,
    ) -> None:
        """Take what all lanes share; `settle` is called after whatever happened here."""
        self._core, self._number, self._clock, self._chance = core, number, clock, chance
        self._buffer, self._stream, self._settle = buffer, stream, settle
        self._transport: asyncio.Transport | None = None
        self._sock: socket.socket | None = None
        self._upgrade: Upgrade | None = None
        self._head = bytearray()
        self._frames: FrameReader | None = None
        self._digest = hashlib.sha256() if hashing else None
        self._said_close = self._polite = self._parted = False
        self._open, self._gone, self._writable = asyncio.Event(), asyncio.Event(), asyncio.Event()
        self._writable.set()
        self._pulse_bytes, self._pulse_us, self._mark_bytes = 0, 0, 1

    @property
    def digest(self) -> bytes:
        """The SHA-256 of all load counted, if it was asked for."""
        return b"" if self._digest is None else self._digest.digest()

    @property
    def round_trip_us(self) -> int:
        """The kernel's smoothed round trip of what we send; 0 if it does not say."""
        return 0 if self._frames is None or (sock := self._socket) is None else tcpinfo.round_trip_us(sock)

    async def exchange(self, upgrade: Upgrade) -> None:
        """Shake hands on the connection that was made, and let the flow happen until the connection is gone."""
        self._upgrade = upgrade
        self._write(upgrade.request())
        sender = asyncio.create_task(self._send())
        try:
            await self._gone.wait()
        finally:
            sender.cancel()
            self.cut()
            await asyncio.wait({sender})
        if not sender.cancelled():
            sender.result()

    def look(self) -> None:
        """Say goodbye if the core wants it."""
        if self._frames is not None and not self._said_close and self._core.wants_close(self._number):
            self._say_close()

    def part(self, *, at_once: bool) -> None:
        """Leave: at once, or with a goodbye that is waited for a little."""
        if self._parted or self._transport is None or self._polite:
            return
        self._parted = True
        if at_once or self._frames is None:
            self.cut()
            return
        if not self._said_close:
            self._say_close()
        asyncio.get_running_loop().call_later(CLOSE_GRACE_S, self.cut)

    def pulse(self) -> None:
        """Show the core the kernel's count, and tell the kernel how often to wake us."""
        if (sock := self._socket) is None or self._frames is None:
            return
        now_us, flow = self._clock.mono_us(), self._core.flows[self._number]
        if isinstance(self._core, Upload):
            self._core.heard(self._number, tcpinfo.acked_bytes(sock), now_us)
            tcpinfo.limit_unsent(sock, flow.crossing_bps or 0)
        else:
            self._core.looked(self._number, tcpinfo.kernel_counts(sock), now_us)
            moved_bytes, self._pulse_bytes = flow.samples.total_bytes - self._pulse_bytes, flow.samples.total_bytes
            rate_bps = 8_000_000 * moved_bytes // max(now_us - self._pulse_us, 1)
            self._pulse_us = now_us
            mark_bytes = tcpinfo.mark_bytes(rate_bps * self._core.plan.flows) if self._core.in_full_flow(now_us) else 1
            if mark_bytes != self._mark_bytes:
                self._mark_bytes = mark_bytes
                tcpinfo.wake_after(sock, mark_bytes)

    def cut(self) -> None:
        """Drop the connection and, unless it has ended in order, whatever it has not sent yet."""
        if (sock := self._socket) is not None:
            self._note_counts(sock)
            if not self._polite:
                with contextlib.suppress(OSError):
                    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, CUT_AT_ONCE)
        if self._transport is not None:
            self._transport.abort()

    # what the event loop calls

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take the connection; what is written waits for room, so that giving to the socket is nearly sending."""
        self._transport = cast("asyncio.Transport", transport)
        self._sock = transport.get_extra_info("socket")  # asked later, TLS may have lost it
        for one in (self._transport, _below_tls(self._transport)):
            if one is not None:
                one.set_write_buffer_limits(high=HELD_BACK_BYTES)
        if isinstance(self._core, Upload) and (sock := self._socket) is not None:
            tcpinfo.fill_segments(sock)

    def get_buffer(self, sizehint: int) -> memoryview:
        """Never more room than the plan's cap leaves."""
        del sizehint
        room_bytes = self._core.allowance_bytes
        return self._buffer if room_bytes >= BUFFER_BYTES else self._buffer[: max(room_bytes, 1)]

    def buffer_updated(self, nbytes: int) -> None:
        """Take what has arrived."""
        data = self._buffer[:nbytes]
        if self._frames is None:
            data = self._read_head(data)
        if self._frames is not None:
            self._read_frames(self._frames, data)
        if not self._core.allowance_bytes:
            self.cut()
        self.look()
        self._settle()

    def pause_writing(self) -> None:
        """Wait with more until this is out."""
        self._writable.clear()

    def resume_writing(self) -> None:
        """Go on."""
        self._writable.set()

    def eof_received(self) -> bool:
        """Take an end of the stream; the connection is closed then."""
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        """Take the end of the connection, whoever ended it."""
        if (sock := self._socket) is not None:
            self._note_counts(sock)
        stage, now_us = self._core.flows[self._number].stage, self._clock.mono_us()
        if exc is not None:
            self._core.failed(self._number, trouble_of(exc, stage), now_us)
        elif self._frames is None:
            self._core.failed(self._number, Trouble(Failure.EOF, Stage.REQUEST), now_us)
        else:
            self._core.closed(self._number, Ending.EOF, now_us)
        self._writable.set()
        self._open.set()
        self._gone.set()
        self._settle()

    # what follows from it

    @property
    def _socket(self) -> socket.socket | None:
        return self._sock if self._sock is not None and self._sock.fileno() >= 0 else None

    def _note_counts(self, sock: socket.socket) -> None:
        rx_bytes, tx_bytes = tcpinfo.received_bytes(sock), tcpinfo.sent_bytes(sock)
        if rx_bytes and tx_bytes:
            self._core.crossed(self._number, rx_bytes, tx_bytes)

    def _read_head(self, data: memoryview) -> memoryview:
        """Read the answer to the handshake; what comes after its end."""
        self._head += data
        end = self._head.find(HEAD_END)
        beyond_bytes = 0 if end < 0 else len(self._head) - end - len(HEAD_END)
        self._core.talked(len(data) - beyond_bytes, self._clock.mono_us())
        if end < 0:
            if len(self._head) > HEAD_LIMIT_BYTES:
                self._failed(Trouble(Failure.HTTP_REQUEST_FAILED, Stage.REQUEST))
                self.cut()
            return memoryview(b"")
        rest = bytes(self._head[end + len(HEAD_END) :])
        trouble, status = cast("Upgrade", self._upgrade).trouble_with(bytes(self._head[:end]))
        if trouble is not None:
            self._core.failed(self._number, trouble, self._clock.mono_us(), status)
            self.cut()
            return memoryview(b"")
        self._frames = FrameReader(masked=False)
        self._core.opened(self._number, self._clock.mono_us())
        self._open.set()
        return memoryview(rest)

    def _read_frames(self, frames: FrameReader, data: memoryview) -> None:
        talk_bytes = len(data)
        try:
            for event in frames.feed(data):
                if isinstance(event, Load):
                    talk_bytes -= len(event.piece)
                self._take(event)
        except BadFrame as exc:
            self._failed(Trouble(Failure.UNKNOWN, Stage.BODY, str(exc)))
            self.cut()
        self._core.talked(talk_bytes, self._clock.mono_us())

    def _take(self, event: Load | Told) -> None:
        now_us = self._clock.mono_us()
        if isinstance(event, Load):
            counted_bytes = self._core.flows[self._number].samples.total_bytes
            self._core.moved(self._number, len(event.piece), now_us)
            if self._digest is not None and self._core.flows[self._number].samples.total_bytes > counted_bytes:
                self._digest.update(event.piece)
        elif event.opcode is Opcode.TEXT:
            self._core.text(self._number, event.payload, now_us)
        elif event.opcode is Opcode.PING and self._writable.is_set():  # who does not read needs no answer
            self._write(frame(Opcode.PONG, event.payload, self._chance(MASK_BYTES)))
        elif event.opcode is Opcode.CLOSE:
            if not self._said_close:
                self._say_close()
            self._polite = True
            self._core.closed(self._number, Ending.CLOSE, now_us)
            asyncio.get_running_loop().call_later(CLOSE_GRACE_S, self.cut)

    def _say_close(self) -> None:
        self._said_close = True
        self._write(frame(Opcode.CLOSE, NORMAL, self._chance(MASK_BYTES)))

    def _failed(self, trouble: Trouble) -> None:
        self._core.failed(self._number, trouble, self._clock.mono_us())

    def _write(self, data: bytes) -> None:
        if self._transport is not None and not self._transport.is_closing():
            self._transport.write(data)

    async def _send(self) -> None:
        """Give an upload's messages to the socket, each when the one before it is out."""
        core, stream = self._core, self._stream
        if not isinstance(core, Upload) or stream is None:
            return
        await self._open.wait()
        while (step := core.step(self._number, self._clock.mono_us())) != DONE and not self._gone.is_set():
            if step.wait_us is not None:
                await asyncio.sleep(max(step.wait_us - self._clock.mono_us(), 0) / 1_000_000)
                continue
            # Random bytes behind a fresh mask are a masked message of random bytes: nothing need be combined.
            head = frame_head(Opcode.BINARY, step.n_bytes, self._chance(MASK_BYTES))
            self._write(head + stream.take(step.n_bytes))
            await asyncio.sleep(0)  # a socket that takes everything gives nobody a turn
            await self._writable.wait()
        self.look()


def _below_tls(transport: asyncio.Transport) -> asyncio.Transport | None:
    """The transport that carries the TLS of this one, which holds bytes back too and has no public name; else none."""
    return getattr(getattr(transport, "_ssl_protocol", None), "_transport", None)
