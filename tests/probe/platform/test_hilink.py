"""A HiLink stick, played by a small server that answers as one does."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

import pytest

from probe.platform import hilink
from probe.platform.hilink import read
from probe.surroundings import Cell

PAGES = {
    "/api/webserver/SesTokInfo": "<response><SesInfo>SessionID=abc</SesInfo><TokInfo>one</TokInfo></response>",
    "/api/device/signal": "<response><pci>43</pci><cell_id>44294436</cell_id><rsrp>-86dBm</rsrp><mode>7</mode></response>",
    "/api/net/current-plmn": "<response><FullName>Test</FullName><Numeric>00101</Numeric></response>",
    "/api/monitoring/status": "<response><ConnectionStatus>901</ConnectionStatus><RoamingStatus>0</RoamingStatus></response>",
}
LATER = ("two", "three", "four")


@asynccontextmanager
async def stick(
    pages: Mapping[str, str], *, status: int = 200, hangs: bool = False
) -> AsyncIterator[tuple[str, list[str]]]:
    """Keep a stick up that wants cookie and token, and gives a new token with each answer; its address, and what was asked."""
    asked: list[str] = []
    tokens = iter(LATER)

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        path, wanted = head.split(" ")[1], ("one", *LATER)[max(0, len(asked) - 1)]
        asked.append(path)
        admitted = "Cookie: SessionID=abc" in head and f"__RequestVerificationToken: {wanted}" in head
        body = pages.get(path, "") if admitted or "SesTok" in path else "<error><code>125002</code></error>"
        token = "" if "SesTok" in path else f"__RequestVerificationToken: {next(tokens, '')}\r\n"
        if hangs:
            await reader.read()
        writer.write(f"HTTP/1.1 {status} OK\r\n{token}Content-Length: {len(body)}\r\n\r\n{body}".encode())
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        yield f"127.0.0.1:{server.sockets[0].getsockname()[1]}", asked


async def test_a_stick() -> None:
    """Three pages are asked with cookie and the token of the moment, and none of them holds the device's numbers."""
    async with stick(PAGES) as (address, asked):
        seen = await read(address, "lo")
    assert seen.troubles == ()
    assert seen.kind == "cellular"
    assert seen.radio is not None
    assert (seen.radio.connected, seen.radio.registration, seen.radio.interface) == (True, "home", "lo")
    assert seen.radio.cells == (Cell("lte", "00101", cell=44294436, pci=43, rsrp_dbm=-86),)
    assert asked == list(PAGES)


async def test_a_link_elsewhere_is_not_the_sticks() -> None:
    """Packets that leave by another interface than the one that leads to the stick do not go through it."""
    async with stick(PAGES) as (address, _):
        assert (await read(address, "wlan0")).kind is None
        assert (await read(address, None)).kind is None


async def test_a_page_that_wants_a_login_leaves_the_others() -> None:
    """A page that is refused is a trouble, and what the others tell is told."""
    pages = {**PAGES, "/api/device/signal": "<error><code>100003</code></error>"}
    async with stick(pages) as (address, _):
        seen = await read(address, "lo")
    assert seen.troubles == ("hilink: device/signal wants a login",)
    assert seen.radio is not None
    assert (seen.radio.net_mccmnc, seen.radio.cells) == ("00101", ())


async def test_who_is_no_stick(monkeypatch: pytest.MonkeyPatch) -> None:
    """A stranger, somebody who hangs, nobody at all, and no address: each a trouble in a few words."""
    async with stick({"/api/webserver/SesTokInfo": "<html></html>"}) as (address, _):
        assert (await read(address, "lo")).troubles == ("hilink: gave no session",)
    async with stick(PAGES, status=404) as (address, _):
        assert (await read(address, "lo")).troubles == ("hilink: HTTP status 404",)
    assert (await read(address, "lo")).troubles == ("hilink: no answer: ConnectionRefusedError",)
    assert (await read("a b", "lo")).troubles == ("hilink: no answer: ValueError",)
    monkeypatch.setattr(hilink, "LIMIT_S", 0.1)
    async with stick(PAGES, hangs=True) as (address, _):
        assert (await read(address, "lo")).troubles == ("hilink: no answer within 0.1 s",)


async def test_no_thread_to_spare(monkeypatch: pytest.MonkeyPatch) -> None:
    """A device without a thread to spare says so instead of asking."""

    async def refuse(_read: object) -> None:
        raise hilink.CouldNotRun("no thread to spare")

    monkeypatch.setattr(hilink, "aside", refuse)
    assert (await read("127.0.0.1:9", "lo")).troubles == ("hilink: no thread to spare",)
