"""A cell's hours as a heat picture, one tile for each, as SVG 2 without scripts: median, devices and failures in figures.

The slower, the stronger the tile; since each says its figure, nothing hangs on colour. A dashed tile is an hour of which
nothing is told, because few devices measured in it; where nothing was measured there is no tile. Positions are whole tenths
of a pixel.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from itertools import pairwise
from typing import Final
from xml.etree import ElementTree as ET

from markupsafe import Markup

from collector.overview import CellView, HourRow
from collector.web.localtime import MONTHS, LineClock
from collector.web.quantities import counted, short_rate
from collector.web.svg import text

HOUR_US: Final = 3_600_000_000
DAY_US: Final = 24 * HOUR_US
UTC: Final = LineClock.of("UTC")
# Mbit/s at which the tiles change, the slowest first; ours: the 1-2-5 row around what a video needs.
STEPS: Final = (2, 5, 10, 20)
_WEEKDAYS: Final = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")


@dataclass(frozen=True, slots=True)
class Frame:
    """Sizes in px. `down`: hours go down and days across, which fits a phone; else hours across and days down."""

    name: str
    width: int
    left: int
    top: int
    tile: int
    high: int
    down: bool


WIDE: Final = Frame("wide", 920, left=80, top=20, tile=35, high=36, down=False)
NARROW: Final = Frame("narrow", 340, left=32, top=32, tile=44, high=30, down=True)


@dataclass(frozen=True, slots=True)
class Heat:
    """What the page shows of a cell: the picture in both widths, and what it says, summed over the hours that are told."""

    wide: Markup
    narrow: Markup
    summary: str


def heat_of(view: CellView) -> Heat:
    """The picture of a cell's days, each as a whole."""
    told = summary(view.hours)
    wide, narrow = (
        Markup(heat_svg(view, frame, told))  # noqa: S704  (ElementTree has escaped it)
        for frame in (WIDE, NARROW)
    )
    return Heat(wide, narrow, told)


def summary(hours: Sequence[HourRow]) -> str:
    """All of it in sentences."""
    told = [one for one in hours if not one.few]
    few = len(hours) - len(told)
    measured, failed = (sum(getattr(one, name) or 0 for one in told) for name in ("n", "failed"))
    slowest = min(
        (one for one in told if one.median_bps is not None), key=lambda one: one.median_bps or 0, default=None
    )
    parts = (
        [f"{counted(len(told), 'hour')} with {counted(measured, 'download')}, of which {failed:,} failed."]
        if told
        else []
    )
    if slowest is not None:
        parts.append(f"The slowest median is that of {UTC.moment(slowest.hour_us)}.")
    if few:
        parts.append(f"Of {few:,}{' more' if told else ' hours'} nothing is told.")
    return " ".join(parts)


def heat_svg(view: CellView, frame: Frame, told: str) -> str:
    """The picture as text, to be set into a page; `told` is what a screen reader says of it."""
    name, days = f"heat-{frame.name}", (view.until_us - view.since_us) // DAY_US
    rows, across = (24, days) if frame.down else (days, 24)
    size = f"0 0 {max(frame.width, frame.left + across * frame.tile)} {frame.top + rows * frame.high + 6}"
    svg = ET.Element("svg", {"class": f"chart heat {frame.name}", "viewBox": size})
    svg.attrib |= {"role": "img", "aria-labelledby": f"{name}-title", "aria-describedby": f"{name}-about"}
    ET.SubElement(svg, "title", {"id": f"{name}-title"}).text = "Median download by the hour and the day, in UTC"
    ET.SubElement(svg, "desc", {"id": f"{name}-about"}).text = told
    _names(svg, view, frame, days)
    hours = {one.hour_us: one for one in view.hours}
    for x, y, hour_us in _places(view, frame, days):
        _tile(svg, frame, x, y, hours.get(hour_us), view.few_devices)
    return ET.tostring(svg, encoding="unicode")


def _places(view: CellView, frame: Frame, days: int) -> Iterator[tuple[int, int, int]]:
    """Where each hour stands, in px."""
    for day in range(days):
        for hour in range(24):
            column, row = (day, hour) if frame.down else (hour, day)
            at = frame.left + column * frame.tile, frame.top + row * frame.high
            yield *at, view.since_us + day * DAY_US + hour * HOUR_US


def _names(svg: ET.Element, view: CellView, frame: Frame, days: int) -> None:
    """What stands beside: hours, and days with their weekdays."""
    for hour in range(24):
        if frame.down:
            text(
                svg,
                "tick end",
                frame.left * 10 - 60,
                (frame.top + hour * frame.high) * 10 + frame.high * 5 + 40,
                f"{hour:02}",
            )
        else:
            text(
                svg,
                "tick middle",
                (frame.left + hour * frame.tile) * 10 + frame.tile * 5,
                frame.top * 10 - 60,
                f"{hour:02}",
            )
    for day in range(days):
        at = UTC.local(view.since_us) + timedelta(days=day)
        weekday, month = _WEEKDAYS[at.weekday()], MONTHS[at.month - 1]
        if frame.down:
            middle = (frame.left + day * frame.tile) * 10 + frame.tile * 5
            text(svg, "tick middle", middle, frame.top * 10 - 190, weekday)
            text(
                svg,
                "tick middle",
                middle,
                frame.top * 10 - 60,
                f"{at.day} {month}" if day == 0 or at.day == 1 else f"{at.day}",
            )
        else:
            middle = (frame.top + day * frame.high) * 10 + frame.high * 5
            text(svg, "tick end", frame.left * 10 - 80, middle + 40, f"{weekday} {at.day} {month}")


def _tile(svg: ET.Element, frame: Frame, x: int, y: int, one: HourRow | None, few_devices: int) -> None:
    """One hour: its median in the middle, below it how many devices at the left and how many failures at the right."""
    if one is None:
        return
    kind = "few" if one.few else tone(one)
    box = {"x": f"{x + 1}", "y": f"{y + 1}", "width": f"{frame.tile - 2}", "height": f"{frame.high - 2}", "rx": "3"}
    ET.SubElement(svg, "rect", {"class": f"tile {kind}"} | box)
    left, right, middle, foot = (
        (x + 4) * 10,
        (x + frame.tile - 4) * 10,
        x * 10 + frame.tile * 5,
        (y + frame.high - 5) * 10,
    )
    if one.few:
        text(svg, "in-tile few middle", middle, y * 10 + frame.high * 5 + 40, f"<{few_devices}")
        return
    figure = short_rate(one.median_bps) if one.median_bps is not None else "–"
    if kind == "failing" and one.failed:
        figure = f"✗{one.failed}"
    text(svg, f"in-tile {kind} middle", middle, foot - 110, figure)
    text(svg, f"in-tile small {kind}", left, foot, f"{one.devices}")
    if one.failed and kind != "failing":
        text(svg, f"in-tile small {kind} end", right, foot, f"✗{one.failed}")


def tone(one: HourRow) -> str:
    """The class of a tile: tone-0 for the slowest; `failing` if half of it or more failed, `toneless` without a median."""
    if one.n and 2 * (one.failed or 0) >= one.n:
        return "failing"
    if one.median_bps is None:
        return "toneless"
    return f"tone-{sum(1 for step in STEPS if one.median_bps >= step * 1_000_000)}"


def tones() -> Mapping[str, str]:
    """What the classes mean, for the legend."""
    names = [
        f"under {STEPS[0]}",
        *(f"{low} to {high}" for low, high in pairwise(STEPS)),
        f"{STEPS[-1]} and more",
    ]
    return {f"tone-{number}": name for number, name in enumerate(names)}
