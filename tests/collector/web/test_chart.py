"""The chart draws what there is, inside its box, and says what it leaves out."""

import re
from collections.abc import Callable, Iterable
from dataclasses import replace
from itertools import pairwise
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.view import CaseView, RecordRow
from collector.web.caption import caption, legend
from collector.web.chart import NARROW, WIDE, Drawing, Frame, chart_svg, spread
from collector.web.figure import figures_of
from collector.web.localtime import LineClock
from collector.web.marks import Mark, Marks, Shape, marks_of

MakeRow = Callable[..., RecordRow]
MakeCase = Callable[..., CaseView]
PRAGUE = LineClock.of("Europe/Prague")
NOON_US = 1_795_345_500_000_000
HOUR_US = 3_600_000_000
SPEEDS = {"min_bps": 10_000_000, "advertised_bps": 40_000_000, "max_bps": 40_000_000}
CONTRACT = {"down": SPEEDS | {"max_delay_us": 100_000}}  # a delay has no line in a chart of speeds

marks = st.builds(
    Mark,
    st.sampled_from(["down", "up"]),
    st.integers(1_262_304_000_000_000, 7_258_118_400_000_000),
    st.none() | st.integers(0, 2**53),
    st.sampled_from(Shape),
    st.booleans(),
)


def drawn(all_marks: Iterable[Mark], frame: Frame, complaints_us: tuple[int, ...] = ()) -> ET.Element:
    """The picture of some marks, parsed as XML."""
    known = tuple(all_marks)
    drawing = Drawing(Marks(known, len(known)), CONTRACT, PRAGUE, NOON_US, complaints_us, {"down": (0, NOON_US)})
    svg = chart_svg(drawing, frame, "A <title>", "About & about")
    return ET.fromstring(svg)


def places(svg: ET.Element) -> list[tuple[float, float]]:
    """Where the marks of a picture stand, in px."""
    paths = (path.get("d", "") for path in svg.iter("path"))
    return [(float(x), float(y)) for d in paths for x, y in re.findall(r"M(-?[\d.]+) (-?[\d.]+)", d)]


@pytest.mark.parametrize("frame", [WIDE, NARROW])
@given(st.lists(marks, max_size=20), st.lists(st.integers(1_262_304_000_000_000, NOON_US), max_size=3))
def test_every_mark_stands_inside_the_plot(frame: Frame, some: list[Mark], complaints_us: list[int]) -> None:
    """Whatever the values, the picture is well formed and every mark lies in the box of its panel."""
    svg = drawn(some, frame, tuple(complaints_us))
    for x, y in places(svg):
        assert frame.left <= x <= frame.width - frame.right
        assert frame.top <= y <= float(svg.get("viewBox", "").split()[3]) - frame.bottom
    assert len(places(svg)) <= len(some)


def test_an_empty_chart_says_that_nothing_was_measured() -> None:
    """Without a measurement there are axes, the contract, and words in place of points."""
    words = [text.text for text in drawn([], WIDE).iter("text")]
    assert "no downloads yet" in words
    assert "no uploads yet" in words
    assert "advertised = maximum 40" in words


def test_one_measurement_stands_in_the_middle() -> None:
    """A single point is drawn in the middle of its axis."""
    ((x, _),) = places(drawn([Mark("down", NOON_US, 8_000_000, Shape.SCHEDULED, flawed=False)], WIDE))
    assert abs(x - (WIDE.left + WIDE.width - WIDE.right) / 2) < 1


def test_kinds_of_marks_differ_by_shape() -> None:
    """Scheduled, by hand, imported, flawed and failed are told apart without colour."""
    kinds = [(shape, flawed, 1_000_000) for shape in Shape for flawed in (False, True)]
    some = [Mark("down", NOON_US + n, rate_bps, shape, flawed) for n, (shape, flawed, rate_bps) in enumerate(kinds)]
    svg = drawn([*some, Mark("down", NOON_US, None, Shape.SCHEDULED, flawed=False)], WIDE)
    assert sorted(path.get("class", "") for path in svg.iter("path")) == [
        "mark circle",
        "mark circle hollow",
        "mark cross",
        "mark diamond",
        "mark diamond hollow",
        "mark square",
        "mark square hollow",
    ]


def test_a_failure_stands_on_the_zero_line() -> None:
    """A failed measurement has no speed, and is seen at zero rather than left out."""
    svg = drawn([Mark("down", NOON_US, None, Shape.SCHEDULED, flawed=False)], WIDE)
    assert [y for _, y in places(svg)] == [WIDE.top + WIDE.panel_height]


def test_points_are_never_joined() -> None:
    """No line leads from one measurement to the next, so that a gap stays a gap."""
    svg = drawn([Mark("down", NOON_US + n * HOUR_US, n, Shape.SCHEDULED, flawed=False) for n in range(5)], WIDE)
    assert not list(svg.iter("polyline"))
    assert not any(re.search(r"L", path.get("d", "")) for path in svg.iter("path"))


def test_a_picture_has_a_name_and_a_description() -> None:
    """A screen reader is told what the picture is and what it shows, by elements that are there."""
    svg = drawn([], WIDE)
    assert svg.get("role") == "img"
    told = {part.get("id"): part.text for part in svg if part.tag in {"title", "desc"}}
    assert told[svg.get("aria-labelledby")] == "A <title>"
    assert told[svg.get("aria-describedby")] == "About & about"


@given(st.lists(st.integers(0, 2000), max_size=8))
def test_labels_keep_apart_where_there_is_room(wanted: list[int]) -> None:
    """Labels keep their order, their distance and stay above the bottom."""
    placed = spread(sorted(wanted), 150, 0, 2000)
    assert all(later - earlier >= 150 for earlier, later in pairwise(placed))
    assert not placed or (placed[0] >= 0 and placed[-1] <= 2000)


def test_only_transfers_are_drawn(make_row: MakeRow) -> None:
    """Latency, web objects, what was not started and what was broken off are no points of a speed chart."""
    rows = [
        make_row(method="latency", direction="round_trip", rate_bps=None),
        make_row(method="fetch"),
        make_row(end="not_started", rate_bps=None),
        make_row(end="aborted", rate_bps=None),
        make_row(end="something_new"),
        make_row(rate_bps=None),
    ]
    assert marks_of(rows, NOON_US) == Marks((), 0)


def test_a_partial_rate_of_a_failure_is_not_drawn(make_row: MakeRow) -> None:
    """A failed download counts as zero even if it carries a partial rate."""
    (mark,) = marks_of([make_row(end="failed", rate_bps=9_000_000)], NOON_US).drawn
    assert mark.rate_bps is None


def test_a_clock_that_cannot_be_right_is_left_out_and_said(make_row: MakeRow) -> None:
    """A measurement dated 1970 or next week is not drawn, and the caption says so."""
    rows = [make_row(at_us=0), make_row(at_us=NOON_US + 7 * 24 * HOUR_US), make_row()]
    found = marks_of(rows, NOON_US)
    assert (len(found.drawn), found.impossible) == (1, 2)
    assert "2 whose device had a clock that cannot be right" in caption(rows, CONTRACT, found)


def test_thinning_keeps_the_slowest_the_fastest_and_every_failure(make_row: MakeRow) -> None:
    """Of very many measurements the extremes of each stretch and all failures remain, and it is said."""
    rows = [make_row(at_us=NOON_US - n * 1_000_000, rate_bps=1_000_000 + n * 7919 % 10_007) for n in range(10_000)]
    rows += [make_row(at_us=NOON_US - n * 3_000_000, end="failed", rate_bps=None) for n in range(500)]
    found = marks_of(rows, NOON_US)
    rates = [mark.rate_bps for mark in found.drawn if mark.rate_bps is not None]
    assert len(rates) <= 4000
    assert len(found.drawn) - len(rates) == 500
    every = [row.rate_bps for row in rows if row.rate_bps is not None]
    assert (min(rates), max(rates)) == (min(every), max(every))
    told = caption(rows, CONTRACT, found)
    assert "the slowest and the fastest are drawn, and every failure" in told
    assert f"{len(found.drawn):,} of 10,500 in all" in told


def test_the_caption_counts_provenances_apart(make_row: MakeRow) -> None:
    """Signed and imported measurements are never added up, and each sum is told against the contract."""
    rows = [
        make_row(rate_bps=9_999_999),
        make_row(rate_bps=10_000_000),
        make_row(end="failed", rate_bps=None),
        make_row(flaws=("wifi",), rate_bps=20_000_000),
        make_row(direction="up", method="upload"),
        make_row(provenance="imported", rate_bps=50_000_000),
    ]
    assert caption(rows, CONTRACT, marks_of(rows, NOON_US)) == (
        "Signed: 4 downloads, 1 below the 10 Mbit/s minimum, 1 failed, 1 with a flaw; 1 upload, none failed. "
        "Imported, unsigned: 1 download reading, none below the 10 Mbit/s minimum, none failed."
    )


def test_the_legend_names_only_what_is_drawn(make_row: MakeRow) -> None:
    """A legend holds the kinds of marks in the picture and no other."""
    found = marks_of([make_row(), make_row(end="failed", rate_bps=None)], NOON_US)
    assert [kind for kind, _ in legend(found)] == ["circle", "cross"]


def test_only_the_window_that_decided_is_shaded(
    make_row: MakeRow, make_case: MakeCase, rows: tuple[RecordRow, ...]
) -> None:
    """The judged window is shaded in its panel; not if outside the picture or before the complaint."""
    case = make_case()
    assert [figure.wide.count('class="window"') for figure in figures_of(case, rows)] == [2]
    later = [make_row(at_us=NOON_US + HOUR_US)]
    assert [figure.has_window for figure in figures_of(case, later)] == [False]
    findings = tuple(replace(one, phase="before") for one in case.verdicts[0].findings)
    before = replace(case, verdicts=(replace(case.verdicts[0], findings=findings),))
    assert [figure.has_window for figure in figures_of(before, rows)] == [False]


def test_an_old_log_has_a_picture_of_its_own(make_row: MakeRow, make_case: MakeCase) -> None:
    """Imported measurements of another year do not squeeze the signed ones to the edge."""
    near = [make_row(), make_row(at_us=NOON_US - HOUR_US, provenance="imported")]
    far = [make_row(), make_row(at_us=NOON_US - 9000 * HOUR_US, provenance="imported")]
    assert [figure.title for figure in figures_of(make_case(), near)] == ["Measurements against the contract"]
    assert [figure.title for figure in figures_of(make_case(), far)] == [
        "Signed measurements against the contract",
        "Imported, unsigned measurements",
    ]
