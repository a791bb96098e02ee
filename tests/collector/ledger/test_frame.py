"""One ledger entry as bytes."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies import json_objects, wild

from collector.ledger.frame import (
    MAX_BODY_BYTES,
    MAX_HEADER_BYTES,
    Draft,
    Entry,
    EntryKind,
    header_no,
    read_frame,
    write_frame,
)
from shared.errors import Malformed
from shared.strictjson import MAX_INTEGER

drafts = st.builds(
    Draft, st.sampled_from(EntryKind), json_objects, st.binary(max_size=300).map(lambda data: data + b"\n")
)
numbers = st.integers(1, MAX_INTEGER)
moments = st.integers(0, MAX_INTEGER)
frames = st.builds(write_frame, drafts, numbers, moments)


@given(drafts, numbers, moments, st.binary(max_size=50), st.binary(max_size=50))
def test_read_gives_what_was_written(draft: Draft, no: int, at_us: int, before: bytes, after: bytes) -> None:
    """A frame reads back whole from wherever it stands, and says where the next one begins."""
    frame = write_frame(draft, no, at_us)
    entry, following = read_frame(before + frame + after, len(before), "000001.ndjson")
    assert entry == Entry(no, draft.kind, at_us, draft.meta, draft.body, "000001.ndjson", len(before))
    assert following == len(before) + len(frame)


@given(wild(frames))
def test_any_bytes_are_an_entry_or_malformed(data: bytes) -> None:
    """Whatever the bytes, reading gives an entry that is spelt as those bytes, or Malformed."""
    try:
        entry, following = read_frame(data, 0)
    except Malformed:
        return
    assert write_frame(Draft(entry.kind, entry.meta, entry.body), entry.no, entry.at_us) == data[:following]


@given(frames, st.data())
def test_one_flipped_bit_is_never_the_same_entry(frame: bytes, data: st.DataObject) -> None:
    """A changed bit is seen, or it is in the header and changes what the entry says."""
    place = data.draw(st.integers(0, 8 * len(frame) - 1))
    bad = bytearray(frame)
    bad[place // 8] ^= 1 << place % 8
    original, _ = read_frame(frame, 0)
    try:
        changed, _ = read_frame(bytes(bad), 0)
    except Malformed:
        return
    assert changed != original
    assert changed.body == original.body


@given(drafts, numbers)
def test_header_no_is_the_number(draft: Draft, no: int) -> None:
    """The first line alone tells the number."""
    assert header_no(write_frame(draft, no, 0).partition(b"\n")[0] + b"\n") == no


def test_no_line_of_a_body_looks_like_a_header() -> None:
    """A frame begins as no line in the strict profile does, so no sender can put one into a body."""
    frame = write_frame(Draft(EntryKind.IMPORT, {}, b"{}\n"), 7, 0)
    assert frame.startswith(b" {")
    with pytest.raises(Malformed):
        read_frame(frame[1:], 0)
    with pytest.raises(Malformed):
        header_no(frame[1:].partition(b"\n")[0])


@pytest.mark.parametrize(
    ("body", "meta"),
    [
        (b"", {}),
        (b"no line feed", {}),
        (b"x" * MAX_BODY_BYTES + b"\n", {}),
        (b"\n", {"receipt": "r" * MAX_HEADER_BYTES}),
        (b"\n", {"file": "\ud800"}),
    ],
    ids=["empty", "no_line_feed", "huge", "huge_header", "surrogate"],
)
def test_what_could_not_be_read_is_not_written(body: bytes, meta: dict[str, str]) -> None:
    """A body without its end, or a header longer than any reader looks, is refused before it can do harm."""
    with pytest.raises(Malformed):
        write_frame(Draft(EntryKind.IMPORT, {**meta}, body), 1, 0)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b'"kind":"import"', b'"kind":"impost"'),
        (b'"meta":{}', b'"meta":[]'),
        (b'"bytes":3', b'"bytes":0'),
        (b'"bytes":3', b'"bytes":4'),
        (b'"bytes":3', b'"bytes":9000000'),
        (b'"no":1', b'"no":0'),
        (b'"at_us":5', b'"at_us":-5'),
        (b'"meta":{},', b""),
    ],
)
def test_each_wrong_header_is_malformed(old: bytes, new: bytes) -> None:
    """A header that says what cannot be is Malformed."""
    frame = write_frame(Draft(EntryKind.IMPORT, {}, b"{}\n"), 1, 5)
    assert old in frame
    with pytest.raises(Malformed):
        read_frame(frame.replace(old, new), 0)
