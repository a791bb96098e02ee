"""A complaint in the customer's own words, signed by his device."""

import hashlib
from dataclasses import dataclass

from shared import dsse, statement
from shared.dsse import Envelope
from shared.errors import Malformed
from shared.keys import PublicKey, Signer
from shared.statement import Kind, Statement
from shared.strictjson import JsonObject

MAX_TEXT_BYTES = 4000
SUBJECT = "complaint"


@dataclass(frozen=True, slots=True)
class Complaint:
    """What the customer said, and when by his device's clock (unix µs)."""

    dev: str
    text: str
    wall_us: int
    pae_sha256: str


def make_complaint(text: str, wall_us: int, signer: Signer) -> bytes:
    """The complaint/v1 envelope line; raises Malformed if there are no words or too many."""
    words = text.strip()
    if not words:
        raise Malformed("a complaint needs words")
    try:
        data = words.encode()
    except UnicodeEncodeError as error:
        raise Malformed("the words are not text") from error
    if len(data) > MAX_TEXT_BYTES:
        raise Malformed(f"a complaint has at most {MAX_TEXT_BYTES} bytes, this one has {len(data)}")
    predicate: JsonObject = {"dev": signer.public.key_id, "text": words, "wall_us": wall_us}
    told = Statement(Kind.COMPLAINT, SUBJECT, hashlib.sha256(data).hexdigest(), predicate)
    line = dsse.seal(told.encode(), signer)
    if len(line) > dsse.MAX_ENVELOPE_BYTES:
        raise Malformed("a complaint with so many unusual characters cannot be sent")
    return line


def read_complaint(envelope: Envelope, key: PublicKey) -> Complaint:
    """Read a complaint by this key; raises Malformed."""
    told = statement.read_statement(envelope.verified_by(key), Kind.COMPLAINT)
    text = statement.text(told.predicate, "text")
    dev = statement.sha256_hex(told.predicate, "dev")
    if dev != key.key_id:
        raise Malformed("dev is not the id of the key that signed")
    if not text.strip() or len(text.encode()) > MAX_TEXT_BYTES:
        raise Malformed(f"a complaint has 1 to {MAX_TEXT_BYTES} bytes of words")
    if hashlib.sha256(text.encode()).hexdigest() != told.subject_sha256:
        raise Malformed("the subject is not the text")
    return Complaint(dev, text, statement.integer(told.predicate, "wall_us"), envelope.pae_sha256)
