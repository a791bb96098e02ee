"""Looking at the outbox: what there is, and the last records. Changes nothing."""

import sqlite3

from probe.outbox.bodies import read_body
from probe.outbox.rows import Tally
from probe.outbox.store import NEXT_SEQ, one, rows
from probe.packed import Packed, unpack_line
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


def recent(db: sqlite3.Connection, most: int) -> list[bytes]:
    """The last records, newest first: those not sealed, and those in the bodies that are still there."""
    query = "SELECT line FROM start WHERE line IS NOT NULL ORDER BY seq DESC LIMIT ?"
    found = [unpack_line(packed) for (packed,) in rows(db, query, most)]
    for (number,) in rows(db, "SELECT batch FROM sealed WHERE body IS NOT NULL ORDER BY batch DESC LIMIT ?", most):
        if len(found) >= most:
            break
        body = one(db, "SELECT body FROM sealed WHERE batch = ?", number)
        try:
            found += reversed(read_body(Packed(bytes(body))).lines)
        except Malformed:  # found out, and counted as lost, when it is to be sent
            continue
    return found[:most]
