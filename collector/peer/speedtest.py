"""The endpoints on which an unmodified speedtest-cli (sivel, 2.1.3) runs to its end, and the log of such runs.

    http_proxy=http://PEER no_proxy=PEER speedtest-cli [--mini http://PEER/mini]

The client asks its proxy for `http://www.speedtest.net/speedtest-config.php` and (without `--mini`) the list of servers;
the name before the path is of no interest here, and the list names this peer by the address the client reached it by.
Images and posts then come straight.

A probe that wants the peer's own count opens a run: `POST /st/RUN?plan=NAME`, RUN being 32 random hexadecimal digits. It
gives RUN to the client as the user name of the proxy. The client repeats that with each question for configuration and
list (`Proxy-Authorization`), gets the profile of the run, and a server whose folder is `/st/RUN`: so each test request says in
its path to which run it belongs, and neither a NAT that changes the client's port or address, nor two clients with
the same time in `x=`, can mix runs up. `GET /st/RUN/result` tells what was counted (`speedtest_log`), `DELETE /st/RUN`
drops what is still running and forgets the run. Downloads count as acknowledged by the client's kernel, uploads as read.
"""

import asyncio
import base64
import binascii
import re
from collections.abc import Awaitable, Callable
from typing import Final

from aiohttp import web

from collector.clock import Clock
from collector.peer.account import End, Meter
from collector.peer.arrivals import deliver, known
from collector.peer.errors import BadRequest, Busy, NothingHere, NoTicket, TooLarge
from collector.peer.load import RandomLoad
from collector.peer.query import parse_fields, query_of
from collector.peer.speedtest_log import Row, Run, Runs
from collector.peer.speedtest_profile import (
    FULL,
    LATENCY_PAGE,
    MINI_PAGE,
    POST_BYTES,
    PROFILES,
    config_page,
    servers_page,
)
from collector.peer.transfers import Transfers, drop
from shared import strictjson
from shared.strictjson import JsonObject

TRANSFER_LIMIT_US: Final = 120_000_000
PATIENCE_S: Final = 15  # without a byte of a post
_UNCACHED: Final = {"Cache-Control": "no-store, no-transform"}
_RUN: Final = "{run:[0-9a-f]{32}}"
_FOLDERS: Final = ("/speedtest", "/mini/speedtest", f"/st/{_RUN}")
_HOST: Final = re.compile(r"(?:[A-Za-z0-9._-]{1,253}|\[[0-9A-Fa-f:.]{2,45}\])(?::[0-9]{1,5})?")
_THEIR_HOSTS: Final = ("www.speedtest.net", "c.speedtest.net")


class Speedtest:
    """The endpoints for speedtest-cli."""

    def __init__(self, load: RandomLoad, transfers: Transfers, clock: Clock, *, runs: bool) -> None:
        """Send `load`, within the places of `transfers`; open runs, which anybody may, only if told so."""
        self._load = load
        self._transfers = transfers
        self._clock = clock
        self._opens_runs = runs
        self._runs = Runs()
        self._requests: dict[Row, web.Request] = {}

    def routes(self) -> list[web.RouteDef]:
        """The paths served here."""
        pages = (("/mini", self._mini), ("/mini/", self._mini), ("/speedtest-config.php", self._config))
        lists = ("/speedtest-servers-static.php", "/speedtest-servers.php")
        routes = [web.get(path, handler, allow_head=False) for path, handler in pages]
        routes += [web.get(path, self._servers, allow_head=False) for path in lists]
        for folder in _FOLDERS:
            routes += [
                web.get(f"{folder}/latency.txt", self._latency, allow_head=False),
                web.get(
                    f"{folder}/random{{side:[0-9]{{3,4}}}}x{{height:[0-9]{{3,4}}}}.jpg", self._image, allow_head=False
                ),
                web.post(f"{folder}/upload.php", self._post),
            ]
        return [
            *routes,
            web.post(f"/st/{_RUN}", self._open),
            web.get(f"/st/{_RUN}/result", self._result, allow_head=False),
            web.delete(f"/st/{_RUN}", self._close),
        ]

    async def _open(self, request: web.Request) -> web.StreamResponse:
        profile = PROFILES.get(parse_fields(query_of(request.raw_path)).get("plan", ""))
        if profile is None:
            raise BadRequest(f"the plans are {', '.join(PROFILES)}")
        if not self._opens_runs:
            raise NoTicket("a run is anonymous load, and this peer gives none")
        if not known(request):
            raise NothingHere("this peer's system does not tell what arrived at a client")
        self._runs.open(request.match_info["run"], profile, _origin(request), self._clock.mono_us())
        return _told(profile.offer(), status=201)

    async def _result(self, request: web.Request) -> web.StreamResponse:
        return _told(self._runs.find(request.match_info["run"], self._clock.mono_us()).told())

    async def _close(self, request: web.Request) -> web.StreamResponse:
        name = request.match_info["run"]
        for row in self._runs.find(name, self._clock.mono_us()).rows:
            if row in self._requests:
                drop(self._requests[row])
        self._runs.close(name)
        return web.Response(status=204)

    async def _config(self, request: web.Request) -> web.StreamResponse:
        run = self._run_behind(request)
        return _xml(config_page(FULL if run is None else run.profile, request.remote or ""))

    async def _servers(self, request: web.Request) -> web.StreamResponse:
        run = self._run_behind(request)
        return _xml(
            servers_page(f"{_origin(request)}/speedtest" if run is None else f"{run.origin}/st/{_name(request)}")
        )

    async def _mini(self, _request: web.Request) -> web.StreamResponse:
        return web.Response(text=MINI_PAGE, content_type="text/html", headers=_UNCACHED)

    async def _latency(self, request: web.Request) -> web.StreamResponse:
        self._run_of(request)
        return web.Response(text=LATENCY_PAGE, headers=_UNCACHED)

    async def _image(self, request: web.Request) -> web.StreamResponse:
        run, side = self._run_of(request), request.match_info["side"]
        if side != request.match_info["height"] or int(side) not in run.profile.image_bytes:
            raise NothingHere("there is no image of that size")
        n_bytes = run.profile.image_bytes[int(side)]
        row = run.begin("down", n_bytes, self._clock.mono_us())
        response = web.StreamResponse(headers={**_UNCACHED, "Content-Type": "image/jpeg"})
        response.content_length = n_bytes

        async def send(meter: Meter) -> None:
            await response.prepare(request)
            await response.write(b"")  # the head goes out, and the body's beginning is known
            await deliver(request, response, self._load, row, meter, self._clock)

        await self._logged(request, row, send)
        return response

    async def _post(self, request: web.Request) -> web.StreamResponse:
        run, n_bytes = self._run_of(request), request.content_length
        if n_bytes is None:
            raise BadRequest("a post has a length")
        if n_bytes > POST_BYTES[-1]:
            raise TooLarge(f"a post has at most {POST_BYTES[-1]} bytes")
        row = run.begin("up", n_bytes, self._clock.mono_us())

        async def take(meter: Meter) -> None:
            while True:
                async with asyncio.timeout(PATIENCE_S):
                    piece = await request.content.readany()
                if not piece:
                    return
                meter.received_bytes += len(piece)
                row.arrived(meter.received_bytes, self._clock.mono_us())

        await self._logged(request, row, take)
        return web.Response(text=f"size={row.n_bytes}\n", headers=_UNCACHED)

    async def _logged(self, request: web.Request, row: Row, body: Callable[[Meter], Awaitable[None]]) -> None:
        """Hold a place during a transfer, and note in the run's log how it ended."""
        status, end = 200, End.PEER_FAILED
        self._requests[row] = request
        try:
            async with self._transfers.running(request, f"speedtest-{row.way}", TRANSFER_LIMIT_US) as meter:
                await body(meter)
            end = meter.end
        except Busy:
            status, end = 503, End.DECLINED
            raise
        finally:
            del self._requests[row]
            row.ended(status, end, self._clock.mono_us())

    def _run_of(self, request: web.Request) -> Run:
        """The run that the path names, or one of nobody's whose log is not kept."""
        now_us = self._clock.mono_us()
        name = request.match_info.get("run")
        return Run(FULL, "", now_us) if name is None else self._runs.find(name, now_us)

    def _run_behind(self, request: web.Request) -> Run | None:
        """The run whose name the client gives its proxy; None if it gives none. Raises NothingHere."""
        name = _name(request)
        return None if name is None else self._runs.find(name, self._clock.mono_us())


def _name(request: web.Request) -> str | None:
    """The user name given to the proxy (RFC 7617); None if there is none that can be read."""
    scheme, _, credentials = request.headers.get("Proxy-Authorization", "").partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        return base64.b64decode(credentials, validate=True).decode("ascii").partition(":")[0]
    except (binascii.Error, UnicodeDecodeError):
        return None


def _origin(request: web.Request) -> str:
    """The address the client reached us by: what it says, or, when it speaks to a proxy, the socket's. Raises BadRequest."""
    host = request.headers.get("Host", "")
    if host.partition(":")[0].lower() in _THEIR_HOSTS and request.transport is not None:
        address, port = request.transport.get_extra_info("sockname")[:2]
        host = f"[{address}]:{port}" if ":" in address else f"{address}:{port}"
    if not _HOST.fullmatch(host):
        raise BadRequest("the host is not one that a server's address can be made of")
    return f"{request.scheme}://{host}"


def _told(value: JsonObject, status: int = 200) -> web.Response:
    return web.Response(
        body=strictjson.encode(value), status=status, content_type="application/json", headers=_UNCACHED
    )


def _xml(text: str) -> web.Response:
    return web.Response(text=text, content_type="application/xml", headers=_UNCACHED)
