"""A log is followed by another: said by the old log, the new one and the collector. Pure.

    note         "speedproof next-log/v1" LF old vkey LF size LF base64(root) LF new vkey LF, a signed note (C2SP) by both logs
    next-log/v1  by the collector; the subject (name `log`) is the SHA-256 of the note
                 {last, new, note, old}: the old log's last checkpoint, cosigned as it was; the vkeys

It is the first leaf of the new log. So that a stolen key of a log leads nobody astray, the collector's key has to sign too; and
what was cosigned before the theft says which tree the old log really had. Its first line can be no log's name.
"""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, Self

from shared import dsse, statement
from shared.checkpoint import Checkpoint, open_checkpoint
from shared.dsse import b64, read_envelope
from shared.errors import Malformed
from shared.keys import Signer
from shared.lineage import Lineage, TwoSuccessors
from shared.note import ED25519, Note, NoteKey, NoteSigner, check_note, read_note, sign
from shared.statement import Kind, Statement

SUBJECT: Final = "log"
_FIRST_LINE: Final = "speedproof next-log/v1"


@dataclass(frozen=True, slots=True)
class NextLog:
    """From here on the log `new` stands in the place of `old`, whose last checkpoint (a signed note) is `last`."""

    old: NoteKey
    new: NoteKey
    checkpoint: Checkpoint
    last: bytes
    line: bytes

    @classmethod
    def make(cls, last: bytes, old: NoteSigner, new: NoteSigner, collector: Signer) -> bytes:
        """The next-log/v1 envelope line; raises Malformed unless `last` is the old log's, and the new one another."""
        checkpoint = open_checkpoint(last, old.public).checkpoint
        text = _text(old.public, checkpoint, new.public)
        note = Note(text, (sign(text, old), sign(text, new))).data
        told = Statement(
            Kind.NEXT_LOG,
            SUBJECT,
            hashlib.sha256(note).hexdigest(),
            {"last": last.decode(), "new": new.public.vkey, "note": note.decode(), "old": old.public.vkey},
        )
        return dsse.seal(told.encode(), collector)

    @classmethod
    def read(cls, line: bytes, collector: Lineage) -> Self:
        """Read a next-log/v1 envelope line; raises Malformed unless one of the collector's keys and both logs signed it."""
        envelope = read_envelope(line)
        told = statement.read_statement(envelope.verified_by(collector.of(envelope.key_id)), Kind.NEXT_LOG)
        note, last = (statement.text(told.predicate, name).encode() for name in ("note", "last"))
        if (told.subject_name, told.subject_sha256) != (SUBJECT, hashlib.sha256(note).hexdigest()):
            raise Malformed("the subject is not the note")
        old, new = (NoteKey.from_vkey(statement.text(told.predicate, name)) for name in ("old", "new"))
        checkpoint = open_checkpoint(last, old).checkpoint
        found = read_note(note)
        if found.text != _text(old, checkpoint, new):
            raise Malformed("the logs have signed something else than the statement says")
        if check_note(found, (old, new)).keys() != {old.name, new.name}:
            raise Malformed("not signed by both logs")
        return cls(old, new, checkpoint, last, line)


def _text(old: NoteKey, checkpoint: Checkpoint, new: NoteKey) -> str:
    """What both logs sign; raises Malformed."""
    if old.name == new.name or {old.type, new.type} != {ED25519}:
        raise Malformed("a log is followed by another log, with another name")
    return f"{_FIRST_LINE}\n{old.vkey}\n{checkpoint.size}\n{b64(checkpoint.root)}\n{new.vkey}\n"


def follow_logs(first: NoteKey, lines: Iterable[bytes], collector: Lineage) -> tuple[NextLog, ...]:
    """The logs from this one on, by the statements among these envelope lines; those of other logs are passed over.

    Raises TwoSuccessors, and Malformed for a statement that does not hold.
    """
    by_old: dict[str, list[NextLog]] = {}
    for one in (NextLog.read(line, collector) for line in lines):
        by_old.setdefault(one.old.vkey, []).append(one)
    found = list[NextLog]()
    while told := by_old.pop(found[-1].new.vkey if found else first.vkey, []):
        if len({(one.new.vkey, one.checkpoint) for one in told}) > 1:
            raise TwoSuccessors(f"two successors of the log {told[0].old.name}")
        found.append(told[0])
    return tuple(found)
