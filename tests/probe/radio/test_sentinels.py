"""Every system's word for "unknown", put into every place: it never comes out as a value."""

import json
from collections.abc import Sequence

import pytest

from probe.radio import hilink, mmcli, modemmanager, termux

SENTINELS = (2147483647, 4294967295, 9223372036854775807, -2147483648, -32768, -1.7976931348623157e308)
CELL_KEYS = "ci cid nci tac lac pci psc dbm rsrp rsrq rssi ss_rsrp ss_rsrq ss_sinr timing_advance mcc mnc".split()  # noqa: SIM905
SIGNAL_KEYS = ("rssi", "rsrp", "rsrq", "snr")
INFO_KEYS = ("earfcn", "nrarfcn", "uarfcn", "arfcn", "psc", "rsrp", "rsrq", "sinr", "timing-advance", "bandwidth")
LEAVES = ("cell_id", "pci", "sc", "band", "rsrp", "rsrq", "rssi", "sinr", "dlbandwidth")


def termux_cells(sentinel: float) -> object:
    """Serving cells of each type with nothing else in them."""
    kinds = ("lte", "nr", "wcdma", "gsm")
    told = [
        {"type": kind, "registered": True, "bands": [sentinel], **dict.fromkeys(CELL_KEYS, sentinel)} for kind in kinds
    ]
    return termux.with_cells(termux.phone({"network_operator": "00101", "network_type": str(sentinel)}), told)


def termux_others(sentinel: float) -> object:
    """Wi-Fi, battery and place."""
    address = {"ip": "192.0.2.1", "supplicant_state": "COMPLETED"}
    keys = ("rssi", "frequency_mhz", "percentage", "temperature", "latitude", "longitude", "accuracy", "elapsedMs")
    told = {**dict.fromkeys(keys, sentinel), **address}
    return termux.wifi(told), termux.battery(told), termux.place(told)


def modemmanager_all(sentinel: float) -> object:
    """Properties and cells."""
    signal = {kind: dict.fromkeys(SIGNAL_KEYS, float(sentinel)) for kind in ("Lte", "Nr5g", "Umts", "Gsm")}
    info = {**dict.fromkeys(INFO_KEYS, sentinel), **dict.fromkeys(("ci", "tac", "lac", "physical-ci"), "FFFFFFFFFF")}
    cells = [{"cell-type": kind, "serving": True, **info} for kind in (2, 3, 5, 6)]
    return modemmanager.radio({"State": sentinel}, {"RegistrationState": sentinel}, signal, []), modemmanager.cells(
        cells
    )


def mmcli_all(sentinel: float) -> object:
    """A modem and its signal."""
    modem = json.dumps({"modem": {"generic": {"state": str(sentinel)}, "3gpp": {"operator-code": str(sentinel)}}})
    signal = {kind: dict.fromkeys(SIGNAL_KEYS, str(sentinel)) for kind in ("lte", "5g", "umts", "gsm")}
    return mmcli.radio(modem, json.dumps({"modem": {"signal": signal}}), (), None)


def hilink_all(sentinel: float) -> object:
    """Each mode."""
    told = {**dict.fromkeys(LEAVES, str(sentinel)), "earfcn": f"DL:{sentinel}"}
    return [hilink.radio({**told, "mode": mode}, {}, {}, None) for mode in ("0", "2", "7")]


@pytest.mark.parametrize("sentinel", SENTINELS)
@pytest.mark.parametrize("read", [termux_cells, termux_others, modemmanager_all, mmcli_all, hilink_all])
def test_no_sentinel_comes_out(sentinel: float, read: object) -> None:
    """Whoever tells it, in whatever place: a sentinel is absent."""
    told = repr(read(sentinel))  # type: ignore[operator]
    for shape in _shapes(sentinel):
        assert shape not in told


def _shapes(sentinel: float) -> Sequence[str]:
    """How it would look: as it is, and as tenths and thousands of it."""
    whole = int(sentinel)
    return [f"={one}" for one in (sentinel, whole, 10 * whole, 100 * whole, 1000 * whole)]
