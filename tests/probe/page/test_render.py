"""The whole page: complete, small, alone, in plain words."""

import re
from collections.abc import Callable
from dataclasses import replace

from probe.moments import DAY_US
from probe.page.facts import Facts
from probe.page.render import MARKS, STATES, render
from probe.page.style import STYLE
from probe.page.words import NOT_SHOWN, lead
from probe.remembered import Remembered

Make = Callable[..., Facts]
MOST_BYTES = 300_000


def test_the_page_stands_alone(facts: Facts) -> None:
    """It names no address that would be fetched, has no script, and no style beside its one sheet."""
    page = render(facts)
    assert not re.search(r"<(script|link|img|iframe|object|embed|base|form)\b", page)
    assert not re.search(r"\s(style|src|href|on\w+)=", page)
    assert "url(" not in STYLE
    assert "@import" not in STYLE


def test_the_page_is_small(facts: Facts, make_facts: Make) -> None:
    """A month fits a phone's message, and thirteen months of four thousand transfers stay below 300 kB."""
    assert len(render(facts).encode()) < 100_000
    begin_us = facts.now_us - 395 * DAY_US
    rows = [
        Remembered(n, begin_us + n * 2_000_000_000 + n % 7 * 1_000_000, ("download", "upload", "latency", "mark")[n % 4], "ok" if n % 3 else "failed",
                   slot=n, rate_bps=n * 7919 % 50_000_000, rtt_us=n * 7919 % 200_000, loss_pm=n % 60, used_bytes=9_000_000)
        for n in range(17_000)
    ]  # fmt: skip
    assert len(render(make_facts(from_us=begin_us, rows=rows)).encode()) < MOST_BYTES


def test_all_sections_are_there(facts: Facts) -> None:
    """What was asked for is on the page: speed, delay, loss, failures, silence, hours, data, receipts, campaign, reading."""
    page = render(facts)
    for words in (
        "Day by day",
        "Download speed over time",
        "Upload speed over time",
        "Latency over time",
        "Lost packets over time",
        "Download speed by hour of the day",
        "Failed measurements by hour of the day",
        "2 h: every measurement failed",
        "6 h: nothing recorded: the probe was off or asleep",
        "Failed, by cause",
        "nothing came within the waiting time",
        "Not measured, by reason",
        "paused by you",
        "Disturbed, by kind",
        "something else used the line",
        "you marked: it is bad now (nothing loads)",
        "Data used by measurements",
        "312 MB of the 1 GB",
        "Signed batches: 214; with the collector's receipt: 212.",
        "3 records are lost",
        "The last receipts",
        "Rule cz-mobile-cert",
        "Last measurements",
        "over Wi-Fi, not the mobile line itself",
        "How to read this",
        "CEST, UTC+02:00 and CET, UTC+01:00",
        *NOT_SHOWN,
    ):
        assert words in page, words


def test_an_empty_page_says_how_to_begin(empty: Facts) -> None:
    """Before the first measurement the page is short, and names the next step."""
    page = render(empty)
    assert "Nothing was measured in this time." in page
    assert "speedproof-probe run" in page
    assert "<svg" not in page
    assert "What went wrong" not in page


def test_what_is_not_counted_is_said_to_be_so(make_facts: Make) -> None:
    """With measurements by hand alone nothing is called usual."""
    rows = [replace(row, slot=None) for row in make_facts().rows]
    facts = make_facts(rows=rows)
    (told,) = lead(facts)
    assert told.startswith("No undisturbed scheduled measurement yet, so nothing is counted.")
    assert told.endswith("speedproof-probe run")
    assert "usually" not in render(facts)


def test_the_lead_counts_all(facts: Facts, make_facts: Make) -> None:
    """What is usual, what failed and for how long nothing was recorded stands on top."""
    usually, failed, silence = lead(facts)
    assert usually.startswith("Usually (median): download ")
    assert re.fullmatch(r"Of [\d,]+ scheduled measurements [\d,]+ failed \([\d.]+\u00a0%\)\.", failed)
    assert silence.startswith("For 21 h nothing was recorded: 6 stretches, the longest of 6 h from ")
    good = [
        row for row in facts.rows if row.worked and row.slot is not None and row.slot % 2 == 0 and row.method == "dns"
    ][-1:]
    assert lead(make_facts(rows=good))[0] == "All 1 scheduled measurement worked."


def test_every_shape_of_the_key_is_styled() -> None:
    """A shape in the key is a class that the sheet knows."""
    for kinds, _, _ in (*MARKS, *STATES):
        assert all(f".{kind}" in STYLE for kind in kinds.split() if kind != "mark")
