"""What can be sealed now, oldest first: bodies that have to be sealed again, then records, up to the first open start."""

import sqlite3

from probe.outbox.bodies import read_body, read_line
from probe.outbox.resume import renumbered
from probe.outbox.rows import Stored
from probe.outbox.store import NEXT_SEQ, one, rows, writing
from probe.packed import Packed
from shared.errors import Malformed
from shared.record import read_record

SEAL_RECORDS = 500
SEAL_BYTES = 2 * 1024 * 1024


def sealable(db: sqlite3.Connection) -> list[Stored]:
    """The records of the next batch; none if there are none, or an open start stands before them.

    Whatever cannot be read any more is let go here, and its number counts as lost.
    """
    before = one(db, f"SELECT coalesce((SELECT min(seq) FROM start WHERE intent IS NOT NULL), {NEXT_SEQ}) FROM chain")  # noqa: S608 - ours
    seq, asking_from = rows(db, "SELECT seq, asking_from FROM chain")[0]
    oldest = "SELECT id, last_seq + moved, moved, CAST(body AS BLOB) FROM again ORDER BY first_seq + moved LIMIT 1"
    while found := rows(db, oldest):
        number, last, moved, body = found[0]
        if last >= before:
            return []
        records = _unpacked(body, moved, seq)
        if records:
            return records
        with writing(db):
            db.execute("DELETE FROM again WHERE id = ?", (number,))
    if asking_from is not None and seq < asking_from < before:  # numbers given in doubt are sealed by themselves
        return _unsealed(db, seq, asking_from) or _unsealed(db, asking_from, before)
    return _unsealed(db, seq, before)


def thin(db: sqlite3.Connection, old: int, recent: int) -> None:
    """Let go of the bodies of batches that have their receipt, but for the last ones, and of everything up to an old batch."""
    receipted = "AND batch IN (SELECT batch FROM receipt)"
    db.execute(
        f"UPDATE sealed SET body = NULL WHERE body IS NOT NULL AND batch < (SELECT batch FROM chain) - ? {receipted}",  # noqa: S608 - ours
        (recent,),
    )
    db.execute(f"DELETE FROM sealed WHERE batch <= ? {receipted}", (old,))  # noqa: S608 - ours
    db.execute("DELETE FROM receipt WHERE batch <= ?", (old,))


def _unpacked(body: bytes, moved: int, seq: int) -> list[Stored]:
    """The records of a body whose numbers the chain has not passed, each with the number it has now."""
    try:
        read = read_body(Packed(body))
        found = []
        for line in read.lines:
            told = read_record(line[:-1])
            if told.seq + moved >= seq:
                boot = told.text("boot") or read.said.boot
                found.append(Stored(told.seq + moved, renumbered(line, moved), boot))
    except Malformed:
        return []
    return found


def _unsealed(db: sqlite3.Connection, first: int, before: int) -> list[Stored]:
    found: list[Stored] = []
    size = 0
    query = """
        SELECT seq, CAST(line AS BLOB), boot FROM start
        WHERE line IS NOT NULL AND seq >= ? AND seq < ? ORDER BY seq LIMIT ?
    """
    for seq, packed, boot in rows(db, query, first, before, SEAL_RECORDS):
        try:
            stored = _stored(seq, packed, boot)
        except Malformed:
            with writing(db):
                db.execute("UPDATE start SET line = NULL WHERE seq = ?", (seq,))
            continue
        size += len(stored.line)
        if found and size > SEAL_BYTES:
            break
        found.append(stored)
    return found


def _stored(seq: int, packed: bytes, boot: object) -> Stored:
    if not isinstance(boot, str) or not boot.isascii():
        raise Malformed(f"the boot of record {seq} cannot be read")
    return Stored(seq, read_line(seq, packed), boot)
