"""The shell of `probe.measure.fetch`: one GET through aiohttp, of the peer or of one of the hosts that are set.

Interprets nothing. Each arrival wakes the loop; SO_RCVLOWAT would save processor time, but hides up to its size of a
stalled body from patience and count, and an object is too small to gain by it (0.2 s at most for 10 MB).
"""

import aiohttp

from probe.clock import Clock
from probe.measure.fetch import Fetch, FetchPlan
from probe.measure.outcome import CouldNotRun, Measured
from probe.net.drive import drive
from probe.net.failures import trouble_of
from probe.net.http import NAMED_ERRORS, WatchedContext, one_session, public_tls_context, tls_context, url_of
from probe.net.scene import Scene

CHANCE_BYTES = 4


async def run(plan: FetchPlan, scene: Scene) -> Measured:
    """Fetch the plan's object from the peer, or one of the objects that are set."""
    clock = scene.clock
    if plan.is_foreign:
        url, context = _one_of(scene), public_tls_context()
    else:
        url, context = str(url_of(scene.peer, plan.path)), tls_context(scene.peer)
    core = Fetch(plan, url)
    core.start(clock.mono_us())
    await drive(core, _get(core, url, context, clock), clock, scene.progress)
    return core.result()


def _one_of(scene: Scene) -> str:
    urls = scene.settings.urls
    if not urls:
        raise CouldNotRun("no ordinary hosts to fetch from: settings.toml sets no [fetch] urls")
    return urls[int.from_bytes(scene.chance(CHANCE_BYTES), "big") % len(urls)]


async def _get(core: Fetch, url: str, context: WatchedContext, clock: Clock) -> None:
    async with one_session(context, lambda stage: core.entered(stage, clock.mono_us())) as session:
        try:
            async with session.get(url, allow_redirects=False) as answer:
                await _read(core, answer, clock)
        except NAMED_ERRORS as exc:
            core.failed(trouble_of(exc, core.stage), clock.mono_us())


async def _read(core: Fetch, answer: aiohttp.ClientResponse, clock: Clock) -> None:
    handler = None if answer.connection is None else answer.connection.protocol
    version = answer.version
    http = "" if version is None else f"{version.major}.{version.minor}"
    core.answered(answer.status, answer.content_length, http, clock.mono_us())
    try:
        async for chunk in answer.content.iter_any():
            if core.over:
                return
            core.moved(len(chunk), clock.mono_us())
    except NAMED_ERRORS as exc:
        # A short body and a reset look alike to the body's reader; the connection below knows which it was.
        lost_by = None if handler is None else handler.exception()
        core.failed(trouble_of(lost_by or exc, core.stage), clock.mono_us())
    core.ended(clock.mono_us())
