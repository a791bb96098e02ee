"""Where the bytes of a download come from, and what proves that somebody had them."""

import random

import pytest
from fakes.prober import SEED
from hypothesis import given
from hypothesis import strategies as st

from collector.peer.load import MAX_PIECE_BYTES, RandomLoad
from collector.peer.stream import Allowance, LoadStream, Metered, Nothing, prove
from shared.transfer import Claim, KeyStream, stream_sha256_of

FLOWS = (70_000, 0, 300_000)
HONEST = Claim(FLOWS, stream_sha256_of(SEED, FLOWS))


@given(st.lists(st.integers(0, 400), max_size=20), st.integers(0, 2000))
def test_an_allowance_is_never_exceeded(pieces: list[int], allowed: int) -> None:
    """However it is taken, a stream gives its own first bytes and no more of them than are allowed."""
    stream = Metered(KeyStream(SEED), Allowance(allowed))
    taken = b"".join(stream.take(piece) for piece in pieces)
    assert taken == KeyStream(SEED).take(min(sum(pieces), allowed))
    assert stream.taken_bytes == len(taken)
    assert stream.allowance.left_bytes == allowed - len(taken)


def test_flows_share_their_allowance() -> None:
    """What one flow took is no longer there for the other."""
    allowance = Allowance(100)
    one, two = Metered(KeyStream(SEED, 0), allowance), Metered(KeyStream(SEED, 1), allowance)
    assert (len(one.take(70)), len(two.take(70)), len(one.take(1))) == (70, 30, 0)


def test_anonymous_load_goes_on_where_it_was() -> None:
    """Load is the random block read on and on; a piece is never longer than the load gives."""
    load = RandomLoad.drawn(random.Random(1))
    stream = LoadStream(load, 5)
    assert stream.take(10) + stream.take(10) == load.at(5, 20)
    assert len(stream.take(2 * MAX_PIECE_BYTES)) == MAX_PIECE_BYTES
    assert stream.position == 25 + MAX_PIECE_BYTES


def test_nothing_can_be_taken_from_an_upload() -> None:
    """An upload's stream is at its end."""
    assert Metered(Nothing(), Allowance()).take(10) == b""


def test_an_honest_claim_is_proved() -> None:
    """Who had the bytes is believed, also if more was sent."""
    assert prove(HONEST, SEED, FLOWS) == HONEST
    assert prove(HONEST, SEED, (70_001, 5, 10**9)) == HONEST


@pytest.mark.parametrize(
    "lie",
    [
        Claim(FLOWS, "0" * 64),
        Claim((70_000, 0, 300_001), HONEST.stream_sha256),
        Claim((69_999, 0, 300_000), HONEST.stream_sha256),
        Claim((70_000, 300_000), stream_sha256_of(SEED, (70_000, 300_000))),
        Claim((70_000, 0, 300_000, 0), stream_sha256_of(SEED, (70_000, 0, 300_000, 0))),
        Claim((0, 70_000, 300_000), stream_sha256_of(SEED, (0, 70_000, 300_000))),
        Claim((370_000,), stream_sha256_of(SEED, (370_000,))),
        Claim((), stream_sha256_of(SEED, ())),
        Claim((2**53 - 1, 0, 0), HONEST.stream_sha256),
    ],
)
def test_a_lie_is_not_proved(lie: Claim) -> None:
    """Another hash, another count, more than was sent on a flow, or other flows prove nothing."""
    assert prove(lie, SEED, FLOWS) is None


def test_another_seed_proves_nothing() -> None:
    """The stream of another transfer proves nothing about this one."""
    assert prove(Claim(FLOWS, stream_sha256_of(bytes(32), FLOWS)), SEED, FLOWS) is None
