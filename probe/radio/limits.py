"""Numbers as modems tell them, taken only inside the limits the standards give; a sentinel lies outside and is absent.

Every system has its own word for "unknown": 2147483647, 4294967295, -32768, 255, 99, "--", an empty string, the largest double.
None of them is a possible value, so the limits are the one filter. Where a sentinel lies inside, it is left out by name.
Conversions are decimal, so that -8.45 dB times ten is what a person would say. Opens nothing.
"""

import math
import re
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Final

from probe.surroundings import Cell, Technology

if TYPE_CHECKING:
    from decimal import Decimal

_NUMBER = re.compile(r"[+-]?[0-9]{1,12}(?:\.[0-9]{1,12})?")
_HEXADECIMAL = re.compile(r"(?:0[xX])?[0-9A-Fa-f]{1,10}")
_NETWORK = re.compile(r"[0-9]{5,6}")
_INTERFACE = re.compile(r"[A-Za-z0-9_.:@-]{1,15}")  # Linux: IFNAMSIZ
_BEYOND_ALL: Final = 1e12
_NAME_CHARACTERS: Final = 40
_TRUTHS: Final[dict[object, bool]] = {"true": True, "yes": True, "false": False, "no": False}


@dataclass(frozen=True, slots=True)
class Limits:
    """The least and the greatest possible value, in the unit they are kept in."""

    least: int
    greatest: int
    scale: int = 1  # what a told value is multiplied by
    never: frozenset[int] = frozenset()  # inside, and yet nobody's value

    def take(self, told: object) -> int | None:
        """Give a number, or a text that is one, in the unit it is kept in; None if it cannot be one."""
        exact = _decimal(told)
        if exact is None:
            return None
        from decimal import ROUND_HALF_EVEN  # noqa: PLC0415 - who has no modem needs none

        whole = int((exact * self.scale).to_integral_value(ROUND_HALF_EVEN))
        return whole if self.least <= whole <= self.greatest and whole not in self.never else None


RSRP_DBM: Final = Limits(-156, -31)  # TS 38.133, 10.1.6; TS 36.133, 9.1.4 lies within
RSRQ_DDB: Final = Limits(-430, 200, 10)  # TS 38.133, 10.1.11; TS 36.133, 9.1.7 lies within
SINR_DDB: Final = Limits(-230, 400, 10)  # TS 38.133, 10.1.16; TS 36.133, 9.1.17
RSSI_DBM: Final = Limits(-120, -20)  # ours: TS 25.133, 9.1.3 and TS 45.008, 8.1.4 with some room
WIFI_DBM: Final = Limits(-110, -10)  # ours
WIFI_MHZ: Final = Limits(2_400, 7_200)  # IEEE 802.11: 2.4, 5 and 6 GHz
BANDWIDTH_KHZ: Final = Limits(1_400, 100_000)  # TS 36.101, 5.6; TS 38.104, 5.3.2
TIMING_ADVANCE: Final = Limits(0, 3_846)  # TS 38.213, 4.2; TS 36.213, 4.2.3 has 1282
PER_CENT: Final = Limits(0, 100)
TEMPERATURE_DC: Final = Limits(-400, 1_300, 10)  # ours: what still runs

AREA: Final[dict[Technology, Limits]] = {  # TS 23.003, 4.1, 19.4.2.3, 28.6: all zeros and ...FE mean that there is none
    "2g": Limits(1, 0xFFFF, never=frozenset({0xFFFE, 0xFFFF})),
    "3g": Limits(1, 0xFFFF, never=frozenset({0xFFFE, 0xFFFF})),
    "lte": Limits(1, 0xFFFF, never=frozenset({0xFFFE, 0xFFFF})),
    "nr": Limits(1, 0xFFFFFF, never=frozenset({0xFFFFFE, 0xFFFFFF})),
}
CELL: Final[
    dict[Technology, Limits]
] = {  # TS 23.003, 4.3.1, 19.6, 19.6A; zero and all ones are what modems say for "none"
    "2g": Limits(1, 0xFFFE),
    "3g": Limits(1, 0xFFFFFFE),
    "lte": Limits(1, 0xFFFFFFE),
    "nr": Limits(1, 0xFFFFFFFFE, never=frozenset({0x7FFFFFFF, 0xFFFFFFFF})),  # sentinels of 32 bits lie inside
}
PCI: Final[dict[Technology, Limits]] = {  # TS 45.008, 3.1 BSIC; TS 25.213, 5.2.3; TS 36.211, 6.11; TS 38.211, 7.4.2.1
    "2g": Limits(0, 63),
    "3g": Limits(0, 511),
    "lte": Limits(0, 503),
    "nr": Limits(0, 1_007),
}
CHANNEL: Final[dict[Technology, Limits]] = {  # TS 45.005, 2; TS 25.101, 5.4.4; TS 36.101, 5.7.3; TS 38.104, 5.4.2.1
    "2g": Limits(0, 1_023),
    "3g": Limits(0, 16_383),
    "lte": Limits(0, 262_143, never=frozenset({65_535})),
    "nr": Limits(0, 3_279_165),
}
BAND: Final[dict[Technology, Limits]] = {
    "2g": Limits(1, 0),
    "3g": Limits(1, 32),
    "lte": Limits(1, 256),
    "nr": Limits(1, 1_024),
}


def cell(
    radio: Technology,
    *,
    mccmnc: object = None,
    area: object = None,
    number: object = None,
    pci: object = None,
    channel: object = None,
    band: object = None,
    bandwidth_khz: object = None,
    rsrp_dbm: object = None,
    rsrq_db: object = None,
    rssi_dbm: object = None,
    sinr_db: object = None,
    timing_advance: object = None,
) -> Cell | None:
    """Make a cell of what was told, each value only if it can be one; None if nothing of it can."""
    made = Cell(
        radio,
        mccmnc=network(mccmnc),
        area=AREA[radio].take(area),
        cell=CELL[radio].take(number),
        pci=PCI[radio].take(pci),
        channel=CHANNEL[radio].take(channel),
        band=BAND[radio].take(band),
        bandwidth_khz=BANDWIDTH_KHZ.take(bandwidth_khz),
        rsrp_dbm=RSRP_DBM.take(rsrp_dbm),
        rsrq_ddb=RSRQ_DDB.take(rsrq_db),
        rssi_dbm=RSSI_DBM.take(rssi_dbm),
        sinr_ddb=SINR_DDB.take(sinr_db),
        timing_advance=TIMING_ADVANCE.take(timing_advance),
    )
    return None if _says_nothing(made) else made


def network(told: object) -> str | None:
    """Give the five or six digits of a mobile network; MCC 000 is nobody's."""
    if isinstance(told, str) and _NETWORK.fullmatch(told) and not told.startswith("000"):
        return told
    return None


def hexadecimal(told: object) -> int | None:
    """Give the number of hexadecimal digits, None if it is anything else."""
    return int(told, 16) if isinstance(told, str) and _HEXADECIMAL.fullmatch(told) else None


def truth(told: object) -> bool | None:
    """Give a truth, whether told as one or spelt as a word."""
    if isinstance(told, bool):
        return told
    return _TRUTHS.get(told) if isinstance(told, str) else None


def name(told: object) -> str | None:
    """Give an operator's name as people may read it."""
    if not isinstance(told, str) or told.strip() in {"", "--"} or not told.isprintable():
        return None
    return told.strip()[:_NAME_CHARACTERS]


def interface(told: object) -> str | None:
    """Give the name of a network interface."""
    return told if isinstance(told, str) and _INTERFACE.fullmatch(told) and told != "--" else None


def _decimal(told: object) -> "Decimal | None":
    from decimal import Decimal  # noqa: PLC0415

    if isinstance(told, str):
        return Decimal(told.strip()) if _NUMBER.fullmatch(told.strip()) else None
    if isinstance(told, bool) or not isinstance(told, int | float):
        return None
    return Decimal(repr(told)) if math.isfinite(told) and abs(told) < _BEYOND_ALL else None


def _says_nothing(made: Cell) -> bool:
    return all(getattr(made, one.name) is None for one in fields(made) if one.name != "radio")
