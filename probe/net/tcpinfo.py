"""What the kernel counted on a connection (Linux TCP_INFO); elsewhere silent, and nothing depends on it."""

import socket
import struct
import sys

TCP_INFO = 11
TCP_NOTSENT_LOWAT = 25
U32, U64 = struct.Struct("=I"), struct.Struct("=Q")
BYTES_ACKED_AT = 120
BYTES_RECEIVED_AT = 128
NOTSENT_BYTES_AT = 144
BYTES_SENT_AT = 200
UNSENT_LIMIT_BYTES = 65_536


def _count_at(sock: socket.socket, offset: int, count: struct.Struct = U64) -> int:
    if not sys.platform.startswith(("linux", "android")):
        return 0
    try:
        info = sock.getsockopt(socket.IPPROTO_TCP, TCP_INFO, offset + count.size)
    except OSError:
        return 0
    return int(count.unpack_from(info, offset)[0]) if len(info) >= offset + count.size else 0


def received_bytes(sock: socket.socket) -> int:
    """Give the bytes that have arrived in order; 0 where the kernel does not say."""
    return _count_at(sock, BYTES_RECEIVED_AT)


def acked_bytes(sock: socket.socket) -> int:
    """Give the bytes the other side has acknowledged; 0 where the kernel does not say."""
    return _count_at(sock, BYTES_ACKED_AT)


def sent_bytes(sock: socket.socket) -> int:
    """Give the bytes that were put on the wire, those sent again included; 0 where the kernel does not say."""
    return _count_at(sock, BYTES_SENT_AT)


def unsent_bytes(sock: socket.socket) -> int:
    """Give the bytes that were written and have not been sent; 0 where the kernel does not say."""
    return _count_at(sock, NOTSENT_BYTES_AT, U32)


def limit_unsent(sock: socket.socket) -> None:
    """Keep what was written and not yet sent small, so that giving to the socket is nearly sending."""
    if sys.platform.startswith(("linux", "android")):
        sock.setsockopt(socket.IPPROTO_TCP, TCP_NOTSENT_LOWAT, UNSENT_LIMIT_BYTES)
