"""A resolver that answers, or does what no resolver should: answers as bytes, and a server on loopback that sends them.

The answers are written here a second time, by hand, so that the reader is not tested with its own writer.
"""

import asyncio
import struct
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from probe.settings import ResolverAddress

A, CNAME, AAAA = 1, 5, 28
ADDRESS = bytes((192, 0, 2, 7))
ADDRESS_6 = bytes.fromhex("20010db8000000000000000000000007")
SAME_NAME = b"\xc0\x0c"  # a pointer to the name in the question
HEAD_BYTES = 12

Resource = tuple[bytes, int, int, bytes]  # owner in wire form, type, TTL, data


def labels(name: str) -> bytes:
    """Write a name without compression."""
    return b"".join(bytes([len(label)]) + label.encode() for label in name.split(".")) + b"\0"


def question_of(query: bytes) -> bytes:
    """Cut the question out of a query, as it stands there."""
    end = query.index(b"\0", HEAD_BYTES) + 5
    return query[HEAD_BYTES:end]


def kind_of(query: bytes) -> int:
    """Tell which type of record is asked for."""
    return int.from_bytes(question_of(query)[-4:-2], "big")


def reply(
    query: bytes,
    resources: Sequence[Resource] = (),
    *,
    rcode: int = 0,
    truncated: bool = False,
    query_id: int | None = None,
    question: bytes | None = None,
) -> bytes:
    """Write an answer to a query, or to another one."""
    number = int.from_bytes(query[:2], "big") if query_id is None else query_id
    asked = question_of(query) if question is None else question
    flags = 0x8180 | rcode | (0x0200 if truncated else 0)
    head = struct.pack("!HHHHHH", number, flags, int(bool(asked)), len(resources), 0, 0)
    written = (owner + struct.pack("!HHIH", kind, 1, ttl, len(data)) + data for owner, kind, ttl, data in resources)
    return head + asked + b"".join(written)


def good(query: bytes, ttl_s: int = 300) -> bytes:
    """Write the answer of a resolver that knows one address of each kind."""
    kind = kind_of(query)
    return reply(query, [(SAME_NAME, kind, ttl_s, ADDRESS if kind == A else ADDRESS_6)])


def faulty(query: bytes, fault: str) -> list[bytes]:
    """Give the datagrams that a resolver with a fault sends for a query."""
    other_id = int.from_bytes(query[:2], "big") ^ 0x5555
    match fault:
        case "":
            return [good(query)]
        case "nxdomain" | "servfail" | "refused" | "notimp":
            return [reply(query, rcode={"nxdomain": 3, "servfail": 2, "refused": 5, "notimp": 4}[fault])]
        case "bare error":
            return [reply(query, rcode=5, question=b"")]
        case "no answer":
            return [reply(query)]
        case "only v6":
            return [good(query) if kind_of(query) == AAAA else reply(query)]
        case "bogon":
            return [reply(query, [(SAME_NAME, A, 60, ADDRESS), (SAME_NAME, A, 60, bytes((10, 0, 0, 1)))])]
        case "garbage":
            return [query[:2] + b"what?"]
        case "another name":
            return [reply(query, question=labels("other.example") + question_of(query)[-4:])]
        case "the question itself":
            return [query]
        case "wrong id":
            return [reply(query, [(SAME_NAME, A, 60, ADDRESS)], query_id=other_id)]
        case "forged first":
            return [reply(query, [(SAME_NAME, A, 60, bytes((6, 6, 6, 6)))], query_id=other_id), b"\0", good(query)]
        case _:
            return [reply(query, truncated=True)] if fault.startswith("truncate") else []


@dataclass
class FakeResolver:
    """What the resolver is to do wrong, and what it was asked."""

    fault: str = ""
    drop: int = 0  # this many datagrams are lost
    asked: list[bytes] = field(default_factory=list)
    streams: int = 0
    port: int = 0
    heard: asyncio.Event = field(default_factory=asyncio.Event)  # it was asked, by TCP if it wanted to be
    gone: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def address(self) -> ResolverAddress:
        """Say where this resolver is."""
        return ResolverAddress("127.0.0.1", self.port)

    def answers_to(self, query: bytes) -> list[bytes]:
        """Give the datagrams for one that came."""
        self.asked.append(query)
        if not self.fault.startswith("truncate"):
            self.heard.set()
        return [] if len(self.asked) <= self.drop else faulty(query, self.fault)

    async def talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer one query by TCP."""
        self.streams += 1
        self.heard.set()
        try:
            query = await reader.readexactly(int.from_bytes(await reader.readexactly(2), "big"))
            answer = reply(query, truncated=True) if self.fault == "truncate for ever" else good(query)
            if self.fault == "truncate and stall":
                await self.gone.wait()
            length = 65_535 if self.fault == "truncate and flood" else len(answer)
            if self.fault == "truncate and hang up":
                length, answer = len(answer), answer[:5]
            writer.write(length.to_bytes(2, "big") + answer)
            await writer.drain()
        finally:
            writer.close()


class _Datagrams(asyncio.DatagramProtocol):
    def __init__(self, resolver: FakeResolver) -> None:
        self._resolver = resolver
        self._transport: asyncio.DatagramTransport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport  # type: ignore[assignment]

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        for answer in self._resolver.answers_to(data):
            if self._transport is not None:
                self._transport.sendto(answer, addr)


@asynccontextmanager
async def resolving(resolver: FakeResolver) -> AsyncIterator[FakeResolver]:
    """Keep a resolver up on one port of loopback, by UDP and, unless it refuses, by TCP."""
    server = await asyncio.start_server(resolver.talk, "127.0.0.1", 0)
    resolver.port = server.sockets[0].getsockname()[1]
    datagrams, _ = await asyncio.get_running_loop().create_datagram_endpoint(
        lambda: _Datagrams(resolver), local_addr=("127.0.0.1", resolver.port)
    )
    if resolver.fault == "truncate and refuse":
        server.close()
    try:
        yield resolver
    finally:
        resolver.gone.set()
        datagrams.close()
        server.close()
        await server.wait_closed()
        await asyncio.sleep(0.01)
