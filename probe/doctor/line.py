"""The network: collector and peer, by which link they are reached, and what is known of the radio."""

import asyncio
import contextlib
import importlib.util
import shlex
import sys
from collections.abc import AsyncIterator, Iterator
from typing import Final

from probe.doctor.check import Check, fine, note, wrong
from probe.home import Enrolled
from probe.measure.outcome import CouldNotRun
from probe.net.connect import Origin, find, race
from probe.net.http import read_url
from probe.net.remedy import remedy_of
from probe.platform.host import snapshot
from probe.platform.system_bus import there_is_one
from probe.settings import Settings
from probe.surroundings import Cell, Radio, Surroundings
from shared.failure import Stage

CONNECT_S: Final = 5.0


async def reach(enrolled: Enrolled, settings: Settings, wall_us: int) -> AsyncIterator[Check]:
    """Whether collector and peer take a connection, with TLS where they speak it."""
    peer = enrolled.peer
    ways = (("collector", enrolled.collector_url, enrolled.ca), ("peer", peer.http_url, settings.ca or peer.tls_ca))
    for name, url, ca in ways:
        try:
            origin = Origin.at(read_url(url), ca, settings.interface)
        except (CouldNotRun, ValueError) as error:
            yield wrong(name, str(error), "put settings.toml right, or enrol anew with the right --ca FILE")
        else:
            yield await _reach(name, origin, wall_us)


async def _reach(name: str, origin: Origin, wall_us: int) -> Check:
    shown = f"{origin.host} port {origin.port}"
    try:
        async with asyncio.timeout(CONNECT_S):
            sock = await race(await find(origin, _unheard), _unheard, origin.interface)
            server_name = origin.host if origin.context else None
            _, writer = await asyncio.open_connection(sock=sock, ssl=origin.context, server_hostname=server_name)
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()
    except OSError as error:  # a TimeoutError is one too
        what = str(error) or f"no answer within {CONNECT_S:g} s"
        return wrong(name, f"{shown}: {what}", remedy_of(error, wall_us) or "check the network, then the address")
    return fine(name, f"{shown} answers{' by TLS' if origin.context else ''}")


def _unheard(_stage: Stage) -> None:
    """Stages are for records."""


def link(around: Surroundings, settings: Settings) -> list[Check]:
    """By which link packets leave, of which kind it is, and whether it is the one that was chosen."""
    found, kind = around.link.interface, around.link.kind
    shown = f"{found or 'none'} ({kind})"
    checks = []
    if settings.interface is not None and settings.interface != found:
        advice = "connect it, or take `interface` out of settings.toml; until then nothing is measured"
        checks.append(wrong("link", f"{shown}, and not {settings.interface}, which is set", advice))
    elif not around.link.has_way or found is None:
        checks.append(
            wrong("link", "no way to the peer", "switch mobile data on; that there is none is recorded meanwhile")
        )
    elif kind == "wifi":
        what = f"{shown}: every test is marked `wifi`, so neither confirming tests nor the notice `slow` come"
        checks.append(wrong("link", what, "switch Wi-Fi off: only the mobile line itself counts"))
    elif around.link.vpn:
        checks.append(
            wrong("link", f"{shown}, through a VPN", "switch the VPN off: it is measured along with the line")
        )
    elif around.link.shared:
        advice = "switch the hotspot off while measuring: others' traffic takes part of the line"
        checks.append(note("link", f"{shown}, shared with others", advice))
    else:
        checks.append(fine("link", shown))
    if snapshot(found).rx_bytes is None:
        what = "bytes of this link cannot be read: traffic of other programs cannot be told apart on this device"
        checks.append(note("counters", what))
    else:
        checks.append(fine("counters", "bytes of this link can be read"))
    return checks


def radio(around: Surroundings) -> Iterator[Check]:
    """What is known of the mobile network, and which reader could not say anything, and why."""
    if around.radio is not None:
        yield fine("radio", _told(around.radio))
    else:
        yield note(
            "radio", "nothing could be read of a mobile network",
            "on a phone install Termux:API; on a Pi ModemManager; for a HiLink stick set [radio] hilink in settings.toml. "
            "Rules that ask for radio facts cannot be met without",
        )  # fmt: skip
    if around.troubles:
        yield note(
            "readers",
            "; ".join(around.troubles),
            "these facts are missing from records; allow or install what is named",
        )


def bus() -> Iterator[Check]:
    """Whether the system's D-Bus, where there is one, can be read; nothing is said if it can."""
    if sys.platform == "linux" and there_is_one() and importlib.util.find_spec("dbus_fast") is None:
        pip = shlex.join((sys.executable, "-m", "pip", "install", "dbus-fast"))
        what = "not read: mmcli, nmcli and timedatectl are asked, at more cost; VPN and hotspot may stay unknown"
        yield note("d-bus", what, f"install the library: {pip}")


def _told(radio: Radio) -> str:
    parts: list[str] = [
        (radio.technology or "").upper(),
        radio.operator or radio.net_mccmnc or "",
        radio.registration or "",
    ]
    parts += [_cell(radio.cells[0])] if radio.cells else []
    return f"{', '.join(part for part in parts if part) or 'no facts'}, by {radio.via}"


def _cell(cell: Cell) -> str:
    parts = {"band": cell.band, "RSRP dBm": cell.rsrp_dbm, "cell": cell.cell}
    return ", ".join(f"{name} {value}" for name, value in parts.items() if value is not None)
