"""A line's days as a strip of small bars, one SVG 2 picture without scripts: rates, what was measured, failed and missing.

A lane for each, named in words, its figure over each bar; a bar is as high as its share of the highest in its lane. Days are
those of the line's own clock. A day on which no test was due stays empty. Positions are whole tenths of a pixel.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from itertools import dropwhile
from typing import Final
from xml.etree import ElementTree as ET

from markupsafe import Markup

from collector.overview import DayRow
from collector.web.localtime import MONTHS
from collector.web.quantities import counted, short_rate
from collector.web.svg import line, px, text

_BAR_PX10: Final = 220
_LEAST_PX10: Final = 12


@dataclass(frozen=True, slots=True)
class Lane:
    """One row of the strip: its class, name and unit, what is drawn of a day (None: nothing), and how that is written."""

    kind: str
    name: str
    unit: str
    value: Callable[[DayRow], int | None]
    spell: Callable[[int], str]


def _if_due(name: str) -> Callable[[DayRow], int | None]:
    return lambda day: getattr(day, name) if day.scheduled or day.n else None


LANES: Final = (
    Lane("down", "Download", "median, Mbit/s", lambda day: day.down_median_bps, short_rate),
    Lane("up", "Upload", "median, Mbit/s", lambda day: day.up_median_bps, short_rate),
    Lane("measured", "Measurements", "all ends", _if_due("n"), "{:,}".format),
    Lane("failed", "Failed", "of those", _if_due("failed"), "{:,}".format),
    Lane("missing", "Missing", "slots", _if_due("missing"), "{:,}".format),
)


@dataclass(frozen=True, slots=True)
class Frame:
    """Sizes in px; `days`: how many of the newest are shown; `beside`: a lane's name stands at its left, else above it."""

    name: str
    width: int
    left: int
    day: int
    lane: int
    days: int
    beside: bool


WIDE: Final = Frame("wide", 920, left=108, day=29, lane=48, days=28, beside=True)
NARROW: Final = Frame("narrow", 340, left=2, day=24, lane=64, days=14, beside=False)


@dataclass(frozen=True, slots=True)
class DayStrip:
    """What the page shows of a line's days: how many those are, and how many of them the narrow picture shows at most."""

    wide: Markup
    narrow: Markup
    days: int
    narrow_days: int
    summary: str


def day_strip_of(days: Sequence[DayRow]) -> DayStrip | None:
    """The strip, from the first day on which a test was due or made; None if there is no such day."""
    days = [*dropwhile(lambda day: not (day.scheduled or day.n), days)]
    if not days:
        return None
    wide, narrow = (
        Markup(day_strip_svg(days[-frame.days :], frame, summary(days[-frame.days :])))  # noqa: S704  (ElementTree has escaped it)
        for frame in (WIDE, NARROW)
    )
    return DayStrip(wide, narrow, len(days), NARROW.days, summary(days))


def summary(days: Sequence[DayRow]) -> str:
    """All of it in a sentence."""
    measured, failed, missing, scheduled = (
        sum(getattr(day, name) for day in days) for name in ("n", "failed", "missing", "scheduled")
    )
    return (
        f"In {counted(len(days), 'day')} {counted(measured, 'measurement')}, {failed:,} failed; "
        f"nothing was received for {missing:,} of {counted(scheduled, 'slot')}."
    )


def day_strip_svg(days: Sequence[DayRow], frame: Frame, told: str) -> str:
    """The picture as text, to be set into a page; `told` is what a screen reader says of it."""
    name = f"days-{frame.name}"
    svg = ET.Element(
        "svg", {"class": f"chart days {frame.name}", "viewBox": f"0 0 {frame.width} {frame.lane * len(LANES) + 34}"}
    )
    svg.attrib |= {"role": "img", "aria-labelledby": f"{name}-title", "aria-describedby": f"{name}-about"}
    ET.SubElement(svg, "title", {"id": f"{name}-title"}).text = "The line's days"
    ET.SubElement(svg, "desc", {"id": f"{name}-about"}).text = told
    for number, lane in enumerate(LANES):
        _lane(svg, lane, days, frame, (number + 1) * frame.lane * 10)
    _dates(svg, days, frame)
    return ET.tostring(svg, encoding="unicode")


def _lane(svg: ET.Element, lane: Lane, days: Sequence[DayRow], frame: Frame, foot: int) -> None:
    left = frame.left * 10
    if frame.beside:
        text(svg, "lane-name end", left - 100, foot - 140, lane.name)
        text(svg, "lane-length end", left - 100, foot - 10, lane.unit)
    else:
        ET.SubElement(
            text(svg, "lane-name", 0, foot - 440, f"{lane.name} "), "tspan", {"class": "unit"}
        ).text = lane.unit
    line(svg, "grid", (left, foot), (left + len(days) * frame.day * 10, foot))
    values = [lane.value(day) for day in days]
    highest = max((value for value in values if value is not None), default=0)
    path = ""
    for number, value in enumerate(values):
        if value is None:
            continue
        x, width = left + number * frame.day * 10 + 30, frame.day * 10 - 60
        high = max(_LEAST_PX10, _BAR_PX10 * value // highest) if value else 0
        if high:
            path += f"M{px(x)} {px(foot - high)}h{px(width)}v{px(high)}h{px(-width)}z"
        text(
            svg, "figure middle" if value else "figure middle none", x + width // 2, foot - high - 40, lane.spell(value)
        )
    if path:
        ET.SubElement(svg, "path", {"class": f"day {lane.kind}", "d": path})


def _dates(svg: ET.Element, days: Sequence[DayRow], frame: Frame) -> None:
    """The day of the month under each, the month under the first of each."""
    foot, month = frame.lane * len(LANES) * 10, 0
    for number, day in enumerate(days):
        at = date.fromisoformat(day.day)
        middle = (frame.left + number * frame.day) * 10 + frame.day * 5
        text(svg, "tick middle", middle, foot + 150, f"{at.day}")
        if at.month != month:
            month = at.month
            text(svg, "tick middle", middle, foot + 300, MONTHS[month - 1])
