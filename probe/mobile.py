"""What the mobile network did around a measurement: whose network it was, and whether it stayed the same. Pure.

Asked only of a test that the mobile network carried; what the modem does not tell is no.
"""

from typing import Final

from probe.facts import Moment, Seen
from probe.surroundings import Cell, Radio

LTE_SECTOR_BITS: Final = 8  # 3GPP TS 36.413, 9.2.1.37: a macro eNB's id is the first 20 of the cell's 28 bits
NR_SECTOR_BITS: Final = 14  # 3GPP TS 38.413, 9.3.1.6: a gNB's id is at least the first 22 of the cell's 36 bits
MCC_DIGITS: Final = 3


def roams(moment: Moment) -> bool:
    """Say whether the device says that it roams."""
    radio = moment.radio
    return moment.is_mobile and radio is not None and (radio.roaming is True or radio.registration == "roaming")


def foreign_network(moment: Moment) -> bool:
    """Say whether the network is another than the SIM's, and not one where the SIM is at home as well."""
    radio = moment.radio
    if not moment.is_mobile or radio is None or radio.sim_mccmnc is None or radio.net_mccmnc is None:
        return False
    if radio.sim_mccmnc == radio.net_mccmnc:
        return False
    abroad = radio.sim_mccmnc[:MCC_DIGITS] != radio.net_mccmnc[:MCC_DIGITS]
    return abroad or radio.roaming is True or radio.registration not in {None, "home"}


def _radios(seen: Seen) -> tuple[Radio, Radio] | None:
    """What was told of the mobile network before and after, if it carried the test."""
    if not (seen.before.is_mobile and seen.after.is_mobile):
        return None
    before, after = seen.before.radio, seen.after.radio
    return None if before is None or after is None else (before, after)


def _site(cell: Cell) -> tuple[str, int] | None:
    """What tells one base station from another; None if the cell does not."""
    match cell.radio:
        case "lte" | "nr":
            bits = LTE_SECTOR_BITS if cell.radio == "lte" else NR_SECTOR_BITS
            return None if cell.cell is None else (cell.radio, cell.cell >> bits)
        case _:
            return None if cell.area is None else (cell.radio, cell.area)


def another_site(seen: Seen) -> bool:
    """Say whether another base station (2G, 3G: another area) served the device after the test than before."""
    radios = _radios(seen)
    if radios is None or not (radios[0].cells and radios[1].cells):
        return False
    before, after = (_site(radio.cells[0]) for radio in radios)
    return before is not None and after is not None and before[0] == after[0] and before[1] != after[1]


def another_technology(seen: Seen) -> bool:
    """Say whether the network's generation changed; 5G that joins 4G when load begins is the same network."""
    radios = _radios(seen)
    if radios is None or radios[0].technology is None or radios[1].technology is None:
        return False
    before, after = ("lte" if radio.technology == "nr" else radio.technology for radio in radios)
    return before != after
