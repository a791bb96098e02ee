"""The shell of `probe.measure.ookla`: opens a run at the peer, runs speedtest-cli beside us, asks what the peer counted.

speedtest-cli is never imported here: it runs in a process of its own, in a process group of its own that is killed when
its time is over or the measurement is cancelled. It gets the environment without any proxy but the peer (which answers in
place of www.speedtest.net, for configuration and list only), nothing on standard input, and only its standard output
is read, up to a limit. With a peer over TLS its own authority is handed on as `SSL_CERT_FILE`.
"""

import asyncio
import contextlib
import importlib.util
import os
import signal
import sys
from collections.abc import Mapping

from probe.measure.ookla import Ookla
from probe.measure.ookla_judge import OoklaPlan
from probe.measure.ookla_report import MOST_LOG_BYTES, MOST_OUTPUT_BYTES
from probe.measure.outcome import CouldNotRun, Measured
from probe.net.address import PeerAddress
from probe.net.connect import Origin
from probe.net.drive import drive
from probe.net.exchange import NAMED_ERRORS, Request, exchange
from probe.net.failures import trouble_of
from probe.net.http import Url, url_of
from probe.net.scene import Scene

POLL_S = 0.2
FAREWELL_S = 0.5  # to tell the peer that the run is over, which stops what is still on its way
RUN_BYTES = 16
NOT_OFFERED = frozenset({403, 404, 405})  # of an older peer, or one without anonymous load
CLIENT = ("-P", "-m", "speedtest")  # -P: what is run is the installed module, and no file of that name beside us
WORDS = ("--json", "--no-pre-allocate")


async def run(plan: OoklaPlan, scene: Scene) -> Measured:
    """Run the client once, against the peer or, if the plan says so, a public server."""
    if importlib.util.find_spec("speedtest") is None:
        raise CouldNotRun("speedtest-cli is not installed; pip install 'speedproof[ookla]' brings it")
    if scene.interface is not None:
        raise CouldNotRun(f"speedtest-cli cannot be pinned to {scene.interface}")
    core = Ookla(plan)
    core.start(scene.clock.mono_us())
    work = _public(core, scene) if plan.public else _against_the_peer(core, scene)
    await drive(core, work, scene.clock, scene.progress, grace_s=FAREWELL_S)
    return core.result()


async def _public(core: Ookla, scene: Scene) -> None:
    code, output = await _client(core.plan, (*WORDS, "--secure"), environment(os.environ))
    core.client_ended(code, output, scene.clock.mono_us())


async def _against_the_peer(core: Ookla, scene: Scene) -> None:
    name = scene.chance(RUN_BYTES).hex()
    path, proxy = f"/st/{name}", proxy_of(scene.peer, name)
    try:
        answer = await _ask(core, scene, "POST", url_of(scene.peer, path, f"plan={core.plan.name}"))
    except NAMED_ERRORS as exc:
        core.failed(trouble_of(exc, core.stage), scene.clock.mono_us())
        return
    if answer[0] in NOT_OFFERED:
        raise CouldNotRun(f"peer {scene.peer.name} offers no runs of speedtest-cli (status {answer[0]})")
    core.opened(*answer, scene.clock.mono_us())
    if core.over:
        return
    code, output = await _client(core.plan, WORDS, environment(os.environ, proxy, scene.peer))
    core.client_ended(code, output, scene.clock.mono_us())
    while not core.over:
        try:
            answer = await _ask(core, scene, "GET", url_of(scene.peer, f"{path}/result"))
            core.logged(*answer, scene.clock.mono_us())
        except NAMED_ERRORS as exc:
            core.failed(trouble_of(exc, core.stage), scene.clock.mono_us())
        if not core.over:
            await asyncio.sleep(POLL_S)
    with contextlib.suppress(*NAMED_ERRORS):  # nobody else's concern: the peer forgets the run by itself
        await _ask(core, scene, "DELETE", url_of(scene.peer, path))


async def _ask(core: Ookla, scene: Scene, verb: str, url: Url) -> tuple[int, bytes]:
    """One exchange with the peer: status, and the body up to one byte more than a log may have."""
    clock = scene.clock
    origin, request = Origin.at(url, scene.peer.tls_ca), Request(verb, url.target)
    async with exchange(origin, request, lambda stage: core.entered(stage, clock.mono_us())) as answer:
        return answer.status, await answer.body(MOST_LOG_BYTES)


def proxy_of(peer: PeerAddress, run_name: str) -> str:
    """The peer as the client's proxy, with the run as the user's name; the client sends no name without a password."""
    url = url_of(peer, "")
    if url.target != "/":
        raise CouldNotRun(f"peer {peer.name} is below a path, and a proxy cannot be")
    return f"{url.scheme}://{run_name}:x@{url.authority}"


def environment(ours: Mapping[str, str], proxy: str | None = None, peer: PeerAddress | None = None) -> dict[str, str]:
    """The client's environment: ours without its proxies, and with the peer as the only one, but not for itself."""
    # With REQUEST_METHOD set, Python believes itself a CGI script and ignores proxies.
    theirs = {
        name: value for name, value in ours.items() if not name.lower().endswith("_proxy") and name != "REQUEST_METHOD"
    }
    theirs["PYTHONWARNINGS"] = "ignore"
    if proxy is not None and peer is not None:
        theirs |= {"http_proxy": proxy, "no_proxy": url_of(peer, "").bracketed}
    if peer is not None and peer.tls_ca is not None:
        theirs["SSL_CERT_FILE"] = str(peer.tls_ca)
    return theirs


async def _client(plan: OoklaPlan, words: tuple[str, ...], environ: Mapping[str, str]) -> tuple[int | None, bytes]:
    """Run the client to its end or to the plan's limit (then without a code), and leave no process behind."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *CLIENT,
        *words,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
        env=environ,
        start_new_session=True,
    )
    output = b""
    try:
        async with asyncio.timeout(plan.client_us / 1_000_000):
            while len(output) <= MOST_OUTPUT_BYTES and (piece := await _piece(process)):
                output += piece
            if len(output) <= MOST_OUTPUT_BYTES:
                await process.wait()
    except TimeoutError:
        return None, output
    finally:
        _kill(process)
        await process.communicate()
    return process.returncode, output


async def _piece(process: asyncio.subprocess.Process) -> bytes:
    return b"" if process.stdout is None else await process.stdout.read(MOST_OUTPUT_BYTES)


def _kill(process: asyncio.subprocess.Process) -> None:
    """End the client and whatever it started."""
    if process.returncode is not None:
        return
    with contextlib.suppress(ProcessLookupError):
        if sys.platform == "win32":
            process.kill()
        else:
            os.killpg(process.pid, signal.SIGKILL)
