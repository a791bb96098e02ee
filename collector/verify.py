"""From bytes to `Verified`: the one door into the ledger for batches.

The checks are those of FORMAT.md, in its order; the first that fails answers.

     1     size and media type            the HTTP edge
     2-8   form, key, signature, digest   `shared.batch.open_batch`, with `Registry.key_of` for step 3
     9     a repeat                       here
    10     the beacon                     not checked yet: no witness is configured, so it proves no lower time bound
    11-13  the chain                      `shared.chain.follow`
    14     store and receipt              the caller

Pure: what must be remembered (the head, an earlier batch of the same number) is an argument. Only `verify` makes a
`Verified`, and only a `Verified` can be kept.
"""

from dataclasses import dataclass

from shared.batch import OpenedBatch
from shared.chain import Head, follow


@dataclass(frozen=True, slots=True)
class Accepted:
    """A batch accepted before: its identity and the receipt that was given for it."""

    pae_sha256: str
    receipt: bytes


@dataclass(frozen=True, slots=True)
class Repeated:
    """The same batch once more: answered with the first receipt, kept once."""

    receipt: bytes


@dataclass(frozen=True, slots=True)
class Verified:
    """A batch that passed every check, and the head its chain has with it."""

    opened: OpenedBatch
    head: Head


def verify(opened: OpenedBatch, head: Head, earlier: Accepted | None) -> Verified | Repeated:
    """Place an opened batch: a repeat of `earlier`, or the next of its chain; raises ChainFork or ChainGap."""
    if earlier is not None and earlier.pae_sha256 == opened.pae_sha256:  # 9
        return Repeated(earlier.receipt)
    return Verified(opened, follow(head, opened.said, opened.pae_sha256))  # 11-13
