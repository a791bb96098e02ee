"""Headless Chromium driven by its DevTools protocol: open a document, give it files, ask what stands on it; without a network.

https://chromedevtools.github.io/devtools-protocol/ version 1.3: Page, Runtime, DOM, Network, Emulation.
"""

import asyncio
import base64
import contextlib
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
from fakes.browsing import FLAGS

START_S = 60


@dataclass(slots=True)
class Tab:
    """One page of a browser."""

    socket: aiohttp.ClientWebSocketResponse
    asked: list[str] = field(default_factory=list)  # every address that the page asked for
    errors: list[str] = field(default_factory=list)  # what it could not do
    _last: int = 0

    async def call(self, method: str, **params: object) -> dict[str, Any]:
        """One command and its answer; what the browser tells meanwhile is kept."""
        self._last += 1
        await self.socket.send_json({"id": self._last, "method": method, "params": params})
        while True:
            told = await self.socket.receive_json()
            if told.get("id") == self._last:
                assert "error" not in told, told["error"]
                return dict(told["result"])
            self._hear(told)

    def _hear(self, told: dict[str, Any]) -> None:
        match told:
            case {"method": "Network.requestWillBeSent", "params": {"request": {"url": str(url)}}}:
                self.asked.append(url)
            case {"method": "Runtime.exceptionThrown", "params": {"exceptionDetails": details}}:
                self.errors.append(json.dumps(details)[:500])
            case {"method": "Log.entryAdded", "params": {"entry": {"level": "error", "text": str(text)}}}:
                self.errors.append(text)

    async def open(self, url: str) -> None:
        """Load a document, offline, and wait until it is there."""
        for domain in ("Page", "Runtime", "DOM", "Network", "Log"):
            await self.call(f"{domain}.enable")
        await self.call(
            "Network.emulateNetworkConditions", offline=True, latency=0, downloadThroughput=0, uploadThroughput=0
        )
        await self.call("Page.navigate", url=url)
        await self.until("document.readyState === 'complete'")

    async def ask(self, expression: str) -> Any:
        """What an expression of JavaScript comes to on the page."""
        told = await self.call("Runtime.evaluate", expression=expression, awaitPromise=True, returnByValue=True)
        assert "exceptionDetails" not in told, told["exceptionDetails"]
        return told["result"].get("value")

    async def until(self, expression: str) -> None:
        """Wait, on the page, for something to be true; raises TimeoutError if it never is."""
        look = f"const look = () => ({expression}) ? resolve(true) : setTimeout(look, 10); look()"
        async with asyncio.timeout(START_S):
            await self.ask(f"new Promise((resolve) => {{ {look} }})")

    async def before(self, script: str) -> None:
        """Run a script in every document that is opened from now on, before its own."""
        await self.call("Page.enable")
        await self.call("Page.addScriptToEvaluateOnNewDocument", source=script)

    async def give(self, selector: str, file: Path) -> None:
        """Choose a file in an input, as a person would."""
        root = await self.call("DOM.getDocument")
        node = await self.call("DOM.querySelector", nodeId=root["root"]["nodeId"], selector=selector)
        await self.call("DOM.setFileInputFiles", nodeId=node["nodeId"], files=[str(file)])

    async def look(self, width: int, *, is_dark: bool = False) -> bytes:
        """A picture of the whole page at a width."""
        scheme = [{"name": "prefers-color-scheme", "value": "dark" if is_dark else "light"}]
        await self.call("Emulation.setEmulatedMedia", features=scheme)
        await self.widen(width)
        told = await self.call("Page.captureScreenshot", captureBeyondViewport=True)
        return base64.b64decode(told["data"])

    async def widen(self, width: int) -> None:
        """Lay the page out at a width."""
        await self.call(
            "Emulation.setDeviceMetricsOverride", width=width, height=900, deviceScaleFactor=1, mobile=False
        )


@contextlib.asynccontextmanager
async def tab(folder: Path) -> AsyncIterator[Tab]:
    """A fresh browser with one empty page, its profile in this folder."""
    flags = (*FLAGS, f"--user-data-dir={folder / 'profile'}", "--remote-debugging-port=0", "about:blank")
    process = await asyncio.create_subprocess_exec(
        "chromium", *flags, stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.PIPE
    )
    assert process.stderr is not None
    try:
        async with asyncio.timeout(START_S):
            told = await process.stderr.readuntil(b"/devtools/browser/")
        port = told.rpartition(b"ws://127.0.0.1:")[2].partition(b"/")[0].decode()
        said = asyncio.create_task(process.stderr.read())  # or it would wait for somebody to listen
        async with aiohttp.ClientSession() as session:
            async with session.get(f"http://127.0.0.1:{port}/json/list") as answer:
                (page,) = [one for one in await answer.json() if one["type"] == "page"]
            async with session.ws_connect(page["webSocketDebuggerUrl"], max_msg_size=0) as socket:
                yield Tab(socket)
    finally:
        process.terminate()
        await process.wait()
    await said
