"""The strip of what is known of a device's slots: its picture, its words, and how the page lays it out."""

import html
import re
import shutil
import subprocess
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import get_args
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.view import CaseView, PresenceView, RecordRow, Stand, Stretch
from collector.web import presence, words
from collector.web.localtime import LineClock
from collector.web.page import render_page
from collector.web.scale import Scale
from collector.web.strip import NARROW, WIDE, Bar, Frame, bars, columns, strip_svg, strips_of

SLOT_US = 900_000_000
FROM_US = 1_795_345_200_000_000  # 22 Nov 2026, 12:00 in Prague
CLOCK = LineClock.of("Europe/Prague")
DETAILS: dict[str, str] = {
    "off": "reboot",
    "held_back": "paused",
    "down": "generic_timeout_error",
    "failed": "connection_refused",
    "no_link": "network_unreachable",
}


def view_of(*plan: tuple[Stand, int], details: bool = True) -> PresenceView:
    """A device with these stretches, each of so many slots."""
    stretches, slots, at_us = [], dict[str, int](), FROM_US
    for stand, number in plan:
        detail = DETAILS.get(stand) if details else None
        stretches.append(Stretch(stand, at_us, at_us + number * SLOT_US, number, detail))
        slots[stand] = slots.get(stand, 0) + number
        at_us += number * SLOT_US
    return PresenceView("3f9a1c07" * 8, 900, tuple(stretches), slots)


EVERY = view_of(*((stand, 3) for stand in get_args(Stand)))


def test_every_kind_has_words() -> None:
    """Each kind of slot has a label, a meaning and a lane, and the labels differ."""
    assert set(presence.STANDS) == set(get_args(Stand))
    assert len({label for label, _ in presence.STANDS.values()}) == len(get_args(Stand))
    assert [one.stand for one in presence.totals(EVERY)] == list(presence.STANDS)


def test_the_summary_counts_every_slot() -> None:
    """Slots are counted, and how long each kind lasted is told in hours and minutes."""
    view = view_of(("measured", 60), ("down", 10), ("off", 97), ("measured", 1))
    assert presence.summary(view) == (
        "Of 168 slots of 15 min: 61 measured, 10 network down (2 h 30 min), 97 probe off (1 day)."
    )
    assert presence.summary(PresenceView("d", 900)) == "No test has been due yet."


@pytest.mark.parametrize(
    ("total_s", "told"),
    [(0, "0 s"), (30, "30 s"), (900, "15 min"), (5400, "1 h 30 min"), (86_400, "1 day"), (183_600, "2 days 3 h")],
)
def test_lengths(total_s: int, told: str) -> None:
    """A length has at most two units, and none that is zero."""
    assert presence.length(total_s) == told


@pytest.mark.parametrize(
    ("stand", "told"),
    [
        ("off", "Probe off: the device went down"),
        ("held_back", "Held back: measuring was paused by the customer"),
        ("down", "Network down: nothing came within the waiting time"),
        ("asleep", "Device asleep"),
    ],
)
def test_an_interruption_says_what_and_why(stand: Stand, told: str) -> None:
    """What a stretch was is told in words, with its reason if there is one."""
    (one,) = presence.interruptions(view_of(("measured", 1), (stand, 2)))
    assert presence.what(one) == told


def test_interruptions_come_newest_first() -> None:
    """Whoever reads on the phone sees the newest one first."""
    view = view_of(("off", 1), ("measured", 1), ("down", 1), ("unknown", 2))
    assert [one.stand for one in presence.interruptions(view)] == ["unknown", "down", "off"]


@pytest.mark.parametrize("frame", [WIDE, NARROW], ids=lambda frame: frame.name)
def test_the_picture_is_read_without_colour(frame: Frame) -> None:
    """Each kind has a lane of its own with its name and length in words, and the picture has a title and a description."""
    svg = ET.fromstring(strip_svg(EVERY, CLOCK, frame, "told"))
    named = " ".join(one.text or "" for one in svg.iter("text"))
    for label, _ in presence.STANDS.values():
        assert label in named
    assert len(svg.findall("path")) == len(get_args(Stand))
    assert [one.text for one in (*svg.findall("title"), *svg.findall("desc"))][1] == "told"
    width, height = (int(one) for one in svg.attrib["viewBox"].split()[2:])
    for one in svg.iter("text"):
        assert 0 <= float(one.attrib["x"]) <= width
        assert 0 <= float(one.attrib["y"]) <= height


plans = st.lists(st.tuples(st.sampled_from(get_args(Stand)), st.integers(1, 500)), min_size=1, max_size=200)


@given(plans, st.sampled_from([bars, columns]))
def test_bars_stay_inside_and_apart(plan: list[tuple[Stand, int]], draw: Callable[..., list[Bar]]) -> None:
    """However many stretches there are, the bars of a lane stay on the picture, have a height and do not overlap."""
    view = view_of(*plan)
    times = Scale(view.stretches[0].from_us, view.stretches[-1].to_us, 1240, 7900)
    for stand in get_args(Stand):
        drawn = draw([one for one in view.stretches if one.stand == stand], times, 140)
        assert all(x >= 1240 and x + width <= 7900 and 0 < high <= 140 for x, width, high in drawn)
        assert all(x + width <= other for (x, width, _), (other, _, _) in pairwise(drawn))
        assert bool(drawn) == (stand in view.slots)


def test_a_few_bad_slots_in_a_year_do_not_look_like_many() -> None:
    """A bar in a long time is as high as the share of the time: one slot in a hundred is a low line, not a full bar."""
    view = view_of(*[("measured", 99), ("down", 1)] * 350)
    times = Scale(view.stretches[0].from_us, view.stretches[-1].to_us, 0, 6660)
    assert {high for _, _, high in columns([one for one in view.stretches if one.stand == "down"], times, 140)} == {20}
    (strip,) = strips_of((view,), CLOCK)
    assert strip.by_share
    assert not strips_of((EVERY,), CLOCK)[0].by_share
    assert len(strip.wide) < 20_000


def test_a_device_without_slots_has_no_strip(make_case: Callable[..., CaseView]) -> None:
    """Before the first slot is over there is nothing to draw, and no empty section."""
    assert strips_of((PresenceView("d", 900),), CLOCK) == ()
    assert "probe off?" not in render_page(make_case(presence=(PresenceView("d", 900),)), [])


def test_the_page_shows_strip_and_interruptions(make_case: Callable[..., CaseView]) -> None:
    """The page has a strip in both widths, the sentence, a row for each of the newest interruptions, and their number."""
    view = view_of(*[("measured", 1), ("down", 1)] * 20)
    page = render_page(make_case(presence=(view,)), [])
    assert page.count('class="chart strip') == 2
    assert "Of 40 slots of 15 min: 20 measured, 20 network down (5 h)." in page
    assert page.count("<td>Network down: nothing came within the waiting time</td>") == presence.MOST_INTERRUPTIONS
    assert "These are the newest 12 of 20." in page


def test_notes_are_told_and_vouched_for(make_row: Callable[..., RecordRow]) -> None:
    """What the probe noted and what the customer marked is told in words; nobody is said to have started it by hand."""
    note = make_row(method="presence", says="started", slot=None, rate_bps=None)
    assert (words.result(note), words.origin(note)) == ("was started", "signed, by the probe itself")
    assert words.result(make_row(method="presence", says=None, slot=None)) == "noted something"
    mark = make_row(method="mark", says="nothing_loads", slot=None)
    assert (words.result(mark), words.origin(mark)) == ("“nothing_loads”", "signed, by hand")
    assert words.result(make_row(method="mark", slot=None)) == "it is bad now"


def test_a_ladder_says_who_was_the_last_to_answer(make_row: Callable[..., RecordRow]) -> None:
    """A ladder that did not hold says where it ended."""
    ladder = make_row(
        method="reach", end="failed", failure="generic_timeout_error", stage="connect", received_bytes=None
    )
    assert words.result(ladder).endswith("nothing came within the waiting time; nothing answered")
    named = make_row(method="reach", end="failed", failure="eof_error", says="gateway", received_bytes=None)
    assert words.result(named).endswith("the last to answer was the first router")
    assert words.result(make_row(method="reach")) == "everything answered, from the router to the server"


@pytest.mark.browser
@pytest.mark.skipif(shutil.which("chromium") is None, reason="chromium is not installed")
def test_nothing_of_it_overflows_on_a_phone(tmp_path: Path, make_case: Callable[..., CaseView]) -> None:
    """With every lane and every table open, nothing reaches beyond the edge of a small phone."""
    page = render_page(make_case(presence=(EVERY,)), []).replace("<details>", "<details open>")
    harness = f"""<!doctype html><meta charset="utf-8"><body style="margin:0">
<iframe id="frame" style="border:0;width:360px;height:900px" srcdoc="{html.escape(page)}"></iframe>
<p id="seen">not yet</p><script>frame.onload = () => {{
  const root = frame.contentDocument.documentElement;
  const over = [...frame.contentDocument.querySelectorAll("*")].filter(e => e.getBoundingClientRect().right > 360.5);
  const out = [...frame.contentDocument.querySelectorAll(".strip.narrow text")].filter(e => {{
    const box = e.getBoundingClientRect(), all = e.closest("svg").getBoundingClientRect();
    return box.left < all.left - 1 || box.right > all.right + 1; }});
  seen.textContent = `scroll=${{root.scrollWidth}} over=${{over.length}} out=${{out.length}}`; }};</script>"""
    file = tmp_path / "page.html"
    file.write_text(harness, "utf-8")
    flags = ("--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--hide-scrollbars", "--disable-sync")
    done = subprocess.run(
        ["chromium", *flags, f"--user-data-dir={tmp_path / 'profile'}", "--dump-dom", file.as_uri()],
        check=True, capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    assert re.findall(r'<p id="seen">(.*?)</p>', done.stdout) == ["scroll=360 over=0 out=0"]
