"""The ledger's files: `000001.ndjson`, `000002.ndjson`, … in one folder, each at most about 64 MiB.

Only the last one grows. After a crash its end may be torn: a frame that was being written and never acknowledged. On
opening, such an end is cut off. Anything else that does not read back is damage: it is named and never mended in silence.
"""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from collector.errors import LedgerDamaged
from collector.ledger.archive import found, other_at, read
from collector.ledger.frame import MAX_HEADER_BYTES, Entry, body_bytes, header_no, read_frame
from collector.ledger.names import segment_name, segments, tomb_file
from collector.ledger.seals import Seal, seal_beside
from collector.ledger.tombs import Tomb
from shared.errors import Malformed
from shared.strictjson import MAX_INTEGER

SEGMENT_BYTES = 64 * 1024 * 1024
_HEADER_BEGINS = b'\n {"at_us":'


@dataclass(frozen=True, slots=True)
class Place:
    """Where the next frame goes: segment number, offset, and the number its entry will have."""

    segment: int
    offset: int
    no: int


def read_entries(folder: Path, after_no: int = 0) -> Iterator[Entry]:
    """All entries with a number above `after_no`, in order; raises LedgerDamaged at the first that does not read back.

    A frame still being written at the very end is not damage: reading stops before it.
    """
    paths = segments(folder)
    expected: int | None = None if after_no else 1
    for path in _from_entry(paths, after_no):
        for entry in _entries_in(path, may_be_torn=path == paths[-1]):
            if expected is not None and entry.no != expected:
                raise LedgerDamaged(f"{path.name} at byte {entry.offset}: entry {entry.no} instead of {expected}")
            expected = entry.no + 1
            if entry.no > after_no:
                yield entry


def _entries_in(path: Path, *, may_be_torn: bool) -> Iterator[Entry]:
    """The entries of one segment; of batches whose records were removed what is left of them."""
    standing = found(path)
    if isinstance(standing, Tomb):
        yield from standing
        return
    with standing:
        data = standing.read()
    offset = 0
    while offset < len(data):
        try:
            entry, following = read_frame(data, offset, path.name)
        except Malformed as error:
            if may_be_torn and _is_torn(data, offset):
                return
            raise LedgerDamaged(f"{path.name} at byte {offset}: {error}") from error
        yield entry
        offset = following


def _from_entry(paths: list[Path], after_no: int) -> list[Path]:
    """Leave out segments that end before the entry wanted, by a look at their seals or the first frame of the next one."""
    start = 0
    for number, path in enumerate(paths):
        if _first_no(path) > after_no:
            break
        start = number
    seal = seal_beside(paths[start]) if paths else None
    return paths[start + (seal is not None and seal.last_no <= after_no) :]


def _first_no(path: Path) -> int:
    """The number of a segment's first entry; beyond all numbers if it has none that reads back."""
    seal = seal_beside(path)
    if seal is not None:
        return seal.first_no
    try:
        with path.open("rb") as file:
            return header_no(file.readline(MAX_HEADER_BYTES))
    except Malformed:
        return MAX_INTEGER


def _is_torn(data: bytes, offset: int) -> bool:
    """Whether the bytes from `offset` can be one unfinished write: no whole frame stands anywhere after them."""
    position = data.find(_HEADER_BEGINS, offset)
    while position >= 0:
        try:
            read_frame(data, position + 1)
        except Malformed:
            position = data.find(_HEADER_BEGINS, position + 1)
        else:
            return False
    return True


def mend(folder: Path) -> tuple[Place, int]:
    """Cut a torn end off the last segment; the place where writing goes on, and how many bytes were cut.

    Raises LedgerDamaged where a cut would lose an entry that may have been acknowledged.
    """
    folder.mkdir(parents=True, exist_ok=True)
    paths = segments(folder)
    if not paths:
        return Place(1, 0, 1), 0
    last_no = _last_no(paths[:-1])
    data = read(paths[-1])
    offset = 0
    while offset < len(data):
        try:
            entry, offset_after = read_frame(data, offset)
        except Malformed as error:
            if not _is_torn(data, offset):
                raise LedgerDamaged(f"{paths[-1].name} at byte {offset}: {error}") from error
            break
        last_no, offset = entry.no, offset_after
    if offset < len(data):
        with paths[-1].open("r+b") as file:
            file.truncate(offset)
    return Place(len(paths), offset, last_no + 1), len(data) - offset


def _last_no(paths: list[Path]) -> int:
    """The number of the last entry in the last of these sealed segments, 0 if there is none."""
    if not paths:
        return 0
    seal = seal_beside(paths[-1])
    if seal is not None:
        return seal.last_no
    data, offset, no = paths[-1].read_bytes(), 0, 0
    while offset < len(data):
        try:
            entry, offset = read_frame(data, offset)
        except Malformed as error:
            raise LedgerDamaged(f"{paths[-1].name} at byte {offset}: {error}") from error
        no = entry.no
    return no


def read_at(folder: Path, segment: str, offset: int) -> Entry:
    """One entry at a known place, or what is left of it; raises LedgerDamaged."""
    path = folder / segment
    try:
        data = None if tomb_file(path).exists() else other_at(path, offset)
        if data is None:
            standing = found(path)
            if isinstance(standing, Tomb):
                return standing.at(offset)
            with standing:
                standing.seek(offset)
                header = standing.readline(MAX_HEADER_BYTES)
                data = header + standing.read(body_bytes(header))
        entry, _ = read_frame(data, 0, segment)
    except (OSError, Malformed) as error:
        raise LedgerDamaged(f"{segment} at byte {offset}: {error}") from error
    return replace(entry, offset=offset)


def check_sealed(folder: Path, number: int) -> Seal:
    """A seal whose segment, wherever it is, is what was sealed; raises LedgerDamaged naming the file, or ArchiveAway."""
    path = folder / segment_name(number)
    seal = seal_beside(path)
    if seal is None:
        raise LedgerDamaged(f"{path.name} has no seal")
    try:
        data = read(path)
    except OSError as error:
        raise LedgerDamaged(f"{path.name}: {error}") from error
    if (seal.segment, len(data), hashlib.sha256(data).hexdigest()) != (path.name, seal.size, seal.sha256):
        raise LedgerDamaged(f"{path.name} is not what was sealed")
    return seal
