"""A log that is followed by another: said by both logs and the collector, or not at all."""

import hashlib
from dataclasses import dataclass
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from strategies import COLLECTOR, PORTAL, key_of_scalar

from shared import dsse, statement
from shared.checkpoint import Checkpoint
from shared.errors import Malformed
from shared.keys import FileKey
from shared.lineage import Lineage, TwoSuccessors, follow
from shared.nextlog import NextLog, follow_logs
from shared.note import COSIGNATURE, ED25519, Note, NoteKey, sign
from shared.rotation import Whose, make_rotation
from shared.statement import Kind, Statement


@dataclass(frozen=True, slots=True)
class Log:
    """A log's key, of a name and a seed."""

    name: str
    seed: int
    kind: int = ED25519

    @property
    def public(self) -> NoteKey:
        """Its public half."""
        return NoteKey.of(self.name, self.kind, self._key.public_key().public_bytes_raw())

    def sign(self, message: bytes) -> bytes:
        """Sign."""
        return self._key.sign(message)

    def note(self, size: int = 3, root: bytes = bytes(32)) -> bytes:
        """A checkpoint."""
        text = Checkpoint(self.name, size, root).text
        return Note(text, (sign(text, self),)).data

    @property
    def _key(self) -> Ed25519PrivateKey:
        return Ed25519PrivateKey.from_private_bytes(bytes([self.seed]) * 32)


LOGS = [Log(f"log{number}.example", number) for number in range(1, 5)]
OWN = Lineage.alone(COLLECTOR.public)


def made(old: int, new: int, size: int = 3, signer: FileKey = COLLECTOR) -> bytes:
    """One log is followed by another."""
    return NextLog.make(LOGS[old].note(size), LOGS[old], LOGS[new], signer)


def test_reading_undoes_making() -> None:
    """Both logs, the last checkpoint and its note are read as they were written, by any of the collector's keys."""
    found = NextLog.read(made(0, 1), OWN)
    assert (found.old, found.new, found.checkpoint.size) == (LOGS[0].public, LOGS[1].public, 3)
    assert (found.last, found.line) == (LOGS[0].note(), made(0, 1))
    later = key_of_scalar(0xC02)
    keys = follow(COLLECTOR.public, [make_rotation(Whose.COLLECTOR, COLLECTOR, later)], Whose.COLLECTOR)
    for signer in (COLLECTOR, later):
        assert NextLog.read(made(0, 1, signer=signer), keys).new == LOGS[1].public
    with pytest.raises(Malformed, match="another key"):
        NextLog.read(made(0, 1, signer=PORTAL), keys)


def test_who_is_led_where() -> None:
    """From any log the statements lead to those after it; two that name different ones lead nowhere."""
    lines = [made(2, 3), made(0, 1), made(1, 2)]
    for first in range(4):
        assert [one.new for one in follow_logs(LOGS[first].public, lines, OWN)] == [
            log.public for log in LOGS[first + 1 :]
        ]
    for other in (made(1, 3), made(1, 2, size=4)):
        with pytest.raises(TwoSuccessors):
            follow_logs(LOGS[0].public, [*lines, other], OWN)
        assert len(follow_logs(LOGS[2].public, [*lines, other], OWN)) == 1


def forged(**change: Any) -> bytes:
    """A statement by the collector with some members changed."""
    told = statement.read_statement(dsse.read_envelope(made(0, 1)).payload, Kind.NEXT_LOG)
    name, digest = change.pop("name", told.subject_name), change.pop("digest", told.subject_sha256)
    again = Statement(Kind.NEXT_LOG, name, digest, told.predicate | change)
    return dsse.seal(again.encode(), COLLECTOR)


def by(*signers: Log) -> dict[str, str]:
    """The note as only these have signed it, and the subject that fits."""
    told = statement.read_statement(dsse.read_envelope(made(0, 1)).payload, Kind.NEXT_LOG)
    text = str(told.predicate["note"]).partition("\n\n")[0] + "\n"
    note = Note(text, tuple(sign(text, one) for one in signers)).data
    return {"note": note.decode(), "digest": hashlib.sha256(note).hexdigest()}


@pytest.mark.parametrize(
    ("change", "words"),
    [
        pytest.param({"name": "device"}, "subject", id="another subject"),
        pytest.param({"digest": "0" * 64}, "subject", id="another digest"),
        pytest.param({"note": LOGS[0].note().decode()}, "subject", id="another note"),
        pytest.param({"last": LOGS[1].note().decode()}, "a checkpoint of", id="the new log's checkpoint"),
        pytest.param({"last": LOGS[0].note(4).decode()}, "something else", id="another size"),
        pytest.param({"new": LOGS[2].public.vkey}, "something else", id="another log"),
        pytest.param({"new": LOGS[0].public.vkey}, "another name", id="itself"),
        pytest.param({"new": Log("w.example", 9, COSIGNATURE).public.vkey}, "another name", id="a witness"),
        pytest.param({"old": "x"}, "vkey", id="no key"),
        pytest.param({"last": 3}, "last is not text", id="no checkpoint"),
    ],
)
def test_what_does_not_fit(change: dict[str, Any], words: str) -> None:
    """A statement whose parts do not belong together is refused, although the collector has signed it."""
    with pytest.raises(Malformed, match=words):
        NextLog.read(forged(**change), OWN)


@pytest.mark.threat("T22")
def test_one_log_alone_names_nobody() -> None:
    """With the old log's key alone, or the new one's, no log is named: also the collector's key does not suffice."""
    for signers in ((LOGS[0],), (LOGS[1],), (LOGS[2], LOGS[3])):
        with pytest.raises(Malformed, match="not signed by both logs"):
            NextLog.read(forged(**by(*signers)), OWN)
    assert NextLog.read(forged(**by(LOGS[1], LOGS[0])), OWN).new == LOGS[1].public


def test_no_log_follows_itself() -> None:
    """A log is not its own successor, and another's checkpoint is not its last."""
    with pytest.raises(Malformed, match="another name"):
        NextLog.make(LOGS[0].note(), LOGS[0], LOGS[0], COLLECTOR)
    with pytest.raises(Malformed, match="a checkpoint of"):
        NextLog.make(LOGS[1].note(), LOGS[0], LOGS[1], COLLECTOR)
