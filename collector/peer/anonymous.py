"""Switching anonymous load off: without a ticket no answer and no body of more than `SMALL_BYTES`.

What has no announced length counts as too long. WebSockets are left to the load engine, which asks `Sessions.anonymous`;
introductions, small objects and refusals stay open to everybody.
"""

from http import HTTPStatus
from typing import Final

from aiohttp import web
from aiohttp.typedefs import Handler

from collector.peer.errors import NoTicket

SMALL_BYTES: Final = 1_000_000
_BODY_STATUSES: Final = frozenset({HTTPStatus.OK, HTTPStatus.PARTIAL_CONTENT})


def require_small(n_bytes: int | None) -> None:
    """Return only if an announced length is small. Raises NoTicket."""
    if n_bytes is None or n_bytes > SMALL_BYTES:
        raise NoTicket(f"without a ticket this peer moves at most {SMALL_BYTES} bytes, announced beforehand")


@web.middleware
async def small_bodies(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Refuse a large body before it is read."""
    if request.body_exists:
        require_small(request.content_length)
    return await handler(request)


async def small_answers(request: web.Request, response: web.StreamResponse) -> None:
    """Refuse a large answer before its head goes out."""
    if request.method != "HEAD" and response.status in _BODY_STATUSES:
        require_small(response.content_length)


def switch_off(app: web.Application) -> None:
    """Hold every endpoint of the peer to this."""
    app.middlewares.append(small_bodies)
    app.on_response_prepare.append(small_answers)
