"""A batch body: one signed statement line, then the records it speaks for.

    line 1   a DSSE envelope whose statement's subject is the SHA-256 of every byte after the first LF
    rest     the records, each one line ending in LF

`open_batch` does the checks of FORMAT.md that need no memory, under their numbers (2 to 8). What needs memory, the
key's standing (3), the repeat (9), the beacon (10) and the chain (11 to 13), is the caller's: see `shared.chain` and
the collector's `verify`. The signature is checked before anything inside the payload is looked at.
"""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TypeAlias

from shared import dsse, statement
from shared.dsse import Envelope, pae
from shared.errors import BadDigest, BadFormat, BadSignature, BadStatement, Malformed, TooLarge
from shared.keys import PublicKey, Signer
from shared.record import Record, read_record
from shared.statement import Kind, Statement
from shared.strictjson import Decode, JsonObject, decode

MEDIA_TYPE = "application/vnd.speedproof.batch"
MAX_BODY_BYTES = 4 * 1024 * 1024
MAX_RECORDS = 4096
FIRST_PREV = "0" * 64
SUBJECT = "records.ndjson"
RecordsIn: TypeAlias = Callable[[bytes], tuple[Record, ...]]


@dataclass(frozen=True, slots=True)
class BatchStatement:
    """What a device says of a batch. Times in µs; `prev` and `head` are SHA-256(PAE) in hex."""

    agent: str
    batch: int
    boot: str
    dev: str
    prev: str
    first_seq: int
    last_seq: int
    n: int
    lost: int
    sealed_mono_us: int
    sealed_wall_us: int
    predicate: JsonObject


@dataclass(frozen=True, slots=True)
class OpenedBatch:
    """A batch whose signature, digest, form and counts hold. It may still not fit its chain."""

    body: bytes
    envelope: Envelope
    said: BatchStatement
    records: tuple[Record, ...]
    pae_sha256: str


def open_batch(
    body: bytes, key_of: Callable[[str], PublicKey], decode: Decode = decode, records_in: RecordsIn | None = None
) -> OpenedBatch:
    """Check everything about a batch that needs no memory.

    `key_of` gives the public key of a key id or raises (UnknownKey, RevokedKey, FrozenKey: step 3). Raises a Refused
    that names the first step that failed, in the order of FORMAT.md. Whoever has something faster gives it as `decode`
    and `records_in`: they must take and refuse exactly what `strictjson.decode` and `read_records` do.
    """
    line, rest = _split(body)
    envelope = _envelope(line, decode)  # 2
    key = key_of(envelope.key_id)  # 3
    try:  # 4
        payload = envelope.verified_by(key)
    except Malformed as error:
        raise BadSignature(4, str(error)) from error
    said = _said(payload, key, decode)  # 5
    if hashlib.sha256(rest).hexdigest() != said[1]:  # 6
        raise BadDigest(6, "the records are not the ones that were signed")
    records = (records_in or read_records)(rest)  # 7
    _counted(said[0], records)  # 8
    return OpenedBatch(body, envelope, said[0], records, envelope.pae_sha256)


def _split(body: bytes) -> tuple[bytes, bytes]:
    if len(body) > MAX_BODY_BYTES:
        raise TooLarge(1, f"a body of more than {MAX_BODY_BYTES} bytes")
    line, found, rest = body.partition(b"\n")
    if not found:
        raise BadFormat(2, "no line feed after the envelope")
    return line, rest


def _envelope(line: bytes, decode: Decode = decode) -> Envelope:
    try:
        return dsse.read_envelope(line, decode)
    except Malformed as error:
        raise BadFormat(2, str(error)) from error


def _said(payload: bytes, key: PublicKey, decode: Decode) -> tuple[BatchStatement, str]:
    try:
        fields = decode(payload)
    except Malformed as error:
        raise BadFormat(5, f"the statement is {error}") from error
    try:
        told = statement.statement_of(fields, Kind.BATCH)
        said = read_batch_statement(told)
    except Malformed as error:
        raise BadStatement(5, str(error)) from error
    if told.subject_name != SUBJECT:
        raise BadStatement(5, f"the subject is not {SUBJECT}")
    if said.dev != key.key_id:
        raise BadStatement(5, "dev is not the id of the key that signed")
    return said, told.subject_sha256


def read_batch_statement(told: Statement) -> BatchStatement:
    """The members of a batch/v1 predicate; raises Malformed."""
    predicate = told.predicate
    match predicate.get("seq"):
        case [int(first), int(last)] if type(first) is int and type(last) is int and 0 <= first <= last:
            pass
        case _:
            raise Malformed("seq is not [first, last]")
    return BatchStatement(
        agent=statement.text(predicate, "agent"),
        batch=statement.integer(predicate, "batch"),
        boot=statement.text(predicate, "boot"),
        dev=statement.sha256_hex(predicate, "dev"),
        prev=statement.sha256_hex(predicate, "prev"),
        first_seq=first,
        last_seq=last,
        n=statement.integer(predicate, "n", 1),
        lost=statement.integer(predicate, "lost"),
        sealed_mono_us=statement.integer(predicate, "sealed_mono_us"),
        sealed_wall_us=statement.integer(predicate, "sealed_wall_us"),
        predicate=predicate,
    )


def read_records(rest: bytes) -> tuple[Record, ...]:
    """The records behind a batch's first line; raises BadFormat (step 7)."""
    if not rest.endswith(b"\n"):
        raise BadFormat(7, "the last record does not end in a line feed")
    lines = rest[:-1].split(b"\n")
    if len(lines) > MAX_RECORDS:
        raise BadFormat(7, f"more than {MAX_RECORDS} records")
    records = []
    for number, line in enumerate(lines, start=1):
        try:
            records.append(read_record(line))
        except Malformed as error:
            raise BadFormat(7, f"record {number}: {error}") from error
    return tuple(records)


def _counted(said: BatchStatement, records: Sequence[Record]) -> None:
    if said.n != len(records):
        raise BadStatement(8, f"n says {said.n} records, there are {len(records)}")
    if said.last_seq - said.first_seq + 1 != said.n + said.lost:
        raise BadStatement(8, "seq does not span the records and the lost ones")
    numbers = [record.seq for record in records]
    if any(later <= earlier for earlier, later in pairwise(numbers)):
        raise BadStatement(8, "sequence numbers do not rise")
    if numbers[0] < said.first_seq or numbers[-1] > said.last_seq:
        raise BadStatement(8, "a sequence number outside seq")


@dataclass(frozen=True, slots=True)
class Sealing:
    """What the device knows when it seals: its place in the chain and its clocks (µs)."""

    agent: str
    batch: int
    boot: str
    prev: str
    first_seq: int
    last_seq: int
    sealed_mono_us: int
    sealed_wall_us: int
    beacon: "JsonObject | None" = None  # the newest that is known (`shared.beacon`)


def seal_batch(lines: Sequence[bytes], sealing: Sealing, signer: Signer) -> bytes:
    """Sign records (each with its LF) as one batch body; whatever of `seq` has no record counts as lost."""
    rest = b"".join(lines)
    span = sealing.last_seq - sealing.first_seq + 1
    predicate: JsonObject = {
        "agent": sealing.agent,
        "batch": sealing.batch,
        "boot": sealing.boot,
        "dev": signer.public.key_id,
        "lost": span - len(lines),
        "n": len(lines),
        "prev": sealing.prev,
        "sealed_mono_us": sealing.sealed_mono_us,
        "sealed_wall_us": sealing.sealed_wall_us,
        "seq": [sealing.first_seq, sealing.last_seq],
    }
    if sealing.beacon is not None:
        predicate["beacon"] = sealing.beacon
    told = Statement(Kind.BATCH, SUBJECT, hashlib.sha256(rest).hexdigest(), predicate)
    return dsse.seal(told.encode(), signer) + b"\n" + rest


def pae_sha256_of(body: bytes) -> str:
    """SHA-256(PAE) of a body's first line, without checking anything else; raises Refused."""
    line, _ = _split(body)
    return hashlib.sha256(pae(_envelope(line).payload)).hexdigest()


def boot_name(dev: str, boot_id: str) -> str:
    """The name under which a device shows one boot: unlinkable between devices, equal within one."""
    digest = hashlib.sha256(b"boot/v1\n" + dev.encode() + b"\n" + boot_id.encode()).digest()
    return dsse.b64(digest[:16]).rstrip("=").replace("+", "-").replace("/", "_")
