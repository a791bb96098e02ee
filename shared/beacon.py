"""A beacon: a checkpoint that a witness cosigned, named in a batch. So the batch was sealed after the witness's time.

    {"cosig", "mono_us", "origin", "root", "size", "t_s"}

`cosig` is the witness's 76 bytes (key id, time, signature), from which with origin, size and root the signed text is made
again, so a beacon proves itself. `mono_us` is the device's clock since boot when it came, missing if that was an earlier boot.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from shared import statement
from shared.checkpoint import Checkpoint, open_checkpoint, read_checkpoint
from shared.dsse import b64, b64_exact
from shared.errors import Malformed
from shared.note import NoteKey, Signature, WrongNote
from shared.strictjson import JsonObject
from shared.tree import HASH_BYTES

COSIG_BYTES: Final = 76


class NotCosigned(WrongNote):
    """A checkpoint without this witness's cosignature: that of others may do."""


@dataclass(frozen=True, slots=True)
class Beacon:
    """What a batch names. Nobody has checked it yet, if it was read from one."""

    checkpoint: Checkpoint
    t_s: int  # the witness's time, unix s
    cosig: bytes
    mono_us: int | None = None

    @property
    def fields(self) -> JsonObject:
        """Its spelling."""
        told: JsonObject = {
            "cosig": b64(self.cosig),
            "origin": self.checkpoint.origin,
            "root": b64(self.checkpoint.root),
            "size": self.checkpoint.size,
            "t_s": self.t_s,
        }
        return told if self.mono_us is None else told | {"mono_us": self.mono_us}

    def witness_in(self, witnesses: Sequence[NoteKey]) -> NoteKey | None:
        """Whose cosignature it says that it is, if it is one of these."""
        return next((one for one in witnesses if self.cosig.startswith(one.id)), None)

    def check(self, witness: NoteKey) -> None:
        """Return only if this witness has cosigned this checkpoint at this time; raises WrongNote."""
        time_s = witness.check(Signature(witness.name, self.cosig), self.checkpoint.text)
        if time_s != self.t_s:
            raise WrongNote(f"a beacon of {self.t_s} with a cosignature of {time_s}")


def read_beacon(raw: object) -> Beacon:
    """Read the member `beacon` of a batch's predicate; raises Malformed."""
    if not isinstance(raw, dict):
        raise Malformed("a beacon is an object")
    fields: JsonObject = raw
    cosig, root = b64_exact(fields.get("cosig")), b64_exact(fields.get("root"))
    if len(cosig) != COSIG_BYTES or len(root) != HASH_BYTES:
        raise Malformed(f"a beacon has a cosignature of {COSIG_BYTES} bytes and a root of {HASH_BYTES}")
    origin, size = statement.text(fields, "origin"), statement.integer(fields, "size")
    mono_us = statement.integer(fields, "mono_us") if "mono_us" in fields else None
    checkpoint = Checkpoint(origin, size, root)
    if read_checkpoint(checkpoint.text) != checkpoint:  # or one text could be read as two checkpoints
        raise Malformed("a beacon's origin is one line")
    return Beacon(checkpoint, statement.integer(fields, "t_s"), cosig, mono_us)


def beacon_of(note: bytes, log: NoteKey, witness: NoteKey, mono_us: int | None = None) -> Beacon:
    """The beacon that a checkpoint makes.

    Raises Malformed, NotCosigned, or WrongNote if the log has not signed it, or one of them wrongly.
    """
    found = open_checkpoint(note, log, [witness])
    time_s = found.cosigned_s.get(witness.name)
    if time_s is None:
        raise NotCosigned(f"{witness.name} has not cosigned this")
    if found.checkpoint.more:
        raise Malformed("a checkpoint with further lines makes no beacon")
    signature = next(one for one in found.note.signatures if witness.is_of(one))
    return Beacon(found.checkpoint, time_s, signature.blob, mono_us)
