"""The log as one process writes it: appended to, and cleaned.

A transaction is a frame: under the lock, after catching up, applied to the tables in memory, written with one write and one
sync. What fails is cut off again and taken back in memory; what could not even be cut off is cut off before anything else
is written.

Cleaning: when the log is longer than twice what is alive in it, and some, what is alive in the oldest segment is appended
again, and the segment goes once that is on disk. Rows put again are the same rows, so a cut in between changes nothing; and
what the oldest segment says of rows that are gone is said of nothing older. One segment at a time, and none before
as much again was appended as it gave back.
"""

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

from probe.errors import StateUnusable
from probe.outbox import files
from probe.outbox.frames import Change, write_frame
from probe.outbox.hold import writing
from probe.outbox.place import End
from probe.outbox.replay import Replay
from probe.outbox.tables import NAMES, SMALL, Blob, Key, Row

SEGMENT_BYTES: Final = 256 * 1024
SPARE_BYTES: Final = 2 * SEGMENT_BYTES
LOCK: Final = "write.lock"


class NotWritten(StateUnusable):
    """The disk did not take it now; nothing of it is there."""


def nothing() -> None:
    """Do nothing."""


class Log(Replay):
    """One folder's log."""

    def __init__(self, folder: Path, limit_bytes: int = 0) -> None:
        super().__init__(folder)
        self.limit_bytes = limit_bytes  # of the whole folder; 0: none
        self.on_first: Callable[[], None] = nothing  # before the first frame
        self._undo: dict[tuple[str, Key], Row | None] = {}

    @contextlib.contextmanager
    def transaction(self) -> Iterator[None]:
        """One transaction; raises NotWritten or StateUnusable: nothing of it is kept then."""
        if self._is_closed:
            raise StateUnusable("the outbox is closed")
        with contextlib.ExitStack() as held:
            try:
                held.enter_context(writing(self.folder / LOCK))
                self._let_go()
                self._read_on(surely=True)
                self._notice_cleaned()
                if self._rest_is_long:  # no process that was killed leaves it so
                    self.damage = "its last frame is not as it was written"
                self._refuse_damage()
                self.cut()
            except OSError as error:
                raise _not_written(error) from error
            self._change = Change()
            self._undo.clear()
            try:
                yield
                self._commit(self._change)
            except BaseException:
                for (table, key), row in self._undo.items():
                    self.state.restore(table, key, row)
                raise
            finally:
                self._change = None
            self._clean()

    def put(self, row: Row) -> None:
        """Put a row, inside a transaction."""
        self._undo.setdefault((NAMES[type(row)], row[0]), self.state.put(row))
        self._changing.put(row)

    def drop(self, table: str, key: Key) -> bool:
        """Drop a row, inside a transaction; whether it was there."""
        row = self.state.drop(table, key)
        if row is None:
            return False
        before = self._undo.setdefault((table, key), row)
        self._changing.drop(table, key, was_there=before is not None)
        return True

    @property
    def _changing(self) -> Change:
        if self._change is None:
            raise StateUnusable("nothing is written outside of a transaction")
        return self._change

    def cut(self) -> None:
        """Cut off what a process that ended left half written; raises OSError."""
        if self._rest:
            files.cut(self.folder, self._end.segment, self._end.length)
            self._sizes[self._end.segment], self._rest, self._rest_is_long = self._end.length, 0, False

    def sync(self) -> None:
        """Wait until the end is on disk, whoever wrote it; raises OSError."""
        files.sync_one(self.folder, self._end.segment)

    def _commit(self, change: Change) -> None:
        if change.is_nothing:
            return
        self.on_first()
        self.on_first = nothing
        segment, offset = self._room()
        data, check, lies = write_frame(change, self._end.check, offset)
        try:
            self._append(segment, offset, data, check)
        except OSError as error:
            raise _not_written(error) from error
        self._last = offset
        for blob, at, stays in lies:
            blob.lies(segment, at, stays=stays)

    def _room(self) -> tuple[int, int]:
        """Where the next frame goes."""
        end = self._end
        return (end.segment, end.length) if end.length < SEGMENT_BYTES else (end.segment + 1, 0)

    def _append(self, segment: int, offset: int, data: bytes, check: int) -> None:
        """Write frames, or leave nothing of them; raises OSError."""
        try:
            if segment != self._end.segment:
                self.sync()  # what others wrote comes before what we write
            files.append(self.folder, segment, offset, data)
        except OSError:
            self._refused = (segment, offset, offset + len(data))
            with contextlib.suppress(OSError):
                self._let_go()
            raise
        self._sizes[segment] = offset + len(data)
        self._end = End(self._end.first, segment, offset + len(data), check)
        self._before = check

    def _let_go(self) -> None:
        """Cut off what the disk did not take, unless another process went on behind it; raises OSError."""
        if self._refused is not None:
            segment, offset, reach = self._refused
            if (files.size(self.folder, segment) or 0) <= reach:
                files.cut(self.folder, segment, offset)
            self._refused = None

    def _clean(self) -> None:
        """Clean the oldest segment, if it is time to."""
        dead_bytes, first = self.whole_bytes - self.state.alive_bytes, self._end.first
        is_tight = self.limit_bytes and self.whole_bytes > self.limit_bytes - SPARE_BYTES and dead_bytes > SPARE_BYTES
        if self.on_first is not nothing or first == self._end.segment:  # who writes nothing leaves it to who does
            return
        if not (is_tight or dead_bytes > self.state.alive_bytes + SPARE_BYTES):
            return
        segment, offset = self._room()
        data, check, rows, last = b"", self._end.check, [], self._last
        try:
            for row in [row for row in self.state.rows() if row[-1].segment == first]:
                change, last = Change(), offset + len(data)
                change.put(again(row, self.read(row[-1])))
                frame, check, lies = write_frame(change, check, last)  # each its own: damage costs one
                data += frame
                rows.append((change, lies))
            if data:
                self._append(segment, offset, data, check)
        except (OSError, StateUnusable):
            return  # no room now: another time
        self._last = last
        for change, lies in rows:
            self.state.apply(change)
            for blob, at, stays in lies:
                blob.lies(segment, at, stays=stays)
        with contextlib.suppress(OSError):
            files.remove(self.folder, first)
            del self._sizes[first]
            self._end = End(min(self._sizes), self._end.segment, self._end.length, self._end.check)


def again(row: Row, data: bytes) -> Row:
    """The same row, its bytes to be written anew."""
    blob = row[-1] if NAMES[type(row)] in SMALL else Blob(data)
    return type(row)(*row[:-1], blob)  # type: ignore[call-arg]


def _not_written(error: OSError) -> NotWritten:
    return NotWritten(f"the outbox cannot be written: {error.strerror}")
