"""One ledger entry as bytes: a header line, then the body as it was received.

    header  SP, then strict JSON: {"at_us", "bytes", "kind", "meta", "no", "sha256"} LF; of a leaf of the log also
            "signer", the key (SPKI DER, base64) of the envelope that the body begins with, and "tree", the leaf's number
    body    `bytes` bytes, ending in LF, whose SHA-256 is `sha256`

Numbers `no` count up from 1 without a gap over all segments. The header carries in `meta` what the collector itself
has to say of the entry (the receipt it gave, the subscriber it belongs to); the body is nobody's to change. A segment
is therefore NDJSON as a whole. The space is what no line in the strict profile begins with: whoever sends a body cannot
hide a frame in it, so a frame found while looking for a torn end is one of ours. Bodies of batches are batch bodies,
see `shared/FORMAT.md`.
"""

import hashlib
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from collector import quickjson
from collector.log.signed import Signed
from shared import statement
from shared.dsse import b64, b64_exact
from shared.errors import Malformed
from shared.strictjson import JsonObject
from shared.tree import leaf_hash

MAX_HEADER_BYTES = 64 * 1024
MAX_BODY_BYTES = 8 * 1024 * 1024
_REST_OF_HEADER_BYTES = 256  # time, number and digest with their names: 137 at most


class EntryKind(StrEnum):
    """What an entry's body is."""

    SUBSCRIBER = "subscriber"
    CODE = "code"
    ENROLMENT = "enrolment"
    BATCH = "batch"
    REFUSED = "refused"
    COMPLAINT = "complaint"
    IMPORT = "import"
    RETENTION = "retention"
    ROTATION = "rotation"
    REVOCATION = "revocation"
    SERVER_KEY = "server_key"
    TRANSFER = "transfer"
    NEXT_LOG = "next_log"


# As many as measurements are: only the index knows them, nobody keeps them in memory or reads them when he starts.
OF_THE_INDEX: Final = frozenset({EntryKind.BATCH, EntryKind.TRANSFER})


@dataclass(frozen=True, slots=True)
class Link:
    """What a batch claims of its place in its device's chain: the condition under which its entry is written."""

    dev: str
    batch: int
    prev: str
    first_seq: int
    last_seq: int
    pae_sha256: str


@dataclass(frozen=True, slots=True)
class Draft:
    """An entry before it has its number and its time. A batch's is written only if its `link` holds then.

    `seen` is the newest entry of all collectors that whoever made it knew of (`ledger.shared`): with it, it is written only
    if none of the same room has come since. `signed` is what goes into the log of the envelope that its body begins with.
    """

    kind: EntryKind
    meta: JsonObject
    body: bytes
    link: Link | None = None
    seen: int | None = None
    signed: Signed | None = None


@dataclass(frozen=True, slots=True)
class Sheet:
    """A draft spelt already, all but the numbers and the time, which only whoever writes it knows."""

    kind: EntryKind
    before: bytes  # the header's members between the time and the number, their commas with them
    after: bytes  # those behind the number
    body: bytes
    link: Link | None = None
    seen: int | None = None
    leaf: bytes | None = None  # the hash of the leaf that it becomes

    @property
    def meta(self) -> JsonObject:
        """What the collector has to say of it."""
        return quickjson.decode(self.before[self.before.index(b',"meta":') + len(b',"meta":') : -len(b',"no":')])

    def frame(self, no: int, at_us: int, tree: int | None = None) -> bytes:
        """The bytes of the entry; of a leaf with its number in the tree."""
        end = b"" if tree is None else b',"tree":%d' % tree
        return b' {"at_us":%d%b%d%b%b}\n%b' % (at_us, self.before, no, self.after, end, self.body)


@dataclass(frozen=True, slots=True)
class Proven:
    """A leaf in the tree of a checkpoint: its number, the hashes that prove it end to end, the signed note."""

    index: int
    hashes: bytes
    note: bytes


@dataclass(frozen=True, slots=True)
class Spot:
    """Where an entry was written: its number, when (unix µs), where its frame begins, and the leaf that it has become."""

    no: int
    at_us: int
    segment: str
    offset: int
    proven: Proven | None = None


@dataclass(frozen=True, slots=True)
class Entry:
    """An entry as kept: its number, when it was kept (unix µs), and where its frame begins."""

    no: int
    kind: EntryKind
    at_us: int
    meta: JsonObject
    body: bytes
    segment: str = ""
    offset: int = 0
    left: bytes | None = (
        None  # of a batch whose records were removed: what was noted of them; `body` is its envelope line
    )
    signer: bytes = b""  # of a leaf: the key (SPKI DER) of the envelope that the body begins with
    tree: int | None = None  # of a leaf: its number
    proven: Proven | None = field(default=None, compare=False)  # known just after it was written

    @property
    def gone(self) -> bool:
        """Whether its records were removed by a rule of retention (`tombs`)."""
        return self.left is not None


def sheet_of(draft: Draft) -> Sheet:
    """Spell a draft; raises Malformed if it can be no entry."""
    if not draft.body.endswith(b"\n") or len(draft.body) > MAX_BODY_BYTES:
        raise Malformed(f"a ledger body ends in a line feed and has at most {MAX_BODY_BYTES} bytes")
    told = quickjson.encode({"bytes": len(draft.body), "kind": draft.kind.value, "meta": draft.meta})
    if len(told) > MAX_HEADER_BYTES - _REST_OF_HEADER_BYTES:
        raise Malformed(f"a ledger header has at most {MAX_HEADER_BYTES} bytes")
    after = b',"sha256":"%b"' % hashlib.sha256(draft.body).hexdigest().encode()
    leaf = None
    if draft.signed is not None:
        after += b',"signer":"%b"' % b64(draft.signed.spki).encode()
        leaf = leaf_hash(draft.signed.leaf)
    return Sheet(draft.kind, b',%b,"no":' % told[1:-1], after, draft.body, draft.link, draft.seen, leaf)


def write_frame(draft: Draft, no: int, at_us: int, tree: int | None = None) -> bytes:
    """The bytes of one entry."""
    return sheet_of(draft).frame(no, at_us, tree)


def read_frame(data: bytes, start: int, segment: str = "") -> tuple[Entry, int]:
    """The entry whose frame begins at `start`, and where the next one begins; raises Malformed."""
    end_of_header = data.find(b"\n", start, start + MAX_HEADER_BYTES)
    if end_of_header < 0:
        raise Malformed("no header line")
    header = _header(data[start:end_of_header])
    length = statement.integer(header, "bytes", 1)
    if length > MAX_BODY_BYTES:
        raise Malformed("a body longer than any is")
    body = data[end_of_header + 1 : end_of_header + 1 + length]
    if len(body) != length:
        raise Malformed("the body is cut short")
    if hashlib.sha256(body).hexdigest() != statement.sha256_hex(header, "sha256"):
        raise Malformed("the body is not the one that was written")
    meta = header.get("meta")
    if not isinstance(meta, dict):
        raise Malformed("a header without meta")
    try:
        kind = EntryKind(statement.text(header, "kind"))
    except ValueError as error:
        raise Malformed(f"an entry of a kind this version does not know: {error}") from error
    no, at_us = statement.integer(header, "no", 1), statement.integer(header, "at_us")
    signer, tree = _logged(header)
    return Entry(no, kind, at_us, meta, body, segment, start, None, signer, tree), end_of_header + 1 + length


def _logged(header: JsonObject) -> tuple[bytes, int | None]:
    """Whose signature of an entry is in the log, and where; raises Malformed."""
    if "tree" not in header:
        return b"", None
    return b64_exact(header.get("signer")), statement.integer(header, "tree")


def stub_of(frame: bytes, left: bytes) -> bytes:
    """What stays of a batch's frame whose records are removed: header, envelope line, and what is noted (one line, no LF)."""
    end_of_header = frame.index(b"\n") + 1
    return frame[: frame.index(b"\n", end_of_header) + 1] + left + b"\n"


def read_stub(stub: bytes, start: int, segment: str) -> tuple[Entry, int]:
    """The entry of which this is left, and where the next frame of its segment began; raises Malformed."""
    lines = stub.split(b"\n")
    if len(lines) != len(("header", "envelope", "left", "")) or lines[3]:
        raise Malformed("not a header, an envelope and a note")
    header, meta = _header(lines[0]), _header(lines[0]).get("meta")
    if not isinstance(meta, dict) or header.get("kind") != EntryKind.BATCH.value:
        raise Malformed("not a batch's header")
    no, at_us, size = (statement.integer(header, name) for name in ("no", "at_us", "bytes"))
    if size <= len(lines[1]) + 1:
        raise Malformed("nothing was removed of it")
    body, (signer, tree) = lines[1] + b"\n", _logged(header)
    entry = Entry(no, EntryKind.BATCH, at_us, meta, body, segment, start, lines[2], signer, tree)
    return entry, start + len(lines[0]) + 1 + size


def is_whole(data: bytes) -> bool:
    """Whether these bytes begin with a frame that has its whole body behind it; raises Malformed."""
    end_of_header = data.find(b"\n") + 1
    return len(data) == end_of_header + body_bytes(data[:end_of_header])


def header_no(line: bytes) -> int:
    """The number in a header line (with its LF); raises Malformed."""
    return statement.integer(_header(line.rstrip(b"\n")), "no", 1)


def body_bytes(line: bytes) -> int:
    """The length of the body behind a header line (with its LF); raises Malformed."""
    return min(statement.integer(_header(line.rstrip(b"\n")), "bytes", 1), MAX_BODY_BYTES)


def _header(line: bytes) -> JsonObject:
    if not line.startswith(b" "):
        raise Malformed("not a header line")
    return quickjson.decode(line[1:])
