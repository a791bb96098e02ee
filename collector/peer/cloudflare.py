"""The endpoints of Cloudflare's speed test, for npm `@cloudflare/speedtest` (its client, version 1.14).

`GET /__down?bytes=N` answers N random bytes; with N = 0 it is the client's latency probe. `POST /__up` reads
everything before it answers, because the client takes the time to the first byte of the answer for the time
of the upload. `Server-Timing` says how long the peer itself took, which the client subtracts: for a download
until its head went out, for an upload from the body's end on. The client runs on pages of other origins and
reads the browser's own timing, so all of it is opened to them. Nothing of WebRTC loss, of AIM scores or of
logged results is served.
"""

from typing import Final

from aiohttp import web

from collector.clock import Clock
from collector.peer.cors import opening, preflight
from collector.peer.load import RandomLoad
from collector.peer.objects import MAX_OBJECT_BYTES, TRANSFER_LIMIT_US, UNCACHED, drain, send_random
from collector.peer.query import integer_field, parse_fields, query_of
from collector.peer.transfers import Transfers

_DOWN: Final = "/__down"
_UP: Final = "/__up"

open_to_pages: Final = opening(
    (_DOWN, _UP),
    {
        "Access-Control-Allow-Origin": "*",
        "Access-Control-Allow-Methods": "GET, POST",
        "Access-Control-Allow-Headers": "Content-Type",
        "Access-Control-Expose-Headers": "Server-Timing, Retry-After",
        "Timing-Allow-Origin": "*",
    },
)


def server_timing(own_us: int) -> dict[str, str]:
    """The header that says how long the peer itself took, in milliseconds with three decimals."""
    return {"Server-Timing": f"cfRequestDuration;dur={own_us // 1000}.{own_us % 1000:03d}"}


class Cloudflare:
    """The two endpoints of the transfers."""

    def __init__(self, load: RandomLoad, transfers: Transfers, clock: Clock) -> None:
        """Send `load`, within the places of `transfers`."""
        self._load = load
        self._transfers = transfers
        self._clock = clock

    def routes(self) -> list[web.RouteDef]:
        """The paths served here."""
        return [
            web.get(_DOWN, self._down, allow_head=False),
            web.post(_UP, self._up),
            web.options(_DOWN, preflight),
            web.options(_UP, preflight),
        ]

    async def _down(self, request: web.Request) -> web.StreamResponse:
        began_us = self._clock.mono_us()
        n_bytes = integer_field(parse_fields(query_of(request.raw_path)), "bytes", 0, 0, MAX_OBJECT_BYTES)
        response = web.StreamResponse(headers=UNCACHED)
        response.content_length = n_bytes
        kind = "cloudflare-download" if n_bytes else "cloudflare-latency"
        async with self._transfers.running(request, kind, TRANSFER_LIMIT_US) as meter:
            response.headers.update(server_timing(self._clock.mono_us() - began_us))
            await response.prepare(request)
            await send_random(response, self._load, n_bytes, meter)
        return response

    async def _up(self, request: web.Request) -> web.StreamResponse:
        async with self._transfers.running(request, "cloudflare-upload", TRANSFER_LIMIT_US) as meter:
            await drain(request, meter)
        ended_us = self._clock.mono_us()
        response = web.Response(headers={"Cache-Control": "no-store"})
        response.headers.update(server_timing(self._clock.mono_us() - ended_us))
        return response
