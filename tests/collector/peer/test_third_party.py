"""Speed tests that are not ours, exactly as published, run to their end against the peer.

npm brings the clients at pinned versions into a folder beside the tests' interpreter; a page of `tests/clients`
loads each in headless Chromium, from another origin than the peer's, and posts what the client says. npm has
no package of LibreSpeed's web worker: its test runs where SPEEDPROOF_LIBRESPEED names a folder that holds
`speedtest_worker.js`.
"""

import asyncio
import os
import shutil
import signal
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from aiohttp import web
from fakes import browsing
from fakes.npm import installed

from collector.peer.account import End, Transfer

if TYPE_CHECKING:
    from conftest import Served

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(shutil.which("chromium") is None, reason="chromium is not installed"),
]
PAGES = Path(__file__).resolve().parents[2] / "clients"
RUN_S = 90
FLAGS = (*browsing.FLAGS, "--no-proxy-server", "--remote-debugging-port=0")
Run = Callable[[str, Path], Awaitable[dict[str, Any]]]


@pytest.fixture(scope="session")
def modules() -> Path:
    """The clients as npm unpacks them; the test is skipped, with the reason, where they cannot be had."""
    return installed(PAGES / "package.json", "clients") / "node_modules"


@asynccontextmanager
async def page_server(modules: Path) -> AsyncIterator[tuple[str, asyncio.Future[dict[str, Any]]]]:
    """Serve the pages and the clients on an origin of their own; the future is what a page reports."""
    reported: asyncio.Future[dict[str, Any]] = asyncio.get_running_loop().create_future()

    async def report(request: web.Request) -> web.Response:
        said = await request.json()
        if not reported.done():
            reported.set_result(said)
        return web.Response()

    app = web.Application()
    app.router.add_post("/report", report)
    app.router.add_static("/modules", modules)
    app.router.add_static("/", PAGES)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.5)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        yield f"http://127.0.0.1:{runner.addresses[0][1]}", reported
    finally:
        await runner.cleanup()


@asynccontextmanager
async def browser(url: str) -> AsyncIterator[None]:
    """A headless browser on a page, with all its processes and files gone at the end."""
    # A short name: Chromium makes a socket below it, and the path of a socket has 107 characters at most.
    with tempfile.TemporaryDirectory(prefix="cr", ignore_cleanup_errors=True) as folder:
        process = await asyncio.create_subprocess_exec(
            "chromium",
            *FLAGS,
            f"--user-data-dir={folder}/profile",
            url,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.DEVNULL,
            env={**os.environ, "TMPDIR": folder},
            start_new_session=True,
        )
        try:
            yield
        finally:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            await process.wait()


@pytest.fixture
def run(peer: "Served") -> Run:
    """Run the client of a page against the peer and return what it reports."""

    async def run_page(page: str, modules: Path) -> dict[str, Any]:
        async with page_server(modules) as (origin, reported):
            url = f"{origin}/{page}.html?peer=127.0.0.1:{peer.port}"
            async with browser(url), asyncio.timeout(RUN_S):
                said = await reported
        assert "broken" not in said, said
        return said

    return run_page


def of_kind(journal: list[Transfer], kind: str) -> list[Transfer]:
    """The peer's account of one kind of transfer."""
    return [transfer for transfer in journal if transfer.kind == kind]


@pytest.mark.slow
async def test_ndt7_as_published(peer: "Served", run: Run, modules: Path) -> None:
    """M-Lab's client runs its download and its upload in full, and what it was told is what the peer counted."""
    said = await run("ndt7", modules)
    assert (said["code"], said["errors"]) == (0, [])
    journal = await peer.ended(2)
    (download,) = of_kind(journal, "ndt7-download")
    (upload,) = of_kind(journal, "ndt7-upload")
    assert download.end is End.DURATION
    assert upload.end in {End.DURATION, End.CLIENT_CLOSED}
    seen_bytes = said["download"]["LastClientMeasurement"]["NumBytes"]
    assert 0 < seen_bytes <= download.sent_bytes * 1.01  # the client counts the texts too
    last = said["upload"]["LastServerMeasurement"]
    assert 0 < last["AppInfo"]["NumBytes"] <= upload.received_bytes
    assert last["AppInfo"]["NumBytes"] <= last["TCPInfo"]["BytesReceived"]
    assert {said[test]["LastServerMeasurement"]["Origin"] for test in ("download", "upload")} == {"server"}


async def test_cloudflare_as_published(peer: "Served", run: Run, modules: Path) -> None:
    """Cloudflare's client runs every step of a short plan, and reads the peer's own time and the browser's sizes."""
    said = await run("cloudflare", modules)
    assert said["errors"] == []
    assert {"latency", "jitter", "download", "upload"} <= set(said["summary"])
    assert len(said["latency"]) == 5
    assert [point["bytes"] for point in said["download"]] == [100_000] * 3 + [25_000_000] * 3
    assert [point["bytes"] for point in said["upload"]] == [100_000] * 3 + [10_000_000] * 3
    assert all(point["transferSize"] >= point["bytes"] for point in said["download"])
    assert all(point["bps"] > 0 for point in said["download"] + said["upload"])
    assert max(point["serverTime"] for point in said["download"]) > 0
    assert {transfer.end for transfer in peer.journal} <= {End.COMPLETE, End.CLIENT_GONE}
    assert [one.received_bytes for one in of_kind(peer.journal, "cloudflare-upload")] == [
        point["bytes"] for point in said["upload"]
    ]


@pytest.mark.skipif(
    "SPEEDPROOF_LIBRESPEED" not in os.environ,
    reason="npm has no package of LibreSpeed's worker, and SPEEDPROOF_LIBRESPEED names no folder",
)
async def test_librespeed_as_published(peer: "Served", run: Run) -> None:
    """LibreSpeed's worker runs address, ping, download, upload and telemetry from a page of another origin."""
    said = await run("librespeed", Path(os.environ["SPEEDPROOF_LIBRESPEED"]))
    assert said["testState"] == 4
    assert said["clientIp"] == "127.0.0.1"
    assert said["testId"] == "0"
    assert min(float(said[figure]) for figure in ("dlStatus", "ulStatus", "pingStatus")) > 0
    kinds = {transfer.kind for transfer in peer.journal}
    assert kinds == {f"librespeed-{kind}" for kind in ("ping", "download", "upload", "telemetry")}
    assert {transfer.end for transfer in peer.journal} <= {End.COMPLETE, End.CLIENT_GONE}
