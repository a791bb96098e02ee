"""What the outbox still holds as it was signed, read without its locks, while an agent may be at work."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from probe.outbox.replay import Moved, Replay
from probe.packed import Packed


def bodies(folder: Path) -> Iterator[tuple[int, Packed]]:
    """Each sealed batch whose body is still here, with its number; raises StateUnusable."""
    yield from ((row.batch, Packed(body)) for row, body in _rows(folder, "sealed") if body)


def drafts(folder: Path) -> Iterator[tuple[int, Packed]]:
    """Each batch that never left and is to be sealed again, with the number of its first record; raises StateUnusable."""
    yield from ((row.first_seq, Packed(body)) for row, body in _rows(folder, "again"))


def complaints(folder: Path) -> Iterator[bytes]:
    """Each complaint, sent or not, as a line without its LF; raises StateUnusable."""
    yield from (line.rstrip(b"\n") for _, line in _rows(folder, "complaint"))


def kept(folder: Path) -> Iterator[tuple[str, bytes]]:
    """The agent's notes, each with its name; raises StateUnusable."""
    yield from ((row.name, value) for row, value in _rows(folder, "kept"))


def _rows(folder: Path, table: str) -> Iterator[tuple[Any, bytes]]:
    """The rows of a table in order, with their bytes; what the agent lets go of meanwhile is left out."""
    log = Replay(folder)
    log.load()
    for key in sorted(log.state.table(table)):
        while (row := log.state.table(table).get(key)) is not None:
            try:
                data = log.read(row[-1])
            except Moved:
                log.load()
                continue
            yield row, data
            break
