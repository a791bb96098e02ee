"""Random load: bytes that a compressor on the path cannot make smaller.

One block is drawn at the start and then read round and round, because drawing afresh would cost more than
sending. Within `BLOCK_BYTES` nothing repeats, and the window of deflate is 32 KiB. No source of secrets.
"""

import random
from dataclasses import dataclass
from typing import Self

BLOCK_BYTES = 8 << 20
MAX_PIECE_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class RandomLoad:
    """An endless stream of random bytes, addressed by position."""

    _block: bytes  # the block, and its beginning once more, so that no piece has to wrap

    @classmethod
    def drawn(cls, chance: random.Random) -> Self:
        """Draw the block."""
        block = chance.randbytes(BLOCK_BYTES)
        return cls(block + block[:MAX_PIECE_BYTES])

    def at(self, position: int, n_bytes: int) -> bytes:
        """The `n_bytes` (at most `MAX_PIECE_BYTES`) of the stream from `position` on."""
        start = position % BLOCK_BYTES
        return self._block[start : start + min(n_bytes, MAX_PIECE_BYTES)]
