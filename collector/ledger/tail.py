"""Following the ledger as it grows: what an index needs, without reading a segment twice."""

from dataclasses import replace
from itertools import islice
from pathlib import Path

from collector.errors import LedgerDamaged
from collector.ledger.archive import found
from collector.ledger.frame import Entry, read_frame
from collector.ledger.names import segment_name, segments
from collector.ledger.seals import seal_beside
from collector.ledger.segments import read_entries
from collector.ledger.tombs import Tomb
from shared.errors import Malformed

_CHUNK_BYTES = 16 * 1024 * 1024


def _ends_with(path: Path, no: int) -> bool:
    """Whether a sealed segment ends with this entry."""
    seal = seal_beside(path)
    return seal is not None and seal.last_no == no


class Tail:
    """Reads entries after a number, in order, each once."""

    def __init__(self, folder: Path, after_no: int) -> None:
        """Find the place after entry `after_no`; raises LedgerDamaged on the way there."""
        self._folder = folder
        self._segment, self._offset, self._no = 1, 0, 0
        ended = [path for path in segments(folder) if after_no and _ends_with(path, after_no)]
        if ended:  # which spares fetching it
            self._segment, self._no = int(ended[0].stem) + 1, after_no
            return
        for entry in read_entries(folder, max(0, after_no - 1)):
            if entry.no > after_no:
                break
            self._segment, self._offset, self._no = int(entry.segment[:6]), entry.offset, entry.no - 1
            self._read_one()
        if self._no != after_no:
            raise LedgerDamaged(f"the index knows entry {after_no}, the ledger ends before it")

    def _read_one(self) -> None:
        standing = found(self._folder / segment_name(self._segment))
        if isinstance(standing, Tomb):
            _, self._offset = next(standing.after(self._offset))
        else:
            with standing:
                standing.seek(self._offset)
                _, length = read_frame(standing.read(_CHUNK_BYTES), 0)
            self._offset += length
        self._no += 1

    def read(self, up_to_no: int, most: int = 512) -> list[Entry]:
        """The next entries, at most `most` and none after `up_to_no` (the newest that is on disk)."""
        entries: list[Entry] = []
        while self._no < up_to_no and len(entries) < most:
            name = segment_name(self._segment)
            standing = found(self._folder / name)
            if isinstance(standing, Tomb):
                some = self._left(standing, up_to_no, most - len(entries))
            else:
                with standing:
                    standing.seek(self._offset)
                    data = standing.read(_CHUNK_BYTES)
                some = self._parse(data, name, up_to_no, most - len(entries))
            if not some:
                self._segment, self._offset = self._segment + 1, 0
            entries += some
        return entries

    def _left(self, tomb: Tomb, up_to_no: int, most: int) -> list[Entry]:
        """The next entries of a segment that has a tombstone."""
        some: list[Entry] = []
        for entry, following in islice(tomb.after(self._offset), min(most, up_to_no - self._no)):
            if entry.no != self._no + 1:
                raise LedgerDamaged(
                    f"{tomb.segment} at byte {entry.offset}: entry {entry.no} instead of {self._no + 1}"
                )
            some.append(entry)
            self._offset, self._no = following, entry.no
        return some

    def _parse(self, data: bytes, name: str, up_to_no: int, most: int) -> list[Entry]:
        some: list[Entry] = []
        position = 0
        while position < len(data) and self._no < up_to_no and len(some) < most:
            try:
                entry, following = read_frame(data, position, name)
            except Malformed as error:
                if some:  # the chunk ended inside a frame
                    break
                raise LedgerDamaged(f"{name} at byte {self._offset}: {error}") from error
            if entry.no != self._no + 1:
                raise LedgerDamaged(f"{name} at byte {self._offset}: entry {entry.no} instead of {self._no + 1}")
            some.append(replace(entry, offset=self._offset))
            self._offset += following - position
            self._no, position = entry.no, following
        return some
