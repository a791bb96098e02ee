"""The sender of the self-test, a program of its own: `python -P -m probe.net.bursts`. Never imported by the daemon.

It says on stdout at which port of the loopback it listens, and serves one download of ndt7 after the other: `/RATE/ndt/v7/…`
asks for RATE bit/s. Each is sent in bursts of 1 ms, as a cell sends to a phone, for the time of one rung. Whoever started it
ends it; left alone it ends by itself.
"""

import base64
import hashlib
import socket
import sys
import time
from contextlib import suppress

from probe.clock import Clock, SystemClock
from probe.measure.transfer import PATH, SUBPROTOCOL, Protocol
from probe.measure.upgrade import GUID, HEAD_END, HEAD_LIMIT_BYTES
from probe.selftest import BURST_US, RUNG_US
from shared.frames import Opcode, frame, frame_head

ALONE_S = 20.0
PATIENCE_S = 5.0
SEND_BUFFER_BYTES = 1 << 17  # what the receiver does not take waits here and not in the network, and shows at once
NORMAL = (1000).to_bytes(2, "big")


def main() -> int:
    """Serve until nobody asks any more."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(ALONE_S)
        sys.stdout.write(f"{server.getsockname()[1]}\n")
        sys.stdout.flush()
        while True:
            try:
                connection, _ = server.accept()
            except TimeoutError:
                return 0
            with connection, suppress(OSError, ValueError):
                serve(connection, SystemClock())


def serve(connection: socket.socket, clock: Clock) -> None:
    """Answer one handshake and send; raises OSError or ValueError if the other side goes away or asks for nothing."""
    connection.settimeout(PATIENCE_S)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER_BYTES)
    rate_bps, key = asked(_head(connection))
    proof = base64.b64encode(hashlib.sha1(key + GUID, usedforsecurity=False).digest()).decode()
    lines = (
        "HTTP/1.1 101 Switching Protocols",
        "Upgrade: websocket",
        "Connection: Upgrade",
        f"Sec-WebSocket-Accept: {proof}",
        f"Sec-WebSocket-Protocol: {SUBPROTOCOL[Protocol.NDT7]}",
    )
    connection.sendall("\r\n".join((*lines, "", "")).encode("ascii"))
    send_bursts(connection, rate_bps, clock)
    connection.sendall(frame(Opcode.CLOSE, NORMAL))
    connection.recv(HEAD_LIMIT_BYTES)  # its goodbye


def asked(head: bytes) -> tuple[int, bytes]:
    """Read a request: the rate in its path, and the handshake's key; raises ValueError."""
    request, *fields = head.split(b"\r\n")
    rate, _, path = request.split(b" ")[1].removeprefix(b"/").partition(b"/")
    if not path.startswith(f"{PATH[Protocol.NDT7]}/download?".encode()):
        raise ValueError("no download")
    told = {name.strip().lower(): value.strip() for name, _, value in (field.partition(b":") for field in fields)}
    return int(rate), told.get(b"sec-websocket-key", b"")


def send_bursts(connection: socket.socket, rate_bps: int, clock: Clock) -> None:
    """Send at a rate for the time of one rung; a burst that is late is sent at once, and the next ones are not moved."""
    n_bytes = rate_bps * BURST_US // 8_000_000
    head = frame_head(Opcode.BINARY, n_bytes)
    burst = head + bytes(n_bytes)
    start_us = clock.mono_us()
    for due_us in range(start_us, start_us + RUNG_US, BURST_US):
        wait_us = due_us - clock.mono_us()
        if wait_us > 0:
            time.sleep(wait_us / 1_000_000)
        connection.sendall(burst)


def _head(connection: socket.socket) -> bytes:
    head = bytearray()
    while HEAD_END not in head:
        piece = connection.recv(HEAD_LIMIT_BYTES)
        if not piece or len(head) > HEAD_LIMIT_BYTES:
            raise ValueError("no request")
        head += piece
    return bytes(head)


if __name__ == "__main__":
    sys.exit(main())
