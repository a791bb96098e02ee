"""Transactions as bytes: what is written reads back; whatever else stands there is frames or nothing."""

import json
import struct
import zlib

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from probe.outbox.frames import HEADER, MAGIC, Change, has_hole, read_check, read_frames, write_frame
from probe.outbox.state import State
from probe.outbox.tables import (
    SMALL,
    TABLES,
    Again,
    Blob,
    Chain,
    Complaint,
    Ended,
    Intent,
    Kept,
    Received,
    Row,
    Sealed,
)

numbers = st.integers(-1, 2**53)
blobs = st.binary(max_size=60).map(Blob)
rows: st.SearchStrategy[Row] = st.one_of(
    st.builds(Chain, st.just(0), numbers, numbers, numbers, st.text(max_size=5), numbers, numbers, blobs),
    st.builds(Intent, numbers, blobs),
    st.builds(Ended, numbers, st.text(max_size=5), blobs),
    st.builds(Sealed, numbers, numbers, numbers, numbers, st.text(max_size=5), st.booleans(), blobs),
    st.builds(Received, numbers, numbers, blobs),
    st.builds(Again, numbers, numbers, numbers, numbers, numbers, blobs),
    st.builds(Complaint, numbers, st.booleans(), blobs),
    st.builds(Kept, st.text(max_size=5), blobs),
)
drops = st.tuples(st.sampled_from([name for name in TABLES if name != "kept"]), numbers)


@st.composite
def changes(draw: st.DrawFn) -> Change:
    """Draw what a transaction did."""
    change = Change(is_anew=draw(st.booleans()))
    for row in draw(st.lists(rows, max_size=5)):
        change.put(row)
    for table, key in draw(st.lists(drops, max_size=3)):
        change.drop(table, key, was_there=True)
    return change


def written(some: list[Change], offset: int = 0) -> bytes:
    """Frames that follow each other."""
    data, check = b"", 0
    for change in some:
        frame, check, _ = write_frame(change, check, offset + len(data))
        data += frame
    return data


def told(change: Change, data: bytes) -> object:
    """What a change says, its bytes read from where they lie."""

    def read(blob: Blob) -> bytes:
        return blob.held if blob.held is not None else data[blob.offset : blob.offset + blob.length]

    puts = {where: (*row[:-1], read(row[-1])) for where, row in change.puts.items()}
    return puts, set(change.drops), change.is_anew


@given(some=st.lists(changes(), max_size=4), before=st.binary(max_size=30), after=st.binary(max_size=30))
def test_what_was_written_reads_back(some: list[Change], before: bytes, after: bytes) -> None:
    """Wherever frames stand, whatever is before and behind them, they are found, in order, without a hole, byte by byte."""
    assume(MAGIC[:1] not in before + after)
    data = before + written(some, len(before)) + after
    frames = list(read_frames(data, 3))
    assert [told(one.change, data) for one in frames] == [told(change, data) for change in some]
    assert all(one.is_whole for one in frames)
    assert not has_hole(frames, len(before), 0)
    assert not some or (has_hole(frames, len(before) + 1, 0) and has_hole(frames, len(before), 1))
    assert [read_check(data[one.start :]) for one in frames] == [one.check for one in frames]


@given(data=st.binary(max_size=300))
@example(data=MAGIC)
@example(data=MAGIC * 9)
@example(data=HEADER.pack(MAGIC, 2**32 - 1, 2**32 - 1, 0, 0))
@example(data=HEADER.pack(MAGIC, 0, 0, 0, zlib.crc32(struct.pack(">III", 0, 0, 0))))
def test_any_bytes_are_frames_or_nothing(data: bytes) -> None:
    """No bytes raise anything, and nothing is found in chance."""
    assert list(read_frames(data, 1)) == []
    assert list(read_frames(MAGIC + data, 1)) == []


def framed(line: bytes, behind: bytes = b"") -> bytes:
    """A frame whose check fits, whatever it says."""
    packed = zlib.compress(line)
    length = len(packed) + len(behind)
    check = zlib.crc32(packed, zlib.crc32(struct.pack(">III", length, len(packed), 0)))
    return HEADER.pack(MAGIC, length, len(packed), 0, check) + packed + behind


junk = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-5, 2**70)
    | st.floats()
    | st.text(max_size=3)
    | st.sampled_from(list(TABLES)),
    lambda inner: (
        st.lists(inner, max_size=8) | st.dictionaries(st.sampled_from(["put", "drop", "anew", "intent"]), inner)
    ),
    max_leaves=12,
)


@given(value=junk, behind=st.binary(max_size=20))
@example(value={"put": [["record", 1, "b", 2**80, 0]]}, behind=b"")
@example(value={"put": [["record", 1, "b", 4, -1, -1]]}, behind=b"")
@example(value={"put": [["chain", 0]]}, behind=b"")
@example(value={"put": [], "drop": {"intent": [[1]]}}, behind=b"")
@example(value={"put": [["intent", True, 0]]}, behind=b"")
def test_a_frame_that_nobody_of_ours_wrote(value: object, behind: bytes) -> None:
    """A check that fits is no reason to believe: what does not say what a frame says is none, and nothing is raised."""
    for one in read_frames(framed(json.dumps(value).encode() + b"\n", behind), 1):
        state = State()
        state.apply(one.change)
        for row in state.rows():
            types = TABLES[next(name for name in TABLES if isinstance(row, TABLES[name]))].__annotations__.values()
            assert all(type(value) is kind for value, kind in zip(row, types, strict=True))
            assert row[-1].length >= 0


@given(some=st.lists(changes(), min_size=1, max_size=3), data=st.data())
def test_a_frame_that_is_cut_is_none(some: list[Change], data: st.DataObject) -> None:
    """Wherever the last frame ends too early, it is not there, and those before it are."""
    whole = written(some)
    last = list(read_frames(whole, 1))[-1]
    cut = whole[: data.draw(st.integers(last.start, len(whole) - 1))]
    assert len(list(read_frames(cut, 1))) == len(some) - 1


@given(change=changes(), data=st.data())
def test_a_flipped_byte_shows(change: Change, data: st.DataObject) -> None:
    """In the header or the packed part it costs the frame; in a large row's bytes the frame says that it is not whole."""
    whole = bytearray(written([change]))
    (one,) = read_frames(bytes(whole), 1)
    at = data.draw(st.integers(0, len(whole) - 1))
    whole[at] ^= data.draw(st.integers(1, 255))
    large = [row[-1] for row in one.change.puts.values() if row[-1].held is None]
    found = list(read_frames(bytes(whole), 1))
    if any(blob.offset <= at < blob.offset + blob.length for blob in large):
        assert [each.is_whole for each in found] == [False]
    else:
        assert found == []


@given(changes())
def test_doing_it_twice_is_doing_it_once(change: Change) -> None:
    """Replaying a frame again changes nothing: what cleaning copied may stand in both places."""
    once, twice = State(), State()
    once.apply(change)
    twice.apply(change)
    twice.apply(change)
    assert sorted(map(str, map(told_row, once.rows()))) == sorted(map(str, map(told_row, twice.rows())))
    assert once.alive_bytes == twice.alive_bytes


def told_row(row: Row) -> object:
    """A row and its bytes."""
    return type(row).__name__, *row[:-1], row[-1].held


def test_bytes_that_lie_elsewhere_are_named_by_their_place() -> None:
    """A row whose bytes are on disk already is put again without them, and its small ones are written again."""
    frame, check, lies = write_frame(_put(Ended(1, "b", Blob(b"x" * 5000))), 0, 0)
    for blob, at, stays in lies:
        assert not stays
        blob.lies(7, at, stays=stays)
        again, _, _ = write_frame(_put(Ended(2, "b", blob)), check, 0)
    assert len(again) < 200
    (one,) = read_frames(again, 9)
    moved = one.change.puts["record", 2][-1]
    assert (moved.segment, frame[moved.offset : moved.offset + moved.length]) == (7, b"x" * 5000)


def _put(row: Row) -> Change:
    change = Change()
    change.put(row)
    return change


def test_of_one_row_only_the_last_word_is_written() -> None:
    """What a transaction puts and drops again leaves no trace; what was there before is dropped by name."""
    change = Change()
    change.put(Intent(4, Blob(b"line")))
    change.drop("intent", 4, was_there=False)
    assert change.is_nothing
    change.put(Intent(5, Blob(b"line")))
    change.drop("intent", 5, was_there=True)
    assert (dict(change.puts), list(change.drops)) == ({}, [("intent", 5)])
    change.put(Intent(5, Blob(b"other")))
    assert list(change.drops) == []


@pytest.mark.parametrize("name", sorted(TABLES))
def test_every_table_says_where_its_bytes_are(name: str) -> None:
    """The last column of every table is its bytes, and it is decided whether they stay in memory."""
    assert list(TABLES[name].__annotations__.values())[-1] is Blob
    assert name in SMALL or name in {"record", "sealed", "receipt", "again"}
