"""Looking at the outbox: what there is, and the last records that can be read. Changes nothing."""

import contextlib

from probe.outbox.bodies import read_body, read_line
from probe.outbox.replay import Replay
from probe.outbox.rows import Tally, Waiting
from probe.packed import Packed
from shared.errors import Malformed


def tally(log: Replay, limit_bytes: int) -> Tally:
    """Count everything."""
    state = log.state
    chain, next_seq, again = state.chain, state.next_seq, state.again.values()
    unsealed = sum(row.line.length > 0 and row.seq >= chain.seq for row in state.records.values())
    unsent = state.unsent()
    return Tally(
        next_seq=next_seq,
        batches=chain.batch,
        unsealed=unsealed,
        unsent=len(unsent) + len(again),
        unsent_bytes=sum(row.body.length for row in unsent) + sum(row.body.length for row in again),
        open_intents=len(state.intents),
        unsent_complaints=sum(not row.is_sent for row in state.complaints.values()),
        last_receipt_us=max((row.received_us for row in state.receipts.values()), default=None),
        lost=chain.lost
        + max(0, next_seq - chain.seq - unsealed - len(state.intents) - sum(row.records for row in again)),
        used_bytes=state.alive_bytes,
        limit_bytes=limit_bytes,
        is_asking=chain.is_asking,
    )


def next_to_send(log: Replay) -> Waiting | None:
    """The oldest batch that left or may leave and has no receipt, as it is stored; none while the collector has to be asked."""
    if log.state.chain.is_asking:
        return None
    found = next((row for row in log.state.unsent() if not row.is_draft), None)
    return None if found is None else Waiting(found.batch, Packed(log.read(found.body)), found.pae_sha256)


def recent(log: Replay, most: int) -> list[bytes]:
    """The last records, newest first: those not sealed, and those in the bodies that are still there."""
    state, found = log.state, list[bytes]()
    for seq in sorted(state.records, reverse=True)[:most]:
        with contextlib.suppress(Malformed):  # found out, and counted as lost, when it is to be sealed
            found.append(read_line(seq, log.read(state.records[seq].line)))
    for batch in sorted(state.sealed, reverse=True):
        if len(found) >= most:
            break
        with contextlib.suppress(Malformed):  # there no more; or found out, and counted as lost, when it is to be sent
            found += reversed(read_body(Packed(log.read(state.sealed[batch].body))).lines)
    return found[:most]
