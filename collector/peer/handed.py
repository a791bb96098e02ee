"""How far the journal of statements was handed over to which collector: one small file beside it, put in its place whole.

It is believed only if it fits the journal: it says where the last line that was handed over ends, and that line's SHA-256.
Otherwise (another journal, another collector, none yet) everything counts as waiting, and is sent again.
"""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from collector.durable import write_whole
from collector.peer.statements import StatementFile
from shared import statement, strictjson
from shared.dsse import MAX_ENVELOPE_BYTES
from shared.errors import Malformed

_SUFFIX: Final = ".handed"
Write = Callable[[Path, bytes], None]


@dataclass(slots=True)
class Handed:
    """The mark of one journal for one collector; `end` is up to where it was handed over, in bytes."""

    file: Path
    collector: str
    end: int = 0
    write: Write = write_whole

    @classmethod
    def beside(cls, journal: StatementFile, collector: str, write: Write = write_whole) -> "Handed":
        """The mark as it was left, at 0 if it does not fit."""
        made = cls(journal.path.with_name(journal.path.name + _SUFFIX), collector, write=write)
        try:
            told = strictjson.decode(made.file.read_bytes().removesuffix(b"\n"))
            end, digest = statement.integer(told, "end"), statement.sha256_hex(told, "line_sha256")
            if statement.text(told, "collector") == collector and _last_line(journal, end) == digest:
                made.end = end
        except (OSError, Malformed):
            pass
        return made

    def put(self, end: int, line: bytes) -> None:
        """Note that everything up to `end` was handed over, the last of it being `line` (with its LF). Raises OSError."""
        digest = hashlib.sha256(line).hexdigest()
        told = strictjson.encode({"collector": self.collector, "end": end, "line_sha256": digest})
        self.write(self.file, told + b"\n")
        self.end = end


def _last_line(journal: StatementFile, end: int) -> str | None:
    """The SHA-256 of the line that ends there; None if none does."""
    begin = max(end - MAX_ENVELOPE_BYTES - 2, 0)
    data = journal.read(begin, end - begin)
    if len(data) != end - begin or not data.endswith(b"\n"):
        return None
    return hashlib.sha256(data[data.rfind(b"\n", 0, -1) + 1 :]).hexdigest()
