"""An outbox that an earlier version kept in SQLite, read once, as far as it can be read.

Row by row, from both ends of each table: a page that cannot be read hides what is behind it from one end only. Two versions
of the tables are known. What of it is believed is decided as for a damaged log.
"""

import contextlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from probe.outbox.bodies import read_body
from probe.outbox.place import Place, PlaceFile
from probe.outbox.state import State
from probe.outbox.tables import NONE, Again, Blob, Chain, Complaint, Ended, Intent, Kept, Received, Sealed
from probe.packed import Packed, pack_line
from shared.errors import Malformed

if TYPE_CHECKING:
    import sqlite3

LEAST_BYTES = 512  # SQLite's smallest page, and so its smallest database
_GZIP_MAGIC = b"\x1f\x8b"


def place(folder: Path) -> Place | None:
    """The place in the chain that the earlier version kept."""
    return PlaceFile(folder.with_name(f"{folder.name}.sqlite-place"), checked=False).read()


def files(folder: Path) -> list[Path]:
    """The earlier version's files, the database first; none if there is no database."""
    name = f"{folder.name}.sqlite"
    databases = [file for file in (folder.with_name(name), folder.with_name(f"{name}-mending")) if file.is_file()]
    return databases and databases + sorted(set(folder.parent.glob(f"{name}-*")) - set(databases))


def read(old: Sequence[Path]) -> State:
    """Its rows, as they are there."""
    import sqlite3  # noqa: PLC0415 - only who has such a one pays for it

    state = State()
    if old[0].stat().st_size < LEAST_BYTES:  # SQLite would take it for a new one, and write into it
        return state
    with contextlib.closing(sqlite3.connect(old[0], isolation_level=None)) as db:
        db.text_factory = lambda text: text.decode("utf-8", "replace")
        table = _Table(db, (sqlite3.Error, UnicodeDecodeError))
        for one in (_starts, _batches, _small, _chain):
            one(table, state)
    return state


class _Table:
    """Rows of a damaged database."""

    def __init__(self, db: "sqlite3.Connection", errors: tuple[type[Exception], ...]) -> None:
        self._db, self._errors = db, errors

    def rows(self, table: str, columns: str, key: str) -> Iterator[Sequence[Any]]:
        """Ascending until one cannot be read, then descending down to there."""
        seen: set[object] = set()
        for order in ("ASC", "DESC"):
            with contextlib.suppress(*self._errors):
                for row in self._db.execute(f"SELECT {columns} FROM {table} ORDER BY {key} {order}"):  # noqa: S608 - ours
                    if row[0] in seen:
                        return
                    seen.add(row[0])
                    yield row

    def draft(self) -> str:
        """What tells drafts, by the tables there are: version 1 had none; where nothing tells them all are taken for some."""
        for column, table in (("draft", "batch"), ("1", "sealed")):
            with contextlib.suppress(*self._errors):
                self._db.execute(f"SELECT {column} FROM {table} LIMIT 0")  # noqa: S608 - ours
                return column
        return "0"


def _starts(table: _Table, state: State) -> None:
    for seq, line, boot in table.rows("record", "seq, line, boot", "seq"):
        if isinstance(line, bytes):
            packed = pack_line(line) if line.startswith(b"{") else line  # version 1 stored it as it was
            state.put(Ended(seq, str(boot), Blob(packed)))
    for seq, line in table.rows("intent", "seq, line", "seq"):
        if isinstance(line, bytes) and seq not in state.records:
            state.put(Intent(seq, Blob(line)))


def _batches(table: _Table, state: State) -> None:
    columns = f"batch, receipt, received_us, pae_sha256, body, {table.draft()}"
    for batch, receipt, received_us, pae, body, draft in table.rows("batch", columns, "batch"):
        first, last, records, packed = _packed(body)
        if isinstance(received_us, int) and isinstance(receipt, bytes):
            state.put(Received(batch, received_us, Blob(receipt)))
        if draft in {0, 1} or batch in state.receipts:
            state.put(Sealed(batch, first, last, records, str(pae), draft == 1, Blob(packed)))
    for number, moved, body in table.rows("again", "id, moved, body", "id"):
        first, last, records, packed = _packed(body)
        if first != NONE and isinstance(moved, int):
            state.put(Again(number, first, last, records, moved, Blob(packed)))


def _packed(body: object) -> tuple[int, int, int, bytes]:
    """The numbers in a stored body, and its packed bytes; version 1 stored it as it was."""
    if not isinstance(body, bytes) or not body:
        return NONE, NONE, 0, b""
    packed = Packed(body) if body.startswith(_GZIP_MAGIC) else Packed.of(body)
    try:
        said = read_body(packed).said
    except Malformed:
        return NONE, NONE, 0, b""
    return said.first_seq, said.last_seq, said.n, packed.gzip


def _small(table: _Table, state: State) -> None:
    for number, line, sent in table.rows("complaint", "id, line, sent", "id"):
        if isinstance(line, bytes):
            state.put(Complaint(number, sent == 1, Blob(line)))
    for name, value in table.rows("kept", "name, value", "name"):
        if isinstance(value, bytes):
            state.put(Kept(str(name), Blob(value)))


def _chain(table: _Table, state: State) -> None:
    for extra in (", lost, asking_from", ", 0, NULL"):
        for row in table.rows("chain", f"next_seq, batch, seq, head, seed{extra}", "one"):
            if [type(value) for value in row[:6]] == [int, int, int, str, bytes, int]:
                next_seq, batch, seq, head, seed, lost, asking_from = row
                state.put(
                    Chain(0, next_seq, batch, seq, head, lost, NONE if asking_from is None else asking_from, Blob(seed))
                )
                return
