"""A peer that follows a script byte by byte, for what no library would send."""

import asyncio
import base64
import hashlib
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress

from shared.frames import Opcode, frame

Script = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"


async def read_head(reader: asyncio.StreamReader) -> dict[str, str]:
    """Read a request; its fields, by their names in small letters."""
    head = (await reader.readuntil(b"\r\n\r\n")).decode()
    fields = (line.partition(":") for line in head.split("\r\n")[1:] if line)
    return {name.lower(): value.strip() for name, _, value in fields}


def switched(fields: dict[str, str]) -> bytes:
    """Write the head of a good answer."""
    proof = base64.b64encode(hashlib.sha1(fields["sec-websocket-key"].encode() + GUID, usedforsecurity=False).digest())
    lines = (
        "HTTP/1.1 101 Switching Protocols",
        "Upgrade: websocket",
        "Connection: Upgrade",
        f"Sec-WebSocket-Accept: {proof.decode()}",
        f"Sec-WebSocket-Protocol: {fields['sec-websocket-protocol']}",
    )
    return "\r\n".join((*lines, "", "")).encode()


def after_handshake(*chunks: bytes, again: bytes = b"") -> Script:
    """Shake hands, send the chunks one by one and then `again` for ever, or wait for the client to leave."""

    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(switched(await read_head(reader)))
        for chunk in chunks:
            writer.write(chunk)
            await writer.drain()
            await asyncio.sleep(0)
        while again:
            writer.write(again)
            await writer.drain()
        while await reader.read(1 << 16):
            pass

    return script


def answering(head: bytes, *, pause_s: float = 0) -> Script:
    """Answer the handshake with these bytes, one by one if there is a pause, and hang up."""

    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_head(reader)
        if not pause_s:
            writer.write(head)
            await writer.drain()
            return
        for place in range(len(head)):
            writer.write(head[place : place + 1])
            await writer.drain()
            await asyncio.sleep(pause_s)

    return script


LOAD = frame(Opcode.BINARY, bytes(8192))


@asynccontextmanager
async def rude(script: Script, host: str = "127.0.0.1") -> AsyncIterator[int]:
    """Keep a port on which every connection gets the script; what is left of them is dropped in the end."""
    tasks: set[asyncio.Task[None]] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        if task is not None:
            tasks.add(task)
        try:
            with suppress(ConnectionError, asyncio.IncompleteReadError):
                await script(reader, writer)
        finally:
            tasks.discard(task)  # type: ignore[arg-type]
            writer.close()

    server = await asyncio.start_server(serve, host, 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        left = {*tasks}
        for task in left:
            task.cancel()
        await asyncio.gather(*left, return_exceptions=True)
        await asyncio.sleep(0.01)
