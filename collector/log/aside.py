"""The files of logs that were followed by others: set aside whole, and served as they were.

    log/past/<name>/             what was in log/ of it: leaves, tiles, and what witnesses and time-stamps said
    log/past/<name>/checkpoint   its last one, a signed note

Leaves and tiles are derived from the ledger and may be made again; what others said of a log stays where it is first set aside.
"""

import shutil
from pathlib import Path
from typing import Final

from collector.durable import sync_folder, write_whole
from collector.log.files import LogFiles
from shared.checkpoint import Checkpoint, read_checkpoint
from shared.nextlog import NextLog
from shared.note import read_note

PAST: Final = "past"
CHECKPOINT: Final = "checkpoint"
_DERIVED: Final = ("leaves", "leaves.at", "tile.")


def set_aside(folder: Path, told: NextLog) -> None:
    """Move the files of a log that is over out of the way; raises OSError. Cut off, it is done again, files made anew."""
    place = folder / PAST / told.old.name
    draft = place.with_name(f"{told.old.name}.new")
    draft.mkdir(parents=True, exist_ok=True, mode=0o700)
    is_first = not place.exists()
    for path in sorted(folder.iterdir()):
        if path.is_file() and (is_first or path.name.startswith(_DERIVED)):
            path.replace(draft / path.name)
    if not is_first:
        for path in sorted(place.iterdir()):
            if not path.name.startswith(_DERIVED):
                path.replace(draft / path.name)
        shutil.rmtree(place)
    write_whole(draft / CHECKPOINT, told.last)
    draft.replace(place)
    sync_folder(place.parent)
    sync_folder(folder)


def past_files(folder: Path, name: str) -> tuple[LogFiles, Checkpoint]:
    """The files of a log that is over, to be read, and its last checkpoint; raises OSError, LedgerDamaged."""
    place = folder / PAST / name
    last = read_checkpoint(read_note((place / CHECKPOINT).read_bytes()).text)
    return LogFiles(place, last.size), last
