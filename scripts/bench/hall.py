"""The hall at the far end of an emulated link: a name server that knows one name, a TLS proxy before a collector, certificates.

Its one address is from the range for documentation; the emulator's far end answers for every address. Certificates are made
anew by openssl. Needs root, as the emulator does. Everything is gone at the end.
"""

import asyncio
import contextlib
import json
import os
import socket
import ssl
import struct
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, cast

from .lab import load_emulator

NAME, HALL = "proof.example.net", "192.0.2.10"
LINK: Final = "tun0"
DNS_PORT: Final = 53
TTL_S: Final = 60
_ROOMS: Final = "SPEEDPROOF_BENCH_ROOMS"
_TYPE_A, _HEAD_BYTES = 1, 12


@dataclass(frozen=True, slots=True)
class Rooms:
    """The network namespaces at both ends of the link: whoever asks is in the hall."""

    home: str

    def at_home(self, *command: str) -> list[str]:
        """A command as it is run at home; the process that is started becomes the command."""
        return ["ip", "netns", "exec", self.home, *command]

    def link_bytes(self) -> int:
        """What has crossed the link so far, both directions together, IP headers included."""
        show = ["ip", "-n", self.home, "-j", "-s", "link", "show", "dev", LINK]
        counted = json.loads(subprocess.run(show, capture_output=True, text=True, check=True).stdout)[0]["stats64"]
        return int(counted["rx"]["bytes"]) + int(counted["tx"]["bytes"])


def rooms() -> Rooms | None:
    """The rooms, if this program is in the hall."""
    told = os.environ.get(_ROOMS)
    return None if told is None else Rooms(told)


def run_in_the_hall(mbps: float, rtt_ms: float, words: Sequence[str]) -> int:
    """Put up a link and run this Python with these words in the hall; its exit code. Raises NotHere."""
    with load_emulator().Emulator(mbps=mbps, rtt_ms=rtt_ms, queue_ms=200, resolv=HALL) as emulator:
        command = ["ip", "netns", "exec", emulator.server_ns, sys.executable, *words]
        return subprocess.run(command, env=os.environ | {_ROOMS: emulator.client_ns}, check=False).returncode


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
        """Keep what sends."""
        self._transport = cast("asyncio.DatagramTransport", transport)

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        """Answer."""
        self._transport.sendto(answer(data), addr)


def answer(query: bytes) -> bytes:
    """The answer to one question (RFC 1035)."""
    end = query.index(b"\0", _HEAD_BYTES) + 5
    question = query[_HEAD_BYTES:end]
    wire_name = b"".join(bytes([len(label)]) + label.encode() for label in NAME.split(".")) + b"\0"
    known = question.lower() == wire_name + struct.pack("!HH", _TYPE_A, 1)
    found = b"\xc0\x0c" + struct.pack("!HHIH", _TYPE_A, 1, TTL_S, 4) + socket.inet_aton(HALL) if known else b""
    return query[:2] + struct.pack("!HHHHH", 0x8180, 1, int(known), 0, 0) + question + found
