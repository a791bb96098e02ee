"""Rows on their way into the engine: one NDJSON file for each table, in a folder of its own.

The engine reads such files at about 250,000 records per second and processor; every other way in that needs no further
library is slower (facts/storage.md, section 4). The files are gone after the load; nothing is lost with them.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from collector.ledger.frame import Entry
from collector.store.queries import TABLES
from collector.store.rows import Bearing, Order, Rows

_encoder = msgspec.json.Encoder()


@dataclass(frozen=True, slots=True)
class Staged:
    """The rows of some entries of one stream, up to `last_no`, as files by table."""

    stream: int
    last_no: int
    entries: int
    files: Mapping[str, Path]
    borne: Mapping[Bearing, Order] = field(default_factory=dict)

    def unlink(self) -> None:
        """Drop the files."""
        for file in self.files.values():
            file.unlink(missing_ok=True)


def stage(rows: Rows, entries: Sequence[Entry], stream: int, folder: Path, name: str = "load") -> Staged:
    """Write the rows of these entries."""
    written = {}
    for table in TABLES:
        some: Sequence[msgspec.Struct] = getattr(rows, table)
        if some:
            written[table] = write_rows(some, folder / f"{name}.{table}.ndjson")
    return Staged(stream, entries[-1].no, len(entries), written, rows.borne)


def write_rows(rows: Sequence[msgspec.Struct], file: Path) -> Path:
    """Write rows, each as one line; gives the file back."""
    file.write_bytes(_encoder.encode_lines(rows))
    return file
