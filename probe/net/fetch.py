"""The shell of `probe.measure.fetch`: one GET, of the peer or of one of the hosts that are set.

Interprets nothing. Each arrival wakes the loop; SO_RCVLOWAT would save processor time, but hides up to its size of a
stalled body from patience and count, and an object is too small to gain by it (0.2 s at most for 10 MB).
"""

from probe.clock import Clock
from probe.measure.fetch import Fetch, FetchPlan
from probe.measure.outcome import CouldNotRun, Measured
from probe.net.connect import Origin
from probe.net.drive import drive
from probe.net.exchange import NAMED_ERRORS, Answer, Request, exchange
from probe.net.failures import trouble_of
from probe.net.http import Url, read_url, url_of
from probe.net.scene import Scene

CHANCE_BYTES = 4


async def run(plan: FetchPlan, scene: Scene) -> Measured:
    """Fetch the plan's object from the peer, or one of the objects that are set."""
    clock = scene.clock
    if plan.is_foreign:
        text = _one_of(scene)
        origin = Origin.at(_foreign(text), interface=scene.interface)
    else:
        origin = Origin.at(url_of(scene.peer, plan.path), scene.peer.tls_ca, scene.interface)
        text = str(origin.url)
    core = Fetch(plan, text)
    core.start(clock.mono_us())
    await drive(core, _get(core, origin, clock), clock, scene.progress)
    return core.result()


def _one_of(scene: Scene) -> str:
    urls = scene.settings.urls
    if not urls:
        raise CouldNotRun("no ordinary hosts to fetch from: settings.toml sets no [fetch] urls")
    return urls[int.from_bytes(scene.chance(CHANCE_BYTES), "big") % len(urls)]


def _foreign(text: str) -> Url:
    try:
        return read_url(text)
    except ValueError as exc:
        raise CouldNotRun(f"nothing can be fetched from {text!r}: {exc}") from exc


async def _get(core: Fetch, origin: Origin, clock: Clock) -> None:
    try:
        async with exchange(
            origin, Request("GET", origin.url.target), lambda stage: core.entered(stage, clock.mono_us())
        ) as answer:
            await _read(core, answer, clock)
    except NAMED_ERRORS as exc:
        core.failed(trouble_of(exc, core.stage), clock.mono_us())


async def _read(core: Fetch, answer: Answer, clock: Clock) -> None:
    core.answered(answer.status, answer.length_bytes, answer.http, clock.mono_us())
    while not core.over and (piece := await answer.piece()):
        core.moved(len(piece), clock.mono_us())
    core.ended(clock.mono_us())
