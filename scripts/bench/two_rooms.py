"""Two network namespaces with one cable between them: a home for the probe, and a hall with everything it talks to.

The hall has a name server, which knows one name, and a TLS proxy as stands before a collector; its certificates are made
anew by openssl. The cable has the MTU of a real link and carries one packet at a time, so that the counters of its home
end hold whole packets, headers included. Needs root, iproute2 and openssl. Everything is gone at the end.
"""

import asyncio
import contextlib
import json
import os
import shutil
import socket
import ssl
import struct
import subprocess
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

NAME: Final = "proof.example.net"
HALL, HOME, CABLE = "10.77.0.1", "10.77.0.2", "eth0"
MTU: Final = 1500
DNS_PORT: Final = 53
TTL_S: Final = 60
_TYPE_A, _HEAD_BYTES = 1, 12


@dataclass(frozen=True, slots=True)
class Rooms:
    """The names of both namespaces."""

    hall: str
    home: str

    def at_home(self, *command: str) -> list[str]:
        """A command as it is run at home; the process that is started becomes the command."""
        return ["ip", "netns", "exec", self.home, *command]

    def in_the_hall(self, *command: str) -> list[str]:
        """A command as it is run in the hall."""
        return ["ip", "netns", "exec", self.hall, *command]

    def cable_bytes(self) -> int:
        """What has crossed the cable so far, both directions together, with link headers (14 bytes each packet)."""
        told = subprocess.run(
            ["ip", "-n", self.home, "-j", "-s", "link", "show", "dev", CABLE],
            capture_output=True,
            text=True,
            check=True,
        )
        counted = json.loads(told.stdout)[0]["stats64"]
        return int(counted["rx"]["bytes"]) + int(counted["tx"]["bytes"])


@contextlib.contextmanager
def two_rooms(label: str) -> Iterator[Rooms]:
    """Both rooms, and names at home that are asked for in the hall."""
    rooms, names = Rooms(f"{label}-hall", f"{label}-home"), Path("/etc/netns")
    try:
        for room in (rooms.hall, rooms.home):
            _ip("netns", "add", room)
            subprocess.run(
                ["ip", "netns", "exec", room, "sysctl", "-qw", "net.ipv6.conf.all.disable_ipv6=1", "net.ipv6.conf.default.disable_ipv6=1"],
                check=True,
            )  # fmt: skip
        _ip("-n", rooms.hall, "link", "add", CABLE, "type", "veth", "peer", "name", CABLE, "netns", rooms.home)
        for room, address in ((rooms.hall, HALL), (rooms.home, HOME)):
            _ip("-n", room, "link", "set", "lo", "up")
            _ip("-n", room, "addr", "add", f"{address}/24", "dev", CABLE)
            _ip("-n", room, "link", "set", CABLE, "mtu", str(MTU), "gso_max_segs", "1", "up")
        _ip("-n", rooms.home, "route", "add", "default", "via", HALL)
        for room, text in ((rooms.home, f"nameserver {HALL}\n"),):
            names.joinpath(room).mkdir(parents=True)
            names.joinpath(room, "resolv.conf").write_text(text, encoding="ascii")
        yield rooms
    finally:
        for room in (rooms.hall, rooms.home):
            subprocess.run(["ip", "netns", "del", room], check=False, stderr=subprocess.DEVNULL)
            shutil.rmtree(names / room, ignore_errors=True)
        with contextlib.suppress(OSError):
            names.rmdir()


def _ip(*words: str) -> None:
    subprocess.run(["ip", *words], check=True)


def certificates(folder: Path) -> tuple[Path, Path, Path]:
    """An authority, and a certificate of NAME with its key; P-256, as public authorities give them."""
    files = {name: folder / f"{name}.pem" for name in ("ca", "ca-key", "cert", "key")}
    made = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2"]
    own = [*made, "-subj", "/CN=bench authority", "-keyout", str(files["ca-key"]), "-out", str(files["ca"])]
    leaf = [*made, "-subj", f"/CN={NAME}", "-addext", f"subjectAltName=DNS:{NAME}", "-addext", "basicConstraints=critical,CA:FALSE",
            "-CA", str(files["ca"]), "-CAkey", str(files["ca-key"]), "-keyout", str(files["key"]), "-out", str(files["cert"])]  # fmt: skip
    for command in (own, leaf):
        subprocess.run(command, check=True, capture_output=True)
    return files["ca"], files["cert"], files["key"]


@contextlib.contextmanager
def serving(cert: Path, key: Path, port: int, behind_port: int) -> Iterator[None]:
    """Answer for names, and pass TLS on to a collector behind; for whoever already is in the hall. In a thread of its own."""
    loop = asyncio.new_event_loop()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(cert, key)

    async def begin() -> tuple[asyncio.Server, asyncio.DatagramTransport]:
        names, _ = await loop.create_datagram_endpoint(_Names, local_addr=(HALL, DNS_PORT))

        async def relay(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await _relay(reader, writer, behind_port)

        return await asyncio.start_server(relay, HALL, port, ssl=context), names

    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    try:
        server, names = asyncio.run_coroutine_threadsafe(begin(), loop).result(10)
        yield
        loop.call_soon_threadsafe(server.close)
        loop.call_soon_threadsafe(names.close)
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


async def _relay(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, port: int) -> None:
    behind, to_behind = await asyncio.open_connection(HALL, port)

    async def pump(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            while piece := await source.read(65_536):
                sink.write(piece)
                await sink.drain()
        with contextlib.suppress(OSError):
            sink.close()

    await asyncio.gather(pump(reader, to_behind), pump(behind, writer))


class _Names(asyncio.DatagramProtocol):
    """A name server that knows NAME's IPv4 address, and of everything else that it has none."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        if isinstance(self._transport, asyncio.DatagramTransport):
            self._transport.sendto(answer(data), addr)


def answer(query: bytes) -> bytes:
    """The answer to one question (RFC 1035)."""
    end = query.index(b"\0", _HEAD_BYTES) + 5
    question = query[_HEAD_BYTES:end]
    wire_name = b"".join(bytes([len(label)]) + label.encode() for label in NAME.split(".")) + b"\0"
    known = question.lower() == wire_name + struct.pack("!HH", _TYPE_A, 1)
    found = b"\xc0\x0c" + struct.pack("!HHIH", _TYPE_A, 1, TTL_S, 4) + socket.inet_aton(HALL) if known else b""
    return query[:2] + struct.pack("!HHHHH", 0x8180, 1, int(known), 0, 0) + question + found


def inside(rooms: Rooms, marker: str, command: Sequence[str]) -> int:
    """Run a program in the hall, told by an environment variable which rooms there are; its exit code."""
    surroundings = os.environ | {marker: json.dumps([rooms.hall, rooms.home])}
    return subprocess.run(rooms.in_the_hall(*command), env=surroundings, check=False).returncode
