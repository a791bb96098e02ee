"""Random load."""

import random
import zlib

from hypothesis import given
from hypothesis import strategies as st

from collector.peer.load import BLOCK_BYTES, MAX_PIECE_BYTES, RandomLoad

LOAD = RandomLoad.drawn(random.Random(5))


@given(st.integers(0, 2**50), st.integers(0, MAX_PIECE_BYTES))
def test_a_piece_has_the_length_asked_for(position: int, n_bytes: int) -> None:
    """Wherever a piece begins, it is whole."""
    assert len(LOAD.at(position, n_bytes)) == n_bytes


@given(st.integers(0, 3 * BLOCK_BYTES), st.integers(0, 5000), st.integers(0, 5000))
def test_pieces_join_without_a_seam(position: int, first: int, second: int) -> None:
    """Two neighbouring pieces are one longer piece."""
    assert LOAD.at(position, first) + LOAD.at(position + first, second) == LOAD.at(position, first + second)


def test_load_does_not_compress() -> None:
    """A compressor on the path gains nothing."""
    piece = LOAD.at(12_345, MAX_PIECE_BYTES)
    assert len(zlib.compress(piece, 9)) > len(piece)


def test_two_peers_send_different_bytes() -> None:
    """What one peer sends tells nothing about another's."""
    assert LOAD.at(0, 64) != RandomLoad.drawn(random.Random(6)).at(0, 64)
