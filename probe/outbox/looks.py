"""Looking at the outbox: what there is, and the last records that can be read. Changes nothing."""

import contextlib
import sqlite3

from probe.outbox.bodies import read_body, read_line
from probe.outbox.rows import Tally, Waiting
from probe.outbox.store import NEXT_SEQ, one, rows
from probe.packed import Packed
from shared.errors import Malformed


def used_bytes(db: sqlite3.Connection) -> int:
    """The room that rows take; what was freed is used again before the file grows."""
    pages = one(db, "PRAGMA page_count") - one(db, "PRAGMA freelist_count")
    return int(pages * one(db, "PRAGMA page_size"))


def tally(db: sqlite3.Connection, limit_bytes: int) -> Tally:
    """Count everything."""
    next_seq, batches, seq, lost, asking_from = rows(
        db,
        f"SELECT {NEXT_SEQ}, batch, seq, lost, asking_from FROM chain",  # noqa: S608 - ours
    )[0]
    unsealed = one(db, "SELECT count(*) FROM start WHERE line IS NOT NULL AND seq >= ?", seq)
    open_intents = one(db, "SELECT count(*) FROM start WHERE intent IS NOT NULL")
    again, again_records, again_bytes = rows(
        db, "SELECT count(*), coalesce(sum(records), 0), coalesce(sum(length(body)), 0) FROM again"
    )[0]
    unsent, unsent_bytes = rows(db, "SELECT count(*), coalesce(sum(length(body)), 0) FROM batch WHERE receipt IS NULL")[
        0
    ]
    return Tally(
        next_seq=next_seq,
        batches=batches,
        unsealed=unsealed,
        unsent=unsent + again,
        unsent_bytes=unsent_bytes + again_bytes,
        open_intents=open_intents,
        unsent_complaints=one(db, "SELECT count(*) FROM complaint WHERE sent = 0"),
        last_receipt_us=one(db, "SELECT max(received_us) FROM receipt"),
        lost=lost + max(0, next_seq - seq - unsealed - open_intents - again_records),
        used_bytes=used_bytes(db),
        limit_bytes=limit_bytes,
        is_asking=asking_from is not None,
    )


def next_to_send(db: sqlite3.Connection) -> Waiting | None:
    """The oldest batch that left or may leave and has no receipt, as it is stored; none while the collector has to be asked."""
    if one(db, "SELECT asking_from IS NOT NULL FROM chain"):
        return None
    query = """
        SELECT batch, CAST(body AS BLOB), pae_sha256 FROM batch WHERE receipt IS NULL AND draft = 0 ORDER BY batch LIMIT 1
    """
    return next((Waiting(batch, Packed(body or b""), pae_sha256) for batch, body, pae_sha256 in rows(db, query)), None)


def recent(db: sqlite3.Connection, most: int) -> list[bytes]:
    """The last records, newest first: those not sealed, and those in the bodies that are still there."""
    query = "SELECT seq, CAST(line AS BLOB) FROM start WHERE line IS NOT NULL ORDER BY seq DESC LIMIT ?"
    found: list[bytes] = []
    for seq, packed in rows(db, query, most):
        with contextlib.suppress(Malformed):  # found out, and counted as lost, when it is to be sealed
            found.append(read_line(seq, packed))
    for (number,) in rows(db, "SELECT batch FROM sealed WHERE body IS NOT NULL ORDER BY batch DESC LIMIT ?", most):
        if len(found) >= most:
            break
        # an agent beside us may just have let go of it
        for (body,) in rows(db, "SELECT CAST(body AS BLOB) FROM sealed WHERE batch = ? AND body IS NOT NULL", number):
            with contextlib.suppress(Malformed):  # found out, and counted as lost, when it is to be sent
                found += reversed(read_body(Packed(body)).lines)
    return found[:most]
