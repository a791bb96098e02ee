"""One transaction as bytes, and bytes as transactions: all of a frame counts, or none of it. Pure.

    magic     4 bytes, of which the first stands in no UTF-8 text
    length    of everything after the header
    packed    the length of the packed part
    before    the check of the frame before this one, whichever segment it is in
    check     CRC-32 of length, packed, before, and the packed part
    packed part   zlib: one line of JSON with its LF, then the bytes of small rows, end to end
    bytes     of large rows, end to end, each with its own CRC-32 in the line

Numbers are big-endian and have 4 bytes each. The line says which rows are put and which keys are dropped; the bytes of a
large row may also be named by where they lie already. `before` makes a chain of all frames: what is missing between
two of them shows. A flipped byte in a large row costs that row alone.
"""

import json
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any, Final

from probe.outbox.tables import NAMES, SMALL, TABLES, TYPES, Blob, Key, Row

MAGIC: Final = b"\xf5SP\n"
HEADER: Final = struct.Struct(">4sIIII")
MOST_BYTES: Final = 1 << 27  # of a packed part when unpacked: more than any outbox holds
_CHECKED: Final = struct.Struct(">III")
_LEVEL: Final = 6


@dataclass(slots=True)
class Change:
    """What a transaction does: rows put, keys dropped; `is_anew`: all that was before it is gone."""

    puts: dict[tuple[str, Key], Row] = field(default_factory=dict)
    drops: dict[tuple[str, Key], None] = field(default_factory=dict)
    is_anew: bool = False

    def put(self, row: Row) -> None:
        """Put a row."""
        where = (NAMES[type(row)], row[0])
        self.drops.pop(where, None)
        self.puts[where] = row

    def drop(self, table: str, key: Key, *, was_there: bool) -> None:
        """Drop a row; one that was not there before this transaction leaves no trace."""
        self.puts.pop((table, key), None)
        if was_there:
            self.drops[table, key] = None

    @property
    def is_nothing(self) -> bool:
        """Whether it changes nothing."""
        return not (self.puts or self.drops or self.is_anew)


@dataclass(frozen=True, slots=True)
class Frame:
    """A frame as it was read: where it begins and ends, what it follows, and whether all its bytes are as they were written."""

    start: int
    end: int
    before: int
    check: int
    change: Change
    is_whole: bool

    @property
    def ends(self) -> tuple[int, int]:
        """Where it ends, and with what check."""
        return self.end, self.check


def write_frame(change: Change, before: int, offset: int) -> tuple[bytes, int, list[tuple[Blob, int, bool]]]:
    """The bytes of a frame to stand at `offset`, its check, and for each blob where it lies then and whether it stays held."""
    rows: list[list[Any]] = []
    small: list[bytes] = []
    large: list[bytes] = []
    lies: list[tuple[Blob, int, bool]] = []
    large_bytes = 0
    for (table, _), row in change.puts.items():
        blob = row[-1]
        told: list[Any] = [table, *row[:-1], blob.length]
        if table in SMALL:
            small.append(blob.held or b"")
            lies.append((blob, 0, True))
        elif blob.held is None:
            told += [blob.segment, blob.offset]
        else:
            told.append(zlib.crc32(blob.held))
            large.append(blob.held)
            lies.append((blob, large_bytes, False))
            large_bytes += blob.length
        rows.append(told)
    drops: dict[str, list[Key]] = {}
    for table, key in change.drops:
        drops.setdefault(table, []).append(key)
    line: dict[str, Any] = {"put": rows} | ({"drop": drops} if drops else {}) | ({"anew": 1} if change.is_anew else {})
    packed = zlib.compress(json.dumps(line, separators=(",", ":")).encode() + b"\n" + b"".join(small), _LEVEL)
    length = len(packed) + large_bytes
    check = zlib.crc32(packed, zlib.crc32(_CHECKED.pack(length, len(packed), before)))
    header = HEADER.pack(MAGIC, length, len(packed), before, check)
    begins = offset + HEADER.size + len(packed)
    return b"".join((header, packed, *large)), check, [(blob, begins + at, stays) for blob, at, stays in lies]


def read_frames(data: bytes, segment: int, at: int = 0) -> Iterator[Frame]:
    """Every frame that can be read from `at` on, in order; what lies between two of them is damage, or a torn end."""
    while (at := data.find(MAGIC, at)) >= 0:
        frame = _read(data, segment, at)
        if frame is None:
            at += 1
        else:
            yield frame
            at = frame.end


def read_check(header: bytes) -> int | None:
    """The check in a frame's header; None if this is no header."""
    if len(header) < HEADER.size or not header.startswith(MAGIC):
        return None
    check: int = HEADER.unpack_from(header)[4]
    return check


def has_hole(frames: list[Frame], begins: int, before: int | None) -> bool:
    """Whether something is missing before or between frames that should stand at `begins` and follow `before`."""
    if not frames:
        return False
    first = frames[0]
    return (
        first.start != begins
        or before not in (None, first.before)
        or any((later.start, later.before) != (one.end, one.check) for one, later in pairwise(frames))
    )


def _read(data: bytes, segment: int, at: int) -> Frame | None:
    if len(data) - at < HEADER.size:
        return None
    _, length, packed_bytes, before, check = HEADER.unpack_from(data, at)
    begins, end = at + HEADER.size, at + HEADER.size + length
    large = begins + packed_bytes
    if large > end or end > len(data):
        return None
    packed = data[begins:large]
    if zlib.crc32(packed, zlib.crc32(_CHECKED.pack(length, packed_bytes, before))) != check:
        return None
    try:
        change, is_whole = _change(packed, data[large:end], segment, large)
    except (ValueError, TypeError, KeyError, RecursionError, zlib.error):  # no version of ours wrote it
        return None
    return Frame(at, end, before, check, change, is_whole)


def _change(packed: bytes, rest: bytes, segment: int, begins: int) -> tuple[Change, bool]:
    line, _, small = zlib.decompressobj().decompress(packed, MOST_BYTES).partition(b"\n")
    told: dict[str, Any] = dict(json.loads(line))
    change, taken, at, is_whole = Change(is_anew=told.get("anew") == 1), 0, 0, True
    for table, *columns in told["put"]:
        types = TYPES[table]
        fields, (length, *where) = columns[: len(types)], columns[len(types) :]
        kinds = [type(value) for value in (*fields, length, *where)]
        if kinds != [*types, int, *(int for _ in where)] or min(length, *where, 0) < 0:
            raise ValueError(table)
        if table in SMALL:
            blob = Blob(small[taken : taken + length], segment, begins)
            taken += length
        elif len(where) == 1:
            blob = Blob(None, segment, begins + at, length)
            is_whole = is_whole and zlib.crc32(rest[at : at + length]) == where[0]
            at += length
        else:
            lies_in, offset = where
            blob = Blob(None, lies_in, offset, length)
        change.put(TABLES[table](*fields, blob))  # type: ignore[call-arg]
    for table, keys in dict(told.get("drop", {})).items():
        for key in keys:
            if type(key) is not TYPES[table][0]:
                raise TypeError(table)
            change.drop(table, key, was_there=True)
    return change, is_whole
