"""A peer's statement of a transfer as a row of the index. Pure."""

from collections.abc import Callable

from collector.ledger.frame import Entry
from collector.store.grading import session_no
from collector.store.rows import TransferRow
from shared.dsse import read_envelope
from shared.grade import session_of
from shared.keys import PublicKey
from shared.transfer import read_transfer


def transfer_of(entry: Entry, stream: int, numbers: Callable[[str], tuple[int, int]]) -> TransferRow:
    """The row of an entry that was taken in; `numbers` gives those of a device and of its line, and raises what it does."""
    envelope, peer = read_envelope(entry.body[:-1]), PublicKey.from_spki(entry.signer)
    told = read_transfer(envelope, peer)
    device, line = numbers(told.dev)
    return TransferRow(
        device,
        line,
        session_no(session_of(told.dev, peer.key_id, told.sid)),
        envelope.pae_sha256,
        told.sid,
        peer.key_id,
        told.direction.value,
        told.t_us,
        told.dur_us,
        entry.at_us,
        stream,
        entry.no,
        entry.segment,
        entry.offset,
        told.seq,
        told.peer_bytes,
        told.min_rtt_us,
    )
