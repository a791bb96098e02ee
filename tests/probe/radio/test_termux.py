"""What Termux:API tells, trap by trap."""

import json

import pytest

from probe.radio import termux
from probe.radio.termux import Refused
from probe.surroundings import Cell, Place, Power, Radio

DEVICE = {
    "data_enabled": "true",
    "data_activity": "inout",
    "data_state": "connected",
    "device_id": "490154203237518",
    "device_software_version": "01",
    "phone_count": 2,
    "phone_type": "gsm",
    "network_operator": "00101",
    "network_operator_name": "Test Network",
    "network_country_iso": "xx",
    "network_type": "lte",
    "network_roaming": False,
    "sim_country_iso": "xx",
    "sim_operator": "00101",
    "sim_operator_name": "Test",
    "sim_serial_number": "8900100000000000001",
    "sim_subscriber_id": "001010000000001",
    "sim_state": "ready",
}
LTE = {
    "type": "lte",
    "registered": True,
    "asu": 43,
    "dbm": -97,
    "level": 3,
    "timing_advance": 5,
    "ci": 27447297,
    "pci": 416,
    "tac": 33997,
    "mcc": 1,
    "mnc": 1,
    "rsrp": -97,
    "rsrq": -11,
    "rssi": -65,
    "bands": [3],
}
NR = {
    "type": "nr",
    "registered": True,
    "asu": 30,
    "dbm": -101,
    "nci": 68719476734,
    "pci": 1007,
    "tac": 33997,
    "mcc": "001",
    "mnc": "01",
    "csi_rsrp": -99,
    "ss_rsrp": -101,
    "ss_rsrq": -12,
    "ss_sinr": 9,
    "bands": [78, 77],
}
PHONE = Radio(
    "termux",
    "lte",
    "home",
    roaming=False,
    connected=True,
    sim_mccmnc="00101",
    net_mccmnc="00101",
    operator="Test Network",
)
LTE_CELL = Cell(
    "lte", "00101", 33997, 27447297, 416, band=3, rsrp_dbm=-97, rsrq_ddb=-110, rssi_dbm=-65, timing_advance=5
)
NR_CELL = Cell("nr", "00101", 33997, 68719476734, 1007, rsrp_dbm=-101, rsrq_ddb=-120, sinr_ddb=90)


def cells_of(*told: object, radio: Radio = PHONE) -> tuple[Cell, ...]:
    """The cells that a list comes to."""
    return termux.with_cells(radio, list(told)).cells


def test_a_phone_and_its_cells() -> None:
    """A phone on LTE with NR beside it: the anchor first, and the network's zeros back."""
    assert termux.phone(DEVICE) == PHONE
    assert cells_of(NR, LTE) == (LTE_CELL, NR_CELL)


def test_the_devices_and_the_sims_numbers_are_dropped() -> None:
    """Numbers that old phones fill in never get further than the command's output."""
    told = repr(termux.with_cells(termux.phone(DEVICE), [LTE]))
    for secret in ("490154203237518", "8900100000000000001", "001010000000001"):
        assert secret not in told


@pytest.mark.parametrize(
    ("told", "technology"),
    [
        *[("gprs", "2g"), ("edge", "2g"), ("umts", "3g"), ("hdspa", "3g"), ("hspap", "3g"), ("lte", "lte")],
        *[("19", "lte"), ("nr", "nr"), ("20", "nr"), ("unknown", None), ("18", None), (None, None), ("42", None)],
    ],
)
def test_names_of_networks(told: object, technology: str | None) -> None:
    """A network's name is spelt as the app spells it, its misspelling too; voice over Wi-Fi is no radio."""
    assert termux.phone({**DEVICE, "network_type": told}).technology == technology


def test_without_a_network_nobody_roams() -> None:
    """A phone without a network says "not roaming", which is then nobody's statement."""
    radio = termux.phone({**DEVICE, "network_operator": "", "data_state": "2"})
    assert (radio.registration, radio.roaming, radio.connected, radio.net_mccmnc) == (None, None, None, None)
    assert termux.phone({**DEVICE, "network_roaming": True}).registration == "roaming"
    assert termux.phone({**DEVICE, "data_state": "suspended"}).connected is False


def test_the_sentinel_of_the_app() -> None:
    """2147483647 is written for an unknown dbm, and is no strength."""
    told = {"type": "lte", "registered": True, "dbm": 2147483647, "asu": 255, "ci": 27447297, "mcc": 1, "mnc": 1}
    assert cells_of(told) == (Cell("lte", "00101", cell=27447297),)
    assert cells_of({"type": "nr", "registered": True, "dbm": 2147483647, "mcc": None, "mnc": None}) == ()


def test_before_android_8_the_strength_is_the_dbm() -> None:
    """LTE's dbm is its RSRP; WCDMA's may be either of two, so it is nobody's; GSM's is the RSSI."""
    assert cells_of({"type": "lte", "registered": True, "dbm": -97}, radio=Radio("termux"))[0].rsrp_dbm == -97
    wcdma = {
        "type": "wcdma",
        "registered": "true",
        "dbm": -91,
        "cid": 35632513,
        "lac": 4660,
        "psc": 511,
        "mcc": 1,
        "mnc": 1,
    }
    assert cells_of(wcdma) == (Cell("3g", "00101", 4660, 35632513, 511),)
    gsm = {"type": "gsm", "registered": True, "dbm": -71, "cid": 4660, "lac": 4660, "mcc": 1, "mnc": 1}
    assert cells_of(gsm) == (Cell("2g", "00101", 4660, 4660, rssi_dbm=-71),)


def test_neighbours_and_strange_cells_are_left_out() -> None:
    """Only what serves the phone is told."""
    assert cells_of({**LTE, "registered": False}, {**LTE, "type": "cdma"}, {}, 7, None) == ()


def test_several_bands_are_none() -> None:
    """A cell that may be in several bands does not say in which it is."""
    assert cells_of({**LTE, "bands": [3, 20]})[0].band is None
    assert cells_of({**LTE, "bands": []})[0].band is None


@pytest.mark.parametrize(
    ("mcc", "mnc", "network"),
    [(1, 1, "00101"), (1, 2, None), (310, 410, "310410"), (310, 41, None), ("001", "001", "001001"), ("1", "1", None)],
)
def test_a_network_that_lost_its_zeros(mcc: object, mnc: object, network: str | None) -> None:
    """MNC 2 may be 02 or 002: only the phone's own network tells which, unless three digits are left."""
    assert [one.mccmnc for one in cells_of({**LTE, "mcc": mcc, "mnc": mnc})] == [network]


def test_two_sims_of_two_networks() -> None:
    """Of two SIM cards the one whose network the phone names is told, and no other's cells."""
    other = {**LTE, "mcc": 310, "mnc": 410, "ci": 1234567}
    assert cells_of(other, LTE, NR) == (LTE_CELL, NR_CELL)


def test_nr_beside_lte_names_no_network() -> None:
    """The secondary cell of 5G beside LTE often has no name at all, and belongs to the primary all the same."""
    nameless = {"type": "nr", "registered": True, "dbm": -101, "mcc": None, "mnc": None, "pci": 7, "ss_rsrp": -101}
    assert cells_of(nameless, LTE) == (LTE_CELL, Cell("nr", pci=7, rsrp_dbm=-101))
    other = {**LTE, "mcc": 310, "mnc": 2}
    assert cells_of(other, nameless, LTE) == (LTE_CELL, Cell("nr", pci=7, rsrp_dbm=-101))


def test_a_shared_mast_names_its_owner() -> None:
    """The only primary cell is the phone's, though it names another network."""
    told = cells_of({**LTE, "mcc": 310, "mnc": 410})
    assert [one.mccmnc for one in told] == ["310410"]


def test_two_sims_of_one_network() -> None:
    """Of two SIM cards of one network nobody can say which carries data: both are told, and counted."""
    radio = termux.with_cells(PHONE, [LTE, {**LTE, "ci": 1234567}, NR])
    assert len(radio.cells) == 3
    assert termux.primaries(radio) == 2
    assert termux.primaries(termux.with_cells(PHONE, [LTE, NR])) == 1
    assert termux.primaries(termux.with_cells(PHONE, [NR])) == 1
    assert termux.primaries(PHONE) == 0


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (
            '{"error": "Please grant the following permission to use this command: android.permission.READ_PHONE_STATE"}',
            "lacks permission READ_PHONE_STATE",
        ),
        ('{"API_ERROR": "No current connection"}', "No current connection"),
        ("", "no answer"),
        (" \n", "no answer"),
        ("[{", "no JSON"),
        ("Termux:API is not installed", "no JSON"),
    ],
)
def test_refusals_are_a_few_words(text: str, why: str) -> None:
    """An object with an error in place of an answer, no answer, and no JSON are refusals that say why."""
    with pytest.raises(Refused) as refused:
        termux.answer(text)
    assert str(refused.value) == why


def test_an_answer_is_what_it_is() -> None:
    """A list without cells is an answer."""
    assert termux.answer("[]") == []
    assert termux.answer(json.dumps(DEVICE)) == DEVICE


WIFI = {
    "bssid": "02:00:00:00:00:00",
    "frequency_mhz": 5180,
    "ip": "192.0.2.7",
    "rssi": -51,
    "ssid": "home",
    "supplicant_state": "COMPLETED",
}


def test_wifi() -> None:
    """Wi-Fi that is connected tells signal and frequency, never its name; else there is none."""
    assert termux.wifi(WIFI) == (-51, 5180)
    assert termux.wifi({**WIFI, "rssi": -127, "frequency_mhz": -1}) == (None, None)
    for change in ({"ip": "0.0.0.0"}, {"supplicant_state": "SCANNING"}, {"ip": None}):
        assert termux.wifi({**WIFI, **change}) is None


def test_battery() -> None:
    """Charge, plug and temperature; a device without a battery has neither charge nor temperature."""
    told = {
        "health": "GOOD",
        "percentage": 42,
        "plugged": "UNPLUGGED",
        "status": "DISCHARGING",
        "temperature": 31.4,
        "current": -123456,
    }
    assert termux.battery(told) == Power(plugged=False, charge_per_cent=42, temperature_dc=314)
    assert termux.battery({**told, "plugged": "PLUGGED_USB", "percentage": -1}).charge_per_cent is None
    assert termux.battery({**told, "present": False, "plugged": "PLUGGED_AC"}) == Power(plugged=True)
    assert termux.battery([]) == Power()


FIX = {"latitude": 48.858222, "longitude": 2.2945, "accuracy": 18.5, "elapsedMs": 1200, "provider": "network"}


def test_a_place_is_rounded() -> None:
    """A place is known to about a kilometre; one that is old, made up or impossible is none."""
    assert termux.place(FIX) == Place(4886, 229, 18)
    assert termux.place({**FIX, "accuracy": None}) == Place(4886, 229)
    for change in (
        {"elapsedMs": 600_001},
        {"elapsedMs": None},
        {"mocked": True},
        {"latitude": 90.1},
        {"longitude": "x"},
    ):
        assert termux.place({**FIX, **change}) is None
