"""Enrolment: codes people can type, a request only their owner and an answer only the portal can make."""

import hashlib
import hmac
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from strategies import DEVICE, OTHER_DEVICE, PORTAL, json_values, wild

from shared import dsse
from shared.dsse import b64
from shared.enrolment import (
    CODE_LENGTH,
    CODE_SYMBOLS,
    KEY_CLASSES,
    EnrolRequest,
    code_mac,
    make_code,
    make_enrolment,
    make_request,
    read_code,
    read_enrolment,
    read_request,
    show_code,
    subscriber_hash,
)
from shared.errors import Malformed
from shared.keys import FileKey, WrongSignature
from shared.statement import Kind, Statement
from shared.strictjson import Json

CODE = "7K3M9QX2TA"
NONCE = bytes(range(16))
SUB = subscriber_hash(bytes(32), "subscriber-0001")
REQUEST_LINE = make_request(CODE, NONCE, DEVICE)
REQUEST = read_request(REQUEST_LINE)
LINE = make_enrolment(REQUEST, SUB, 9, "file", PORTAL)

ASKED: dict[str, Any] = {
    "mac": b64(code_mac(CODE, DEVICE.public.spki, NONCE)),
    "nonce": b64(NONCE),
    "spki": b64(DEVICE.public.spki),
}
ENROLLED: dict[str, Any] = {
    "alg": "ecdsa-p256-sha256",
    "dev": DEVICE.public.key_id,
    "key": "file",
    "request": {"p": b64(REQUEST.envelope.payload), "s": b64(REQUEST.envelope.signature)},
    "sub": SUB,
    "t_us": 9,
}


def asking(subject: str = DEVICE.public.key_id, signer: FileKey = DEVICE, **change: Json) -> bytes:
    """Sign a request with any members, even such as nobody would make."""
    return dsse.seal(Statement(Kind.ENROL_REQUEST, "device", subject, ASKED | change).encode(), signer)


def signed(line: bytes) -> Json:
    """A request's envelope as an enrolment holds it."""
    envelope = dsse.read_envelope(line)
    return {"p": b64(envelope.payload), "s": b64(envelope.signature)}


def enrolling(subject: str = DEVICE.public.key_id, **change: Json) -> bytes:
    """Sign an enrolment with any members, even such as no portal would make."""
    return dsse.seal(Statement(Kind.ENROL, "device", subject, ENROLLED | change).encode(), PORTAL)


@settings(deadline=None)
@given(st.binary(min_size=7, max_size=16))
def test_code_as_shown_is_the_code(chance: bytes) -> None:
    """A code read from what is shown is the code that was made."""
    code = make_code(chance)
    assert len(code) == CODE_LENGTH
    assert read_code(show_code(code)) == code


def test_too_little_chance_for_a_code() -> None:
    """A code of fewer than fifty bits of chance is not made."""
    with pytest.raises(ValueError, match="seven bytes"):
        make_code(bytes(6))


def test_code_uses_all_fifty_bits() -> None:
    """Each symbol comes from five bits of its own."""
    assert make_code(bytes(7)) == "0" * 10
    assert make_code(b"\xff" * 7) == "Z" * 10
    assert {make_code((1 << bit).to_bytes(7, "big")) for bit in range(50)} == {
        "0" * place + symbol + "0" * (9 - place) for place in range(10) for symbol in "1248G"
    }


@pytest.mark.parametrize("typed", ["7k3m9-qx2ta", " 7K3M9QX2TA\n", "7K3M9 QX2TA", "7-K-3-M-9-Q-X-2-T-A"])
def test_code_as_people_type_it(typed: str) -> None:
    """Case, blanks and hyphens do not matter."""
    assert read_code(typed) == CODE


def test_letters_that_look_alike() -> None:
    """I and L are read as 1, O as 0, as Crockford has it."""
    assert read_code("oOiIl-L0011") == "0011110011"


@pytest.mark.parametrize("typed", ["", "7K3M9", "7K3M9QX2TA0", "7K3M9QX2TU", "7K3M9_QX2TA", "7K3M9QX2T\u0661"])
def test_what_cannot_be_a_code(typed: str) -> None:
    """Too short, too long, or with other symbols: the person is told what a code looks like."""
    with pytest.raises(Malformed, match="10 letters and digits"):
        read_code(typed)


@settings(deadline=None)
@given(st.text(max_size=14))
def test_any_text_as_code(typed: str) -> None:
    """Any text is refused as Malformed, or gives ten symbols."""
    try:
        code = read_code(typed)
    except Malformed:
        return
    assert len(code) == CODE_LENGTH
    assert set(code) <= set(CODE_SYMBOLS)
    assert read_code(show_code(code)) == code


def test_mac_and_hash_are_what_they_are_said_to_be() -> None:
    """The mac is HMAC-SHA-256 over the key and the nonce; the subscriber's hash is salted."""
    message = b"enrol/v1\n" + hashlib.sha256(b"spki").digest() + NONCE
    assert code_mac(CODE, b"spki", NONCE) == hmac.new(CODE.encode(), message, hashlib.sha256).digest()
    assert hashlib.sha256(bytes(32) + b"subscriber-0001").hexdigest() == SUB


def test_request() -> None:
    """A request gives the key that signed it, and stands only with the code it was made with."""
    assert (REQUEST.key, REQUEST.nonce) == (DEVICE.public, NONCE)
    assert REQUEST.with_code(CODE) is REQUEST
    with pytest.raises(Malformed, match="not made with this code"):
        REQUEST.with_code("0" * 10)


def test_request_is_bound_to_its_key() -> None:
    """The mac of one key's request is no good in another's."""
    stolen = asking(OTHER_DEVICE.public.key_id, OTHER_DEVICE, spki=b64(OTHER_DEVICE.public.spki))
    with pytest.raises(Malformed, match="not made with this code"):
        read_request(stolen).with_code(CODE)


@pytest.mark.parametrize(
    ("line", "why"),
    [
        (asking(signer=OTHER_DEVICE), "does not fit"),
        (asking(subject=OTHER_DEVICE.public.key_id), "subject is not the key"),
        (asking(nonce=b64(NONCE[:-1])), "16 bytes"),
        (asking(nonce=1), "base64"),
        (asking(mac="A"), "base64"),
        (asking(spki="AAAA"), "public key"),
        (asking(spki=["x"]), "base64"),
        (enrolling(), "predicateType"),
    ],
)
def test_bad_requests(line: bytes, why: str) -> None:
    """A request not signed by the key inside it, or without its members, is refused."""
    with pytest.raises(Malformed, match=why):
        read_request(line)


def test_enrolment() -> None:
    """An enrolment gives the device's key and its salted line, as the portal signed it."""
    enrolment = read_enrolment(LINE, PORTAL.public)
    assert (enrolment.key, enrolment.sub, enrolment.t_us, enrolment.key_class) == (
        DEVICE.public,
        SUB,
        9,
        "file",
    )
    assert read_enrolment(enrolling(more=1), PORTAL.public) == enrolment
    with pytest.raises(WrongSignature):
        read_enrolment(LINE, OTHER_DEVICE.public)


@pytest.mark.parametrize(
    ("line", "why"),
    [
        (enrolling(OTHER_DEVICE.public.key_id), "another key"),
        (enrolling(dev=OTHER_DEVICE.public.key_id), "another key"),
        (enrolling(dev="x"), "64 lower-case"),
        (enrolling(alg="ed25519"), "alg is not"),
        (enrolling(request={}), "without its request"),
        (enrolling(request="x"), "without its request"),
        (enrolling(request={"p": 1, "s": "AAAA"}), "without its request"),
        (enrolling(request={"p": "A", "s": "AAAA"}), "base64"),
        (enrolling(request=ENROLLED["request"] | {"p": "AAAA"}), "not UTF-8|not JSON"),
        (enrolling(request=ENROLLED["request"] | {"s": b64(OTHER_DEVICE.sign(b""))}), "does not fit"),
        (enrolling(sub="subscriber-0001"), "sub"),
        (enrolling(t_us=-1), "t_us"),
        (enrolling(key=1), "key is not text"),
        (enrolling(request=signed(asking(OTHER_DEVICE.public.key_id))), "subject of the request"),
        (REQUEST_LINE, "does not fit"),
    ],
)
def test_bad_enrolments(line: bytes, why: str) -> None:
    """An enrolment whose request is missing, another's or not signed by its device is refused."""
    with pytest.raises(Malformed, match=why):
        read_enrolment(line, PORTAL.public)


def test_portal_alone_cannot_enrol() -> None:
    """Without a request signed by the device's own key the portal's signature is not enough."""
    made_up = asking(signer=PORTAL)
    inner = dsse.read_envelope(made_up)
    request = EnrolRequest(DEVICE.public, NONCE, b"", inner)
    with pytest.raises(WrongSignature):
        read_enrolment(make_enrolment(request, SUB, 9, "file", PORTAL), PORTAL.public)


@settings(deadline=None, max_examples=100)
@given(wild(st.just(REQUEST_LINE)))
def test_any_bytes_as_request(line: bytes) -> None:
    """Any bytes but a request are refused as Malformed; only the key id, not believed, may differ."""
    try:
        request = read_request(line)
    except Malformed:
        return
    assert request.key == DEVICE.public
    assert request.with_code(CODE) is request


@settings(deadline=None, max_examples=100)
@given(st.dictionaries(st.sampled_from(sorted(ASKED)), json_values, min_size=1))
def test_any_signed_request(change: dict[str, Any]) -> None:
    """Any members a device may sign are refused as Malformed, or still name its key."""
    try:
        request = read_request(asking(**change))
    except Malformed:
        return
    assert request.key == DEVICE.public


@settings(deadline=None, max_examples=100)
@given(wild(st.just(LINE)))
def test_any_bytes_as_enrolment(line: bytes) -> None:
    """Any bytes but an enrolment are refused as Malformed."""
    try:
        enrolment = read_enrolment(line, PORTAL.public)
    except Malformed:
        return
    assert enrolment == read_enrolment(LINE, PORTAL.public)


@settings(deadline=None, max_examples=100)
@given(st.dictionaries(st.sampled_from(sorted(ENROLLED)), json_values, min_size=1))
def test_any_signed_enrolment(change: dict[str, Any]) -> None:
    """Any members a portal may sign are refused as Malformed, or still name the device's key."""
    try:
        enrolment = read_enrolment(enrolling(**change), PORTAL.public)
    except Malformed:
        return
    assert enrolment.key == DEVICE.public


@pytest.mark.parametrize("key_class", KEY_CLASSES)
def test_where_the_key_is_kept(key_class: str) -> None:
    """A device says where its key is kept, and the portal signs that; one that says nothing has it in a file."""
    request = read_request(make_request(CODE, NONCE, DEVICE, key_class))
    assert request.key_class == key_class
    assert (
        read_enrolment(make_enrolment(request, SUB, 9, request.key_class, PORTAL), PORTAL.public).key_class == key_class
    )
    assert read_request(asking()).key_class == "file"


@pytest.mark.parametrize("odd", [7, "", "pocket", ["file"]])
def test_where_no_key_is_kept(odd: Json) -> None:
    """A class that nobody knows is refused."""
    with pytest.raises(Malformed, match=r"key is not text|kept in one of"):
        read_request(asking(key=odd))
