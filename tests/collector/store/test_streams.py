"""Several ledgers in one index: it does not matter which of them is loaded first, nor what was compacted in between."""

import contextlib
import itertools
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from fakes.cosign import PEER, download
from fakes.engines import ENGINES, open_engine
from fakes.streams import Streams

from collector.errors import IndexLags
from collector.store.port import Store
from collector.store.project import Known, rows_of
from shared.grade import trusting
from shared.strictjson import JsonObject

COUNTER_SIGNED, REUSED = ("counter_signed", None), ("one_sided", "session_reused")
TRUSTED = trusting([PEER.public])


@pytest.fixture(params=ENGINES)
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    """An empty store of each kind, for runs of one record or more."""
    with contextlib.closing(open_engine(request.param, tmp_path, TRUSTED, run_rows=1)) as opened:
        yield opened


def slow(dev: str) -> JsonObject:
    """A download in one session, of a slow reader, in a cell."""
    return download(dev, rwnd_limited_pm=900) | {"radio": {"net_mccmnc": "23001", "signals": [{"cell": 7}]}}


def twice_borne() -> Streams:
    """One session in two streams: the second stream received it first."""
    streams = Streams()
    streams.line("line-0")
    device = streams.device("line-0")
    streams.batch(device, [slow(device.dev)], at_us=10, stream=0)
    streams.batch(device, [slow(device.dev)], at_us=9, stream=1)
    return streams


def grades(store: Store) -> list[tuple[str | None, str | None]]:
    """The grades of a line's records in the order of their numbers."""
    return [(row.grade, row.grade_reason) for row in sorted(store.timeline("line-0"), key=lambda row: row.seq)]


@pytest.mark.parametrize("first", [0, 1])
@pytest.mark.parametrize("compacted", [(), (0,), (1,), (0, 1)])
def test_the_first_record_to_be_received_has_the_session(store: Store, first: int, compacted: Sequence[int]) -> None:
    """A session counts for the record that was received first, wherever both are; flaws and figures of days follow."""
    streams = twice_borne()
    store.load(streams.entries[0][:2])
    for step, stream in enumerate((first, 1 - first)):
        store.load(streams.entries[stream], stream)
        if step in compacted:
            assert store.compact() > 0
    assert grades(store) == [REUSED, COUNTER_SIGNED]
    assert [row.flaws for row in sorted(store.timeline("line-0"), key=lambda row: row.seq)] == [
        (),
        ("receiver_limited",),
    ]
    assert store.counts("line-0")["signed"].flawed == 1
    for days in (store.line_days("line-0"), store.cell_days("23001", 7)):
        assert [(day.n, day.ok, day.flawed) for day in days] == [(2, 2, 1)]


def test_a_third_record_changes_nothing(store: Store) -> None:
    """Of many records that bear one session each but the first is one-sided, in one load and over loads."""
    streams = twice_borne()
    device = streams.devices[0]
    streams.batch(device, [slow(device.dev), slow(device.dev)], at_us=9, stream=1)
    streams.batch(device, [slow(device.dev)], at_us=8, stream=1)
    for stream, end in itertools.product((0, 1), (1, 2, 3)):
        store.load(streams.entries[stream][:end], stream)
        store.compact()
    assert grades(store) == [REUSED, REUSED, REUSED, REUSED, COUNTER_SIGNED]


def test_a_stream_that_is_ahead_waits(store: Store) -> None:
    """Entries that speak of a device enrolled elsewhere are loaded when that is, and until then nothing of them is kept."""
    streams = twice_borne()
    for _ in range(2):
        with pytest.raises(IndexLags):
            store.load(streams.entries[1], 1)
    assert (store.loaded_no(1), store.timeline("line-0")) == (0, [])
    store.load(streams.entries[0])
    store.load(streams.entries[1], 1)
    assert (store.loaded_no(0), store.loaded_no(1), len(store.timeline("line-0"))) == (3, 1, 2)


def test_figures_of_days(store: Store) -> None:
    """Least and most of a day are right of one figure and of many, in one run, over runs, and beside the hot table."""
    streams, day_us = Streams(), 86_400_000_000
    streams.line("line-0")
    device = streams.device("line-0")
    rates = [5, 3, 9, 7]
    for number, rate in enumerate(rates):
        transfer: JsonObject = {
            "method": "download", "end": "ok", "received_bytes": rate * 125_000, "dur_us": 1_000_000,
            "wall_us": day_us + number,
        }  # fmt: skip
        streams.batch(
            device, [transfer, {"method": "latency", "end": "ok", "rtt_us": [rate], "wall_us": day_us}], 2 * day_us
        )
        store.load(streams.entries[0])
        if number != 3:
            store.compact()
        (down, trip) = store.line_days("line-0")
        seen = rates[: number + 1]
        bps = [rate * 1_000_000 for rate in seen]
        assert (down.day, down.n, down.rate_n, down.rate_sum_bps) == (1, len(seen), len(seen), sum(bps))
        assert (down.rate_min_bps, down.rate_max_bps, down.received_bytes) == (min(bps), max(bps), sum(bps) // 8)
        assert (trip.rtt_n, trip.rtt_sum_us, trip.rtt_min_us, trip.rtt_max_us) == (
            len(seen),
            sum(seen),
            min(seen),
            max(seen),
        )
        assert (down.rtt_n, down.rtt_sum_us, trip.rate_n, trip.received_bytes) == (0, None, 0, None)


def test_lines_and_devices_have_numbers_that_any_rebuild_gives_again() -> None:
    """The number of a line or a device is that of its entry, and of its stream above the fortieth bit."""
    streams, known = twice_borne(), Known()
    rows_of(streams.entries[0], known, TRUSTED)
    assert (known.lines, [*known.devices.values()]) == ({"line-0": 1}, [(2, 1)])
    other = Known()
    rows_of(streams.entries[0], other, TRUSTED, stream=3)
    assert other.lines == {"line-0": 3 * 2**40 + 1}
