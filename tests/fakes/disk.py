"""A disk under every outbox of this process that takes nothing, or a part, when told to."""

import contextlib
import errno
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from probe.outbox import files

REAL_APPEND, REAL_CUT = files.append, files.cut


@dataclass
class Disk:
    """While `is_full` it refuses what is appended, having taken `takes_bytes` of it all the same; stuck, it gives nothing back."""

    is_full: bool = False
    takes_bytes: int = 0
    is_stuck: bool = False

    def append(self, folder: Path, segment: int, offset: int, data: bytes) -> None:
        """Append, or refuse."""
        if self.is_full:
            if self.takes_bytes:
                REAL_APPEND(folder, segment, offset, data[: self.takes_bytes])
            raise OSError(errno.ENOSPC, "disk full")
        REAL_APPEND(folder, segment, offset, data)

    def cut(self, folder: Path, segment: int, length: int) -> None:
        """Cut, or refuse."""
        if self.is_stuck:
            raise OSError(errno.EIO, "no answer")
        REAL_CUT(folder, segment, length)

    def fill(self) -> None:
        """Take nothing from now on."""
        self.is_full = True

    def has_room(self) -> None:
        """Take everything again."""
        self.is_full = self.is_stuck = False


@contextlib.contextmanager
def put(disk: Disk) -> Iterator[Disk]:
    """Put a disk under all outboxes."""
    files.append, files.cut = disk.append, disk.cut  # type: ignore[assignment]
    try:
        yield disk
    finally:
        files.append, files.cut = REAL_APPEND, REAL_CUT
