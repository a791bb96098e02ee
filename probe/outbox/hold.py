"""Who has an outbox open: a lock file beside it, shared by all who use it, and held alone by whoever looks after it.

Only one who is alone may judge whether the last one ended in order, or set a damaged file aside: never under a writer.
The lock is on a file of its own, because closing any handle of a database lets go of SQLite's locks on it (POSIX). On
Windows there is no such lock, and everybody is taken to be alone; there an open file cannot be moved away.
"""

import os
from pathlib import Path

try:
    import fcntl
except ImportError:  # pragma: no cover - Windows
    fcntl = None  # type: ignore[assignment]


class Hold:
    """A hold on one outbox, until closed."""

    def __init__(self, path: Path) -> None:
        """Take hold, alone if nobody else has it open, and wait while somebody looks after it; raises OSError."""
        self._handle: int | None = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        self.is_alone = True
        if fcntl is None:  # pragma: no cover - Windows
            return
        try:
            fcntl.flock(self._handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            self.is_alone = False
            fcntl.flock(self._handle, fcntl.LOCK_SH)

    def share(self) -> None:
        """Let others in, and stay."""
        if fcntl is not None and self._handle is not None:
            fcntl.flock(self._handle, fcntl.LOCK_SH)

    def close(self) -> None:
        """Let go."""
        if self._handle is not None:
            os.close(self._handle)
            self._handle = None
