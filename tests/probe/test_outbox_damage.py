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
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from strategies import DEVICE, ring

from probe.errors import StateUnusable
from probe.outbox import Outbox
from probe.seal import seal
from shared.batch import open_batch
from shared.chain import START, follow
from shared.record import write_record

NAME = "outbox.sqlite"


def seed() -> bytes:
    """Give a seed."""
    return bytes(32)


def record(seq: int, size: int = 2000) -> bytes:
    """Make a record's line of a size."""
    return write_record({"end": "ok", "pad": "x" * size, "seq": seq})


def measure(box: Outbox) -> int:
    """Start and finish one measurement."""
    seq = box.start(lambda number: b"%d" % number)
    box.finish(seq, record(seq), "boot")
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


def holds_a_prefix(box: Outbox) -> int:
    """Check that what is there is what was there at some moment; how many numbers were given by then."""
    head, sealed = START, []
    unsent = {}
    with contextlib.suppress(StopIteration):
        while waiting := box.oldest_unsent():
            unsent[waiting.batch] = waiting
            box.receipted(waiting.batch, b"read", 1)
    tally = box.tally()
    for number in sorted(unsent):
        opened = open_batch(unsent[number].body, ring(DEVICE))
        assert opened.pae_sha256 == unsent[number].pae_sha256
        if number == min(unsent):  # the batch before it has its receipt and no body: take its word
            head = type(head)(number, opened.said.first_seq, opened.said.prev)
        head = follow(head, opened.said, opened.pae_sha256)
        sealed += [one.seq for one in opened.records]
    if unsent:
        assert head == box.head
    rest = [one.seq for one in box.sealable()] + [seq for seq, _ in box.open_intents()]
    first = sealed[0] if sealed else box.head.seq
    assert [*sealed, *rest] == list(range(first, tally.next_seq))
    return tally.next_seq


@given(data=st.data(), which=st.sampled_from([NAME + "-wal", NAME + "-shm"]))
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_log_cut_short(worn: Path, tmp_path: Path, data: st.DataObject, which: str) -> None:
    """Wherever the log ends, the outbox holds what it held at some moment, and goes on from there."""
    folder = tmp_path / "cut"
    shutil.copytree(worn, folder)
    try:
        os.truncate(folder / which, data.draw(st.integers(0, (folder / which).stat().st_size)))
        with contextlib.closing(Outbox(folder / NAME, seed)) as box:
            numbers = holds_a_prefix(box)
            assert measure(box) == numbers
    finally:
        shutil.rmtree(folder)


@given(data=st.data())
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_database_cut_short(worn: Path, tmp_path: Path, data: st.DataObject) -> None:
    """A database that lost its end is used or refused by name, and nothing else ever comes out."""
    folder = tmp_path / "cut"
    shutil.copytree(worn, folder)
    try:
        os.truncate(folder / NAME, data.draw(st.integers(0, (folder / NAME).stat().st_size)))
        _use(folder / NAME)
    finally:
        shutil.rmtree(folder)


@given(data=st.data(), which=st.sampled_from([NAME, NAME + "-wal"]), junk=st.binary(min_size=1, max_size=4096))
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_file_overwritten(worn: Path, tmp_path: Path, data: st.DataObject, which: str, junk: bytes) -> None:
    """Whatever a broken card gives back, no error but the outbox's own comes out."""
    folder = tmp_path / "junk"
    shutil.copytree(worn, folder)
    try:
        with (folder / which).open("r+b") as file:
            file.seek(data.draw(st.integers(0, (folder / which).stat().st_size)))
            file.write(junk)
        _use(folder / NAME)
    finally:
        shutil.rmtree(folder)


def _use(file: Path) -> None:
    with contextlib.suppress(StateUnusable), contextlib.closing(Outbox(file, seed)) as box:
        for ask in (box.tally, box.sealable, box.recent, box.receipts, box.oldest_unsent, box.open_intents):
            ask()
        measure(box)


@given(junk=st.binary(min_size=600, max_size=2000))
@example(junk=b"SQLite format 3\x00" + bytes(600))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_a_file_that_is_no_database(tmp_path: Path, junk: bytes) -> None:
    """Another kind of file is refused by name and left as it is."""
    file = tmp_path / NAME
    file.write_bytes(junk)
    with pytest.raises(StateUnusable, match="cannot be used"):
        Outbox(file, seed)
    assert file.read_bytes() == junk
    for left in tmp_path.iterdir():
        left.unlink()


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
        ballast.unlink()
        for seq, _ in box.open_intents():
            box.finish(seq, record(seq), "boot")
        assert measure(box) == tally.next_seq
        seal_all(box)
    with contextlib.closing(Outbox(small_disk / NAME, seed)) as box:
        assert box.head.seq == tally.next_seq + 1
        assert holds_a_prefix(box) == tally.next_seq + 1


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
