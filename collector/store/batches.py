"""A batch's entry, opened for the index: by types in one pass, or member by member if anything is odd. Pure."""

import hashlib

import msgspec

from collector.ledger.frame import Entry
from collector.store.said import Said, said_of
from shared import dsse, statement
from shared.batch import read_batch_statement
from shared.dsse import read_envelope
from shared.statement import Kind


class _Beacon(msgspec.Struct):
    mono_us: int | None = None


class SaidBatch(msgspec.Struct):
    """What a batch says of itself, as far as the index wants it."""

    dev: str
    batch: int
    seq: tuple[int, int]
    n: int
    lost: int
    sealed_wall_us: int
    sealed_mono_us: int
    beacon: _Beacon | None = None


class _Statement(msgspec.Struct):
    predicate: SaidBatch


class _Envelope(msgspec.Struct):
    payload: bytes


_records = msgspec.json.Decoder(Said).decode_lines
_envelope = msgspec.json.Decoder(_Envelope).decode
_statement = msgspec.json.Decoder(_Statement).decode


def batch_of(entry: Entry) -> tuple[str, SaidBatch, list[tuple[bytes, Said]]]:
    """The identity of a batch's entry, what it says of itself, and its records: none if they were removed."""
    head, _, rest = entry.body.partition(b"\n")
    try:
        payload = _envelope(head).payload
        said = _statement(payload).predicate
    except (msgspec.MsgspecError, OverflowError):
        payload = read_envelope(head).payload
        told = read_batch_statement(statement.read_statement(payload, Kind.BATCH))
        said = SaidBatch(
            told.dev,
            told.batch,
            (told.first_seq, told.last_seq),
            told.n,
            told.lost,
            told.sealed_wall_us,
            told.sealed_mono_us,
        )
    lines = rest[:-1].split(b"\n") if rest else []
    try:
        found = _records(rest)
    except (msgspec.MsgspecError, OverflowError):
        found = [said_of(line) for line in lines]
    return hashlib.sha256(dsse.pae(payload)).hexdigest(), said, [*zip(lines, found, strict=True)]
