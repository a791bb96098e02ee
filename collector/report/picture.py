"""The page's pictures on paper: the very SVG that the page shows, drawn by the page's style sheet, nothing computed anew.

Knows what the page's pictures are made of (`collector.web.svg`): text, tspan, line, rect, path. What the picture holds beside
these (title, desc) is for screen readers.
"""

from dataclasses import dataclass
from typing import Final
from xml.etree import ElementTree as ET

from fpdf import FPDF
from fpdf.drawing import PaintedPath
from fpdf.drawing_primitives import DeviceRGB, Transform
from fpdf.enums import StrokeCapStyle
from fpdf.svg import svg_path_converter

from collector.report.letters import FAMILY, printable
from collector.report.style import INHERITED, Style, page_sheet, rgb

_LARGER: Final = 1.12  # letters on paper, beside those of the page: a sheet is narrower than a screen
_BOLD: Final = 600
_POINT_MM: Final = 25.4 / 72
_DEFAULT: Final = {"fill": "#000", "font-size": "12px", "font-weight": "400", "text-anchor": "start"}


@dataclass(frozen=True, slots=True)
class Place:
    """Where a picture's own pixels come to lie: its left upper corner, and how long one of them is, mm."""

    x: float
    y: float
    mm: float

    def at(self, x: str | None, y: str | None) -> tuple[float, float]:
        """A place in the picture on the page."""
        return self.x + float(x or 0) * self.mm, self.y + float(y or 0) * self.mm


def height_of(svg: str, width: float) -> float:
    """How high a picture is at this width."""
    _, _, wide, high = _read(svg).attrib["viewBox"].split()
    return width * float(high) / float(wide)


def draw(pdf: FPDF, svg: str, x: float, y: float, width: float) -> None:
    """Draw a picture of the page with its left upper corner at (x, y) mm, so wide."""
    picture = _read(svg)
    left, top, wide, _ = (float(one) for one in picture.attrib["viewBox"].split())
    mm = width / wide
    place = Place(x - left * mm, y - top * mm, mm)
    for element in picture:
        style = _DEFAULT | page_sheet().of(element.tag, element.attrib.get("class", "").split())
        match element.tag:
            case "line":
                _line(pdf, element, style, place)
            case "rect" | "path":
                _shape(pdf, element, style, place)
            case "text":
                _text(pdf, element, style, place)


def _read(svg: str) -> ET.Element:
    return ET.fromstring(svg)  # noqa: S314 - our own picture


def _px(value: str) -> float:
    return float(value.removesuffix("px"))


def _line(pdf: FPDF, element: ET.Element, style: Style, place: Place) -> None:
    if style.get("stroke", "none") == "none":
        return
    pdf.set_draw_color(*rgb(style["stroke"]))
    pdf.set_line_width(_px(style.get("stroke-width", "1")) * place.mm)
    dash, gap = (float(one) * place.mm for one in style.get("stroke-dasharray", "0 0").split())
    pdf.set_dash_pattern(dash=dash, gap=gap)
    one, other = (place.at(element.get(f"x{end}"), element.get(f"y{end}")) for end in "12")
    pdf.line(*one, *other)
    pdf.set_dash_pattern()


def _shape(pdf: FPDF, element: ET.Element, style: Style, place: Place) -> None:
    """A rectangle or a path; its figures stay the picture's own, the page's are put before them."""
    path = PaintedPath()
    if element.tag == "rect":
        x, y, width, height = (float(element.get(name, 0)) for name in ("x", "y", "width", "height"))
        path.rectangle(x, y, width, height)
    else:
        svg_path_converter(path, element.get("d", ""))
    fill, stroke = style["fill"], style.get("stroke", "none")
    path.style.fill_color = None if fill == "none" else _colour(fill)
    path.style.stroke_color = None if stroke == "none" else _colour(stroke)
    path.style.stroke_width = _px(style.get("stroke-width", "1"))
    path.style.auto_close = False
    if style.get("stroke-linecap") == "round":
        path.style.stroke_cap_style = StrokeCapStyle.ROUND
    with pdf.drawing_context() as drawn:
        path.transform = Transform.scaling(place.mm).translate(place.x, place.y)
        drawn.add_item(path, clone=False)


def _colour(colour: str) -> DeviceRGB:
    red, green, blue = rgb(colour)
    return DeviceRGB(red / 255, green / 255, blue / 255)


def _text(pdf: FPDF, element: ET.Element, style: Style, place: Place) -> None:
    """Words at a place, with what is in other type behind them."""
    x, y = place.at(element.get("x"), element.get("y"))
    parts = [(element.text or "", style)]
    for inner in element:
        own = {name: value for name, value in style.items() if name in INHERITED}
        parts.append((inner.text or "", own | page_sheet().of(inner.tag, inner.attrib.get("class", "").split())))
    anchor = style["text-anchor"]
    if anchor != "start":
        width = sum(_set(pdf, one, place).get_string_width(printable(words)) for words, one in parts)
        x -= width if anchor == "end" else width / 2
    for words, one in parts:
        told = printable(words)
        _set(pdf, one, place)
        if one.get("paint-order") == "stroke":  # what lies beneath keeps its distance
            with pdf.local_context(
                text_mode="STROKE", line_width=_px(one["stroke-width"]) * place.mm / 2, draw_color=rgb(one["stroke"])
            ):
                pdf.text(x, y, told)
        pdf.text(x, y, told)
        x += pdf.get_string_width(told)


def _set(pdf: FPDF, style: Style, place: Place) -> FPDF:
    """Choose the type."""
    weight = style["font-weight"]
    size = _px(style["font-size"]) * place.mm * _LARGER / _POINT_MM
    pdf.set_font(FAMILY, "B" if weight.isdecimal() and int(weight) >= _BOLD else "", size)
    pdf.set_text_color(*rgb(style["fill"]))
    return pdf
