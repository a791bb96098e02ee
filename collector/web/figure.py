"""The figures of a page: each chart in both widths, its caption and legend.

One picture holds everything, unless imported measurements lie so far from the signed ones in time that
either would be a smudge at the edge; then each provenance has its own.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from markupsafe import Markup

from collector.view import CaseView, RecordRow
from collector.web.caption import caption, legend
from collector.web.chart import NARROW, OUTLINES, WIDE, Drawing, chart_svg
from collector.web.localtime import LineClock
from collector.web.marks import is_possible, is_transfer, marks_of

_FAR: Final = 4
_NEAR_US: Final = 86_400_000_000


@dataclass(frozen=True, slots=True)
class Key:
    """One line of a legend: the outline of the mark, how it is painted, and what it means."""

    outline: str
    painted: str
    words: str


@dataclass(frozen=True, slots=True)
class Figure:
    """One chart, ready to be set into a page."""

    title: str
    wide: Markup
    narrow: Markup
    caption: str
    legend: tuple[Key, ...]
    has_window: bool


def figures_of(case: CaseView, rows: Sequence[RecordRow]) -> tuple[Figure, ...]:
    """The one figure of a case, or two where its provenances lie far apart in time."""
    signed = [row for row in rows if row.provenance == "signed"]
    imported = [row for row in rows if row.provenance == "imported"]
    if not _far_apart(_extent(signed, case.as_of_us), _extent(imported, case.as_of_us)):
        return (_figure(case, rows, "Measurements against the contract", ""),)
    return (
        _figure(case, signed, "Signed measurements against the contract", "signed-"),
        # A complaint belongs to the days it was made in, which are not those of the old log.
        _figure(replace(case, complaints=()), imported, "Imported, unsigned measurements", "imported-"),
    )


def _figure(case: CaseView, rows: Sequence[RecordRow], title: str, prefix: str) -> Figure:
    marks = marks_of(rows, case.as_of_us)
    told = caption(rows, case.contract, marks)
    said_us = (complaint.said_us for complaint in case.complaints)
    drawing = Drawing(
        marks,
        case.contract,
        LineClock.of(case.time_zone),
        case.as_of_us,
        tuple(at_us for at_us in said_us if is_possible(at_us, case.as_of_us)),
        _windows(case, rows),
    )
    wide, narrow = (
        Markup(chart_svg(drawing, frame, title, told, prefix))  # noqa: S704  (ElementTree has escaped it)
        for frame in (WIDE, NARROW)
    )
    keys = tuple(Key(OUTLINES[kind.split()[0]], kind, meaning) for kind, meaning in legend(marks))
    return Figure(title, wide, narrow, told, keys, bool(drawing.windows))


def _windows(case: CaseView, rows: Sequence[RecordRow]) -> dict[str, tuple[int, int]]:
    """The windows that the first verdict over measurements shown here has judged, where they touch these."""
    shown = {row.provenance for row in rows}
    verdict = next((one for one in case.verdicts if one.provenance in shown), None)
    extent = _extent(rows, case.as_of_us)
    if verdict is None or extent is None:
        return {}
    windows = {
        finding.direction: (finding.window_from_us, finding.window_to_us)
        for finding in verdict.findings
        if finding.phase != "before"
    }
    return {
        direction: (from_us, to_us)
        for direction, (from_us, to_us) in windows.items()
        if from_us is not None and to_us is not None and from_us <= extent[1] and to_us >= extent[0]
    }


def _extent(rows: Sequence[RecordRow], as_of_us: int) -> tuple[int, int] | None:
    times = [row.at_us for row in rows if is_transfer(row) and is_possible(row.at_us, as_of_us)]
    return (min(times), max(times)) if times else None


def _far_apart(one: tuple[int, int] | None, other: tuple[int, int] | None) -> bool:
    """Whether more than a day and several times their length lies between two stretches of time."""
    if one is None or other is None:
        return False
    gap_us = max(one[0] - other[1], other[0] - one[1])
    return gap_us > max(_NEAR_US, _FAR * (one[1] - one[0] + other[1] - other[0]))
