"""A record: one measurement with its context, one NDJSON line, kept as the bytes that were signed.

Reading asks only for what the chain needs (`seq`); every other member is read when it is used and may be absent.
Members nobody knows yet are kept, because the line is kept.
"""

import json
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from shared import strictjson
from shared.errors import Malformed
from shared.strictjson import Json, JsonObject

MAX_RECORD_BYTES = 64 * 1024
LOST = -1


# Records that test nothing: what a probe or a person notes between tests. They are shown and never counted.
NOTES: Final = frozenset({"presence", "mark", "episode", "campaign"})
# Left out of the counts: beside notes the ladders, or each failure would be counted with its own explanation.
UNCOUNTED: Final = NOTES | {"reach"}


class End(StrEnum):
    """How a start ended. `aborted` is an intent whose process died before it could say more."""

    OK = "ok"
    FAILED = "failed"
    ABORTED = "aborted"
    NOT_STARTED = "not_started"


@dataclass(frozen=True, slots=True)
class Record:
    """One line as signed (without its LF) and what it says."""

    line: bytes
    fields: JsonObject
    seq: int

    @property
    def end(self) -> End | None:
        """How it ended; None if the record says something this version does not know."""
        try:
            return End(self.text("end") or "")
        except ValueError:
            return None

    @property
    def method(self) -> str:
        """The method's name, empty if the record has none."""
        return self.text("method") or ""

    def text(self, name: str) -> str | None:
        """A text member, or None."""
        value = self.fields.get(name)
        return value if isinstance(value, str) else None

    def integer(self, name: str) -> int | None:
        """An integer member, or None."""
        value = self.fields.get(name)
        return value if type(value) is int else None

    def integers(self, name: str) -> tuple[int, ...]:
        """A list of integers, or nothing if it is anything else."""
        value = self.fields.get(name)
        if not isinstance(value, list):
            return ()
        whole = tuple(item for item in value if type(item) is int)
        return whole if len(whole) == len(value) else ()

    def series(self, name: str) -> tuple[tuple[int, ...], ...]:
        """A list of lists of integers, or nothing if it is anything else."""
        value = self.fields.get(name)
        if not isinstance(value, list):
            return ()
        rows = tuple(tuple(row) for row in value if isinstance(row, list) and all(type(item) is int for item in row))
        return tuple(tuple(int(str(item)) for item in row) for row in rows) if len(rows) == len(value) else ()

    def texts(self, name: str) -> tuple[str, ...]:
        """The text items of a list member."""
        value = self.fields.get(name)
        return tuple(item for item in value if isinstance(item, str)) if isinstance(value, list) else ()


def write_record(members: dict[str, Json]) -> bytes:
    """Spell a record, with its LF; raises Malformed if it cannot be read back."""
    line = strictjson.encode(members)
    read_record(line)
    return line + b"\n"


def reread_record(line: bytes) -> Record:
    """A record from a line that `read_record` has taken before and that was kept since: not checked again."""
    fields: JsonObject = json.loads(line)
    return Record(line, fields, int(str(fields["seq"])))


def read_record(line: bytes) -> Record:
    """Read one record line without its LF; raises Malformed."""
    if len(line) > MAX_RECORD_BYTES:
        raise Malformed(f"a record of more than {MAX_RECORD_BYTES} bytes")
    fields = strictjson.decode(line)
    seq = fields.get("seq")
    if type(seq) is not int or seq < 0:
        raise Malformed("a record without its sequence number")
    return Record(line, fields, seq)
