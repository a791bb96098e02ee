"""Leaves: made of three things, byte for byte as others make them."""

import os
from pathlib import Path

import pytest
from strategies import DEVICE

from shared import strictjson
from shared.dsse import b64_exact, read_envelope
from shared.errors import Malformed
from shared.keys import PublicKey
from shared.leaf import leaf_of, signature_in
from shared.tree import leaf_hash

SHARED = Path(os.environ.get("SPEEDPROOF_SHARED", Path(__file__).resolve().parents[2].parent / "shared"))
FOLDER = SHARED / "vectors" / "integrity"


def test_what_is_in_it() -> None:
    """A leaf holds the digest, the signature and the key, in one line of strict JSON."""
    leaf = leaf_of("ab" * 32, b"signature", DEVICE.public.spki)
    told = strictjson.decode(leaf)["spec"]["hashedRekordV002"]  # type: ignore[index,call-overload]
    assert b64_exact(told["data"]["digest"]) == bytes.fromhex("ab" * 32)
    assert b64_exact(told["signature"]["content"]) == b"signature"
    assert b64_exact(told["signature"]["verifier"]["publicKey"]["rawBytes"]) == DEVICE.public.spki
    assert b"\n" not in leaf
    assert signature_in(leaf) == b"signature"
    with pytest.raises(Malformed):
        signature_in(b'{"spec":{}}')


@pytest.mark.skipif(not FOLDER.is_dir(), reason=f"no golden vectors in {FOLDER}")
def test_vectors() -> None:
    """The leaf of the golden batch is the one made by others."""
    envelope = read_envelope((FOLDER / "batch-2.ndjson").read_bytes().partition(b"\n")[0])
    key = PublicKey.from_pem((FOLDER / "device.pub.pem").read_bytes())
    leaf = leaf_of(envelope.pae_sha256, envelope.signature, key.spki)
    assert leaf == (FOLDER / "leaf.json").read_bytes()
    assert leaf_hash(leaf).hex() == "5c8fcc642f9fee588d24be5609adcf5d0314b5339828c2763f9bbcd465297b28"
