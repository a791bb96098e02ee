"""One value has one spelling, and whatever is spelt otherwise is refused as Malformed."""

import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from strategies import json_objects, json_values, wild

from shared.errors import Malformed
from shared.strictjson import MAX_DEPTH, MAX_INTEGER, Json, JsonObject, decode, encode

SPELLINGS: list[tuple[Json, bytes]] = [
    ({}, b"{}"),
    ({"b": 1, "a": 2}, b'{"a":2,"b":1}'),
    ({"a": [True, False]}, b'{"a":[true,false]}'),
    ({"a": MAX_INTEGER, "b": -MAX_INTEGER}, b'{"a":9007199254740991,"b":-9007199254740991}'),
    ({"a": 'é€📶\u2028\x7f"\\\n\x01/'}, "é€📶\u2028\x7f".encode().join([b'{"a":"', b'\\"\\\\\\n\\u0001/"}'])),
    ({"A": 1, "a": 2, "_": 3, "": 4}, b'{"":4,"A":1,"_":3,"a":2}'),
]


@pytest.mark.parametrize(("value", "spelling"), SPELLINGS)
def test_spelling(value: Json, spelling: bytes) -> None:
    """Keys are sorted, escapes shortest, and nothing stands between tokens."""
    assert encode(value) == spelling
    assert decode(spelling) == value


def nested(levels: int) -> Json:
    """Lists in an object, this many levels in all."""
    value: Json = []
    for _ in range(levels - 2):
        value = [value]
    return {"a": value}


@pytest.mark.parametrize(
    ("value", "why"),
    [
        ({"a": 1.5}, "a float"),
        ({"a": None}, "a null"),
        ({"a": float("nan")}, "a float"),
        ({"a": MAX_INTEGER + 1}, "beyond 2^53"),
        ({"a": -MAX_INTEGER - 1}, "beyond 2^53"),
        ({"a": [1, MAX_INTEGER + 1]}, "beyond 2^53"),
        ({"a": [-MAX_INTEGER - 1, 1]}, "beyond 2^53"),
        ({"a": [1, True, MAX_INTEGER + 1]}, "beyond 2^53"),
        ({"é": 1}, "not ASCII"),
        ({1: 1}, "not ASCII"),
        ({"a": "\ud800"}, "surrogate"),
        ({"a": (1,)}, "a tuple"),
        ({"a": b"x"}, "a bytes"),
        (nested(MAX_DEPTH + 1), "deeper"),
        ({"a": {"b": nested(MAX_DEPTH - 1)}}, "deeper"),
    ],
)
def test_values_without_a_spelling(value: Json, why: str) -> None:
    """What the profile does not have cannot be written."""
    with pytest.raises(Malformed, match=why.replace("^", r"\^")):
        encode(value)


def test_deepest_value() -> None:
    """Sixteen levels are permitted, of lists and of objects."""
    deepest = nested(MAX_DEPTH)
    assert decode(encode(deepest)) == deepest
    in_objects: Json = {}
    for _ in range(MAX_DEPTH - 1):
        in_objects = {"a": in_objects}
    assert decode(encode(in_objects)) == in_objects
    with pytest.raises(Malformed, match="deeper"):
        encode({"a": in_objects})


@pytest.mark.threat("T19")
@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"", "not JSON"),
        (b"{", "not JSON"),
        (b"[]", "not a JSON object"),
        (b"1", "not a JSON object"),
        (b'{"a":\xff}', "not UTF-8 at byte 5"),
        (b'{"a":"\xed\xa0\x80"}', "not UTF-8"),
        (b'\xef\xbb\xbf{"a":1}', "not JSON"),
        ('{"a":1}'.encode("utf-16"), "not UTF-8"),
        ('{"a":1}'.encode("utf-16-le"), "not JSON"),
        (b'{"a":1.0}', "a float: 1.0"),
        (b'{"a":1e2}', "a float: 1e2"),
        (b'{"a":NaN}', "not a JSON number: NaN"),
        (b'{"a":-Infinity}', "not a JSON number: -Infinity"),
        (b'{"a":null}', "a null"),
        (b'{"a":9007199254740992}', "beyond 2"),
        (b'{"a":' + b"9" * 5000 + b"}", "not JSON"),
        (b'{"a":' * 20_000, "deeper"),
        (b'{"a":' + b"[" * 16 + b"]" * 16 + b"}", "deeper"),
        (b'{"a":-0}', "permitted spelling"),
        (b'{"a": 1}', "permitted spelling"),
        (b'{"a":1}\n', "permitted spelling"),
        (b'{"b":1,"a":2}', "permitted spelling"),
        (b'{"a":"\\u0041"}', "permitted spelling"),
        (b'{"a":"\\/"}', "permitted spelling"),
        (b'{"a":"\\u000A"}', "permitted spelling"),
        (b'{"a":"\\ud800"}', "surrogate"),
        (b'{"a":1,"a":1}', "a key twice: '?a"),
        (b'{"a":{"b":1,"b":2}}', "a key twice: '?b"),
        (b'{"a":null,"a":1}', "a key twice: '?a"),
        (b'{"a":{"\\ud800":1,"\\ud800":2},"a":1}', "a key twice: "),
        ('{"é":1}'.encode(), "not ASCII"),
        (b'{"\\u00e9":1}', "not ASCII"),
        (b"{'a':1}", "not JSON"),
        (b'{"a":"\n"}', "not JSON"),
        (b'{"a":01}', "not JSON"),
        (b'{"a":1}{}', "not JSON"),
    ],
)
def test_refused_bytes(data: bytes, why: str) -> None:
    """Bytes outside the profile are refused, and the reason is named."""
    with pytest.raises(Malformed, match=why):
        decode(data)


def test_reasons_can_be_sent() -> None:
    """A reason is text that UTF-8 can carry, whatever half characters stood in what was refused."""
    with pytest.raises(Malformed) as refused:
        decode(b'{"a":{"\\ud800":1,"\\ud800":2},"a":1}')
    assert str(refused.value).encode()


@pytest.fixture
def untraced() -> Iterator[None]:
    """Take a coverage tracer off: at the interpreter's limit it would fail in place of what is tested."""
    tracer = sys.gettrace()
    sys.settrace(None)
    yield
    sys.settrace(tracer)


@pytest.mark.usefixtures("untraced")
def test_no_depth_is_a_crash() -> None:
    """Depth hidden under a twin key is Malformed too, right up to what the interpreter can stand."""
    most = sys.getrecursionlimit()
    for levels in range(most // 2, most + 1):
        with pytest.raises(Malformed):
            decode(b'{"a":' + b'{"a":' * levels + b"1" + b"}" * levels + b',"a":1}')


@settings(deadline=None)
@given(json_objects)
def test_decode_undoes_encode(value: JsonObject) -> None:
    """What is written is read back as it was, members nobody knows among them."""
    assert decode(encode(value)) == value


@settings(deadline=None, max_examples=150)
@given(wild(json_objects.map(encode)))
def test_whatever_is_read_is_written_the_same(data: bytes) -> None:
    """Any bytes are refused as Malformed, or are the one spelling of what they say."""
    try:
        value = decode(data)
    except Malformed:
        return
    assert encode(value) == data


@settings(deadline=None)
@given(json_objects, st.sampled_from([{"indent": 1}, {"separators": (", ", ":")}, {"ensure_ascii": True}]))
def test_other_spellings_of_a_value_are_refused(value: JsonObject, style: dict[str, Any]) -> None:
    """A value spelt in another way is refused, unless that way comes to the same bytes."""
    strict: dict[str, Any] = {"sort_keys": True, "separators": (",", ":"), "ensure_ascii": False}
    other = json.dumps(value, **strict | style)
    if other.encode() == encode(value):
        assert decode(other.encode()) == value
    else:
        with pytest.raises(Malformed):
            decode(other.encode())


JCS_IN_NODE = """
const spell = v => Array.isArray(v) ? "[" + v.map(spell).join(",") + "]"
  : v !== null && typeof v === "object"
  ? "{" + Object.keys(v).sort().map(k => JSON.stringify(k) + ":" + spell(v[k])).join(",") + "}"
  : JSON.stringify(v);
process.stdout.write(spell(JSON.parse(require("fs").readFileSync(0, "utf8"))));
"""


@pytest.mark.threat("T19")
@pytest.mark.skipif(shutil.which("node") is None, reason="no node on PATH")
@settings(deadline=None, max_examples=10)
@given(st.lists(json_values, min_size=5, max_size=40))
def test_node_spells_alike(values: list[Json]) -> None:
    """ECMAScript's own serialiser with sorted keys, which RFC 8785 is built on, gives the same bytes."""
    data = encode({"values": values})
    done = subprocess.run(["node", "-e", JCS_IN_NODE], input=data, capture_output=True, check=True)
    assert done.stdout == data


@settings(deadline=None)
@given(json_objects)
def test_rfc8785_spells_alike(value: JsonObject) -> None:
    """An independent RFC 8785 implementation gives the same bytes."""
    rfc8785 = pytest.importorskip("rfc8785", reason="rfc8785 is not installed")
    assert rfc8785.dumps(value) == encode(value)
