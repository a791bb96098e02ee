"""What other processes say to the one that writes the ledger, and what it answers: MessagePack behind a length.

    u32, big-endian   bytes that follow
    the rest          one message of `Ask` or `Told`

An answer bears the number of its question; answers may come in another order than questions. Only processes of one
collector speak this to each other, over a socket in a folder that is theirs alone: it may change with any version.
"""

from typing import Final

import msgspec

from collector.errors import ArchiveAway, CatalogAway, CollectorError, Misdirected, Outrun, StorageFull
from collector.ledger.chains import Older, Repeat
from collector.ledger.frame import EntryKind, Link, Sheet, Spot
from collector.ledger.group import Outcome
from shared import errors
from shared.chain import Head
from shared.errors import Expected, Refused

MAX_BYTES: Final = 16 * 1024 * 1024
_LENGTH_BYTES: Final = 4


class Put(msgspec.Struct, tag=1, array_like=True, frozen=True):
    """Write this entry."""

    id: int
    kind: str
    before: bytes
    after: bytes
    body: bytes
    link: Link | None
    seen: int | None = None
    leaf: bytes | None = None

    @classmethod
    def of(cls, number: int, sheet: Sheet) -> "Put":
        """The question for a sheet."""
        return cls(number, sheet.kind.value, sheet.before, sheet.after, sheet.body, sheet.link, sheet.seen, sheet.leaf)

    @property
    def sheet(self) -> Sheet:
        """The sheet."""
        return Sheet(EntryKind(self.kind), self.before, self.after, self.body, self.link, self.seen, self.leaf)


class KeyOf(msgspec.Struct, tag=2, array_like=True, frozen=True):
    """Tell this device's key."""

    id: int
    dev: str


class Newest(msgspec.Struct, tag=3, array_like=True, frozen=True):
    """Tell the newest entry's number."""

    id: int


class Others(msgspec.Struct, tag=4, array_like=True, frozen=True):
    """Tell where the entries stand that are no batches."""

    id: int


class Follow(msgspec.Struct, tag=5, array_like=True, frozen=True):
    """Say whenever the ledger has grown."""

    id: int


class Written(msgspec.Struct, tag=1, array_like=True, frozen=True):
    """It is on disk, here."""

    id: int
    spot: Spot


class Before(msgspec.Struct, tag=2, array_like=True, frozen=True):
    """It was written before: here if it is the newest of its chain, else the index has to be asked."""

    id: int
    repeat: Repeat | None
    head: Head | None


class No(msgspec.Struct, tag=3, array_like=True, frozen=True):
    """It is refused; without a step for a reason that is not the batch's own."""

    id: int
    error: str
    step: int
    detail: str
    expected: Expected | None


class Key(msgspec.Struct, tag=4, array_like=True, frozen=True):
    """The key (SPKI DER)."""

    id: int
    spki: bytes


class Number(msgspec.Struct, tag=5, array_like=True, frozen=True):
    """The newest entry's number, and the newest checkpoint; as an answer to 0, unasked: the ledger has grown."""

    id: int
    no: int
    note: bytes = b""


class Places(msgspec.Struct, tag=6, array_like=True, frozen=True):
    """Where entries stand: segment, offset."""

    id: int
    places: list[tuple[str, int]]


Ask = Put | KeyOf | Newest | Others | Follow
Told = Written | Before | No | Key | Number | Places
_encoder: Final = msgspec.msgpack.Encoder()
_ask: Final = msgspec.msgpack.Decoder(Ask)
_told: Final = msgspec.msgpack.Decoder(Told)
_REFUSALS: Final = {
    kind.error: kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, Refused)
}


_OURS: Final[dict[str, type[CollectorError]]] = {
    kind.__name__: kind for kind in (StorageFull, ArchiveAway, CatalogAway, Outrun, Misdirected)
}


def spell(message: Ask | Told) -> bytes:
    """A message with its length."""
    data = _encoder.encode(message)
    return len(data).to_bytes(_LENGTH_BYTES, "big") + data


def asks(buffer: bytearray) -> list[Ask]:
    """Take all whole questions off the front of what came; raises ValueError for what is none."""
    return [_ask.decode(data) for data in _messages(buffer)]


def tolds(buffer: bytearray) -> list[Told]:
    """Take all whole answers off the front of what came; raises ValueError for what is none."""
    return [_told.decode(data) for data in _messages(buffer)]


def _messages(buffer: bytearray) -> list[bytes]:
    found, start, end = list[bytes](), 0, len(buffer)
    while start + _LENGTH_BYTES <= end:
        size = int.from_bytes(buffer[start : start + _LENGTH_BYTES], "big")
        if size > MAX_BYTES:
            raise ValueError(f"a message of {size} bytes")
        if start + _LENGTH_BYTES + size > end:
            break
        found.append(bytes(buffer[start + _LENGTH_BYTES : start + _LENGTH_BYTES + size]))
        start += _LENGTH_BYTES + size
    del buffer[:start]
    return found


def told_of(number: int, outcome: Outcome) -> Told:
    """The answer that tells what came of a sheet."""
    match outcome:
        case Spot():
            return Written(number, outcome)
        case Repeat():
            return Before(number, outcome, None)
        case Older(head):
            return Before(number, None, head)
        case Refused() | CollectorError():
            return no_of(number, outcome)


def no_of(number: int, error: Refused | CollectorError) -> No:
    """The answer that tells of an error."""
    if isinstance(error, Refused):
        return No(number, error.error, error.step, error.detail, error.expected)
    return No(number, type(error).__name__, 0, str(error), None)


def outcome_of(told: Written | Before | No) -> Outcome:
    """What came of a sheet, as the answer tells it."""
    match told:
        case Written():
            return told.spot
        case Before(repeat=Repeat() as repeat):
            return repeat
        case Before(head=Head() as head):
            return Older(head)
        case No():
            return refusal_of(told)
    raise ValueError(f"no outcome: {told}")


def refusal_of(told: No) -> Refused | CollectorError:
    """The error an answer tells of."""
    kind = _REFUSALS.get(told.error)
    if kind is None:
        return _OURS.get(told.error, StorageFull)(told.detail)
    return kind(told.step, told.detail, told.expected)
