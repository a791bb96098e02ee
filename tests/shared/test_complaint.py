"""Complaints: the customer's own words, signed by his device and by no other."""

import hashlib
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from strategies import DEVICE, OTHER_DEVICE, json_texts, json_values, wild

from shared import dsse
from shared.complaint import MAX_TEXT_BYTES, SUBJECT, make_complaint, read_complaint
from shared.errors import Malformed
from shared.keys import WrongSignature
from shared.statement import Kind, Statement
from shared.strictjson import Json

WORDS = "Videos stop every evening."


def sealed(text: Json = WORDS, digest: str | None = None, **predicate: Json) -> dsse.Envelope:
    """Sign a complaint with any members, even such as nobody would make."""
    told = Statement(
        Kind.COMPLAINT,
        SUBJECT,
        digest or hashlib.sha256(str(text).encode()).hexdigest(),
        {"dev": DEVICE.public.key_id, "text": text, "wall_us": 5} | predicate,
    )
    return dsse.read_envelope(dsse.seal(told.encode(), DEVICE))


def test_words_are_kept() -> None:
    """What the customer said is read as he said it, without the blanks around it."""
    envelope = dsse.read_envelope(make_complaint(f"  {WORDS}\n", 5, DEVICE))
    complaint = read_complaint(envelope, DEVICE.public)
    assert (complaint.text, complaint.wall_us, complaint.dev) == (WORDS, 5, DEVICE.public.key_id)
    assert complaint.pae_sha256 == envelope.pae_sha256
    assert read_complaint(sealed(), DEVICE.public) == complaint


@settings(deadline=None)
@given(json_texts.filter(str.strip), st.integers(0, 2**53 - 1))
def test_reading_undoes_making(text: str, wall_us: int) -> None:
    """Any words and any time come back."""
    complaint = read_complaint(dsse.read_envelope(make_complaint(text, wall_us, DEVICE)), DEVICE.public)
    assert (complaint.text, complaint.wall_us) == (text.strip(), wall_us)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "needs words"),
        (" \n\u2003", "needs words"),
        ("x" * (MAX_TEXT_BYTES + 1), "at most 4000 bytes"),
        ("é" * (MAX_TEXT_BYTES // 2 + 1), "this one has 4002"),
        ("\ud800", "not text"),
        ("x" + "\x01" * 3900 + "x", "unusual characters"),
    ],
)
def test_words_that_cannot_be_sent(text: str, why: str) -> None:
    """No words, too many, or half a character: the customer is told, and nothing is signed."""
    with pytest.raises(Malformed, match=why):
        make_complaint(text, 5, DEVICE)


def test_longest_complaint() -> None:
    """Four thousand bytes of words are permitted, whatever they are."""
    for text in ("x" * MAX_TEXT_BYTES, "📶" * (MAX_TEXT_BYTES // 4)):
        envelope = dsse.read_envelope(make_complaint(text, 5, DEVICE))
        assert read_complaint(envelope, DEVICE.public).text == text


@pytest.mark.parametrize(
    ("envelope", "why"),
    [
        (sealed(""), "bytes of words"),
        (sealed(" "), "bytes of words"),
        (sealed("x" * (MAX_TEXT_BYTES + 1)), "bytes of words"),
        (sealed(1), "text is not text"),
        (sealed(digest="0" * 64), "the subject is not the text"),
        (sealed(dev=OTHER_DEVICE.public.key_id), "dev is not the id"),
        (sealed(dev="x"), "64 lower-case"),
        (sealed(wall_us=-1), "wall_us"),
        (sealed(wall_us="5"), "wall_us"),
    ],
)
def test_bad_complaints(envelope: dsse.Envelope, why: str) -> None:
    """A signed complaint that cannot be is refused."""
    with pytest.raises(Malformed, match=why):
        read_complaint(envelope, DEVICE.public)


def test_signer_and_kind() -> None:
    """Another device's signature, and another kind of statement, are refused."""
    with pytest.raises(WrongSignature):
        read_complaint(sealed(), OTHER_DEVICE.public)
    receipt = Statement(Kind.RECEIPT, SUBJECT, "0" * 64, {}).encode()
    with pytest.raises(Malformed, match="predicateType"):
        read_complaint(dsse.read_envelope(dsse.seal(receipt, DEVICE)), DEVICE.public)


@settings(deadline=None, max_examples=100)
@given(wild(st.just(sealed().payload)))
def test_any_signed_bytes(payload: bytes) -> None:
    """Any bytes a device may sign are refused as Malformed, or say what the device said."""
    envelope = dsse.read_envelope(dsse.seal(payload, DEVICE))
    try:
        complaint = read_complaint(envelope, DEVICE.public)
    except Malformed:
        return
    assert complaint.dev == DEVICE.public.key_id


@settings(deadline=None)
@given(st.dictionaries(st.sampled_from(["dev", "text", "wall_us", "more"]), json_values, min_size=1))
def test_any_signed_members(change: dict[str, Any]) -> None:
    """Any members are refused as Malformed, or change nothing that is known."""
    try:
        complaint = read_complaint(sealed(**change), DEVICE.public)
    except Malformed:
        return
    assert hashlib.sha256(complaint.text.encode()).digest()
