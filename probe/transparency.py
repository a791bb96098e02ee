"""What this device knows of its collector's log: whether all that it was shown of it can be one log. Pure.

Every receipt comes with a proof that the batch is in the log, in the tree of a checkpoint. Two checkpoints of one log are of one
tree that grew; whoever shows trees that are not has told different people different things. So each checkpoint is linked to the
newest that is linked already, by a proof that one tree begins with the other; until it is, it is loose.

    a leaf that is not in its tree, two roots of one size, a proof that does not hold   the log is wrong, for good
    loose for long, although the log was asked again and again                          the log is wrong, too
    another log, to which the one before leads (`shared.nextlog`)                       followed, once the old one's end is linked
    another log, as after the restore of a backup                                       told, and followed from there on

What was found wrong stays, with the signed notes that show it. Batches are sent in any case: nothing that was measured is lost
for what the collector does.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final, Self

from shared import statement, strictjson
from shared.bundle import Bundle, check_bundle
from shared.checkpoint import Checkpoint, Witnessed, open_checkpoint, read_checkpoint
from shared.dsse import b64_exact
from shared.errors import Malformed
from shared.keys import PublicKey
from shared.nextlog import NextLog
from shared.note import NoteKey, read_note
from shared.tree import WrongProof, check_consistency

NAME: Final = "log"  # of the kept value
MOST_LOOSE: Final = 8
MOST_TRIES: Final = 20  # of linking one, an hour apart: a collector that is busy for a day is none that lies
TRY_US: Final = 3_600_000_000


@dataclass(frozen=True, slots=True)
class Loose:
    """A checkpoint that was not linked yet, and how often that was tried."""

    note: str
    tries: int = 0
    boot: str = ""  # when the last try was counted: the boot, and the clock since then
    mono_us: int = 0

    @property
    def checkpoint(self) -> Checkpoint:
        """What it says."""
        return read_checkpoint(read_note(self.note.encode()).text)


@dataclass(frozen=True, slots=True)
class Known:
    """A log as far as it is known here; `note` is the newest checkpoint that is linked."""

    vkey: str
    note: str = ""
    loose: tuple[Loose, ...] = ()
    proven: int = 0  # batches whose proof held
    wrong: str = ""
    notes: tuple[str, ...] = ()  # that show it
    past: tuple[str, ...] = ()  # keys of logs before this one
    witnesses: tuple[str, ...] = ()  # keys of those that the collector asked when its log was first met
    led: tuple[str, ...] = ()  # keys of logs before this one that led to it

    @classmethod
    def read(cls, kept: bytes | None) -> Self | None:
        """What was kept, None if there is nothing; raises Malformed."""
        if kept is None:
            return None
        told = strictjson.decode(kept)
        loose = [
            Loose(
                statement.text(one, "note"),
                statement.integer(one, "tries"),
                statement.text(one, "boot"),
                statement.integer(one, "mono_us"),
            )
            for one in _list(told, "loose")
            if isinstance(one, dict)
        ]
        return cls(
            statement.text(told, "vkey"),
            statement.text(told, "note"),
            tuple(loose),
            statement.integer(told, "proven"),
            statement.text(told, "wrong"),
            tuple(str(one) for one in _list(told, "notes")),
            tuple(str(one) for one in _list(told, "past")),
            tuple(str(one) for one in _list(told, "witnesses")) if "witnesses" in told else (),
            tuple(str(one) for one in _list(told, "led")) if "led" in told else (),
        )

    @property
    def data(self) -> bytes:
        """To be kept."""
        return strictjson.encode(
            {
                "loose": [
                    {"boot": one.boot, "mono_us": one.mono_us, "note": one.note, "tries": one.tries}
                    for one in self.loose
                ],
                "led": list(self.led),
                "note": self.note,
                "notes": list(self.notes),
                "past": list(self.past),
                "proven": self.proven,
                "vkey": self.vkey,
                "witnesses": list(self.witnesses),
                "wrong": self.wrong,
            }
        )

    @property
    def words(self) -> str:
        """How it stands, in a sentence."""
        newest = self.checkpoint
        if self.wrong:
            return f"NOT TO BE TRUSTED: {self.wrong}; keep what shows it: speedproof-probe export"
        size = 0 if newest is None else newest.size
        loose = f", {len(self.loose)} more to be linked" if self.loose else ""
        other = (
            "ANOTHER LOG than before: what the collector had acknowledged may be lost, keep your export; "
            if self.past
            else ""
        )
        return f"{other}{self.proven:,} of this device's batches proven; one log of {size:,} leaves so far{loose}"

    @property
    def witness(self) -> NoteKey | None:
        """Whose cosignatures are this device's beacons: the first; None if the collector asks nobody."""
        return NoteKey.from_vkey(self.witnesses[0]) if self.witnesses else None

    @property
    def key(self) -> NoteKey:
        """The log's key; raises Malformed."""
        return NoteKey.from_vkey(self.vkey)

    @property
    def checkpoint(self) -> Checkpoint | None:
        """The newest that is linked."""
        return read_checkpoint(read_note(self.note.encode()).text) if self.note else None

    def see(self) -> None:
        """Read what is kept of others' words; raises Malformed if it cannot be read."""
        _ = self.key, self.witness, self.checkpoint, [one.checkpoint for one in self.loose]

    def followed_by(self, vkey: str) -> "Known":
        """Another log in this one's place; what was wrong stays wrong."""
        past = (*self.past, self.vkey)
        return Known(vkey, "", (), self.proven, self.wrong, self.notes, past, self.witnesses, self.led)

    def ended(self, told: NextLog) -> "Known":
        """After this log's own word that another follows it: its last checkpoint is linked or loose. Then: `led_to`."""
        known = self.shown(open_checkpoint(told.last, self.key))
        seen = (
            read_checkpoint(read_note(one.encode()).text)
            for one in (self.note, *(one.note for one in self.loose))
            if one
        )
        if any(one.size > told.checkpoint.size for one in seen):
            return known.found_wrong(
                "it ended with fewer leaves than were shown of it before", self.note, told.last.decode()
            )
        return known

    def led_to(self, told: NextLog) -> "Known":
        """The log that follows this one, whose end is linked; nothing is lost by that, so nobody has to be told."""
        led = (*self.led, self.vkey)
        return Known(told.new.vkey, "", (), self.proven, self.wrong, self.notes, self.past, self.witnesses, led)

    def met(self, bundle: Bundle, own: PublicKey) -> "Known":
        """After the proof for a batch of this device: checked, and its checkpoint linked or loose."""
        try:
            found = check_bundle(bundle, own, self.key)
        except Malformed as error:
            return self.found_wrong(
                f"a proof that a batch is in the log does not hold: {error}", bundle.proof.checkpoint.decode()
            )
        return replace(self, proven=self.proven + 1).shown(found)

    def shown(self, found: Witnessed) -> "Known":
        """After a checkpoint that this log has signed."""
        note, checkpoint = found.note.data.decode(), found.checkpoint
        if not self.note:
            return replace(self, note=note)
        for other in (self.note, *(one.note for one in self.loose)):
            seen = read_checkpoint(read_note(other.encode()).text)
            if seen.size == checkpoint.size:
                if seen.root == checkpoint.root:
                    return self
                return self.found_wrong(f"two logs of {checkpoint.size} leaves were shown", other, note)
        loose = sorted((*self.loose, Loose(note)), key=lambda one: one.checkpoint.size)
        if len(loose) > MOST_LOOSE:  # the first is linked next, the last is the newest; between them one may go
            del loose[-2]
        return replace(self, loose=tuple(loose))

    def to_link(self) -> tuple[int, int] | None:
        """The sizes of the next two trees of which one has to begin with the other, the smaller first; None if none are."""
        newest = self.checkpoint
        if newest is None or not self.loose:
            return None
        sizes = sorted((newest.size, self.loose[0].checkpoint.size))
        return sizes[0], sizes[1]

    def linked(self, told: Sequence[object]) -> "Known":
        """After the log's proof for `to_link` (base64 each): linked, or wrong."""
        newest = self.checkpoint
        if newest is None or not self.loose:
            return self
        first, *rest = self.loose
        old, new = sorted((newest, first.checkpoint), key=lambda one: one.size)
        try:
            check_consistency(old.size, new.size, [b64_exact(one) for one in told], old.root, new.root)
        except WrongProof:
            return self.found_wrong(
                f"its {new.size} leaves do not begin with the {old.size} that were shown before", self.note, first.note
            )
        except Malformed:  # not even base64
            return self
        return replace(self, note=self.note if new is newest else first.note, loose=tuple(rest))

    def not_linked(self, boot: str, mono_us: int) -> "Known":
        """After an answer of the log without a proof, at this moment: tried again, but not for ever."""
        if not self.loose:
            return self
        first, *rest = self.loose
        if first.boot == boot and mono_us - first.mono_us < TRY_US:
            return self
        if first.tries + 1 < MOST_TRIES:
            return replace(self, loose=(replace(first, tries=first.tries + 1, boot=boot, mono_us=mono_us), *rest))
        size = first.checkpoint.size
        words = f"it does not show that the {size} leaves it spoke of and those of other times are one log"
        return replace(self, loose=tuple(rest)).found_wrong(words, self.note, first.note)

    def found_wrong(self, words: str, *notes: str) -> "Known":
        """Wrong for good, for the first reason that was found."""
        return self if self.wrong else replace(self, wrong=words, notes=notes)


def _list(told: strictjson.JsonObject, name: str) -> list[strictjson.Json]:
    value = told.get(name)
    if not isinstance(value, list):
        raise Malformed(f"{name} is not a list")
    return value
