"""The pages of fleet and cells and a line's days: sound, complete in words, within the edges, and readable in both schemes."""

import html
import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
from fakes.browsing import NEEDS_CHROMIUM, Browse, browsing
from hypothesis import given
from hypothesis import strategies as st

from collector.overview import (
    FEW_DEVICES,
    CellRow,
    CellsView,
    CellView,
    DayRow,
    FleetView,
    HourRow,
    Lag,
    RecordCount,
    SilentRow,
)
from collector.view import CaseView
from collector.web import daystrip, heat
from collector.web.page import render_cell, render_cells, render_fleet, render_page
from collector.web.quantities import rate, short_rate

from .test_browser import HARNESS
from .test_page import HOSTILE, NOON_US, Outline, checked

HOUR_US, DAY_US = 3_600_000_000, 86_400_000_000
WEEK_US = NOON_US // DAY_US * DAY_US - 6 * DAY_US
WORD = "Donaudampfschifffahrtselektrizitaetenhauptbetriebswerkbauunterbeamtengesellschaft"
FLEET = FleetView(
    as_of_us=NOON_US,
    since_us=NOON_US - DAY_US,
    devices=12_345,
    heard_hour=11_000,
    heard_day=12_000,
    heard_week=12_300,
    heard=12_000,
    lost=7,
    refused={"bad_signature": 2, "chain_fork": 1},
    records=(RecordCount("download", "ok", 4711), RecordCount("download", "not_started", 1)),
    silent=(
        SilentRow("ab" * 32, "line-9", "America/New_York", NOON_US - 2 * DAY_US, frozen=True),
        SilentRow("cd" * 32, "line-8", "UTC", None, frozen=False),
    ),
    index=Lag(900, 888, 12, 2_100_000),
)
CELLS = CellsView(
    NOON_US, WEEK_US, WEEK_US + 7 * DAY_US, "down", 10, FEW_DEVICES, False,
    (
        CellRow("23001-1", "23001", 1, 5, 1200, 1100, 100, 1_990_000, None),
        CellRow("unknown-2", None, 2, 3, 10, 2, 8, None, None),
    ),
)  # fmt: skip
HOURS = (
    HourRow(WEEK_US, False, 6, 12, 11, 1, 1_990_000),
    HourRow(WEEK_US + HOUR_US, few=True),
    HourRow(WEEK_US + 30 * HOUR_US, False, 4, 8, 2, 6, None),
    HourRow(WEEK_US + 31 * HOUR_US, False, 4, 8, 7, 1, None),
    HourRow(WEEK_US + 167 * HOUR_US, False, 1234, 99_999, 99_999, 0, 1_234_000_000),
)
CELL = CellView(
    NOON_US, WEEK_US, WEEK_US + 7 * DAY_US, "down", FEW_DEVICES, "23001-21263107", "23001", 21_263_107, 20_000, 20_778, HOURS
)  # fmt: skip


def day(number: int, **changes: int | None) -> DayRow:
    """A day of a line."""
    from_us = WEEK_US + (number - 20) * DAY_US
    made = DayRow(
        heat.UTC.local(from_us).date().isoformat(), from_us, from_us + DAY_US, 96, 3, 120, 110, 4, 5, 1, 2, 6, 27_300_000, 6, 8_400_000, 90, 41_000
    )  # fmt: skip
    return replace(made, **changes)  # type: ignore[arg-type]


DAYS = tuple(day(number) for number in range(28))


@pytest.fixture
def browse(tmp_path: Path) -> Browse:
    """Open a document in a fresh browser."""
    return browsing(tmp_path)


def test_the_fleet_is_told_in_words() -> None:
    """Devices, what was heard, lost and refused, who is silent since when by his own clock, and how late the index is."""
    page = checked(render_fleet(FLEET))
    for words in (
        "Enrolled12,345",
        "Heard in the last hour11,000",
        "Heard in the last day12,000",
        "Heard in the last 7 days12,300",
        "7 records: begun",
        "2 × Something arrived under this device's name with a signature that does not fit.",
        "Nothing was received of 345 devices in that time; these are the 2 that were heard last.",
        "20 Nov 2026, 06:05 (America/New_York) frozen: its chain forked; enrol it anew",
        "never",
        "12 entries behind the ledger; the newest in it is 3 seconds old",
        "Downloadok4,711",
    ):
        assert words.replace(" ", "") in page.text.replace(" ", ""), words
    assert "/subscriber/line-9" in page.links


def test_a_fleet_without_trouble_says_so() -> None:
    """Where nothing was lost or refused and nobody is silent each part says that, and an empty fleet is told as such."""
    well = replace(FLEET, devices=5, heard=5, lost=0, refused={}, records=(), silent=(), index=Lag(9, 9, 0, 0))
    text = checked(render_fleet(well)).text
    for words in (
        "No device said that it lost a record.",
        "None: every device was heard",
        "holds everything that the ledger has, 9 entries",
    ):
        assert words in text
    assert "No device has been enrolled yet." in checked(render_fleet(replace(well, devices=0, heard=0))).text


def test_the_worst_cells_lead_to_their_pages() -> None:
    """Each cell has its figures and a link; a median of few is not told and why is; without cells that is said."""
    page = checked(render_cells(CELLS))
    assert {"/cell/23001-1", "/cell/unknown-2"} <= set(page.links)
    assert "23001-1 1.9 Mbit/s 1,200 100 5" in page.text
    assert "unknown-2 not told: of fewer than 3 devices 10 8 3" in page.text
    assert "There is no such cell" in checked(render_cells(replace(CELLS, cells=()))).text


def test_a_cell_is_told_by_the_hour() -> None:
    """Every hour stands in the table, a suppressed one with the reason; the sums are of what is told only."""
    page = checked(render_cell(CELL))
    assert "4 hours with 100,027 downloads, of which 8 failed." in page.text
    assert "Of 1 more nothing is told." in page.text
    assert "Where fewer than 3 devices measured nothing is told: it would be a customer’s line" in page.text
    assert page.text.count("fewer than 3 devices ") == page.text.count("fewer than 3 devices") == 4
    assert "16 Nov 2026, 00:001.9 Mbit/s1216 16 Nov" in page.text
    assert f"/cell/23001-21263107?until={heat.UTC.machine(WEEK_US)[:19]}Z" in page.links


def test_weeks_lead_back_and_not_into_the_future() -> None:
    """From today's week one goes back only; from an older one also forward, and never beyond today."""
    assert "a week later" not in checked(render_cell(CELL)).text
    older = replace(CELL, since_us=WEEK_US - 3 * DAY_US, until_us=WEEK_US + 4 * DAY_US, hours=())
    page = checked(render_cell(older))
    assert f"/cell/23001-21263107?until={heat.UTC.machine(WEEK_US + 7 * DAY_US)[:19]}Z" in page.links
    assert "Nothing was downloaded in this cell in these days. It was measured from 4 Oct 2024" in page.text


@pytest.mark.parametrize("frame", [heat.WIDE, heat.NARROW], ids=lambda frame: frame.name)
def test_tiles_are_where_their_hours_are(frame: heat.Frame) -> None:
    """Each measured hour has one tile within the picture, in the column and row of its hour and day, and no two overlap."""
    svg = ET.fromstring(heat.heat_svg(CELL, frame, "told"))
    width, height = (int(one) for one in svg.attrib["viewBox"].split()[2:])
    places = {}
    for box, one in zip(svg.findall("rect"), HOURS, strict=True):
        x, y = int(box.attrib["x"]) - frame.left - 1, int(box.attrib["y"]) - frame.top - 1
        at = (x // frame.tile, y // frame.high)
        number = (one.hour_us - WEEK_US) // HOUR_US
        assert at == ((number // 24, number % 24) if frame.down else (number % 24, number // 24))
        assert int(box.attrib["x"]) + int(box.attrib["width"]) <= width
        assert int(box.attrib["y"]) + int(box.attrib["height"]) <= height
        places[at] = box.attrib["class"]
    assert [*places.values()] == ["tile tone-0", "tile few", "tile failing", "tile toneless", "tile tone-4"]
    assert [one.text for one in svg.iter("text")].count("✗6") == 1


def test_a_suppressed_tile_says_nothing() -> None:
    """The tile of an hour of few devices looks the same whatever was measured in it."""
    text = heat.heat_svg(replace(CELL, hours=(HOURS[1],)), heat.WIDE, "told")
    (svg_text,) = [one.text for one in ET.fromstring(text).iter("text") if "in-tile" in one.attrib["class"]]
    assert svg_text == "<3"


@given(st.integers(0, 10**11), st.integers(0, 10**11))
def test_the_slower_the_stronger(one: int, other: int) -> None:
    """Of two hours the slower has the stronger tile or the same, and its class is in the legend."""
    slow, fast = sorted((one, other))
    tones = [heat.tone(HourRow(0, False, 9, 9, 9, 0, rate_bps)) for rate_bps in (slow, fast)]
    assert tones == sorted(tones)
    assert set(tones) <= set(heat.tones())


@given(st.integers(0, 10**12))
def test_a_short_rate_never_promises_more(rate_bps: int) -> None:
    """A rate in few digits is not above the rate, and less than a tenth or a whole Mbit/s below it."""
    told = short_rate(rate_bps)
    if told == "<0.1":
        assert 0 < rate_bps < 100_000
        return
    shown = round(float(told.replace(",", "")) * 1_000_000)
    assert shown <= rate_bps < shown + (1_000_000 if "." not in told else 100_000)
    assert len(told) <= 4 or rate_bps >= 10**9


counts = st.integers(0, 20_000)
rows = st.builds(
    day, st.just(0), scheduled=counts, missing=counts, n=counts, failed=counts,
    down_median_bps=st.none() | st.integers(0, 10**12), up_median_bps=st.none() | st.integers(0, 10**12),
)  # fmt: skip


@given(st.lists(rows, min_size=1, max_size=28), st.sampled_from([daystrip.WIDE, daystrip.NARROW]))
def test_bars_stay_in_their_lanes(days: list[DayRow], frame: daystrip.Frame) -> None:
    """Whatever was measured, each bar is within its day and its lane, and each lane's highest is as high as bars get."""
    shown = days[-frame.days :]
    svg = ET.fromstring(daystrip.day_strip_svg(shown, frame, "told"))
    feet = {lane.kind: (number + 1) * frame.lane for number, lane in enumerate(daystrip.LANES)}
    for path in svg.findall("path"):
        foot = feet[path.attrib["class"].split()[1]]
        found = [[*map(float, one)] for one in re.findall(r"M([\d.]+) ([\d.]+)h([\d.]+)v([\d.]+)h-", path.attrib["d"])]
        assert found
        assert max(high for _, _, _, high in found) == daystrip._BAR_PX10 / 10
        for x, y, width, high in found:
            assert frame.left <= x
            assert x + width <= min(frame.width, frame.left + len(shown) * frame.day)
            assert foot - frame.lane < y == pytest.approx(foot - high)
        assert all(x + width <= after for (x, _, width, _), (after, *_) in pairwise(found))


def test_the_strip_tells_each_day(make_case: Callable[..., CaseView]) -> None:
    """Each lane has the figure of each day over its bar, the table has a row for each, and days before the first test are not drawn."""
    empty = tuple(
        day(number - 9, scheduled=0, n=0, missing=0, failed=0, down_median_bps=None, up_median_bps=None)
        for number in range(9)
    )
    document = render_page(make_case(), [], (*empty, *DAYS[:19]))
    page = checked(document)
    assert page.headings.count(2) >= 5
    assert "In 19 days 2,280 measurements, 76 failed; nothing was received for 57 of 1,824 slots." in page.text
    assert document.count('<td class="number">27.3 Mbit/s</td>') == 19
    assert "The picture shows the newest 14." in page.text
    assert "The picture shows" not in render_page(make_case(), [], DAYS[:14])
    (wide,) = re.findall(r'<svg class="chart days wide".*?</svg>', document, re.DOTALL)
    texts = [one.text for one in ET.fromstring(wide).iter("text")]
    for figure in ("27", "8.4", "120", "4", "3"):
        assert texts.count(figure) >= 19
    assert rate(27_300_000) == "27.3 Mbit/s"


def test_a_line_without_days_has_no_strip(make_case: Callable[..., CaseView]) -> None:
    """Before anything was due or measured there is no empty section."""
    nothing = day(0, scheduled=0, n=0, missing=0, failed=0, down_median_bps=None, up_median_bps=None)
    for days in ((), (nothing, nothing)):
        assert "Day by day" not in render_page(make_case(), [], days)


def hostile_pages() -> list[str]:
    """Pages whose every text tries to break out."""
    silent = SilentRow(HOSTILE, HOSTILE, HOSTILE, NOON_US, frozen=True)
    fleet = replace(FLEET, silent=(silent,), refused={HOSTILE: 1}, records=(RecordCount(HOSTILE, HOSTILE, 1),))
    cells = replace(CELLS, cells=(replace(CELLS.cells[0], cell=HOSTILE, operator=HOSTILE),))
    return [render_fleet(fleet), render_cells(cells), render_cell(replace(CELL, cell=HOSTILE, operator=HOSTILE))]


def test_hostile_text_stays_text() -> None:
    """What a device says of its operator, or an error of itself, becomes no markup and no other address."""
    for document in hostile_pages():
        page = checked(document)
        assert "<script" not in document
        assert HOSTILE[:20] in page.text
        assert all(
            re.fullmatch(r"data:,|/|/(fleet|cells)(\?since=\w+)?|/(subscriber|cell)/[\w%.~-]+(\?until=[\w:-]+)?", link)
            for link in page.links
        )


LARGEST = replace(
    CELL,
    cell=WORD,
    hours=tuple(
        HourRow(WEEK_US + number * HOUR_US, False, 9999, 99_999, 9, 9999, 99_999_000_000) for number in range(168)
    ),
)


@pytest.mark.parametrize("width", [360, 768, 1200])
@pytest.mark.parametrize("name", ["fleet", "cells", "cell", "line"])
@NEEDS_CHROMIUM[0]
@NEEDS_CHROMIUM[1]
def test_nothing_overflows(browse: Browse, make_case: Callable[..., CaseView], name: str, width: int) -> None:
    """On a phone, a tablet and a desk nothing reaches beyond the edge, also with everything opened and the longest words."""
    silent = SilentRow(WORD, WORD, WORD, NOON_US, frozen=True)
    days = tuple(
        day(number, n=99_999, scheduled=99_999, missing=99_999, failed=99_999, down_median_bps=999_000_000)
        for number in range(28)
    )
    documents = {
        "fleet": lambda: render_fleet(replace(FLEET, silent=(silent,), refused={WORD: 10**9})),
        "cells": lambda: render_cells(replace(CELLS, cells=(replace(CELLS.cells[0], cell=WORD, n=10**9),))),
        "cell": lambda: render_cell(LARGEST),
        "line": lambda: render_page(make_case(), [], days),
    }
    document = documents[name]().replace("<details>", "<details open>")
    dom = browse(HARNESS.format(width=width, page=html.escape(document)), ("--window-size=1300,1000", "--dump-dom"))
    assert re.findall(r'<p id="seen">(scroll=\d+ wide=\d+ styled=\w+)', dom) == [f"scroll={width} wide=0 styled=true"]


@pytest.mark.parametrize("scheme", ["light", "dark"])
@NEEDS_CHROMIUM[0]
@NEEDS_CHROMIUM[1]
def test_every_tile_can_be_read(browse: Browse, scheme: str) -> None:
    """In both colour schemes what stands in a tile contrasts with it as WCAG 2.2 asks of text, 4.5 to 1."""
    hours = (
        *HOURS,
        *(
            HourRow(WEEK_US + (40 + n) * HOUR_US, False, 5, 9, 8, 1, mbit * 1_000_000)
            for n, mbit in enumerate((3, 7, 15))
        ),
    )
    script = """<script>
const seen = new Set(), svg = document.querySelector(".heat.wide");
for (const text of svg.querySelectorAll(".in-tile")) {
  const at = text.getBBox(), x = at.x + at.width / 2, y = at.y + at.height / 2;
  const tile = [...svg.querySelectorAll("rect")].find(r => { const b = r.getBBox(); return x > b.x && x < b.x + b.width && y > b.y && y < b.y + b.height; });
  const fill = getComputedStyle(tile).fill, paper = getComputedStyle(document.body).backgroundColor;
  seen.add([tile.getAttribute("class"), fill === "none" ? paper : fill, getComputedStyle(text).fill].join("|"));
}
document.body.dataset.seen = [...seen].join(";");
</script>"""
    document = render_cell(replace(CELL, hours=hours))
    document = re.sub(r'<meta http-equiv="Content-Security-Policy"[^>]*>', "", document).replace(
        "</body>", script + "</body>"
    )
    dark = ("--blink-settings=preferredColorScheme=0",) if scheme == "dark" else ()
    dom = browse(document, (*dark, "--window-size=1200,900", "--dump-dom"))
    (found,) = re.findall(r'data-seen="([^"]*)"', dom)
    seen = [one.split("|") for one in found.split(";")]
    assert {kind for kind, _, _ in seen} == {
        "tile few",
        "tile failing",
        "tile toneless",
        *(f"tile {name}" for name in heat.tones()),
    }
    is_dark = {sum(channels(fill)) < 300 for kind, fill, _ in seen if kind == "tile few"}
    assert is_dark == {scheme == "dark"}
    for kind, behind, ink in seen:
        assert contrast(channels(behind), channels(ink)) >= 4.5, (kind, behind, ink)


def channels(colour: str) -> list[int]:
    """Red, green and blue of what a browser computed."""
    return [int(one) for one in re.findall(r"\d+", colour)[:3]]


def contrast(one: Sequence[int], other: Sequence[int]) -> float:
    """The contrast ratio of WCAG 2.2."""

    def luminance(colour: Sequence[int]) -> float:
        linear = [c / 255 / 12.92 if c / 255 <= 0.04045 else ((c / 255 + 0.055) / 1.055) ** 2.4 for c in colour]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


def test_the_outline_sees_every_page() -> None:
    """The pages have one heading of the first order and say where one is."""
    for document in (render_fleet(FLEET), render_cells(CELLS), render_cell(CELL)):
        assert Outline(document).text.count("speedproof") == 1
