"""The receipt for a batch: the collector's signed word that it keeps these very bytes.

A receipt/v1 statement over SHA-256(PAE) of the batch. A log proof takes its place later (FORMAT.md keeps the room);
until then it says that the collector had the batch when it signed, and nothing about what others were told.
"""

from dataclasses import dataclass

from shared import dsse, statement, strictjson
from shared.batch import OpenedBatch
from shared.dsse import Envelope
from shared.errors import Malformed
from shared.keys import PublicKey, Signer
from shared.statement import Kind, Statement
from shared.strictjson import Encode, JsonObject

SUBJECT = "batch"


@dataclass(frozen=True, slots=True)
class Receipt:
    """What a collector promised to keep, and when it said so (unix µs, its own clock)."""

    dev: str
    batch: int
    pae_sha256: str
    received_us: int
    collector: str


def make_receipt(opened: OpenedBatch, received_us: int, collector: Signer, encode: Encode = strictjson.encode) -> bytes:
    """The receipt/v1 envelope line for a batch that is about to be kept."""
    predicate: JsonObject = {
        "batch": opened.said.batch,
        "collector": collector.public.key_id,
        "dev": opened.said.dev,
        "received_us": received_us,
    }
    told = Statement(Kind.RECEIPT, SUBJECT, opened.pae_sha256, predicate)
    return dsse.seal(told.encode(encode), collector, encode)


def read_receipt(line: bytes, collector: PublicKey, pae_sha256: str) -> Receipt:
    """Read a receipt line; raises Malformed unless this collector signed it for this very batch."""
    return receipt_in(dsse.read_envelope(line), collector, pae_sha256)


def receipt_in(envelope: Envelope, collector: PublicKey, pae_sha256: str) -> Receipt:
    """The receipt in an envelope; raises Malformed unless this collector signed it for this very batch."""
    if envelope.key_id != collector.key_id:
        raise Malformed("the receipt is signed with another key")
    told = statement.read_statement(envelope.verified_by(collector), Kind.RECEIPT)
    if told.subject_name != SUBJECT or told.subject_sha256 != pae_sha256:
        raise Malformed("the receipt is for another batch")
    if told.predicate.get("collector") != collector.key_id:
        raise Malformed("the receipt names another collector than the one that signed")
    return Receipt(
        statement.sha256_hex(told.predicate, "dev"),
        statement.integer(told.predicate, "batch"),
        told.subject_sha256,
        statement.integer(told.predicate, "received_us"),
        statement.sha256_hex(told.predicate, "collector"),
    )
