"""Checkpoints (C2SP tlog-checkpoint): a log's signed word on its size and root, and what witnesses say to it.

    origin LF   size LF   base64(root) LF   [further lines]

The origin is the log's name and its key's. A checkpoint counts as witnessed if as many of the witnesses one trusts as one
asks for (the quorum) have cosigned it; the latest of the times that the quorum needs is when it was there at the latest.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from shared.dsse import b64, b64_exact
from shared.errors import Malformed
from shared.note import Note, NoteKey, WrongNote, check_note, read_note
from shared.strictjson import MAX_INTEGER
from shared.tree import HASH_BYTES

_SIZE: Final = re.compile(r"0|[1-9][0-9]{0,15}")
_LEAST_LINES: Final = 3


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """What a log says of itself."""

    origin: str
    size: int
    root: bytes
    more: tuple[str, ...] = ()  # further lines, which mean nothing here

    @property
    def text(self) -> str:
        """What is signed."""
        return "".join(f"{line}\n" for line in (self.origin, self.size, b64(self.root), *self.more))


@dataclass(frozen=True, slots=True)
class Witnessed:
    """A checkpoint that its log has signed, and who has cosigned it when (unix s)."""

    checkpoint: Checkpoint
    note: Note
    cosigned_s: Mapping[str, int]

    def by_quorum_s(self, quorum: int) -> int | None:
        """When so many witnesses had seen it, by their clocks; None if so many have not. Nobody asked: the first of all."""
        times = sorted(self.cosigned_s.values())
        return times[max(quorum, 1) - 1] if len(times) >= max(quorum, 1) else None


def read_checkpoint(text: str) -> Checkpoint:
    """Read a note's text as a checkpoint; raises Malformed."""
    lines = text.removesuffix("\n").split("\n")
    if len(lines) < _LEAST_LINES or not all(lines):
        raise Malformed("a checkpoint is an origin, a size and a root, each on a line")
    origin, size, root, *more = lines
    if not _SIZE.fullmatch(size) or int(size) > MAX_INTEGER:
        raise Malformed("a checkpoint's size is a decimal number")
    told = b64_exact(root)
    if len(told) != HASH_BYTES:
        raise Malformed(f"a root has {HASH_BYTES} bytes")
    return Checkpoint(origin, int(size), told, tuple(more))


def open_checkpoint(data: bytes, log: NoteKey, witnesses: Sequence[NoteKey] = ()) -> Witnessed:
    """Read a checkpoint that this log must have signed; raises Malformed, or WrongNote if it or a witness has not, or wrongly."""
    note = read_note(data)
    checkpoint = read_checkpoint(note.text)
    if checkpoint.origin != log.name:
        raise WrongNote(f"a checkpoint of {checkpoint.origin}, not of {log.name}")
    if log.name not in check_note(note, [log]):
        raise WrongNote(f"{log.name} has not signed this checkpoint")
    return Witnessed(checkpoint, note, cosigned_in(note, witnesses))


def cosigned_in(note: Note, witnesses: Sequence[NoteKey]) -> Mapping[str, int]:
    """Who of these has cosigned a note when (unix s); raises WrongNote if one has wrongly."""
    told = check_note(note, witnesses)
    return {name: time_s for name, time_s in told.items() if time_s is not None}
