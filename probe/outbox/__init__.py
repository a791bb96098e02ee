"""The outbox: what was started, what was measured, what was sealed, and what has its receipt.

box       the outbox itself: its verbs
store     tables, connection, transactions
opening   made, opened, mended; hold: who has it open; salvage: what can be read of a damaged one
place     the small file beside it that tells a database which went back in time
resume    going on where the collector says the chain stands
"""

from probe.outbox.box import (
    KEEP_RECEIPTS,
    KEEP_RECENT,
    LIMIT_BYTES,
    Outbox,
)
from probe.outbox.opening import is_there
from probe.outbox.rows import Stored, Tally, Waiting
from probe.outbox.sealing import SEAL_BYTES, SEAL_RECORDS
from probe.outbox.store import NotWritten

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
