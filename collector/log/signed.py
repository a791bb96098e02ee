"""What of something signed goes into the log: its identity, the signature, and whose key that fits."""

from dataclasses import dataclass
from typing import Self

from collector import quickjson
from shared.dsse import Envelope, read_envelope
from shared.leaf import leaf_of


@dataclass(frozen=True, slots=True)
class Signed:
    """A signature that was checked: SHA-256(PAE) in hex, the signature (DER), the key (SPKI DER)."""

    pae_sha256: str
    signature: bytes
    spki: bytes

    @classmethod
    def of(cls, line: bytes, spki: bytes) -> Self:
        """What stands in an envelope's line (without its LF), which this key has signed; raises Malformed."""
        return cls.by(read_envelope(line, quickjson.decode), spki)

    @classmethod
    def by(cls, envelope: Envelope, spki: bytes) -> Self:
        """What stands in an envelope that this key has signed."""
        return cls(envelope.pae_sha256, envelope.signature, spki)

    @property
    def leaf(self) -> bytes:
        """Its leaf in the log."""
        return leaf_of(self.pae_sha256, self.signature, self.spki)
