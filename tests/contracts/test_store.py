"""Every index keeps the store port's promises: in a file, in memory, in a file reopened between any two steps, and in a lake."""

import contextlib
import itertools
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from fakes.clock import FakeClock
from fakes.device import WALL_US, download
from fakes.engines import LAKE, open_engine
from fakes.history import History
from fakes.streams import Streams
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from strategies import PORTAL, record_members

from collector.case import case_of
from collector.config import Config
from collector.errors import IndexUnusable
from collector.ledger.frame import Entry, EntryKind
from collector.ledger.segments import read_at, read_entries
from collector.registry import Registry
from collector.services import Services
from collector.store import queries
from collector.store.duck import DuckStore
from collector.store.left import Left, LeftDay, write_left
from collector.store.port import Store
from collector.web.page import render_page
from shared.rotation import Whose, make_rotation
from shared.strictjson import JsonObject, encode

Open = Callable[[Registry], Store]


class Reopened:
    """A DuckDB file that is closed and opened again before every call."""

    def __init__(self, path: Path, registry: Registry) -> None:
        """Use this file."""
        self._path = path
        self._registry = registry

    def __getattr__(self, name: str) -> Callable[..., object]:
        """Open, ask, close."""

        def call(*values: object) -> object:
            with contextlib.closing(in_file(self._path, self._registry)) as store:
                return getattr(store, name)(*values)

        return call

    def close(self) -> None:
        """Nothing is open."""


def in_file(path: Path | None, registry: Registry) -> DuckStore:
    """A store that knows whose devices are whose from the registry."""
    return DuckStore(path)


@pytest.fixture(params=["memory", "file", "reopened", "lake"])
def open_store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Open]:
    """Open an empty store of each kind."""
    numbers = itertools.count()
    with contextlib.ExitStack() as opened:

        def make(registry: Registry) -> Store:
            path = tmp_path / f"{next(numbers)}.duckdb"
            store: Store
            match request.param:
                case "memory":
                    store = in_file(None, registry)
                case "file":
                    store = in_file(path, registry)
                case "lake":
                    path.mkdir()
                    store = open_engine(LAKE, path)
                case _:
                    store = Reopened(path, registry)  # type: ignore[assignment]
            opened.callback(store.close)
            return store

        yield make


@pytest.fixture
def eventful(tmp_path: Path) -> Iterator[tuple[History, list[Entry]]]:
    """A history with something of everything, and its entries."""
    with contextlib.closing(Services.over_folder(Config(data=tmp_path / "data"), FakeClock())) as services:
        history = History(services)
        history.eventful()
        yield history, list(read_entries(services.ledger.folder))


def test_empty(open_store: Open) -> None:
    """An empty index says so and knows nobody."""
    store = open_store(Registry())
    assert store.loaded_no() == 0
    assert (store.timeline("x"), store.counts("x"), store.devices("x"), store.complaints("x")) == ([], {}, [], [])
    assert (store.alarms("x"), store.places("x"), store.filled_slots("x"), store.radio("x")) == ([], [], set(), {})
    assert store.accepted("x", 0) is None
    assert {rows for rows, _ in store.digest().values()} == {0}


def test_what_was_loaded_is_there(open_store: Open, eventful: tuple[History, list[Entry]]) -> None:
    """What the ledger holds about a line is what the index tells of it."""
    history, entries = eventful
    one, two, other = history.devices
    store = open_store(history.services.registry)
    store.load(entries)
    assert store.loaded_no() == entries[-1].no
    counts = store.counts("line-0")
    assert (counts["signed"].ok, counts["signed"].failed, counts["signed"].not_started) == (3, 3, 1)
    assert (counts["imported"].ok, counts["imported"].not_started) == (1, 1)
    assert store.filled_slots(one.dev) == {0, 1, 2, 2_000_000}
    assert [(row.dev, row.batches, row.lost) for row, _ in store.devices("line-1")] == [(other.dev, 3, 0)]
    assert {row.dev for row, _ in store.devices("line-0")} == {one.dev, two.dev}
    assert [row.text for row in store.complaints("line-0")] == ["Videos stop every evening.", "Still slow. ü 📶"]
    assert [(row.dev, row.batch, row.error) for row in store.alarms("line-1")] == [(other.dev, 0, "chain_fork")]
    times = [(row.at_us, row.dev, row.seq) for row in store.timeline("line-0")]
    assert times == sorted(times)
    assert len(times) == 9
    assert store.timeline("line-0", 10) == [row for row in store.timeline("line-0") if row.at_us >= 10]
    assert {row.provenance for row in store.timeline("line-1")} == {"signed"}
    assert store.timeline("line-2") == []


def test_places_lead_to_the_ledger(open_store: Open, eventful: tuple[History, list[Entry]]) -> None:
    """Every entry about a line's devices is found again, in order, and nothing of another line."""
    history, entries = eventful
    store = open_store(history.services.registry)
    store.load(entries)
    folder = history.services.ledger.folder
    found = [read_at(folder, place.segment, place.offset) for place in store.places("line-1")]
    other = history.devices[2]
    assert [entry.kind for entry in found].count(EntryKind.BATCH) == 3
    assert {EntryKind.ENROLMENT, EntryKind.COMPLAINT, EntryKind.REFUSED} < {entry.kind for entry in found}
    assert {entry.meta["dev"] for entry in found if "dev" in entry.meta} == {other.dev}
    assert found == sorted(found, key=lambda entry: entry.no)


def test_accepted_batches(open_store: Open, eventful: tuple[History, list[Entry]]) -> None:
    """A batch's identity leads to its receipt as it was given; a refused batch has none."""
    history, entries = eventful
    one = history.devices[0]
    store = open_store(history.services.registry)
    store.load(entries)
    accepted = store.accepted(one.dev, 2)
    assert accepted is not None
    assert accepted.pae_sha256 == one.prev
    place = accepted.place
    entry = read_at(history.services.ledger.folder, place.segment, place.offset)
    assert (entry.meta["dev"], entry.meta["batch"], entry.meta["head"]) == (one.dev, 2, one.prev)
    assert encode(entry.meta["receipt"]).startswith(b'{"payload":"')
    assert store.accepted(one.dev, 3) is None


def test_loaded_exactly_once(open_store: Open, eventful: tuple[History, list[Entry]]) -> None:
    """However often entries are given, each is in the index once."""
    history, entries = eventful
    store = open_store(history.services.registry)
    for end in (3, 3, 1, len(entries), 5, len(entries)):
        store.load(entries[:end])
    once = open_store(history.services.registry)
    once.load(entries)
    assert store.digest() == once.digest()
    assert store.digest()["entry"][0] == len(entries)


def test_nothing_to_load(open_store: Open) -> None:
    """No entries are no change."""
    store = open_store(Registry())
    store.load([])
    assert store.loaded_no() == 0


def test_digest_tells_indexes_apart(open_store: Open, eventful: tuple[History, list[Entry]]) -> None:
    """One entry less, or one member changed, is another digest."""
    history, entries = eventful
    digests = []
    changed = [replace(entries[-1], at_us=entries[-1].at_us + 1)]
    for some in (entries, entries[:-1], entries[:-1] + changed):
        store = open_store(history.services.registry)
        store.load(some)
        digests.append(tuple(sorted(store.digest().items())))
    assert len(set(digests)) == 3


def removed(entry: Entry) -> Entry:
    """What is left of a batch whose records a rule has removed, with something of everything noted."""
    day = LeftDay(1, "latency", "", "23001", 7, 1, 1, 0, 0, 0, 0, 0, None, None, None, 1, 9, 9, 9, None)
    return replace(entry, body=entry.body.partition(b"\n")[0] + b"\n", left=write_left(Left([day], [(5, 0)])))


@pytest.mark.parametrize("failing", [*queries.TABLES, "mark"])
def test_all_or_nothing(
    tmp_path: Path, eventful: tuple[History, list[Entry]], monkeypatch: pytest.MonkeyPatch, failing: str
) -> None:
    """If any statement of a load fails nothing of it is kept, not even the mark, and the next try loads everything."""
    history, entries = eventful
    place = next(number for number, entry in enumerate(entries) if entry.kind is EntryKind.BATCH)
    entries[place] = removed(entries[place])
    line = make_rotation(Whose.DEVICE, history.devices[0].key, PORTAL)
    entries.append(Entry(entries[-1].no + 1, EntryKind.ROTATION, 1, {}, line + b"\n"))
    with contextlib.closing(in_file(tmp_path / "index.duckdb", history.services.registry)) as store:
        store.load(entries[:2])
        before = store.digest()
        with monkeypatch.context() as patch:
            if failing == "mark":
                patch.setattr(queries, "LOAD_MARK", "INSERT INTO no_such_table VALUES (?)")
            else:
                patch.setitem(queries.LOAD, failing, "INSERT INTO no_such_table VALUES (?)")
            with pytest.raises(IndexUnusable):
                store.load(entries)
        assert (store.digest(), store.loaded_no()) == (before, 2)
        store.load(entries)
        assert store.digest()["entry"][0] == len(entries)


def test_unreadable_entry_loads_nothing(open_store: Open, eventful: tuple[History, list[Entry]]) -> None:
    """An entry that cannot be understood stops the load before anything of it is in the index."""
    history, entries = eventful
    store = open_store(history.services.registry)
    bad = [*entries[:-1], replace(entries[-1], kind=EntryKind.COMPLAINT, body=b"nonsense\n")]
    with pytest.raises(ValueError, match="not JSON"):
        store.load(bad)
    assert store.loaded_no() == 0


def test_what_was_removed_is_known(open_store: Open, eventful: tuple[History, list[Entry]]) -> None:
    """An index keeps of removed records what is noted of them, whether they went before it was loaded or after."""
    history, entries = eventful
    one = history.devices[0]
    batches = [entry for entry in entries if entry.kind is EntryKind.BATCH and entry.meta["dev"] == one.dev]
    grown, anew = open_store(history.services.registry), open_store(history.services.registry)
    grown.load(entries)
    left = grown.left_of(0, entries[-1].no)
    days = grown.line_days("line-0")
    assert (len(days) > 0, grown.complained().keys()) == (True, {"line-0", "line-1"})
    assert grown.newest_us(0, entries[-1].no) == max(entry.at_us for entry in batches)
    assert grown.forget([entry.no for entry in batches[:2]]) == 4
    for entry in batches[:2]:
        entries[entry.no - 1] = replace(removed(entry), left=write_left(left[entry.no]))
    anew.load(entries)
    for store in (grown, anew):
        assert store.line_days("line-0") == days
        (row,) = store.removed("line-0")
        assert (row.dev, row.batches, row.records, row.first_seq, row.last_seq) == (one.dev, 2, 4, 0, 3)
        assert store.removed("line-1") == store.removed("nobody") == []
        assert [row.seq for row in store.timeline("line-0") if row.dev == one.dev] == [4, 5]
    assert grown.digest() == anew.digest()


def test_readers_beside_the_loader(tmp_path: Path, eventful: tuple[History, list[Entry]]) -> None:
    """A reader sees whole loads only, whenever he asks."""
    history, entries = eventful
    with contextlib.closing(in_file(tmp_path / "index.duckdb", history.services.registry)) as store:
        seen: list[tuple[int, int]] = []
        done = threading.Event()

        def read() -> None:
            while not done.is_set():
                digest = store.digest()
                seen.append((digest["entry"][0], digest["record"][0]))

        reader = threading.Thread(target=read)
        reader.start()
        states = {(0, 0)}
        for end in range(1, len(entries) + 1):
            store.load(entries[:end])
            digest = store.digest()
            states.add((digest["entry"][0], digest["record"][0]))
        done.set()
        reader.join()
        assert set(seen) <= states


@st.composite
def happenings(draw: st.DrawFn) -> list[tuple[str, int, list[JsonObject]]]:
    """What happens: a kind, the device it happens to, the records it carries."""
    kinds = ["device", "batch", "batch", "batch", "fork", "complaint", "import"]
    found = []
    for _ in range(draw(st.integers(1, 8))):
        records = draw(st.lists(record_members(0), min_size=1, max_size=3))
        found.append((draw(st.sampled_from(kinds)), draw(st.integers(0, 3)), records))
    return found


def happen(history: History, happened: Sequence[tuple[str, int, list[JsonObject]]]) -> None:
    """Let it happen."""
    history.device("line-0")
    for kind, number, records in happened:
        device = history.devices[number % len(history.devices)]
        frozen = history.services.registry.devices[device.dev].frozen_us
        match kind:
            case "device":
                history.device(f"line-{number}")
            case "fork":
                history.refused(device.seal(*records, prev="2" * 64))
                if device.batch:
                    history.refused(device.seal(*records, batch=0, prev="0" * 64, first_seq=0))
            case "batch" if not frozen:
                history.batch(device, *records)
            case "complaint" if not frozen:
                history.complaint(device, f"It is slow, I said {number} times")
            case "import":
                history.imported("line-0", records)


@pytest.mark.slow
@given(happened=happenings(), cuts=st.lists(st.integers(0, 30), max_size=6))
@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_index_made_anew_is_the_index_that_grew(
    tmp_path_factory: pytest.TempPathFactory, happened: list[tuple[str, int, list[JsonObject]]], cuts: list[int]
) -> None:
    """Whatever happened, an index loaded in any pieces has the digest of one loaded at once, and all can be shown."""
    folder = tmp_path_factory.mktemp("data")
    with contextlib.closing(Services.over_folder(Config(data=folder), FakeClock())) as services:
        history = History(services)
        happen(history, happened)
        entries = list(read_entries(services.ledger.folder))
        services.indexer.catch_up()
        with contextlib.closing(in_file(None, services.registry)) as store:
            pieces = [0, *sorted(cut % (len(entries) + 1) for cut in cuts), len(entries)]
            for start, end in itertools.pairwise(pieces):
                store.load(entries[start:end])
            assert store.digest() == services.store.digest()
        for name in services.registry.subscribers:
            assert name in render_page(*case_of(services, name))


def test_a_device_is_its_first_key(open_store: Open) -> None:
    """Whichever key signs, it is one device in the index: its batches, slots and numbers go on, and its changes have places."""
    made = Streams()
    made.line("anna")
    device = made.device("anna")
    made.batch(device, [download()], WALL_US + 1)
    newer = made.rotated(device, 3_000_000)
    made.batch(newer, [download(slot=2_000_001, wall_us=WALL_US + 900_000_000)], WALL_US + 900_000_001)
    newest = made.rotated(newer, 5_000_000)
    made.revoked(newest, 6_000_000, 4_000_000)
    store = open_store(Registry())
    for entry in made.entries[0]:  # each by itself: who is who is remembered from load to load
        store.load([entry])
    assert [(row.dev, row.batches) for row, _ in store.devices("anna")] == [(device.dev, 2)]
    assert [(row.dev, row.seq) for row in store.timeline("anna")] == [(device.dev, 0), (device.dev, 1)]
    for dev in (device.dev, newer.dev, newest.dev):
        assert store.filled_slots(dev) == {2_000_000, 2_000_001}
        assert store.accepted(dev, 1) is not None
    kinds = ["enrolment", "batch", "rotation", "batch", "rotation", "revocation"]
    assert [place.kind for place in store.places("anna")] == kinds
    again = open_store(Registry())
    again.load(made.entries[0])
    assert again.digest() == store.digest()
    assert store.digest()["key_change"][0] == 3
