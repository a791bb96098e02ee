"""Which answers a page of another origin may read (Fetch standard, CORS; Resource Timing).

Only the endpoints of browser clients are opened, each as far as its client needs; probes are no pages. The
headers stand on every answer of an opened path, refusals and preflights included: to a page, an answer that
it may not read looks like a dead link. Any origin is let in, because nothing here depends on who asks:
cookies and passwords are neither set nor read.
"""

from collections.abc import Awaitable, Callable, Collection, Mapping
from typing import TypeAlias

from aiohttp import web

OnPrepare: TypeAlias = Callable[[web.Request, web.StreamResponse], Awaitable[None]]


def opening(paths: Collection[str], headers: Mapping[str, str], asked_by: str | None = None) -> OnPrepare:
    """A signal handler that puts the headers on every answer of these paths.

    With `asked_by` it does so only where the query has that field.
    """

    async def open_answer(request: web.Request, response: web.StreamResponse) -> None:
        if request.path in paths and (asked_by is None or asked_by in request.query):
            response.headers.update(headers)

    return open_answer


async def preflight(_request: web.Request) -> web.StreamResponse:
    """The answer to a preflight: what is allowed stands in the headers, which the signal handler adds."""
    return web.Response(status=204)
