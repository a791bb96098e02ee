"""What can still be believed of a log with holes, or of an outbox of an earlier version. Pure, but for reading bytes.

A row is taken if it is what it claims to be: a record that reads as one of its number, a body that unpacks into a batch of its
own number and identity. What its place in the chain was is taken for a guess: the collector is asked before anything leaves.
"""

from collections.abc import Callable

from probe.outbox.bodies import read_body, read_line
from probe.outbox.place import Place
from probe.outbox.state import State
from probe.outbox.tables import NONE, Again, Blob, Chain, Ended, Intent, Received, Row, Sealed
from probe.packed import Packed
from shared import dsse, statement, strictjson
from shared.chain import START, Head
from shared.errors import Malformed
from shared.statement import Kind


def believed(state: State, read: Callable[[Blob], bytes]) -> State:
    """The rows that are what they claim to be, with their bytes still where they lie."""
    found = State()
    for row in state.rows():
        taken = _believed(row, read(row[-1]))
        if isinstance(taken, Sealed) and taken.first_seq == NONE and not _is_received(state, row[0], read):
            continue  # neither a body nor a receipt
        if taken is not None:
            found.put(taken)
    return found


def _believed(row: Row, data: bytes) -> Row | None:
    """The row, or as much of it as can be believed; None if that is nothing."""
    try:
        match row:
            case Ended():
                if not row.boot.isascii():
                    return None
                read_line(row.seq, data)
            case Intent():
                told = strictjson.decode(data)
                return row if told.get("seq") == row.seq and isinstance(told.get("boot"), str) else None
            case Sealed():
                read = read_body(Packed(data))
                if (read.said.batch, read.pae_sha256) != (row.batch, row.pae_sha256):
                    raise Malformed("another body")
            case Again():
                read_body(Packed(data))
            case Received():
                return row if is_receipt(row.batch, data) else None
            case _:
                return row
    except Malformed:
        if isinstance(row, Sealed):
            return row._replace(first_seq=NONE, last_seq=NONE, records=0, is_draft=False, body=Blob(b""))
        return None
    return row


def _is_received(state: State, batch: object, read: Callable[[Blob], bytes]) -> bool:
    found = state.receipts.get(int(str(batch)))
    return found is not None and is_receipt(found.batch, read(found.receipt))


def is_receipt(number: int, receipt: bytes) -> bool:
    """Whether these bytes are a receipt for a batch of this number."""
    try:
        envelope = dsse.read_envelope(receipt.partition(b"\n")[0])  # behind it stands the log's proof, if there is one
        return statement.read_statement(envelope.payload, Kind.RECEIPT).predicate.get("batch") == number
    except Malformed:
        return False


def settled(state: State, place: Place | None, seed: Callable[[], bytes]) -> Chain:
    """The row of the chain, after what was carried over: no number that is there is given again."""
    found = state.chains.get(0)
    if found is None:
        head, next_seq = (START, 0) if place is None else (place.head, place.next_seq)
        drawn = seed() if place is None else place.seed
        found = Chain(0, next_seq, head.batch, head.seq, head.pae_sha256, 0, NONE, Blob(drawn))
    known = [row for row in state.sealed.values() if row.last_seq != NONE]
    newest = max(known, key=lambda row: row.batch, default=None)
    if newest is not None and newest.batch >= found.batch:
        head = Head(newest.batch + 1, newest.last_seq + 1, newest.pae_sha256)
        found = found._replace(batch=head.batch, seq=head.seq, head=head.pae_sha256)
    seqs = [*state.intents, *state.records, *(row.last_seq + row.moved for row in state.again.values())]
    return found._replace(next_seq=max(found.next_seq, found.seq, 1 + max(seqs, default=-1)))
