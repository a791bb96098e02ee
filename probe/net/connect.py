"""A connected socket to a host, each stage announced: name lookup, connecting, TLS. Interprets nothing.

Addresses are tried in the resolver's order, each until it answers or refuses; the caller's deadline bounds the whole.
"""

import asyncio
import ipaddress
import socket
import ssl
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from probe.net.http import tls_context, url_of
from probe.net.lookup import SocketAddress, look_up
from probe.net.scene import Scene
from shared.failure import Stage

Entered = Callable[[Stage], None]
Found = tuple[socket.AddressFamily, SocketAddress]


@dataclass(frozen=True, slots=True)
class Origin:
    """Where to connect to: host, port, and the TLS to speak, if any."""

    host: str
    port: int
    context: ssl.SSLContext | None
    prefix: str  # the path of the peer's root, without a slash at its end

    @property
    def authority(self) -> str:
        """The Host header's value."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        usual = 80 if self.context is None else 443
        return host if self.port == usual else f"{host}:{self.port}"

    @classmethod
    def of(cls, scene: Scene) -> "Origin":
        """The peer's; raises CouldNotRun if its address is no URL or its authority cannot be read."""
        url = url_of(scene.peer, "")
        context = tls_context(scene.peer) if url.scheme == "https" else None
        return cls(url.host or "", url.port or 0, context, url.path.rstrip("/"))


async def find(origin: Origin, entered: Entered) -> list[Found]:
    """The addresses of an origin; an address in place of a name is not looked up."""
    try:
        family = socket.AF_INET6 if ipaddress.ip_address(origin.host).version == 6 else socket.AF_INET  # noqa: PLR2004
    except ValueError:
        entered(Stage.DNS)
        return [(its_family, address) for its_family, _protocol, address in await look_up(origin.host, origin.port)]
    return [(family, (origin.host, origin.port))]


async def connect(addresses: Sequence[Found], entered: Entered) -> socket.socket:
    """A connected, non-blocking socket to the first address that answers; raises the last one's OSError."""
    entered(Stage.CONNECT)
    loop, error = asyncio.get_running_loop(), OSError("the name has no address")
    for family, address in addresses:
        sock = socket.socket(family, socket.SOCK_STREAM)
        try:
            sock.setblocking(False)  # noqa: FBT003  (the standard library's own)
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
