"""What can still be read of a damaged database, or of one of an earlier version, carried over into a new one.

Row by row, from both ends of each table: a page that cannot be read hides what is behind it from one end only. A row is
taken if it is what it claims to be: a record that reads as one of its number, a body that unpacks into a batch of its own
number and identity. What its place in the chain was is taken for a guess: the collector is asked before anything leaves.
"""

import contextlib
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from probe.outbox.bodies import ReadBody, read_body, read_line
from probe.outbox.place import Place
from probe.outbox.store import lenient
from probe.packed import Packed, pack_line
from shared import dsse, statement, strictjson
from shared.batch import FIRST_PREV
from shared.errors import Malformed
from shared.statement import Kind

_GZIP_MAGIC = b"\x1f\x8b"
_CHAIN = "INSERT OR REPLACE INTO chain VALUES (1, ?, ?, ?, ?, ?, ?, ?)"


def carry_over(source: Path | None, into: sqlite3.Connection, place: Place | None, seed: Callable[[], bytes]) -> int:
    """Fill a new database, in one transaction; how many records and bodies could be carried over. Raises sqlite3.Error."""
    into.execute("BEGIN")
    carried, chain = 0, None
    if source is not None:
        with contextlib.closing(sqlite3.connect(source, isolation_level=None)) as old:
            old.text_factory = lenient
            carried = _starts(old, into) + _batches(old, into)
            _small(old, into)
            chain = _chain(old)
    _settle(into, chain, place, seed)
    into.execute("COMMIT")
    return carried


def _read(old: sqlite3.Connection, table: str, columns: str, key: str) -> Iterator[Sequence[Any]]:
    """Rows of a table, ascending until one cannot be read, then descending down to there."""
    seen: set[object] = set()
    for order in ("ASC", "DESC"):
        with contextlib.suppress(sqlite3.Error, UnicodeDecodeError):
            for row in old.execute(f"SELECT {columns} FROM {table} ORDER BY {key} {order}"):  # noqa: S608 - ours
                if row[0] in seen:
                    return
                seen.add(row[0])
                yield row


def _starts(old: sqlite3.Connection, into: sqlite3.Connection) -> int:
    carried = 0
    for seq, line, boot in _read(old, "record", "seq, line, boot", "seq"):
        with contextlib.suppress(Malformed, TypeError):
            packed = pack_line(line) if line.startswith(b"{") else line  # version 1 stored it as it was
            read_line(seq, packed)
            into.execute("INSERT INTO start VALUES (?, NULL, ?, ?)", (seq, str(boot), packed))
            carried += 1
    for seq, intent in _read(old, "intent", "seq, line", "seq"):
        if _is_intent(seq, intent):
            into.execute("INSERT OR IGNORE INTO start VALUES (?, ?, NULL, NULL)", (seq, intent))
    return carried


def _is_intent(seq: object, intent: object) -> bool:
    try:
        told = strictjson.decode(intent) if isinstance(intent, bytes) else {}
    except Malformed:
        return False
    return told.get("seq") == seq and isinstance(told.get("boot"), str)


def _batches(old: sqlite3.Connection, into: sqlite3.Connection) -> int:
    carried = 0
    draft = _draft(old)
    for number, receipt, received_us, pae, body, is_draft in _read(
        old, "batch", f"batch, receipt, received_us, pae_sha256, body, {draft}", "batch"
    ):
        read, packed = _body(body)
        has_receipt = isinstance(received_us, int) and _is_receipt(number, receipt)
        told: tuple[object, ...]
        if read is not None and read.said.batch == number and (has_receipt or is_draft in (0, 1)):
            said = read.said
            told = (said.first_seq, said.last_seq, said.n, read.pae_sha256, is_draft == 1, packed)
            carried += not has_receipt
        elif has_receipt and isinstance(pae, str):
            told = (None, None, 0, pae, False, None)
        else:
            continue
        into.execute("INSERT INTO sealed VALUES (?, ?, ?, ?, ?, ?, ?)", (number, *told))
        if has_receipt:
            into.execute("INSERT INTO receipt VALUES (?, ?, ?)", (number, received_us, receipt))
    for _, moved, body in _read(old, "again", "id, moved, body", "id"):
        read, packed = _body(body)
        if read is not None and isinstance(moved, int):
            row = (read.said.first_seq, read.said.last_seq, read.said.n, moved, packed)
            into.execute("INSERT INTO again VALUES (NULL, ?, ?, ?, ?, ?)", row)
            carried += 1
    return carried


def _draft(old: sqlite3.Connection) -> str:
    """What tells drafts, by the tables there are: a wrong version is one of the things that can be damaged.

    Version 1 had no drafts. Where the column cannot be found any more all are taken for drafts: what the collector has
    of them is known by its numbers.
    """
    for column, table in (("draft", "batch"), ("1", "sealed")):
        with contextlib.suppress(sqlite3.Error, UnicodeDecodeError):
            old.execute(f"SELECT {column} FROM {table} LIMIT 0")  # noqa: S608 - ours
            return column
    return "0"


def _is_receipt(number: int, receipt: object) -> bool:
    try:
        envelope = dsse.read_envelope(receipt if isinstance(receipt, bytes) else b"")
        return statement.read_statement(envelope.payload, Kind.RECEIPT).predicate.get("batch") == number
    except Malformed:
        return False


def _body(body: object) -> tuple[ReadBody | None, bytes]:
    """What a stored body says, and its packed bytes; version 1 stored it as it was."""
    if not isinstance(body, bytes) or not body:
        return None, b""
    packed = Packed(body) if body.startswith(_GZIP_MAGIC) else Packed.of(body)
    try:
        return read_body(packed), packed.gzip
    except Malformed:
        return None, b""


def _small(old: sqlite3.Connection, into: sqlite3.Connection) -> None:
    for line, sent in _read(old, "complaint", "line, sent", "id"):
        into.execute("INSERT OR IGNORE INTO complaint (line, sent) VALUES (?, ?)", (line, sent))
    for name, value in _read(old, "kept", "name, value", "name"):
        into.execute("INSERT OR IGNORE INTO kept VALUES (?, ?)", (name, value))


def _chain(old: sqlite3.Connection) -> tuple[Any, ...] | None:
    for extra in (", lost, asking_from", ", 0, NULL"):
        for row in _read(old, "chain", f"next_seq, batch, seq, head, seed{extra}", "one"):
            if [type(value) for value in row[:5]] == [int, int, int, str, bytes]:
                return tuple(row)
    return None


def _settle(
    into: sqlite3.Connection, chain: tuple[Any, ...] | None, place: Place | None, seed: Callable[[], bytes]
) -> None:
    """Put the one row of the chain in, after what was carried over: no number that is there is given again."""
    next_seq, batch, seq, head, seed_bytes, lost, asking_from = chain or (0, 0, 0, FIRST_PREV, None, 0, None)
    for number, last, pae in into.execute(
        "SELECT batch, last_seq, pae_sha256 FROM sealed WHERE last_seq IS NOT NULL ORDER BY batch DESC LIMIT 1"
    ).fetchall():
        if number >= batch:
            batch, seq, head = number + 1, last + 1, pae
    (beyond,) = into.execute(
        "SELECT 1 + max((SELECT coalesce(max(seq), -1) FROM start), (SELECT coalesce(max(last_seq + moved), -1) FROM again))"
    ).fetchone()
    if seed_bytes is None:
        seed_bytes = place.seed if place else seed()
    into.execute(_CHAIN, (max(next_seq, beyond, seq), batch, seq, head, seed_bytes, lost, asking_from))
