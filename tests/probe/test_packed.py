"""Packed bytes: equal for equal bodies, and never taken for whole when they are not."""

import gzip

import pytest
from hypothesis import given
from hypothesis import strategies as st

from probe.packed import Packed, pack_line, unpack_line
from shared.batch import MAX_BODY_BYTES
from shared.errors import Malformed


@given(st.binary(max_size=3000))
def test_packing_and_unpacking_are_inverse(body: bytes) -> None:
    """A body and a line come back as they were, the same bytes make the same packing, and anybody's gzip reads it."""
    assert Packed.of(body) == Packed.of(body)
    assert Packed.of(body).body == body == gzip.decompress(Packed.of(body).gzip)
    assert unpack_line(pack_line(body)) == body


@given(body=st.binary(max_size=500), data=st.data())
def test_what_is_cut_or_longer_is_malformed(body: bytes, data: st.DataObject) -> None:
    """Packed bytes that lost their end, or have something behind it, are no body."""
    whole = Packed.of(body).gzip
    for wrong in (whole[: data.draw(st.integers(0, len(whole) - 1))], whole + b"x"):
        with pytest.raises(Malformed):
            _ = Packed(wrong).body


def test_a_bomb_is_not_unpacked() -> None:
    """What would be longer than a body may be is refused without being held."""
    with pytest.raises(Malformed):
        _ = Packed.of(bytes(MAX_BODY_BYTES + 1)).body
    assert len(Packed.of(bytes(MAX_BODY_BYTES)).body) == MAX_BODY_BYTES
