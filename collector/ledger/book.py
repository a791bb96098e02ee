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
from dataclasses import replace
from pathlib import Path

from collector.clock import Clock
from collector.durable import sync_folder
from collector.errors import AlreadyRunning, CatalogAway, StorageFull
from collector.ledger.chains import Chains, Standing
from collector.ledger.frame import EntryKind, Proven, Sheet, Spot
from collector.ledger.group import Group, Outcome, Placed, digest_of, entry_at, tell, undo, write_all
from collector.ledger.mark import read_mark
from collector.ledger.names import segment_name
from collector.ledger.seals import Seal, seal_missing, write_seal
from collector.ledger.segments import SEGMENT_BYTES, Place, mend
from collector.ledger.snapshot import GROWN_BYTES, GROWN_TIMES, chains_of, snapshot_of, write_snapshot
from collector.log.growth import Growth
from collector.log.key import LogKey
from shared.errors import Refused
from shared.tree import Edge

log = logging.getLogger(__name__)


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
        log_key: LogKey | None = None,
    ) -> None:
        """Open the folder, cut off a torn end, seal what was not sealed. Raises LedgerDamaged or AlreadyRunning.

        Batches and transfers are taken as long as the disk has `reserve_bytes` left, which is for everything else. `measured`
        hears of each group: how many entries, how many seconds. With a `log_key` what is signed becomes leaves of its log.
        """
        self._log_key = log_key
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
            self._place, self.torn_bytes = self._mended()
            self._last_seal = seal_missing(folder, self._place.segment)
            if self._last_seal.segment == segment_name(
                self._place.segment
            ):  # sealed, and cut off before the next began
                self._place = Place(self._place.segment + 1, 0, self._place.no)
            self.chains, self._snapshot_no = chains_of(folder, self.last_no)
            self._unsnapped_bytes, self._snapshot_bytes = 0, 0
            self._digest = self._group_digest = digest_of(folder / segment_name(self._place.segment))
            self._file = self._open()
        except BaseException:
            os.close(self._lock)
            raise
        self._broken: OSError | None = None
        self.note = b""
        self._sign(Growth(self.chains.edge, ()))

    @property
    def last_no(self) -> int:
        """The number of the newest entry on disk, 0 if there is none."""
        return self._place.no - 1

    @property
    def is_in_doubt(self) -> bool:
        """Whether a group is on disk of which it is not known what becomes of it; a commit, if of nothing, settles it."""
        return False

    def close(self) -> None:
        """Let go of the files."""
        if self._snapping is not None:
            self._snapping.join()
        os.close(self._file)
        os.close(self._lock)

    def _mended(self) -> tuple[Place, int]:
        """Where writing goes on, and how many bytes were cut off there."""
        mark = read_mark(self.folder)
        if mark is not None:
            raise CatalogAway(
                f"the ledger {self.folder} is one of several that share a catalog, and can be opened only with it: "
                "set catalog, lake and stream in collector.toml as before"
            )
        return mend(self.folder)

    def key_of(self, dev: str) -> bytes:
        """The key (SPKI DER) of a device that may be taken from; raises UnknownKey or FrozenKey."""
        return self.chains.standing_of(dev).spki

    def commit(self, sheets: Sequence[Sheet]) -> list[Outcome]:
        """Write and fsync a group; what came of each sheet, in order."""
        begun_us = self._clock.mono_us()
        try:
            return self._commit(sheets)
        finally:
            self._measured(len(sheets), (self._clock.mono_us() - begun_us) / 1e6)

    def _commit(self, sheets: Sequence[Sheet]) -> list[Outcome]:
        group = self._written(sheets, self.chains)
        if isinstance(group, StorageFull):
            return [group] * len(sheets)
        self._keep(group)
        return group.in_order()

    def _written(self, sheets: Sequence[Sheet], chains: Chains) -> Group | StorageFull:
        """Write and fsync what `chains` admits of these; on an error everything is as it was."""
        group = Group(sheets, chains, self._place, self._place, edge=self.chains.edge)
        try:
            if self._broken:
                raise self._broken
            if self._place.offset >= self._segment_bytes:
                self._next_segment()
                group.begins = group.ends = self._place
            frames = self._place_all(group)
            if frames:
                data = b"".join(frames)
                self._group_digest = self._digest.copy()
                self._group_digest.update(data)
                write_all(self._file, data)
                os.fdatasync(self._file)
        except BaseException as error:
            self._undo(group)
            if not isinstance(error, OSError):
                raise
            return StorageFull(f"nothing was kept: {error}")
        return group

    def _keep(self, group: Group) -> None:
        """Go on behind a group that is on disk for good."""
        self._place = group.ends
        if group.placed:
            self._digest = self._group_digest
        growth = Growth(group.edge, group.leaves)
        if group.leaves:
            self._sign(growth)
        for one in group.placed:
            group.outcomes[one.number] = self._proven(one, growth)
            if one.sheet.kind is not EntryKind.BATCH:
                self.chains.apply(one.entry)

    def _sign(self, growth: Growth) -> None:
        """Say that the log is this tree: only of what is on disk for good, since nothing that is signed is taken back."""
        self.chains.edge = growth.edge
        if self._log_key is not None:
            self.note = self._log_key.checkpoint(growth.edge.size, growth.root())

    def _proven(self, placed: Placed, growth: Growth) -> Spot:
        if placed.tree is None:
            return placed.spot
        proof = b"".join(growth.proof(placed.tree))
        return replace(placed.spot, proven=Proven(placed.tree, proof, self.note))

    def _place_all(self, group: Group) -> list[bytes]:
        """Give each sheet that may be written its place; the frames, in order."""
        name, at_us = segment_name(self._place.segment), self._clock.wall_us()
        offset, no = self._place.offset, self._place.no
        frames: list[bytes] = []
        for number, sheet in enumerate(group.sheets):
            instead = self._instead(sheet, (name, offset), group)
            is_leaf = self._log_key is not None and sheet.leaf is not None
            if sheet.kind is EntryKind.NEXT_LOG and instead is None:
                if group.leaves:
                    instead = StorageFull("nothing was kept: a log begins with a group of its own")
                else:
                    group.edge = Edge()
            tree = group.edge.size + len(group.leaves) if is_leaf else None
            frame, spot = sheet.frame(no, at_us, tree), Spot(no, at_us, name, offset)
            if instead is None and sheet.kind is not EntryKind.BATCH:
                instead = tell(group, entry_at(frame, spot))
            if instead is not None:
                group.outcomes[number] = instead
                continue
            group.placed.append(Placed(number, sheet, spot, tree))
            if tree is not None and sheet.leaf is not None:
                group.leaves.append(sheet.leaf)
            frames.append(frame)
            offset, no = offset + len(frame), no + 1
        group.ends = Place(self._place.segment, offset, no)
        return frames

    def _instead(self, sheet: Sheet, at: tuple[str, int], group: Group) -> Outcome | None:
        """What comes of a sheet instead of being written there; None if it may be: its chain then goes on with it."""
        link = sheet.link
        if link is None:
            return self._short() if sheet.kind is EntryKind.TRANSFER else None
        try:
            admitted = group.chains.admit(link)
        except Refused as refusal:
            return refusal
        if not isinstance(admitted, Standing):
            return admitted
        short = self._short()
        if short is not None:
            return short
        group.undo.setdefault(link.dev, group.chains.standings[link.dev])
        group.chains.standings[link.dev] = replace(admitted, newest_at=at)
        return None

    def _short(self) -> StorageFull | None:
        """What comes of a measurement if what is free on the disk has to be left for everything else."""
        if not self._reserve_bytes:
            return None
        disk = os.statvfs(self.folder)
        if disk.f_bavail * disk.f_frsize >= self._reserve_bytes:
            return None
        return StorageFull(f"nothing was kept: less than {self._reserve_bytes / 1e6:.0f} MB are free on the disk")

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

    def _undo(self, group: Group) -> None:
        self._place = Place(self._place.segment, group.begins.offset, group.begins.no)
        undo(group)
        try:
            os.ftruncate(self._file, self._place.offset)
            os.lseek(self._file, self._place.offset, os.SEEK_SET)
        except OSError as error:
            self._broken = error  # writing behind a torn end would be damage: nothing is, until it could be cut off
        else:
            self._broken = None


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
