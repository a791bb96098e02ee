"""Appending: group commit, a full disk, what was handed over."""

import contextlib
import errno
import os
import shutil
import subprocess
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import wait
from pathlib import Path

import pytest
from fakes.clock import FakeClock
from fakes.entries import PATIENCE_S, draft, kept

from collector.errors import StorageFull
from collector.ledger.names import segments
from collector.ledger.segments import read_entries
from collector.ledger.writer import Ledger
from shared.errors import Malformed

Open = Callable[..., Ledger]


@pytest.fixture
def open_ledger(tmp_path: Path) -> Iterator[Open]:
    """Open a ledger over the test's folder, with a committed hook or segment size of one's own."""
    with contextlib.ExitStack() as opened:

        def make(**settings: object) -> Ledger:
            ledger = Ledger(tmp_path / "ledger", FakeClock(), **settings)  # type: ignore[arg-type]
            opened.callback(ledger.close)
            return ledger

        yield make


class Disk:
    """`os` as the writer sees it, with a disk that can fill up and a count of what was synced."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Stand between the writer and the system."""
        self.syncs = 0
        self.gate = threading.Event()
        self.gate.set()
        self.failing: str | None = None
        self.written_before_full = 0
        self.real = {name: getattr(os, name) for name in ("write", "fdatasync", "ftruncate", "open")}
        for name in ("write", "fdatasync", "ftruncate"):
            monkeypatch.setattr(f"collector.ledger.book.os.{name}", getattr(self, name))

    def write(self, file: int, data: memoryview) -> int:
        """Write as much as fits."""
        if self.failing == "write":
            self.real["write"](file, data[: self.written_before_full])
            raise OSError(errno.ENOSPC, "No space left on device")
        return int(self.real["write"](file, data[: max(1, len(data) // 2)]))

    def fdatasync(self, file: int) -> None:
        """Sync once the gate is open."""
        self.gate.wait(PATIENCE_S)
        if self.failing == "fdatasync":
            raise OSError(errno.ENOSPC, "No space left on device")
        self.syncs += 1
        self.real["fdatasync"](file)

    def ftruncate(self, file: int, length: int) -> None:
        """Cut."""
        if self.failing == "ftruncate":
            raise OSError(errno.EIO, "Input/output error")
        self.real["ftruncate"](file, length)


@pytest.fixture
def disk(monkeypatch: pytest.MonkeyPatch) -> Disk:
    """A disk under the test's control."""
    return Disk(monkeypatch)


def test_many_wait_for_one_sync(open_ledger: Open, disk: Disk) -> None:
    """Whatever waits while the disk is busy is written and synced together, and everybody gets his own entry."""
    commits: list[int] = []
    ledger = open_ledger(committed=lambda: commits.append(1))
    disk.gate.clear()
    first = ledger.append(draft("first"))
    while not ledger._waiting.empty():
        pass
    rest = [ledger.append(draft(f"{number}")) for number in range(100)]
    assert not any(future.done() for future in rest)
    disk.gate.set()
    assert not wait([first, *rest], PATIENCE_S).not_done
    assert disk.syncs == len(commits) == 2
    assert [future.result().no for future in rest] == list(range(2, 102))
    assert [future.result().meta["text"] for future in rest] == [f"{number}" for number in range(100)]
    assert list(read_entries(ledger.folder)) == [first.result(), *(future.result() for future in rest)]


def test_appends_from_many_threads(open_ledger: Open, disk: Disk) -> None:
    """Threads that append at once each get the entry they appended, in fewer syncs than entries, without a gap."""
    ledger = open_ledger()
    found: list[tuple[str, str]] = []

    def work(name: str) -> None:
        for number in range(25):
            text = f"{name}.{number}"
            found.append((text, str(ledger.append(draft(text)).result(PATIENCE_S).meta["text"])))

    threads = [threading.Thread(target=work, args=(str(name),)) for name in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 200
    assert all(sent == got for sent, got in found)
    assert disk.syncs < 200
    assert [entry.no for entry in read_entries(ledger.folder)] == list(range(1, 201))


def test_newest_number_is_on_disk(open_ledger: Open, disk: Disk) -> None:
    """An entry counts as there once it is synced, not while it is written: a reader may not see what may yet be undone."""
    ledger = open_ledger()
    kept(ledger, [draft("one")])
    disk.gate.clear()
    future = ledger.append(draft("two"))
    while not ledger._waiting.empty():
        pass
    assert (ledger.last_no, future.done()) == (1, False)
    disk.gate.set()
    future.result(PATIENCE_S)
    assert ledger.last_no == 2


@pytest.mark.parametrize(("call", "written"), [("write", 0), ("write", 17), ("fdatasync", 0)])
def test_full_disk(open_ledger: Open, disk: Disk, call: str, written: int) -> None:
    """On a full disk nothing of the group is kept and all are told; afterwards numbers go on without a gap."""
    ledger = open_ledger()
    before = kept(ledger, [draft("before")])
    size = segments(ledger.folder)[0].stat().st_size
    disk.failing, disk.written_before_full = call, written
    refused = [ledger.append(draft("refused", 500)) for _ in range(3)]
    for future in refused:
        with pytest.raises(StorageFull, match="No space left"):
            future.result(PATIENCE_S)
    assert segments(ledger.folder)[0].stat().st_size == size
    assert ledger.last_no == 1
    disk.failing = None
    after = kept(ledger, [draft("after")])
    assert [entry.no for entry in after] == [2]
    assert list(read_entries(ledger.folder)) == before + after


def test_full_disk_at_a_new_segment(open_ledger: Open, disk: Disk, monkeypatch: pytest.MonkeyPatch) -> None:
    """A segment that cannot be begun costs that group only."""
    ledger = open_ledger(segment_bytes=1)
    before = kept(ledger, [draft("before")])
    real = os.open

    def full(path: object, flags: int, *mode: int) -> int:
        if flags & os.O_CREAT:
            raise OSError(errno.ENOSPC, "No space left on device")
        return real(path, flags, *mode)  # type: ignore[arg-type]

    monkeypatch.setattr("collector.ledger.book.os.open", full)
    with pytest.raises(StorageFull):
        kept(ledger, [draft("refused")])
    monkeypatch.setattr("collector.ledger.book.os.open", real)
    disk.failing, disk.written_before_full = "write", 5
    with pytest.raises(StorageFull):
        kept(ledger, [draft("refused")])
    disk.failing = None
    after = kept(ledger, [draft("after"), draft("then")])
    assert [entry.segment for entry in after] == ["000002.ndjson", "000003.ndjson"]
    assert list(read_entries(ledger.folder)) == before + after


def test_what_cannot_be_undone_stops_writing(open_ledger: Open, disk: Disk, tmp_path: Path) -> None:
    """If a torn end cannot be cut off, nothing is written behind it, until it can be or a restart cuts it."""
    ledger = open_ledger()
    before = kept(ledger, [draft("before")])

    def torn(file: int, data: memoryview) -> int:
        disk.failing = "ftruncate"
        disk.real["write"](file, data[:30])
        raise OSError(errno.EIO, "Input/output error")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("collector.ledger.book.os.write", torn)
        with pytest.raises(StorageFull):
            kept(ledger, [draft("torn")])
    with pytest.raises(StorageFull):
        kept(ledger, [draft("refused, although writing works again")])
    copied = tmp_path / "copied"
    shutil.copytree(ledger.folder, copied)
    with contextlib.closing(Ledger(copied, FakeClock())) as again:
        assert (again.torn_bytes, kept(again, [draft("after")])[0].no) == (30, 2)
    disk.failing = None
    with pytest.raises(StorageFull):
        kept(ledger, [draft("refused, and the torn end is cut off")])
    after = kept(ledger, [draft("after")])
    assert list(read_entries(ledger.folder)) == before + after


def test_unwritable_draft_does_no_harm(open_ledger: Open) -> None:
    """What cannot be written is refused to who asked, and not to those beside him."""
    ledger = open_ledger()
    with pytest.raises(Malformed):
        ledger.append(draft(size=9 * 1024 * 1024))
    assert kept(ledger, [draft("fine")])[0].no == 1


def test_what_is_handed_over_cannot_be_taken_back(open_ledger: Open) -> None:
    """A waiter who gives up does not stop the writer or take his entry with him."""
    ledger = open_ledger()
    future = ledger.append(draft("one"))
    assert not future.cancel()
    assert kept(ledger, [draft("two")])[0].no == 2


def test_closing_writes_what_waits(tmp_path: Path) -> None:
    """Everything handed over before the end is on disk after it."""
    ledger = Ledger(tmp_path, FakeClock())
    futures = [ledger.append(draft(str(number))) for number in range(50)]
    ledger.close()
    assert [future.result(0).no for future in futures] == list(range(1, 51))
    assert len(list(read_entries(tmp_path))) == 50


@pytest.mark.root
@pytest.mark.skipif(os.geteuid() != 0, reason="mounting a small file system needs root")
def test_really_full_disk(tmp_path: Path) -> None:
    """On a file system that is really full an entry is refused whole, and kept once there is room."""
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", str(tmp_path)],
        check=False, capture_output=True, text=True,
    )  # fmt: skip
    if mounted.returncode:
        pytest.skip(f"no tmpfs here: {mounted.stderr.strip()}")
    try:
        ballast = tmp_path / "ballast"
        ballast.write_bytes(bytes(128 * 1024))
        with contextlib.closing(Ledger(tmp_path / "ledger", FakeClock())) as ledger:
            before = kept(ledger, [draft("before", 20_000)])
            with pytest.raises(StorageFull, match="No space left"):
                kept(ledger, [draft("refused", 200_000)])
            ballast.unlink()
            after = kept(ledger, [draft("after", 200_000)])
            assert list(read_entries(ledger.folder)) == before + after
            assert [entry.no for entry in before + after] == [1, 2]
    finally:
        subprocess.run(["umount", str(tmp_path)], check=True)
