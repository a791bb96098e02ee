"""The chain of one device's batches: what comes next, and what a batch that does not come next means.

A batch follows if its number, its predecessor and its first sequence number are the ones waited for (FORMAT.md, steps
11 to 13). A repeat of an accepted batch is no error and must have been answered before (step 9).
"""

from dataclasses import dataclass
from typing import Protocol

from shared.batch import FIRST_PREV
from shared.errors import ChainFork, ChainGap, Expected


@dataclass(frozen=True, slots=True)
class Head:
    """Where a chain stands: the next batch number, the next sequence number, SHA-256(PAE) of the last batch."""

    batch: int = 0
    seq: int = 0
    pae_sha256: str = FIRST_PREV

    @property
    def expected(self) -> Expected:
        """What a refusal tells the probe."""
        return Expected(self.batch, self.seq, self.pae_sha256)


START = Head()


class Claim(Protocol):
    """What a batch says of its own place; a `BatchStatement` does."""

    @property
    def batch(self) -> int:
        """Its number."""

    @property
    def prev(self) -> str:
        """The batch before it, SHA-256(PAE) in hex."""

    @property
    def first_seq(self) -> int:
        """Its first record's number."""

    @property
    def last_seq(self) -> int:
        """Its last record's number."""


def follow(head: Head, said: Claim, pae_sha256: str) -> Head:
    """The head after this batch; raises ChainFork or ChainGap with what was expected."""
    if said.batch < head.batch:
        raise ChainFork(11, f"another batch {said.batch} was accepted before", head.expected)
    if said.batch > head.batch:
        raise ChainGap(11, f"batch {head.batch} is missing before batch {said.batch}", head.expected)
    if said.prev != head.pae_sha256:
        raise ChainFork(12, "prev is not the batch before", head.expected)
    if said.first_seq != head.seq:
        raise ChainGap(13, f"sequence number {head.seq} was expected, not {said.first_seq}", head.expected)
    return Head(said.batch + 1, said.last_seq + 1, pae_sha256)
