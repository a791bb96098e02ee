"""Asks the next hop whether it is there, by three packets at once: an echo, a connection, a datagram. Interprets nothing.

Whatever comes back shows that it is there, a refusal too: nobody expects a gateway to serve anything here. An ICMP datagram
socket is open to some users only (`net.ipv4.ping_group_range`), so the other two are for everybody. Port 53 is where a
gateway most often does answer; 33434 is where a traceroute expects to be refused.
"""

import asyncio
import socket
import struct
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from typing import Any, Literal

from probe.measure.echo import checksum, without_ip_header
from probe.measure.hops import Address

TCP_PORT = 53
UDP_PORT = 33434
CHANCE_BYTES = 16
READ_BYTES = 2048
_HEADER = struct.Struct("!BBHHH")  # RFC 792: type, code, checksum, identifier, sequence number
_REQUEST, _REPLY = {4: 8, 6: 128}, {4: 0, 6: 129}

Way = Literal["icmp", "tcp", "udp"]
Prepare = Callable[[socket.socket], None]


async def answer_of(gateway: Address, chance: bytes, prepare: Prepare) -> Way:
    """Wait for anything from the gateway, and say by which way it came; deadlines are the caller's.

    `chance` is `CHANCE_BYTES` that nobody can guess, `prepare` is done to every socket. Raises the last OSError once no way
    is left on which an answer could still come.
    """
    asking = [asyncio.create_task(way) for way in _ways(gateway, chance, prepare)]
    error = OSError("nobody could be asked")
    try:
        for way in asyncio.as_completed(asking):
            try:
                return await way
            except PermissionError:  # not allowed to ask: that says nothing
                continue
            except OSError as exc:
                error = exc
        raise error
    finally:
        for task in asking:
            task.cancel()
        await asyncio.gather(*asking, return_exceptions=True)


def _ways(gateway: Address, chance: bytes, prepare: Prepare) -> Iterator[Coroutine[Any, Any, Way]]:
    yield _by_echo(gateway, chance, prepare)
    yield _by_connection(gateway, prepare)
    yield _by_datagram(gateway, chance, prepare)


async def _by_echo(gateway: Address, chance: bytes, prepare: Prepare) -> Way:
    version = gateway.version
    protocol = socket.IPPROTO_ICMP if version == 4 else socket.IPPROTO_ICMPV6  # noqa: PLR2004  (IPv4)
    bare = _HEADER.pack(_REQUEST[version], 0, 0, 0, 1) + chance
    with _open(gateway, 0, socket.SOCK_DGRAM, protocol, prepare) as (sock, where):
        loop = asyncio.get_running_loop()
        await loop.sock_connect(sock, where)
        await loop.sock_sendall(sock, _HEADER.pack(_REQUEST[version], 0, checksum(bare), 0, 1) + chance)
        while True:
            message = await loop.sock_recv(sock, READ_BYTES)
            message = without_ip_header(message) if version == 4 else message  # noqa: PLR2004  (IPv4)
            if message[:1] == bytes([_REPLY[version]]) and message[_HEADER.size :] == chance:
                return "icmp"


async def _by_connection(gateway: Address, prepare: Prepare) -> Way:
    with _open(gateway, TCP_PORT, socket.SOCK_STREAM, 0, prepare) as (sock, where):
        try:
            await asyncio.get_running_loop().sock_connect(sock, where)
        except (ConnectionRefusedError, ConnectionResetError):
            return "tcp"
        return "tcp"


async def _by_datagram(gateway: Address, chance: bytes, prepare: Prepare) -> Way:
    with _open(gateway, UDP_PORT, socket.SOCK_DGRAM, 0, prepare) as (sock, where):
        loop = asyncio.get_running_loop()
        await loop.sock_connect(sock, where)
        await loop.sock_sendall(sock, chance)
        try:
            await loop.sock_recv(sock, READ_BYTES)
        except ConnectionRefusedError:
            return "udp"
        return "udp"


@contextmanager
def _open(
    gateway: Address, port: int, kind: socket.SocketKind, protocol: int, prepare: Prepare
) -> Iterator[tuple[socket.socket, tuple[Any, ...]]]:
    """A socket towards the gateway, and where that is: an IPv6 next hop is mostly one of the link only, with its scope."""
    family = socket.AF_INET if gateway.version == 4 else socket.AF_INET6  # noqa: PLR2004  (IPv4)
    infos = socket.getaddrinfo(str(gateway), port, family, kind, flags=socket.AI_NUMERICHOST)
    with socket.socket(family, kind, protocol) as sock:
        sock.setblocking(False)  # noqa: FBT003  (the standard library's own)
        prepare(sock)
        yield sock, infos[0][4]
