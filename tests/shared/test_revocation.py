"""Revocation: by the portal alone, of one key, with words, and with the time since when it may have been stolen."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from strategies import COLLECTOR, DEVICE, OTHER_DEVICE, PORTAL, json_values, wild

from shared import dsse
from shared.errors import Malformed
from shared.keys import FileKey, WrongSignature
from shared.revocation import MAX_REASON_BYTES, SUBJECT, make_revocation, read_reason, read_revocation
from shared.statement import Kind, Statement
from shared.strictjson import Json

DEV = DEVICE.public.key_id
SAID: dict[str, Any] = {"dev": DEV, "reason": "lost on the train", "since_us": 40, "t_us": 90}


def revoking(subject: str = DEV, name: str = SUBJECT, signer: FileKey = PORTAL, **change: Json) -> bytes:
    """Sign a revocation with any members, even such as no portal would make."""
    return dsse.seal(Statement(Kind.REVOKE, name, subject, SAID | change).encode(), signer)


@given(st.integers(0, 2**53 - 1), st.none() | st.integers(0, 2**53 - 1))
def test_reading_undoes_making(t_us: int, since_us: int | None) -> None:
    """Key, reason and both times are read as they were written; a theft after the revocation is not written."""
    try:
        line = make_revocation(DEV, " lost on the train\n", t_us, PORTAL, since_us)
    except Malformed:
        assert since_us is not None
        assert since_us > t_us
        return
    read = read_revocation(line, PORTAL.public)
    assert (read.dev, read.reason, read.t_us, read.since_us) == (DEV, "lost on the train", t_us, since_us)
    assert read.envelope.key_id == PORTAL.public.key_id


def test_unknown_members_are_kept() -> None:
    """A member that this reader does not know is no reason to refuse."""
    assert b'"colour":"green"' in read_revocation(revoking(colour="green"), PORTAL.public).envelope.payload


@pytest.mark.parametrize("signer", [DEVICE, OTHER_DEVICE, COLLECTOR])
def test_only_the_portal_revokes(signer: FileKey) -> None:
    """Neither the device, nor another one, nor the collector's key revokes anything."""
    with pytest.raises(WrongSignature):
        read_revocation(revoking(signer=signer), PORTAL.public)


@pytest.mark.parametrize("typed", ["", " \n", "x" * (MAX_REASON_BYTES + 1), "é" * MAX_REASON_BYTES, "\ud800"])
def test_reasons_that_are_none(typed: str) -> None:
    """No words, too many, or no text at all: no reason."""
    with pytest.raises(Malformed, match="reason"):
        read_reason(typed)


@pytest.mark.parametrize(
    ("line", "why"),
    [
        (revoking(OTHER_DEVICE.public.key_id), "subject is not the key"),
        (revoking(dev=OTHER_DEVICE.public.key_id), "subject is not the key"),
        (revoking(name="peer"), "subject is not the key"),
        (revoking(reason=" "), "1 to 1000 bytes"),
        (revoking(reason=3), "not text"),
        (revoking(since_us=91), "stolen after"),
        (revoking(since_us="40"), "since_us is not an integer"),
        (revoking(t_us=-1), "t_us is not an integer"),
        (dsse.seal(Statement(Kind.ROTATE, SUBJECT, DEV, SAID).encode(), PORTAL), "predicateType"),
    ],
)
def test_revocations_nobody_may_believe(line: bytes, why: str) -> None:
    """A revocation of two keys, of none, without words or in no order is refused."""
    with pytest.raises(Malformed, match=why):
        read_revocation(line, PORTAL.public)


@settings(deadline=None)
@given(st.sampled_from(sorted(SAID)), json_values)
def test_any_member_wrong(name: str, value: Json) -> None:
    """Whatever stands in a member's place is read as it is or refused, with no other error."""
    try:
        read = read_revocation(revoking(**{name: value}), PORTAL.public)
    except Malformed:
        return
    assert read.dev == DEV


@given(wild(st.just(make_revocation(DEV, "lost", 90, PORTAL, 40))))
def test_any_damage(line: bytes) -> None:
    """A revocation that was damaged is Malformed, or says the same."""
    try:
        read = read_revocation(line, PORTAL.public)
    except Malformed:
        return
    assert (read.dev, read.reason, read.since_us) == (DEV, "lost", 40)
