"""The LibreSpeed backend, for its web worker and for librespeed-cli (behaviour of its PHP files, version 5).

`garbage.php` sends N MiB of random load, `empty.php` reads whatever is posted and answers with an empty body,
`getIP.php` says where the client comes from, `telemetry.php` reads a result and forgets it. No provider and
no distance is looked up, and nothing that a client claims about itself is kept. The client breaks off its
flows when its time is up, so that `client_gone` is how most of these transfers end. As in the original, a
page of another origin asks for CORS by `cors=true`.
"""

from collections.abc import Mapping
from typing import Final

from aiohttp import web

from collector.peer.cors import opening, preflight
from collector.peer.load import RandomLoad
from collector.peer.objects import TRANSFER_LIMIT_US, UNCACHED, drain, send_random
from collector.peer.query import parse_fields, query_of
from collector.peer.transfers import Transfers

CHUNK_BYTES: Final = 1 << 20
DEFAULT_CHUNKS: Final = 4
MOST_CHUNKS: Final = 1024

_GARBAGE: Final = "/backend/garbage.php"
_EMPTY: Final = "/backend/empty.php"
_ADDRESS: Final = "/backend/getIP.php"
_TELEMETRY: Final = "/results/telemetry.php"
_PATHS: Final = (_GARBAGE, _EMPTY, _ADDRESS, _TELEMETRY)
_ATTACHED: Final = {"Content-Disposition": "attachment; filename=random.dat"}

open_to_pages: Final = opening(
    _PATHS,
    {
        "Access-Control-Allow-Origin": "*",
        "Access-Control-Allow-Methods": "GET, POST",
        "Access-Control-Allow-Headers": "Content-Encoding, Content-Type",
    },
    asked_by="cors",
)


def chunks(fields: Mapping[str, str]) -> int:
    """How many chunks `ckSize` asks for; the default where it is absent or no number, never beyond the most."""
    text = fields.get("ckSize", "")
    wanted = int(text) if text.isascii() and text.isdigit() else 0
    return min(wanted, MOST_CHUNKS) or DEFAULT_CHUNKS


class LibreSpeed:
    """The four endpoints of a LibreSpeed server."""

    def __init__(self, load: RandomLoad, transfers: Transfers) -> None:
        """Send `load`, within the places of `transfers`."""
        self._load = load
        self._transfers = transfers

    def routes(self) -> list[web.RouteDef]:
        """The paths served here."""
        return [
            web.get(_GARBAGE, self._garbage, allow_head=False),
            web.get(_EMPTY, self._ping, allow_head=False),
            web.post(_EMPTY, self._upload),
            web.get(_ADDRESS, self._address, allow_head=False),
            web.post(_TELEMETRY, self._telemetry),
            *(web.options(path, preflight) for path in _PATHS),
        ]

    async def _garbage(self, request: web.Request) -> web.StreamResponse:
        n_bytes = chunks(parse_fields(query_of(request.raw_path))) * CHUNK_BYTES
        response = web.StreamResponse(headers={**UNCACHED, **_ATTACHED})
        response.content_length = n_bytes
        async with self._transfers.running(request, "librespeed-download", TRANSFER_LIMIT_US) as meter:
            await response.prepare(request)
            await send_random(response, self._load, n_bytes, meter)
        return response

    async def _ping(self, request: web.Request) -> web.StreamResponse:
        return await self._drained(request, "librespeed-ping")

    async def _upload(self, request: web.Request) -> web.StreamResponse:
        return await self._drained(request, "librespeed-upload")

    async def _telemetry(self, request: web.Request) -> web.StreamResponse:
        return await self._drained(request, "librespeed-telemetry", "id 0")

    async def _drained(self, request: web.Request, kind: str, text: str = "") -> web.StreamResponse:
        async with self._transfers.running(request, kind, TRANSFER_LIMIT_US) as meter:
            await drain(request, meter)
        return web.Response(text=text, headers={"Cache-Control": "no-store"})

    async def _address(self, request: web.Request) -> web.StreamResponse:
        # A listener for both families shows an IPv4 client in IPv6 form; the original undoes this too.
        host = (request.remote or "").removeprefix("::ffff:")
        body = {"processedString": host, "rawIspInfo": ""}
        return web.json_response(body, headers={"Cache-Control": "no-store"})
