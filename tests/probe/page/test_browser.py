"""The report as a real browser lays it out: headless Chromium, from a file, nothing from the network."""

import html
import re
from dataclasses import replace
from pathlib import Path

import pytest
from fakes.browsing import NEEDS_CHROMIUM, Browse, browsing

from probe.page.facts import Facts
from probe.page.render import render
from shared.record import Record

pytestmark = NEEDS_CHROMIUM
WIDTHS = (390, 1200)
# Lays the page out in a frame of each width and writes into the document what overflows it, and that its sheet was taken.
HARNESS = """<!doctype html><meta charset="utf-8"><body style="margin:0">
{frames}<p id="seen">not yet</p><script>
window.onload = () => {{
  seen.textContent = [...document.querySelectorAll("iframe")].map(frame => {{
    const page = frame.contentDocument, width = frame.clientWidth;
    const over = e => e.getBoundingClientRect().right > width + 0.5 && !e.closest("svg");
    const wide = [...page.body.querySelectorAll("*")].filter(over);
    const styled = getComputedStyle(page.body).maxWidth !== "none";
    const plots = page.querySelectorAll("svg.chart").length;
    return `${{page.documentElement.scrollWidth}}:${{wide.length}}:${{styled}}:${{plots}}:${{wide[0]?.tagName}}`;
  }}).join(" ");
}};
</script>"""


@pytest.fixture
def browse(tmp_path: Path) -> Browse:
    """Open a document in a fresh browser and return the DOM it made of it, or take a picture."""
    return browsing(tmp_path)


def test_nothing_overflows_and_the_sheet_is_taken(browse: Browse, facts: Facts) -> None:
    """On a phone and on a desk nothing reaches beyond the edge, words without a break neither; the policy lets the sheet in."""
    word = "Donaudampfschifffahrtselektrizitaetenhauptbetriebswerkbauunterbeamtengesellschaft" * 2
    row = replace(facts.rows[-1], method="mark", words=word, slot=None)
    failed = replace(facts.rows[-1], end="failed", failure=word)
    record = Record(
        b"", {"method": "fetch", "end": "not_started", "reason": word, "seq": 1, "wall_us": facts.now_us}, 1
    )
    hostile = replace(facts, subscriber=word, rows=[*facts.rows, row, failed], recent=[record, *facts.recent])
    page = html.escape(render(hostile))
    frames = "".join(
        f'<iframe style="border:0;width:{width}px;height:900px" srcdoc="{page}"></iframe>' for width in WIDTHS
    )
    dom = browse(HARNESS.format(frames=frames), ("--window-size=1700,1000", "--dump-dom"))
    (found,) = re.findall(r'<p id="seen">(.*?)</p>', dom)
    assert [one.split(":")[:3] for one in found.split()] == [[str(width), "0", "true"] for width in WIDTHS], found
    assert all(int(one.split(":")[3]) == 10 for one in found.split())


@pytest.mark.parametrize("width", WIDTHS)
def test_a_picture_of_the_page_can_be_taken(browse: Browse, tmp_path: Path, facts: Facts, width: int) -> None:
    """The browser paints the page from a file at both widths, and what it paints is not one colour."""
    picture = tmp_path / "page.png"
    browse(render(facts), (f"--window-size={width},2400", f"--screenshot={picture}"))
    data = picture.read_bytes()
    assert data.startswith(b"\x89PNG\r\n\x1a\n")
    assert len(data) > 50_000
