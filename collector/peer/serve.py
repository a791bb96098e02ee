"""The peer's sockets: TCP and UDP on one port number, opened together and closed together.

What the kernel may hold back is bounded here, for every connection: `TCP_NOTSENT_LOWAT` keeps the unsent part
of the send buffer small, so that a count of sent bytes stays near the wire, texts do not queue behind seconds
of load, and a test can end in time on a slow link; `TCP_USER_TIMEOUT` ends connections whose client no longer
acknowledges. Linux hands both from the listening socket to its connections.
"""

import asyncio
import errno
import socket
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Final

from aiohttp import web

from collector.clock import Clock
from collector.peer.errors import CannotStart
from collector.peer.stamp import Reflector, ReflectorSocket

_BACKLOG: Final = 256
_UNSENT_BYTES: Final = 1 << 17
_UNACKNOWLEDGED_MS: Final = 15_000
_IDLE_S: Final = 60.0
_SHUTDOWN_S: Final = 0.5
_TRIES_FOR_A_PAIR: Final = 16


@dataclass(frozen=True, slots=True)
class Pair:
    """A listening TCP socket and a UDP socket on the same port."""

    tcp: socket.socket
    udp: socket.socket
    port: int


def bind_pair(host: str, port: int) -> Pair:
    """Take one port for TCP and UDP; port 0 stands for any that is free for both. Raises CannotStart."""
    try:
        family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    except socket.gaierror as error:
        raise CannotStart(f"{host} is not an address of this machine: {error.strerror}") from error
    for _ in range(_TRIES_FOR_A_PAIR):
        try:
            return _bind(family, address)
        except OSError as error:
            if error.errno != errno.EADDRINUSE:
                raise CannotStart(f"cannot open port {port} on {host}: {error.strerror}") from error
            if port:
                raise CannotStart(f"port {port} on {host} is in use") from error
    raise CannotStart(f"found no port on {host} that is free for both TCP and UDP")


def _bind(family: socket.AddressFamily, address: tuple[str | int, ...] | tuple[int, bytes]) -> Pair:
    tcp = socket.socket(family, socket.SOCK_STREAM)
    udp = socket.socket(family, socket.SOCK_DGRAM)
    try:
        tcp.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if sys.platform == "linux":
            tcp.setsockopt(socket.IPPROTO_TCP, socket.TCP_NOTSENT_LOWAT, _UNSENT_BYTES)
            tcp.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, _UNACKNOWLEDGED_MS)
        tcp.bind(address)
        tcp.listen(_BACKLOG)
        udp.bind(tcp.getsockname())
    except BaseException:
        tcp.close()
        udp.close()
        raise
    tcp.settimeout(0)
    udp.settimeout(0)
    return Pair(tcp, udp, tcp.getsockname()[1])


@asynccontextmanager
async def serving(app: web.Application, pair: Pair, clock: Clock) -> AsyncIterator[None]:
    """Serve on both sockets for as long as the block lasts, then close them."""
    runner = web.AppRunner(
        app,
        access_log=None,
        auto_decompress=False,  # a body counts as many bytes as came over the wire
        keepalive_timeout=_IDLE_S,
        shutdown_timeout=_SHUTDOWN_S,
    )
    await runner.setup()
    loop = asyncio.get_running_loop()
    try:
        await web.SockSite(runner, pair.tcp, backlog=_BACKLOG).start()
        loop.add_reader(pair.udp, ReflectorSocket(pair.udp, Reflector(pair.port), clock).answer_waiting)
        yield
    finally:
        loop.remove_reader(pair.udp)
        await runner.cleanup()
        pair.tcp.close()
        pair.udp.close()
