"""What ModemManager tells over D-Bus (1.20), as plain values by property: into radio facts. Pure.

Signal strengths are doubles in dBm and dB, unknown ones are left out; TAC, CI and physical CI are hexadecimal texts. The
equipment's and the subscriber's numbers are never taken. `bandwidth` of a cell has no unit in its documentation, so it is
not taken either.
"""

from collections.abc import Mapping, Sequence
from dataclasses import fields, replace
from typing import Final

from probe.radio.limits import cell, hexadecimal, interface, name, network
from probe.radio.strangers import items, known, members
from probe.surroundings import Cell, Radio, Registration, Technology

REGISTRATIONS: Final[dict[object, Registration]] = {  # MMModem3gppRegistrationState; 4 unknown, 8 emergency only
    0: "idle",
    1: "home",
    2: "searching",
    3: "denied",
    5: "roaming",
    6: "home",
    7: "roaming",
    9: "home",
    10: "roaming",
}
CONNECTED: Final = 11  # MMModemState
UNKNOWN_STATE: Final = 0
ANY_ACCESS: Final = 0xFFFFFFFF
ACCESS: Final[
    tuple[tuple[Technology, int], ...]
] = (  # MMModemAccessTechnology, by bits; with LTE and NR both, LTE leads
    ("lte", 1 << 14 | 1 << 16 | 1 << 17),
    ("nr", 1 << 15),
    ("3g", 0b11_1000_0000_0000 | 0b11_1110_0000),  # EV-DO; UMTS, HSDPA, HSUPA, HSPA, HSPA+
    ("2g", 1 << 10 | 0b1_1110),  # 1xRTT; GSM, GSM compact, GPRS, EDGE
)
CELL_TYPES: Final[dict[object, Technology]] = {2: "2g", 3: "3g", 5: "lte", 6: "nr"}  # MMCellType
PRIMARY: Final = 1  # MMServingCellType
NO_SERVING_TYPE: Final = 255


def radio(
    modem: Mapping[str, object],
    modem3gpp: Mapping[str, object],
    signal: Mapping[str, object],
    bearers: Sequence[Mapping[str, object]],
    sim_operator: object = None,
) -> Radio:
    """Read one modem's properties, those of its bearers, and the operator its SIM belongs to."""
    net = network(modem3gpp.get("OperatorCode"))
    registration = known(REGISTRATIONS, modem3gpp.get("RegistrationState"))
    state = modem.get("State")
    up = [one for one in bearers if one.get("Connected") is True]
    return Radio(
        via="modemmanager",
        technology=technology(modem.get("AccessTechnologies")),
        registration=registration,
        roaming=roaming(registration),
        connected=state == CONNECTED if type(state) is int and state != UNKNOWN_STATE else None,
        sim_mccmnc=network(sim_operator),
        net_mccmnc=net,
        operator=name(modem3gpp.get("OperatorName")),
        interface=next((found for one in up if (found := interface(one.get("Interface")))), None),
        cells=signals(signal, net),
    )


def technology(bits: object) -> Technology | None:
    """Give the technology in use; none, or all at once, is not known."""
    if type(bits) is not int or bits == ANY_ACCESS:
        return None
    return next((its for its, mask in ACCESS if bits & mask), None)


def roaming(registration: Registration | None) -> bool | None:
    """Say whether a registration is with a foreign network; without one nobody can say."""
    return registration == "roaming" if registration in {"home", "roaming"} else None


def signals(signal: Mapping[str, object], net: str | None) -> tuple[Cell, ...]:
    """Read the Signal interface: strengths without a cell's name, LTE first."""
    lte, nr = members(signal.get("Lte")), members(signal.get("Nr5g"))
    umts, gsm = members(signal.get("Umts")), members(signal.get("Gsm"))
    told = (
        cell("lte", **_strengths(lte), rssi_dbm=lte.get("rssi")),
        cell("nr", **_strengths(nr)),
        cell("3g", rssi_dbm=umts.get("rssi")),
        cell("2g", rssi_dbm=gsm.get("rssi")),
    )
    return tuple(replace(one, mccmnc=net) for one in told if one is not None)


def _strengths(told: Mapping[str, object]) -> dict[str, object]:
    return {"rsrp_dbm": told.get("rsrp"), "rsrq_db": told.get("rsrq"), "sinr_db": told.get("snr")}


def cells(told: object) -> tuple[Cell, ...]:
    """Read GetCellInfo: the serving cells, the primary first."""
    serving = [one for item in items(told) if (one := members(item)).get("serving") is True]
    serving.sort(key=lambda one: one.get("serving-cell-type", NO_SERVING_TYPE) != PRIMARY)
    return tuple(found for one in serving if (found := cell_of(one)) is not None)


def cell_of(told: Mapping[str, object]) -> Cell | None:
    """Read one cell of GetCellInfo."""
    its = known(CELL_TYPES, told.get("cell-type"))
    if its is None:
        return None
    channels: dict[Technology, str] = {"2g": "arfcn", "3g": "uarfcn", "lte": "earfcn", "nr": "nrarfcn"}
    return cell(
        its,
        mccmnc=told.get("operator-id"),
        area=hexadecimal(told.get("tac" if its in {"lte", "nr"} else "lac")),
        number=hexadecimal(told.get("ci")),
        pci=hexadecimal(told.get("physical-ci")) if its in {"lte", "nr"} else told.get("psc"),
        channel=told.get(channels[its]),
        rsrp_dbm=told.get("rsrp"),
        rsrq_db=told.get("rsrq"),
        sinr_db=told.get("sinr"),
        timing_advance=told.get("timing-advance"),
    )


def joined(named: Sequence[Cell], strengths: Sequence[Cell]) -> tuple[Cell, ...]:
    """Join cells that have names with fresher strengths: those of a technology belong to its first cell."""
    left = {one.radio: one for one in strengths}
    out = [_filled(left.pop(one.radio), one) if one.radio in left else one for one in named]
    return (*out, *left.values())


def _filled(now: Cell, named: Cell) -> Cell:
    """The strengths of now, and from the other whatever these do not tell."""
    gaps = {its.name: getattr(named, its.name) for its in fields(now) if getattr(now, its.name) is None}
    return replace(now, **gaps)


def with_cells(told: Radio, named: Sequence[Cell]) -> Radio:
    """Add cells that were told elsewhere, lately, to the strengths of now."""
    return replace(told, cells=joined(named, told.cells))
