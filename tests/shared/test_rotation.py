"""Rotation: the old key names the new one, the new one shows that it is held, and neither word is good elsewhere."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from strategies import DEVICE, OTHER_DEVICE, PORTAL, json_values, wild

from shared import dsse
from shared.dsse import b64
from shared.errors import Malformed
from shared.keys import FileKey, WrongSignature
from shared.rotation import Whose, consent, make_rotation, read_rotation
from shared.statement import Kind, Statement
from shared.strictjson import Json

OLD, NEW = DEVICE, OTHER_DEVICE
OLD_ID, NEW_ID = OLD.public.key_id, NEW.public.key_id
SAID: dict[str, Any] = {
    "dev": OLD_ID,
    "new": NEW_ID,
    "new_sig": b64(NEW.sign(consent(OLD_ID, NEW_ID))),
    "new_spki": b64(NEW.public.spki),
}


def rotating(subject: str = NEW_ID, name: str = "device", signer: FileKey = OLD, **change: Json) -> bytes:
    """Sign a rotation with any members, even such as nobody would make."""
    return dsse.seal(Statement(Kind.ROTATE, name, subject, SAID | change).encode(), signer)


@given(st.sampled_from(Whose), st.sampled_from(["file", "keystore", "tpm"]))
def test_reading_undoes_making(whose: Whose, key_class: str) -> None:
    """Both keys, what they are for and where the new one is kept are read as they were written."""
    rotation = read_rotation(make_rotation(whose, OLD, NEW, key_class), whose, OLD.public)
    assert (rotation.whose, rotation.old, rotation.new) == (whose, OLD.public, NEW.public)
    assert rotation.key_class == key_class
    assert rotation.envelope.key_id == OLD_ID


def test_what_is_signed() -> None:
    """The new key signs the two ids under a name of its own; a key in a file is not mentioned as such."""
    assert consent("a", "b") == b"rotate/v1\na\nb"
    assert read_rotation(rotating(), Whose.DEVICE, OLD.public).new == NEW.public
    assert b'"key"' not in dsse.read_envelope(make_rotation(Whose.DEVICE, OLD, NEW)).payload


def test_unknown_members_are_kept() -> None:
    """A member that this reader does not know is no reason to refuse."""
    rotation = read_rotation(rotating(colour="green"), Whose.DEVICE, OLD.public)
    assert b'"colour":"green"' in rotation.envelope.payload


def test_a_key_does_not_follow_itself() -> None:
    """Neither is such a statement made, nor is it believed."""
    with pytest.raises(Malformed, match="own place"):
        make_rotation(Whose.PEER, OLD, OLD)
    itself = {"new": OLD_ID, "new_spki": b64(OLD.public.spki), "new_sig": b64(OLD.sign(consent(OLD_ID, OLD_ID)))}
    with pytest.raises(Malformed, match="own place"):
        read_rotation(rotating(OLD_ID, **itself), Whose.DEVICE, OLD.public)


@pytest.mark.parametrize(
    ("line", "why"),
    [
        (rotating(name="peer"), "another kind"),
        (rotating(signer=NEW), "does not fit"),
        (rotating(dev=NEW_ID), "dev is not the id"),
        (rotating(OLD_ID), "another key than"),
        (rotating(new=OLD_ID), "another key than"),
        (rotating(new_spki=b64(PORTAL.public.spki)), "another key than"),
        (rotating(new_spki="AAAA"), "not a P-256"),
        (rotating(new_sig=b64(OLD.sign(consent(OLD_ID, NEW_ID)))), "does not fit"),
        (rotating(new_sig=b64(NEW.sign(consent(NEW_ID, OLD_ID)))), "does not fit"),
        (rotating(key=7), "not text"),
        (rotating(key="pocket"), "kept in one of"),
        (dsse.seal(Statement(Kind.ENROL, "device", NEW_ID, SAID).encode(), OLD), "predicateType"),
    ],
)
def test_rotations_nobody_may_believe(line: bytes, why: str) -> None:
    """A rotation without the consent of either key, or of a key for something else, is refused."""
    with pytest.raises(Malformed, match=why):
        read_rotation(line, Whose.DEVICE, OLD.public)


def test_a_key_that_somebody_else_holds_cannot_be_named() -> None:
    """Nobody makes another's key his successor: its consent to this very predecessor is missing."""
    taken = SAID | {"dev": PORTAL.public.key_id}
    line = dsse.seal(Statement(Kind.ROTATE, "device", NEW_ID, taken).encode(), PORTAL)
    with pytest.raises(WrongSignature):
        read_rotation(line, Whose.DEVICE, PORTAL.public)


@settings(deadline=None)
@given(st.sampled_from(sorted(SAID)), json_values)
def test_any_member_wrong(name: str, value: Json) -> None:
    """Whatever stands in a member's place is read as it is or refused, with no other error."""
    try:
        rotation = read_rotation(rotating(**{name: value}), Whose.DEVICE, OLD.public)
    except Malformed:
        return
    assert (rotation.old, rotation.new) == (OLD.public, NEW.public)


@given(wild(st.just(make_rotation(Whose.DEVICE, OLD, NEW))))
def test_any_damage(line: bytes) -> None:
    """A rotation that was damaged is Malformed, or says the same."""
    try:
        rotation = read_rotation(line, Whose.DEVICE, OLD.public)
    except Malformed:
        return
    assert (rotation.old, rotation.new) == (OLD.public, NEW.public)
