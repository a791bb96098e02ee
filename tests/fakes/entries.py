"""Ledger entries with nothing behind them, and ledgers to put them into."""

import hashlib
from collections.abc import Sequence

from collector.ledger.frame import Draft, Entry, EntryKind, Link
from collector.ledger.port import entry_of
from collector.ledger.writer import Ledger
from collector.log.signed import Signed
from shared.chain import Head
from shared.enrolment import NONCE_BYTES, make_code, make_enrolment, make_request, read_request
from shared.keys import FileKey
from shared.revocation import make_revocation
from shared.rotation import Whose, make_rotation
from shared.strictjson import JsonObject

PATIENCE_S = 10


def draft(text: str = "", size: int = 0) -> Draft:
    """An entry that holds a text, or so many bytes."""
    return Draft(EntryKind.IMPORT, {"text": text}, b"x" * size + b"\n")


def kept(ledger: Ledger, drafts: Sequence[Draft]) -> list[Entry]:
    """The entries, once they are on disk; each in a group of its own."""
    return [entry_of(ledger.append(one).result(PATIENCE_S)) for one in drafts]


PORTAL, KEYS = FileKey.generate(), tuple(FileKey.generate() for _ in range(3))
DEVS = tuple(key.public.key_id for key in KEYS)


def enrolment(number: int) -> Draft:
    """The entry by which one of the devices here is enrolled."""
    code = make_code(bytes([number]) * 7)
    request = read_request(make_request(code, bytes(NONCE_BYTES), KEYS[number]))
    line = make_enrolment(request, "0" * 64, 1, "file", PORTAL)
    meta: JsonObject = {"guard_s": 1, "handle": code[:4], "salt": "", "slot_s": 2, "subscriber": "line"}
    return Draft(EntryKind.ENROLMENT, meta, line + b"\n")


def rotation(old: FileKey, new: FileKey) -> Draft:
    """The entry by which a key takes another's place."""
    line, meta = make_rotation(Whose.DEVICE, old, new), {"dev": old.public.key_id, "new": new.public.key_id}
    return Draft(EntryKind.ROTATION, {**meta}, line + b"\n", signed=Signed.of(line, old.public.spki))


def revocation(dev: str, t_us: int = 9, since_us: int | None = None) -> Draft:
    """The entry by which a key is revoked."""
    line = make_revocation(dev, "stolen", t_us, PORTAL, since_us)
    return Draft(EntryKind.REVOCATION, {"dev": dev}, line + b"\n", signed=Signed.of(line, PORTAL.public.spki))


def pae_of(text: str) -> str:
    """An identity for a batch that does not exist."""
    return hashlib.sha256(text.encode()).hexdigest()


def batch(number: int, head: Head, text: str, records: int = 1) -> Draft:
    """A device's batch that follows this head, told from others by a text. Nobody signed it."""
    return batch_by(DEVS[number], head, text, records)


def batch_by(dev: str, head: Head, text: str, records: int = 1) -> Draft:
    """The same, of any key."""
    return linked(Link(dev, head.batch, head.pae_sha256, head.seq, head.seq + records - 1, pae_of(text)), text)


def linked(link: Link, text: str) -> Draft:
    """A batch's entry with this claim."""
    meta: JsonObject = {
        "batch": link.batch, "dev": link.dev, "head": link.pae_sha256, "last_seq": link.last_seq, "receipt": {"of": text},
    }  # fmt: skip
    return Draft(EntryKind.BATCH, meta, b"x\n", link)


def kept_aside(number: int, at: int, *, freezes: bool) -> Draft:
    """A device's batch that its chain refused."""
    meta: JsonObject = {"batch": at, "dev": DEVS[number], "error": "chain_fork", "freeze": freezes}
    return Draft(EntryKind.REFUSED, meta, b"x\n")
