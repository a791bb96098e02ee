"""A connected socket to a host, each stage announced: name lookup, connecting, TLS. Interprets nothing.

Addresses are tried in the resolver's order: by `connect` each until it answers or refuses, by `race` with a head start
before the next (RFC 8305, Happy Eyeballs). The caller's deadline bounds the whole.
"""

import asyncio
import ipaddress
import socket
import ssl
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from probe.measure.outcome import CouldNotRun
from probe.net.bind import bind
from probe.net.http import Url, url_of
from probe.net.lookup import SocketAddress, look_up
from shared.failure import Stage

if TYPE_CHECKING:
    from probe.net.scene import Scene  # a scene holds its peer's tickets, and these connect too

Entered = Callable[[Stage], None]
Found = tuple[socket.AddressFamily, SocketAddress]

HEAD_START_S = 0.25  # RFC 8305, section 5: the connection attempt delay


@dataclass(frozen=True, slots=True)
class Origin:
    """Where to connect to: a URL's host and port, the TLS to speak, if any, and by which interface, if it is pinned."""

    url: Url
    context: ssl.SSLContext | None
    interface: str | None = None

    @property
    def host(self) -> str:
        """The name or address to connect to."""
        return self.url.host

    @property
    def port(self) -> int:
        """The port to connect to."""
        return self.url.port

    @property
    def authority(self) -> str:
        """The Host header's value."""
        return self.url.authority

    @property
    def prefix(self) -> str:
        """The path of the peer's root, without a slash at its end."""
        return self.url.path.rstrip("/")

    @classmethod
    def of(cls, scene: "Scene") -> "Origin":
        """The peer's; raises CouldNotRun if its address is no URL or its authority cannot be read."""
        return cls.at(url_of(scene.peer, ""), scene.peer.tls_ca, scene.interface)

    @classmethod
    def at(cls, url: Url, ca: Path | None = None, interface: str | None = None) -> "Origin":
        """A URL's; over TLS the system's authorities are believed, or only the one that is named.

        Raises CouldNotRun if that one cannot be read.
        """
        if url.scheme == "http":
            return cls(url, None, interface)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        if ca is None:
            context.load_default_certs()
            return cls(url, context, interface)
        try:
            context.load_verify_locations(cafile=ca)
        except OSError as exc:
            raise CouldNotRun(f"the certificate authority {ca} cannot be read") from exc
        return cls(url, context, interface)


async def find(origin: Origin, entered: Entered) -> list[Found]:
    """The addresses of an origin; an address in place of a name is not looked up."""
    try:
        family = socket.AF_INET6 if ipaddress.ip_address(origin.host).version == 6 else socket.AF_INET  # noqa: PLR2004
    except ValueError:
        entered(Stage.DNS)
        return [(its_family, address) for its_family, _protocol, address in await look_up(origin.host, origin.port)]
    return [(family, (origin.host, origin.port))]


async def connect(addresses: Sequence[Found], entered: Entered, interface: str | None = None) -> socket.socket:
    """A connected, non-blocking socket to the first address that answers; raises the last one's OSError."""
    entered(Stage.CONNECT)
    loop, error = asyncio.get_running_loop(), OSError("the name has no address")
    for family, address in addresses:
        sock = socket.socket(family, socket.SOCK_STREAM)
        try:
            sock.setblocking(False)  # noqa: FBT003  (the standard library's own)
            bind(sock, interface)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            await loop.sock_connect(sock, address)
        except OSError as exc:
            error = exc
            sock.close()
        except BaseException:
            sock.close()
            raise
        else:
            return sock
    raise error


def address_of(sock: socket.socket) -> Found:
    """Where a connected socket leads to."""
    return sock.family, sock.getpeername()


async def race(addresses: Sequence[Found], entered: Entered, interface: str | None = None) -> socket.socket:
    """A connected socket to whichever address answers first; raises the OSError of the last to refuse.

    So a family of addresses that leads nowhere costs a moment, as it does in a browser, and not the whole attempt.
    """
    entered(Stage.CONNECT)
    rest, error = list(addresses), OSError("the name has no address")
    trying: set[asyncio.Task[socket.socket]] = set()
    try:
        while rest or trying:
            if rest:
                trying.add(asyncio.create_task(connect([rest.pop(0)], lambda _stage: None, interface)))
            head_start_s = HEAD_START_S if rest else None
            done, _ = await asyncio.wait(trying, timeout=head_start_s, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                trying.discard(task)
                try:
                    return task.result()
                except OSError as exc:
                    error = exc
        raise error
    finally:
        await _give_up(trying)


async def _give_up(trying: set[asyncio.Task[socket.socket]]) -> None:
    for task in trying:
        task.cancel()
    if trying:
        await asyncio.wait(trying)
    for task in trying:
        if not task.cancelled() and task.exception() is None:
            task.result().close()
