"""Statements: one subject, one kind, unknown members kept."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from strategies import json_objects, json_texts

from shared import statement, strictjson
from shared.errors import Malformed
from shared.statement import Kind, Statement, read_statement, statement_of
from shared.strictjson import Json, JsonObject

DIGEST = "ab" * 32
GOOD: dict[str, Any] = strictjson.decode(Statement(Kind.BATCH, "thing", DIGEST, {"a": 1}).encode())
SUBJECT: dict[str, Any] = GOOD["subject"][0]


@settings(deadline=None)
@given(st.sampled_from(Kind), json_texts, st.binary(min_size=32, max_size=32), json_objects)
def test_reading_undoes_encoding(kind: Kind, name: str, digest: bytes, predicate: dict[str, Any]) -> None:
    """A statement is read back as it was, members nobody knows among them."""
    told = Statement(kind, name, digest.hex(), predicate)
    assert read_statement(told.encode(), kind) == told


def test_kinds_are_told_apart() -> None:
    """Each kind has an address of its own, under one root and with a version."""
    assert len({kind.value for kind in Kind}) == len(Kind)
    assert all(kind.value.startswith("https://speedproof.example/") and kind.value.endswith("/v1") for kind in Kind)


def test_unknown_members_are_ignored() -> None:
    """A member beside the known ones, in the statement or its subject, changes nothing."""
    more = GOOD | {
        "more": 1,
        "subject": [SUBJECT | {"more": 1, "digest": SUBJECT["digest"] | {"sha512": "x"}}],
    }
    assert statement_of(more, Kind.BATCH) == statement_of(GOOD, Kind.BATCH)


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"_type": "https://in-toto.io/Statement/v0.1"}, "_type"),
        ({"_type": 1}, "_type"),
        ({"predicateType": Kind.RECEIPT.value}, "predicateType"),
        ({"predicateType": ["x"]}, "predicateType"),
        ({"predicate": []}, "one subject"),
        ({"predicate": "x"}, "one subject"),
        ({"subject": SUBJECT}, "one subject"),
        ({"subject": []}, "one subject"),
        ({"subject": [SUBJECT, SUBJECT]}, "one subject"),
        ({"subject": ["x"]}, "one subject"),
        ({"subject": [{"name": "thing"}]}, "one subject"),
        ({"subject": [SUBJECT | {"name": 1}]}, "one subject"),
        ({"subject": [SUBJECT | {"digest": {"sha256": 1}}]}, "one subject"),
        ({"subject": [SUBJECT | {"digest": {"sha256": DIGEST.upper()}}]}, "one subject"),
        ({"subject": [SUBJECT | {"digest": {"sha256": DIGEST[:-1]}}]}, "one subject"),
        ({"subject": [SUBJECT | {"digest": {"sha256": DIGEST + "\n"}}]}, "one subject"),
    ],
)
def test_bad_statements(change: dict[str, Any], why: str) -> None:
    """Another version, another kind, or anything but one named subject is refused."""
    with pytest.raises(Malformed, match=why):
        statement_of(GOOD | change, Kind.BATCH)


@pytest.mark.parametrize("name", ["_type", "predicateType", "predicate", "subject"])
def test_missing_members(name: str) -> None:
    """None of the four members may be missing."""
    with pytest.raises(Malformed):
        statement_of({key: value for key, value in GOOD.items() if key != name}, Kind.BATCH)


def test_integer() -> None:
    """An integer member is no boolean, no text, and not below its least."""
    assert statement.integer({"n": 0}, "n") == 0
    assert statement.integer({"n": 1}, "n", 1) == 1
    bads: list[JsonObject] = [{}, {"n": "1"}, {"n": True}, {"n": -1}, {"n": [1]}]
    for bad in bads:
        with pytest.raises(Malformed, match="n is not an integer of at least 0"):
            statement.integer(bad, "n")
    with pytest.raises(Malformed, match="at least 1"):
        statement.integer({"n": 0}, "n", 1)


def test_text() -> None:
    """A text member is text, even if empty."""
    assert statement.text({"t": ""}, "t") == ""
    bads: list[JsonObject] = [{}, {"t": 1}, {"t": ["x"]}]
    for bad in bads:
        with pytest.raises(Malformed, match="t is not text"):
            statement.text(bad, "t")


def test_sha256_hex() -> None:
    """A digest member is 64 lower-case hex digits and nothing else."""
    assert statement.sha256_hex({"d": DIGEST}, "d") == DIGEST
    others: list[Json] = [1, "", DIGEST.upper(), DIGEST + "a", " " + DIGEST[1:]]
    for bad in ({}, *({"d": other} for other in others)):
        with pytest.raises(Malformed):
            statement.sha256_hex(bad, "d")
