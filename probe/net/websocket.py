"""The shell under download and upload: one ndt7 WebSocket through aiohttp. Interprets nothing.

aiohttp reports an end without a closing frame and a reset alike; the connection below knows which it was, so
the WebSocket class of this module keeps hold of it. Closing is polite for `CLOSE_GRACE_S`, then the
connection is cut with SO_LINGER 0, so that nothing unsent goes on costing the customer.
"""

import asyncio
import socket
import struct
from contextlib import suppress
from typing import Any, cast

import aiohttp
from yarl import URL

from probe.clock import Clock
from probe.measure.flow import Flow
from probe.measure.outcome import Measured, Trouble
from probe.measure.transfer import MESSAGE_LIMIT_BYTES, SUBPROTOCOL, Ending
from probe.measure.upload import Upload
from probe.net.address import PeerAddress
from probe.net.drive import Watcher, drive
from probe.net.failures import trouble_of
from probe.net.http import NAMED_ERRORS, WatchedContext, one_session, tls_context, url_of
from probe.net.tcpinfo import acked_bytes, limit_unsent, received_bytes, sent_bytes, unsent_bytes
from shared.failure import Failure, Stage

CLOSE_GRACE_S = 0.3
UNSENT_LOOK_S = 0.02
CUT_AT_ONCE = struct.pack("ii", 1, 0)


class KnowingWebSocket(aiohttp.ClientWebSocketResponse[bool]):
    """A WebSocket that can still say, when it is gone, how it went, and that can be cut."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:  # noqa: ANN401  (aiohttp's own, passed through)
        """Keep hold of the connection of the response that became this WebSocket."""
        super().__init__(*args, **kwargs)
        self._answer = next(arg for arg in args if isinstance(arg, aiohttp.ClientResponse))
        self._cause: BaseException | None = None
        connection = self._answer.connection
        self._handler = None if connection is None else connection.protocol
        self._transport = None if connection is None else connection.transport

    @property
    def open_socket(self) -> socket.socket | None:
        """The socket below, while it is open."""
        sock = None if self._transport is None else self._transport.get_extra_info("socket")
        return sock if sock is not None and sock.fileno() >= 0 else None

    async def close(self, *, code: int = aiohttp.WSCloseCode.OK, message: bytes = b"") -> bool:
        """Remember how the connection was before closing makes it forget."""
        if self._cause is None and self._handler is not None:
            self._cause = self._handler.exception()
        return await super().close(code=code, message=message)

    def lost_by(self) -> BaseException | None:
        """Give what ended the connection below, if it did not simply end."""
        return None if isinstance(self._cause, aiohttp.ServerDisconnectedError) else self._cause

    def unsent_bytes(self) -> int:
        """Give the bytes that were sent by us and have not left this machine."""
        waiting_bytes = 0 if self._transport is None else self._transport.get_write_buffer_size()
        sock = self.open_socket
        return 0 if sock is None else waiting_bytes + unsent_bytes(sock)

    def cut(self) -> None:
        """Drop the connection and whatever it has not sent yet."""
        if (sock := self.open_socket) is not None:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, CUT_AT_ONCE)
        if self._transport is not None:
            self._transport.abort()
        self._answer.close()


class Transfer:
    """One transfer under way: a core, and the connection that feeds it."""

    def __init__(self, core: Flow, clock: Clock, payload: bytes = b"") -> None:
        """Take the core, and the bytes an upload cuts its messages from."""
        self._core = core
        self._clock = clock
        self._payload = payload
        self._ws: KnowingWebSocket | None = None

    async def run(self, peer: PeerAddress, progress: Watcher | None) -> Measured:
        """Connect, transfer until the core is satisfied, close."""
        core = self._core
        url = url_of(peer, f"ndt/v7/{core.NAME}").with_query(core.plan.query)
        context = tls_context(peer)
        core.start(self._clock.mono_us())
        work = self._connect(url, context)
        await drive(core, work, self._clock, progress, pulse=self._pulse, grace_s=2 * CLOSE_GRACE_S)
        return core.result()

    def _pulse(self) -> None:
        """Show the core the kernel's count, in which bytes appear before their message is whole."""
        sock = None if self._ws is None else self._ws.open_socket
        if sock is not None:
            count = acked_bytes if isinstance(self._core, Upload) else received_bytes
            self._core.heard(count(sock), self._clock.mono_us())

    async def _connect(self, url: URL, context: WatchedContext) -> None:
        core, clock = self._core, self._clock
        async with one_session(context, self._entered, KnowingWebSocket) as session:
            try:
                plain = await session.ws_connect(
                    url,
                    protocols=(SUBPROTOCOL,),
                    autoclose=False,
                    max_msg_size=MESSAGE_LIMIT_BYTES,
                    decode_text=False,
                )
            except NAMED_ERRORS as exc:
                core.failed(trouble_of(exc, core.stage), clock.mono_us(), getattr(exc, "status", 0) or None)
                return
            ws, closed = cast("KnowingWebSocket", plain), False
            kept = None if ws.open_socket is None else ws.open_socket.dup()
            try:
                await self._exchange(ws)
                with suppress(TimeoutError):
                    async with asyncio.timeout(CLOSE_GRACE_S):
                        await ws.close()
                        while ws.unsent_bytes():  # noqa: ASYNC110  (the kernel announces nothing)
                            await asyncio.sleep(UNSENT_LOOK_S)
                        closed = True
            finally:
                if not closed:
                    ws.cut()
                if kept is not None:  # a second handle, so that the counts can be read after the end
                    core.crossed(received_bytes(kept), sent_bytes(kept))
                    kept.close()

    def _entered(self, stage: Stage) -> None:
        self._core.entered(stage, self._clock.mono_us())

    async def _exchange(self, ws: KnowingWebSocket) -> None:
        now_us = self._clock.mono_us()
        if ws.protocol != SUBPROTOCOL:
            self._core.failed(Trouble(Failure.HTTP_REQUEST_FAILED, Stage.REQUEST), now_us)
            return
        self._ws = ws
        if (sock := ws.open_socket) is not None:
            limit_unsent(sock)
        self._core.opened(now_us)
        sender = asyncio.create_task(self._send(ws))
        try:
            await self._receive(ws)
        finally:
            sender.cancel()
            await asyncio.wait({sender})
        if not sender.cancelled():
            sender.result()

    async def _send(self, ws: KnowingWebSocket) -> None:
        if not isinstance(self._core, Upload):
            return
        # A broken connection shows at the receiving side, with its name.
        with suppress(*NAMED_ERRORS):
            while n_bytes := self._core.to_send(self._clock.mono_us()):
                await ws.send_bytes(self._payload[:n_bytes])
                await asyncio.sleep(0)  # a socket that takes everything gives nobody a turn

    async def _receive(self, ws: KnowingWebSocket) -> None:
        core, clock = self._core, self._clock
        while not core.over:
            message = await ws.receive()
            now_us = clock.mono_us()
            match message.type:
                case aiohttp.WSMsgType.BINARY:
                    core.moved(len(message.data), now_us)
                case aiohttp.WSMsgType.TEXT:
                    core.text(message.data, now_us)
                case aiohttp.WSMsgType.CLOSE:
                    core.closed(Ending.CLOSE, now_us)
                case aiohttp.WSMsgType.ERROR:
                    core.failed(trouble_of(message.data, Stage.BODY), now_us)
                case _:
                    self._lost(ws, now_us)

    def _lost(self, ws: KnowingWebSocket, now_us: int) -> None:
        cause = ws.lost_by()
        if cause is None:
            self._core.closed(Ending.EOF, now_us)
        else:
            self._core.failed(trouble_of(cause, Stage.BODY), now_us)
