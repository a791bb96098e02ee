"""What Termux:API tells, as JSON texts of its commands (2025-09): radio, Wi-Fi, battery, place. Pure.

Its traps: without a permission an object with `error` comes where a list is due, other failures have `API_ERROR`; truths may
be words; `dbm` may be 2147483647; `mcc` and `mnc` of LTE have lost their zeros, those of NR are texts; 5G beside LTE says
"lte". No answer has a time, so an old cell does not show. Device and SIM numbers, names of Wi-Fi networks and addresses are
never taken.
"""

import re
from dataclasses import replace
from typing import Final

from probe.radio.limits import (
    PER_CENT,
    TEMPERATURE_DC,
    WIFI_DBM,
    WIFI_MHZ,
    Limits,
    cell,
    name,
    network,
    truth,
)
from probe.radio.strangers import few_words, items, known, members, read_json
from probe.surroundings import Cell, Place, Power, Radio, Technology

TECHNOLOGIES: Final[dict[object, Technology]] = {  # TelephonyManager.NETWORK_TYPE_*; IWLAN is nobody's radio
    **dict.fromkeys(("gprs", "edge", "gsm", "cdma", "1xrtt", "iden", "16"), "2g"),
    **dict.fromkeys(("umts", "hsdpa", "hdspa", "hsupa", "hspa", "hspap", "td_scdma", "17"), "3g"),
    **dict.fromkeys(("evdo_0", "evdo_a", "evdo_b", "ehrpd"), "3g"),
    **dict.fromkeys(("lte", "lte_ca", "19"), "lte"),
    **dict.fromkeys(("nr", "20"), "nr"),
}
DATA_STATES: Final[dict[object, bool]] = {
    "connected": True,
    "connecting": False,
    "disconnected": False,
    "suspended": False,
}
NO_ADDRESS: Final = frozenset({"", "0.0.0.0"})  # noqa: S104  (what Android says for none)
PLUGS: Final[dict[object, bool]] = {
    "UNPLUGGED": False,
    **dict.fromkeys(("PLUGGED_AC", "PLUGGED_USB", "PLUGGED_WIRELESS", "PLUGGED_DOCK"), True),
}
OLD_FIX_MS: Final = Limits(0, 600_000)  # ours: in ten minutes nobody leaves the region that a rounded place names
LATITUDE_CDEG: Final = Limits(-9_000, 9_000, 100)
LONGITUDE_CDEG: Final = Limits(-18_000, 18_000, 100)
ACCURACY_M: Final = Limits(0, 100_000)
MNC_DIGITS: Final = (2, 3)
NUMBER: Final = Limits(0, 999)
_PERMISSION = re.compile(r"permission\.([A-Z_]{1,40})")


class Refused(ValueError):
    """The command answered that it cannot answer, or with what is no answer."""


def answer(text: str) -> object:
    """Read a command's answer; raises Refused with a few words."""
    if not text.strip():
        raise Refused("no answer")
    try:
        told = read_json(text)
    except ValueError as error:
        raise Refused("no JSON") from error
    said = members(told)
    for member in ("error", "API_ERROR"):
        why = said.get(member)
        if why is not None:
            permission = _PERMISSION.search(str(why))
            raise Refused(f"lacks permission {permission[1]}" if permission else few_words(str(why)))
    return told


def phone(told: object) -> Radio:
    """Read `termux-telephony-deviceinfo`."""
    said = members(told)
    net = network(said.get("network_operator"))
    roaming = truth(said.get("network_roaming")) if net else None
    return Radio(
        via="termux",
        technology=known(TECHNOLOGIES, said.get("network_type")),
        registration=None if roaming is None else "roaming" if roaming else "home",
        roaming=roaming,
        connected=known(DATA_STATES, said.get("data_state")),
        sim_mccmnc=network(said.get("sim_operator")),
        net_mccmnc=net,
        operator=name(said.get("network_operator_name")),
    )


def with_cells(radio: Radio, told: object) -> Radio:
    """Add what `termux-telephony-cellinfo` tells of the serving cells, the primary first.

    A phone with two SIM cards has two primary cells. Where their networks differ, the network of `deviceinfo` tells whose is
    whose, and the other's cells are left out. A single one is kept whatever it names: shared masts name their owner.
    """
    serving = [members(item) for item in items(told) if truth(members(item).get("registered")) is True]
    ours = [one for one in serving if not _is_anothers(one, radio.net_mccmnc)]
    chosen = ours if any(one.get("type") != "nr" or radio.technology == "nr" for one in ours) else serving
    found = [made for one in chosen if (made := _cell(one, radio.net_mccmnc)) is not None]
    found.sort(key=lambda one: one.radio == "nr" and radio.technology != "nr")  # beside LTE, NR is the secondary
    return replace(radio, cells=tuple(found))


def primaries(radio: Radio) -> int:
    """How many primary cells there are: more than one means that it is not told which carries the data."""
    return sum(one.radio != "nr" for one in radio.cells) or len(radio.cells)


def wifi(told: object) -> tuple[int | None, int | None] | None:
    """Read `termux-wifi-connectioninfo`: signal in dBm, frequency in MHz; None if Wi-Fi is not connected."""
    said = members(told)
    address = said.get("ip")
    if said.get("supplicant_state") != "COMPLETED" or not isinstance(address, str) or address in NO_ADDRESS:
        return None
    return WIFI_DBM.take(said.get("rssi")), WIFI_MHZ.take(said.get("frequency_mhz"))


def battery(told: object) -> Power:
    """Read `termux-battery-status`; a device that has no battery is never low."""
    said = members(told)
    plugged = known(PLUGS, said.get("plugged"))
    if truth(said.get("present")) is False:
        return Power(plugged=plugged)
    return Power(
        plugged=plugged,
        charge_per_cent=PER_CENT.take(said.get("percentage")),
        temperature_dc=TEMPERATURE_DC.take(said.get("temperature")),
    )


def place(told: object) -> Place | None:
    """Read `termux-location`, rounded to about 1 km; None if it is old, made up by another app, or no place."""
    said = members(told)
    if truth(said.get("mocked")) or OLD_FIX_MS.take(said.get("elapsedMs")) is None:
        return None
    latitude, longitude = LATITUDE_CDEG.take(said.get("latitude")), LONGITUDE_CDEG.take(said.get("longitude"))
    if latitude is None or longitude is None:
        return None
    return Place(latitude, longitude, ACCURACY_M.take(said.get("accuracy")))


def _cell(said: dict[str, object], net: str | None) -> Cell | None:
    """One cell; None for CDMA, and for one that says nothing."""
    mccmnc, bands = _network(said.get("mcc"), said.get("mnc"), net), items(said.get("bands"))
    band = bands[0] if len(bands) == 1 else None  # several: the cell may use any of them
    match said.get("type"):
        case "lte":
            return cell(
                "lte",
                mccmnc=mccmnc,
                area=said.get("tac"),
                number=said.get("ci"),
                pci=said.get("pci"),
                band=band,
                rsrp_dbm=said.get("rsrp", said.get("dbm")),  # before Android 8 only as dbm
                rsrq_db=said.get("rsrq"),
                rssi_dbm=said.get("rssi"),
                timing_advance=said.get("timing_advance"),
            )
        case "nr":
            return cell(
                "nr",
                mccmnc=mccmnc,
                area=said.get("tac"),
                number=said.get("nci"),
                pci=said.get("pci"),
                band=band,
                rsrp_dbm=said.get("ss_rsrp"),  # that of the CSI signals is another quantity
                rsrq_db=said.get("ss_rsrq"),
                sinr_db=said.get("ss_sinr"),
            )
        case "wcdma":  # its dbm is the RSCP or the RSSI, and nobody says which
            return cell("3g", mccmnc=mccmnc, area=said.get("lac"), number=said.get("cid"), pci=said.get("psc"))
        case "gsm":
            return cell("2g", mccmnc=mccmnc, area=said.get("lac"), number=said.get("cid"), rssi_dbm=said.get("dbm"))
        case _:
            return None


def _is_anothers(said: dict[str, object], net: str | None) -> bool:
    """Say whether a cell names another network than the phone does; one that names none may be the phone's."""
    mcc, mnc = NUMBER.take(said.get("mcc")), NUMBER.take(said.get("mnc"))
    return None not in {mcc, mnc} and net is not None and (mcc, mnc) != (int(net[:3]), int(net[3:]))


def _network(mcc: object, mnc: object, net: str | None) -> str | None:
    """A cell's network: texts as they are; numbers have lost their zeros, so only what the phone's own network explains."""
    if isinstance(mcc, str) and isinstance(mnc, str):
        return network(mcc + mnc) if len(mnc) in MNC_DIGITS else None
    if type(mcc) is not int or type(mnc) is not int:
        return None
    if net is not None and (mcc, mnc) == (int(net[:3]), int(net[3:])):
        return net
    return network(f"{mcc:03}{mnc}") if mnc > 99 else None  # noqa: PLR2004  (three digits have lost none)
