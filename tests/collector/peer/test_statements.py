"""The file of signed statements."""

import errno
import os
from pathlib import Path

import pytest

from collector.peer.errors import CannotStart
from collector.peer.statements import StatementFile


def full_after(n_bytes: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the disk take so many bytes more and then none."""
    left = n_bytes
    write = os.pwrite

    def pwrite(descriptor: int, data: bytes, offset: int) -> int:
        nonlocal left
        if left == 0:
            raise OSError(errno.ENOSPC, "No space left on device")
        written = write(descriptor, data[:left], offset)
        left -= written
        return written

    monkeypatch.setattr(os, "pwrite", pwrite)


def test_lines_are_appended(tmp_path: Path) -> None:
    """What was flushed is in the file, for its owner alone, and a later life goes on behind it."""
    path = tmp_path / "new" / "transfers.ndjson"
    for line in (b"one", b"two"):
        file = StatementFile(path)
        file.add(line)
        assert file.waiting == 1
        file.flush()
        assert file.waiting == 0
        file.flush()
        assert file.close() == []
    assert path.read_bytes() == b"one\ntwo\n"
    assert path.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("took", [0, 2, 5])
def test_a_full_disk_loses_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, took: int) -> None:
    """Whatever part of the lines a full disk took, all of them are there once it has room, each once."""
    file = StatementFile(tmp_path / "f")
    file.add(b"one")
    file.flush()
    file.add(b"two")
    file.add(b"three")
    with monkeypatch.context() as full:
        full_after(took, full)
        for _ in range(2):
            with pytest.raises(OSError, match="No space"):
                file.flush()
        assert file.waiting == 2
    file.flush()
    assert (tmp_path / "f").read_bytes() == b"one\ntwo\nthree\n"
    assert file.close() == []


def test_what_never_came_to_disk_is_given_back(tmp_path: Path) -> None:
    """Closing gives the lines that are not on disk."""
    file = StatementFile(tmp_path / "f")
    file.add(b"one")
    assert file.close() == [b"one\n"]
    assert (tmp_path / "f").read_bytes() == b""


@pytest.mark.parametrize(
    ("before", "after"), [(b"one\ntw", b"one\nnew\n"), (b"tw", b"new\n"), (b"one\n", b"one\nnew\n")]
)
def test_a_torn_end_is_cut_off(tmp_path: Path, before: bytes, after: bytes) -> None:
    """A line that a power cut left unfinished was never answered, and nothing is written behind it."""
    (tmp_path / "f").write_bytes(before)
    file = StatementFile(tmp_path / "f")
    file.add(b"new")
    file.flush()
    file.close()
    assert (tmp_path / "f").read_bytes() == after


def test_one_peer_writes_it(tmp_path: Path) -> None:
    """A second peer on the same file, or a file that cannot be, keeps the peer from starting."""
    file = StatementFile(tmp_path / "f")
    with pytest.raises(CannotStart, match="file of statements"):
        StatementFile(tmp_path / "f")
    file.close()
    StatementFile(tmp_path / "f").close()
    with pytest.raises(CannotStart, match="Is a directory"):
        StatementFile(tmp_path)
