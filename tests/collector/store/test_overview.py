"""What the index answers of cells, of a line's own days and of who was heard, on every engine, to the last figure."""

import contextlib
from collections.abc import Iterator
from pathlib import Path

import pytest
from fakes import postgres
from fakes.device import Device, download
from fakes.engines import ENGINES, LAKE, open_engine
from fakes.streams import Streams

from collector.store.answers import CellFigures, CellHour, CellOperator, LocalDay
from collector.store.port import Store
from shared.strictjson import JsonObject

HOUR_US, DAY_US = 3_600_000_000, 86_400_000_000


def measured(cell: int, at_us: int, rate_bps: int | None, operator: str = "23001") -> JsonObject:
    """A download in a cell that reached a rate, or failed."""
    told: JsonObject = {"wall_us": at_us, "radio": {"signals": [{"cell": cell, "mccmnc": operator}]}}
    if rate_bps is None:
        return download(end="failed", failure="generic_timeout_error") | told
    return download(received_bytes=rate_bps // 8) | told


@pytest.fixture(params=sorted(ENGINES))
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    """An empty store of each kind."""
    if request.param == LAKE and postgres.missing():
        pytest.skip("PostgreSQL is not there")
    with contextlib.closing(open_engine(request.param, tmp_path)) as made:
        yield made


@pytest.fixture
def streams() -> Streams:
    """Three lines with a device each."""
    made = Streams()
    for number in range(3):
        made.line(f"line-{number}")
        made.device(f"line-{number}")
    return made


def fill(store: Store, streams: Streams, told: dict[int, list[JsonObject]], at_us: int = 2 * 10**15) -> None:
    """Load what each device measured, received at one moment."""
    for number, records in told.items():
        streams.batch(streams.devices[number], records, at_us)
    store.load(streams.entries[0])


def test_a_cell_is_counted_with_its_devices(store: Store, streams: Streams) -> None:
    """An hour tells how many devices measured, how many have a figure, and the lower median of what they reached."""
    one = [measured(7, HOUR_US, 8_000_000), measured(7, HOUR_US + 1, 1_000_000), measured(7, HOUR_US + 2, 16_000_000)]
    fill(store, streams, {0: one, 1: [measured(7, HOUR_US + 9, 4_000_000)], 2: [measured(7, 2 * HOUR_US - 1, None)]})
    (hour,) = store.cell_hours_of("23001", 7, 0, 3 * HOUR_US)
    assert hour == CellHour(
        "23001", 7, HOUR_US, 5, 4, 1, 4, 7_250_000, 1_000_000, 0, None, None, 3, 2, 4_000_000, None
    )  # fmt: skip
    assert store.cell_hours(0, 3 * HOUR_US, least_devices=3) == [hour]
    assert store.cell_hours(0, 3 * HOUR_US, least_devices=4) == []


def test_the_worst_cell_is_first(store: Store, streams: Streams) -> None:
    """Cells stand by their median with a failure as no speed at all, and only those with enough devices and measurements."""
    cells = {1: (9, 9), 2: (5, 5), 3: (None, 30), 4: (8, 8)}
    told = {
        number: [
            measured(cell, HOUR_US + number, None if rate is None else rate * 1_000_000)
            for cell, rates in cells.items()
            for rate in rates
        ]
        for number in (0, 1)
    }
    told[2] = [measured(4, HOUR_US, 8_000_000), measured(5, HOUR_US, 1_000_000)]
    fill(store, streams, told)
    worst = store.worst_cells(0, DAY_US, "down", 2, 2, 10)
    assert [one.cell for one in worst] == [3, 2, 4, 1]
    assert worst[0] == CellFigures("23001", 3, 4, 2, 2, 2, 2, 2, 30_000_000, 0, None)
    assert [one.cell for one in store.worst_cells(0, DAY_US, "down", 5, 2, 10)] == [4]
    assert [one.cell for one in store.worst_cells(0, DAY_US, "down", 1, 3, 10)] == [4]
    assert [one.cell for one in store.worst_cells(0, DAY_US, "down", 1, 1, 2)] == [3, 5]
    assert store.worst_cells(0, HOUR_US, "down", 1, 1, 10) == []
    assert store.worst_cells(0, DAY_US, "up", 1, 1, 10) == []


def test_round_trips_are_worst_when_long(store: Store, streams: Streams) -> None:
    """Of round trips the longest median is the worst, and one that failed is longer than any."""

    def latency(cell: int, rtt_us: int | None) -> JsonObject:
        told: JsonObject = {"method": "latency", "slot": 1, "wall_us": 1, "radio": {"signals": [{"cell": cell}]}}
        return told | ({"end": "failed"} if rtt_us is None else {"end": "ok", "rtt_us": [rtt_us]})

    fill(store, streams, {0: [latency(1, 30_000), latency(2, 90_000), latency(3, None)]})
    worst = store.worst_cells(0, DAY_US, "round_trip", 1, 1, 10)
    assert [(one.operator, one.cell, one.rtt_median_us) for one in worst] == [
        (None, 3, None),
        (None, 2, 90_000),
        (None, 1, 30_000),
    ]


def test_a_number_of_a_cell_belongs_to_operators(store: Store, streams: Streams) -> None:
    """A cell's number is found with each operator that has it, and the days on which it was measured."""
    told = [measured(7, DAY_US, 1), measured(7, 3 * DAY_US, 1), measured(7, 5 * DAY_US, 1, "23003")]
    fill(store, streams, {0: told})
    assert store.cell_operators(7) == [CellOperator("23001", 1, 3), CellOperator("23003", 5, 5)]
    assert store.cell_operators(7, most=1) == [CellOperator("23001", 1, 3)]
    assert store.cell_operators(8) == []


def test_a_day_is_what_lies_between_its_edges(store: Store, streams: Streams) -> None:
    """A measurement belongs to the day that has begun when it was made; days without one are not there."""
    edges = [23 * HOUR_US, 23 * HOUR_US + DAY_US, 22 * HOUR_US + 2 * DAY_US, 22 * HOUR_US + 3 * DAY_US]
    upload: JsonObject = download(method="upload", received_bytes=250_000, wall_us=edges[0] + 2)
    note: JsonObject = {"method": "presence", "event": "started", "end": "ok", "wall_us": edges[0] + 3}
    told: list[JsonObject] = [
        measured(7, edges[0] - 1, 1_000_000),
        measured(7, edges[0], 8_000_000),
        measured(7, edges[1] - 1, 16_000_000),
        upload,
        note,
        measured(7, edges[2], None) | {"flaws": ["wifi"]},
        measured(7, edges[3], 1_000_000),
    ]
    fill(store, streams, {0: told, 1: [measured(7, edges[0], 99_000_000)]})
    streams.imported("line-0", [{"method": "passive", "rate_bps": 5, "end": "ok", "wall_us": edges[0]}], 6)
    store.load(streams.entries[0])
    assert store.local_days("line-0", edges) == [
        LocalDay(edges[0], 3, 3, 0, 0, 0, 0, 2, 8_000_000, 1, 2_000_000, 0, None),
        LocalDay(edges[2], 1, 0, 1, 0, 0, 1, 0, None, 0, None, 0, None),
    ]
    assert store.local_days("line-2", edges) == store.local_days("nobody", edges) == []


def test_who_was_heard(store: Store, streams: Streams) -> None:
    """A device is heard when its batch is received, not when it measured; one that sends twice is one."""
    for number, at_us in ((0, 10), (0, 20), (1, 15)):
        streams.batch(streams.devices[number], [download(wall_us=10**15)], at_us)
    store.load(streams.entries[0])
    assert [store.heard(at_us) for at_us in (0, 15, 16, 21)] == [2, 2, 1, 0]
    assert store.fleet(0).heard == 2
    fleet = store.fleet(16)
    assert (fleet.devices, fleet.heard) == (3, 1)
    assert [(one.subscriber, one.heard_us) for one in fleet.silent] == [("line-1", 15), ("line-2", None)]


def test_slots_within_a_stretch(store: Store, streams: Streams) -> None:
    """Of a device's slots those are found that are asked for, the first with and the last without."""
    fill(store, streams, {0: [download(slot=slot) for slot in (3, 4, 5, 9)]})
    dev = streams.devices[0].dev
    assert store.filled_slots(dev) == {3, 4, 5, 9}
    assert store.filled_slots(dev, 4, 9) == {4, 5}
    assert store.filled_slots(Device().dev, 4, 9) == set()
