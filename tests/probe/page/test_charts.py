"""The pictures: what is drawn, and in which shape."""

import re
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from probe.moments import DAY_US, HOUR_US
from probe.page import charts
from probe.page.calendar import MOST_DAYS, calendar
from probe.page.facts import Facts
from probe.page.markup import Node
from probe.page.plot import WIDTH
from probe.remembered import Remembered

Make = Callable[..., Facts]
DRAWN: dict[str, Callable[[Facts], Node | None]] = {
    "download": lambda facts: charts.rates(facts, "download"),
    "upload": lambda facts: charts.rates(facts, "upload"),
    "round trips": charts.round_trips,
    "loss": charts.loss,
    "download by hour": lambda facts: charts.rate_by_hour(facts, "download"),
    "latency by hour": charts.latency_by_hour,
    "failures by hour": charts.failures_by_hour,
    "data used": charts.data_used,
    "calendar": calendar,
}


def shapes(picture: Node | None) -> dict[str, int]:
    """How many marks of each kind a picture has."""
    assert picture is not None
    return {one.get("class", ""): one.get("d", "").count("M") for one in picture.iter("path")}


@pytest.mark.parametrize("name", DRAWN)
def test_nothing_measured_draws_nothing(name: str, empty: Facts) -> None:
    """Where there is nothing to show there is no picture, and no error."""
    assert DRAWN[name](empty) is None


@pytest.mark.parametrize("name", DRAWN)
def test_one_measurement_is_drawn(name: str, make_facts: Make) -> None:
    """The least there can be, one slot in which all failed or hardly anything came, has its picture."""
    at_us = make_facts().now_us - 1
    row = Remembered(1, at_us, "latency", "ok", slot=at_us // 900_000_000, rtt_us=0, loss_pm=1000, used_bytes=1)
    rows = [row, *(replace(row, method=way, rate_bps=0) for way in ("download", "upload")), replace(row, end="failed")]
    assert DRAWN[name](make_facts(rows=rows)) is not None


@pytest.mark.parametrize("name", DRAWN)
def test_every_picture_says_what_it_shows(name: str, facts: Facts) -> None:
    """Each has a name and a sentence, for whoever cannot see it."""
    drawn = DRAWN[name](facts)
    assert drawn is not None
    assert drawn.findtext("title")
    assert str(drawn.findtext("desc")).endswith(".")


@pytest.mark.parametrize("name", DRAWN)
@pytest.mark.parametrize("days", [1, 30, 395])
def test_nothing_is_drawn_outside(name: str, days: int, make_facts: Make) -> None:
    """Every mark and every label stands within the picture, over a day and over a year."""
    facts = make_facts()
    facts = replace(
        facts,
        from_us=facts.now_us - days * DAY_US,
        rows=[r for r in facts.rows if r.at_us > facts.now_us - days * DAY_US],
    )
    drawn = DRAWN[name](facts)
    assert drawn is not None
    height = int(drawn.get("viewBox", "").split()[3])
    for path in drawn.iter("path"):
        for x, y in re.findall(r"M(-?[\d.]+) (-?[\d.]+)", path.get("d", "")):
            assert 0 <= float(x) <= WIDTH
            assert 0 <= float(y) <= height
    for text in drawn.iter("text"):
        assert 0 <= float(text.get("x", "")) <= WIDTH


def test_each_kind_of_transfer_has_its_shape(make_facts: Make) -> None:
    """Planned, disturbed, besides the schedule, failed, marked: told apart without colour."""
    facts = make_facts()
    row = Remembered(1, facts.now_us - HOUR_US, "download", "ok", slot=1, rate_bps=20_000_000)
    rows = [
        row,
        replace(row, at_us=row.at_us + 60_000_000_0, campaign="c", slot=None),
        replace(row, flaws=("wifi",)),
        replace(row, slot=None),
        replace(row, end="failed", rate_bps=None),
        replace(row, end="not_started", rate_bps=None),
        replace(row, end="aborted", rate_bps=None),
        replace(row, method="mark", rate_bps=None),
    ]
    found = shapes(charts.rates(replace(facts, rows=rows, from_us=facts.now_us - DAY_US), "download"))
    marks = {kind: count for kind, count in found.items() if kind.startswith("mark")}
    assert marks == {"mark dot": 2, "mark ring": 1, "mark diamond": 1, "mark cross": 1, "mark flag": 1}


def test_a_failure_is_never_drawn_as_a_rate(make_facts: Make) -> None:
    """What failed stands on the ground line and is in no median."""
    facts = make_facts()
    row = Remembered(1, facts.now_us - HOUR_US, "download", "failed", slot=1, rate_bps=9_000_000)
    drawn = charts.rates(replace(facts, rows=[row]), "download")
    assert "mark dot" not in shapes(drawn)
    assert shapes(drawn)["mark cross"] == 1


def test_stretches_bound_what_is_drawn(make_facts: Make, facts: Facts) -> None:
    """However much was measured, latency is at most so many marks."""
    found = shapes(charts.round_trips(facts))
    assert 0 < found["mark dot"] <= charts.STRETCHES + 1
    assert make_facts().rows == facts.rows


def test_the_calendar_tells_states_apart(facts: Facts) -> None:
    """Each state of a slot has a height of its own, and what was not recorded has no block at all."""
    found = shapes(calendar(facts))
    assert {"slot worked", "slot partly", "slot failed", "slot held-back"} <= found.keys()
    heights: dict[str, set[str]] = {}
    drawn = calendar(facts)
    assert drawn is not None
    for path in drawn.iter("path"):
        if path.get("class", "").startswith("slot"):
            heights.setdefault(path.get("class", ""), set()).update(re.findall(r"v(\d+)", path.get("d", "")))
    assert all(len(one) == 1 for one in heights.values())
    assert len(set.union(*heights.values())) == 4


def test_the_calendar_is_bounded(make_facts: Make) -> None:
    """Of a year only the last weeks are drawn day by day."""
    facts = make_facts()
    row = Remembered(1, 0, "latency", "ok", slot=1)
    rows = [
        replace(row, at_us=facts.now_us - n * DAY_US, slot=(facts.now_us - n * DAY_US) // 900_000_000)
        for n in range(395)
    ]
    drawn = calendar(replace(facts, rows=rows))
    assert drawn is not None
    days = [str(text.text) for text in drawn.iter("text") if not re.fullmatch(r"\d\d:\d\d", str(text.text))]
    assert len(days) == MOST_DAYS
    assert (days[0], days[-1]) == ("Mon 19 Oct", "Sun 22 Nov")


def test_a_slot_stands_at_its_local_hour(make_facts: Make, local: Callable[[int], Any]) -> None:
    """A slot at nine in the morning begins nine twenty-fourths into its row."""
    facts = make_facts()
    at_us = facts.now_us // 900_000_000 * 900_000_000 - 3 * HOUR_US
    assert local(at_us).hour == 9
    drawn = calendar(replace(facts, rows=[Remembered(1, at_us, "latency", "ok", slot=at_us // 900_000_000)]))
    assert drawn is not None
    (block,) = [path.get("d", "") for path in drawn.iter("path") if path.get("class") == "slot worked"]
    x = float(block[1:].split()[0])
    assert (x - 72) / (WIDTH - 72) == pytest.approx((9 * 60 + local(at_us).minute) / 1440, abs=0.001)
