"""Moving sealed segments to an archive.

A segment goes there whole, is read back from there and compared with its seal, and only then leaves the ledger's folder. What
every start reads stays: a copy of the segment's entries that are neither batches nor transfers, and a snapshot of the chains
after it. Cut off at any moment, every segment is here, there, or in both places.
"""

import json
import os
from collections.abc import Callable
from pathlib import Path

from collector.durable import write_whole
from collector.errors import BadRequest, LedgerDamaged
from collector.ledger.archive import FETCHED, OTHERS, Archive, archive_at, said_at
from collector.ledger.arranging import arranging
from collector.ledger.frame import OF_THE_INDEX, read_frame
from collector.ledger.names import ARCHIVE_SAID, segments, tomb_file
from collector.ledger.seals import Seal, is_sealed_as, seal_beside
from collector.ledger.snapshot import keep_snapshot

Progress = Callable[[int, int, str], None]


def move(folder: Path, address: str, keep: int, progress: Progress) -> list[Path]:
    """Move all sealed segments but the last `keep` to an archive; those moved. The newest segment always stays.

    Raises ArchiveAway, BadRequest, Busy, or LedgerDamaged if a segment is not what was sealed, here or there: then it stays here.
    """
    if keep < 0:
        raise BadRequest(f"keep is how many segments stay here, not {keep}")
    archive = archive_at(address)
    with arranging(folder):
        return _move_all(folder, address, archive, keep, progress)


def _move_all(folder: Path, address: str, archive: Archive, keep: int, progress: Progress) -> list[Path]:
    sealed = [(path, seal) for path in segments(folder)[:-1] if (seal := seal_beside(path)) is not None]
    sealed = [(path, seal) for path, seal in sealed if not tomb_file(path).exists()]
    moving = [(path, seal) for path, seal in sealed[: max(0, len(sealed) - keep)] if path.exists()]
    if any(not path.exists() for path, _ in sealed) and said_at(folder) != address:
        raise BadRequest(f"earlier segments are in {said_at(folder)}: a ledger has one archive")
    if moving:
        write_whole(folder / ARCHIVE_SAID, json.dumps({"at": address}).encode() + b"\n")
        (folder / FETCHED).mkdir(exist_ok=True, mode=0o700)
        keep_snapshot(folder, moving[-1][1].last_no)
    for number, (path, seal) in enumerate(moving):
        progress(number, len(moving), path.name)
        _move(path, seal, archive)
    progress(len(moving), len(moving), "segments")
    return [path for path, _ in moving]


def _move(path: Path, seal: Seal, archive: Archive) -> None:
    if not is_sealed_as(seal, path):
        raise LedgerDamaged(f"{path.name} is not what was sealed")
    archive.put(path)
    back = path.parent / FETCHED / f"{path.name}.{os.getpid()}.new"
    try:
        archive.get(path.name, back)
        if not is_sealed_as(seal, back):
            raise LedgerDamaged(f"{path.name} in the archive is not what was put there")
    finally:
        back.unlink(missing_ok=True)
    _leave_others(path)
    path.unlink()


def _leave_others(path: Path) -> None:
    """Keep a copy of a segment's entries that are no batches."""
    data, offset, places, frames = path.read_bytes(), 0, list[tuple[int, int, int]](), bytearray()
    while offset < len(data):
        entry, following = read_frame(data, offset)
        if entry.kind not in OF_THE_INDEX:
            places.append((offset, len(frames), len(frames) + following - offset))
            frames += data[offset:following]
        offset = following
    write_whole(path.with_suffix(OTHERS), json.dumps(places).encode() + b"\n" + frames)
