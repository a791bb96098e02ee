"""Readers over a real D-Bus with mocks of the services that a laptop or a Pi with a modem has."""

import json
import os
import sys
from collections.abc import Iterator
from contextlib import AbstractAsyncContextManager
from dataclasses import replace
from pathlib import Path

import pytest
from fakes.clock import FakeClock
from fakes.mock_bus import MockBus, missing, mock_bus

from probe.platform import cell, firmware, look, modemmanager, networkmanager, power, system_bus, timekeeping
from probe.platform.glimpse import Glimpse
from probe.platform.system_bus import Bus, Silent
from probe.radio.limits import cell as a_cell
from probe.radio.written import write_cells
from probe.settings import Settings
from probe.surroundings import Cell

LACKING = missing()
pytestmark = pytest.mark.skipif(LACKING is not None, reason=str(LACKING))

MM, MM_ROOT = modemmanager.SERVICE, modemmanager.ROOT
NM, NM_ROOT = networkmanager.SERVICE, networkmanager.ROOT
HOTSPOT = f"{NM_ROOT}/Settings/hotspot"
MODEM_7, MODEM_10, MODEM_12 = (f"{MM_ROOT}/Modem/{number}" for number in (7, 10, 12))


@pytest.fixture(scope="module")
def bus(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MockBus]:
    """A bus with ModemManager (two modems), NetworkManager, power-profiles-daemon and timedated."""
    with mock_bus(tmp_path_factory.mktemp("bus")) as made:
        made.mock("-m", MM, MM_ROOT, MM)
        made.mock("-t", "networkmanager")
        made.mock("-t", "power_profiles_daemon", "-p", '{"ActiveProfile": "power-saver"}')
        made.mock("-t", "timedated")
        _with_modems(made)
        _with_links(made)
        made.control(power.PROFILES[1][0], power.PROFILES[1][1], "Ping", "", interface="org.freedesktop.DBus.Peer")
        made.control(timekeeping.SERVICE, timekeeping.PATH, "Ping", "", interface="org.freedesktop.DBus.Peer")
        yield made


@pytest.fixture
def here(bus: MockBus, monkeypatch: pytest.MonkeyPatch) -> MockBus:
    """That bus as the system's."""
    monkeypatch.setenv(system_bus.ADDRESS, bus.address)
    return bus


def _v(signature: str, value: object) -> object:
    from dbus_fast import Variant

    return Variant(signature, value)


def _with_modems(bus: MockBus) -> None:
    """Modem 7 is registered only; modem 10 is connected by wwan0, roaming, on LTE with NR beside it."""
    for number, state, bearer in ((7, 8, ""), (10, 11, "wwan0")):
        path, bearers = f"{MM_ROOT}/Modem/{number}", f"{MM_ROOT}/Bearer/{number}"
        properties = {
            "State": _v("i", state),
            "AccessTechnologies": _v("u", 1 << 14 | 1 << 15),
            "Bearers": _v("ao", [bearers]),
            "Sim": _v("o", f"{MM_ROOT}/SIM/{number}"),
            "EquipmentIdentifier": _v("s", "490154203237518"),
        }
        found = [
            (
                "GetCellInfo",
                "",
                "aa{sv}",
                "ret = [dbus.Dictionary(one, signature='sv') for one in " + repr(_CELLS) + "]",
            )
        ]
        bus.control(MM, MM_ROOT, "AddObject", "ssa{sv}a(ssss)", path, f"{MM}.Modem", properties, found)
        signal = {
            "Lte": _v(
                "a{sv}",
                {"rsrp": _v("d", -97.0), "rsrq": _v("d", -11.5), "snr": _v("d", 8.45), "rssi": _v("d", -32768.0)},
            ),
            "Nr5g": _v("a{sv}", {"rsrp": _v("d", -101.0)}),
            "Umts": _v("a{sv}", {}),
        }
        gpp = {
            "RegistrationState": _v("u", 5),
            "OperatorCode": _v("s", "00101"),
            "OperatorName": _v("s", "Test Network"),
            "Imei": _v("s", "490154203237518"),
        }
        bus.control(MM, path, "AddProperties", "sa{sv}", f"{MM}.Modem.Signal", signal)
        bus.control(MM, path, "AddProperties", "sa{sv}", f"{MM}.Modem.Modem3gpp", gpp)
        up = {"Connected": _v("b", bool(bearer)), "Interface": _v("s", bearer)}
        bus.control(MM, MM_ROOT, "AddObject", "ssa{sv}a(ssss)", bearers, f"{MM}.Bearer", up, [])
        sim = {"OperatorIdentifier": _v("s", "001999"), "Imsi": _v("s", "001999000000001")}
        bus.control(MM, MM_ROOT, "AddObject", "ssa{sv}a(ssss)", f"{MM_ROOT}/SIM/{number}", f"{MM}.Sim", sim, [])


_CELLS = [
    {"cell-type": 5, "serving": False, "tac": "84CD", "ci": "1", "physical-ci": "1A1", "rsrp": -120.0},
    {
        "cell-type": 5,
        "serving": True,
        "operator-id": "00101",
        "tac": "84CD",
        "ci": "1A2D001",
        "physical-ci": "1A0",
        "earfcn": 1300,
        "rsrp": -98.0,
        "rsrq": -12.0,
    },
]
SERVING = Cell(
    "lte", "00101", 0x84CD, 0x1A2D001, 0x1A0, 1300, rsrp_dbm=-98, rsrq_ddb=-120
)  # what GetCellInfo of the mock comes to


def _with_links(bus: MockBus) -> None:
    """Wi-Fi on wlan0 at 2437 MHz, and a modem whose packets leave by wwan0 while its control port is cdc-wdm0."""
    control = "org.freedesktop.DBus.Mock"
    wifi = bus.control(NM, NM_ROOT, "AddWiFiDevice", "ssi", "w", "wlan0", 100, interface=control)
    point = bus.control(
        NM, NM_ROOT, "AddAccessPoint", "ssssuuuyu", wifi, "ap", "secret name", "00:23:F8:7E:12:BB", 2, 2437, 5400, 60, 0
    )
    bus.control(NM, wifi, "AddProperties", "sa{sv}", f"{NM}.Device", {"Metered": _v("u", 4)})
    bus.control(NM, wifi, "AddProperties", "sa{sv}", f"{NM}.Device.Wireless", {"ActiveAccessPoint": _v("o", point)})
    method = [("GetSettings", "", "a{sa{sv}}", "ret = {'ipv4': {'method': dbus.String('shared', variant_level=1)}}")]
    bus.control(NM, NM_ROOT, "AddObject", "ssa{sv}a(ssss)", HOTSPOT, f"{NM}.Settings.Connection", {}, method)
    modem = bus.control(NM, NM_ROOT, "AddEthernetDevice", "ssi", "m", "cdc-wdm0", 100, interface=control)
    changed = {"DeviceType": _v("u", 8), "IpInterface": _v("s", "wwan0")}
    bus.control(NM, modem, "UpdateProperties", "sa{sv}", f"{NM}.Device", changed)
    bus.control(NM, modem, "AddProperties", "sa{sv}", f"{NM}.Device", {"Metered": _v("u", 3)})


def connected() -> AbstractAsyncContextManager[Bus | None]:
    """The readers' own way to the bus."""
    return system_bus.system_bus()


async def test_a_modem_is_read_by_the_interface_it_carries(here: MockBus, tmp_path: Path) -> None:
    """Of two modems the one whose bearer carries the packets is told, with doubles as integers and no sentinel."""
    async with connected() as bus:
        assert bus is not None
        seen = await modemmanager.read(bus, "wwan0", FakeClock(), tmp_path / "none")
    radio = seen.radio
    assert radio is not None
    assert (seen.kind, radio.interface, radio.technology, radio.registration) == ("cellular", "wwan0", "lte", "roaming")
    assert (radio.connected, radio.roaming, radio.sim_mccmnc, radio.net_mccmnc) == (True, True, "001999", "00101")
    assert radio.cells == (
        Cell("lte", "00101", rsrp_dbm=-97, rsrq_ddb=-115, sinr_ddb=84),
        Cell("nr", "00101", rsrp_dbm=-101),
    )
    assert "490154203237518" not in repr(seen)
    assert "001999000000001" not in repr(seen)


async def test_a_modem_elsewhere_does_not_make_a_link_cellular(here: MockBus, tmp_path: Path) -> None:
    """Packets that leave by Wi-Fi are no cellular ones because a modem is connected as well."""
    async with connected() as bus:
        assert bus is not None
        seen = await modemmanager.read(bus, "wlan0", FakeClock(), tmp_path / "none")
    assert seen.kind is None
    assert seen.radio is not None
    assert seen.radio.connected


async def test_the_only_modems_strengths_get_names(
    here: MockBus, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With one modem the written cells are its own: the strengths of now get the names of a moment ago."""
    all_of_them = modemmanager.found

    async def last(bus: Bus) -> list[modemmanager.Modem]:
        return (await all_of_them(bus))[-1:]

    monkeypatch.setattr(modemmanager, "found", last)
    (tmp_path / "cell.json").write_text(write_cells([SERVING], 0))
    async with connected() as bus:
        assert bus is not None
        seen = await modemmanager.read(bus, "wwan0", FakeClock(), tmp_path / "cell.json")
    assert seen.radio is not None
    assert seen.radio.cells == (
        replace(SERVING, rsrp_dbm=-97, rsrq_ddb=-115, sinr_ddb=84),
        Cell("nr", "00101", rsrp_dbm=-101),
    )


async def test_what_networkmanager_says(here: MockBus, tmp_path: Path) -> None:
    """A modem's link is known by the interface that carries packets, and a Wi-Fi's by its own; names of networks stay there."""
    async with connected() as bus:
        assert bus is not None
        assert await networkmanager.read(bus, "wwan0") == Glimpse(kind="cellular", metered=True)
        assert await networkmanager.read(bus, "wlan0") == Glimpse(kind="wifi", metered=False, wifi_mhz=2437)
        assert await networkmanager.read(bus, "cdc-wdm0") == Glimpse()
        assert await networkmanager.read(bus, None) == Glimpse()


async def test_settings_of_a_connection_are_read_as_they_are(here: MockBus) -> None:
    """The nested settings of a connection come without the bus's wrapping: one that is there for others is seen."""
    async with connected() as bus:
        assert bus is not None
        told = await bus.ask(NM, HOTSPOT, f"{NM}.Settings.Connection", "GetSettings")
    assert told == {"ipv4": {"method": "shared"}}


async def test_saving_and_timekeeping(here: MockBus, tmp_path: Path) -> None:
    """A power profile that saves is told, under the daemon's old name too; timedate1 tells whether the clock is set."""
    async with connected() as bus:
        assert bus is not None
        assert (await power.read_profile(bus)).power == power.Power(saver=True)
        assert await timekeeping.read(bus, tmp_path / "mark") == Glimpse(synced=True)


async def test_who_is_not_there_is_silent(here: MockBus) -> None:
    """A service that is absent is absent, and one that refuses says so in a word; neither is an error of ours."""
    async with connected() as bus:
        assert bus is not None
        with pytest.raises(Silent) as absent:
            await bus.get("org.example.Nobody", "/", "org.example.Nobody", "Any")
        assert absent.value.absent
        with pytest.raises(Silent) as refused:
            await bus.get(MM, MODEM_7, f"{MM}.Modem", "NoSuchProperty")
        assert not refused.value.absent
        with pytest.raises(Silent, match="UnknownInterface"):
            await bus.objects("org.freedesktop.DBus", "/org/freedesktop/DBus")


async def test_a_service_that_hangs_is_given_up(here: MockBus, monkeypatch: pytest.MonkeyPatch) -> None:
    """A call that is not answered ends after its limit."""
    monkeypatch.setattr(system_bus, "CALL_S", 0.0)
    async with connected() as bus:
        assert bus is not None
        with pytest.raises(Silent, match="no answer within"):
            await bus.get(MM, MODEM_7, f"{MM}.Modem", "State")


async def test_the_whole_look(here: MockBus, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """All readers together give one picture: modem, link, power, clock, and nobody's troubles."""
    monkeypatch.setattr(look.sys, "platform", "linux")
    monkeypatch.setattr(firmware, "MODEL", tmp_path / "model")
    seen = await look.look_around("wwan0", True, Settings(), android=False, clock=FakeClock())
    assert (seen.link.kind, seen.link.metered, seen.power.saver, seen.synced) == ("cellular", True, True, True)
    assert seen.radio is not None
    assert seen.radio.via == "modemmanager"
    assert seen.troubles == ()


def test_cells_are_written_by_one_and_read_by_another(
    here: MockBus, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the program with rights writes is the serving cells alone, readable by anyone, and without the device's number."""
    file, clock = tmp_path / "cell.json", FakeClock()
    assert cell.main([str(file)], clock) == 0
    told = json.loads(file.read_text())
    assert told["cells"] == [
        {"radio": "lte", "mccmnc": "00101", "area": 0x84CD, "cell": 0x1A2D001, "pci": 0x1A0, "channel": 1300}
        | {"rsrp_dbm": -98, "rsrq_ddb": -120}
    ]
    assert file.stat().st_mode & 0o777 == 0o644
    assert list(tmp_path.iterdir()) == [file]


def test_nowhere_to_write_is_said(here: MockBus, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A folder that is not there is said in words, and nothing is left."""
    assert cell.main([str(tmp_path / "none" / "cell.json")], FakeClock()) == 1
    assert "cells not written" in capsys.readouterr().err


async def test_no_bus_is_no_trouble(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Where there is no bus there is nobody to ask; a bus that does not answer is said."""
    monkeypatch.delenv(system_bus.ADDRESS, raising=False)
    monkeypatch.setattr(system_bus, "SOCKETS", (tmp_path / "bus",))
    async with connected() as bus:
        assert bus is None
    monkeypatch.setenv(system_bus.ADDRESS, f"unix:path={tmp_path}/gone")
    with pytest.raises(Silent, match="no connection"):
        async with connected():
            pass
    monkeypatch.setenv(system_bus.ADDRESS, "nonsense")
    with pytest.raises(Silent, match="no connection"):
        async with connected():
            pass
    assert os.environ[system_bus.ADDRESS] == "nonsense"


async def test_without_the_library_there_is_no_bus(here: MockBus, monkeypatch: pytest.MonkeyPatch) -> None:
    """The library is an extra: without it the bus is not spoken to, and nobody minds."""
    monkeypatch.setitem(sys.modules, "dbus_fast", None)
    async with connected() as bus:
        assert bus is None


async def test_one_modems_cells_join_its_strengths(tmp_path: Path) -> None:
    """Cells that were written lately give names to the strengths of now; old ones are a trouble and give nothing."""
    file, clock = tmp_path / "cell.json", FakeClock()
    named = a_cell("lte", mccmnc="00101", number=0x1A2D001, rsrp_dbm=-98)
    assert named is not None
    file.write_text(write_cells([named], clock.mono_us()))
    assert await modemmanager.written(file, clock) == ((named,), ())
    clock.advance(40_000_000)
    assert await modemmanager.written(file, clock) == ((), ("cell.json: cells 40 s old",))
    file.write_text("{")
    assert (await modemmanager.written(file, clock))[1][0].startswith("cell.json: ")
    assert await modemmanager.written(tmp_path, clock) == ((), ("cell.json: IsADirectoryError",))
    assert await modemmanager.written(tmp_path / "none", clock) == ((), ())
