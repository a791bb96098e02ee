"""The ledger's files as whoever writes them has them open: groups of sheets in, spots out, one fsync for each group.

No thread and no queue: `writer.Ledger` drives it in this process, `clerk` for other processes. A group is kept whole or
not at all: if the disk refuses, everything of it is undone, the chains' state too. A batch whose link does not hold is
left out of its group and told why; the others do not notice.
"""

import fcntl
import hashlib
import logging
import os
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from collector.clock import Clock
from collector.durable import sync_folder
from collector.errors import AlreadyRunning, StorageFull
from collector.ledger.chains import Older, Repeat, Standing
from collector.ledger.frame import Entry, EntryKind, Sheet, Spot, read_frame
from collector.ledger.names import segment_name
from collector.ledger.seals import Seal, seal_missing, write_seal
from collector.ledger.segments import SEGMENT_BYTES, Place, mend
from collector.ledger.snapshot import GROWN_BYTES, GROWN_TIMES, chains_of, snapshot_of, write_snapshot
from shared.errors import Malformed, Refused

Outcome = Spot | Repeat | Older | Refused | StorageFull

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Placed:
    """A sheet with its place in the ledger, before it is on disk."""

    number: int  # in its group
    sheet: Sheet
    spot: Spot


class Book:
    """A ledger folder, open for its one writer."""

    def __init__(
        self,
        folder: Path,
        clock: Clock,
        segment_bytes: int = SEGMENT_BYTES,
        snapshot_every: int = GROWN_BYTES,
        *,
        reserve_bytes: int = 0,
        measured: Callable[[int, float], None] = lambda _entries, _seconds: None,
    ) -> None:
        """Open the folder, cut off a torn end, seal what was not sealed. Raises LedgerDamaged or AlreadyRunning.

        Batches are taken as long as the disk has `reserve_bytes` left, which is for everything else. `measured` hears of
        each group: how many entries, how many seconds.
        """
        self._reserve_bytes = reserve_bytes
        self._measured = measured
        self._snapshot_every = snapshot_every
        self._snapping: threading.Thread | None = None
        self.folder = folder
        self._clock = clock
        self._segment_bytes = segment_bytes
        folder.mkdir(parents=True, exist_ok=True)
        self._lock = _locked(folder)
        try:
            self._place, self.torn_bytes = mend(folder)
            self._last_seal = seal_missing(folder, self._place.segment)
            if self._last_seal.segment == segment_name(
                self._place.segment
            ):  # sealed, and cut off before the next began
                self._place = Place(self._place.segment + 1, 0, self._place.no)
            self.chains, self._snapshot_no = chains_of(folder, self.last_no)
            self._unsnapped_bytes, self._snapshot_bytes = 0, 0
            self._digest = _digest_of(folder / segment_name(self._place.segment))
            self._file = self._open()
        except BaseException:
            os.close(self._lock)
            raise
        self._broken: OSError | None = None

    @property
    def last_no(self) -> int:
        """The number of the newest entry on disk, 0 if there is none."""
        return self._place.no - 1

    def close(self) -> None:
        """Let go of the files."""
        if self._snapping is not None:
            self._snapping.join()
        os.close(self._file)
        os.close(self._lock)

    def commit(self, sheets: Sequence[Sheet]) -> list[Outcome]:
        """Write and fsync a group; what came of each sheet, in order."""
        begun_us = self._clock.mono_us()
        try:
            return self._commit(sheets)
        finally:
            self._measured(len(sheets), (self._clock.mono_us() - begun_us) / 1e6)

    def _commit(self, sheets: Sequence[Sheet]) -> list[Outcome]:
        outcomes: dict[int, Outcome] = {}  # by place in the group
        before, undo = self._place, dict[str, Standing]()
        placed: list[_Placed] = []
        digest = self._digest.copy()
        try:
            if self._broken:
                raise self._broken
            if before.offset >= self._segment_bytes:
                self._next_segment()
                digest = self._digest.copy()
            frames = self._place_all(sheets, outcomes, placed, undo)
            if frames:
                data = b"".join(frames)
                digest.update(data)
                _write_all(self._file, data)
                os.fdatasync(self._file)
        except BaseException as error:
            same = self._place.segment == before.segment
            self._undo(Place(self._place.segment, before.offset if same else 0, before.no), undo)
            if not isinstance(error, OSError):
                raise
            return [StorageFull(f"nothing was kept: {error}")] * len(sheets)
        self._digest = digest
        for one in placed:
            outcomes[one.number] = one.spot
            if one.sheet.kind is not EntryKind.BATCH:
                self.chains.apply(_entry(one.sheet.frame(one.spot.no, one.spot.at_us), one.spot))
        return [outcomes[number] for number in range(len(sheets))]

    def _place_all(
        self, sheets: Sequence[Sheet], outcomes: dict[int, Outcome], placed: list[_Placed], undo: dict[str, Standing]
    ) -> list[bytes]:
        """Give each sheet that may be written its place; the frames, in order."""
        name, at_us = segment_name(self._place.segment), self._clock.wall_us()
        offset, no = self._place.offset, self._place.no
        frames: list[bytes] = []
        for number, sheet in enumerate(sheets):
            if sheet.link is not None:
                try:
                    admitted = self._admitted(sheet, (name, offset), undo)
                except Refused as refusal:
                    outcomes[number] = refusal
                    continue
                if admitted is not None:
                    outcomes[number] = admitted
                    continue
            frame, spot = sheet.frame(no, at_us), Spot(no, at_us, name, offset)
            if sheet.kind is not EntryKind.BATCH:
                try:
                    self.chains.check(_entry(frame, spot))
                except (Malformed, KeyError) as error:  # or it would stop every start from now on
                    outcomes[number] = StorageFull(f"nothing was kept: this can be no entry: {error}")
                    continue
            placed.append(_Placed(number, sheet, spot))
            frames.append(frame)
            offset, no = offset + len(frame), no + 1
        self._place = Place(self._place.segment, offset, no)
        return frames

    def _admitted(
        self, sheet: Sheet, at: tuple[str, int], undo: dict[str, Standing]
    ) -> Repeat | Older | StorageFull | None:
        """None if the sheet may be written; the chain then goes on with it. Raises a Refused."""
        link = sheet.link
        if link is None:
            return None
        admitted = self.chains.admit(link)
        if not isinstance(admitted, Standing):
            return admitted
        if self._is_short():
            return StorageFull(f"nothing was kept: less than {self._reserve_bytes / 1e6:.0f} MB are free on the disk")
        undo.setdefault(link.dev, self.chains.standings[link.dev])
        self.chains.standings[link.dev] = replace(admitted, newest_at=at)
        return None

    def _is_short(self) -> bool:
        """Whether what is free on the disk has to be left for everything that is no batch."""
        if not self._reserve_bytes:
            return False
        disk = os.statvfs(self.folder)
        return disk.f_bavail * disk.f_frsize < self._reserve_bytes

    def _open(self) -> int:
        path = self.folder / segment_name(self._place.segment)
        file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600)
        os.lseek(file, self._place.offset, os.SEEK_SET)
        sync_folder(self.folder)
        return file

    def _next_segment(self) -> None:
        """Seal the segment that is full and begin the next; on an error everything stays as it was."""
        opened, place = self._file, self._place
        name = segment_name(place.segment)
        before = self._last_seal
        seal = Seal(name, place.offset, self._digest.hexdigest(), before.last_no + 1, place.no - 1, before.identity)
        write_seal(self.folder, seal)
        self._place = Place(place.segment + 1, 0, place.no)
        try:
            self._file = self._open()
        except OSError:
            self._place = place
            raise
        os.close(opened)
        self._last_seal, self._digest = seal, hashlib.sha256()
        self._unsnapped_bytes += seal.size
        if self._unsnapped_bytes >= max(self._snapshot_every, GROWN_TIMES * self._snapshot_bytes):
            self._snapshot(seal.last_no)

    def _snapshot(self, no: int) -> None:
        """Write a snapshot beside what goes on; the state it is of is spelt before anything changes."""
        if self._snapping is not None and self._snapping.is_alive():
            return
        kept = snapshot_of(self.chains)
        self._unsnapped_bytes, self._snapshot_bytes = 0, len(kept)
        self._snapping = threading.Thread(target=_write_snapshot, args=(self.folder, kept, no), name="snapshot")
        self._snapping.start()

    def _undo(self, place: Place, standings: dict[str, Standing]) -> None:
        self._place = place
        self.chains.standings.update(standings)
        try:
            os.ftruncate(self._file, place.offset)
            os.lseek(self._file, place.offset, os.SEEK_SET)
        except OSError as error:
            self._broken = error  # writing behind a torn end would be damage: nothing is, until it could be cut off
        else:
            self._broken = None


def _entry(frame: bytes, spot: Spot) -> Entry:
    entry, _ = read_frame(frame, 0, spot.segment)
    return replace(entry, offset=spot.offset)


def _write_snapshot(folder: Path, kept: bytes, no: int) -> None:
    try:
        write_snapshot(folder, kept, no)
    except OSError as error:
        log.warning("no snapshot of the chains could be written (%s); the next start reads more of the ledger", error)


def _locked(folder: Path) -> int:
    """The one writer's lock, as long as its process lives; raises AlreadyRunning."""
    file = os.open(folder / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        os.close(file)
        raise AlreadyRunning(f"another process writes the ledger {folder}") from error
    return file


def _digest_of(path: Path) -> "hashlib._Hash":
    digest = hashlib.sha256()
    if path.exists():
        with path.open("rb") as file:
            while part := file.read(1 << 20):
                digest.update(part)
    return digest


def _write_all(file: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(file, view) :]
