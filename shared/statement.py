"""in-toto Statements, version 1, with exactly one subject: the payload of every envelope.

Unknown members of a predicate are kept and ignored; the meaning of a known member of a `/v1` never changes.
"""

from dataclasses import dataclass
from enum import StrEnum

from shared import strictjson
from shared.dsse import HEX64
from shared.errors import Malformed
from shared.strictjson import Encode, JsonObject

STATEMENT_TYPE = "https://in-toto.io/Statement/v1"
_ROOT = "https://speedproof.example/"


class Kind(StrEnum):
    """What a statement is about: its predicate type."""

    BATCH = _ROOT + "batch/v1"
    RECEIPT = _ROOT + "receipt/v1"
    COMPLAINT = _ROOT + "complaint/v1"
    VERDICT = _ROOT + "verdict/v1"
    ENROL_REQUEST = _ROOT + "enrol-request/v1"
    ENROL = _ROOT + "enrol/v1"
    TICKET_REQUEST = _ROOT + "ticket-request/v1"
    TICKET = _ROOT + "ticket/v1"
    TRANSFER = _ROOT + "transfer/v1"
    TOMBSTONE = _ROOT + "tombstone/v1"
    NEXT_LOG = _ROOT + "next-log/v1"
    ROTATE = _ROOT + "rotate/v1"
    REVOKE = _ROOT + "revoke/v1"


@dataclass(frozen=True, slots=True)
class Statement:
    """One thing said about one subject."""

    kind: Kind
    subject_name: str
    subject_sha256: str
    predicate: JsonObject

    def encode(self, encode: Encode = strictjson.encode) -> bytes:
        """The payload bytes."""
        return encode(
            {
                "_type": STATEMENT_TYPE,
                "predicate": self.predicate,
                "predicateType": self.kind.value,
                "subject": [{"digest": {"sha256": self.subject_sha256}, "name": self.subject_name}],
            }
        )


def read_statement(payload: bytes, kind: Kind) -> Statement:
    """Read the payload of an envelope that must be of one kind; raises Malformed."""
    return statement_of(strictjson.decode(payload), kind)


def statement_of(fields: JsonObject, kind: Kind) -> Statement:
    """The statement in an object already decoded; raises Malformed if it is of another kind or shape."""
    if fields.get("_type") != STATEMENT_TYPE:
        raise Malformed("_type is not " + STATEMENT_TYPE)
    if fields.get("predicateType") != kind.value:
        raise Malformed("predicateType is not " + kind.value)
    match fields.get("subject"), fields.get("predicate"):
        case [{"digest": {"sha256": str(digest)}, "name": str(name)}], dict(predicate) if HEX64.fullmatch(digest):
            return Statement(kind, name, digest, predicate)
        case _:
            raise Malformed("not one subject with its SHA-256, and a predicate")


def integer(predicate: JsonObject, name: str, least: int = 0) -> int:
    """A member that must be an integer of at least `least`; raises Malformed."""
    value = predicate.get(name)
    if type(value) is not int or value < least:
        raise Malformed(f"{name} is not an integer of at least {least}")
    return value


def text(predicate: JsonObject, name: str) -> str:
    """A member that must be text; raises Malformed."""
    value = predicate.get(name)
    if not isinstance(value, str):
        raise Malformed(f"{name} is not text")
    return value


def sha256_hex(predicate: JsonObject, name: str) -> str:
    """A member that must be 64 lower-case hex digits; raises Malformed."""
    value = text(predicate, name)
    if not HEX64.fullmatch(value):
        raise Malformed(f"{name} is not 64 lower-case hex digits")
    return value
