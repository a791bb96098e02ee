"""When something was measured, in the index: no wall clock moves a measurement into another window, nor into a slot more (T4)."""

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fakes.device import Device, download
from fakes.engines import ENGINES, open_engine
from fakes.rules import SHORT
from fakes.streams import Streams
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from collector.dating import TimesView
from collector.findings import judge_line
from collector.judge.criterion import load_criterion
from collector.registry import Subscriber
from collector.samples import sift
from collector.store.port import Store
from collector.store.project import Known, rows_of
from collector.store.rows import FactRow
from collector.view import VerdictView
from shared.bracket import TOLERANCE_US
from shared.grade import NOBODY
from shared.slots import SlotPlan
from shared.strictjson import JsonObject

PLAN = SlotPlan(900, 60)
SLOT_US, DAY_US = 900_000_000, 86_400_000_000
BOOT_US = 2_000_000 * SLOT_US
LINE = Subscriber("line-1", "Europe/Prague", "short", {"down": {"min_bps": 20_000_000}}, None, 0)


@pytest.fixture(params=ENGINES)
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    """An empty store of each kind, for runs of one record or more."""
    with contextlib.closing(open_engine(request.param, tmp_path, NOBODY, run_rows=1)) as opened:
        yield opened


def a_device(shift_us: int, slots: int = 8, held_us: int = 60_000_000, **fields: Any) -> Streams:
    """One that starts in each of its slots, by a wall clock that is off, and sends each batch a minute later."""
    streams = Streams()
    streams.line(LINE.id)
    device = streams.device(LINE.id)
    for number in range(slots):
        start_us = BOOT_US + number * SLOT_US + 100_000_000  # by its own wall clock, from 0 shift on
        true_us = start_us - shift_us % SLOT_US
        send(streams, device, true_us, true_us + shift_us, true_us + held_us, **fields)
    return streams


def send(streams: Streams, device: Device, true_us: int, wall_us: int, sent_us: int, *, dated: bool = True) -> None:
    """A download at a true moment, by a wall clock; sealed when it is sent, naming a beacon of two minutes before it."""
    beacon_us = true_us - 120_000_000
    device.sealed_mono_us = sent_us - BOOT_US + DAY_US
    device.beacon = {"mono_us": beacon_us - BOOT_US + DAY_US} if dated else None
    record: JsonObject = download(slot=PLAN.slot_at(wall_us), wall_us=wall_us, mono_us=true_us - BOOT_US + DAY_US)
    streams.batch(device, [record], sent_us + 1, since_s=beacon_us // 1_000_000 if dated else None)


def verdict_of(store: Store) -> VerdictView:
    """The verdict over what the index has."""
    rows = store.timeline(LINE.id)
    plans = {one.dev: plan for one, plan in store.devices(LINE.id)}
    return judge_line(load_criterion(SHORT, "short.toml"), LINE, rows, {}, plans, None)[0]


@pytest.mark.threat("T4")
@pytest.mark.parametrize("shift_us", [3 * DAY_US, -3 * DAY_US, 400 * DAY_US])
def test_a_clock_that_is_days_off(store: Store, shift_us: int) -> None:
    """The verdict is that of a right clock, word for word; that the clock was wrong, and by how much, is shown."""
    store.load(a_device(shift_us).entries[0])
    moved = verdict_of(store)
    right = Streams()
    right = a_device(0)
    known = Known()
    rows = rows_of(right.entries[0], known, NOBODY).record
    assert [row.skew_us for row in rows] == [None] * 8
    found = store.timeline(LINE.id)
    assert [row.slot for row in found] == [row.slot for row in rows]
    assert all(abs(one.at_us - row.at_us) <= 120_000_000 for one, row in zip(found, rows, strict=True))
    assert [abs(row.skew_us - shift_us) <= 120_000_000 for row in found if row.skew_us is not None] == [True] * 8
    assert moved.verdict == "substantiated"
    assert (moved.findings[0].samples_used, moved.findings[0].samples_rejected) == (8, ())


@pytest.mark.threat("T4")
def test_a_clock_that_is_set_back_between_two_tests(store: Store) -> None:
    """Who sets his clock from slot to slot to try again gets no second test into a slot, whatever he sets."""
    streams = Streams()
    streams.line(LINE.id)
    device = streams.device(LINE.id)
    for number in range(10):  # ten tests within one true slot, each in a slot of its own by the clock on the wall
        true_us = BOOT_US + 200_000_000 + number * 10_000_000
        send(streams, device, true_us, true_us + (number - 5) * SLOT_US, true_us + 1_000_000)
    store.load(streams.entries[0])
    sifted = sift(store.timeline(LINE.id), {}, "signed", {device.dev: PLAN})
    assert len(sifted.samples) == 1
    assert {one.reason for one in sifted.left_out} == {"slot_repeated"}


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.integers(-(10**15), 10**15), st.integers(0, 10 * SLOT_US))
@example(0, 0)
def test_no_clock_makes_more_of_it(shift_us: int, held_us: int) -> None:
    """T4: whatever the clock says, never more tests count than there were slots, and each is placed near where it was made."""
    streams = a_device(shift_us, held_us=held_us)
    rows = rows_of(streams.entries[0], Known(), NOBODY).record
    slots = {row.slot for row in rows}
    assert len(slots) <= 9
    for row, number in zip(rows, range(8), strict=True):
        true_us = BOOT_US + number * SLOT_US + 100_000_000 - shift_us % SLOT_US
        assert abs(row.at_us - true_us) <= TOLERANCE_US + max(120_000_000, held_us)
        assert (row.skew_us is None) == (row.at_us == true_us + shift_us)


def test_nothing_tells_when(store: Store) -> None:
    """Without a beacon a clock that is behind is believed; one that is ahead of the receipt never is."""
    store.load(a_device(-3 * DAY_US, dated=False).entries[0])
    assert {row.skew_us for row in store.timeline(LINE.id)} == {None}
    (times,) = store.times(LINE.id)
    assert (times.live, times.offline, times.undated, times.longest_us) == (0, 0, 8, None)


def test_grades_of_batches(store: Store) -> None:
    """A batch that came within a day of its beacon is live, a later one offline."""
    streams = a_device(0)
    send(streams, streams.devices[0], BOOT_US + 9 * SLOT_US, BOOT_US + 9 * SLOT_US, BOOT_US + 9 * SLOT_US + 2 * DAY_US)
    streams.device(LINE.id, at_us=2_000_000)
    store.load(streams.entries[0])
    first, second = store.times(LINE.id)
    assert (first.live, first.offline, first.undated) == (8, 1, 0)
    assert first.longest_us is not None
    assert first.longest_us >= 2 * DAY_US
    assert second == TimesView(streams.devices[1].dev, 0, 0, 0, None, 0, None)


@pytest.mark.parametrize(
    "members", [{"wall_us": "x"}, {"mono_us": "x"}, {"boot": 7}, {"mono_us": -1}, {"boot": "other"}]
)
def test_odd_members(members: JsonObject) -> None:
    """What a device writes into a record's times can be anything: it is taken as absent, and nothing stops."""
    streams = Streams()
    streams.line(LINE.id)
    device = streams.device(LINE.id)
    streams.batch(device, [download(mono_us=1) | members], BOOT_US, since_s=BOOT_US // 1_000_000)
    (row,) = rows_of(streams.entries[0], Known(), NOBODY).record
    assert isinstance(row, FactRow)
    assert row.at_us <= BOOT_US + TOLERANCE_US
