"""The outbox: what was started, what was measured, what was sealed, and what has its receipt.

A log of its own in a folder of its own: each transaction is a frame appended to the newest of its files and synced, and
replaying the frames in order gives the tables. A page of the disk is the least that is written, and this writes no other.

box       the outbox itself: its verbs; looks, sealing, resume: what the longer ones do
log       replayed, caught up with, appended to, cleaned; files: its files; hold: who has it open, who writes
frames    a transaction as bytes (pure); tables: the rows; state: what replaying them gives (pure)
opening   made, opened, judged; mending: begun anew; salvage: what can be believed of a damaged one; doubt: asking
place     the small file that tells whether the last one ended in order, and a log that went back in time
legacy    an outbox of an earlier version, which was kept in SQLite
"""

from probe.outbox.box import (
    KEEP_RECEIPTS,
    KEEP_RECENT,
    LIMIT_BYTES,
    Outbox,
)
from probe.outbox.log import NotWritten
from probe.outbox.opening import is_there
from probe.outbox.rows import Stored, Tally, Waiting
from probe.outbox.sealing import SEAL_BYTES, SEAL_RECORDS

__all__ = [
    "KEEP_RECEIPTS",
    "KEEP_RECENT",
    "LIMIT_BYTES",
    "SEAL_BYTES",
    "SEAL_RECORDS",
    "NotWritten",
    "Outbox",
    "Stored",
    "Tally",
    "Waiting",
    "is_there",
]
