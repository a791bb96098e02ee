"""What mmcli prints: every scalar a text, a missing one "--"."""

import json

from probe.radio import mmcli
from probe.surroundings import Cell, Radio

PATH = "/org/freedesktop/ModemManager1"
MODEMS = json.dumps({"modem-list": [f"{PATH}/Modem/0", "--help", 7]})
MODEM = json.dumps(
    {
        "modem": {
            "3gpp": {
                "operator-code": "00101",
                "operator-name": "Test Network",
                "registration-state": "home",
                "imei": "490154203237518",
            },
            "generic": {
                "access-technologies": ["lte", "5gnr"],
                "bearers": [f"{PATH}/Bearer/0", f"{PATH}/Bearer/1"],
                "sim": f"{PATH}/SIM/0",
                "signal-quality": {"recent": "yes", "value": "70"},
                "state": "connected",
            },
        }
    }
)
SIGNAL = json.dumps(
    {
        "modem": {
            "signal": {
                "5g": {"rsrp": "--", "rsrq": "--", "snr": "--"},
                "lte": {"rsrp": "-97.00", "rsrq": "-11.00", "rssi": "-65.00", "snr": "8.40"},
                "refresh": {"rate": "5"},
            }
        }
    }
)
BEARER = json.dumps(
    {
        "bearer": {
            "status": {"connected": "yes", "interface": "wwan0"},
            "stats": {"attempts": "1", "failed-attempts": "--"},
        }
    }
)
DOWN = json.dumps({"bearer": {"status": {"connected": "no", "interface": "--"}}})
SIM = json.dumps({"sim": {"properties": {"imsi": "001010000000001", "operator-code": "00101"}}})
SERVING = (
    "cell type: lte, serving: yes, operator id: 00101, tac: 84CD, ci: 1A2D001, physical ci: 1A0, earfcn: 1300, "
    "rsrp: -97.000000, rsrq: -11.500000, timing advance: 5, serving cell type: 1, bandwidth: 20000"
)
CELLS = json.dumps(
    {
        "modem": {
            "cell-info": [
                "cell type: lte, serving: no, tac: 84CD, ci: 2, physical ci: 1A1, rsrp: -120.000000",
                SERVING,
            ]
        }
    }
)


def test_a_modem() -> None:
    """Texts become what D-Bus would have told, and "--" nothing."""
    told = mmcli.radio(MODEM, SIGNAL, (DOWN, BEARER), SIM)
    assert told == Radio(
        "mmcli",
        "lte",
        "home",
        roaming=False,
        connected=True,
        sim_mccmnc="00101",
        net_mccmnc="00101",
        operator="Test Network",
        interface="wwan0",
        cells=(Cell("lte", "00101", rsrp_dbm=-97, rsrq_ddb=-110, rssi_dbm=-65, sinr_ddb=84),),
    )


def test_a_modem_that_tells_little() -> None:
    """Without signal, bearer and SIM the rest is told; where there is nothing, nothing is."""
    assert mmcli.radio(MODEM, None, (), None).cells == ()
    assert mmcli.radio('{"modem": "--"}', None, (), None) == Radio("mmcli")
    assert (
        mmcli.radio(
            '{"modem": {"generic": {"access-technologies": "--", "state": "locked"}}}', None, (), None
        ).technology
        is None
    )


def test_paths() -> None:
    """Only paths of the service are handed on to a command line."""
    assert mmcli.modems(MODEMS) == (f"{PATH}/Modem/0",)
    assert mmcli.bearers_of(MODEM) == (f"{PATH}/Bearer/0", f"{PATH}/Bearer/1")
    assert mmcli.sim_of(MODEM) == f"{PATH}/SIM/0"
    assert mmcli.sim_of('{"modem": {"generic": {"sim": "--"}}}') is None
    assert mmcli.modems('{"modem-list": "--"}') == ()


def test_cells() -> None:
    """The serving cell's line is read by its names, wherever the list stands."""
    cell = Cell("lte", "00101", 0x84CD, 0x1A2D001, 0x1A0, 1300, rsrp_dbm=-97, rsrq_ddb=-115, timing_advance=5)
    assert mmcli.cells(CELLS) == (cell,)
    assert mmcli.cells('["cell type: 5gnr, serving: yes, physical ci: 3EF"]') == (Cell("nr", pci=1007),)
    assert mmcli.cells('["cell type: , serving"]') == ()
