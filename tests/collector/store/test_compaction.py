"""Compaction moves and changes nothing else: whoever is killed on the way, and whoever loads and asks meanwhile."""

import contextlib
import os
import signal
import subprocess
import sys
import textwrap
import threading
from pathlib import Path

import duckdb
import pytest
from fakes.device import download
from fakes.engines import open_engine
from fakes.streams import Streams

from collector.errors import IndexUnusable
from collector.indexer import Indexer
from collector.ledger.frame import Draft
from collector.ledger.writer import Ledger
from collector.services import Services
from collector.store import queries
from collector.store.duck import DuckStore
from collector.store.limits import Limits

KILLS = 6
TIERS = ("hot", "warm", "cold")
SORTING = Limits(run_rows=10**6, sort_rows=1)
CHILD = """
    import sys
    from pathlib import Path
    from collector.store.duck import DuckStore
    from collector.store.limits import Limits

    store = DuckStore(Path(sys.argv[1]), limits=Limits(run_rows=6000, sort_rows=1))
    print("ready", flush=True)
    while True:
        store.compact()
"""


def filled(streams: Streams, batches: int, records: int = 1) -> Streams:
    """One device more with so many batches of so many downloads each."""
    streams.line(f"line-{len(streams.lines)}")
    device = streams.device(streams.lines[-1])
    for _ in range(batches):
        streams.batch(device, [download(wall_us=number) for number in range(records)], 5)
    return streams


def tables(path: Path) -> tuple[int, ...]:
    """Rows in the hot, in the warm and in the cold table."""
    with duckdb.connect(str(path)) as connection:
        return tuple(connection.execute(f"SELECT count(*) FROM {name}").fetchall()[0][0] for name in TIERS)


def test_what_is_moved_is_sorted(tmp_path: Path) -> None:
    """A run is what was hot, in the order of line, time, device and number; the hot table is empty, the digest the same."""
    streams = filled(filled(Streams(), 3, 4), 2, 4)
    with contextlib.closing(open_engine("DuckDB", tmp_path, run_rows=20)) as store:
        store.load(streams.entries[0])
        before = store.digest()
        assert (store.compact(), store.compact()) == (20, 0)
        assert store.digest() == before
    assert tables(tmp_path / "index.duckdb") == (0, 0, 20)
    with duckdb.connect(str(tmp_path / "index.duckdb")) as connection:
        order = connection.execute("SELECT line, at_us, device, seq FROM cold ORDER BY rowid").fetchall()
    assert order == sorted(order)


def test_too_little_stays(tmp_path: Path) -> None:
    """Nothing is moved before it is enough for a piece."""
    with contextlib.closing(DuckStore(tmp_path / "index.duckdb", limits=Limits(sort_rows=5))) as store:
        store.load(filled(Streams(), 4).entries[0])
        assert store.compact() == 0
    assert tables(tmp_path / "index.duckdb") == (4, 0, 0)


def test_pieces_become_a_run(tmp_path: Path) -> None:
    """What is too little for a run is sorted into pieces; a run is made of all of them and of what is hot, in one order."""
    streams, index = Streams(), tmp_path / "index.duckdb"
    with contextlib.closing(DuckStore(index, limits=Limits(run_rows=30, sort_rows=8))) as store:
        found = []
        for _ in range(4):
            store.load(filled(streams, 3, 3).entries[0])
            before = store.digest(), [store.line_days(line) for line in streams.lines]
            found.append(store.compact())
            assert (store.digest(), [store.line_days(line) for line in streams.lines]) == before
            assert len(store.timeline("line-0")) == 9
    assert found == [0, 0, 0, 36]
    assert tables(index) == (0, 0, 36)
    with duckdb.connect(str(index)) as connection:
        order = connection.execute("SELECT line, at_us, device, seq FROM cold ORDER BY rowid").fetchall()
    assert order == sorted(order)


@pytest.mark.parametrize("name", ["FILE_MOVE", "FILE_SORT"])
@pytest.mark.parametrize("failing", range(5))
def test_a_compaction_that_fails_has_moved_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, failing: int
) -> None:
    """If any of its steps fails everything is where it was, and the next try moves it."""
    steps: tuple[str, ...] = getattr(queries, name)
    limits = Limits(run_rows=1) if name == "FILE_MOVE" else SORTING
    with contextlib.closing(DuckStore(tmp_path / "index.duckdb", limits=limits)) as store:
        store.load(filled(Streams(), 3).entries[0])
        before = store.digest(), store.line_days("line-0")
        with monkeypatch.context() as patch:
            bad = (*steps[:failing], "SELECT nothing FROM nowhere")
            patch.setattr(*((DuckStore, "_run") if name == "FILE_MOVE" else (queries, name)), bad)
            with pytest.raises(IndexUnusable):
                store.compact()
        assert (store.digest(), store.line_days("line-0")) == before
        store.compact()
        assert (store.digest(), store.line_days("line-0")) == before
    assert tables(tmp_path / "index.duckdb")[0] == 0


def test_killed_at_any_moment(tmp_path: Path) -> None:
    """A process killed while it sorts pieces or makes a run leaves every record once, in one table or another."""
    child, index = tmp_path / "child.py", tmp_path / "index.duckdb"
    child.write_text(textwrap.dedent(CHILD))
    streams, wanted = Streams(), 0
    for kill in range(KILLS):
        filled(streams, 40, 100)
        wanted += 4000
        with contextlib.closing(DuckStore(index)) as store:
            store.load(streams.entries[0])
            digest, days = store.digest(), [store.line_days(line) for line in streams.lines]
        with subprocess.Popen(
            [sys.executable, str(child), str(index)],
            stdout=subprocess.PIPE,
            env={**os.environ, "PYTHONPATH": str(Path.cwd())},
        ) as process:
            assert process.stdout is not None
            assert process.stdout.readline() == b"ready\n"
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(0.01 * kill)
            process.send_signal(signal.SIGKILL)
        with contextlib.closing(DuckStore(index)) as store:
            assert store.digest() == digest
            assert [store.line_days(line) for line in streams.lines] == days
        assert sum(tables(index)) == wanted


def test_loads_and_questions_go_on(tmp_path: Path) -> None:
    """While runs are made, loads lose and double nothing, and whoever asks sees every record that was loaded before."""
    streams = filled(Streams(), 60, 20)
    done, seen, moved = threading.Event(), list[tuple[int, int]](), list[int]()
    limits = Limits(run_rows=200, sort_rows=50)
    with contextlib.closing(DuckStore(tmp_path / "index.duckdb", limits=limits)) as store:

        def order() -> None:
            while not done.is_set():
                moved.append(store.compact())

        def ask() -> None:
            while not done.is_set():
                least = store.loaded_no()
                seen.append(((least - 2) * 20, len(store.timeline("line-0"))))

        threads = [threading.Thread(target=order), threading.Thread(target=ask)]
        for thread in threads:
            thread.start()
        for end in range(3, len(streams.entries[0]) + 1):
            store.load(streams.entries[0][:end])
        done.set()
        for thread in threads:
            thread.join()
        assert len(store.timeline("line-0")) == 1200
        assert store.line_days("line-0")[0].n == 1200
    assert sum(moved) > 0
    assert seen
    assert all(least <= found for least, found in seen)


def test_the_owner_puts_in_order_by_itself(services: Services, tmp_path: Path) -> None:
    """Whoever follows the ledger also compacts, when there is enough; a failure is tried again."""
    store, asked = DuckStore(None, limits=Limits(run_rows=3)), threading.Event()
    troubles, real, total = [IndexUnusable("not now")], store.compact, list[int]()

    def compact() -> int:
        if troubles:
            raise troubles.pop()
        total.append(real())
        if total[-1]:
            asked.set()
        return total[-1]

    store.compact = compact  # type: ignore[method-assign]
    ledger = Ledger(tmp_path / "own", services.clock)
    indexer = Indexer(ledger, store)
    indexer.start()
    for entry in filled(Streams(), 3).entries[0]:
        ledger.append(Draft(entry.kind, entry.meta, entry.body)).result(10)
    indexer.wake()
    indexer.caught_up(5)
    assert asked.wait(10)
    assert sum(total) >= 3
    ledger.close()
    indexer.close()
    store.close()
