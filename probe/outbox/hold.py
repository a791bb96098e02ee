"""Who has an outbox open: a lock file beside it, shared by all who use it, and held alone by whoever looks after it.

Only one who is alone may judge whether the last one ended in order, or set a damaged file aside: never under a writer.
The lock is on a file of its own, because closing any handle of a database lets go of SQLite's locks on it (POSIX).
"""

import os
from pathlib import Path

from probe.platform import ranges

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]


class Hold:
    """A hold on one outbox, until closed."""

    def __init__(self, path: Path) -> None:
        """Take hold, alone if nobody else has it open, and wait while somebody looks after it; raises OSError."""
        self._handle: int | None = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        self._seats: ranges.Seats | None = None
        self.is_alone = True
        if fcntl is None:
            self._seats = ranges.Seats(self._handle, ranges.system())
            self.is_alone = self._seats.is_alone
            return
        try:
            fcntl.flock(self._handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            self.is_alone = False
            fcntl.flock(self._handle, fcntl.LOCK_SH)

    def share(self) -> None:
        """Let others in, and stay."""
        if self._handle is None:
            return
        if self._seats is not None:
            self._seats.share()
        else:
            fcntl.flock(self._handle, fcntl.LOCK_SH)

    def close(self) -> None:
        """Let go."""
        if self._handle is not None:
            os.close(self._handle)
            self._handle = None
