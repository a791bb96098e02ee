"""Bundles: what is in a log is proven by its bundle, and by no bent, foreign or half one."""

import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from fakes.notary import LOG, WITNESSES, Notary, checkpoint_note
from hypothesis import given
from hypothesis import strategies as st
from strategies import DEVICE, OTHER_DEVICE

from shared import dsse, strictjson
from shared.bundle import MAX_BUNDLE_BYTES, Bundle, Proof, check_bundle, read_bundle, write_bundle
from shared.checkpoint import Checkpoint
from shared.dsse import read_envelope
from shared.errors import Malformed
from shared.keys import PublicKey, WrongSignature
from shared.leaf import leaf_of
from shared.note import NoteKey, WrongNote
from shared.tree import Edge, WrongProof, inclusion, leaf_hash

SHARED = Path(os.environ.get("SPEEDPROOF_SHARED", Path(__file__).resolve().parents[2].parent / "shared"))
FOLDER = SHARED / "vectors" / "integrity"
KEYS = [one.public for one in WITNESSES]
SIZE, INDEX = 23, 13
ENVELOPE = read_envelope(dsse.seal(b'{"what":"was seen"}', DEVICE))
LEAF = leaf_of(ENVELOPE.pae_sha256, ENVELOPE.signature, DEVICE.public.spki)


def made() -> Bundle:
    """A bundle of one leaf among others."""
    edge, hashes = Edge(), dict[tuple[int, int], bytes]()
    for number in range(SIZE):
        for level, index, one in edge.append(leaf_hash(LEAF if number == INDEX else b"%d" % number)):
            hashes[level, index] = one
    proof = tuple(inclusion(lambda level, index: hashes[level, index], INDEX, SIZE))
    note = checkpoint_note(Checkpoint(LOG.name, SIZE, edge.root()), 50, 60)
    return Bundle(ENVELOPE, LEAF, LOG.public.whole_id, Proof(INDEX, SIZE, edge.root(), proof, note.data), (b"token",))


GOOD = made()
SPELT = write_bundle(GOOD)


@pytest.mark.parametrize("tokens", [(), (b"one", b"two")])
def test_there_and_back(tokens: tuple[bytes, ...]) -> None:
    """A bundle reads back as it was written, with and without time-stamps, and proves what it is for."""
    bundle = replace(GOOD, tokens=tokens)
    assert read_bundle(write_bundle(bundle)) == bundle
    assert check_bundle(bundle, DEVICE.public, LOG.public, KEYS).cosigned_s == {KEYS[0].name: 50, KEYS[1].name: 60}


@given(st.integers(0, 8 * len(SPELT) - 1))
def test_any_bit(bit: int) -> None:
    """Whichever bit is turned the bundle no longer says the same, or is refused by name."""
    bent = bytearray(SPELT)
    bent[bit // 8] ^= 1 << bit % 8
    try:
        read = read_bundle(bytes(bent))
        found = check_bundle(read, DEVICE.public, LOG.public, KEYS)
    except Malformed:
        return
    assert (
        len(found.cosigned_s) < 2 or read.tokens != GOOD.tokens
    )  # a witness who is a stranger now; a token is not looked at


@pytest.mark.parametrize(
    ("bend", "error", "words"),
    [
        (lambda one: replace(one, envelope=replace(one.envelope, payload=b"{}")), WrongSignature, "does not fit"),
        (lambda one: replace(one, leaf=one.leaf + b" "), Malformed, "not of this envelope"),
        (lambda one: replace(one, log_id=bytes(32)), Malformed, "another log"),
        (lambda one: replace(one, proof=replace(one.proof, size=22)), Malformed, "another tree"),
        (lambda one: replace(one, proof=replace(one.proof, root=bytes(32))), Malformed, "another tree"),
        (lambda one: replace(one, proof=replace(one.proof, index=12)), WrongProof, "not in the tree"),
        (lambda one: replace(one, proof=replace(one.proof, hashes=one.proof.hashes[1:])), WrongProof, "short"),
        (lambda one: replace(one, proof=replace(one.proof, checkpoint=b"x")), Malformed, "blank line"),
    ],
)
def test_what_proves_nothing(bend: Callable[[Bundle], Bundle], error: type[Malformed], words: str) -> None:
    """Each link that does not hold is named."""
    with pytest.raises(error, match=words):
        check_bundle(bend(GOOD), DEVICE.public, LOG.public, KEYS)


def test_whose_it_is() -> None:
    """Another device's key and another log's do not pass."""
    with pytest.raises(WrongSignature):
        check_bundle(GOOD, OTHER_DEVICE.public, LOG.public)
    other = Notary(LOG.name, 9).public
    with pytest.raises(WrongNote, match="has not signed"):
        check_bundle(replace(GOOD, log_id=other.whole_id), DEVICE.public, other)


def bent(*path: str | int, to: object) -> bytes:
    """The good bundle with one member changed."""
    told: Any = strictjson.decode(SPELT)
    at = told
    for name in path[:-1]:
        at = at[name]
    at[path[-1]] = to
    return strictjson.encode(told)


ENTRY = ("verificationMaterial", "tlogEntries", 0)
PROOF = (*ENTRY, "inclusionProof")


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b" " * (MAX_BUNDLE_BYTES + 1), "more than"),
        (b"[]", "object"),
        (bent("mediaType", to="text/plain"), "mediaType"),
        (bent("dsseEnvelope", to=7), "dsseEnvelope is not an object"),
        (bent("dsseEnvelope", "more", to=7), "exactly payload"),
        (bent("verificationMaterial", "publicKey", "hint", to="0" * 64), "another key"),
        (bent("verificationMaterial", "publicKey", "hint", to=7), "hint is not text"),
        (bent("verificationMaterial", "tlogEntries", to=[]), "one object in a list"),
        (bent("verificationMaterial", "tlogEntries", to=[{}, {}]), "one object in a list"),
        (bent("verificationMaterial", "timestampVerificationData", "rfc3161Timestamps", to=7), "not a list"),
        (bent("verificationMaterial", "timestampVerificationData", "rfc3161Timestamps", to=[7]), "not an object"),
        (bent("verificationMaterial", "timestampVerificationData", "rfc3161Timestamps", to=[{}]), "base64"),
        (bent(*ENTRY, "kindVersion", "version", to="0.0.1"), "hashedrekord 0.0.2"),
        (bent(*ENTRY, "logIndex", to="12"), "two indices"),
        (bent(*PROOF, "hashes", to="x"), "hashes is not a list"),
        (bent(*PROOF, "treeSize", to="023"), "decimal"),
        (bent(*PROOF, "treeSize", to="9" * 20), "decimal"),
        (bent(*PROOF, "treeSize", to="-1"), "decimal"),
        (bent(*PROOF, "treeSize", to="²"), "decimal"),
        (bent(*PROOF, "rootHash", to="?"), "base64"),
    ],
)
def test_what_is_no_bundle(data: bytes, words: str) -> None:
    """What is not spelt as a bundle is refused with the reason."""
    with pytest.raises(Malformed, match=words):
        read_bundle(data)


@pytest.mark.skipif(not FOLDER.is_dir(), reason=f"no golden vectors in {FOLDER}")
def test_vectors() -> None:
    """A bundle made by others reads, is spelt the same, and proves its batch."""
    data = (FOLDER / "bundle.sigstore.json").read_bytes().removesuffix(b"\n")
    bundle = read_bundle(data)
    assert write_bundle(bundle) == data
    log, witness = (NoteKey.from_vkey((FOLDER / name).read_text()) for name in ("log.vkey", "witness.vkey"))
    key = PublicKey.from_pem((FOLDER / "device.pub.pem").read_bytes())
    assert check_bundle(bundle, key, log, [witness]).by_quorum_s(1) == 1795310640
    assert bundle.tokens == ((FOLDER / "timestamp.tsr").read_bytes(),)
