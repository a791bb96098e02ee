"""The page's style sheet, read for paper."""

import re
from importlib.resources import files

import pytest

from collector.report.style import page_sheet, read_sheet, rgb

CSS = """
:root { --ink: #111; --odd: pink; }
/* .chart .grid { stroke: #f00; } */
.chart text { fill: var(--ink); font-size: 12px; }
.chart .name, .other { fill: #0a0b0c; }
.mark { fill: var(--ink); stroke-width: 1; }
.mark.hollow { fill: none; stroke: var(--missing); }
@media (max-width: 48rem) { .mark { fill: #f00; } }
@media print { :root { --ink: #222; } .mark { fill: #0f0; } }
"""


def test_the_more_exact_rule_wins() -> None:
    """More classes before fewer, classes before tags; print's colours, and none for one that nobody names."""
    sheet = read_sheet(CSS)
    assert sheet.of("text", ["name"]) == {"fill": "#0a0b0c", "font-size": "12px"}
    assert sheet.of("path", ["mark"]) == {"fill": "#222", "stroke-width": "1"}
    assert sheet.of("path", ["hollow", "mark"]) == {"fill": "none", "stroke": "none", "stroke-width": "1"}
    assert sheet.of("line", ["grid"]) == {}


def test_colours() -> None:
    """Three digits and six; a word is refused."""
    assert rgb("#0af") == rgb("#00aaff") == (0, 170, 255)
    with pytest.raises(ValueError, match="non-hexadecimal"):
        rgb("pink")


@pytest.mark.parametrize(
    ("tag", "painted"),
    [("line", "grid"), ("line", "promise promise-1"), ("path", "mark circle dense"), ("path", "mark cross"),
     ("path", "stay measured"), ("path", "day failed"), ("rect", "window"), ("text", "promise-name"), ("line", "complaint")],
)  # fmt: skip
def test_the_page_styles_what_its_pictures_have(tag: str, painted: str) -> None:
    """Each kind of line, mark and word of the page's pictures has a colour on paper that can be read."""
    style = page_sheet().of(tag, painted.split())
    paint = style["stroke" if tag == "line" or "cross" in painted else "fill"]
    assert len(rgb(paint)) == 3


def test_print_has_every_colour() -> None:
    """No colour of the page is without one for print."""
    css = files("collector.web").joinpath("static", "page.css").read_text("utf-8")
    light = css.partition("@media (prefers-color-scheme: dark)")[0]
    assert set(re.findall(r"(--[a-z0-9-]+): #", light)) <= set(page_sheet().colours)
