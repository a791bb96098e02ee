"""What the ledger's files are called, and which there are. Opens none of them."""

from pathlib import Path
from typing import Final

from collector.errors import LedgerDamaged

ARCHIVE_SAID: Final = "archive.json"  # where segments are that are not here
TOMB: Final = ".tomb"  # in the place of a segment of which batches were removed
RETAINING: Final = ".retaining"  # the same before it is finished
CONFIRMED: Final = (
    "confirmed"  # of a ledger that shares a catalog: the newest entry that it has confirmed (`ledger.mark`)
)


def segment_name(number: int) -> str:
    """The file name of a segment."""
    return f"{number:06d}.ndjson"


def seal_file(folder: Path, number: int) -> Path:
    """Where the seal of a segment is."""
    return folder / f"{number:06d}.seal"


def tomb_file(path: Path) -> Path:
    """Where the tombstone of a segment is, if it has one."""
    return path.with_suffix(TOMB)


def segments(folder: Path) -> list[Path]:
    """The segments there are, in order; raises LedgerDamaged if one is missing in between.

    One that is sealed may be in the archive: then its seal is here and its file is not (`archive.opened`). Of one that was
    removed by a rule of retention the seal and a tombstone are here (`tombs`).
    """
    found = sorted({path.with_suffix(".ndjson") for end in ("ndjson", "seal") for path in folder.glob(f"[0-9]*.{end}")})
    for number, path in enumerate(found, start=1):
        if path.name != segment_name(number):
            raise LedgerDamaged(f"segment {segment_name(number)} is missing in {folder}: there is {path.name} instead")
    if not (folder / ARCHIVE_SAID).exists() and (
        gone := [path.name for path in found if not (path.exists() or tomb_file(path).exists())]
    ):
        raise LedgerDamaged(f"segment {gone[0]} is missing in {folder}, and {ARCHIVE_SAID} does not say where it is")
    return found
