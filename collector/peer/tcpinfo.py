"""What the kernel knows about a connection: Linux `struct tcp_info`, in the names of ndt7.

Offsets are those of `include/uapi/linux/tcp.h`; the structure only ever grows at its end, so a field beyond
the end of the kernel's answer is one that kernel does not have, and is left out. Values are the kernel's own:
BytesAcked counts the SYN as one byte, and the byte counts include WebSocket and TLS overhead. `parse` is
pure; `read` asks the kernel. Behind a proxy that terminates TCP all of this describes the proxy.
"""

import socket
import struct
import sys
from typing import Final, Protocol

_TCP_INFO: Final = 11
_ANSWER_BYTES: Final = 256
_UNKNOWN_U32: Final = 2**32 - 1  # the kernel's min_rtt before the first sample
_MAX_INTEGER: Final = 2**53 - 1

# name in ndt7, offset, format; times in µs
_FIELDS: Final = (
    ("RcvMSS", 20, "=I"),
    ("RTT", 68, "=I"),
    ("RTTVar", 72, "=I"),
    ("BytesAcked", 120, "=Q"),
    ("BytesReceived", 128, "=Q"),
    ("MinRTT", 148, "=I"),
    ("DataSegsIn", 152, "=I"),
    ("BusyTime", 168, "=Q"),
    ("RWndLimited", 176, "=Q"),
    ("SndBufLimited", 184, "=Q"),
    ("BytesSent", 200, "=Q"),
    ("BytesRetrans", 208, "=Q"),
)


class HasSocketOptions(Protocol):
    """A socket, or what asyncio shows of one."""

    def getsockopt(self, level: int, optname: int, buflen: int, /) -> bytes:
        """The value of an option as bytes."""


def parse(answer: bytes) -> dict[str, int]:
    """The fields that the kernel's answer holds; none for an empty answer."""
    fields: dict[str, int] = {}
    for name, offset, form in _FIELDS:
        if len(answer) < offset + struct.calcsize(form):
            continue
        (value,) = struct.unpack_from(form, answer, offset)
        if value <= _MAX_INTEGER and (name != "MinRTT" or value != _UNKNOWN_U32):
            fields[name] = value
    return fields


def read(connection: HasSocketOptions | None) -> bytes:
    """The kernel's answer for a connection; empty on other systems, and once it is gone."""
    if connection is None or sys.platform != "linux":
        return b""
    try:
        return connection.getsockopt(socket.IPPROTO_TCP, _TCP_INFO, _ANSWER_BYTES)
    except OSError:
        return b""
