"""A strip that shows when a probe measured and when it did not, and why, as one SVG 2 picture without scripts.

A lane for each kind of slot, named in words at its side, so that nothing hangs on colour; bars in a lane are the stretches
of that kind. Where a slot is too short to be seen, time is cut into columns, and how high a bar is in each is the share of that
time, so that a few bad slots in a long time do not look like many. Positions are whole tenths of a pixel.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Final
from xml.etree import ElementTree as ET

from markupsafe import Markup

from collector.view import PresenceView, Stretch
from collector.web import presence
from collector.web.localtime import LineClock
from collector.web.presence import Lasted
from collector.web.scale import Scale, time_ticks
from collector.web.svg import line, px, text

_SEEN_PX10: Final = 10  # the narrowest bar that can be seen
_COLUMN_PX10: Final = 20
_LOWEST_PX10: Final = 20
_LETTER_PX10: Final = 34  # half of what a letter of a tick takes at most

Bar = tuple[int, int, int]  # where it begins, how wide and how high it is


@dataclass(frozen=True, slots=True)
class Frame:
    """Sizes in px. `beside`: a lane's name stands at its left and its length at its right, else both above it."""

    name: str
    width: int
    left: int
    right: int
    lane: int
    bar: int
    most_times: int
    beside: bool

    def top(self, number: int) -> int:
        """Where a lane's bars begin, in tenths of a pixel."""
        return (number * self.lane + (self.lane - self.bar) // (2 if self.beside else 1)) * 10

    def height(self, lanes: int) -> int:
        """Of the whole picture, with room for the times below."""
        return lanes * self.lane + 48


WIDE: Final = Frame("wide", 920, left=124, right=130, lane=26, bar=14, most_times=7, beside=True)
NARROW: Final = Frame("narrow", 340, left=0, right=14, lane=42, bar=14, most_times=4, beside=False)


@dataclass(frozen=True, slots=True)
class Strip:
    """What the page shows of one device; `by_share` if bars are as high as the share of the time."""

    dev: str
    by_share: bool
    wide: Markup
    narrow: Markup
    summary: str
    totals: tuple[Lasted, ...]
    interruptions: tuple[Stretch, ...]


def strips_of(views: Iterable[PresenceView], clock: LineClock) -> tuple[Strip, ...]:
    """A strip for each device for which a test was ever due."""
    return tuple(_strip(view, clock) for view in views if view.stretches)


def _strip(view: PresenceView, clock: LineClock) -> Strip:
    told = presence.summary(view)
    wide, narrow = (
        Markup(strip_svg(view, clock, frame, told))  # noqa: S704  (ElementTree has escaped it)
        for frame in (WIDE, NARROW)
    )
    by_share = _is_dense(view, _times(view, NARROW))
    return Strip(view.dev, by_share, wide, narrow, told, presence.totals(view), presence.interruptions(view))


def strip_svg(view: PresenceView, clock: LineClock, frame: Frame, told: str) -> str:
    """The picture as text, to be set into a page; `told` is what a screen reader says of it."""
    name, lanes = f"strip-{view.dev[:8]}-{frame.name}", presence.totals(view)
    size = f"0 0 {frame.width} {frame.height(len(lanes))}"
    svg = ET.Element("svg", {"class": f"chart strip {frame.name}", "viewBox": size})
    svg.attrib |= {"role": "img", "aria-labelledby": f"{name}-title", "aria-describedby": f"{name}-about"}
    ET.SubElement(svg, "title", {"id": f"{name}-title"}).text = "When the probe measured, and when not"
    ET.SubElement(svg, "desc", {"id": f"{name}-about"}).text = told
    times = _times(view, frame)
    draw = columns if _is_dense(view, times) else bars
    for number, lane in enumerate(lanes):
        those = [one for one in view.stretches if one.stand == lane.stand]
        _lane(svg, lane, draw(those, times, frame.bar * 10), times, frame, number)
    _axis(svg, times, clock, frame, len(lanes))
    return ET.tostring(svg, encoding="unicode")


def _times(view: PresenceView, frame: Frame) -> Scale:
    ends = view.stretches[0].from_us, view.stretches[-1].to_us
    return Scale(*ends, frame.left * 10, (frame.width - frame.right) * 10)


def _is_dense(view: PresenceView, times: Scale) -> bool:
    """Whether a single slot is too short to be seen."""
    return sum(view.slots.values()) * _SEEN_PX10 > times.to_px10 - times.from_px10


def _lane(svg: ET.Element, lane: Lasted, drawn: Iterable[Bar], times: Scale, frame: Frame, number: int) -> None:
    foot, left, right = frame.top(number) + frame.bar * 10, times.from_px10, times.to_px10
    if frame.beside:
        text(svg, "lane-name end", left - 100, foot - 30, lane.label)
        text(svg, "lane-length", right + 100, foot - 30, lane.length)
    else:
        text(svg, "lane-name", left, frame.top(number) - 50, f"{lane.label}, {lane.length}")
    line(svg, "grid", (left, foot), (right, foot))
    path = "".join(f"M{px(x)} {px(foot - high)}h{px(width)}v{px(high)}h{px(-width)}z" for x, width, high in drawn)
    ET.SubElement(svg, "path", {"class": f"stay {lane.stand.replace('_', '-')}", "d": path})


def bars(stretches: Sequence[Stretch], times: Scale, high: int) -> list[Bar]:
    """A bar of full height for each stretch."""
    ends = ((times.at(one.from_us), times.at(one.to_us)) for one in stretches)
    return [(begin, end - begin, high) for begin, end in ends]


def columns(stretches: Sequence[Stretch], times: Scale, high: int) -> list[Bar]:
    """Columns as high as the share of their time that these stretches take; neighbours of one height are one bar."""
    number, span_us = (times.to_px10 - times.from_px10) // _COLUMN_PX10, times.high - times.low
    taken_us = [0] * number
    for one in stretches:
        first = (one.from_us - times.low) * number // span_us
        last = min(number - 1, (one.to_us - 1 - times.low) * number // span_us)
        for place in range(first, last + 1):
            begin_us, end_us = (times.low + span_us * edge // number for edge in (place, place + 1))
            taken_us[place] += max(0, min(one.to_us, end_us) - max(one.from_us, begin_us))
    heights = [max(_LOWEST_PX10, min(high, high * us * number // span_us)) if us else 0 for us in taken_us]
    drawn, place = list[Bar](), 0
    for height, group in groupby(heights):
        wide = len(list(group))
        if height:
            drawn.append((times.from_px10 + place * _COLUMN_PX10, wide * _COLUMN_PX10, height))
        place += wide
    return drawn


def _axis(svg: ET.Element, times: Scale, clock: LineClock, frame: Frame, lanes: int) -> None:
    foot = lanes * frame.lane * 10 + 60
    line(svg, "zero", (times.from_px10, foot), (times.to_px10, foot))
    for tick in time_ticks(times.low, times.high, clock, frame.most_times):
        x = times.at(tick.at_us)
        line(svg, "notch", (x, foot), (x, foot + 50))
        for words, below in ((tick.label, 180), (tick.below, 330)):
            half_px10 = len(words) * _LETTER_PX10
            middle = min(max(x, half_px10), frame.width * 10 - half_px10)  # at the edge it stays on the picture
            if words:
                text(svg, "tick middle", middle, foot + below, words)
