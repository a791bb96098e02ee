"""Strict JSON read fast: `msgspec` says yes where it surely may, `shared.strictjson` has the last word on all else.

Only the yes is quick. Text in the profile (FORMAT.md, section 2) that is plain ASCII and not deeper than `_QUICK_DEPTH` is
decoded with types that hold no float, no null and no number out of range, and must be spelt again to the very bytes;
that refuses white space, other orders and escapes, a key twice and -0. What is spelt must read back as the same value.
Whatever is refused here is done once more by the slow one, which does it after all or says what is wrong. So both take and
refuse the same, and a test holds them to it.
"""

from typing import Annotated, Any, Final

import msgspec

from shared import batch, strictjson
from shared.batch import MAX_RECORDS
from shared.record import MAX_RECORD_BYTES, Record
from shared.strictjson import MAX_INTEGER, JsonObject

_QUICK_DEPTH: Final = 7  # levels of the quick reader's types; a record's samples are on the second or third
_Whole = Annotated[int, msgspec.Meta(ge=-MAX_INTEGER, le=MAX_INTEGER)]


def _levels(most: int) -> Any:  # noqa: ANN401 - a type made of types
    value: Any = _Whole | str | bool
    for _ in range(most - 1):
        value = _Whole | str | bool | list[value] | dict[str, value]
    return dict[str, value]


_decoder: Final = msgspec.json.Decoder(_levels(_QUICK_DEPTH))
_encoder: Final = msgspec.json.Encoder(order="sorted")


def decode(data: bytes) -> JsonObject:
    """Read one object, exactly as `strictjson.decode` does; raises Malformed."""
    if data.isascii():
        try:
            fields: JsonObject = _decoder.decode(data)
        except msgspec.DecodeError:
            return strictjson.decode(data)
        if _encoder.encode(fields) == data:
            return fields
    return strictjson.decode(data)


def encode(value: JsonObject) -> bytes:
    """Spell an object, exactly as `strictjson.encode` does; raises Malformed."""
    try:
        data = _encoder.encode(value)
        if data.isascii() and _decoder.decode(data) == value:
            return data
    except (msgspec.DecodeError, TypeError, ValueError, RecursionError):  # UnicodeEncodeError is one of them
        pass
    return strictjson.encode(value)


def spell(value: JsonObject) -> bytes:
    """Spell an object that is known to be in the profile, as `strictjson.encode` does."""
    return _encoder.encode(value)


def records_in(rest: bytes) -> tuple[Record, ...]:
    """The records behind a batch's first line, exactly as `batch.read_records` reads them; raises BadFormat."""
    return _quickly(rest) or batch.read_records(rest)


def _quickly(rest: bytes) -> tuple[Record, ...] | None:
    """The records, if nothing about them is out of the ordinary."""
    if not rest.isascii():
        return None
    try:
        fields: list[JsonObject] = _decoder.decode_lines(rest)
    except msgspec.DecodeError:
        return None
    if not 0 < len(fields) <= MAX_RECORDS or _encoder.encode_lines(fields) != rest:
        return None
    lines = rest.split(b"\n")
    records = []
    for line, told in zip(lines, fields, strict=False):  # after the last LF stands one more, empty
        seq = told.get("seq")
        if type(seq) is not int or seq < 0 or len(line) > MAX_RECORD_BYTES:
            return None
        records.append(Record(line, told, seq))
    return tuple(records)
