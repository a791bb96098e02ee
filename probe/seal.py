"""From records to a sealed batch: pure. What was sealed is a chain's next link, so the new head comes with it."""

from collections.abc import Sequence
from dataclasses import dataclass

from probe.outbox import Stored
from shared import strictjson
from shared.batch import Sealing, pae_sha256_of, seal_batch
from shared.chain import Head
from shared.keys import Signer
from shared.record import write_record

AGENT = "speedproof-probe/0.1.0"


@dataclass(frozen=True, slots=True)
class Sealed:
    """A batch body, its identity, and the head of the chain with it."""

    body: bytes
    pae_sha256: str
    head: Head


def seal(records: Sequence[Stored], head: Head, boot: str, mono_us: int, wall_us: int, signer: Signer) -> Sealed:
    """Seal records that follow `head`; one from an earlier boot carries that boot's name."""
    lines = [record.line if record.boot == boot else _with_boot(record) for record in records]
    last = records[-1].seq
    body = seal_batch(
        lines, Sealing(AGENT, head.batch, boot, head.pae_sha256, head.seq, last, mono_us, wall_us), signer
    )
    pae_sha256 = pae_sha256_of(body)
    return Sealed(body, pae_sha256, Head(head.batch + 1, last + 1, pae_sha256))


def _with_boot(record: Stored) -> bytes:
    return write_record({**strictjson.decode(record.line[:-1]), "boot": record.boot})
