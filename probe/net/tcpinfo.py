"""What the kernel counted on a connection (Linux TCP_INFO); elsewhere silent, and nothing depends on it."""

import socket
import struct
import sys
from contextlib import suppress

from probe.measure.held import Kernel

if sys.platform.startswith(("linux", "android")):
    import fcntl
    import termios

TCP_INFO = 11
TCP_NOTSENT_LOWAT = 25
U32, U64 = struct.Struct("=I"), struct.Struct("=Q")
BYTES_ACKED_AT = 120
BYTES_RECEIVED_AT = 128
SEGMENT_BYTES_AT = 20
ROUND_TRIP_AT = 68
SEGMENTS_AT = 152
BYTES_SENT_AT = 200
UNSENT_LIMIT_BYTES, LEAST_UNSENT_BYTES, UNSENT_US = 1 << 17, 4096, 20_000
MARK_LIMIT_BYTES, MARK_US = 1 << 17, 10_000


def _count_at(sock: socket.socket, offset: int) -> int:
    if not sys.platform.startswith(("linux", "android")):
        return 0
    try:
        info = sock.getsockopt(socket.IPPROTO_TCP, TCP_INFO, offset + U64.size)
    except OSError:
        return 0
    return int(U64.unpack_from(info, offset)[0]) if len(info) >= offset + U64.size else 0


def received_bytes(sock: socket.socket) -> int:
    """Give the bytes that have arrived in order; 0 where the kernel does not say."""
    return _count_at(sock, BYTES_RECEIVED_AT)


def kernel_counts(sock: socket.socket) -> Kernel:
    """Give what the kernel has counted of what it received; zeros where it does not say."""
    if not sys.platform.startswith(("linux", "android")):
        return Kernel()
    try:
        info = sock.getsockopt(socket.IPPROTO_TCP, TCP_INFO, SEGMENTS_AT + U32.size)
    except OSError:
        return Kernel()
    if len(info) < SEGMENTS_AT + U32.size:
        return Kernel(in_order_bytes=received_bytes(sock))
    (segments,), (size,) = U32.unpack_from(info, SEGMENTS_AT), U32.unpack_from(info, SEGMENT_BYTES_AT)
    return Kernel(int(U64.unpack_from(info, BYTES_RECEIVED_AT)[0]), segments, size, _unread_bytes(sock))


def round_trip_us(sock: socket.socket) -> int:
    """Give the smoothed round trip of what this socket sends; 0 where the kernel does not say."""
    if not sys.platform.startswith(("linux", "android")):
        return 0
    try:
        info = sock.getsockopt(socket.IPPROTO_TCP, TCP_INFO, ROUND_TRIP_AT + U32.size)
    except OSError:
        return 0
    return int(U32.unpack_from(info, ROUND_TRIP_AT)[0]) if len(info) >= ROUND_TRIP_AT + U32.size else 0


def _unread_bytes(sock: socket.socket) -> int:
    """Give what has arrived and nobody has read yet; the kernel does not wake us for less than the mark."""
    try:
        return int(struct.unpack("i", fcntl.ioctl(sock.fileno(), termios.FIONREAD, bytes(4)))[0])
    except OSError:
        return 0


def acked_bytes(sock: socket.socket) -> int:
    """Give the bytes the other side has acknowledged; 0 where the kernel does not say."""
    return _count_at(sock, BYTES_ACKED_AT)


def sent_bytes(sock: socket.socket) -> int:
    """Give the bytes that were put on the wire, those sent again included; 0 where the kernel does not say."""
    return _count_at(sock, BYTES_SENT_AT)


def limit_unsent(sock: socket.socket, rate_bps: int) -> None:
    """Keep what was written and not yet sent to some milliseconds' worth, so that giving to the socket is nearly sending."""
    if sys.platform.startswith(("linux", "android")):
        limit_bytes = min(max(rate_bps * UNSENT_US // 8_000_000, LEAST_UNSENT_BYTES), UNSENT_LIMIT_BYTES)
        _set(sock, socket.IPPROTO_TCP, TCP_NOTSENT_LOWAT, limit_bytes)


def mark_bytes(rate_bps: int) -> int:
    """How much is to arrive before we are woken at this rate."""
    return min(max(rate_bps * MARK_US // 8_000_000, 1), MARK_LIMIT_BYTES)


def wake_after(sock: socket.socket, n_bytes: int) -> None:
    """Tell the kernel how much is to arrive before it wakes us."""
    if sys.platform.startswith(("linux", "android")):
        _set(sock, socket.SOL_SOCKET, socket.SO_RCVLOWAT, n_bytes)


def fill_segments(sock: socket.socket) -> None:
    """Let messages share packets (asyncio switches that off): a sender of bulk gains and loses nothing."""
    _set(sock, socket.IPPROTO_TCP, socket.TCP_NODELAY, 0)


def choose_congestion_control(sock: socket.socket, name: str) -> None:
    """Choose how to send, if this system lets us."""
    if sys.platform.startswith(("linux", "android")):
        with suppress(OSError):
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_CONGESTION, name.encode())


def congestion_control(sock: socket.socket) -> str:
    """How this socket sends; empty where the system does not say."""
    if not sys.platform.startswith(("linux", "android")):
        return ""
    try:
        return sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_CONGESTION, 16).split(b"\0")[0].decode("ascii", "replace")
    except OSError:
        return ""


def _set(sock: socket.socket, level: int, option: int, value: int) -> None:
    with suppress(OSError):  # a connection that is going takes no more options
        sock.setsockopt(level, option, value)
