"""The quick reader takes and refuses what the strict one does, to the letter."""

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from strategies import DEVICE, batches, json_objects, record_lines, ring, wild

from collector import quickjson
from shared import batch, strictjson
from shared.batch import MAX_RECORDS, open_batch
from shared.errors import BadFormat, Malformed, Refused
from shared.record import MAX_RECORD_BYTES, Record, write_record
from shared.strictjson import MAX_DEPTH, MAX_INTEGER, JsonObject

ODD = [
    b'{"a":1.0}', b'{"a":1e3}', b'{"a":-0}', b'{"a":null}', b'{"a":NaN}', b'{"b":1,"a":2}', b'{"a":1,"a":1}', b"{ }", b"[]",
    b'{"a":"\\u00e9"}', b'{"\\u00e9":1}', '{"é":1}'.encode(), '{"a":"é"}'.encode(), b'{"a":"\\ud800"}', b'{"a":"\xff"}',
    b'{"a":"\\/"}', b'{"a":"\\u0001\\b"}', b'{"a":"\x7f"}', b'{"a":true}', b'{"a":[true,1,"x",{}]}', b"", b"{}\n",
    b'{"a":%d}' % MAX_INTEGER, b'{"a":%d}' % (MAX_INTEGER + 1), b'{"a":%d}' % (-MAX_INTEGER - 1),
    b'{"a":' + b"9" * 5000 + b"}",
    *(b'{"a":' + b"[" * deep + b"]" * deep + b"}" for deep in (5, 6, 7, MAX_DEPTH - 1, MAX_DEPTH, 10_000)),
]  # fmt: skip


def told(read: object, data: object) -> object:
    """What a reader makes of it: the value, or the words in which it refuses."""
    try:
        return read(data)  # type: ignore[operator, no-any-return]
    except Malformed as error:
        return f"refused: {error}"


@pytest.mark.parametrize("data", ODD)
def test_odd_spellings(data: bytes) -> None:
    """What is close to the profile's edge is taken or refused by both readers alike, in the same words."""
    assert told(quickjson.decode, data) == told(strictjson.decode, data)


@given(wild(json_objects.map(strictjson.encode)))
def test_one_object(data: bytes) -> None:
    """Whatever the bytes, both readers take the same value out of them or refuse alike."""
    assert told(quickjson.decode, data) == told(strictjson.decode, data)


@given(json_objects)
@example({"a": 1.5})  # type: ignore[dict-item]
@example({"a": None})  # type: ignore[dict-item]
@example({"a": float("nan")})  # type: ignore[dict-item]
@example({"a": MAX_INTEGER + 1})
@example({"a": 2**200})
@example({"é": 1})
@example({"a": "\ud800"})
@example({"a": "\u2028ü"})
@example({"a": b"x"})  # type: ignore[dict-item]
@example({1: 1})  # type: ignore[dict-item]
@example({"a": {"b": {"c": {"d": {"e": {"f": {"g": {"h": 1}}}}}}}})
def test_spelling(value: JsonObject) -> None:
    """Whatever is spelt, both spell it alike or refuse it alike."""
    assert told(quickjson.encode, value) == told(strictjson.encode, value)


def records(read: object, rest: bytes) -> tuple[Record, ...] | tuple[int, str]:
    """What a reader makes of a batch's records."""
    try:
        return read(rest)  # type: ignore[operator, no-any-return]
    except BadFormat as error:
        return error.step, error.detail


@given(wild(st.lists(record_lines(), max_size=4).map(b"".join)))
@example(b"")
@example(b"\n")
@example(b'{"seq":1}')
@example(b'{"seq":1}\n\n')
@example(b'\n{"seq":1}\n')
@example(b'{"seq":true}\n')
@example(b'{"seq":-1}\n')
@example(b'{"a":1}\n')
@example(b'{"seq":1}\r\n')
def test_records(rest: bytes) -> None:
    """Whatever the bytes, both readers find the same records or refuse them at the same one for the same reason."""
    assert records(quickjson.records_in, rest) == records(batch.read_records, rest)


@pytest.mark.parametrize(
    "rest",
    [
        write_record({"seq": 0}) * MAX_RECORDS,
        write_record({"seq": 0}) * (MAX_RECORDS + 1),
        write_record({"a": "x" * (MAX_RECORD_BYTES - len('{"a":"","seq":0}')), "seq": 0}),
        b'{"a":"%b","seq":0}\n' % (b"x" * (MAX_RECORD_BYTES + 1 - len('{"a":"","seq":0}'))),
    ],
    ids=["most_records", "one_too_many", "longest", "one_byte_too_long"],
)
def test_limits(rest: bytes) -> None:
    """The limits are the same limits."""
    assert records(quickjson.records_in, rest) == records(batch.read_records, rest)


@settings(deadline=None)
@given(wild(batches().map(lambda link: link.body)))
def test_whole_batches(body: bytes) -> None:
    """A batch opened quickly is the batch opened strictly, or refused at the same step in the same words."""

    def opened(*quick: object) -> object:
        try:
            return open_batch(body, ring(DEVICE), *quick)  # type: ignore[arg-type]
        except Refused as error:
            return type(error), error.step, error.detail

    assert opened(quickjson.decode, quickjson.records_in) == opened()
