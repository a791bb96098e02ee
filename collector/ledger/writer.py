"""Appending with group commit: one write and one fsync for everything that waited, before anything is acknowledged."""

import os
import queue
import threading
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import replace
from pathlib import Path

from collector.clock import Clock
from collector.errors import StorageFull
from collector.ledger.frame import Draft, Entry, write_frame
from collector.ledger.segments import SEGMENT_BYTES, Place, mend, segment_name

_GROUP_BYTES = 8 * 1024 * 1024
_Waiting = tuple[Draft, "Future[Entry]"]


class Ledger:
    """The one writer of a ledger folder. `append` returns when the entry is on disk; reading goes by the folder."""

    def __init__(
        self,
        folder: Path,
        clock: Clock,
        committed: Callable[[], None] = lambda: None,
        segment_bytes: int = SEGMENT_BYTES,
    ) -> None:
        """Open the folder, cut off a torn end, start the writing thread. `committed` is called after each group."""
        self.folder = folder
        self._clock = clock
        self._committed = committed
        self._segment_bytes = segment_bytes
        self._place, self.torn_bytes = mend(folder)
        self._last_no = self._place.no - 1
        self._file = self._open()
        self._broken: OSError | None = None
        self._waiting: queue.SimpleQueue[_Waiting | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._run, name="ledger", daemon=True)
        self._thread.start()

    @property
    def last_no(self) -> int:
        """The number of the newest entry on disk, 0 if there is none."""
        return self._last_no

    def append(self, draft: Draft) -> "Future[Entry]":
        """Hand over an entry; the future holds it once it is on disk, or StorageFull if it is not and never will be."""
        future: Future[Entry] = Future()
        future.set_running_or_notify_cancel()  # what is handed over cannot be taken back
        write_frame(draft, 1, 0)  # what cannot be written must fail here, not the group it would be written with
        self._waiting.put((draft, future))
        return future

    def close(self) -> None:
        """Write what waits, then stop."""
        self._waiting.put(None)
        self._thread.join()
        os.close(self._file)

    def _open(self) -> int:
        path = self.folder / segment_name(self._place.segment)
        file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600)
        os.lseek(file, self._place.offset, os.SEEK_SET)
        folder = os.open(self.folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
        return file

    def _run(self) -> None:
        going = True
        while going:
            group, going = self._group()
            if group:
                self._commit(group)
                self._committed()

    def _group(self) -> tuple[list[_Waiting], bool]:
        """Everything that waits, at least one; False beside it when it is time to stop."""
        group: list[_Waiting] = []
        size = 0
        while True:
            try:
                item = self._waiting.get(block=not group)
            except queue.Empty:
                return group, True
            if item is None:
                return group, False
            group.append(item)
            size += len(item[0].body)
            if size >= _GROUP_BYTES:
                return group, True

    def _commit(self, group: list[_Waiting]) -> None:
        """Write and fsync a group; on any error nothing of it is kept and every waiter is told."""
        before = self._place
        entries: list[Entry] = []
        try:
            if self._broken:
                raise self._broken
            if before.offset >= self._segment_bytes:
                self._next_segment()
            frames = []
            for draft, _ in group:
                at_us = self._clock.wall_us()
                frame = write_frame(draft, self._place.no, at_us)
                name = segment_name(self._place.segment)
                entries.append(
                    Entry(self._place.no, draft.kind, at_us, draft.meta, draft.body, name, self._place.offset)
                )
                frames.append(frame)
                self._place = replace(self._place, offset=self._place.offset + len(frame), no=self._place.no + 1)
            _write_all(self._file, b"".join(frames))
            os.fdatasync(self._file)
        except Exception as error:  # noqa: BLE001 - the top of this thread: every waiter must hear of it
            same = self._place.segment == before.segment
            self._undo(Place(self._place.segment, before.offset if same else 0, before.no))
            for _, future in group:
                future.set_exception(StorageFull(f"nothing was kept: {error}"))
            return
        self._last_no = self._place.no - 1
        for (_, future), entry in zip(group, entries, strict=True):
            future.set_result(entry)

    def _next_segment(self) -> None:
        opened, place = self._file, self._place
        self._place = Place(place.segment + 1, 0, place.no)
        try:
            self._file = self._open()
        except OSError:
            self._place = place
            raise
        os.close(opened)

    def _undo(self, place: Place) -> None:
        self._place = place
        try:
            os.ftruncate(self._file, place.offset)
            os.lseek(self._file, place.offset, os.SEEK_SET)
        except OSError as error:
            self._broken = error  # writing behind a torn end would be damage: nothing is, until it could be cut off
        else:
            self._broken = None


def _write_all(file: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(file, view) :]
