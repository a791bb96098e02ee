"""DSSE envelopes: the PAE, base64 with one spelling, a closed envelope with one signature."""

import base64
import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from strategies import DEVICE, OTHER_DEVICE, mangled, wild

from shared import strictjson
from shared.dsse import (
    MAX_ENVELOPE_BYTES,
    PAYLOAD_TYPE,
    Envelope,
    b64,
    b64_exact,
    pae,
    read_envelope,
    seal,
)
from shared.errors import Malformed
from shared.keys import WrongSignature

LINE = seal(b"{}", DEVICE)
FIELDS: dict[str, Any] = json.loads(LINE)
SIGNATURE: dict[str, Any] = FIELDS["signatures"][0]


def test_pae_of_the_specification() -> None:
    """The example of the DSSE specification, protocol.md."""
    assert pae(b"hello world", "http://example.com/HelloWorld") == (
        b"DSSEv1 29 http://example.com/HelloWorld 11 hello world"
    )
    assert pae(b"") == b"DSSEv1 28 application/vnd.in-toto+json 0 "


@settings(deadline=None)
@given(st.lists(st.tuples(st.binary(max_size=20), st.text(max_size=10)), min_size=2, max_size=2, unique=True))
def test_pae_is_injective(pairs: list[tuple[bytes, str]]) -> None:
    """Two different pairs of type and payload never give the same bytes to sign."""
    try:
        one, two = (pae(payload, kind) for payload, kind in pairs)
    except UnicodeEncodeError:
        return
    assert one != two


@settings(deadline=None)
@given(st.binary(max_size=100))
def test_base64_is_undone(data: bytes) -> None:
    """Reading undoes writing."""
    assert b64_exact(b64(data)) == data


@settings(deadline=None)
@given(st.text(alphabet="ABCDwxyz0189+/=-_ \n", max_size=12))
def test_base64_has_one_spelling(text: str) -> None:
    """Text that is read is what its bytes are written as."""
    try:
        data = b64_exact(text)
    except Malformed:
        return
    assert b64(data) == text


@pytest.mark.parametrize(
    "text", [None, 1, b"AAAA", "AAA", "AAB=", "AB==", "AA A", "AAAA\n", "_-8=", "AAAA====", "=", "é"]
)
def test_bad_base64(text: object) -> None:
    """Junk, loose bits, other alphabets and missing padding are refused."""
    with pytest.raises(Malformed, match="base64"):
        b64_exact(text)


def test_sealed_payload_is_verified() -> None:
    """A payload comes out of an envelope only with the key that signed it."""
    envelope = read_envelope(LINE)
    assert envelope.key_id == DEVICE.public.key_id
    assert envelope.verified_by(DEVICE.public) == b"{}"
    with pytest.raises(WrongSignature):
        envelope.verified_by(OTHER_DEVICE.public)


def test_identity_is_that_of_what_was_signed() -> None:
    """Two signatures of one payload have one identity; another payload has another."""
    envelope = read_envelope(LINE)
    assert read_envelope(seal(b"{}", OTHER_DEVICE)).pae_sha256 == envelope.pae_sha256
    assert read_envelope(seal(b"{ }", DEVICE)).pae_sha256 != envelope.pae_sha256


def test_key_id_is_not_believed() -> None:
    """The key id only picks a key: under another name the signature still verifies with its key alone."""
    assert Envelope(b"{}", "0" * 64, read_envelope(LINE).signature).verified_by(DEVICE.public) == b"{}"


@pytest.mark.threat("T18")
@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"alg": "none"}, "exactly payload"),
        ({"payload": None}, "null"),
        ({"payload": 1}, "base64"),
        ({"payloadType": "application/json"}, "payloadType"),
        ({"payloadType": PAYLOAD_TYPE.upper()}, "payloadType"),
        ({"signatures": []}, "exactly one"),
        ({"signatures": [SIGNATURE, SIGNATURE]}, "exactly one"),
        ({"signatures": SIGNATURE}, "exactly one"),
        ({"signatures": ["x"]}, "keyid and sig"),
        ({"signatures": [SIGNATURE | {"alg": 1}]}, "keyid and sig"),
        ({"signatures": [{"sig": "AAAA"}]}, "keyid and sig"),
        ({"signatures": [SIGNATURE | {"keyid": 1}]}, "64 lower-case"),
        ({"signatures": [SIGNATURE | {"keyid": "A" * 64}]}, "64 lower-case"),
        ({"signatures": [SIGNATURE | {"keyid": "a" * 64 + "\n"}]}, "64 lower-case"),
        ({"signatures": [SIGNATURE | {"keyid": "\u0661" * 64}]}, "64 lower-case"),
        ({"signatures": [SIGNATURE | {"sig": "A"}]}, "base64"),
    ],
)
def test_bad_envelopes(change: dict[str, Any], why: str) -> None:
    """The envelope is closed: a member more, less or of another kind is refused."""
    line = json.dumps(FIELDS | change, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()
    with pytest.raises(Malformed, match=why):
        read_envelope(line)


def test_missing_member() -> None:
    """An envelope without its signatures is refused."""
    with pytest.raises(Malformed, match="exactly payload"):
        read_envelope(b'{"payload":"","payloadType":"application/vnd.in-toto+json"}')


@given(mangled(st.binary(max_size=60).map(lambda payload: seal(payload, DEVICE))))
def test_what_is_known_by_its_spelling(line: bytes) -> None:
    """Whatever is taken for an envelope by its spelling alone is what the strict reader reads, member for member."""
    try:
        envelope = read_envelope(line)
    except Malformed:
        return
    fields = strictjson.decode(line)
    assert fields == {
        "payload": b64(envelope.payload),
        "payloadType": PAYLOAD_TYPE,
        "signatures": [{"keyid": envelope.key_id, "sig": b64(envelope.signature)}],
    }
    assert strictjson.encode(fields) == line


def test_a_reader_that_takes_too_much() -> None:
    """An envelope in another spelling is refused even if whoever reads JSON for it has let that pass."""
    assert read_envelope(LINE, json.loads) == read_envelope(LINE)
    with pytest.raises(Malformed, match="spelling"):
        read_envelope(LINE.replace(b":", b": ", 1), json.loads)


def test_longest_envelope() -> None:
    """An envelope of the longest permitted length is read, one byte more is not looked at."""
    room = MAX_ENVELOPE_BYTES - len(read_line_of(0))
    longest = read_line_of(room // 4 * 3)
    assert MAX_ENVELOPE_BYTES - 4 < len(longest) <= MAX_ENVELOPE_BYTES
    assert len(read_envelope(longest).payload) == room // 4 * 3
    with pytest.raises(Malformed, match="more than 16384 bytes"):
        read_envelope(longest + b" " * (MAX_ENVELOPE_BYTES + 1 - len(longest)))


def read_line_of(payload_bytes: int) -> bytes:
    """Spell an envelope around so many bytes, with a signature of fixed length."""
    fields = FIELDS | {"payload": b64(bytes(payload_bytes))}
    return json.dumps(fields, sort_keys=True, separators=(",", ":")).encode()


@settings(deadline=None, max_examples=100)
@given(wild(st.binary(max_size=60).map(lambda payload: seal(payload, DEVICE))))
def test_any_bytes_as_envelope(line: bytes) -> None:
    """Any bytes are refused as Malformed, or spell the envelope they give."""
    try:
        envelope = read_envelope(line)
    except Malformed:
        return
    fields = json.loads(line)
    assert base64.b64decode(fields["payload"]) == envelope.payload
    assert fields["signatures"] == [{"keyid": envelope.key_id, "sig": b64(envelope.signature)}]
