"""What entries say of keys over time: whose signatures were checked before they came into the ledger. Pure."""

from dataclasses import dataclass, replace
from typing import Final

from collector.ledger.frame import Entry, EntryKind
from shared import statement
from shared.dsse import b64_exact, read_envelope
from shared.keys import PublicKey
from shared.statement import Kind

CHANGES: Final = frozenset({EntryKind.ROTATION, EntryKind.REVOCATION})


@dataclass(frozen=True, slots=True)
class Revoked:
    """That a key was revoked: when that was kept, in which words, since when it may have been in other hands (unix µs)."""

    at_us: int
    reason: str
    since_us: int | None = None

    def also(self, before: "Revoked | None") -> "Revoked":
        """The two together: what was told first ended it, and whatever may be stolen is."""
        if before is None:
            return self
        known = [one for one in (before.since_us, self.since_us) if one is not None]
        return replace(before, since_us=min(known, default=None))


def rotated_in(body: bytes) -> tuple[str, PublicKey]:
    """The old key's id and the new key of a rotation's entry; raises Malformed."""
    told = statement.read_statement(read_envelope(body[:-1]).payload, Kind.ROTATE).predicate
    return statement.sha256_hex(told, "dev"), PublicKey.from_spki(b64_exact(told.get("new_spki")))


def revoked_in(body: bytes) -> str:
    """The key's id in a revocation's entry; raises Malformed."""
    return statement.read_statement(read_envelope(body[:-1]).payload, Kind.REVOKE).subject_sha256


def revocation_in(entry: Entry) -> tuple[str, Revoked]:
    """The key's id in a revocation's entry, and what is said of it; raises Malformed."""
    told = statement.read_statement(read_envelope(entry.body[:-1]).payload, Kind.REVOKE)
    since_us = statement.integer(told.predicate, "since_us") if "since_us" in told.predicate else None
    return told.subject_sha256, Revoked(entry.at_us, statement.text(told.predicate, "reason"), since_us)


def keys_in(entry: Entry) -> tuple[str, ...]:
    """The ids of the keys that such an entry is about; raises Malformed."""
    if entry.kind is EntryKind.ROTATION:
        old, new = rotated_in(entry.body)
        return old, new.key_id
    return (revoked_in(entry.body),)
