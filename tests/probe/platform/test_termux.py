"""Termux:API's commands, played by small programs: one per trap, and one that hangs."""

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import psutil
import pytest
from fakes.tools import HANGS, Toolbox, toolbox

from probe.platform import interface, look, termux
from probe.platform.glimpse import Glimpse
from probe.settings import Settings
from probe.surroundings import Cell, Place, Power

BATTERY = {"health": "GOOD", "percentage": 42, "plugged": "UNPLUGGED", "status": "DISCHARGING", "temperature": 31.4}
DEVICE = {
    "data_state": "connected",
    "network_operator": "00101",
    "network_roaming": False,
    "network_type": "lte",
    "sim_operator": "00101",
}
LTE = {"type": "lte", "registered": True, "dbm": -97, "ci": 27447297, "mcc": 1, "mnc": 1, "rsrp": -97}
WIFI = {
    "frequency_mhz": 5180,
    "ip": "192.0.2.7",
    "rssi": -51,
    "ssid": "home",
    "bssid": "02:00:00:00:00:00",
    "supplicant_state": "COMPLETED",
}
FIX = {"latitude": 48.858222, "longitude": 2.2945, "accuracy": 18.5, "elapsedMs": 1200, "provider": "network"}
DENIED = {"error": "Please grant the following permission to use this command: android.permission.ACCESS_FINE_LOCATION"}


@pytest.fixture
def phone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Toolbox:
    """A phone that answers everything."""
    box = toolbox(tmp_path, monkeypatch)
    box.says("termux-battery-status", BATTERY)
    box.says("termux-telephony-deviceinfo", DEVICE)
    box.says("termux-telephony-cellinfo", [LTE])
    box.says("termux-wifi-connectioninfo", WIFI)
    box.says("termux-location", FIX)
    return box


async def test_a_phone_that_answers_everything(phone: Toolbox) -> None:
    """Power, radio, Wi-Fi and place come together; names of networks and cells' neighbours do not."""
    seen = await termux.read(location=True)
    assert seen.power == Power(plugged=False, charge_per_cent=42, temperature_dc=314)
    assert seen.radio is not None
    assert seen.radio.cells == (Cell("lte", "00101", cell=27447297, rsrp_dbm=-97),)
    assert (seen.wifi_rssi_dbm, seen.wifi_mhz, seen.place, seen.troubles) == (-51, 5180, Place(4886, 229, 18), ())
    assert "home" not in repr(seen).replace("'home'", "")  # the registration is called so too
    assert "02:00" not in repr(seen)


async def test_the_place_is_asked_for_only_with_consent(phone: Toolbox) -> None:
    """Without the owner's word the command for the place is never run, and with it never by GPS."""
    assert (await termux.read(location=False)).place is None
    assert not [call for call in phone.calls() if call.startswith("termux-location")]
    await termux.read(location=True)
    asked = sorted(call for call in phone.calls() if call.startswith("termux-location"))
    assert asked == ["termux-location -p network -r last", "termux-location -p passive -r last"]


async def test_an_app_that_hangs_is_asked_once(phone: Toolbox, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the app is missing or frozen one command shows it, and the others are not tried."""
    monkeypatch.setattr(termux, "FIRST_S", 0.1)
    phone.plant("termux-battery-status", HANGS)
    assert await termux.read(location=True) == Glimpse(troubles=("termux-api: no answer within 0.1 s",))
    assert phone.calls() == ["termux-battery-status "]


async def test_one_command_that_hangs_leaves_the_others(phone: Toolbox, monkeypatch: pytest.MonkeyPatch) -> None:
    """A command that hangs is a trouble of its own."""
    monkeypatch.setattr(termux, "EACH_S", 0.3)
    phone.plant("termux-telephony-cellinfo", HANGS)
    phone.plant("termux-wifi-connectioninfo", HANGS)
    seen = await termux.read(location=True)
    assert seen.radio is not None
    assert seen.radio.net_mccmnc == "00101"
    assert seen.place is not None
    assert seen.troubles == ("cells: no answer within 0.3 s",)


async def test_commands_that_are_not_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the package there is one trouble and not five."""
    toolbox(tmp_path, monkeypatch)
    assert (await termux.read(location=True)).troubles == ("termux-api: not installed",)


@pytest.mark.parametrize(
    ("name", "told", "trouble"),
    [
        ("termux-telephony-cellinfo", [], "cells: none told; location may be off"),
        ("termux-telephony-cellinfo", DENIED, "cells: lacks permission ACCESS_FINE_LOCATION"),
        (
            "termux-telephony-cellinfo",
            [LTE, {**LTE, "ci": 5}],
            "cells: two SIM cards, and no word which one carries data",
        ),
        ("termux-telephony-cellinfo", [{**LTE, "registered": False}], "cells: none told; location may be off"),
        ("termux-telephony-deviceinfo", {"API_ERROR": "gone"}, "telephony: gone"),
        ("termux-telephony-deviceinfo", "nonsense", "telephony: no JSON"),
        ("termux-location", {"API_ERROR": "Failed to get location"}, "location: Failed to get location"),
        ("termux-location", {**FIX, "elapsedMs": 3_600_000}, "location: nothing recent"),
    ],
)
async def test_traps(phone: Toolbox, name: str, told: object, trouble: str) -> None:
    """An error where a list is due, an empty list, two SIM cards, an old place: each is a trouble that says so."""
    phone.says(name, told)
    seen = await termux.read(location=True)
    assert seen.troubles == (trouble,)
    assert seen.power is not None


async def test_no_wifi_is_no_trouble(phone: Toolbox) -> None:
    """A phone without a Wi-Fi connection says so with an error, which is nobody's trouble."""
    phone.says("termux-wifi-connectioninfo", {"API_ERROR": "No current connection"})
    seen = await termux.read(location=False)
    assert (seen.wifi_rssi_dbm, seen.troubles) == (None, ())


async def test_the_whole_look_of_a_phone(phone: Toolbox) -> None:
    """On cellular the kind comes from the interface; the Wi-Fi that is connected as well is not the link's."""
    seen = await look.look_around("rmnet_data0", True, Settings(), android=True)
    assert (seen.link.kind, seen.link.vpn, seen.link.wifi_rssi_dbm) == ("cellular", False, None)
    assert seen.radio is not None
    on_wifi = await look.look_around("wlan0", True, Settings(), android=True)
    assert (on_wifi.link.kind, on_wifi.link.wifi_rssi_dbm) == ("wifi", -51)


def addresses(*names: str) -> Callable[[], dict[str, list[SimpleNamespace]]]:
    """What psutil would tell of interfaces: these have an address, `dummy0` has only one of the link layer."""
    packet = SimpleNamespace(family=17, address="02:00:00:00:00:00")
    internet = SimpleNamespace(family=2, address="192.0.2.1")
    return lambda: {"dummy0": [packet], **{name: [packet, internet] for name in names}}


@pytest.mark.parametrize(
    ("names", "shared"),
    [
        *[
            (("rmnet_data0", "ap0"), True),
            (("swlan0",), True),
            (("rndis0",), True),
            (("bt-pan",), True),
            (("ncm0",), True),
        ],
        *[(("rmnet_data0", "wlan0"), None), (("apex0",), None), ((), None)],
    ],
)
async def test_sharing(monkeypatch: pytest.MonkeyPatch, names: tuple[str, ...], shared: bool | None) -> None:
    """A hotspot's or a tether's interface with an address says that others are there; without one nobody knows."""
    monkeypatch.setattr(psutil, "net_if_addrs", addresses(*names))
    assert await termux.read_sharing() == Glimpse(shared=shared)


async def test_sharing_where_nothing_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """A phone that hides its interfaces, or has no psutil, does not say who else is there."""

    def refuse() -> None:
        raise PermissionError

    monkeypatch.setattr(psutil, "net_if_addrs", refuse)
    assert await termux.read_sharing() == Glimpse()
    monkeypatch.setattr(interface, "psutil", None)
    assert await termux.read_sharing() == Glimpse()
