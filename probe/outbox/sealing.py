"""What can be sealed now, oldest first: bodies that have to be sealed again, then records, up to the first open start."""

from collections.abc import Callable
from contextlib import AbstractContextManager

from probe.outbox.bodies import read_body, read_line
from probe.outbox.log import Log
from probe.outbox.resume import renumbered
from probe.outbox.rows import Stored
from probe.outbox.tables import Blob, Ended
from probe.packed import Packed
from shared.errors import Malformed
from shared.record import read_record

SEAL_RECORDS = 500
SEAL_BYTES = 2 * 1024 * 1024


def sealable(log: Log, write: Callable[[], AbstractContextManager[object]]) -> list[Stored]:
    """The records of the next batch; none if there are none, or an open start stands before them.

    Whatever cannot be read any more is let go here, and its number counts as lost; `write` gives the transaction for that.
    """
    state = log.state
    before = min(state.intents, default=state.next_seq)
    seq, asking_from = state.chain.seq, state.chain.asking_from
    while state.again:
        row = min(state.again.values(), key=lambda one: one.first_seq + one.moved)
        if row.last_seq + row.moved >= before:
            return []
        records = _unpacked(log.read(row.body), row.moved, seq)
        if records:
            return records
        with write():
            log.drop("again", row.number)
        state = log.state
    if state.chain.is_asking and seq < asking_from < before:  # numbers given in doubt are sealed by themselves
        return _unsealed(log, write, seq, asking_from) or _unsealed(log, write, asking_from, before)
    return _unsealed(log, write, seq, before)


def thin(log: Log, old: int, recent: int) -> None:
    """Let go of the bodies of batches that have their receipt, but for the last ones, and of everything up to an old batch."""
    state = log.state
    for batch in sorted(state.receipts):
        row = state.sealed.get(batch)
        if batch <= old:
            log.drop("sealed", batch)
            log.drop("receipt", batch)
        elif row is not None and row.body.length and batch < state.chain.batch - recent:
            log.put(row._replace(body=Blob(b"")))


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


def _unsealed(log: Log, write: Callable[[], AbstractContextManager[object]], first: int, before: int) -> list[Stored]:
    found: list[Stored] = []
    size = 0
    records = log.state.records
    seqs = sorted(seq for seq, row in records.items() if row.line.length and first <= seq < before)
    for seq in seqs[:SEAL_RECORDS]:
        row = records[seq]
        try:
            stored = _stored(row, log.read(row.line))
        except Malformed:
            with write():
                log.put(row._replace(line=Blob(b"")))
            continue
        size += len(stored.line)
        if found and size > SEAL_BYTES:
            break
        found.append(stored)
    return found


def _stored(row: Ended, packed: bytes) -> Stored:
    if not row.boot.isascii():
        raise Malformed(f"the boot of record {row.seq} cannot be read")
    return Stored(row.seq, read_line(row.seq, packed), row.boot)
