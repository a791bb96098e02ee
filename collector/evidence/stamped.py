"""The time-stamps (RFC 3161) in an evidence file; needs `shared`, and `rfc3161-client` (the extra `tsa`) to believe one.

    log/stamps.ndjson    checkpoints with a token, by size: {"hashes", "note", "token"}: the note as the log signed it, the token
                         over the note's text, and the proof (base64) that the tree of log/checkpoint begins with this tree, or
                         this one with that, whichever is larger
    log/tokens.ndjson    files with a token of their own: {"of", "token"}, over the signature (DER) in the file's envelope
    log/tsa.pem          the certificates by which the collector believes its authority

What is below a stamped size was in the log by then; a stamped signature was there by then. Whose authority it is the reader knows
from elsewhere, as certificates (PEM); without them nothing of it is believed, and that is said.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import TYPE_CHECKING, Final

from collector.evidence.found import Found, StepFailed
from collector.evidence.logged import CHECKPOINT, FOLDERS, Place, log_key_of, places_in
from shared import statement, strictjson
from shared.bundle import Bundle, Proof, write_bundle
from shared.checkpoint import Checkpoint, open_checkpoint
from shared.dsse import b64, b64_exact, read_envelope
from shared.errors import Malformed, NoTool
from shared.keys import PublicKey
from shared.leaf import leaf_of
from shared.note import NoteKey, read_note
from shared.strictjson import JsonObject
from shared.timestamp import Stamp, check_token, read_roots
from shared.tree import check_consistency

if TYPE_CHECKING:
    from cryptography.x509 import Certificate

STAMPS: Final = "log/stamps.ndjson"
TOKENS: Final = "log/tokens.ndjson"
ROOTS: Final = "log/tsa.pem"


@dataclass(frozen=True, slots=True)
class StampedTree:
    """A checkpoint with a token, and the proof that its tree and another are one that grew."""

    note: bytes
    hashes: tuple[bytes, ...]
    token: bytes

    @property
    def line(self) -> bytes:
        """Its line in STAMPS."""
        hashes: list[strictjson.Json] = [b64(one) for one in self.hashes]
        told: JsonObject = {"hashes": hashes, "note": self.note.decode(), "token": b64(self.token)}
        return strictjson.encode(told) + b"\n"


def token_line(name: str, token: bytes) -> bytes:
    """The line in TOKENS of a file's own token."""
    return strictjson.encode({"of": name, "token": b64(token)}) + b"\n"


def time_stamps(found: Found) -> str:
    """Every time-stamp is for what is here, by an authority whom the reader trusts; what they prove is kept in `found`."""
    files, told = found.files, found.trust.tsa_roots
    count = sum(files.get(name, b"").count(b"\n") for name in (STAMPS, TOKENS))
    if not any(files.get(name) for name in (STAMPS, TOKENS)):
        if told is None:
            return "no time-stamps"
        raise StepFailed("no time-stamp is in this file, so none of the authorities that you named has seen it")
    try:
        roots = None if told is None else read_roots(told)
        log, whole = _whole(found)
        marks, stamped = stamps_in(files, log, whole, roots), tokens_in(files, roots)
    except NoTool as error:
        raise StepFailed(str(error)) from error
    if roots is None:
        return f"{count} time-stamps, by no authority that you named"
    found.marks += marks
    found.stamped = stamped
    until = f"{len(marks)} checkpoints of the log"
    if marks:
        size, time_us = max(marks)
        until += f", the last one of {size} of its leaves, there by {_moment(time_us)}"
    return f"the authority that you named has stamped {until}; {len(found.stamped)} files by themselves"


def stamps_in(
    files: Mapping[str, bytes], log: NoteKey, whole: Checkpoint, roots: "tuple[Certificate, ...] | None"
) -> list[tuple[int, int]]:
    """How large the log was when at the latest (size, unix µs), by tokens of these authorities; without any, their form alone.

    Raises Malformed, NoTool.
    """
    marks = []
    for where, told in _lines(files, STAMPS):
        hashes = told.get("hashes")
        try:
            if not isinstance(hashes, list):
                raise Malformed("no hashes")
            note = statement.text(told, "note").encode()
            one = open_checkpoint(note, log).checkpoint
            less, more = sorted((one, whole), key=lambda tree: tree.size)
            check_consistency(less.size, more.size, [b64_exact(node) for node in hashes], less.root, more.root)
            stamp = _stamp(told, read_note(note).text.encode(), roots)
        except Malformed as error:
            raise Malformed(f"{where}: {error}") from error
        if stamp is not None:
            marks.append((less.size, stamp.time_us))
    return marks


def tokens_in(files: Mapping[str, bytes], roots: "tuple[Certificate, ...] | None") -> dict[str, int]:
    """By when at the latest a file's signature was there (unix µs), of those with a token, as above; raises Malformed, NoTool."""
    times_us: dict[str, int] = {}
    seen: set[str] = set()
    for where, told in _lines(files, TOKENS):
        try:
            name = statement.text(told, "of")
            if name in seen or name not in files or name.partition("/")[0] not in FOLDERS:
                raise Malformed(f"{name} is not here, is no leaf, or has another")
            signature = read_envelope(files[name].partition(b"\n")[0]).signature
            stamp = _stamp(told, signature, roots)
            seen.add(name)
        except Malformed as error:
            raise Malformed(f"{where}: {error}") from error
        if stamp is not None:
            times_us[name] = stamp.time_us
    return times_us


def _stamp(told: JsonObject, data: bytes, roots: "tuple[Certificate, ...] | None") -> Stamp | None:
    """What a line's token proves of these bytes; None without an authority to believe. Raises Malformed, NoTool."""
    token = b64_exact(told.get("token"))
    return None if roots is None else check_token(token, sha256(data).digest(), roots)


def tokens_of(files: Mapping[str, bytes]) -> dict[str, bytes]:
    """The token of each file that has one of its own, whoever made it; raises Malformed."""
    found = {}
    for where, told in _lines(files, TOKENS):
        try:
            name = statement.text(told, "of")
            found[name] = b64_exact(told.get("token"))
        except Malformed as error:
            raise Malformed(f"{where}: {error}") from error
    return found


def sigstore_bundle(files: Mapping[str, bytes], name: str, key: PublicKey, log: NoteKey) -> bytes:
    """The Sigstore bundle of a file that this key has signed, with its own token if it has one; raises Malformed."""
    for _, bundle in sigstore_bundles(files, {name: key}, log):
        return bundle
    raise Malformed(f"{name}: no proof")


def sigstore_bundles(
    files: Mapping[str, bytes], keys: Mapping[str, PublicKey], log: NoteKey, places: "Mapping[str, Place] | None" = None
) -> Iterator[tuple[str, bytes]]:
    """The same of several files, by name, each signed by its key; what has no proof is passed over.

    `places`: what the proofs say, if somebody has read them before.
    """
    known, tokens, note = places_in(files) if places is None else places, tokens_of(files), files.get(CHECKPOINT, b"")
    provable = [(name, key, known[name]) for name, key in keys.items() if name in known and name in files]
    if not provable:
        return
    one = open_checkpoint(note, log).checkpoint
    for name, key, place in provable:
        own = tokens.get(name)
        envelope = read_envelope(files[name].partition(b"\n")[0])
        proof = Proof(place.index, one.size, one.root, place.hashes, note)
        leaf = leaf_of(envelope.pae_sha256, envelope.signature, key.spki)
        yield name, write_bundle(Bundle(envelope, leaf, log.whole_id, proof, () if own is None else (own,)))


def _whole(found: Found) -> tuple[NoteKey, Checkpoint]:
    """The log's key and the checkpoint of the tree in which all that is here has its place."""
    key = log_key_of(found.files, found.trust)
    if key is None or CHECKPOINT not in found.files:
        raise Malformed("time-stamps of a log that is not here")
    return key, open_checkpoint(found.files[CHECKPOINT], key).checkpoint


def _lines(files: Mapping[str, bytes], name: str) -> Iterator[tuple[str, JsonObject]]:
    lines = files.get(name, b"").split(b"\n")
    if lines.pop():
        raise Malformed(f"{name}: its last line does not end")
    for number, line in enumerate(lines, start=1):
        where = f"{name}: line {number}"
        try:
            told = strictjson.decode(line)
        except Malformed as error:
            raise Malformed(f"{where}: {error}") from error
        yield where, told


def _moment(time_us: int) -> str:
    return f"{datetime.fromtimestamp(0, UTC) + timedelta(microseconds=time_us):%Y-%m-%d %H:%M:%S} UTC"
