"""What a chart shows, in sentences: for its caption, its description to a screen reader, and its legend.

Signed and imported measurements are counted apart and never added up.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from collector.view import Provenance, RecordRow
from collector.web.marks import DIRECTIONS, Marks, Shape, is_transfer
from collector.web.quantities import counted, promised_rate, span
from collector.web.vocabulary import PROMISES, PROVENANCES
from shared.record import End

# An imported log holds readings of traffic as it was, not tests that somebody ran.
_NOUNS: Final[Mapping[Provenance, Mapping[str, str]]] = {
    "signed": {"down": "download", "up": "upload"},
    "imported": {"down": "download reading", "up": "upload reading"},
}
# The first of these that a contract has is what results are held against in the caption.
FLOORS: Final = ("min_bps", "required_bps", "normal_bps", "estimated_max_bps", "advertised_bps", "max_bps")


def caption(rows: Iterable[RecordRow], contract: Mapping[str, Mapping[str, int]], marks: Marks) -> str:
    """What the chart shows, a sentence for each provenance and direction, and what it leaves out."""
    transfers = [row for row in rows if is_transfer(row)]
    sentences = []
    for provenance, noun in _NOUNS.items():
        of_one = [row for row in transfers if row.provenance == provenance]
        by_direction = {way: [row for row in of_one if row.direction == way] for way in DIRECTIONS}
        told = [_direction(noun[way], those, contract.get(way, {})) for way, those in by_direction.items() if those]
        if told:
            sentences.append(f"{PROVENANCES[provenance]}: {'; '.join(told)}.")
    if not sentences:
        sentences.append("Nothing has been downloaded or uploaded yet, so there is nothing to see.")
    if marks.thinned_us is not None:
        sentences.append(
            f"There are too many to draw them all: for each stretch of {span(marks.thinned_us)} the slowest "
            f"and the fastest are drawn, and every failure; {len(marks.drawn):,} of {marks.total:,} in all."
        )
    if marks.impossible:
        sentences.append(f"Not drawn: {marks.impossible:,} whose device had a clock that cannot be right.")
    return " ".join(sentences)


def _direction(noun: str, rows: Sequence[RecordRow], contract: Mapping[str, int]) -> str:
    figures = [row.rate_bps for row in rows if row.end == End.OK and row.rate_bps is not None]
    failed, flawed = len(rows) - len(figures), sum(1 for row in rows if row.flaws)
    floor = next((name for name in FLOORS if name in contract), None)
    parts = [counted(len(rows), noun)]
    if floor is not None and figures:
        below = sum(1 for rate_bps in figures if rate_bps < contract[floor])
        short = f"{below:,}" if below else "none"
        parts.append(f"{short} below the {promised_rate(contract[floor])} {PROMISES[floor]}")
    parts.append(f"{failed:,} failed" if failed else "none failed")
    if flawed:
        parts.append(f"{flawed:,} with a flaw")
    return ", ".join(parts)


def legend(marks: Marks) -> tuple[tuple[str, str], ...]:
    """Each kind of mark that is drawn: the name of its picture and what it means."""
    figures = [mark for mark in marks.drawn if mark.rate_bps is not None]
    known = (
        (Shape.SCHEDULED, False, "scheduled measurement, signed"),
        (Shape.SCHEDULED, True, "scheduled, with a flaw (hollow)"),
        (Shape.BY_HAND, False, "started by hand, signed"),
        (Shape.BY_HAND, True, "started by hand, with a flaw (hollow)"),
        (Shape.IMPORTED, False, "imported, unsigned"),
        (Shape.IMPORTED, True, "imported, with a flaw (hollow)"),
    )
    found = {(mark.shape, mark.flawed) for mark in figures}
    told = [
        (f"{shape.value} hollow" if flawed else shape.value, words)
        for shape, flawed, words in known
        if (shape, flawed) in found
    ]
    if len(figures) < len(marks.drawn):
        told.append(("cross", "failed: no speed, so it stands on the zero line"))
    return tuple(told)
