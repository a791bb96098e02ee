"""What a responsiveness test (RPM) needs of a server (draft-ietf-ippm-responsiveness, configuration version 1).

`/.well-known/nq` names three URLs on the host that was asked: a large object, which is sent until the client
has had enough, a small one of one byte, and a sink. The draft wants HTTP/2 over TLS, so that probes can share
a connection with the load; this server speaks HTTP/1.1, on which a client can only open foreign probes and
has to take the kernel's round trip for the rest. Clients that insist on HTTP/2 do not run here; our probe's
short form does. A place is held for `LIMIT_US` at most, several times what a test lasts.
"""

import re
from typing import Final

from aiohttp import web

from collector.peer.errors import BadRequest
from collector.peer.load import RandomLoad
from collector.peer.objects import UNCACHED, drain, send_random
from collector.peer.transfers import Transfers

VERSION: Final = 1
LARGE_BYTES: Final = 8_000_000_000  # the draft's least
SMALL_BYTES: Final = 1
LIMIT_US: Final = 60_000_000

_HOST: Final = re.compile(r"(\[[0-9a-f:.]+\]|[a-z0-9._-]+)(:[0-9]{1,5})?", re.IGNORECASE | re.ASCII)
_LARGE: Final = "/nq/large"
_SMALL: Final = "/nq/small"
_UPLOAD: Final = "/nq/upload"


def configuration(scheme: str, host: str) -> dict[str, object]:
    """The test's configuration, with URLs on the host that the client itself named. Raises BadRequest."""
    if not _HOST.fullmatch(host):
        raise BadRequest("the Host header must name the host that the URLs are to have")
    urls = {"large_download_url": _LARGE, "small_download_url": _SMALL, "upload_url": _UPLOAD}
    return {"version": VERSION, "urls": {name: f"{scheme}://{host}{path}" for name, path in urls.items()}}


class Responsiveness:
    """The configuration and the three URLs that it names."""

    def __init__(self, load: RandomLoad, transfers: Transfers) -> None:
        """Send `load`, within the places of `transfers`."""
        self._load = load
        self._transfers = transfers

    def routes(self) -> list[web.RouteDef]:
        """The paths served here."""
        return [
            web.get("/.well-known/nq", self._configuration),
            web.get(_LARGE, self._large, allow_head=False),
            web.get(_SMALL, self._small, allow_head=False),
            web.post(_UPLOAD, self._upload),
        ]

    async def _configuration(self, request: web.Request) -> web.StreamResponse:
        return web.json_response(configuration(request.scheme, request.headers.get("Host", "")))

    async def _large(self, request: web.Request) -> web.StreamResponse:
        return await self._send(request, "rpm-download", LARGE_BYTES)

    async def _small(self, request: web.Request) -> web.StreamResponse:
        return await self._send(request, "rpm-probe", SMALL_BYTES)

    async def _send(self, request: web.Request, kind: str, n_bytes: int) -> web.StreamResponse:
        response = web.StreamResponse(headers=UNCACHED)
        response.content_length = n_bytes
        async with self._transfers.running(request, kind, LIMIT_US) as meter:
            await response.prepare(request)
            await send_random(response, self._load, n_bytes, meter)
        return response

    async def _upload(self, request: web.Request) -> web.StreamResponse:
        async with self._transfers.running(request, "rpm-upload", LIMIT_US) as meter:
            await drain(request, meter)
        return web.Response(headers={"Cache-Control": "no-store"})
