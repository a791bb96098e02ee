"""Transfers that a peer has signed and the device never told of, in words: for the page and the command line.

What became of each the case says; here is only how it is put.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from collector.view import CaseView, UndeliveredRow
from collector.web.quantities import counted, volume
from collector.web.vocabulary import DIRECTIONS, said

MOST_SHOWN: Final = 50
STANDINGS: Final[Mapping[str, str]] = {
    "denied": "the record of this start says that it was not started",
    "passed_over": "later batches came, and this start is in none of them",
    "overdue": "nothing of this device from this start on has come for more than a day",
}
LIMIT: Final = (
    "The measurement server signs what it counted at the end of each transfer, and sends that here itself. Starts of which "
    "only its word came may have been good results, so they count against whoever complains and never for him."
)


@dataclass(frozen=True, slots=True)
class Line:
    """One transfer: its row, and what is said of it."""

    row: UndeliveredRow
    what: str
    why: str


@dataclass(frozen=True, slots=True)
class Undelivered:
    """What the page shows: the newest transfers first, how many there are, and how many of them say what."""

    lines: tuple[Line, ...]
    total: int
    summary: str


def undelivered_of(case: CaseView) -> Undelivered | None:
    """What the page says; None if every transfer that was signed is accounted for."""
    never = case.transfers.never
    if not never:
        return None
    newest = sorted(never, key=lambda row: (-row.began_us, row.dev, row.seq))
    return Undelivered(tuple(map(_line, newest[:MOST_SHOWN])), len(never), _summary([row.standing for row in never]))


def lines_of(told: Mapping[str, Any]) -> list[str]:
    """The same for the command line, from the case as JSON."""
    never = told["never"]
    if not never:
        return []
    found = [f"started, never delivered: {_summary([one['standing'] for one in never])}"]
    for dev in sorted({one["dev"] for one in never}):
        seqs = sorted({one["seq"] for one in never if one["dev"] == dev})
        more = f" and {len(seqs) - MOST_SHOWN} more" if len(seqs) > MOST_SHOWN else ""
        found.append(f"  device {dev[:8]}: start {', '.join(map(str, seqs[:MOST_SHOWN]))}{more}")
    return found


def _summary(standings: Sequence[str]) -> str:
    """How many there are, and of which kind."""
    tally = Counter(standings)
    kinds = "; ".join(f"{tally[name]}: {said(STANDINGS, name)}" for name in sorted(tally))
    return f"{counted(len(standings), 'transfer')} ({kinds})"


def _line(row: UndeliveredRow) -> Line:
    moved = "" if row.bytes is None else f", {volume(row.bytes)} by the server’s count"
    return Line(row, f"{said(DIRECTIONS, row.direction)}{moved}", said(STANDINGS, row.standing))
