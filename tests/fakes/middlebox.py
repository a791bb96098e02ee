"""Something between a client and a peer that meddles: it answers, cuts and keeps silent in place of the peer.

A plain TCP relay on loopback, one request for each connection. It looks at the first line of a request; where its fault
says so it does something else than relaying. The peer behind it is a real one and knows nothing of this.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

CUT_BYTES = 20_000
UNAVAILABLE = b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"


@dataclass
class Middlebox:
    """What to do (`refuse`, `cut`, `hush`, `say`) with requests whose first line holds a text."""

    peer_port: int
    fault: str = ""
    where: bytes = b""
    says: bytes = b""
    port: int = 0
    seen: list[bytes] = field(default_factory=list)
    hushed: asyncio.Event = field(default_factory=asyncio.Event)
    _tasks: set[asyncio.Task[None]] = field(default_factory=set)

    def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Take one connection, in a task of our own that `end` ends."""
        task = asyncio.create_task(self._one(reader, writer))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def end(self) -> None:
        """Drop every connection."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _one(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await self._serve(reader, writer)
        except (OSError, asyncio.IncompleteReadError):
            return
        finally:
            if self.fault == "cut":
                writer.transport.abort()
            else:
                writer.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        line = head.partition(b"\r\n")[0]
        self.seen.append(line)
        hit = bool(self.fault) and self.where in line
        if hit and self.fault == "refuse":
            writer.write(UNAVAILABLE)
            await writer.drain()
            return
        if hit and self.fault == "say":
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(self.says), self.says))
            await writer.drain()
            return
        if hit and self.fault == "hush":
            self.hushed.set()
            await asyncio.Event().wait()
        most = CUT_BYTES if hit and self.fault == "cut" else 1 << 40
        up_reader, up_writer = await asyncio.open_connection("127.0.0.1", self.peer_port)
        up_writer.write(head)
        pumps = [asyncio.create_task(pump(*way, most)) for way in ((reader, up_writer), (up_reader, writer))]
        try:
            await asyncio.wait(pumps, return_when=asyncio.FIRST_COMPLETED)
            if not hit:
                await asyncio.wait(pumps[1:])
        finally:
            for task in pumps:
                task.cancel()
            await asyncio.wait(pumps)
            up_writer.close()


async def pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, most: int) -> None:
    """Hand on what comes, up to a number of bytes; a connection that breaks ends it."""
    moved = 0
    try:
        while moved < most and (piece := await reader.read(min(65_536, most - moved))):
            writer.write(piece)
            await writer.drain()
            moved += len(piece)
        if moved < most and writer.can_write_eof():
            writer.write_eof()
    except OSError:
        return


@asynccontextmanager
async def meddling(box: Middlebox) -> AsyncIterator[Middlebox]:
    """Keep a middlebox in front of its peer."""
    server = await asyncio.start_server(box.serve, "127.0.0.1", 0)
    box.port = server.sockets[0].getsockname()[1]
    try:
        yield box
    finally:
        await box.end()
        server.close()
        await server.wait_closed()
        await asyncio.sleep(0.05)
