"""Keys that sign notes. TEST ONLY: a log and witnesses with fixed private halves."""

from dataclasses import dataclass, field

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from shared.checkpoint import Checkpoint
from shared.note import COSIGNATURE, ED25519, Note, NoteKey, sign

RAW = serialization.Encoding.Raw, serialization.PublicFormat.Raw


@dataclass
class Notary:
    """One that signs."""

    name: str
    seed: int
    type: int = ED25519
    public: NoteKey = field(init=False)

    def __post_init__(self) -> None:
        """Make the key."""
        self._key = Ed25519PrivateKey.from_private_bytes(bytes([self.seed]) * 32)
        self.public = NoteKey.of(self.name, self.type, self._key.public_key().public_bytes(*RAW))

    def sign(self, message: bytes) -> bytes:
        """Sign."""
        return self._key.sign(message)


LOG = Notary("log2026.speedproof.example", 0x4C)
WITNESSES = [Notary(f"witness.example/w{number}", 0x57 + number, COSIGNATURE) for number in range(3)]


def checkpoint_note(checkpoint: Checkpoint, *times_s: int) -> Note:
    """A checkpoint that the log has signed, and a witness for each time given."""
    text = checkpoint.text
    cosignatures = [sign(text, witness, time_s) for witness, time_s in zip(WITNESSES, times_s, strict=False)]
    return Note(text, (sign(text, LOG), *cosignatures))
