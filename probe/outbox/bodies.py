"""What a sealed body of this device says of itself, read back from the bytes that were stored. Pure; checks no signature."""

from dataclasses import dataclass

from probe.packed import Packed, unpack_line
from shared import dsse, statement
from shared.batch import BatchStatement, read_batch_statement
from shared.errors import Malformed
from shared.record import read_record
from shared.statement import Kind


@dataclass(frozen=True, slots=True)
class ReadBody:
    """A body's statement, its identity, and its record lines, each with its LF."""

    said: BatchStatement
    pae_sha256: str
    lines: tuple[bytes, ...]


def read_body(packed: Packed) -> ReadBody:
    """Unpack and read a body; raises Malformed."""
    line, _, rest = packed.body.partition(b"\n")
    envelope = dsse.read_envelope(line)
    told = statement.read_statement(envelope.payload, Kind.BATCH)
    lines = tuple(one + b"\n" for one in rest.split(b"\n")[:-1])
    return ReadBody(read_batch_statement(told), envelope.pae_sha256, lines)


def read_line(seq: int, packed: bytes) -> bytes:
    """The line of a stored record, with its LF; raises Malformed unless it is a record of this number."""
    line = unpack_line(packed)
    if not line.endswith(b"\n") or read_record(line[:-1]).seq != seq:
        raise Malformed(f"not the record {seq}")
    return line
