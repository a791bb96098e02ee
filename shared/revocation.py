"""A device's key that is not to be believed any more, as the portal says on its owner's behalf.

    revoke/v1   by the portal's key; the subject is the key's id
                {dev, reason, t_us}, and `since_us` if the key may have been in other hands before it was revoked

The order of the log decides: what stands before the revocation stays valid, nothing after it does, whatever clock says.
It counts for the key it names and for every key that took its place. From `since_us` up to the revocation a
batch is *contested*: kept and shown, and nothing is concluded from it in anybody's favour who could have forged it.
"""

from dataclasses import dataclass

from shared import dsse, statement
from shared.dsse import Envelope
from shared.errors import Malformed
from shared.keys import PublicKey, Signer
from shared.statement import Kind, Statement
from shared.strictjson import JsonObject

SUBJECT = "device"
MAX_REASON_BYTES = 1000


@dataclass(frozen=True, slots=True)
class Revocation:
    """A key that was revoked: why, when the portal said so, since when it may have been in other hands (unix µs)."""

    dev: str
    reason: str
    t_us: int
    since_us: int | None
    envelope: Envelope


def read_reason(typed: str) -> str:
    """The words of a reason; raises Malformed if there are none, or too many."""
    words = typed.strip()
    try:
        length = len(words.encode())
    except UnicodeEncodeError as error:
        raise Malformed("the reason is not text") from error
    if not 0 < length <= MAX_REASON_BYTES:
        raise Malformed(f"a reason has 1 to {MAX_REASON_BYTES} bytes of words")
    return words


def make_revocation(dev: str, reason: str, t_us: int, portal: Signer, since_us: int | None = None) -> bytes:
    """The revoke/v1 envelope line; raises Malformed for a reason without words, or a theft after its revocation."""
    predicate: JsonObject = {"dev": dev, "reason": read_reason(reason), "t_us": t_us}
    if since_us is not None:
        predicate["since_us"] = _in_order(since_us, t_us)
    return dsse.seal(Statement(Kind.REVOKE, SUBJECT, dev, predicate).encode(), portal)


def read_revocation(line: bytes, portal: PublicKey) -> Revocation:
    """Read a revoke/v1 envelope line by this portal; raises Malformed."""
    envelope = dsse.read_envelope(line)
    told = statement.read_statement(envelope.verified_by(portal), Kind.REVOKE)
    dev, t_us = statement.sha256_hex(told.predicate, "dev"), statement.integer(told.predicate, "t_us")
    if told.subject_name != SUBJECT or told.subject_sha256 != dev:
        raise Malformed("the subject is not the key that is revoked")
    since_us = None
    if "since_us" in told.predicate:
        since_us = _in_order(statement.integer(told.predicate, "since_us"), t_us)
    return Revocation(dev, read_reason(statement.text(told.predicate, "reason")), t_us, since_us, envelope)


def _in_order(since_us: int, t_us: int) -> int:
    if since_us > t_us:
        raise Malformed("a key cannot have been stolen after it was revoked")
    return since_us
