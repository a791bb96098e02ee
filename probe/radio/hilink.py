"""What a HiLink stick tells in its XML answers: units in the text or bare, blank where it does not know. Pure.

The device's and the SIM's numbers stand in an answer that is never asked for, so the SIM's own network stays unknown.
"""

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Final

from probe.radio.limits import cell, name, network
from probe.radio.strangers import few_words, read_leaves
from probe.surroundings import Cell, Radio, Technology

MODES: Final[dict[str, Technology]] = {"0": "2g", "2": "3g", "7": "lte"}  # `mode` of device/signal
EX_TYPES: Final[dict[str, Technology]] = {  # `CurrentNetworkTypeEx`: the constants of the sticks' own pages
    **dict.fromkeys(("1", "2", "3"), "2g"),
    **dict.fromkeys(("41", "42", "43", "44", "45", "46", "61", "62", "63", "64", "65"), "3g"),
    **dict.fromkeys(("101", "1011"), "lte"),
}
TYPES: Final[dict[str, Technology]] = {  # `CurrentNetworkType`: firmware does not agree whether 19 is 3G or LTE
    **dict.fromkeys(("1", "2", "3"), "2g"),
    **dict.fromkeys(("4", "5", "6", "7", "8", "9", "17", "18"), "3g"),
}
CONNECTED, NOT_CONNECTED = "901", frozenset({"900", "902", "903"})
REFUSALS: Final = {
    "100003": "wants a login",
    "125001": "wants a token",
    "125002": "wants a token",
    "125003": "wants a token",
}
COOKIE: Final = "SessionID="
_TOKEN = re.compile(r"[!-~]{1,512}")
_QUANTITY = re.compile(r"([+-]?[0-9]{1,6}(?:\.[0-9]{1,3})?)\s*(dBm|dB|MHz)?")
_CHANNEL = re.compile(r"DL:([0-9]{1,7})(?: UL:[0-9]{1,7})?")


class Refused(ValueError):
    """The stick answered with an error, or with what is no answer."""


def leaves(text: str) -> dict[str, str]:
    """Read an answer; raises Refused with a few words."""
    try:
        told = read_leaves(text)
    except ValueError as error:
        raise Refused(few_words(str(error))) from error
    if "<error>" in text:
        code = told.get("code", "")
        raise Refused(REFUSALS.get(code, f"error {few_words(code)}"))
    return told


def session(told: Mapping[str, str]) -> tuple[str, str]:
    """Read `webserver/SesTokInfo`: cookie and token; raises Refused unless both can stand in a header."""
    cookie, token = told.get("SesInfo", ""), told.get("TokInfo", "")
    if not _TOKEN.fullmatch(cookie) or not _TOKEN.fullmatch(token):
        raise Refused("gave no session")
    return cookie if cookie.startswith(COOKIE) else COOKIE + cookie, token


def next_token(header: str) -> str | None:
    """Read the token in an answer's header; of several, joined by #, the first."""
    token = header.partition("#")[0]
    return token if _TOKEN.fullmatch(token) else None


def radio(
    signal: Mapping[str, str], plmn: Mapping[str, str], status: Mapping[str, str], interface: str | None
) -> Radio:
    """Read `device/signal`, `net/current-plmn` and `monitoring/status`; an answer that did not come is empty."""
    net = network(plmn.get("Numeric")) or network(signal.get("plmn"))
    roams = {"0": False, "1": True}.get(status.get("RoamingStatus", "")) if net else None
    connection = status.get("ConnectionStatus", "")
    technology = MODES.get(signal.get("mode", "")) or _type(status)
    serving = None if technology is None else _cell(technology, signal, net)
    return Radio(
        via="hilink",
        technology=technology,
        registration=None if roams is None else "roaming" if roams else "home",
        roaming=roams,
        connected=True if connection == CONNECTED else False if connection in NOT_CONNECTED else None,
        net_mccmnc=net,
        operator=name(plmn.get("FullName")) or name(plmn.get("ShortName")),
        interface=interface,
        cells=() if serving is None else (serving,),
    )


def _cell(technology: Technology, signal: Mapping[str, str], net: str | None) -> Cell | None:
    """The serving cell; without a strength or a name of its own there is none."""
    is_lte = technology == "lte"
    channel = _CHANNEL.fullmatch(signal.get("earfcn", ""))
    made = cell(
        technology,
        number=signal.get("cell_id"),
        pci=signal.get("pci") if is_lte else signal.get("sc"),
        channel=channel[1] if channel and is_lte else None,
        band=signal.get("band"),
        bandwidth_khz=_thousand(_quantity(signal.get("dlbandwidth"), "MHz")),
        rsrp_dbm=_quantity(signal.get("rsrp"), "dBm"),
        rsrq_db=_quantity(signal.get("rsrq"), "dB"),
        rssi_dbm=_quantity(signal.get("rssi"), "dBm"),
        sinr_db=_quantity(signal.get("sinr"), "dB"),
    )
    return None if made is None else replace(made, mccmnc=net)


def _type(status: Mapping[str, str]) -> Technology | None:
    ex = EX_TYPES.get(status.get("CurrentNetworkTypeEx", ""))
    return ex or TYPES.get(status.get("CurrentNetworkType", ""))


def _quantity(text: str | None, unit: str) -> str | None:
    """A number whose unit is the expected one or left out; a bound such as ">=-51dBm" is no number."""
    found = _QUANTITY.fullmatch(text or "")
    return found[1] if found and found[2] in {None, unit} else None


def _thousand(text: str | None) -> str | None:
    """Megahertz as kilohertz, digits moved and nothing rounded."""
    if text is None:
        return None
    whole, _, rest = text.partition(".")
    return whole + f"{rest:0<3}"
