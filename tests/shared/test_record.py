"""Records: only `seq` is asked for; every other member is read when used, and may be absent or odd."""

import pytest
from hypothesis import given, settings
from strategies import record_lines, record_members, wild

from shared import strictjson
from shared.errors import Malformed
from shared.record import LOST, MAX_RECORD_BYTES, End, Record, read_record, reread_record, write_record
from shared.strictjson import JsonObject

FULL = read_record(
    b'{"end":"ok","flaws":["wifi",1,"cpu"],"method":"latency","n":7,"odd":[1,true],"rtt_us":[5,-1],"seq":3,"yes":true}'
)
BARE = read_record(b'{"seq":0}')


def test_members_are_read_as_what_they_are() -> None:
    """A member is given if it is of the kind asked for."""
    assert FULL.seq == 3
    assert FULL.end is End.OK
    assert FULL.method == "latency"
    assert FULL.text("method") == "latency"
    assert FULL.integer("n") == 7
    assert FULL.integers("rtt_us") == (5, LOST)
    assert FULL.texts("flaws") == ("wifi", "cpu")


def test_absent_members() -> None:
    """A member that is absent is None, empty text, or nothing."""
    assert BARE.end is None
    assert BARE.method == ""
    assert BARE.text("x") is None
    assert BARE.integer("x") is None
    assert BARE.integers("x") == ()
    assert BARE.texts("x") == ()


def test_members_of_another_kind() -> None:
    """A member of another kind counts as absent; a boolean is no integer; a list is whole or nothing."""
    assert FULL.text("n") is None
    assert FULL.integer("method") is None
    assert FULL.integer("yes") is None
    assert FULL.integers("odd") == ()
    assert FULL.integers("n") == ()
    assert FULL.texts("n") == ()


@pytest.mark.parametrize(
    ("value", "rows"),
    [
        (b"[[1,2],[],[3]]", ((1, 2), (), (3,))),
        (b"[]", ()),
        (b"[1,2]", ()),
        (b"[[1],2]", ()),
        (b"[[1],[true]]", ()),
        (b'[["1"]]', ()),
        (b'{"a":[1]}', ()),
        (b"7", ()),
    ],
)
def test_a_list_of_lists_is_whole_or_nothing(value: bytes, rows: tuple[tuple[int, ...], ...]) -> None:
    """Rows of integers are given as they are; anything else in any of them, and there are none."""
    assert read_record(b'{"rows":' + value + b',"seq":0}').series("rows") == rows
    assert BARE.series("rows") == ()


def test_unknown_end() -> None:
    """An end that this version does not know is no end, and the record is kept all the same."""
    assert read_record(b'{"end":"evaporated","seq":0}').end is None


@pytest.mark.parametrize("end", End)
def test_known_ends(end: End) -> None:
    """Each end is spelt as its value."""
    assert read_record(write_record({"end": end.value, "seq": 0})[:-1]).end is end


@pytest.mark.parametrize(
    ("line", "why"),
    [
        (b"", "not JSON"),
        (b"{}", "sequence number"),
        (b'{"seq":-1}', "sequence number"),
        (b'{"seq":true}', "sequence number"),
        (b'{"seq":"0"}', "sequence number"),
        (b'{"seq":[0]}', "sequence number"),
        (b'{"seq":1.0}', "float"),
        (b'{"seq":0}\n', "spelling"),
        (b'{"seq":0}\r', "spelling"),
    ],
)
def test_bad_lines(line: bytes, why: str) -> None:
    """A line out of form or without a sequence number is no record."""
    with pytest.raises(Malformed, match=why):
        read_record(line)


def test_longest_record() -> None:
    """A line of 64 KiB is a record, one byte more is not."""
    filler = "x" * (MAX_RECORD_BYTES - len(b'{"a":"","seq":0}'))
    assert len(write_record({"a": filler, "seq": 0})) == MAX_RECORD_BYTES + 1
    with pytest.raises(Malformed, match="more than 65536 bytes"):
        write_record({"a": filler + "x", "seq": 0})


@pytest.mark.parametrize("members", [{}, {"seq": -1}, {"seq": 0, "é": 1}, {"seq": 0, "a": None}])
def test_what_cannot_be_read_is_not_written(members: JsonObject) -> None:
    """A record that would be refused on arrival is refused where it is made."""
    with pytest.raises(Malformed):
        write_record(members)


@settings(deadline=None, max_examples=50)
@given(record_members(5))
def test_reading_undoes_writing(members: JsonObject) -> None:
    """A record is read back with every member it had, and written again as the same bytes."""
    line = write_record(members)
    record = read_record(line[:-1])
    assert record.fields == members
    assert reread_record(line[:-1]) == record
    assert write_record(record.fields) == line


@settings(deadline=None, max_examples=150)
@given(wild(record_lines().map(lambda line: line[:-1])))
def test_any_bytes_as_record(line: bytes) -> None:
    """Any bytes are refused as Malformed, or give a record that keeps them and answers every question."""
    try:
        record = read_record(line)
    except Malformed:
        return
    assert record == Record(line, strictjson.decode(line), record.seq)
    assert record.end is None or record.end in End
    for name in record.fields:
        record.text(name), record.integer(name), record.integers(name), record.series(name), record.texts(name)
