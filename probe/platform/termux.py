"""A phone's own word, through the commands of Termux:API. Reads only; asks for the place only if its owner agreed.

Where the app is missing or frozen its commands hang for ever. So the one that needs no permission goes first, and if it
gives no answer the others are not tried. The others run at once. The place is the last known one, from the network or from
whoever asked last: a fresh one by GPS takes up to a minute and is left to the phone.
"""

import asyncio
from typing import Final

from probe.platform.aside import aside
from probe.platform.glimpse import Glimpse, trouble
from probe.platform.interface import addressed
from probe.platform.tools import Untold, ask
from probe.radio import termux
from probe.radio.termux import Refused
from probe.surroundings import Place, Radio

BATTERY: Final = ("termux-battery-status",)
DEVICE: Final = ("termux-telephony-deviceinfo",)
CELLS: Final = ("termux-telephony-cellinfo",)
WIFI: Final = ("termux-wifi-connectioninfo",)
PLACES: Final = (("termux-location", "-p", "network", "-r", "last"), ("termux-location", "-p", "passive", "-r", "last"))
FIRST_S: Final = 4.5  # the app may have to be woken for it
EACH_S: Final = 2.9  # one after the other, both are within the time of one look
UNCONNECTED: Final = "No current connection"
HOTSPOTS: Final = ("ap", "swlan", "softap", "rndis", "ncm", "bt-pan", "wigig")


async def read(*, location: bool) -> Glimpse:
    """Read what the phone tells of power, radio, Wi-Fi and, if asked to, the place."""
    try:
        power = termux.battery(await _answer(BATTERY, FIRST_S))
    except Refused as refused:
        return trouble("termux-api", str(refused))
    (radio, of_radio), wifi, (place, of_place) = await asyncio.gather(_radio(), _wifi(), _place(location=location))
    wifi_rssi_dbm, wifi_mhz = wifi or (None, None)
    return Glimpse(
        wifi_rssi_dbm=wifi_rssi_dbm,
        wifi_mhz=wifi_mhz,
        radio=radio,
        power=power,
        place=place,
        troubles=(*of_radio, *of_place),
    )


async def read_sharing() -> Glimpse:
    """Tell by the interfaces that have addresses whether others use this phone's line; that none is up says nothing."""
    names = await aside(addressed)
    return Glimpse(shared=True if any(shares(name) for name in names) else None)


def shares(interface: str) -> bool:
    """Say whether an interface's name is one that a phone gives to its hotspot or tether."""
    return any(interface.startswith(start) and not interface[len(start) :].strip("0123456789") for start in HOTSPOTS)


async def _radio() -> tuple[Radio | None, tuple[str, ...]]:
    device, cells = await asyncio.gather(_or_refused(DEVICE), _or_refused(CELLS))
    if isinstance(device, Refused):
        return None, (f"telephony: {device}",)
    radio = termux.phone(device)
    if isinstance(cells, Refused):
        return radio, (f"cells: {cells}",)
    radio = termux.with_cells(radio, cells)
    if not radio.cells:
        return radio, ("cells: none told; location may be off",)
    if termux.primaries(radio) > 1:
        return radio, ("cells: two SIM cards, and no word which one carries data",)
    return radio, ()


async def _wifi() -> tuple[int | None, int | None] | None:
    try:
        return termux.wifi(await _answer(WIFI))
    except Refused:
        return None  # mostly because there is none


async def _place(*, location: bool) -> tuple[Place | None, tuple[str, ...]]:
    if not location:
        return None, ()
    why = "nothing recent"
    for told in await asyncio.gather(*(_or_refused(command) for command in PLACES)):
        if isinstance(told, Refused):
            why = str(told)
        elif (place := termux.place(told)) is not None:
            return place, ()
    return None, (f"location: {why}",)


async def _or_refused(command: tuple[str, ...]) -> object:
    try:
        return await _answer(command)
    except Refused as refused:
        return refused


async def _answer(command: tuple[str, ...], limit_s: float | None = None) -> object:
    told = await ask(command, EACH_S if limit_s is None else limit_s)
    if isinstance(told, Untold):
        raise Refused(told.why)
    return termux.answer(told.text)
