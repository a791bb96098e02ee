"""Marks, "it is bad now": how those that wait are kept, and what a mark's record says (FORMAT.md, section 8). Pure.

Anybody may mark while an agent runs in another process, so each of the two kept values has one writer: `mark` is written
by the command (one at a time), `marked` by whoever holds the state folder's lock. Marks are numbered from 0 on; `marked`
is the number of the first that has no record yet. So nobody can undo what the other wrote, and no mark gets two records.
"""

from dataclasses import dataclass

from shared import strictjson
from shared.errors import Malformed
from shared.statement import integer, text
from shared.strictjson import Json, JsonObject

WAITING, WRITTEN = "mark", "marked"  # the names of the two kept values
MOST_CHARACTERS = 500
MOST_WAITING = 200
VERSION = 1


@dataclass(frozen=True, slots=True)
class Mark:
    """The moment at which somebody said that the line is bad, in which boot, and perhaps in which words."""

    wall_us: int
    mono_us: int
    boot: str  # its name in records
    words: str = ""


@dataclass(frozen=True, slots=True)
class Marks:
    """The marks that the kept value holds, in order; `first` is the number of the first of them."""

    first: int = 0
    marks: tuple[Mark, ...] = ()

    @property
    def after(self) -> int:
        """The number that the next mark will have."""
        return self.first + len(self.marks)


def clean(typed: str) -> str:
    """Words as they are kept: one line, printable, of a length people read."""
    shown = "".join(letter if letter.isprintable() else " " for letter in typed)
    return " ".join(shown.split())[:MOST_CHARACTERS]


def read_marks(kept: bytes | None) -> Marks:
    """The marks of the kept value `mark`; what cannot be read is begun anew, or no tap would ever count again."""
    try:
        told = strictjson.decode(kept or b"")
        marks = told.get("marks")
        return Marks(integer(told, "first"), tuple(map(_read, marks if isinstance(marks, list) else ())))
    except Malformed:
        return Marks()


def _read(told: Json) -> Mark:
    if not isinstance(told, dict):
        raise Malformed("a mark is an object")
    words = told.get("words", "")
    return Mark(
        integer(told, "wall_us"), integer(told, "mono_us"), text(told, "boot"), words if isinstance(words, str) else ""
    )


def read_written(kept: bytes | None) -> int:
    """The number in the kept value `marked`; 0 if it cannot be read."""
    try:
        return integer(strictjson.decode(kept or b""), "next")
    except Malformed:
        return 0


def with_mark(kept: bytes | None, written: bytes | None, new: Mark) -> bytes:
    """What `mark` becomes with one more mark: those that have their record are left out, as are the oldest of too many."""
    there, done = read_marks(kept), read_written(written)
    after = max(there.after, done)  # a kept value that was lost must not number a mark as if it had its record
    last = (*(mark for number, mark in enumerate(there.marks, there.first) if number >= done), new)[-MOST_WAITING:]
    told: JsonObject = {"first": after + 1 - len(last), "marks": [_told(one) for one in last]}
    return strictjson.encode(told)


def _told(mark: Mark) -> JsonObject:
    told: JsonObject = {"boot": mark.boot, "mono_us": mark.mono_us, "wall_us": mark.wall_us}
    return told | ({"words": mark.words} if mark.words else {})


def pending(kept: bytes | None, written: bytes | None) -> tuple[tuple[int, Mark], ...]:
    """The marks that have no record yet, each with its number, oldest first."""
    there, done = read_marks(kept), read_written(written)
    return tuple((number, mark) for number, mark in enumerate(there.marks, there.first) if number >= done)


def noted(number: int) -> bytes:
    """What `marked` becomes once the mark of this number has its record."""
    return strictjson.encode({"next": number + 1})


def members(mark: Mark) -> JsonObject:
    """What the record of a mark says, but for its `seq` and `end`."""
    told: JsonObject = {"method": "mark", "mono_us": mark.mono_us, "ver": VERSION, "wall_us": mark.wall_us}
    return told | ({"words": mark.words} if mark.words else {})
