"""Removing batches' records from a sealed segment, in steps of which any may be the last one for a while.

    1  the tombstone is written beside the seal, under a name of its own (`000001.retaining`)
    2  the ledger gets an entry that names it by its SHA-256                               (the caller)
    3  the tombstone gets its name (`000001.tomb`): from now on it stands for the segment
    4  the index lets go of the records                                                    (the caller)
    5  the segment goes: here, what was fetched of it, and its copy in the archive
    6  the first name of the tombstone goes: nothing is left to do

Before 3 the segment is whole, after it the tombstone is. Whoever finds a first name goes on at 3 if the newest entry of the
ledger about this segment names that very file, and begins anew otherwise. Every step may be done again.
"""

import hashlib
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from collector.durable import sync_folder, write_whole
from collector.errors import LedgerDamaged
from collector.ledger.archive import FETCHED, OTHERS, archive_at, read, said_at
from collector.ledger.frame import Entry, EntryKind, read_frame, stub_of
from collector.ledger.names import ARCHIVE_SAID, RETAINING, tomb_file
from collector.ledger.seals import Seal
from collector.ledger.tombs import Rule, Tomb, read_tomb, tomb_beside, write_tomb
from shared.errors import Malformed
from shared.keys import Signer

Goes = Callable[[Entry], bool]


def prepare(path: Path, seal: Seal, rule: Rule, key: Signer, goes: Goes, left: Mapping[int, bytes]) -> Tomb:
    """Step 1. `goes` says of a whole batch whether its records are removed, `left` what is noted of them, by entry number.

    Raises LedgerDamaged if the segment is not what was sealed, ArchiveAway, OSError.
    """
    standing = tomb_beside(path)
    kept, counts = list[tuple[int, bytes]](), {True: 0, False: 0}
    removed_bytes = 0 if standing is None else standing.removed_bytes
    for entry, data in _standing(path, seal):
        is_going = entry.kind is EntryKind.BATCH and not entry.gone and goes(entry)
        kept.append((entry.offset, stub_of(data, left[entry.no]) if is_going else data))
        if is_going:
            removed_bytes += len(entry.body) - entry.body.index(b"\n") - 1
        if entry.kind is EntryKind.BATCH:
            counts[is_going or entry.gone] += 1
    data = write_tomb(seal, kept, (counts[True], removed_bytes, counts[False]), rule, key)
    write_whole(path.with_suffix(RETAINING), data)
    return read_tomb(data)


def prepared(path: Path) -> Tomb | None:
    """What step 1 has left, None if there is nothing or it cannot be read."""
    try:
        return read_tomb(path.with_suffix(RETAINING).read_bytes())
    except (FileNotFoundError, Malformed):
        return None


def put_in_place(path: Path) -> None:
    """Step 3."""
    write_whole(tomb_file(path), path.with_suffix(RETAINING).read_bytes())


def remove(path: Path) -> None:
    """Step 5; raises ArchiveAway, OSError."""
    folder = path.parent
    path.unlink(missing_ok=True)
    if (folder / ARCHIVE_SAID).exists():
        archive_at(said_at(folder)).drop(path.name)
    (folder / FETCHED / path.name).unlink(missing_ok=True)
    path.with_suffix(OTHERS).unlink(missing_ok=True)
    sync_folder(folder)


def forget_preparation(path: Path) -> None:
    """Step 6; or step 1 undone."""
    path.with_suffix(RETAINING).unlink(missing_ok=True)
    sync_folder(path.parent)


def _standing(path: Path, seal: Seal) -> Iterator[tuple[Entry, bytes]]:
    """The entries that there are of a segment, each with what there is of it."""
    tomb = tomb_beside(path)
    if tomb is not None:
        yield from ((entry, data) for entry, data, _ in tomb.frames())
        return
    data = read(path)
    if (len(data), hashlib.sha256(data).hexdigest()) != (seal.size, seal.sha256):
        raise LedgerDamaged(f"{path.name} is not what was sealed: nothing is removed")
    offset = 0
    while offset < len(data):
        entry, following = read_frame(data, offset, path.name)
        yield entry, data[offset:following]
        offset = following
