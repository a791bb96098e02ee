"""What goes into the outbox and what comes out: an end, a record to be sealed, a batch that waits, a count of it all."""

from collections.abc import Mapping
from dataclasses import dataclass

from probe.packed import Packed


@dataclass(frozen=True, slots=True)
class Finished:
    """How a start ended: its record's line (with LF), the boot it was made in, and named values kept with it."""

    seq: int
    line: bytes
    boot: str
    keep: Mapping[str, bytes]


@dataclass(frozen=True, slots=True)
class Stored:
    """A record that is not sealed yet: its line (with LF) and the boot it was made in."""

    seq: int
    line: bytes
    boot: str


@dataclass(frozen=True, slots=True)
class Waiting:
    """A sealed batch without a receipt, packed as it is sent."""

    batch: int
    packed: Packed
    pae_sha256: str

    @property
    def body(self) -> bytes:
        """The body itself; raises Malformed if it is damaged."""
        return self.packed.body


@dataclass(frozen=True, slots=True)
class Tally:
    """What the outbox holds. `batches` and `lost` count from the beginning of the chain, the others what is there now.

    `lost`: numbers used up whose record is gone, sealed as such or about to be. `used_bytes` of `limit_bytes`: what is alive on
    disk; what is dead and not cleaned away yet takes room beside it. `is_asking`: the collector is asked where the chain
    stands before anything is sent.
    """

    next_seq: int
    batches: int
    unsealed: int
    unsent: int
    unsent_bytes: int
    open_intents: int
    unsent_complaints: int
    last_receipt_us: int | None
    lost: int
    used_bytes: int
    limit_bytes: int
    is_asking: bool
