"""The network as the doctor sees it."""

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from fakes.certificate import certificate
from fakes.peer import free_port
from strategies import COLLECTOR

from probe.doctor import line
from probe.doctor.check import Check
from probe.home import Enrolled
from probe.net.address import PeerAddress
from probe.settings import Settings
from probe.surroundings import Cell, Link, Radio, Surroundings
from shared.slots import SlotPlan

NOW_US = 1_800_000_000_000_000


@contextlib.asynccontextmanager
async def answering(context: ssl.SSLContext | None = None) -> AsyncIterator[int]:
    """Somebody on a port of loopback who takes connections; every one is closed in the end."""
    handlers: set[asyncio.Task[None] | None] = set()

    async def take(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        handlers.add(asyncio.current_task())
        with contextlib.suppress(OSError):
            await reader.read()
            writer.close()
            await writer.wait_closed()

    async with await asyncio.start_server(take, "127.0.0.1", 0, ssl=context) as server:
        yield server.sockets[0].getsockname()[1]
        await asyncio.sleep(0.05)  # for who was taken and has no handler yet
    await asyncio.gather(*(one for one in handlers if one is not None))


async def reached(url: str, ca: Path | None = None) -> list[Check]:
    """What is said of a collector and a peer at one address."""
    peer = PeerAddress(url, "127.0.0.1", 9, "fake", ca)
    enrolled = Enrolled(url, COLLECTOR.public, "anna", SlotPlan(), peer, ca)
    return [check async for check in line.reach(enrolled, Settings(), NOW_US)]


async def test_both_answer() -> None:
    """Whoever takes a connection is fine."""
    async with answering() as port:
        checks = await reached(f"http://127.0.0.1:{port}")
    assert [(check.name, check.level) for check in checks] == [("collector", "ok"), ("peer", "ok")]


async def test_by_tls(tmp_path: Path) -> None:
    """A certificate is looked at: the right authority is fine, without it the reason is said."""
    context, ca = certificate(tmp_path)
    async with answering(context) as port:
        url = f"https://127.0.0.1:{port}"
        assert all(check.found.endswith("answers by TLS") for check in await reached(url, ca))
        assert all("--ca FILE" in check.advice for check in await reached(url))


async def test_nobody_answers() -> None:
    """Nobody there is said with address, port and what to do."""
    port = free_port()
    checks = await reached(f"http://127.0.0.1:{port}")
    assert all(check.level == "look" and f"127.0.0.1 port {port}" in check.found for check in checks)
    assert all("check the port" in check.advice for check in checks)


async def test_authorities_that_are_none(tmp_path: Path) -> None:
    """A file of certificates that cannot be read is named."""
    checks = await reached("https://127.0.0.1:9", tmp_path / "none.pem")
    assert all("none.pem" in check.found for check in checks)


@pytest.mark.parametrize(
    ("link", "settings", "level", "words"),
    [
        (Link("wwan0", "cellular"), Settings(), "ok", "wwan0 (cellular)"),
        (Link("wlan0", "wifi"), Settings(), "look", "switch Wi-Fi off"),
        (Link("wlan0", "wifi"), Settings(), "look", "neither confirming tests nor the notice `slow` come"),
        (Link("tun0", "vpn", vpn=True), Settings(), "look", "switch the VPN off"),
        (Link("wwan0", "cellular", shared=True), Settings(), "note", "hotspot"),
        (Link(None, has_way=False), Settings(), "look", "no way to the peer"),
        (Link("wwan0", "cellular", has_way=False), Settings(), "look", "switch mobile data on"),
        (Link("eth0", "ethernet"), Settings(interface="wwan0"), "look", "not wwan0, which is set"),
    ],
)
def test_the_link(link: Link, settings: Settings, level: str, words: str) -> None:
    """Anything but the mobile line itself, or the link that was chosen, is said."""
    check, counters = line.link(Surroundings(link), settings)
    assert check.level == level
    assert words in f"{check.found} {check.advice}"
    assert counters.name == "counters"


def test_the_radio() -> None:
    """What the modem told is shown in a line."""
    cell = Cell("lte", band=3, rsrp_dbm=-97, cell=27447297)
    radio = Radio("termux", technology="lte", registration="home", operator="Example", cells=(cell,))
    (check,) = line.radio(Surroundings(radio=radio))
    assert check.level == "ok"
    assert check.found == "LTE, Example, home, band 3, RSRP dBm -97, cell 27447297, by termux"
    (check,) = line.radio(Surroundings(radio=Radio("mmcli")))
    assert check.found == "no facts, by mmcli"


def test_no_radio() -> None:
    """That nothing could be read is a note with what to install; each reader's own reason stands beside it."""
    radio, readers = line.radio(Surroundings(troubles=("mmcli: not installed", "termux-api: refused")))
    assert (radio.level, readers.level) == ("note", "note")
    assert "ModemManager" in radio.advice
    assert readers.found == "mmcli: not installed; termux-api: refused"


@pytest.mark.parametrize(
    ("system", "there", "library", "names"),
    [
        ("linux", True, None, ["d-bus"]),
        *[("linux", True, "found", []), ("linux", False, None, []), ("darwin", True, None, [])],
    ],
)
def test_a_bus_without_a_library(
    system: str, there: bool, library: str | None, names: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where there is a bus and nothing to read it with, it is said which library is missing; else nothing is said."""
    monkeypatch.setattr(line.sys, "platform", system)
    monkeypatch.setattr(line, "there_is_one", lambda: there)
    monkeypatch.setattr(line.importlib.util, "find_spec", lambda _name: library)
    checks = list(line.bus())
    assert [check.name for check in checks] == names
    assert all(check.advice.endswith("-m pip install dbus-fast") for check in checks)
