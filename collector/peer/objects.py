"""HTTP objects of any size, and a sink: the plain transfers.

`GET /object/N` answers N random bytes, `POST /sink` reads everything and then says how much there was: an
answer before the end would let the client mistake its socket buffer for the network. Bodies are counted as
they come over the wire; nothing is decompressed.
"""

import asyncio
from typing import Final

from aiohttp import web

from collector.peer.account import Meter
from collector.peer.errors import BadRequest, NothingHere, TooLarge
from collector.peer.load import RandomLoad
from collector.peer.query import integer
from collector.peer.transfers import Transfers

MAX_OBJECT_BYTES: Final = 1 << 30
TRANSFER_LIMIT_US: Final = 300_000_000
PATIENCE_S: Final = 15  # without a byte; some bodies that are not in form just never get any further
UNCACHED: Final = {"Cache-Control": "no-store, no-transform", "Content-Type": "application/octet-stream"}
_PIECE_BYTES: Final = 1 << 18


async def send_random(response: web.StreamResponse, load: RandomLoad, n_bytes: int, meter: Meter) -> None:
    """Write `n_bytes` of random load, no faster than the client takes them."""
    while n_bytes > 0:
        piece = load.at(meter.sent_bytes, min(n_bytes, _PIECE_BYTES))
        await response.write(piece)
        # A piece that the kernel took at once has not let anybody else run yet.
        await asyncio.sleep(0)
        meter.sent_bytes += len(piece)
        n_bytes -= len(piece)


def object_bytes(text: str) -> int:
    """The size that a path asks for. Raises NothingHere for what is no number, BadRequest out of bounds."""
    if not (text.isascii() and text.isdigit()):
        raise NothingHere("an object is named by its size in bytes")
    return integer(text, "the size", 0, MAX_OBJECT_BYTES)


async def _next_piece(request: web.Request) -> bytes:
    """What has arrived of a body, empty at its end.

    Raises BadRequest for a body that is not in form, TimeoutError when nothing comes any more.
    """
    try:
        async with asyncio.timeout(PATIENCE_S):
            return await request.content.readany()
    except web.RequestPayloadError as error:
        raise BadRequest("the body is not in form") from error


async def drain(request: web.Request, meter: Meter) -> None:
    """Read a body of any size to its end and count it; only time ends it early."""
    while piece := await _next_piece(request):
        meter.received_bytes += len(piece)


class Objects:
    """The endpoints for plain transfers."""

    def __init__(self, load: RandomLoad, transfers: Transfers) -> None:
        """Send `load`, within the places of `transfers`."""
        self._load = load
        self._transfers = transfers

    def routes(self) -> list[web.RouteDef]:
        """The paths served here."""
        return [web.get("/object/{n_bytes}", self._send), web.post("/sink", self._receive)]

    async def _send(self, request: web.Request) -> web.StreamResponse:
        n_bytes = object_bytes(request.match_info["n_bytes"])
        response = web.StreamResponse(headers=UNCACHED)
        response.content_length = n_bytes
        if request.method == "HEAD":
            return response
        async with self._transfers.running(request, "object", TRANSFER_LIMIT_US) as meter:
            await response.prepare(request)
            await send_random(response, self._load, n_bytes, meter)
        return response

    async def _receive(self, request: web.Request) -> web.StreamResponse:
        async with self._transfers.running(request, "sink", TRANSFER_LIMIT_US) as meter:
            if (request.content_length or 0) > MAX_OBJECT_BYTES:
                raise TooLarge(f"the sink takes at most {MAX_OBJECT_BYTES} bytes")
            while piece := await _next_piece(request):
                meter.received_bytes += len(piece)
                if meter.received_bytes > MAX_OBJECT_BYTES:
                    raise TooLarge(f"the sink takes at most {MAX_OBJECT_BYTES} bytes")
        return web.json_response({"received_bytes": meter.received_bytes})
