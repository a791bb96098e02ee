"""Tombstones: what stays of a sealed segment whose older batches were removed by a rule of retention (`000001.tomb`).

    line 1   a DSSE envelope by the collector: tombstone/v1, whose subject (name `tombstone`) is the SHA-256 of all that follows
    line 2   JSON: a list of [offset in the segment, begin, end] LF; begin and end count from the byte after line 2
    rest     for each entry of the segment, in order: its frame as it was; or, of a batch whose records were removed, three
             lines: the header as it was, the envelope that the device signed as it was, and what was noted of the records

So places (segment, offset) go on leading to their entries, and numbers, times, receipts, the devices' signatures and their
chains can be checked as before. The seal stays as it is: its SHA-256 is of bytes that are no longer here, so what stands in a
tombstone rests on the signature and on the ledger's `retention` entry, which names the tombstone by the SHA-256 of its file.

Reading checks the digest; whose signature it is only those can tell who know the collector's key (`check_tomb`).
"""

import functools
import hashlib
import json
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from collector import quickjson
from collector.errors import LedgerDamaged
from collector.ledger.frame import Entry, EntryKind, is_whole, read_frame, read_stub
from collector.ledger.names import tomb_file
from collector.ledger.seals import Seal
from shared import dsse, statement
from shared.dsse import Envelope, read_envelope
from shared.errors import Malformed, Refused
from shared.keys import Signer
from shared.lineage import Lineage
from shared.statement import Kind, Statement
from shared.strictjson import JsonObject

SUBJECT: Final = "tombstone"
_MOST_KEPT: Final = 2  # tombstones that stay in memory: whoever reads place after place reads one file


@dataclass(frozen=True, slots=True)
class Rule:
    """What was removed and when: batches older than `days` at `at_us` (unix µs)."""

    days: int
    at_us: int


@dataclass(frozen=True, slots=True)
class Tomb:
    """A tombstone as read: what it says of itself, and its entries by place."""

    segment: str
    seal: str  # the identity of the segment's seal
    rule: Rule
    removed: int  # batches without their records
    removed_bytes: int  # how long those records were
    held: int  # batches that are whole
    sha256: str  # of the file
    line: bytes  # the signed envelope, without its LF
    places: Sequence[tuple[int, int, int]]
    data: bytes
    base: int  # where `begin` and `end` count from

    def __iter__(self) -> Iterator[Entry]:
        """All entries, in order; raises LedgerDamaged."""
        return (entry for entry, _, _ in self.frames())

    def frames(self) -> Iterator[tuple[Entry, bytes, int]]:
        """All entries, each with what is here of it and with where the next frame began; raises LedgerDamaged."""
        for place in self.places:
            yield self._read(*place)

    def at(self, offset: int) -> Entry:
        """The entry whose frame began there; raises LedgerDamaged."""
        found = self._by_offset(offset)
        if found is None:
            raise LedgerDamaged(f"{self._name}: no entry of {self.segment} began at byte {offset}")
        return self._read(*self.places[found])[0]

    def after(self, offset: int) -> Iterator[tuple[Entry, int]]:
        """The entries from that place on, each with where the next frame began; raises LedgerDamaged."""
        first = self._by_offset(offset)
        for place in () if first is None else self.places[first:]:
            entry, _, following = self._read(*place)
            yield entry, following

    def _by_offset(self, offset: int) -> int | None:
        number = bisect_left(self.places, offset, key=lambda place: place[0])
        return number if number < len(self.places) and self.places[number][0] == offset else None

    def _read(self, offset: int, begin: int, end: int) -> tuple[Entry, bytes, int]:
        data = self.data[self.base + begin : self.base + end]
        try:
            if is_whole(data):
                entry, size = read_frame(data, 0, self.segment)
                return replace(entry, offset=offset), data, offset + size
            entry, following = read_stub(data, offset, self.segment)
        except Malformed as error:
            raise LedgerDamaged(f"{self._name}, what stood at byte {offset} of {self.segment}: {error}") from error
        return entry, data, following

    @property
    def _name(self) -> str:
        return tomb_file(Path(self.segment)).name


def write_tomb(
    seal: Seal, kept: Iterable[tuple[int, bytes]], counts: tuple[int, int, int], rule: Rule, key: Signer
) -> bytes:
    """A tombstone's bytes. `kept`: offset and what stays of each entry; `counts`: removed, removed bytes, held."""
    places, frames = list[tuple[int, int, int]](), bytearray()
    for offset, data in kept:
        places.append((offset, len(frames), len(frames) + len(data)))
        frames += data
    rest = json.dumps(places, separators=(",", ":")).encode() + b"\n" + frames
    removed, removed_bytes, held = counts
    predicate: JsonObject = {
        "at_us": rule.at_us,
        "collector": key.public.key_id,
        "days": rule.days,
        "held": held,
        "removed": removed,
        "removed_bytes": removed_bytes,
        "seal": seal.identity,
        "segment": seal.segment,
    }
    told = Statement(Kind.TOMBSTONE, SUBJECT, hashlib.sha256(rest).hexdigest(), predicate)
    return dsse.seal(told.encode(), key) + b"\n" + rest


def read_tomb(data: bytes) -> Tomb:
    """Read a tombstone's bytes, not knowing whose signature it bears; raises Malformed."""
    line, _, rest = data.partition(b"\n")
    told = _statement(read_envelope(line).payload)
    if hashlib.sha256(memoryview(rest)).hexdigest() != told.subject_sha256:
        raise Malformed("what follows its first line is not what was signed")
    head, _, _ = rest.partition(b"\n")
    try:
        places = [(int(offset), int(begin), int(end)) for offset, begin, end in json.loads(head)]
    except (ValueError, TypeError) as error:
        raise Malformed(f"its second line is no list of places: {error}") from error
    said = told.predicate
    rule = Rule(statement.integer(said, "days", 1), statement.integer(said, "at_us"))
    return Tomb(
        statement.text(said, "segment"),
        statement.sha256_hex(said, "seal"),
        rule,
        statement.integer(said, "removed"),
        statement.integer(said, "removed_bytes"),
        statement.integer(said, "held"),
        hashlib.sha256(data).hexdigest(),
        line,
        places,
        data,
        len(line) + len(head) + 2,
    )


def _statement(payload: bytes) -> Statement:
    told = statement.read_statement(payload, Kind.TOMBSTONE)
    if told.subject_name != SUBJECT:
        raise Malformed(f"its subject is not {SUBJECT}")
    return told


def tomb_beside(path: Path, *, anew: bool = False) -> Tomb | None:
    """The tombstone that stands for a segment, None if it has none; raises LedgerDamaged. `anew`: not from memory."""
    file = tomb_file(path)
    try:
        found = file.stat()
        tomb = read_tomb(file.read_bytes()) if anew else _kept(file, found.st_ino, found.st_mtime_ns, found.st_size)
    except FileNotFoundError:
        return None
    except (Malformed, OSError) as error:
        raise LedgerDamaged(f"{file.name}: {error}") from error
    if tomb.segment != path.name:
        raise LedgerDamaged(f"{file.name} is of {tomb.segment}")
    return tomb


@functools.lru_cache(_MOST_KEPT)
def _kept(file: Path, *_: int) -> Tomb:
    return read_tomb(file.read_bytes())


def check_tomb(tomb: Tomb, seal: Seal, collector: Lineage) -> None:
    """See that this collector signed a tombstone of the segment so sealed, and that no entry is missing; raises LedgerDamaged."""
    try:
        _check(tomb, seal, collector)
    except (Malformed, Refused) as error:
        raise LedgerDamaged(f"{tomb_file(Path(tomb.segment)).name}: {error}") from error


def _check(tomb: Tomb, seal: Seal, collector: Lineage) -> None:
    signed: Envelope = read_envelope(tomb.line, quickjson.decode)
    signed.verified_by(collector.of(signed.key_id))
    if (tomb.segment, tomb.seal) != (seal.segment, seal.identity):
        raise Malformed("it is of another segment than its seal's")
    offset, no, removed, removed_bytes, held = 0, seal.first_no, 0, 0, 0
    for entry, data, following in tomb.frames():
        if (entry.offset, entry.no) != (offset, no):
            raise Malformed(f"entry {no} at byte {offset} is missing in it")
        removed, held = removed + entry.gone, held + (entry.kind is EntryKind.BATCH and not entry.gone)
        removed_bytes += 0 if entry.left is None else following - offset - (len(data) - len(entry.left) - 1)
        offset, no = following, no + 1
    if (offset, no - 1) != (seal.size, seal.last_no):
        raise Malformed(f"its entries end at number {no - 1}, not at {seal.last_no}")
    if (removed, removed_bytes, held) != (tomb.removed, tomb.removed_bytes, tomb.held):
        raise Malformed("it counts other batches than there are in it")
