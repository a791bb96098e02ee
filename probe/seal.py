"""From records to a sealed batch: pure. What was sealed is a chain's next link, so the new head comes with it."""

from collections.abc import Sequence
from dataclasses import dataclass

from probe.outbox import Stored
from shared import strictjson
from shared.batch import FIRST_PREV, Sealing, pae_sha256_of, seal_batch
from shared.chain import Head
from shared.keys import Signer
from shared.record import End, write_record
from shared.strictjson import MAX_INTEGER, JsonObject

AGENT = "speedproof-probe/0.1.0"


@dataclass(frozen=True, slots=True)
class Sealed:
    """A batch body, its identity, and the head of the chain with it."""

    body: bytes
    pae_sha256: str
    head: Head


def seal(
    records: Sequence[Stored],
    head: Head,
    boot: str,
    mono_us: int,
    wall_us: int,
    signer: Signer,
    beacon: "JsonObject | None" = None,
) -> Sealed:
    """Seal records that follow `head`; one from an earlier boot carries that boot's name. `beacon` is the newest known."""
    lines = [record.line if record.boot == boot else _with_boot(record) for record in records]
    last = records[-1].seq
    sealing = Sealing(AGENT, head.batch, boot, head.pae_sha256, head.seq, last, mono_us, wall_us, beacon)
    body = seal_batch(lines, sealing, signer)
    pae_sha256 = pae_sha256_of(body)
    return Sealed(body, pae_sha256, Head(head.batch + 1, last + 1, pae_sha256))


def question(boot: str, mono_us: int, wall_us: int, signer: Signer) -> bytes:
    """A batch body that asks where this device's chain stands, and is never taken.

    Its number is the last there can be, so it is above the one waited for: refused as `chain_gap` (FORMAT.md, step 11),
    with what is waited for and without a trace. A lower number could fork the chain.
    """
    line = write_record({"end": End.NOT_STARTED.value, "reason": "asking", "seq": MAX_INTEGER})
    place = Sealing(AGENT, MAX_INTEGER, boot, FIRST_PREV, MAX_INTEGER, MAX_INTEGER, mono_us, wall_us)
    return seal_batch([line], place, signer)


def _with_boot(record: Stored) -> bytes:
    return write_record({**strictjson.decode(record.line[:-1]), "boot": record.boot})
