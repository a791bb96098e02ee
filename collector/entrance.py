"""Taking in a batch: verify, hand over to the ledger, answer with the receipt. Nothing is acknowledged that is not on disk.

Every process that takes in batches has one. It knows keys and nothing else of the devices: what a chain says is decided
where the ledger is written.
"""

import logging
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from collector import quickjson
from collector.clock import Clock
from collector.errors import LedgerDamaged
from collector.ledger.chains import Older, Repeat
from collector.ledger.frame import Draft, Entry
from collector.ledger.port import Kept
from collector.log.proofs import bundle_of
from collector.verify import Verified, verify
from shared import strictjson
from shared.errors import Refused
from shared.keys import PublicKey, Signer
from shared.note import NoteKey
from shared.receipt import make_receipt

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Answer:
    """What a probe is told of a batch that is kept: its receipt, and whether it was kept just now."""

    receipt: bytes
    is_new: bool
    records: int = 0  # kept just now
    bundle: bytes | None = None  # the proof that it is in the log, if there is one yet


@dataclass(frozen=True, slots=True)
class Entrance:
    """The entrance for batches. Devices do not wait for each other, nor does a device's next batch for anything here."""

    key_of: Callable[[str], PublicKey]
    append: Callable[[Draft], Awaitable[Kept]]
    clock: Clock
    signer: Signer
    log_id: bytes  # of the log that is written here
    witnesses: Sequence[NoteKey] = ()  # whose beacons are checked

    def verified(self, body: bytes) -> Verified:
        """A batch that holds by itself; raises a Refused naming the step."""
        return verify(body, self.key_of, self.witnesses)

    async def keep(self, verified: Verified) -> Answer | Repeat | Older:
        """Keep a batch and give its receipt; raises the Refused of its chain, or StorageFull."""
        receipt = make_receipt(verified.opened, self.clock.wall_us(), self.signer, quickjson.encode)
        try:
            kept = await self.append(verified.entry(receipt))
        except Refused as refusal:
            refusal.whose = _ids(verified)
            raise
        match kept:
            case Older() | Repeat():
                return kept
            case Entry(no=no, proven=proven):
                opened, said = verified.opened, verified.opened.said
                log.debug("kept batch %d of %s as entry %d", said.batch, said.dev[:16], no, extra=_ids(verified))
                bundle = None if proven is None else bundle_of(opened.envelope, verified.spki, proven, self.log_id)
                return Answer(receipt, is_new=True, records=said.n, bundle=bundle)


def _ids(verified: Verified) -> dict[str, str | int]:
    """By what a batch is found again in a log."""
    said = verified.opened.said
    return {"dev": said.dev, "batch": said.batch, "pae_sha256": verified.opened.pae_sha256}


def receipt_of(entry: Entry) -> bytes:
    """The receipt in a batch's entry; raises LedgerDamaged."""
    told = entry.meta.get("receipt")
    if not isinstance(told, dict):
        raise LedgerDamaged(f"{entry.segment} at byte {entry.offset}: an entry without a receipt")
    return strictjson.encode(told)
