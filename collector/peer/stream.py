"""Where the bytes of a download come from, and how many a transfer may still move.

The stream of an admitted transfer is the key stream of its seed (`shared.transfer.KeyStream`), anonymous load is random
and belongs to nobody. Both are taken in pieces of any size, and never more than the allowance grants. Opens nothing.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from collector.peer.load import MAX_PIECE_BYTES, RandomLoad
from shared.strictjson import MAX_INTEGER
from shared.transfer import Claim, stream_sha256_of


class Stream(Protocol):
    """Bytes in order."""

    def take(self, n_bytes: int, /) -> bytes:
        """The next `n_bytes`, or fewer; none at the end."""


@dataclass(slots=True)
class LoadStream:
    """Anonymous load, read from some position on."""

    load: RandomLoad
    position: int

    def take(self, n_bytes: int, /) -> bytes:
        """The next bytes, at most `MAX_PIECE_BYTES`."""
        piece = self.load.at(self.position, min(n_bytes, MAX_PIECE_BYTES))
        self.position += len(piece)
        return piece


class Nothing:
    """The stream of an upload, from which nothing is taken."""

    def take(self, _n_bytes: int, /) -> bytes:
        """The end at once."""
        return b""


@dataclass(slots=True)
class Allowance:
    """What all flows of one transfer together may still move."""

    left_bytes: int = MAX_INTEGER

    def grant(self, n_bytes: int) -> int:
        """As much of `n_bytes` as is left; it is spent with that."""
        granted = min(n_bytes, self.left_bytes)
        self.left_bytes -= granted
        return granted


@dataclass(slots=True)
class Metered:
    """A stream within an allowance, counted: ends early, without an error, when nothing is left."""

    source: Stream
    allowance: Allowance
    taken_bytes: int = 0

    def take(self, n_bytes: int, /) -> bytes:
        """The next bytes; none once the allowance is used up."""
        piece = self.source.take(min(n_bytes, self.allowance.left_bytes))
        self.allowance.grant(len(piece))
        self.taken_bytes += len(piece)
        return piece


def prove(claim: Claim, seed: bytes, sent_bytes: Sequence[int]) -> Claim | None:
    """The claim, if who made it must have had those bytes: no flow more than was sent, and the hash of all of them.

    Takes a second for every gigabyte: run it in a thread.
    """
    if len(claim.flow_bytes) != len(sent_bytes):
        return None
    if any(claimed > sent for claimed, sent in zip(claim.flow_bytes, sent_bytes, strict=True)):
        return None
    return claim if claim.stream_sha256 == stream_sha256_of(seed, claim.flow_bytes) else None
