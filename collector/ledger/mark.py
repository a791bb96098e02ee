"""How far a ledger that shares a catalog is confirmed, and which ledger it is, in its own folder: the file `confirmed`.

    one line   the newest confirmed entry in twenty digits SP the SHA-256 of the ledger's first entry (none yet: zeros) LF

It is written before anything of a group is acknowledged, in place and without waiting for the disk: it outlives this process
exactly, and after a power cut it may stand too low, where the catalog knows better. So what is behind both was never
acknowledged, and a catalog that has forgotten what stands before it can be told again.
"""

import contextlib
import hashlib
import os
import re
from pathlib import Path
from typing import Final

from collector.durable import write_whole
from collector.errors import LedgerDamaged
from collector.ledger.archive import opened
from collector.ledger.frame import MAX_HEADER_BYTES, body_bytes, read_frame
from collector.ledger.names import CONFIRMED, segment_name
from collector.ledger.seals import seal_beside
from collector.ledger.segments import Place

NO_FIRST: Final = "0" * 64
_LINE: Final = re.compile(rb"([0-9]{20}) ([0-9a-f]{64})\n")


class Mark:
    """The mark of one ledger, open."""

    def __init__(self, folder: Path, no: int, first: str) -> None:
        """Make it if there is none; raises OSError or LedgerDamaged."""
        if read_mark(folder) is None:
            write_whole(folder / CONFIRMED, _spelt(no, first))
        self._file = os.open(folder / CONFIRMED, os.O_WRONLY | os.O_CLOEXEC)

    def put(self, no: int, first: str) -> None:
        """Say that entries up to this one are confirmed. A disk that fails harms nobody: the catalog knows too."""
        with contextlib.suppress(OSError):
            os.pwrite(self._file, _spelt(no, first), 0)

    def close(self) -> None:
        """Let go of the file."""
        os.close(self._file)


def read_mark(folder: Path) -> tuple[int, str] | None:
    """What the mark of a ledger says, None if it has none; raises LedgerDamaged."""
    try:
        told = (folder / CONFIRMED).read_bytes()
    except FileNotFoundError:
        return None
    found = _LINE.fullmatch(told)
    if found is None:
        raise LedgerDamaged(
            f"{folder / CONFIRMED} is not what was written; without that file all of the ledger counts as confirmed"
        )
    return int(found[1]), found[2].decode()


def first_of(folder: Path) -> str:
    """The SHA-256 of the first entry of a ledger that has one; raises LedgerDamaged or ArchiveAway."""
    with opened(folder / segment_name(1)) as file:
        header = file.readline(MAX_HEADER_BYTES)
        return hashlib.sha256(header + file.read(body_bytes(header))).hexdigest()


def take_back(folder: Path, place: Place, kept_no: int) -> Place:
    """Take back what is behind this entry; where writing goes on. What is sealed was confirmed, whatever is known of it."""
    path = folder / segment_name(place.segment)
    if kept_no == place.no - 1 or seal_beside(path) is not None:
        return place
    data, offset, no = path.read_bytes(), 0, 0
    while offset < len(data):
        entry, following = read_frame(data, offset)
        no = entry.no
        if no > kept_no:
            break
        offset = following
    if no != kept_no + 1:
        return place
    with path.open("r+b") as file:
        file.truncate(offset)
        os.fsync(file.fileno())
    return Place(place.segment, offset, kept_no + 1)


def _spelt(no: int, first: str) -> bytes:
    return b"%020d %b\n" % (no, first.encode())
