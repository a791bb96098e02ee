"""A line's days are those of its own clock, and every slot and measurement belongs to one of them."""

from datetime import date, timedelta
from itertools import pairwise

import pytest
from fakes.clock import FakeClock
from fakes.device import download
from fakes.history import History
from hypothesis import given
from hypothesis import strategies as st

from collector.case import case_of, page_of
from collector.days import days_in_index, edges_us, last_days, slots_within
from collector.services import Services
from collector.web.localtime import LineClock
from shared.slots import SlotPlan

DAY_US, HOUR_US = 86_400_000_000, 3_600_000_000
ZONES = ("Europe/Prague", "America/Sao_Paulo", "Australia/Lord_Howe", "Asia/Kathmandu", "Pacific/Apia", "UTC")
moments = st.integers(0, 2_100_000_000).map(lambda second: second * 1_000_000)


@given(st.sampled_from(ZONES), moments, st.integers(1, 40 * DAY_US))
def test_edges_are_the_beginnings_of_days(name: str, since_us: int, span_us: int) -> None:
    """Edges rise, enclose the stretch, and just before and at each of them the line's clock shows two different days."""
    clock, until_us = LineClock.of(name), since_us + span_us
    edges = edges_us(clock, since_us, until_us)
    assert edges[0] <= since_us < edges[1]
    assert edges[-2] < until_us <= edges[-1]
    for edge in edges:
        assert clock.local(edge - 1).date() < clock.local(edge).date()
    for from_us, to_us in pairwise(edges):
        assert from_us < to_us
        assert clock.local(from_us).date() == clock.local(to_us - 1).date()


@pytest.mark.parametrize(("day", "hours"), [("2026-03-29", 23), ("2026-10-25", 25), ("2026-11-22", 24)])
def test_a_day_on_which_clocks_are_set_is_shorter_or_longer(day: str, hours: int) -> None:
    """A day has as many hours as the line's clock shows."""
    clock = LineClock.of("Europe/Prague")
    noon_us = round(
        timedelta(days=(date.fromisoformat(day) - date(1970, 1, 1)).days, hours=12) / timedelta(microseconds=1)
    )
    first, last = edges_us(clock, noon_us, noon_us + 1)
    assert last - first == hours * HOUR_US


def test_a_day_that_a_zone_left_out_is_none() -> None:
    """Samoa went from 29 to 31 December 2011: there is no day between them."""
    clock = LineClock.of("Pacific/Apia")
    edges = edges_us(clock, 1_325_100_000_000_000, 1_325_100_000_000_000 + 3 * DAY_US)
    days = [clock.local(edge).date().isoformat() for edge in edges]
    assert "2011-12-30" not in days
    assert {"2011-12-29", "2011-12-31"} < set(days)


@given(st.sampled_from(ZONES), moments, st.integers(1, 40))
def test_the_last_days_end_with_today(name: str, now_us: int, days: int) -> None:
    """So many days, today among them as the last."""
    edges = last_days(LineClock.of(name), now_us, days)
    assert edges[-2] <= now_us < edges[-1]
    assert len(edges) == days + 1 or (name == "Pacific/Apia" and len(edges) == days)


@given(
    st.integers(2, 86_400),
    st.integers(0, 10**5),
    st.integers(0, 10**4),
    st.lists(st.integers(0, 10**9), min_size=2, max_size=6),
)
def test_every_slot_begins_on_one_day(slot_s: int, first: int, number: int, seconds: list[int]) -> None:
    """The slots of neighbouring days are those of all the days together, none twice and none left out."""
    plan, slots = SlotPlan(slot_s, 0), range(first, first + number)
    edges = sorted({second * 1_000_000 for second in (*seconds, 0, 10**10)})
    found = [slot for from_us, to_us in pairwise(edges) for slot in slots_within(plan, slots, from_us, to_us)]
    assert found == list(slots)


def test_the_days_of_a_line_are_the_line(services: Services, clock: FakeClock) -> None:
    """Over all its days a line has as many measurements, failures, due and missing slots as its case counts."""
    history = History(services)
    devices = [history.device("line-0") for _ in range(2)]
    for day in range(4):
        clock.advance(DAY_US)
        for number, device in enumerate(devices):
            at_us = clock.wall_us() - 7 * HOUR_US
            slot = services.config.slots.slot_at(at_us)
            failed = download(slot=slot + 1, wall_us=at_us + 9, end="failed", failure="eof_error")
            history.batch(
                device,
                download(slot=slot, wall_us=at_us),
                *[failed] * number,
                *[download(slot=slot, wall_us=at_us)] * day,
            )
    case, rows, days = page_of(services, "line-0")
    counts = case.counts["signed"]
    assert sum(day.n for day in days) == len(rows)
    assert (sum(day.ok for day in days), sum(day.failed for day in days)) == (counts.ok, counts.failed) == (20, 4)
    assert sum(day.scheduled for day in days) == counts.scheduled_slots == 2 * 4 * 96
    assert sum(day.missing for day in days) == counts.missing_slots == counts.scheduled_slots - 4 - 8
    assert [day.n for day in days][-5:] == [0, 3, 5, 7, 9]
    assert days[-1].day == LineClock.of("Europe/Prague").local(clock.wall_us()).date().isoformat()


def test_no_slot_is_due_once_a_device_is_frozen(services: Services, clock: FakeClock) -> None:
    """From the moment at which nothing is taken from a device any more nothing is missing of it either."""
    history = History(services)
    device = history.device("line-0")
    history.batch(device)
    clock.advance(DAY_US)
    history.refused(device.seal(download(dur_us=7), batch=0, prev="0" * 64, first_seq=0))
    clock.advance(5 * DAY_US)
    case, _, days = page_of(services, "line-0")
    assert case.devices[0].frozen
    assert sum(day.scheduled for day in days) == case.counts["signed"].scheduled_slots == 96
    assert days[-1].scheduled == 0


def test_a_line_without_anything_has_empty_days(services: Services) -> None:
    """Before a device is enrolled the days are there and nothing is in them, due or missing."""
    history = History(services)
    history.line("line-0")
    services.indexer.catch_up()
    subscriber = services.registry.subscribers["line-0"]
    edges = last_days(LineClock.of("Europe/Prague"), services.clock.wall_us(), 3)
    days = days_in_index(services, services.store, subscriber, edges)
    assert [(day.n, day.scheduled, day.missing, day.down_median_bps) for day in days] == [(0, 0, 0, None)] * 3
    assert case_of(services, "line-0")[0].counts["signed"].scheduled_slots == 0
