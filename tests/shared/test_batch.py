"""Batches: what was sealed opens as it was, and nothing that differs from it by one bit opens at all.

Which defect is refused at which step is the business of the vectors (see test_vectors).
"""

import hashlib
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from strategies import DEVICE, OTHER_DEVICE, Link, batches, json_values, ring, wild

from shared import dsse, strictjson
from shared.batch import (
    FIRST_PREV,
    MAX_BODY_BYTES,
    MAX_RECORDS,
    SUBJECT,
    BatchStatement,
    OpenedBatch,
    Sealing,
    boot_name,
    open_batch,
    pae_sha256_of,
    read_batch_statement,
    seal_batch,
)
from shared.errors import Malformed, Refused, TooLarge, UnknownKey
from shared.keys import PublicKey
from shared.record import write_record
from shared.statement import Kind, Statement

SEALING = Sealing("agent", 0, "boot", FIRST_PREV, 0, 2, 5, 6)
LINES = (write_record({"seq": 0}), write_record({"rtt_us": [1, -1], "seq": 2}))
BODY = seal_batch(LINES, SEALING, DEVICE)
PREDICATE = open_batch(BODY, ring(DEVICE)).said.predicate


def try_to_open(body: bytes) -> OpenedBatch | Refused:
    """Give the batch, or its refusal; any other error is a failure of the test."""
    try:
        return open_batch(body, ring(DEVICE))
    except Refused as refused:
        return refused


@settings(deadline=None, max_examples=50)
@given(batches())
def test_opening_undoes_sealing(batch: Link) -> None:
    """A sealed batch opens, keeps every byte, and says what was said when it was sealed."""
    opened = open_batch(batch.body, ring(DEVICE))
    sealing = batch.sealing
    assert opened.body == batch.body
    assert tuple(record.line + b"\n" for record in opened.records) == batch.lines
    assert opened.said == BatchStatement(
        agent=sealing.agent,
        batch=sealing.batch,
        boot=sealing.boot,
        dev=DEVICE.public.key_id,
        prev=sealing.prev,
        first_seq=sealing.first_seq,
        last_seq=sealing.last_seq,
        n=len(batch.lines),
        lost=sealing.last_seq - sealing.first_seq + 1 - len(batch.lines),
        sealed_mono_us=sealing.sealed_mono_us,
        sealed_wall_us=sealing.sealed_wall_us,
        predicate=opened.said.predicate,
    )
    assert opened.pae_sha256 == opened.envelope.pae_sha256 == pae_sha256_of(batch.body)


def test_every_flipped_bit_shows() -> None:
    """One bit changed anywhere in a batch, signature and key id included, and it does not open."""
    for place in range(len(BODY)):
        for bit in range(8):
            flipped = bytearray(BODY)
            flipped[place] ^= 1 << bit
            with pytest.raises(Refused):
                open_batch(bytes(flipped), ring(DEVICE, OTHER_DEVICE))


@settings(deadline=None, max_examples=50)
@given(batches(), st.data())
def test_a_flipped_bit_shows_in_any_batch(batch: Link, data: st.DataObject) -> None:
    """One bit changed in any batch whatever, and it does not open."""
    flipped = bytearray(batch.body)
    flipped[data.draw(st.integers(0, len(flipped) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    with pytest.raises(Refused):
        open_batch(bytes(flipped), ring(DEVICE, OTHER_DEVICE))


@settings(deadline=None, max_examples=150)
@given(wild(batches().map(lambda batch: batch.body)))
def test_any_bytes_as_body(body: bytes) -> None:
    """Any bytes are Refused, or are a batch whose digest is the one that was signed."""
    opened = try_to_open(body)
    if isinstance(opened, Refused):
        assert opened.step in {2, 3, 4, 6}
        return
    signed = strictjson.decode(opened.envelope.payload)["subject"]
    assert signed == [{"digest": {"sha256": hashlib.sha256(body.split(b"\n", 1)[1]).hexdigest()}, "name": SUBJECT}]


@settings(deadline=None, max_examples=150)
@given(st.dictionaries(st.sampled_from(sorted(PREDICATE)), json_values, min_size=1, max_size=2), st.data())
def test_any_signed_predicate(change: dict[str, Any], data: st.DataObject) -> None:
    """A device that signs nonsense is refused as a bad statement, and nothing else happens."""
    rest = data.draw(st.sampled_from([b"".join(LINES), LINES[0]]))
    told = Statement(Kind.BATCH, SUBJECT, hashlib.sha256(rest).hexdigest(), PREDICATE | change)
    opened = try_to_open(dsse.seal(told.encode(), DEVICE) + b"\n" + rest)
    if isinstance(opened, Refused):
        assert (opened.step, opened.error) in {(5, "bad_statement"), (8, "bad_statement")}
        return
    assert opened.said.n == len(opened.records)


@settings(deadline=None, max_examples=100)
@given(wild(st.just(Statement(Kind.BATCH, SUBJECT, "0" * 64, PREDICATE).encode())))
def test_any_signed_payload(payload: bytes) -> None:
    """A device that signs any bytes at all is refused at step 5, or at 6 if they make sense."""
    with pytest.raises(Refused) as refused:
        open_batch(dsse.seal(payload, DEVICE) + b"\n" + b"".join(LINES), ring(DEVICE))
    assert refused.value.step in {5, 6}


def test_body_beyond_the_limit() -> None:
    """A body of more than 4 MiB is refused before anything is read."""
    with pytest.raises(TooLarge) as refused:
        open_batch(b"x" * (MAX_BODY_BYTES + 1), ring())
    assert (refused.value.step, refused.value.error) == (1, "too_large")
    with pytest.raises(Refused, match="step 2"):
        open_batch(b"x" * MAX_BODY_BYTES, ring())


def test_as_many_records_as_permitted() -> None:
    """A batch holds 4096 records, and not one more."""
    lines = [write_record({"seq": seq}) for seq in range(MAX_RECORDS + 1)]
    most = Sealing("agent", 0, "boot", FIRST_PREV, 0, MAX_RECORDS - 1, 0, 0)
    assert len(open_batch(seal_batch(lines[:-1], most, DEVICE), ring(DEVICE)).records) == MAX_RECORDS
    more = Sealing("agent", 0, "boot", FIRST_PREV, 0, MAX_RECORDS, 0, 0)
    with pytest.raises(Refused, match="step 7, bad_format: more than 4096 records"):
        open_batch(seal_batch(lines, more, DEVICE), ring(DEVICE))


def test_the_key_is_asked_for_once_and_by_its_id() -> None:
    """Whoever knows the keys is asked for the one named, before the signature is looked at."""
    asked: list[str] = []

    def nobody(key_id: str) -> PublicKey:
        asked.append(key_id)
        raise UnknownKey(3, "nobody enrolled this key")

    with pytest.raises(UnknownKey):
        open_batch(BODY, nobody)
    assert asked == [DEVICE.public.key_id]


def test_another_device_cannot_pass_for_the_named_one() -> None:
    """If the key given for an id is not the one that signed, the signature does not fit."""
    with pytest.raises(Refused, match="step 4"):
        open_batch(BODY, lambda _: OTHER_DEVICE.public)


@pytest.mark.parametrize("body", [b"", b"no line feed", b"{}\n", BODY[1:]])
def test_identity_of_what_is_no_batch(body: bytes) -> None:
    """What has no envelope has no identity."""
    with pytest.raises(Refused, match="step 2"):
        pae_sha256_of(body)


@pytest.mark.parametrize(
    "change",
    [
        {"agent": 1},
        {"batch": -1},
        {"batch": True},
        {"boot": 1},
        {"dev": "x"},
        {"prev": "0" * 63},
        {"n": 0},
        {"lost": -1},
        {"sealed_mono_us": -1},
        {"sealed_wall_us": "0"},
        {"seq": 0},
        {"seq": [0]},
        {"seq": [2, 0]},
        {"seq": [-1, 0]},
        {"seq": [0, 1, 2]},
        {"seq": [False, 2]},
        {"seq": [0, True]},
        {"seq": ["0", 2]},
        {"seq": "02"},
    ],
)
def test_bad_members(change: dict[str, Any]) -> None:
    """Each member of a batch statement is of its kind and range."""
    with pytest.raises(Malformed):
        read_batch_statement(Statement(Kind.BATCH, SUBJECT, "0" * 64, PREDICATE | change))


@pytest.mark.parametrize("name", sorted(PREDICATE))
def test_missing_members(name: str) -> None:
    """No member of a batch statement may be missing."""
    rest = {key: value for key, value in PREDICATE.items() if key != name}
    with pytest.raises(Malformed):
        read_batch_statement(Statement(Kind.BATCH, SUBJECT, "0" * 64, rest))


def test_boot_name() -> None:
    """One boot has one name on one device, and another on every other: 128 bits in base64url."""
    one = boot_name("dev", "boot")
    assert one == boot_name("dev", "boot")
    assert len({one, boot_name("dev", "boot2"), boot_name("dev2", "boot")}) == 3
    names = [boot_name("dev", str(number)) for number in range(64)]
    assert all(len(name) == 22 and name.replace("-", "a").replace("_", "a").isalnum() for name in names)


def test_a_beacon_is_signed_with_the_rest() -> None:
    """What a batch names as its beacon stands in its statement, as it was given."""
    beacon: strictjson.JsonObject = {"size": 3}
    body = seal_batch([b'{"seq":0}\n'], Sealing("a", 0, "b", FIRST_PREV, 0, 0, 0, 0, beacon), DEVICE)
    assert open_batch(body, ring(DEVICE)).said.predicate["beacon"] == beacon
    assert (
        "beacon"
        not in open_batch(
            seal_batch([b'{"seq":0}\n'], Sealing("a", 0, "b", FIRST_PREV, 0, 0, 0, 0), DEVICE), ring(DEVICE)
        ).said.predicate
    )
