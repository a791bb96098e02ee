"""A disk under every outbox of this process: it takes nothing, or a part, when told to, and can be looked at at every step."""

import contextlib
import errno
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from probe.outbox import files

REAL = (files.append, files.cut, files.remove)


def unseen(_folder: Path) -> None:
    """Look at nothing."""


@dataclass
class Disk:
    """While `is_full` it refuses what is appended, having taken `takes_bytes` of it all the same; stuck, it gives nothing back.

    `seen` is called with the folder before and after each step, and in the middle of what is appended.
    """

    is_full: bool = False
    takes_bytes: int = 0
    is_stuck: bool = False
    seen: Callable[[Path], None] = unseen

    def append(self, folder: Path, segment: int, offset: int, data: bytes) -> None:
        """Append, or refuse."""
        self.seen(folder)
        if self.is_full:
            if self.takes_bytes:
                REAL[0](folder, segment, offset, data[: self.takes_bytes])
            raise OSError(errno.ENOSPC, "disk full")
        if self.seen is not unseen:
            REAL[0](folder, segment, offset, data[: len(data) // 2])
            self.seen(folder)
        REAL[0](folder, segment, offset, data)
        self.seen(folder)

    def cut(self, folder: Path, segment: int, length: int) -> None:
        """Cut, or refuse."""
        if self.is_stuck:
            raise OSError(errno.EIO, "no answer")
        REAL[1](folder, segment, length)
        self.seen(folder)

    def remove(self, folder: Path, segment: int) -> None:
        """Remove."""
        self.seen(folder)
        REAL[2](folder, segment)
        self.seen(folder)

    def fill(self) -> None:
        """Take nothing from now on."""
        self.is_full = True

    def has_room(self) -> None:
        """Take everything again."""
        self.is_full = self.is_stuck = False


@contextlib.contextmanager
def put(disk: Disk) -> Iterator[Disk]:
    """Put a disk under all outboxes."""
    files.append, files.cut, files.remove = disk.append, disk.cut, disk.remove  # type: ignore[assignment]
    try:
        yield disk
    finally:
        files.append, files.cut, files.remove = REAL
