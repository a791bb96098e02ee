"""The strict JSON profile of everything that is signed (FORMAT.md, section 2).

One value has one spelling: UTF-8 without BOM, integers within ±(2^53 - 1), no float, exponent, -0, NaN or null, ASCII
keys in order and none twice, no white space between tokens, shortest escapes. Within this profile the standard
library's sorted output equals RFC 8785. A reader requires `encode(decode(b)) == b`; that is a rule of form, a
signature never depends on it.
"""

import json
from collections.abc import Callable
from typing import Any, NoReturn, TypeAlias

from shared.errors import Malformed

Json: TypeAlias = "dict[str, Json] | list[Json] | str | int"
JsonObject: TypeAlias = "dict[str, Json]"
Decode: TypeAlias = Callable[[bytes], JsonObject]  # whatever reads exactly this profile
Encode: TypeAlias = Callable[[JsonObject], bytes]  # whatever spells exactly it

MAX_INTEGER = 2**53 - 1
MAX_DEPTH = 16


def encode(value: Json) -> bytes:
    """Spell a value in the profile.

    Raises Malformed for a float, a null, an integer out of range, a key that is not ASCII text, a lone surrogate, or
    more than `MAX_DEPTH` levels.
    """
    _check(value, 1)
    return _spell(value)


def decode(data: bytes) -> JsonObject:
    """Read one object from bytes that must be in the profile to the letter. Raises Malformed."""
    try:
        return _decode(data)
    except RecursionError as error:
        raise Malformed(f"deeper than {MAX_DEPTH} levels") from error


def _decode(data: bytes) -> JsonObject:
    try:
        text = data.decode("utf-8")
        if text.startswith("\ufeff"):
            raise Malformed("not JSON: a byte order mark")
        value = _DECODER.decode(text)
    except UnicodeDecodeError as error:
        raise Malformed(f"not UTF-8 at byte {error.start}") from error
    except Malformed:
        raise
    except ValueError as error:
        raise Malformed(f"not JSON: {error}") from error
    if not isinstance(value, dict):
        raise Malformed("not a JSON object")
    _check(value, 1)
    if _spell(value) != data:
        raise Malformed(_why_not_canonical(data))
    return value


def _spell(value: Json) -> bytes:
    text = _ENCODER.encode(value)
    try:
        return text.encode("utf-8")
    except UnicodeEncodeError as error:
        raise Malformed("a lone surrogate") from error


def _check(value: Any, depth: int) -> None:  # noqa: ANN401 - what a parser gives
    kind = type(value)
    if kind is int:
        if not -MAX_INTEGER <= value <= MAX_INTEGER:
            raise Malformed("an integer beyond 2^53 - 1")
    elif kind is dict:
        if depth > MAX_DEPTH:
            raise Malformed(f"deeper than {MAX_DEPTH} levels")
        for key, member in value.items():
            if type(key) is not str or not key.isascii():
                raise Malformed("a key that is not ASCII text")
            if type(member) is not str:  # which most are
                _check(member, depth + 1)
    elif kind is list:
        if depth > MAX_DEPTH:
            raise Malformed(f"deeper than {MAX_DEPTH} levels")
        kinds = set(map(type, value))
        if kinds == {str}:
            return
        if kinds == {int}:  # samples: the bulk of every record, so not one by one
            if max(value) > MAX_INTEGER or min(value) < -MAX_INTEGER:
                raise Malformed("an integer beyond 2^53 - 1")
            return
        for member in value:
            _check(member, depth + 1)
    elif kind is not str and kind is not bool:
        raise Malformed("a null" if value is None else f"a {kind.__name__}")


def _refuse_float(text: str) -> NoReturn:
    raise Malformed(f"a float: {text[:40]}")


def _refuse_constant(text: str) -> NoReturn:
    raise Malformed(f"not a JSON number: {text}")


# Made once: json.loads and json.dumps make new ones for each call that has options.
_DECODER = json.JSONDecoder(parse_float=_refuse_float, parse_constant=_refuse_constant)
_ENCODER = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def _why_not_canonical(data: bytes) -> str:
    """Say what is wrong with bytes that parse but are not spelt as they must be."""

    def no_twins(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        keys = [key for key, _ in pairs]
        if len(set(keys)) != len(keys):
            raise Malformed(f"a key twice: {next(key for key in keys if keys.count(key) > 1)[:60]!a}")
        return dict(pairs)

    try:
        json.loads(data, object_pairs_hook=no_twins)
    except Malformed as twins:
        return str(twins)
    return "not in the one permitted spelling (order of keys, white space, escapes, or -0)"
