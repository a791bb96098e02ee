"""A lake that others write too: nothing is loaded twice, nothing acknowledged is lost, whoever comes in between."""

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from fakes import postgres
from fakes.cosign import PEER
from fakes.cosign import download as counter_signed
from fakes.device import download
from fakes.engines import LAKE, lake_of, open_engine
from fakes.streams import Streams

from collector.errors import IndexUnusable
from collector.store import lake as lake_module
from collector.store.duck import DuckStore, put_together
from collector.store.lake import LakeStore
from collector.store.lake_engine import ORDERING, Catalog
from collector.store.limits import Limits
from collector.store.staging import Staged
from shared.grade import trusting

OpenLake = Callable[..., LakeStore]


@pytest.fixture
def open_lake(tmp_path: Path) -> Iterator[OpenLake]:
    """Open collectors' ends of one lake, each of a stream of its own."""
    with contextlib.ExitStack() as opened:

        def make(stream: int, run_rows: int = 10, owner: str = "") -> LakeStore:
            folder = tmp_path / f"collector-{stream}{owner}"
            folder.mkdir(exist_ok=True)
            store = LakeStore(
                lake_of(tmp_path), folder, stream, trusting([PEER.public]), None, Limits(run_rows=run_rows), owner
            )
            opened.callback(store.close)
            return store

        yield make


def two_streams(batches: int = 3) -> Streams:
    """A line and its device in the first ledger, batches of it in both."""
    streams = Streams()
    streams.line("line-0")
    device = streams.device("line-0")
    for number in range(batches):
        for stream in (0, 1):
            streams.batch(device, [download(), download(end="failed", failure="eof_error")], 5 + number, stream)
    return streams


def embedded(streams: Streams) -> dict[str, tuple[int, str]]:
    """The digest of the same ledgers in a file."""
    with contextlib.closing(DuckStore(None, trusting([PEER.public]))) as store:
        for stream, entries in streams.entries.items():
            store.load(entries, stream)
        return store.digest()


def test_each_sees_what_the_other_has_loaded(open_lake: OpenLake) -> None:
    """Lines, devices and records that one collector has loaded are known to the other without asking twice."""
    streams, one, other = two_streams(), open_lake(0), open_lake(1)
    assert other.timeline("line-0") == []
    one.load(streams.entries[0])
    assert len(other.timeline("line-0")) == 6
    assert other.accepted(streams.devices[0].dev, 0) is not None
    other.load(streams.entries[1], 1)
    assert one.digest() == other.digest() == embedded(streams)


def test_two_ledgers_that_name_one_line_make_one(open_lake: OpenLake) -> None:
    """A line that both ledgers make is the one that was loaded first, also if the other did not know of it."""
    one, other, streams = open_lake(0), open_lake(1), Streams()
    streams.line("line-0")
    streams.entries[1] = [*streams.entries[0]]
    one.load(streams.entries[0])
    other.load(streams.entries[1], 1)
    assert other.digest()["line"][0] == 1
    assert one.known.lines == other.known.lines == {"line-0": 1}


@pytest.mark.parametrize("is_same", [True, False], ids=["one stream", "two streams"])
def test_loads_that_overlap(open_lake: OpenLake, monkeypatch: pytest.MonkeyPatch, *, is_same: bool) -> None:
    """Even if no turn is kept, of two loads that have not seen each other only one commits; the other begins again."""
    streams, one, other = two_streams(), open_lake(0), open_lake(7)
    one.load(streams.entries[0][:2])
    monkeypatch.setattr(Catalog, "turn", lambda *_: contextlib.nullcontext())
    others = [(streams.entries[0], 0) if is_same else (streams.entries[1], 1)]
    tried = []

    def marked(connection: object, *more: tuple[int, int, int]) -> None:
        tried.append(more)
        put_together(connection, *more)  # type: ignore[arg-type]
        if others:
            other.load(*others.pop())

    monkeypatch.setattr(lake_module, "put_together", marked)
    one.load(streams.entries[0])
    assert len(tried) == (2 if is_same else 3)
    other.load(streams.entries[1], 1)
    assert one.digest() == embedded(streams)


def test_what_commits_after_rows_were_made(open_lake: OpenLake, monkeypatch: pytest.MonkeyPatch) -> None:
    """Rows are made again if the same entries, or the same line, were loaded after they were made."""
    one, other, streams = open_lake(0), open_lake(1), Streams()
    streams.line("line-0")
    streams.line("line-1")
    streams.entries[1] = [*streams.entries[0]]
    others = [(streams.entries[0][:1], 0), (streams.entries[1], 1)]

    @contextlib.contextmanager
    def turn(*_: object) -> Iterator[None]:
        if others:
            other.load(*others.pop(0))
        yield

    monkeypatch.setattr(one._catalog, "turn", turn)
    one.load(streams.entries[0])
    assert not others
    assert one.digest()["line"][0] == 2
    assert one.digest()["entry"] == (4, "0/2 1/2")


def test_one_session_in_two_ledgers_that_are_loaded_at_once(
    open_lake: OpenLake, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A session counts once even if the two loads that bear it overlap and no turn is kept."""
    streams = Streams()
    streams.line("line-0")
    device = streams.device("line-0")
    for stream in (0, 1):
        streams.batch(device, [counter_signed(device.dev)], at_us=10 - stream, stream=stream)
    one, other = open_lake(0), open_lake(1)
    one.load(streams.entries[0][:2])
    monkeypatch.setattr(Catalog, "turn", lambda *_: contextlib.nullcontext())
    others = [streams.entries[1]]

    def marked(connection: object, *more: tuple[int, int, int]) -> None:
        put_together(connection, *more)  # type: ignore[arg-type]
        if others:
            other.load(others.pop(), 1)

    monkeypatch.setattr(lake_module, "put_together", marked)
    one.load(streams.entries[0])
    assert sorted(row.grade or "" for row in one.timeline("line-0")) == ["counter_signed", "one_sided"]
    assert one.digest() == embedded(streams)


def test_a_commit_whose_answer_was_lost(open_lake: OpenLake, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever does not hear that his load was committed finds its mark and does not load again."""
    streams, store, real = two_streams(), open_lake(0), LakeStore._take

    def unheard(self: LakeStore, staged: Staged) -> None:
        real(self, staged)
        raise IndexUnusable("the connection was lost")

    with monkeypatch.context() as patch:
        patch.setattr(LakeStore, "_take", unheard)
        with pytest.raises(IndexUnusable):
            store.load(streams.entries[0])
    assert store.loaded_no() == len(streams.entries[0])
    store.load(streams.entries[0])
    assert store.digest()["record"][0] == 6


def test_a_stream_has_one_owner(open_lake: OpenLake) -> None:
    """A stream that one collector has begun is refused to any other, and not to the same."""
    open_lake(0, owner="one").close()
    open_lake(0, owner="one")
    with pytest.raises(IndexUnusable, match="another collector's"):
        open_lake(0, owner="other")


def test_the_catalog_has_figures_of_every_table(open_lake: OpenLake) -> None:
    """Of a table that never had a row the engine would look for figures again and again; a new lake has none such, nor a row."""
    store = open_lake(0)
    found = store._catalog.ask(
        "SELECT table_name FROM ducklake_table WHERE end_snapshot IS NULL AND table_id NOT IN (SELECT table_id FROM ducklake_table_stats)"
    )
    assert found == []
    assert {rows for rows, _ in store.digest().values()} == {0}
    assert store._ask("SELECT count(*) FROM cold_line_day UNION ALL SELECT count(*) FROM cold_cell_day") == [(0,), (0,)]


def test_one_compactor(open_lake: OpenLake) -> None:
    """While one collector puts the lake in order the others leave it to him."""
    streams, store = two_streams(), open_lake(0, run_rows=1)
    store.load(streams.entries[0])
    with store._catalog.only_one(ORDERING) as is_mine:
        assert is_mine
        assert store.compact() == 0
    assert store.compact() == 6


def test_many_small_files_become_few(open_lake: OpenLake, monkeypatch: pytest.MonkeyPatch) -> None:
    """Many loads leave many files; a compaction leaves few, and every answer as it was."""
    monkeypatch.setattr(lake_module, "MANY_FILES", 4)
    streams, store = two_streams(5), open_lake(0, run_rows=10**6)
    for end in range(1, len(streams.entries[0]) + 1):
        store.load(streams.entries[0][:end])
    before, digest = store._files(10**6), store.digest()
    assert (before["hot"], before["batch"]) == (5, 5)
    assert store.compact() == 10
    after = store._files(10**6)
    assert ("hot" in after, after["cold"], after["batch"]) == (False, 1, 1)
    assert (store.digest(), len(store.timeline("line-0"))) == (digest, 10)


def test_a_file_that_a_power_cut_has_emptied(open_lake: OpenLake, tmp_path: Path) -> None:
    """A file of the lake that is not as long as the catalog says is named when the lake is opened."""
    streams, store = two_streams(), open_lake(0)
    store.load(streams.entries[0])
    store.close()
    file = max((tmp_path / "files").rglob("hot/*.parquet"))  # their names are in the order in which they were written
    file.write_bytes(b"")
    with pytest.raises(IndexUnusable, match=f"{file.name} of the lake has 0 bytes"):
        open_lake(0)


def test_a_new_lake_wants_a_place_of_its_own(open_lake: OpenLake, tmp_path: Path) -> None:
    """Where other Parquet files are no lake is made, which would take them for leftovers."""
    (tmp_path / "catalog").write_text(postgres.shared().database())
    (tmp_path / "files" / "other").mkdir(parents=True)
    (tmp_path / "files" / "other" / "mine.parquet").write_bytes(b"mine")
    with pytest.raises(IndexUnusable, match=r"mine\.parquet"):
        open_lake(0)
    (tmp_path / "files" / "other" / "mine.parquet").unlink()
    open_lake(0).close()
    open_lake(1)


def test_a_catalog_that_is_away(tmp_path: Path) -> None:
    """PostgreSQL killed between any two loads costs errors and no row, and the same store goes on when it is back."""
    own = postgres.begin()
    streams = two_streams(6)
    try:
        (tmp_path / "catalog").write_text(own.database())
        with contextlib.closing(open_engine(LAKE, tmp_path, trusting([PEER.public]))) as store:
            for number, end in enumerate(range(1, len(streams.entries[0]) + 1)):
                if number in {2, 4}:
                    own.stop()
                    with pytest.raises(IndexUnusable):
                        store.load(streams.entries[0][:end])
                    with pytest.raises(IndexUnusable):
                        store.digest()
                    with pytest.raises(IndexUnusable):
                        store.compact()
                    own.start()
                    store.reopen()
                store.load(streams.entries[0][:end])
            store.load(streams.entries[1], 1)
            assert store.digest() == embedded(streams)
    finally:
        postgres.end(own)


def test_what_was_removed_leaves_the_files(open_lake: OpenLake) -> None:
    """Two collectors remove records of their ledgers; the next compaction writes what is left into files of its own."""
    one, two, streams = open_lake(0), open_lake(1), two_streams(6)
    one.load(streams.entries[0])
    two.load(streams.entries[1], 1)
    assert one.compact() == 24
    days = one.line_days("line-0")
    for store, stream in ((one, 0), (two, 1)):
        numbers = [row.entry_no for row in store.held_batches(0, 99, stream)][:5]
        assert store.forget(numbers, stream) == 10
    catalog = one._catalog
    files = "SELECT f.record_count FROM ducklake_data_file f JOIN ducklake_table t USING (table_id) WHERE f.end_snapshot IS NULL AND t.table_name = 'cold'"
    assert catalog.ask(files) == [(24,)]
    streams.batch(streams.devices[0], [download()] * 10, 99)
    one.load(streams.entries[0])
    assert one.compact() == 10
    assert sorted(row[0] for row in catalog.ask(files)) == [4, 10]
    for store in (one, two):
        assert len(store.timeline("line-0")) == 14
        assert sum(day.n for day in store.line_days("line-0")) == sum(day.n for day in days) + 10
