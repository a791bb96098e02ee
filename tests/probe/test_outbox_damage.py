"""The outbox on a disk that is full, cannot be written, or gave back less than it was given."""

import contextlib
import ctypes
import os
import shutil
import sqlite3
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from fakes.outboxed import NAME, copied, fast_folder, record, seed
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from strategies import DEVICE

from probe.errors import StateUnusable
from probe.outbox import Outbox, Stored, store
from probe.seal import seal
from shared import strictjson
from shared.chain import START

FIRST_VERSION = """
CREATE TABLE chain (one INTEGER PRIMARY KEY CHECK (one = 1), next_seq INTEGER NOT NULL,
                    batch INTEGER NOT NULL, seq INTEGER NOT NULL, head TEXT NOT NULL, seed BLOB NOT NULL);
CREATE TABLE intent (seq INTEGER PRIMARY KEY, line BLOB NOT NULL);
CREATE TABLE record (seq INTEGER PRIMARY KEY, line BLOB NOT NULL, boot TEXT NOT NULL);
CREATE TABLE batch (batch INTEGER PRIMARY KEY, pae_sha256 TEXT NOT NULL, records INTEGER NOT NULL,
                    body BLOB, receipt BLOB, received_us INTEGER);
CREATE TABLE complaint (id INTEGER PRIMARY KEY, line BLOB NOT NULL UNIQUE, sent INTEGER NOT NULL DEFAULT 0);
CREATE TABLE recent (seq INTEGER PRIMARY KEY, line BLOB NOT NULL);
"""


def measure(box: Outbox) -> int:
    """Start and finish one measurement."""
    seq = box.start(lambda number: b"%d" % number)
    box.finish(seq, record(seq, 2000), "boot")
    return seq


def seal_all(box: Outbox) -> None:
    """Seal what there is."""
    found = box.sealable()
    sealed = seal(found, box.head, "boot", 1, 2, DEVICE)
    box.seal(sealed.body, sealed.pae_sha256, sealed.head, len(found))


@pytest.fixture(scope="module")
def worn(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give a folder with an outbox as a power cut leaves it: some of it in the database, some in the -wal."""
    folder, saved = tmp_path_factory.mktemp("worn"), tmp_path_factory.mktemp("saved")
    box = Outbox(folder / NAME, seed)
    for _ in range(6):
        measure(box)
        measure(box)
        seal_all(box)
    box.receipted(0, b"receipt", 1)
    with contextlib.closing(sqlite3.connect(folder / NAME)) as other:
        other.execute("PRAGMA wal_checkpoint(FULL)")
    for _ in range(4):
        measure(box)
        seal_all(box)
    box.start(lambda number: b"%d" % number)
    for file in folder.iterdir():
        shutil.copy(file, saved)
    box.close()
    return saved


@given(
    data=st.data(),
    which=st.sampled_from([NAME, NAME + "-wal", NAME + "-place"]),
    junk=st.binary(min_size=1, max_size=4096),
)
@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_file_overwritten(worn: Path, data: st.DataObject, which: str, junk: bytes) -> None:
    """Whatever a broken card gives back, no error but the outbox's own comes out."""
    with copied(worn) as folder:
        with (folder / which).open("r+b") as file:
            file.seek(data.draw(st.integers(0, (folder / which).stat().st_size)))
            file.write(junk)
        _use(folder / NAME)


def _use(file: Path) -> None:
    with contextlib.suppress(StateUnusable), contextlib.closing(Outbox(file, seed)) as box:
        for ask in (box.tally, box.sealable, box.recent, box.receipts, box.oldest_unsent, box.open_intents):
            ask()
        measure(box)


@given(junk=st.binary(min_size=0, max_size=2000))
@example(junk=b"SQLite format 3\x00" + bytes(600))
@settings(deadline=None, max_examples=40)
def test_a_file_that_is_no_database(junk: bytes) -> None:
    """Another kind of file is set aside as it is, and the chain is asked for, not begun again."""
    folder = fast_folder()
    try:
        (folder / NAME).write_bytes(junk)
        with contextlib.closing(Outbox(folder / NAME, seed)) as box:
            assert box.tally().is_asking
            assert box.set_aside is not None
            assert box.set_aside.read_bytes() == junk
            assert measure(box) == 0
    finally:
        shutil.rmtree(folder)


def test_damage_is_not_mended_under_a_writer(worn: Path) -> None:
    """Whoever is not alone refuses a damaged file by name and leaves it where it is."""
    with copied(worn) as folder, contextlib.closing(Outbox(folder / NAME, seed)) as box:
        with contextlib.closing(Outbox(folder / NAME, seed)) as other:
            assert other.doubt is None
        box._db.execute("PRAGMA user_version=9")
        with pytest.raises(StateUnusable, match="tables"):
            Outbox(folder / NAME, seed)
        box._db.execute(f"PRAGMA user_version={store.VERSION}")
        assert measure(box) > 0
        assert not list(folder.glob("*.set-aside-*"))


def test_an_outbox_of_the_first_version(tmp_path: Path) -> None:
    """What an earlier program left, records, intents, bodies not packed, receipts, words, is carried over whole."""
    told = {"boot": "b", "seq": 3}
    sealed = seal([Stored(0, record(0), "b"), Stored(1, record(1), "b")], START, "b", 1, 2, DEVICE)
    with contextlib.closing(sqlite3.connect(tmp_path / NAME)) as db:
        db.executescript(FIRST_VERSION)
        db.execute("INSERT INTO chain VALUES (1, 4, 1, 2, ?, ?)", (sealed.pae_sha256, seed()))
        db.execute("INSERT INTO intent VALUES (3, ?)", (strictjson.encode(told),))
        db.execute("INSERT INTO record VALUES (2, ?, 'b')", (record(2),))
        db.execute("INSERT INTO batch VALUES (0, ?, 2, ?, NULL, NULL)", (sealed.pae_sha256, sealed.body))
        db.execute("INSERT INTO complaint (line) VALUES (?)", (b"slow",))
        db.commit()
    with contextlib.closing(Outbox(tmp_path / NAME, lambda: bytes(1))) as box:
        assert (box.head, box.seed) == (sealed.head, seed())
        assert box.open_intents() == [(3, strictjson.encode(told))]
        assert [one.seq for one in box.sealable()] == [2]
        assert [line for _, line in box.unsent_complaints()] == [b"slow"]
        box.resume(START)
        waiting = box.oldest_unsent()
        assert waiting is not None
        assert waiting.body == sealed.body
        assert box.tally().next_seq == 4


def test_a_folder_in_its_place(tmp_path: Path) -> None:
    """A folder where the file should be is refused by name."""
    (tmp_path / NAME).mkdir()
    with pytest.raises(StateUnusable, match="cannot be used"):
        Outbox(tmp_path / NAME, seed)


def test_another_program_that_holds_on(tmp_path: Path) -> None:
    """A writer that waits in vain for another says so; afterwards it writes."""
    with contextlib.closing(Outbox(tmp_path / NAME, seed)) as box:
        box._db.execute("PRAGMA busy_timeout=10")
        with contextlib.closing(sqlite3.connect(tmp_path / NAME, isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            with pytest.raises(StateUnusable, match="locked"):
                measure(box)
            other.execute("ROLLBACK")
        assert measure(box) == 0


def test_a_limit_on_pages(tmp_path: Path) -> None:
    """A database that may not grow takes no intent, keeps nothing of it, and works again once it may."""
    with contextlib.closing(Outbox(tmp_path / NAME, seed)) as box:
        measure(box)
        box._db.execute(f"PRAGMA max_page_count={box._one('PRAGMA page_count')}")
        before = box.tally()
        with pytest.raises(StateUnusable, match="full"):
            box.start(lambda _: bytes(20_000))
        assert box.tally() == before
        box._db.execute("PRAGMA max_page_count=100000")
        assert measure(box) == 1


def mount(source: str, target: Path, kind: str, flags: int, options: str) -> bool:
    """Mount, if this process may."""
    libc = ctypes.CDLL(None, use_errno=True)
    done = libc.mount(source.encode(), str(target).encode(), kind.encode(), flags, options.encode())
    return bool(done == 0)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """Give a disk of its own with 400 KiB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    if not hasattr(os, "geteuid") or os.geteuid() != 0 or not mount("tmpfs", folder, "tmpfs", 0, "size=400k"):
        pytest.skip("needs root, and the right to mount")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


MS_RDONLY, MS_REMOUNT = 1, 32


def test_a_full_disk(small_disk: Path) -> None:
    """A full disk takes no intent, loses nothing it took, and all goes on once there is room again."""
    with contextlib.closing(Outbox(small_disk / NAME, seed)) as box:
        measure(box)
        ballast = small_disk / "ballast"
        with contextlib.suppress(OSError), ballast.open("wb", buffering=0) as file:
            while True:
                file.write(bytes(4096))
        done, opened = 1, 0
        try:
            while True:
                seq = box.start(lambda number: bytes(3000) + b"%d" % number)
                opened = 1
                box.finish(seq, record(seq, 3000), "boot")
                done, opened = done + 1, 0
        except StateUnusable as error:
            assert "full" in str(error) or "I/O" in str(error)  # noqa: PT017 - where it comes is not known
        tally = box.tally()
        assert (tally.unsealed, tally.open_intents, tally.next_seq) == (done, opened, done + opened)
        with pytest.raises(StateUnusable):
            box.start(lambda _: bytes(20_000))
        assert box.tally() == tally
        assert box.open_intents() == []  # what ended meanwhile is held, and nobody's to abort
        ballast.unlink()
        assert measure(box) == tally.next_seq
        seal_all(box)
    with contextlib.closing(Outbox(small_disk / NAME, seed)) as box:
        assert box.head.seq == tally.next_seq + 1
        assert box.tally().lost == 0


def test_a_new_outbox_on_a_full_disk(small_disk: Path) -> None:
    """An outbox that cannot be made says so, and can be made later."""
    ballast = small_disk / "ballast"
    with contextlib.suppress(OSError), ballast.open("wb", buffering=0) as file:
        while True:
            file.write(bytes(4096))
    with pytest.raises(StateUnusable, match="cannot be used"):
        Outbox(small_disk / NAME, seed)
    ballast.unlink()
    with contextlib.closing(Outbox(small_disk / NAME, seed)) as box:
        assert measure(box) == 0


def test_a_disk_that_cannot_be_written(small_disk: Path) -> None:
    """A folder that became read-only, as worn-out cards do, is refused by name."""
    with contextlib.closing(Outbox(small_disk / NAME, seed)) as box:
        measure(box)
    if not mount("tmpfs", small_disk, "tmpfs", MS_REMOUNT | MS_RDONLY, ""):
        pytest.skip("this kernel does not remount")
    with pytest.raises(StateUnusable, match="cannot be used"):
        Outbox(small_disk / NAME, seed)
