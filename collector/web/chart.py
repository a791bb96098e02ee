"""Measurements against the contract over time, as one SVG 2 picture without scripts.

Two panels, download over upload, share a time axis in the line's local time. Results are points and are
never joined, so a stretch without measurements stays empty. Colours come from the page's style sheet by
class; positions are whole tenths of a pixel. What the picture says in words is given by the caller.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final
from xml.etree import ElementTree as ET

from collector.web.localtime import LineClock
from collector.web.marks import DIRECTIONS, EARLIEST_US, LATEST_US, Mark, Marks, Shape
from collector.web.quantities import promised_rate
from collector.web.scale import Scale, rate_ticks, time_ticks
from collector.web.svg import line, px, text
from collector.web.vocabulary import PROMISES, said

_NAMES: Final = {"down": "Download", "up": "Upload"}
_LEAST_SPAN_US: Final = 600_000_000
_LEAST_TOP_BPS: Final = 1_000_000
_LABEL_PX10: Final = 150
_ROW: Final = 16
_FIRST_NAME_PX10: Final = 120
_NAME_BELOW_PX10: Final = 330  # a panel's name stands this far below the panel above
_DENSE: Final = 600
# Each outline in px around (0, 0), drawn from the point the pen stands on.
OUTLINES: Final[Mapping[str, str]] = {
    Shape.SCHEDULED: "m-3.5 0a3.5 3.5 0 1 0 7 0a3.5 3.5 0 1 0-7 0",
    Shape.BY_HAND: "m0-4.6l4.6 4.6l-4.6 4.6l-4.6-4.6z",
    Shape.IMPORTED: "m-3-3h6v6h-6z",
    "cross": "m-4-4l8 8m0-8l-8 8",
}
_SMALL: Final = "m-1.3 0a1.3 1.3 0 1 0 2.6 0a1.3 1.3 0 1 0-2.6 0"


@dataclass(frozen=True, slots=True)
class Frame:
    """Sizes in px. `keyed`: for want of room beside the plot the contract's lines are named above it."""

    name: str
    width: int
    panel_height: int
    left: int
    right: int
    most_times: int
    keyed: bool
    top: int = 40
    between: int = 50
    bottom: int = 40

    @property
    def height(self) -> int:
        """Of the whole picture."""
        return self.top + len(DIRECTIONS) * self.panel_height + self.between + self.bottom

    def panel_top(self, number: int) -> int:
        """Where a panel's plot begins."""
        return self.top + number * (self.panel_height + self.between)

    def with_rows(self, rows: int) -> "Frame":
        """The same with room for so many lines of text above each plot."""
        return replace(self, top=self.top + rows * _ROW, between=self.between + rows * _ROW)


WIDE: Final = Frame("wide", 920, 180, left=44, right=176, most_times=8, keyed=False)
NARROW: Final = Frame("narrow", 340, 150, left=34, right=36, most_times=4, keyed=True)


@dataclass(frozen=True, slots=True)
class Drawing:
    """What there is to draw: marks, contract, moments of complaint and the windows judged, by direction."""

    marks: Marks
    contract: Mapping[str, Mapping[str, int]]
    clock: LineClock
    as_of_us: int
    complaints_us: tuple[int, ...] = ()
    windows: Mapping[str, tuple[int, int]] = field(default_factory=dict)

    def time_scale(self, frame: Frame) -> Scale:
        """The shared time axis: from the first mark or complaint to the last, with a little air."""
        moments = [mark.at_us for mark in self.marks.drawn] + list(self.complaints_us)
        moments = moments or [min(max(self.as_of_us, EARLIEST_US), LATEST_US)]
        low, high = min(moments), max(moments)
        air_us = max((_LEAST_SPAN_US - (high - low)) // 2, (high - low) // 40)
        return Scale(low - air_us, high + air_us, frame.left * 10, (frame.width - frame.right) * 10)

    def rate_scale(self, frame: Frame, number: int) -> tuple[Scale, tuple[int, ...]]:
        """A panel's rate axis and its ticks, from zero to above everything in it."""
        direction = DIRECTIONS[number]
        rates = [mark.rate_bps for mark in self.marks.in_direction(direction) if mark.rate_bps is not None]
        ticks = rate_ticks(max([_LEAST_TOP_BPS, *rates, *_lines(self.contract.get(direction, {}))]), 5)
        bottom = frame.panel_top(number) + frame.panel_height
        return Scale(0, ticks[-1], bottom * 10, frame.panel_top(number) * 10), ticks


def chart_svg(drawing: Drawing, frame: Frame, title: str, description: str, prefix: str = "") -> str:
    """The picture as text, to be set into a page; `title` and `description` are what a screen reader says.

    `prefix` keeps the ids of several pictures on one page apart.
    """
    name = f"{prefix}chart-{frame.name}"
    if frame.keyed:
        frame = frame.with_rows(max(len(_lines(drawing.contract.get(way, {}))) for way in DIRECTIONS))
    svg = ET.Element("svg", {"class": f"chart {frame.name}", "viewBox": f"0 0 {frame.width} {frame.height}"})
    svg.attrib |= {"role": "img", "aria-labelledby": f"{name}-title", "aria-describedby": f"{name}-about"}
    ET.SubElement(svg, "title", {"id": f"{name}-title"}).text = title
    ET.SubElement(svg, "desc", {"id": f"{name}-about"}).text = description
    times = drawing.time_scale(frame)
    for number in range(len(DIRECTIONS)):
        _panel(svg, drawing, frame, number, times)
    _time_axis(svg, drawing, frame, times)
    _complaints(svg, drawing, frame, times)
    return ET.tostring(svg, encoding="unicode")


def _panel(svg: ET.Element, drawing: Drawing, frame: Frame, number: int, times: Scale) -> None:
    direction, (rates, ticks) = DIRECTIONS[number], drawing.rate_scale(frame, number)
    left, right = times.from_px10, times.to_px10
    above = rates.to_px10 - frame.between * 10
    head = above + _NAME_BELOW_PX10 if number else _FIRST_NAME_PX10
    name = text(svg, "panel-name", 0, head, _NAMES[direction] + " ")
    ET.SubElement(name, "tspan", {"class": "unit"}).text = "Mbit/s"
    if direction in drawing.windows:
        from_px10, to_px10 = (times.at(at_us) for at_us in drawing.windows[direction])
        box = {"x": px(from_px10), "width": px(max(10, to_px10 - from_px10))}
        box |= {"y": px(rates.to_px10), "height": px(rates.from_px10 - rates.to_px10)}
        ET.SubElement(svg, "rect", {"class": "window"} | box)
    for tick in ticks:
        line(svg, "zero" if tick == 0 else "grid", (left, rates.at(tick)), (right, rates.at(tick)))
        text(svg, "tick end", left - 60, rates.at(tick) + 40, promised_rate(tick).removesuffix(" Mbit/s"))
    marks = drawing.marks.in_direction(direction)
    if not marks:
        middle = (left + right) // 2, (rates.from_px10 + rates.to_px10) // 2
        text(svg, "empty middle", *middle, f"no {_NAMES[direction].lower()}s yet")
    lines = _lines(drawing.contract.get(direction, {}))
    _contract_lines(svg, lines, frame, times, rates)
    if frame.keyed:
        _contract_key(svg, lines, head)
    for kind, path in _paths(marks, times, rates).items():
        ET.SubElement(svg, "path", {"class": f"mark {kind}", "d": path})


def _paths(marks: Iterable[Mark], times: Scale, rates: Scale) -> dict[str, str]:
    """One path for each kind of mark; marks that fall on the same place are drawn once."""
    places: dict[str, dict[tuple[int, int], None]] = {}
    for mark in marks:
        kind = "cross" if mark.rate_bps is None else f"{mark.shape}{' hollow' if mark.flawed else ''}"
        places.setdefault(kind, {})[times.at(mark.at_us), rates.at(mark.rate_bps or 0)] = None
    paths = {}
    for kind in sorted(places, key=lambda name: (name == "cross", name)):  # failures on top
        dense = kind != "cross" and len(places[kind]) > _DENSE
        outline = _SMALL if dense else OUTLINES[kind.split()[0]]
        path = "".join(f"M{px(x)} {px(y)}{outline}" for x, y in places[kind])
        paths[f"{kind} dense" if dense else kind] = path
    return paths


def _contract_lines(
    svg: ET.Element, lines: Mapping[int, Sequence[str]], frame: Frame, times: Scale, rates: Scale
) -> None:
    heights = spread([rates.at(rate_bps) for rate_bps in lines], _LABEL_PX10, rates.to_px10, rates.from_px10)
    for number, (rate_bps, label_px10) in enumerate(zip(lines, heights, strict=True)):
        y, amount = rates.at(rate_bps), promised_rate(rate_bps).removesuffix(" Mbit/s")
        line(svg, _dash(number), (times.from_px10, y), (times.to_px10, y))
        line(svg, "leader", (times.to_px10, y), (times.to_px10 + 60, label_px10))
        words = amount if frame.keyed else f"{' = '.join(lines[rate_bps])} {amount}"
        text(svg, "promise-name", times.to_px10 + 90, label_px10 + 40, words)


def _contract_key(svg: ET.Element, lines: Mapping[int, Sequence[str]], head: int) -> None:
    """What each line of the contract is called, a row for each under the panel's name."""
    for number, (rate_bps, names) in enumerate(lines.items()):
        y = head + (number + 1) * _ROW * 10 + 20
        line(svg, _dash(number), (0, y - 40), (260, y - 40))
        text(svg, "promise-name", 340, y, f"{promised_rate(rate_bps)} {' = '.join(names)}")


def _dash(number: int) -> str:
    """A contract's lines differ by their dashes, not by colour."""
    return f"promise promise-{number % 3}"


def _lines(contract: Mapping[str, int]) -> dict[int, list[str]]:
    """The contract's rates, the highest first, each with all its names."""
    lines: dict[int, list[str]] = {}
    for name, rate_bps in sorted(contract.items(), key=lambda one: (-one[1], one[0])):
        if name.endswith("_bps"):
            lines.setdefault(rate_bps, []).append(said(PROMISES, name))
    return lines


def spread(wanted: Sequence[int], apart: int, top: int, bottom: int) -> list[int]:
    """Heights for labels in order from the top: near where they are wanted, and apart if there is room."""
    placed: list[int] = []
    for want in wanted:
        placed.append(max(want, placed[-1] + apart) if placed else max(want, top))
    limit = bottom
    for number in reversed(range(len(placed))):
        placed[number] = min(placed[number], limit)
        limit = placed[number] - apart
    return placed


def _time_axis(svg: ET.Element, drawing: Drawing, frame: Frame, times: Scale) -> None:
    foot = frame.panel_top(len(DIRECTIONS) - 1) + frame.panel_height
    for tick in time_ticks(times.low, times.high, drawing.clock, frame.most_times):
        x = times.at(tick.at_us)
        for number in range(len(DIRECTIONS)):
            bottom = (frame.panel_top(number) + frame.panel_height) * 10
            line(svg, "notch", (x, bottom), (x, bottom + 50))
        text(svg, "tick middle", x, foot * 10 + 180, tick.label)
        if tick.below:
            text(svg, "tick day middle", x, foot * 10 + 330, tick.below)


def _complaints(svg: ET.Element, drawing: Drawing, frame: Frame, times: Scale) -> None:
    labelled_to = None
    for at_us in sorted(drawing.complaints_us):
        x = times.at(at_us)
        for number in range(len(DIRECTIONS)):
            top = frame.panel_top(number) * 10
            line(svg, "complaint", (x, top - (80 if number == 0 else 0)), (x, top + frame.panel_height * 10))
        if labelled_to is None or x > labelled_to:  # a label over a label is none
            late = x > (times.from_px10 + times.to_px10) // 2
            kind, beside = ("complaint-name end", x - 40) if late else ("complaint-name", x + 40)
            text(svg, kind, beside, frame.top * 10 - 40, "complaint")
            labelled_to = x + 1400
