"""The STAMP reflector (RFC 8762, unauthenticated, stateful): a test packet goes back with our time stamps and our number.

A session is a client's address and port with its SSID (RFC 8972); its answers are numbered from 0, which is what lets a
client tell the losses of the two directions apart. A reply is as long as its request, so nobody can be flooded through the
peer with more than the flooder spends. What is shorter than a test packet, longer than a packet of the usual size, from a
port below 1024 or from our own port number (which would set two servers answering each other) is dropped without a word.

Sessions need no closing and no clock of their own: they are kept in two generations. When the young one is full or old
enough it becomes the old one, and what was the old one is forgotten; whoever speaks is taken over into the young one. So
forged sources cannot make the table grow, and to push out a session that speaks five times a second they need 160,000
packets a second.

T2 is the kernel's stamp of the arrival where there is one (Linux), so that what a packet waits for a busy process is not
taken for the line's delay; T3 is read just before the reply is sent.
"""

import socket
import struct
import sys
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Final

from collector.clock import Clock
from shared.stamp import PACKET_BYTES, error_estimate, ssid_of, turn_round

MOST_BYTES: Final = 1472  # the payload of a 1500-byte IPv4 packet
SESSIONS: Final = 32_768  # of one generation
GENERATION_US: Final = 60_000_000
_FIRST_CLIENT_PORT: Final = 1024
_BURST: Final = 64  # packets answered before anybody else has a turn
_CLOCK_ERROR_US: Final = 1_000_000  # whether this machine's clock is set, and by whom, is not known here
_ERROR: Final = error_estimate(_CLOCK_ERROR_US)
_WAITING_BYTES: Final = 1 << 20  # what is dropped here would pass for loss on the way; the system may allow less
_SO_TIMESTAMPNS: Final = 35
_TIMESPEC: Final = struct.Struct("@ll")
_CONTROL_BYTES: Final = 64

Session = tuple[Any, int]


@dataclass(slots=True)
class Reflector:
    """Which number comes next in each session, and what becomes of a packet. Opens nothing, reads no clock."""

    own_port: int
    sessions: int = SESSIONS
    _young: dict[Session, int] = field(default_factory=dict)
    _old: dict[Session, int] = field(default_factory=dict)
    _until_us: int = 0

    def reflect(self, packet: bytearray, length: int, address: Any, received_us: int, sent_us: int) -> int:  # noqa: ANN401
        """Turn the packet of `length` bytes at the start of a buffer into its reply; the bytes to send, 0 for none."""
        port = address[1]
        if not PACKET_BYTES <= length <= MOST_BYTES or port < _FIRST_CLIENT_PORT or port == self.own_port:
            return 0
        turn_round(packet, self._next_number((address, ssid_of(packet)), sent_us), received_us, sent_us, _ERROR)
        return length

    def __len__(self) -> int:
        """How many sessions are known."""
        return len(self._young) + len(self._old)

    def _next_number(self, session: Session, now_us: int) -> int:
        if not self._until_us - GENERATION_US <= now_us < self._until_us:
            self._begin_generation(now_us)
        number = self._young.get(session)
        if number is None:
            if len(self._young) >= self.sessions:
                self._begin_generation(now_us)
            number = self._old.pop(session, 0)
        self._young[session] = number + 1
        return number

    def _begin_generation(self, now_us: int) -> None:
        self._old = self._young if now_us < self._until_us + GENERATION_US else {}
        self._young, self._until_us = {}, now_us + GENERATION_US


@dataclass(slots=True)
class ReflectorSocket:
    """A reflector and the non-blocking UDP socket it answers on."""

    udp: socket.socket
    reflector: Reflector
    clock: Clock
    _packet: bytearray = field(default_factory=lambda: bytearray(MOST_BYTES + 1))

    def __post_init__(self) -> None:
        self.udp.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _WAITING_BYTES)
        if sys.platform == "linux":
            self.udp.setsockopt(socket.SOL_SOCKET, _SO_TIMESTAMPNS, 1)

    def answer_waiting(self) -> None:
        """Answer what has arrived; never raises for what a client or the network did.

        A reply that cannot leave at once is dropped: one that had to wait would be a false time.
        """
        packet, view, wall_us = self._packet, memoryview(self._packet), self.clock.wall_us
        take, send, reflect = self.udp.recvmsg_into, self.udp.sendto, self.reflector.reflect
        for _ in range(_BURST):
            try:
                length, control, _, address = take((packet,), _CONTROL_BYTES)
            except BlockingIOError:
                return
            except OSError:  # the news that an earlier reply did not arrive
                continue
            now_us = wall_us()
            length = reflect(packet, length, address, _stamp_us(control, now_us), now_us)
            if length:
                with suppress(OSError):
                    send(view[:length], address)


def _stamp_us(control: list[tuple[int, int, bytes]], now_us: int) -> int:
    """When the kernel had a packet; now, if it does not say."""
    if len(control) != 1 or control[0][1] != _SO_TIMESTAMPNS or len(control[0][2]) != _TIMESPEC.size:
        return now_us
    seconds, nanoseconds = _TIMESPEC.unpack(control[0][2])
    return min(now_us, int(seconds * 1_000_000 + nanoseconds // 1000))
