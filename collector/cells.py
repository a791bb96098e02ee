"""Cells by name: the operator's PLMN (MCC and MNC) and the cell's identity in it, as a CGI, ECGI or NCGI has them. Pure.

Written `23001-21263107`: `mccmnc`, a dash, `cell` of the record, which is CI, ECI or NCI by technology (TS 23.003, 4.3, 19.6
and 19.6A). A record whose modem told no operator makes `unknown-21263107`. The same number is another cell elsewhere.
"""

import re
from dataclasses import dataclass
from typing import Final, Self

from collector.errors import BadRequest

UNKNOWN: Final = "unknown"
_WRITTEN: Final = re.compile(r"(?:(?P<operator>[^\s/]{1,32}?)-)?(?P<cell>-?[0-9]{1,16})", re.ASCII)


@dataclass(frozen=True, slots=True)
class CellName:
    """A cell of an operator; the operator is None if no record says it."""

    operator: str | None
    cell: int

    def __str__(self) -> str:
        return f"{self.operator or UNKNOWN}-{self.cell}"

    @classmethod
    def read(cls, text: object) -> tuple[Self, bool]:
        """A cell as written, and whether its operator was named at all; raises BadRequest."""
        found = _WRITTEN.fullmatch(text) if isinstance(text, str) else None
        if found is None:
            raise BadRequest(
                f"a cell is written with its operator, such as 23001-21263107 (MCC and MNC, a dash, ECI), not {text!r}"
            )
        operator = found["operator"]
        return cls(None if operator == UNKNOWN else operator, int(found["cell"])), operator is not None
