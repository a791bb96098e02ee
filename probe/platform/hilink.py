"""A HiLink stick's own pages, asked only at the address its owner has set: a stranger's router is left alone.

Three answers over plain HTTP within three seconds in all, none of them the one that holds the device's numbers. The stick's
link is cellular, though it looks like Ethernet: if packets leave by the interface that leads to the stick.
"""

import asyncio
from typing import Final

from probe.measure.outcome import CouldNotRun
from probe.net.connect import Origin
from probe.net.exchange import NAMED_ERRORS, Request, exchange
from probe.net.http import read_url
from probe.platform.aside import aside
from probe.platform.glimpse import Glimpse, carried, trouble
from probe.platform.host import interface_to
from probe.radio import hilink
from probe.radio.hilink import Refused
from probe.surroundings import Radio

LIMIT_S: Final = 3.0
MOST_BYTES: Final = 1 << 16
OK_STATUS: Final = 200
PAGES: Final = ("device/signal", "net/current-plmn", "monitoring/status")
TOKEN: Final = "__RequestVerificationToken"  # noqa: S105  (a header's name)


async def read(host: str, interface: str | None) -> Glimpse:
    """Ask the stick at an address."""
    try:
        origin = Origin.at(read_url(f"http://{host}"))
        async with asyncio.timeout(LIMIT_S):
            leads_there = await aside(lambda: interface_to(origin.host, origin.port))
            radio, troubles = await _radio(origin, leads_there)
    except TimeoutError:
        return trouble("hilink", f"no answer within {LIMIT_S:g} s")
    except Refused as refused:
        return trouble("hilink", str(refused))
    except CouldNotRun as error:
        return trouble("hilink", error.reason)
    except (*NAMED_ERRORS, ValueError) as error:
        return trouble("hilink", f"no answer: {type(error).__name__}")
    return Glimpse(kind=carried(interface, leads_there), radio=radio, troubles=troubles)


async def _radio(origin: Origin, leads_there: str | None) -> tuple[Radio, tuple[str, ...]]:
    """All that it tells; a page that is refused (some want a login) leaves the others."""
    told, _ = await _get(origin, "webserver/SesTokInfo", ())
    cookie, token = hilink.session(hilink.leaves(told))
    answers: list[dict[str, str]] = []
    troubles: list[str] = []
    for page in PAGES:
        told, following = await _get(origin, page, (("Cookie", cookie), (TOKEN, token)))
        token = hilink.next_token(following) or token
        try:
            answers.append(hilink.leaves(told))
        except Refused as refused:
            answers.append({})
            troubles.append(f"hilink: {page} {refused}")
    signal, plmn, status = answers
    return hilink.radio(signal, plmn, status, leads_there), tuple(troubles)


async def _get(origin: Origin, page: str, headers: tuple[tuple[str, str], ...]) -> tuple[str, str]:
    """One answer, and the header that holds the next token."""
    async with exchange(origin, Request("GET", f"/api/{page}", headers), lambda _stage: None) as answer:
        if answer.status != OK_STATUS:
            raise Refused(f"HTTP status {answer.status}")
        body = await answer.body(MOST_BYTES)
        return body.decode("utf-8", "replace"), answer.header(TOKEN)
