"""Who has an outbox open, and who writes: two lock files in its folder, which hold nothing.

The one is shared by all who use the outbox, and held alone by whoever looks after it: only one who is alone may judge whether
the last one ended in order, mend, or leave the mark of an orderly end. The other is held for one transaction. Locks go
with the process that holds them, however it ends.
"""

import contextlib
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from probe.platform import ranges

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

LOOK_S: Final = 0.01
PATIENCE_S: Final = 10.0  # for another process that writes


class Hold:
    """A hold on one outbox, until closed."""

    def __init__(self, path: Path) -> None:
        """Take hold, alone if nobody else has it open, and wait while somebody looks after it; raises OSError.

        Whoever looks after it may be killed over it: the next one is then alone, and does.
        """
        self._handle: int | None = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        self._seats: ranges.Seats | None = None
        self.is_alone = True
        if fcntl is None:
            self._seats = ranges.Seats(self._handle, ranges.system())
            self.is_alone = self._seats.is_alone
            return
        while not (self._lock(fcntl.LOCK_EX) or self._sits()):
            time.sleep(LOOK_S)

    def _sits(self) -> bool:
        self.is_alone = not self._lock(fcntl.LOCK_SH)
        return not self.is_alone

    def _lock(self, kind: int) -> bool:
        try:
            fcntl.flock(self._handle or 0, kind | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

    def share(self) -> None:
        """Let others in, and stay."""
        if self._handle is None:
            return
        if self._seats is not None:
            self._seats.share()
        else:
            fcntl.flock(self._handle, fcntl.LOCK_SH)
        self.is_alone = False

    def is_last(self) -> bool:
        """Be alone again if nobody else is there; whoever is not must close."""
        if self._handle is None:
            return False
        if not self.is_alone:
            self.is_alone = self._lock(fcntl.LOCK_EX) if self._seats is None else self._seats.is_last()
        return self.is_alone

    def close(self) -> None:
        """Let go."""
        if self._handle is not None:
            os.close(self._handle)
            self._handle = None


@contextlib.contextmanager
def writing(path: Path) -> Iterator[None]:
    """Be the only one who writes; raises OSError, TimeoutError if somebody else does for long."""
    handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        waited_s = 0.0
        while not _is_taken(handle):
            if waited_s >= PATIENCE_S:
                raise TimeoutError(0, "somebody else writes, and does not end")
            time.sleep(LOOK_S)
            waited_s += LOOK_S
        yield
    finally:
        os.close(handle)  # and with it the lock


def _is_taken(handle: int) -> bool:
    try:
        if fcntl is not None:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        else:
            ranges.take(handle, ranges.system())
    except OSError as error:
        if isinstance(error, (BlockingIOError, PermissionError)):
            return False
        raise
    return True
