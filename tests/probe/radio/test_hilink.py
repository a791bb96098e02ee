"""What a HiLink stick tells: units in the text or bare, bounds, blanks, error codes."""

import pytest

from probe.radio import hilink
from probe.radio.hilink import Refused, leaves, next_token, radio, session
from probe.surroundings import Cell, Radio

SESSION = '<?xml version="1.0" encoding="UTF-8"?><response><SesInfo>SessionID=abc</SesInfo><TokInfo>t0ken</TokInfo></response>'
SIGNAL = (
    "<response><pci>43</pci><sc></sc><cell_id>44294436</cell_id><rsrq>-14dB</rsrq><rsrp>-86dBm</rsrp><rssi>-61dBm</rssi>"
    "<sinr>10dB</sinr><mode>7</mode><dlbandwidth>15MHz</dlbandwidth><earfcn>DL:3025 UL:21025</earfcn><band>7</band></response>"
)
PLMN = "<response><State>0</State><FullName>Test Network</FullName><ShortName>Test</ShortName><Numeric>00101</Numeric><Rat>7</Rat></response>"
STATUS = "<response><ConnectionStatus>901</ConnectionStatus><RoamingStatus>0</RoamingStatus><CurrentNetworkType>19</CurrentNetworkType></response>"
CELL = Cell(
    "lte",
    "00101",
    cell=44294436,
    pci=43,
    channel=3025,
    band=7,
    bandwidth_khz=15_000,
    rsrp_dbm=-86,
    rsrq_ddb=-140,
    rssi_dbm=-61,
    sinr_ddb=100,
)


def cell_of(signal: str, **change: str) -> Cell | None:
    """The cell that an answer comes to, with some leaves changed."""
    cells = radio(leaves(signal) | change, leaves(PLMN), {}, None).cells
    return cells[0] if cells else None


def test_a_stick() -> None:
    """Signal, network and connection give one radio; the interface is the one that leads to the stick."""
    told = radio(leaves(SIGNAL), leaves(PLMN), leaves(STATUS), "eth1")
    assert told == Radio(
        "hilink",
        "lte",
        "home",
        roaming=False,
        connected=True,
        net_mccmnc="00101",
        operator="Test Network",
        interface="eth1",
        cells=(CELL,),
    )


def test_bare_numbers_are_the_same() -> None:
    """Firmware that leaves the units out means the same units; a wrong unit is no value."""
    bare = {"rsrq": "-14", "rsrp": "-86", "rssi": "-61", "sinr": "10", "dlbandwidth": "15", "earfcn": "DL:3025"}
    assert cell_of(SIGNAL, **bare) == CELL
    wrong = cell_of(SIGNAL, rsrp="-86dB", dlbandwidth="1.4MHz", earfcn="3025")
    assert wrong is not None
    assert (wrong.rsrp_dbm, wrong.bandwidth_khz, wrong.channel) == (None, 1_400, None)


def test_a_bound_is_no_value() -> None:
    """A signal of ">=-51dBm" says that the scale has ended, and not where the signal is."""
    told = cell_of(SIGNAL.replace("-61dBm", "&gt;=-51dBm"))
    assert told is not None
    assert told.rssi_dbm is None


def test_blank_leaves_are_nothing() -> None:
    """Without a SIM card the stick answers with blanks: a radio that knows nothing."""
    assert radio(leaves("<response><pci></pci><mode></mode></response>"), {}, {}, None) == Radio("hilink")
    assert radio({"mode": "7"}, {}, {}, None) == Radio("hilink", "lte")


@pytest.mark.parametrize(
    ("status", "technology", "connected", "roaming"),
    [
        ({"CurrentNetworkTypeEx": "1011", "ConnectionStatus": "902", "RoamingStatus": "1"}, "lte", False, True),
        ({"CurrentNetworkType": "7", "CurrentNetworkTypeEx": "101", "ConnectionStatus": "900"}, "lte", False, None),
        ({"CurrentNetworkTypeEx": "46", "ConnectionStatus": "112", "RoamingStatus": "2"}, "3g", None, None),
        ({"CurrentNetworkType": "3"}, "2g", None, None),
        ({"CurrentNetworkType": "0"}, None, None, None),
        ({"CurrentNetworkType": "19"}, None, None, None),
    ],
)
def test_status(status: dict[str, str], technology: str | None, connected: bool | None, roaming: bool | None) -> None:
    """Where the signal does not name the technology the status does; unknown codes are unknown."""
    told = radio({}, leaves(PLMN), status, None)
    assert (told.technology, told.connected, told.roaming) == (technology, connected, roaming)


def test_a_session_can_stand_in_a_header() -> None:
    """Cookie and token are what a header may hold, or the stick gave none."""
    assert session(leaves(SESSION)) == ("SessionID=abc", "t0ken")
    assert session({"SesInfo": "abc", "TokInfo": "t"})[0] == "SessionID=abc"
    for odd in (
        {},
        {"SesInfo": "a", "TokInfo": ""},
        {"SesInfo": "a b", "TokInfo": "t"},
        {"SesInfo": "a\r\nb", "TokInfo": "t"},
    ):
        with pytest.raises(Refused, match="no session"):
            session(odd)
    assert [next_token(told) for told in ("one#two", "one", "", "a b")] == ["one", "one", None, None]


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("<error><code>125002</code><message></message></error>", "wants a token"),
        ("<error><code>100003</code></error>", "wants a login"),
        ("<error><code>100008</code></error>", "error 100008"),
        ("<error></error>", "error "),
        ("<!DOCTYPE x><response></response>", "XML with a declaration inside"),
    ],
)
def test_errors_are_a_few_words(text: str, why: str) -> None:
    """An error code, or XML that wants more than to be read, is a refusal."""
    with pytest.raises(Refused) as refused:
        leaves(text)
    assert str(refused.value) == why


def test_third_generation() -> None:
    """Of 3G the scrambling code names the cell, and what belongs to LTE is not told."""
    told = radio({"mode": "2", "sc": "511", "pci": "43", "earfcn": "DL:3025", "rssi": "-71dBm"}, {}, {}, None)
    assert told.cells == (Cell("3g", pci=511, rssi_dbm=-71),)
    assert hilink.MODES["2"] == "3g"
