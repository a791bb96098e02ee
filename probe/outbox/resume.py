"""Going on where the collector says the chain stands, after a time of doubt. One transaction; raises ForeignChain.

What it said is compared with what is known for certain: the newest receipt, and the batch before the one it waits for.
Then, oldest first, among the sealed bodies without a receipt:

    sealed before the doubt, below the number it waits for   was taken, only its receipt is missing: sent again as it is
    the very next link                                       stays as it is, and so does the next link after it
    any other, or by a key that another has replaced         never left, or was refused: its records are sealed again

Records made before the doubt whose numbers the chain has passed are in batches the collector has. Numbers given during
the doubt that the chain has used up for others are moved behind it; none of those records was ever signed and sent.
"""

import contextlib

from probe.errors import ForeignChain, StateUnusable
from probe.outbox.bodies import read_body, read_line
from probe.outbox.log import Log
from probe.outbox.tables import NONE, Again, Blob, Ended, Sealed
from probe.packed import Packed, pack_line
from shared.chain import START, Head
from shared.errors import Malformed
from shared.record import read_record, write_record
from shared.strictjson import MAX_INTEGER

_MOST = MAX_INTEGER // 2  # a number beyond it leaves no room to go on


def resume(log: Log, told: Head, dev: str | None = None) -> None:
    """Go on after `told`, inside the caller's transaction; raises ForeignChain or StateUnusable.

    `dev` is the id of the key that signs now; None: it is the only one there was.
    """
    state, chain = log.state, log.state.chain
    _believable(log, told)
    next_seq = state.next_seq
    given_from = next_seq if chain.asking_from == NONE else chain.asking_from
    by = max(0, told.seq - given_from)
    if max(told.batch, next_seq + by) > _MOST:
        raise ForeignChain(f"the collector waits for batch {told.batch} and number {told.seq}, which no device reaches")
    if by and any(seq >= given_from for seq in state.intents):
        raise StateUnusable("a measurement is running, whose number has to change: asked again after it")
    for row in list(state.again.values()):
        if by and row.first_seq + row.moved >= given_from:
            log.put(row._replace(moved=row.moved + by))
    head, unlost = _relink(log, told, given_from, by, dev)
    for table, seqs in (("intent", list(state.intents)), ("record", list(state.records))):
        for seq in seqs:
            if seq < min(told.seq, given_from):
                log.drop(table, seq)
    if by:
        _move(log, given_from, by)
    for sealed in list(state.sealed.values()):
        if sealed.is_draft:
            log.put(sealed._replace(is_draft=False))
    log.put(
        chain._replace(
            batch=head.batch,
            seq=head.seq,
            head=head.pae_sha256,
            next_seq=max(next_seq + by, head.seq),
            lost=chain.lost - unlost,
            asking_from=NONE,
        )
    )


def _believable(log: Log, told: Head) -> None:
    state = log.state
    newest = max(state.receipts, default=None)
    if newest is not None and told.batch <= newest:
        raise ForeignChain(f"the collector waits for batch {told.batch} and gave a receipt for batch {newest}")
    if told.batch == 0 and told != START:
        raise ForeignChain("the collector waits for the first batch and names one before it")
    before = state.sealed.get(told.batch - 1)
    if before is None or before.is_draft:
        return
    if before.pae_sha256 != told.pae_sha256 or before.last_seq not in {NONE, told.seq - 1}:
        raise ForeignChain(f"the collector has another batch {told.batch - 1} of this device's key")


def _relink(log: Log, told: Head, given_from: int, by: int, dev: str | None) -> tuple[Head, int]:
    """Keep what links on, and put the rest where it is sealed again from; the head after what was kept, and what was not lost."""
    head, kept_batch, unlost = told, -1, 0
    number = max(log.state.again, default=0)
    for row in log.state.unsent():
        if not row.is_draft and row.batch < told.batch:
            continue
        moved = by if row.first_seq >= given_from else 0
        fits = (row.batch, row.first_seq, moved) == (head.batch, head.seq, 0)
        if fits and (kept_batch == row.batch - 1 or _links_on(log, row, head.pae_sha256, dev)):
            head, kept_batch = Head(row.batch + 1, row.last_seq + 1, row.pae_sha256), row.batch
            continue
        number += 1
        log.put(Again(number, row.first_seq, row.last_seq, row.records, moved, row.body))
        log.drop("sealed", row.batch)
        unlost += row.last_seq - row.first_seq + 1 - row.records
    return head, unlost


def _links_on(log: Log, row: Sealed, head: str, dev: str | None) -> bool:
    """Whether a stored body says that `head` stands before it, and is by the key that signs now."""
    try:
        said = read_body(Packed(log.read(row.body))).said
    except Malformed:
        return False
    return said.prev == head and dev in {None, said.dev}


def _move(log: Log, given_from: int, by: int) -> None:
    rows = [row for seq, row in sorted(log.state.records.items()) if seq >= given_from]
    for row in rows:
        log.drop("record", row.seq)
    for row in rows:
        moved = b""  # no record: there was no room for it, or it cannot be read any more; its number counts as lost
        with contextlib.suppress(Malformed):
            moved = pack_line(renumbered(read_line(row.seq, log.read(row.line)), by))
        log.put(Ended(row.seq + by, row.boot, Blob(moved)))


def renumbered(line: bytes, by: int) -> bytes:
    """A record's line with its number moved; raises Malformed."""
    if by == 0:
        return line
    told = read_record(line[:-1])
    return write_record(told.fields | {"seq": told.seq + by})
