"""One key takes another's place: said by the old one, and the new one shows that it is held.

    rotate/v1   by the old key; the subject is the new key's id, its name says whose key it is
                {dev, new, new_spki, new_sig}, new_sig over "rotate/v1" LF dev LF new by the new key; of a device also
                `key`, the class of the new key (absent: `file`)

`dev` is the id of the old key, `new` that of the new one. Without new_sig a key could be named that belongs to
somebody else; without the old one's signature anybody could name one. Which of two rotations of one key counts, and from
when on, is not said here: the order of the log decides.
"""

from dataclasses import dataclass
from enum import StrEnum

from shared import dsse, statement
from shared.dsse import Envelope, b64, b64_exact
from shared.enrolment import FILE_CLASS, read_key_class
from shared.errors import Malformed
from shared.keys import PublicKey, Signer
from shared.statement import Kind, Statement
from shared.strictjson import JsonObject


class Whose(StrEnum):
    """What a key is for: the name of a rotation's subject, so that a key's statement is never taken for another's."""

    DEVICE = "device"
    COLLECTOR = "collector"
    PORTAL = "portal"
    PEER = "peer"


@dataclass(frozen=True, slots=True)
class Rotation:
    """Two keys that both signed for it: from here on the new one stands in the old one's place."""

    whose: Whose
    old: PublicKey
    new: PublicKey
    key_class: str
    envelope: Envelope


def consent(old_id: str, new_id: str) -> bytes:
    """What the new key signs."""
    return f"rotate/v1\n{old_id}\n{new_id}".encode()


def make_rotation(whose: Whose, old: Signer, new: Signer, key_class: str = FILE_CLASS) -> bytes:
    """The rotate/v1 envelope line; raises Malformed if there is nothing to change."""
    old_id, new_id = old.public.key_id, new.public.key_id
    if old_id == new_id:
        raise Malformed("a key does not take its own place")
    predicate: JsonObject = {
        "dev": old_id,
        "new": new_id,
        "new_sig": b64(new.sign(consent(old_id, new_id))),
        "new_spki": b64(new.public.spki),
    }
    if key_class != FILE_CLASS:
        predicate["key"] = key_class
    return dsse.seal(Statement(Kind.ROTATE, whose.value, new_id, predicate).encode(), old)


def read_rotation(line: bytes, whose: Whose, old: PublicKey) -> Rotation:
    """Read a rotate/v1 envelope line of a key of this purpose; raises Malformed unless both keys signed their parts."""
    envelope = dsse.read_envelope(line)
    told = statement.read_statement(envelope.verified_by(old), Kind.ROTATE)
    if told.subject_name != whose.value:
        raise Malformed(f"a rotation of a key of another kind: not {whose}")
    if statement.sha256_hex(told.predicate, "dev") != old.key_id:
        raise Malformed("dev is not the id of the key that signed")
    new = PublicKey.from_spki(b64_exact(told.predicate.get("new_spki")))
    if not new.key_id == told.subject_sha256 == statement.sha256_hex(told.predicate, "new"):
        raise Malformed("the rotation names another key than the one it holds")
    if new.key_id == old.key_id:
        raise Malformed("a key does not take its own place")
    new.verify(b64_exact(told.predicate.get("new_sig")), consent(old.key_id, new.key_id))
    return Rotation(whose, old, new, read_key_class(told.predicate), envelope)
