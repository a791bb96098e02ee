"""The few pieces of an SVG 2 picture that the page's pictures share. Positions are tenths of a pixel."""

from xml.etree import ElementTree as ET


def text(svg: ET.Element, kind: str, x: int, y: int, words: str) -> ET.Element:
    """Words at a place; `kind` is the class by which the style sheet knows them."""
    made = ET.SubElement(svg, "text", {"class": kind, "x": px(x), "y": px(y)})
    made.text = words
    return made


def line(svg: ET.Element, kind: str, start: tuple[int, int], end: tuple[int, int]) -> None:
    """A straight line from one place to another."""
    ends = {"x1": px(start[0]), "y1": px(start[1]), "x2": px(end[0]), "y2": px(end[1])}
    ET.SubElement(svg, "line", {"class": kind} | ends)


def px(px10: int) -> str:
    """Tenths of a pixel as SVG writes them."""
    sign, (whole, tenth) = "-" if px10 < 0 else "", divmod(abs(px10), 10)
    return f"{sign}{whole}.{tenth}" if tenth else f"{sign}{whole}"
