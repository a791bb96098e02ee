"""Going on where the collector says the chain stands, after a time of doubt. One transaction; raises ForeignChain.

What it said is compared with what is known for certain: the newest receipt, and the batch before the one it waits for.
Then, oldest first, among the sealed bodies without a receipt:

    sealed before the doubt, below the number it waits for   was taken, only its receipt is missing: sent again as it is
    the very next link                                       stays as it is, and so does the next link after it
    any other                                                never left, or was refused: its records are sealed again

Records made before the doubt whose numbers the chain has passed are in batches the collector has. Numbers given during
the doubt that the chain has used up for others are moved behind it; none of those records was ever signed and sent.
"""

import contextlib
import sqlite3
from dataclasses import dataclass
from typing import Any

from probe.errors import ForeignChain, StateUnusable
from probe.outbox.bodies import read_body, read_line
from probe.outbox.store import NEXT_SEQ
from probe.packed import Packed, pack_line
from shared.chain import START, Head
from shared.errors import Malformed
from shared.record import read_record, write_record
from shared.strictjson import MAX_INTEGER

_MOST = MAX_INTEGER // 2  # a number beyond it leaves no room to go on


@dataclass(frozen=True, slots=True)
class _Sealed:
    """A body without a receipt, as far as its row tells."""

    batch: int
    first_seq: int
    last_seq: int
    pae_sha256: str
    draft: int

    @property
    def after(self) -> Head:
        return Head(self.batch + 1, self.last_seq + 1, self.pae_sha256)


def resume(db: sqlite3.Connection, told: Head) -> None:
    """Go on after `told`, inside the caller's transaction; raises ForeignChain, StateUnusable or sqlite3.Error."""
    _believable(db, told)
    asking_from, next_seq = db.execute(f"SELECT asking_from, {NEXT_SEQ} FROM chain").fetchone()  # noqa: S608 - ours
    given_from = next_seq if asking_from is None else asking_from
    by = max(0, told.seq - given_from)
    if max(told.batch, next_seq + by) > _MOST:
        raise ForeignChain(f"the collector waits for batch {told.batch} and number {told.seq}, which no device reaches")
    running = db.execute("SELECT 1 FROM start WHERE intent IS NOT NULL AND seq >= ?", (given_from,)).fetchone()
    if by and running:
        raise StateUnusable("a measurement is running, whose number has to change: asked again after it")
    db.execute("UPDATE again SET moved = moved + ? WHERE first_seq + moved >= ?", (by, given_from))
    head = _relink(db, told, given_from, by)
    db.execute("DELETE FROM start WHERE seq < ? AND seq < ?", (told.seq, given_from))
    if by:
        _move(db, given_from, by)
    db.execute("UPDATE sealed SET draft = 0 WHERE draft = 1")
    db.execute(
        "UPDATE chain SET batch = ?, seq = ?, head = ?, next_seq = ?, asking_from = NULL",
        (head.batch, head.seq, head.pae_sha256, max(next_seq + by, head.seq)),
    )


def _believable(db: sqlite3.Connection, told: Head) -> None:
    (newest,) = db.execute("SELECT max(batch) FROM receipt").fetchone()
    if newest is not None and told.batch <= newest:
        raise ForeignChain(f"the collector waits for batch {told.batch} and gave a receipt for batch {newest}")
    if told.batch == 0 and told != START:
        raise ForeignChain("the collector waits for the first batch and names one before it")
    before = db.execute(
        "SELECT pae_sha256, last_seq FROM batch WHERE batch = ? AND draft = 0", (told.batch - 1,)
    ).fetchone()
    if before and (before[0] != told.pae_sha256 or before[1] not in (None, told.seq - 1)):
        raise ForeignChain(f"the collector has another batch {told.batch - 1} of this device's key")


def _relink(db: sqlite3.Connection, told: Head, given_from: int, by: int) -> Head:
    """Keep what links on, and put the rest where it is sealed again from; the head after what was kept."""
    head, kept_batch = told, -1
    rows: list[tuple[Any, ...]] = db.execute(
        "SELECT batch, first_seq, last_seq, pae_sha256, draft FROM batch WHERE receipt IS NULL ORDER BY batch"
    ).fetchall()
    for row in rows:
        sealed = _Sealed(*row)
        if not sealed.draft and sealed.batch < told.batch:
            continue
        moved = by if sealed.first_seq >= given_from else 0
        fits = (sealed.batch, sealed.first_seq, moved) == (head.batch, head.seq, 0)
        if fits and (kept_batch == sealed.batch - 1 or _prev(db, sealed.batch) == head.pae_sha256):
            head, kept_batch = sealed.after, sealed.batch
            continue
        db.execute(
            "INSERT INTO again SELECT NULL, first_seq, last_seq, records, ?, body FROM sealed WHERE batch = ?",
            (moved, sealed.batch),
        )
        db.execute(
            "UPDATE chain SET lost = lost - (SELECT last_seq - first_seq + 1 - records FROM sealed WHERE batch = ?)",
            (sealed.batch,),
        )
        db.execute("DELETE FROM sealed WHERE batch = ?", (sealed.batch,))
    return head


def _prev(db: sqlite3.Connection, batch: int) -> str:
    """What a stored body says stands before it; empty if it cannot be read."""
    (body,) = db.execute("SELECT CAST(body AS BLOB) FROM sealed WHERE batch = ?", (batch,)).fetchone()
    try:
        return read_body(Packed(body or b"")).said.prev
    except Malformed:
        return ""


def _move(db: sqlite3.Connection, given_from: int, by: int) -> None:
    query = "SELECT seq, CAST(line AS BLOB) FROM start WHERE seq >= ? ORDER BY seq DESC"
    for seq, line in db.execute(query, (given_from,)).fetchall():
        moved = None  # no record: there was no room for it, or it cannot be read any more; its number counts as lost
        with contextlib.suppress(Malformed):
            moved = None if line is None else pack_line(renumbered(read_line(seq, line), by))
        db.execute("UPDATE start SET seq = ?, line = ? WHERE seq = ?", (seq + by, moved, seq))


def renumbered(line: bytes, by: int) -> bytes:
    """A record's line with its number moved; raises Malformed."""
    if by == 0:
        return line
    told = read_record(line[:-1])
    return write_record(told.fields | {"seq": told.seq + by})
