"""The peer's wiring: which endpoint is served by what, and which error becomes which status.

Problems are answered as RFC 9457 `application/problem+json`. Nothing is made at import; whoever starts the
peer hands in key, clock, chance and journal.
"""

import base64
import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from collector.clock import Clock
from collector.peer import anonymous, cloudflare, librespeed
from collector.peer.account import Transfer
from collector.peer.admission import Limits
from collector.peer.cloudflare import Cloudflare
from collector.peer.courier import on_its_way
from collector.peer.errors import (
    BadRequest,
    Busy,
    Declined,
    NotAdmitted,
    NothingHere,
    NoTicket,
    OverLimit,
    StatementsFull,
    StreamMismatch,
    TooLarge,
)
from collector.peer.faults import Faults
from collector.peer.librespeed import LibreSpeed
from collector.peer.load import RandomLoad
from collector.peer.objects import Objects
from collector.peer.responsiveness import Responsiveness
from collector.peer.sessions import Sessions
from collector.peer.speedtest import Speedtest
from collector.peer.stream import LoadStream, Stream
from collector.peer.tickets import CounterSigning, Tickets
from collector.peer.transfers import Transfers
from collector.peer.websocket import LoadTests
from shared import strictjson
from shared.keys import PublicKey

API_VERSION: Final = 1
THIRD_PARTY: Final = ("librespeed", "cloudflare", "responsiveness", "speedtest")
METHODS: Final = (
    "ndt7-download",
    "ndt7-upload",
    "throughput1-download",
    "throughput1-upload",
    "object",
    "sink",
    "stamp",
    *THIRD_PARTY,
)

SESSIONS: Final = web.AppKey("sessions", Sessions)

# error → status, name of the problem
STATUS: Final[dict[type[Declined], tuple[int, str]]] = {
    BadRequest: (400, "bad_request"),
    NothingHere: (404, "nothing_here"),
    TooLarge: (413, "too_large"),
    Busy: (503, "busy"),
    NotAdmitted: (403, "not_admitted"),
    NoTicket: (403, "no_ticket"),
    OverLimit: (429, "over_limit"),
    StreamMismatch: (409, "stream_mismatch"),
    StatementsFull: (503, "storage_full"),
}


@dataclass(frozen=True, slots=True)
class PeerConfig:
    """What a peer is and what it lives on."""

    name: str
    key: PublicKey
    clock: Clock
    chance: random.Random
    journal: Callable[[Transfer], None]
    max_clients: int = 80
    faults: bool = True
    anonymous: bool = True  # whether there is load without a ticket
    counter_signing: CounterSigning | None = None  # without it nobody gets a ticket
    history: Sequence[strictjson.Json] = ()  # the keys before this one, with their rotations
    ports: Mapping[str, int] = field(default_factory=dict)  # as it introduces itself: port (also UDP), tls_port


def create_peer(config: PeerConfig) -> web.Application:
    """The peer as an application; the STAMP reflector is added where the sockets are, in `serve`."""
    app = web.Application(middlewares=[_problems()])
    load = RandomLoad.drawn(config.chance)
    transfers = Transfers(config.max_clients, config.clock, config.journal)
    limits = config.counter_signing.limits if config.counter_signing else Limits()
    sessions = app[SESSIONS] = Sessions(config.name, limits, _anonymous_load(config, load))
    app.add_routes(LoadTests(sessions, transfers, config.clock, config.chance).routes())
    app.add_routes(Objects(load, transfers).routes())
    app.add_routes(LibreSpeed(load, transfers).routes())
    app.add_routes(Cloudflare(load, transfers, config.clock).routes())
    app.add_routes(Responsiveness(load, transfers).routes())
    app.add_routes(Speedtest(load, transfers, config.clock, runs=config.anonymous).routes())
    app.on_response_prepare.extend((librespeed.open_to_pages, cloudflare.open_to_pages))
    if config.counter_signing:
        tickets = Tickets(config.name, config.counter_signing, sessions, config.clock, config.chance)
        app.add_routes(tickets.routes())
        app.cleanup_ctx.append(tickets.running)
        if config.counter_signing.collector is not None:  # ended before the file is closed: behind `tickets`
            statements, collector = config.counter_signing.statements, config.counter_signing.collector
            app.cleanup_ctx.append(on_its_way(statements, collector, config.chance))
    if not config.anonymous:
        anonymous.switch_off(app)
    if config.faults:
        app.add_routes(Faults(load, transfers, config.clock).routes())
    app.add_routes([web.get("/v1/peer", _introduction(config))])

    async def stop(_app: web.Application) -> None:
        transfers.stop()

    app.on_shutdown.append(stop)
    return app


def _anonymous_load(config: PeerConfig, load: RandomLoad) -> Callable[[], Stream] | None:
    """What whoever has no ticket downloads: the load from a place of its own each time."""
    return (lambda: LoadStream(load, config.chance.getrandbits(32))) if config.anonymous else None


def _introduction(config: PeerConfig) -> Handler:
    """Who this peer is, and by which key it can be known."""
    body = {
        "name": config.name,
        "key_id": config.key.key_id,
        "history": list(config.history),
        "spki": base64.b64encode(config.key.spki).decode("ascii"),
        "methods": [*METHODS, *(["fault"] if config.faults else []), *(["ticket"] if config.counter_signing else [])],
        "anonymous": config.anonymous,
        **config.ports,
        "version": API_VERSION,
    }

    async def introduce(_request: web.Request) -> web.StreamResponse:
        return web.json_response(body)

    return introduce


def problem(status: int, name: str, detail: str, retry_after_s: int = 0, **members: strictjson.Json) -> web.Response:
    """An answer of RFC 9457."""
    headers = {"Retry-After": str(retry_after_s)} if retry_after_s else {}
    body = {"type": f"urn:speedproof:problem:{name}", "status": status, "detail": detail, **members}
    return web.Response(
        body=strictjson.encode(body), status=status, headers=headers, content_type="application/problem+json"
    )


def _problems() -> Middleware:
    @web.middleware
    async def problems(request: web.Request, handler: Handler) -> web.StreamResponse:
        try:
            return await handler(request)
        except Declined as error:
            status, name = STATUS[type(error)]
            return problem(status, name, str(error), error.retry_after_s, **error.members)
        except (web.HTTPNotFound, web.HTTPMethodNotAllowed) as error:
            answer = problem(error.status, error.reason.lower().replace(" ", "_"), "see /v1/peer")
            if "Allow" in error.headers:
                answer.headers["Allow"] = error.headers["Allow"]
            return answer

    return problems
