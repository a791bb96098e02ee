"""What the outbox still holds as it was signed, read through a connection that cannot write, while an agent may be at work."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

from probe.errors import StateUnusable
from probe.packed import Packed


def bodies(file: Path) -> Iterator[tuple[int, Packed]]:
    """Each sealed batch whose body is still here, with its number; raises StateUnusable."""
    query = "SELECT batch, body FROM sealed WHERE body IS NOT NULL ORDER BY batch"
    yield from ((number, Packed(bytes(body))) for number, body in _rows(file, query))


def drafts(file: Path) -> Iterator[tuple[int, Packed]]:
    """Each batch that never left and is to be sealed again, with the number of its first record; raises StateUnusable."""
    query = "SELECT first_seq, body FROM again ORDER BY id"
    yield from ((seq, Packed(bytes(body))) for seq, body in _rows(file, query))


def complaints(file: Path) -> Iterator[bytes]:
    """Each complaint, sent or not, as a line without its LF; raises StateUnusable."""
    yield from (line.rstrip(b"\n") for (line,) in _rows(file, "SELECT line FROM complaint ORDER BY id"))


def kept(file: Path) -> Iterator[tuple[str, bytes]]:
    """The agent's notes, each with its name; raises StateUnusable."""
    yield from ((name, bytes(value)) for name, value in _rows(file, "SELECT name, value FROM kept ORDER BY name"))


def _rows(file: Path, query: str) -> Iterator[Any]:
    try:
        with closing(sqlite3.connect(f"{file.resolve().as_uri()}?mode=ro", uri=True, timeout=10)) as db:
            yield from db.execute(query)
    except sqlite3.Error as error:
        raise StateUnusable(f"the outbox cannot be read: {error}") from error
