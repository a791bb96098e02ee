"""What entries say of keys over time: whose signatures were checked before they came into the ledger. Pure."""

from typing import Final

from collector.ledger.frame import Entry, EntryKind
from shared import statement
from shared.dsse import b64_exact, read_envelope
from shared.keys import PublicKey
from shared.statement import Kind

CHANGES: Final = frozenset({EntryKind.ROTATION, EntryKind.REVOCATION})


def rotated_in(body: bytes) -> tuple[str, PublicKey]:
    """The old key's id and the new key of a rotation's entry; raises Malformed."""
    told = statement.read_statement(read_envelope(body[:-1]).payload, Kind.ROTATE).predicate
    return statement.sha256_hex(told, "dev"), PublicKey.from_spki(b64_exact(told.get("new_spki")))


def revoked_in(body: bytes) -> str:
    """The key's id in a revocation's entry; raises Malformed."""
    return statement.read_statement(read_envelope(body[:-1]).payload, Kind.REVOKE).subject_sha256


def keys_in(entry: Entry) -> tuple[str, ...]:
    """The ids of the keys that such an entry is about; raises Malformed."""
    if entry.kind is EntryKind.ROTATION:
        old, new = rotated_in(entry.body)
        return old, new.key_id
    return (revoked_in(entry.body),)
