"""The page as a real browser lays it out: headless Chromium, pages from files, nothing from the network."""

import html
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from fakes.browsing import NEEDS_CHROMIUM, Browse, browsing

from collector.view import CaseView, ComplaintRow, RecordRow
from collector.web.page import SubscriberLine, render_error, render_list, render_page

pytestmark = NEEDS_CHROMIUM
# Lays a page out in a frame of a given width and writes into the document what overflows it.
HARNESS = """<!doctype html><meta charset="utf-8"><body style="margin:0">
<iframe id="frame" style="border:0;width:{width}px;height:900px" srcdoc="{page}"></iframe>
<p id="seen">not yet</p><script>
frame.onload = () => {{
  const page = frame.contentDocument, root = page.documentElement;
  const over = e => e.getBoundingClientRect().right > {width} + 0.5 && !e.closest("svg");
  const wide = [...page.body.querySelectorAll("*")].filter(over);
  const rule = getComputedStyle(page.body).maxWidth !== "none";
  const first = wide[0]?.className;
  seen.textContent = `scroll=${{root.scrollWidth}} wide=${{wide.length}} styled=${{rule}} first=${{first}}`;
}};
</script>"""


@pytest.fixture
def browse(tmp_path: Path) -> Browse:
    """Open a document in a fresh browser and return the DOM it made of it, or take a picture."""
    return browsing(tmp_path)


def seen(browse: Browse, document: str, width: int) -> str:
    """What the harness saw of a page laid out at a width."""
    dom = browse(HARNESS.format(width=width, page=html.escape(document)), ("--window-size=1300,1000", "--dump-dom"))
    (found,) = re.findall(r'<p id="seen">(.*?)</p>', dom)
    return str(found)


def test_the_verdict_is_in_the_dom(
    browse: Browse, make_case: Callable[..., CaseView], rows: tuple[RecordRow, ...]
) -> None:
    """A browser shows the verdict, its rule and the pictures without running a script."""
    dom = browse(render_page(make_case(), rows))
    assert "Substantiated" in dom
    assert "Rule cz-mobile-cert" in dom
    assert dom.count('<svg class="chart') == 2


@pytest.mark.parametrize("width", [360, 768, 1200])
def test_nothing_overflows(browse: Browse, alarmed: CaseView, rows: tuple[RecordRow, ...], width: int) -> None:
    """On a phone, a tablet and a desk nothing reaches beyond the edge, not even a word without a break."""
    word = "Donaudampfschifffahrtselektrizitaetenhauptbetriebswerkbauunterbeamtengesellschaft" * 2
    verdicts = tuple(replace(one, words=word, criterion=word) for one in alarmed.verdicts)
    case = replace(alarmed, subscriber=word, verdicts=verdicts, complaints=(ComplaintRow(word, 1, 1, "d"),))
    hostile = replace(rows[0], method=word, flaws=(word,), end="failed", failure=word, dev=word, seq=2**53 - 1)
    found = seen(browse, render_page(case, [hostile, *rows]), width)
    assert found.startswith(f"scroll={width} wide=0 styled=true")


@pytest.mark.parametrize("width", [360, 1200])
def test_the_other_pages_do_not_overflow(browse: Browse, width: int) -> None:
    """The list and the error page fit a phone and a desk."""
    word = "x" * 120
    for document in (
        render_list([SubscriberLine(word, "insufficient_evidence")]),
        render_error(404, word, word),
    ):
        assert seen(browse, document, width).startswith(f"scroll={width} wide=0 styled=true")


@pytest.mark.parametrize("width", [360, 1200])
def test_a_picture_of_the_page_can_be_taken(
    browse: Browse, tmp_path: Path, alarmed: CaseView, rows: tuple[RecordRow, ...], width: int
) -> None:
    """The browser paints the page at both widths, and what it paints is not one colour."""
    picture = tmp_path / "page.png"
    browse(render_page(alarmed, rows), (f"--window-size={width},2400", f"--screenshot={picture}"))
    data = picture.read_bytes()
    assert data.startswith(b"\x89PNG\r\n\x1a\n")
    assert len(data) > 50_000
