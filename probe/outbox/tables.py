"""What the outbox knows, as rows of tables; a row that is put again replaces the one of its key. Pure.

    chain      the one place: numbers to give next, the head, the seed; `lost`, the numbers sealed as lost; `asking_from`, set
               while the collector has to be asked where the chain stands: the first number given since then
    intent     a start without its end
    record     what came of a start, packed; empty if there was no room or it could not be read any more
    sealed     a batch; a draft if it was sealed while asking, and so never left the device; `body` goes after its receipt
    receipt    the collector's word for a batch
    again      bodies that never left and do not fit their chain any more: to be sealed again, numbers moved by `moved`
    complaint  what a person said
    kept       small named values

The last column of each is its bytes. Those of intents, complaints, values and the seed are small and stay in memory; of all
others only the place in the files does.
"""

from typing import NamedTuple, TypeAlias

from shared.chain import Head

NONE = -1  # a number that is not known, or not set


class Blob:
    """Bytes: held here, or lying in a segment."""

    __slots__ = ("held", "length", "offset", "segment")

    def __init__(self, held: bytes | None, segment: int = 0, offset: int = 0, length: int = 0) -> None:
        self.held = held
        self.segment, self.offset = segment, offset
        self.length = length if held is None else len(held)

    def lies(self, segment: int, offset: int, *, stays: bool) -> None:
        """It is on disk now; `stays` if it is small enough to be held all the same."""
        self.segment, self.offset = segment, offset
        if not stays:
            self.held = None


class Chain(NamedTuple):
    """See `chain` above; `one` is always 0."""

    one: int
    next_seq: int
    batch: int
    seq: int
    head: str
    lost: int
    asking_from: int
    seed: Blob

    @property
    def is_asking(self) -> bool:
        """Whether the collector has to be asked."""
        return self.asking_from != NONE

    @property
    def stands(self) -> Head:
        """Where the chain stands."""
        return Head(self.batch, self.seq, self.head)


class Intent(NamedTuple):
    """See `intent` above."""

    seq: int
    line: Blob


class Ended(NamedTuple):
    """See `record` above."""

    seq: int
    boot: str
    line: Blob


class Sealed(NamedTuple):
    """See `sealed` above; the first and last number are NONE where only the receipt is left."""

    batch: int
    first_seq: int
    last_seq: int
    records: int
    pae_sha256: str
    is_draft: bool
    body: Blob


class Received(NamedTuple):
    """See `receipt` above."""

    batch: int
    received_us: int
    receipt: Blob


class Again(NamedTuple):
    """See `again` above."""

    number: int
    first_seq: int
    last_seq: int
    records: int
    moved: int
    body: Blob


class Complaint(NamedTuple):
    """See `complaint` above."""

    number: int
    is_sent: bool
    line: Blob


class Kept(NamedTuple):
    """See `kept` above."""

    name: str
    value: Blob


Row: TypeAlias = Chain | Intent | Ended | Sealed | Received | Again | Complaint | Kept
Key: TypeAlias = int | str

TABLES: dict[str, type[Row]] = {
    "chain": Chain,
    "intent": Intent,
    "record": Ended,
    "sealed": Sealed,
    "receipt": Received,
    "again": Again,
    "complaint": Complaint,
    "kept": Kept,
}
NAMES = {row: name for name, row in TABLES.items()}
TYPES = {name: tuple(row.__annotations__.values())[:-1] for name, row in TABLES.items()}  # of all columns but the last
SMALL = frozenset({"chain", "intent", "complaint", "kept"})  # their bytes stay in memory
