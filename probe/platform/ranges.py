"""Locks on byte ranges of a file, as Windows has them (`msvcrt.locking`), where other systems have `flock`.

Such a lock is one handle's alone, so sharing is played: byte 0 is the gate, through which one passes at a time; behind it each
who shares holds a seat of his own, and who finds all seats free is alone. Windows takes the locks of a process that ended.
Never run on Windows; tested with a stand-in for the module.
"""

import contextlib
import os
import time
from collections.abc import Callable
from typing import Final, Protocol

GATE: Final = 0
FIRST_SEAT: Final = 1
SEATS: Final = 64  # more than ever look at one outbox at a time
LOOK_S: Final = 0.1


class Locking(Protocol):
    """The part of the module `msvcrt` that locks."""

    LK_NBLCK: int
    LK_UNLCK: int

    def locking(self, fd: int, mode: int, nbytes: int, /) -> None:
        """Lock or unlock so many bytes from where the file stands; raises OSError if somebody else holds one of them."""


def system() -> Locking:
    """The system's own; raises ImportError where there is none."""
    import msvcrt  # noqa: PLC0415 - only on Windows

    return msvcrt  # type: ignore[return-value]


def take(handle: int, by: Locking, at: int = GATE, count: int = 1) -> None:
    """Lock a range; raises OSError if somebody holds any of it."""
    os.lseek(handle, at, os.SEEK_SET)
    by.locking(handle, by.LK_NBLCK, count)


def leave(handle: int, by: Locking, at: int = GATE, count: int = 1) -> None:
    """Unlock a range that was locked in one piece."""
    os.lseek(handle, at, os.SEEK_SET)
    by.locking(handle, by.LK_UNLCK, count)


class Seats:
    """A place among all who have a file open: alone with the gate shut, or on a seat with the gate open."""

    def __init__(self, handle: int, by: Locking, pause: Callable[[float], None] = time.sleep) -> None:
        """Go in, alone if nobody else is there, and wait while somebody else is alone; raises OSError."""
        self._handle, self._by, self._seat = handle, by, FIRST_SEAT
        self._through_the_gate(pause)
        try:
            take(handle, by, FIRST_SEAT, SEATS)
            self.is_alone = True
        except OSError:
            self.is_alone = False
            self._sit()

    def share(self) -> None:
        """Let others in, and stay."""
        if self.is_alone:
            leave(self._handle, self._by, FIRST_SEAT, SEATS)
            self._sit()
            self.is_alone = False

    def is_last(self) -> bool:
        """Leave the seat, and be alone if nobody else sits or comes in; whoever is not has no place any more."""
        if self.is_alone:
            return True
        with contextlib.suppress(OSError):
            take(self._handle, self._by)
            leave(self._handle, self._by, self._seat)
            try:
                take(self._handle, self._by, FIRST_SEAT, SEATS)
                self.is_alone = True
            except OSError:
                leave(self._handle, self._by)
        return self.is_alone

    def _through_the_gate(self, pause: Callable[[float], None]) -> None:
        while True:
            try:
                take(self._handle, self._by)
            except OSError:
                pause(LOOK_S)
            else:
                return

    def _sit(self) -> None:
        """Take a seat, then open the gate."""
        try:
            for seat in range(FIRST_SEAT, FIRST_SEAT + SEATS):
                with contextlib.suppress(OSError):
                    take(self._handle, self._by, seat)
                    self._seat = seat
                    return
            raise OSError("too many have this file open")
        finally:
            leave(self._handle, self._by)
