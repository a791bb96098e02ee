"""The peer's sockets: TCP and UDP on one port number, and one more port for TLS, opened together and closed together.

What the kernel may hold back is bounded here, for every connection: `TCP_NOTSENT_LOWAT` keeps the unsent part
of the send buffer small, so that a count of sent bytes stays near the wire, texts do not queue behind seconds
of load, and a test can end in time on a slow link; `TCP_USER_TIMEOUT` ends connections whose client no longer
acknowledges. Linux hands both from the listening socket to its connections.
"""

import asyncio
import errno
import socket
import ssl
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
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


@dataclass(frozen=True, slots=True)
class Secure:
    """A listening TCP socket, and the TLS to speak on its connections."""

    tcp: socket.socket
    context: ssl.SSLContext
    port: int


def bind_pair(host: str, port: int) -> Pair:
    """Take one port for TCP and UDP; port 0 stands for any that is free for both. Raises CannotStart."""
    where = _address(host, port)
    for _ in range(_TRIES_FOR_A_PAIR):
        try:
            return _bind(*where)
        except OSError as error:
            if error.errno != errno.EADDRINUSE or port:
                raise _cannot_open(host, port, error) from error
    raise CannotStart(f"found no port on {host} that is free for both TCP and UDP")


def bind_secure(host: str, port: int, context: ssl.SSLContext) -> Secure:
    """Take a port for TLS; port 0 stands for any free one. Raises CannotStart."""
    try:
        tcp = _listening(*_address(host, port))
    except OSError as error:
        raise _cannot_open(host, port, error) from error
    return Secure(tcp, context, tcp.getsockname()[1])


def tls_context(certificate: Path, key: Path | None) -> ssl.SSLContext:
    """The TLS of a certificate chain and its key, by default in the same file, both PEM. Raises CannotStart."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.set_alpn_protocols(["http/1.1"])
    for file in dict.fromkeys((certificate, key or certificate)):
        try:
            file.read_bytes()
        except OSError as error:
            raise CannotStart(f"cannot read {file}: {error.strerror}") from error
    try:
        # Without a password OpenSSL would ask for one on the terminal.
        context.load_cert_chain(certificate, key, password="")
    except (ssl.SSLError, ValueError) as error:
        files = f"{certificate} and {key}" if key else f"{certificate}"
        raise CannotStart(f"{files}: no certificate with its key, in PEM and without a password") from error
    return context


_Address = tuple[str | int, ...] | tuple[int, bytes]


def _address(host: str, port: int) -> tuple[socket.AddressFamily, _Address]:
    try:
        family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    except socket.gaierror as error:
        raise CannotStart(f"{host} is not an address of this machine: {error.strerror}") from error
    return family, address


def _cannot_open(host: str, port: int, error: OSError) -> CannotStart:
    if error.errno == errno.EADDRINUSE:
        return CannotStart(f"port {port} on {host} is in use")
    return CannotStart(f"cannot open port {port} on {host}: {error.strerror}")


def _bind(family: socket.AddressFamily, address: _Address) -> Pair:
    tcp = _listening(family, address)
    udp = socket.socket(family, socket.SOCK_DGRAM)
    try:
        udp.bind(tcp.getsockname())
    except BaseException:
        tcp.close()
        udp.close()
        raise
    udp.settimeout(0)
    return Pair(tcp, udp, tcp.getsockname()[1])


def _listening(family: socket.AddressFamily, address: _Address) -> socket.socket:
    tcp = socket.socket(family, socket.SOCK_STREAM)
    try:
        tcp.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if sys.platform == "linux":
            tcp.setsockopt(socket.IPPROTO_TCP, socket.TCP_NOTSENT_LOWAT, _UNSENT_BYTES)
            tcp.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, _UNACKNOWLEDGED_MS)
        tcp.bind(address)
        tcp.listen(_BACKLOG)
    except BaseException:
        tcp.close()
        raise
    tcp.settimeout(0)
    return tcp


@asynccontextmanager
async def serving(app: web.Application, pair: Pair, clock: Clock, secure: Secure | None = None) -> AsyncIterator[None]:
    """Serve on all sockets for as long as the block lasts, then close them."""
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
        if secure is not None:
            await web.SockSite(runner, secure.tcp, backlog=_BACKLOG, ssl_context=secure.context).start()
        loop.add_reader(pair.udp, ReflectorSocket(pair.udp, Reflector(pair.port), clock).answer_waiting)
        yield
    finally:
        loop.remove_reader(pair.udp)
        await runner.cleanup()
        pair.tcp.close()
        pair.udp.close()
        if secure is not None:
            secure.tcp.close()
