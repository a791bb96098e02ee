"""The peer's wiring: which endpoint is served by what, and which error becomes which status.

Problems are answered as RFC 9457 `application/problem+json`. Nothing is made at import; whoever starts the
peer hands in key, clock, chance and journal.
"""

import base64
import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from collector.clock import Clock
from collector.peer.account import Transfer
from collector.peer.errors import BadRequest, Busy, Declined, NothingHere, TooLarge
from collector.peer.faults import Faults
from collector.peer.load import RandomLoad
from collector.peer.objects import Objects
from collector.peer.transfers import Transfers
from collector.peer.websocket import Ndt7
from shared.keys import PublicKey

API_VERSION: Final = 1
METHODS: Final = ("ndt7-download", "ndt7-upload", "object", "sink", "udp-echo")
_RETRY_AFTER_S: Final = 5

# error → status, name of the problem
STATUS: Final[dict[type[Declined], tuple[int, str]]] = {
    BadRequest: (400, "bad_request"),
    NothingHere: (404, "nothing_here"),
    TooLarge: (413, "too_large"),
    Busy: (503, "busy"),
}


@dataclass(frozen=True, slots=True)
class PeerConfig:
    """What a peer is and what it lives on."""

    name: str
    key: PublicKey
    clock: Clock
    chance: random.Random
    journal: Callable[[Transfer], None]
    max_clients: int = 64
    faults: bool = True


def create_peer(config: PeerConfig) -> web.Application:
    """The peer as an application; UDP echo is added where the sockets are, in `serve`."""
    app = web.Application(middlewares=[_problems()])
    load = RandomLoad.drawn(config.chance)
    transfers = Transfers(config.max_clients, config.clock, config.journal)
    app.add_routes(Ndt7(load, transfers, config.clock, config.chance).routes())
    app.add_routes(Objects(load, transfers).routes())
    if config.faults:
        app.add_routes(Faults(load, transfers, config.clock).routes())
    app.add_routes([web.get("/v1/peer", _introduction(config))])

    async def stop(_app: web.Application) -> None:
        transfers.stop()

    app.on_shutdown.append(stop)
    return app


def _introduction(config: PeerConfig) -> Handler:
    """Who this peer is, and by which key it can be known."""
    body = {
        "name": config.name,
        "key_id": config.key.key_id,
        "spki": base64.b64encode(config.key.spki).decode("ascii"),
        "methods": [*METHODS, *(["fault"] if config.faults else [])],
        "version": API_VERSION,
    }

    async def introduce(_request: web.Request) -> web.StreamResponse:
        return web.json_response(body)

    return introduce


def problem(status: int, name: str, detail: str) -> web.Response:
    """An answer of RFC 9457."""
    headers = {"Retry-After": str(_RETRY_AFTER_S)} if status == STATUS[Busy][0] else {}
    body = {"type": f"urn:speedproof:problem:{name}", "status": status, "detail": detail}
    return web.json_response(body, status=status, headers=headers, content_type="application/problem+json")


def _problems() -> Middleware:
    @web.middleware
    async def problems(request: web.Request, handler: Handler) -> web.StreamResponse:
        try:
            return await handler(request)
        except Declined as error:
            status, name = STATUS[type(error)]
            return problem(status, name, str(error))
        except (web.HTTPNotFound, web.HTTPMethodNotAllowed) as error:
            answer = problem(error.status, error.reason.lower().replace(" ", "_"), "see /v1/peer")
            if "Allow" in error.headers:
                answer.headers["Allow"] = error.headers["Allow"]
            return answer

    return problems
