"""What `mmcli -J` prints (1.20), turned into what D-Bus would have told. Pure.

Every scalar is a text and a missing one is "--"; the limits that read the numbers drop it. Cells of `--get-cell-info` are lines
such as "cell type: lte, serving: yes, tac: 84CD".
"""

from dataclasses import replace
from typing import Final

from probe.radio import modemmanager
from probe.radio.limits import truth
from probe.radio.strangers import items, members, read_json
from probe.surroundings import Cell, Radio

REGISTRATIONS: Final = {
    "idle": 0,
    "home": 1,
    "searching": 2,
    "denied": 3,
    "roaming": 5,
    "home-sms-only": 6,
    "roaming-sms-only": 7,
    "home-csfb-not-preferred": 9,
    "roaming-csfb-not-preferred": 10,
}
STATES: Final = {
    "disabled": 3,
    "enabling": 5,
    "enabled": 6,
    "searching": 7,
    "registered": 8,
    "connecting": 10,
    "connected": 11,
}
ACCESS: Final = {
    "gsm": 1 << 1,
    "gsm-compact": 1 << 2,
    "gprs": 1 << 3,
    "edge": 1 << 4,
    "umts": 1 << 5,
    "hsdpa": 1 << 6,
    "hsupa": 1 << 7,
    "hspa": 1 << 8,
    "hspa-plus": 1 << 9,
    "1xrtt": 1 << 10,
    "evdo0": 1 << 11,
    "evdoa": 1 << 12,
    "evdob": 1 << 13,
    "lte": 1 << 14,
    "5gnr": 1 << 15,
    "lte-cat-m": 1 << 16,
    "lte-nb-iot": 1 << 17,
}
SIGNALS: Final = {"lte": "Lte", "5g": "Nr5g", "umts": "Umts", "gsm": "Gsm"}
CELL_TYPES: Final = {"gsm": 2, "umts": 3, "lte": 5, "5gnr": 6}
SERVING_TYPES: Final = {"pcell": 1}


def modems(text: str) -> tuple[str, ...]:
    """Read `-L`: the modems' paths. Raises ValueError."""
    return _paths(members(read_json(text)).get("modem-list"))


def bearers_of(modem: str) -> tuple[str, ...]:
    """Read `-m PATH`: its bearers' paths. Raises ValueError."""
    return _paths(_generic(modem).get("bearers"))


def sim_of(modem: str) -> str | None:
    """Read `-m PATH`: its SIM's path. Raises ValueError."""
    return next(iter(_paths([_generic(modem).get("sim")])), None)


def radio(modem: str, signal: str | None, bearers: tuple[str, ...], sim: str | None) -> Radio:
    """Read `-m PATH`, `--signal-get`, `-b PATH` of each bearer and `-i PATH` of the SIM. Raises ValueError."""
    generic, gpp = _generic(modem), members(members(members(read_json(modem)).get("modem")).get("3gpp"))
    told = members(members(members(read_json(signal)).get("modem")).get("signal")) if signal else {}
    properties = members(members(members(read_json(sim)).get("sim")).get("properties")) if sim else {}
    bits = sum({ACCESS.get(str(one), 0) for one in items(generic.get("access-technologies"))})
    found = modemmanager.radio(
        {"State": STATES.get(str(generic.get("state"))), "AccessTechnologies": bits},
        {
            "RegistrationState": REGISTRATIONS.get(str(gpp.get("registration-state"))),
            "OperatorCode": gpp.get("operator-code"),
            "OperatorName": gpp.get("operator-name"),
        },
        {its: told.get(theirs) for theirs, its in SIGNALS.items()},
        [_bearer(one) for one in bearers],
        properties.get("operator-code"),
    )
    return replace(found, via="mmcli")


def cells(text: str) -> tuple[Cell, ...]:
    """Read `--get-cell-info`: the serving cells, the primary first. Raises ValueError."""
    return modemmanager.cells([_cell(line) for line in _lines(read_json(text), depth=4)])


def _cell(line: str) -> dict[str, object]:
    """One cell's line, as GetCellInfo would have told it."""
    pairs = (pair.partition(": ") for pair in line.split(", "))
    told: dict[str, object] = {key.strip().replace(" ", "-"): value.strip() for key, _, value in pairs}
    kind = str(told.get("serving-cell-type"))
    return told | {
        "cell-type": CELL_TYPES.get(str(told.get("cell-type"))),
        "serving": truth(told.get("serving")),
        "serving-cell-type": SERVING_TYPES.get(kind, int(kind) if kind in {"0", "1", "2", "3"} else None),
    }


def _lines(told: object, depth: int) -> list[str]:
    """Every text that describes a cell, wherever this version puts the list."""
    if isinstance(told, str):
        return [told] if told.startswith("cell type: ") else []
    inside = items(told) or list(members(told).values())
    return [line for one in inside for line in _lines(one, depth - 1)] if depth else []


def _bearer(text: str) -> dict[str, object]:
    status = members(members(members(read_json(text)).get("bearer")).get("status"))
    return {"Connected": truth(status.get("connected")), "Interface": status.get("interface")}


def _generic(modem: str) -> dict[str, object]:
    return members(members(members(read_json(modem)).get("modem")).get("generic"))


def _paths(told: object) -> tuple[str, ...]:
    """D-Bus paths only: what is handed on to a command line must not be an option."""
    return tuple(
        one for one in items(told) if isinstance(one, str) and one.startswith("/org/freedesktop/ModemManager1/")
    )
