"""The file of signed statements: one envelope per line, appended and synced before anybody is answered.

It is what remains if a probe never delivers its record; `courier` hands it over to a collector. One peer holds the file at
a time. What a full disk does not take waits in memory, in order; the torn end of an earlier life is cut off on opening, since
nobody was ever given it. Not for an event loop: `flush` waits for the disk.
"""

import fcntl
import os
from pathlib import Path

from collector.peer.errors import CannotStart

_OWNER_ONLY = 0o600
_TAIL_BYTES = 1 << 16  # more than the longest envelope


class StatementFile:
    """Appends lines; keeps in memory what is not on disk yet."""

    def __init__(self, path: Path) -> None:
        """Open the file, made if absent. Raises CannotStart."""
        self.path = path
        try:
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, _OWNER_ONLY)
            try:
                fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                self._end_bytes = self._whole_bytes()
                _settle(path.parent)
            except OSError:
                os.close(self._file)
                raise
        except OSError as error:
            raise CannotStart(f"cannot use the file of statements {path}: {error.strerror}") from error
        self._waiting: list[bytes] = []

    @property
    def waiting(self) -> int:
        """How many lines are not on disk yet."""
        return len(self._waiting)

    def add(self, line: bytes) -> None:
        """Take one line without its LF; it is in memory until the next `flush`."""
        self._waiting.append(line + b"\n")

    def flush(self) -> None:
        """Put everything that waits on disk. Raises OSError, and then everything still waits."""
        count = len(self._waiting)
        if count == 0:
            return
        data = b"".join(self._waiting[:count])
        os.ftruncate(self._file, self._end_bytes)  # what an earlier try may have left
        written = 0
        while written < len(data):
            written += os.pwrite(self._file, data[written:], self._end_bytes + written)
        os.fsync(self._file)
        self._end_bytes += len(data)
        del self._waiting[:count]

    def read(self, begin: int, most: int) -> bytes:
        """At most so many bytes of what is on disk, from `begin` on. Raises OSError."""
        return os.pread(self._file, max(min(most, self._end_bytes - begin), 0), begin)

    def close(self) -> list[bytes]:
        """Give the file back; returns the lines that it never took."""
        os.close(self._file)
        return self._waiting

    def _whole_bytes(self) -> int:
        """Where the last whole line ends."""
        size = os.fstat(self._file).st_size
        begin = max(size - _TAIL_BYTES, 0)
        return begin + os.pread(self._file, _TAIL_BYTES, begin).rfind(b"\n") + 1


def _settle(folder: Path) -> None:
    """Make a new name in a folder outlast a power cut."""
    handle = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
