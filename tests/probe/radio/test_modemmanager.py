"""What ModemManager tells, as plain values by property."""

import pytest

from probe.radio import modemmanager
from probe.radio.modemmanager import ACCESS, cells, joined, radio, signals, technology
from probe.surroundings import Cell, Radio

LTE, NR, GSM, EDGE, UMTS, HSPA_PLUS, EVDO_B = (1 << bit for bit in (14, 15, 1, 4, 5, 9, 13))


@pytest.mark.parametrize(
    ("bits", "its"),
    [
        *[(GSM, "2g"), (EDGE, "2g"), (UMTS, "3g"), (UMTS | HSPA_PLUS, "3g"), (EVDO_B, "3g"), (LTE, "lte"), (NR, "nr")],
        *[
            (LTE | NR, "lte"),
            (1 << 17, "lte"),
            (1 << 10, "2g"),
            (0, None),
            (0xFFFFFFFF, None),
            (1 << 18, None),
            (None, None),
        ],
    ],
)
def test_access_technologies(bits: object, its: str | None) -> None:
    """The best technology in use is told; NR beside LTE does not lead; all at once is nobody's."""
    assert technology(bits) == its


def test_the_bits_of_technologies_are_apart() -> None:
    """No bit stands for two technologies."""
    masks = [mask for _, mask in ACCESS]
    assert sum(masks) == masks[0] | masks[1] | masks[2] | masks[3]


@pytest.mark.parametrize(
    ("state", "registration", "roaming"),
    [
        *[(0, "idle", None), (1, "home", False), (2, "searching", None), (3, "denied", None), (4, None, None)],
        *[
            (5, "roaming", True),
            (7, "roaming", True),
            (8, None, None),
            (9, "home", False),
            (True, None, None),
            (None, None, None),
        ],
    ],
)
def test_registration(state: object, registration: str | None, roaming: bool | None) -> None:
    """Whether a device roams is known only while it is registered."""
    told = radio({}, {"RegistrationState": state}, {}, [])
    assert (told.registration, told.roaming) == (registration, roaming)


@pytest.mark.parametrize(
    ("state", "connected"), [(11, True), (8, False), (-1, False), (0, None), (None, None), ("11", None)]
)
def test_connected(state: object, connected: bool | None) -> None:
    """A modem is connected in one state, in none of the others, and in the unknown one nobody knows."""
    assert radio({"State": state}, {}, {}, []).connected is connected


def test_the_bearer_that_is_up_names_the_interface() -> None:
    """Of several bearers the connected one carries the packets."""
    bearers = [
        {"Connected": False, "Interface": "wwan0"},
        {"Connected": True, "Interface": ""},
        {"Connected": True, "Interface": "wwan1"},
    ]
    assert radio({}, {}, {}, bearers).interface == "wwan1"
    assert radio({}, {}, {}, bearers[:1]).interface is None


def test_a_modem_that_tells_nothing() -> None:
    """A modem that has just been plugged in is a modem, and nothing more."""
    assert radio({}, {}, {}, []) == Radio("modemmanager")


def test_signals_of_each_technology() -> None:
    """Strengths are told by technology; empty ones and sentinels are no cell."""
    told = {"Lte": {"rsrp": -1.7976931348623157e308}, "Nr5g": {}, "Umts": {"rssi": -71.0}, "Gsm": {"rssi": -65.4}}
    assert signals(told, "00101") == (Cell("3g", "00101", rssi_dbm=-71), Cell("2g", "00101", rssi_dbm=-65))
    assert signals({"Lte": 7}, None) == ()


def test_cells_of_get_cell_info() -> None:
    """Serving cells alone, the primary first, their numbers out of hexadecimal."""
    secondary = {"cell-type": 5, "serving": True, "serving-cell-type": 2, "physical-ci": "1A1", "earfcn": 1900}
    primary = {"cell-type": 5, "serving": True, "serving-cell-type": 1, "ci": "1A2D001", "timing-advance": 4294967295}
    nr = {
        "cell-type": 6,
        "serving": True,
        "ci": "FFFFFFFFF",
        "tac": "84CDEF",
        "nrarfcn": 632448,
        "sinr": 12.0,
        "bandwidth": 100,
    }
    neighbour = {"cell-type": 5, "serving": False, "ci": "2"}
    assert cells([neighbour, secondary, primary, nr]) == (
        Cell("lte", cell=0x1A2D001),
        Cell("lte", pci=0x1A1, channel=1900),
        Cell("nr", area=0x84CDEF, channel=632448, sinr_ddb=120),
    )
    umts = {"cell-type": 3, "serving": True, "lac": "84CD", "ci": "21FBA01", "psc": 511, "uarfcn": 10700}
    gsm = {"cell-type": 2, "serving": True, "lac": "84CD", "ci": "1234", "arfcn": 62}
    assert cells([umts, gsm]) == (
        Cell("3g", area=0x84CD, cell=0x21FBA01, pci=511, channel=10700),
        Cell("2g", area=0x84CD, cell=0x1234, channel=62),
    )
    assert cells([{"cell-type": 1, "serving": True}, {"serving": True}, "--"]) == ()
    assert cells("--") == ()


def test_names_of_a_moment_ago_and_strengths_of_now() -> None:
    """The first cell of a technology gets the strengths of now; the others keep theirs, and what is new is added."""
    named = (Cell("lte", cell=1, rsrp_dbm=-99, rssi_dbm=-66), Cell("lte", cell=2, rsrp_dbm=-110))
    now = (Cell("lte", rsrp_dbm=-90), Cell("nr", rsrp_dbm=-101))
    assert joined(named, now) == (Cell("lte", cell=1, rsrp_dbm=-90, rssi_dbm=-66), named[1], now[1])
    assert joined((), now) == now
    assert modemmanager.with_cells(Radio("modemmanager", cells=now), ()).cells == now
