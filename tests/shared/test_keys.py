"""P-256 keys: one id, one encoding, one algorithm; signatures are strict DER."""

import hashlib
import shutil
import subprocess
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature
from hypothesis import given, settings
from hypothesis import strategies as st
from strategies import DEVICE, OTHER_DEVICE, Link, batches, wild

from shared import dsse
from shared.batch import open_batch
from shared.errors import Malformed
from shared.keys import ALGORITHM, FileKey, PublicKey, WrongSignature, key_id

DER, PEM = serialization.Encoding.DER, serialization.Encoding.PEM
SPKI, PKCS8 = serialization.PublicFormat.SubjectPublicKeyInfo, serialization.PrivateFormat.PKCS8
P256_ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
OTHER_KINDS: dict[str, Any] = {
    "P-384": ec.derive_private_key(7, ec.SECP384R1()),
    "secp256k1": ec.derive_private_key(7, ec.SECP256K1()),
    "Ed25519": ed25519.Ed25519PrivateKey.from_private_bytes(bytes(32)),
    "RSA": rsa.generate_private_key(65537, 2048),
}
MESSAGE = b"what was seen"


def test_algorithm_has_one_name() -> None:
    """Enrolments name the algorithm so; the name never changes."""
    assert ALGORITHM == "ecdsa-p256-sha256"


def test_key_id_is_the_hash_of_the_spki() -> None:
    """A key's id is the SHA-256 of its SPKI in lower-case hex."""
    assert DEVICE.public.key_id == key_id(DEVICE.public.spki) == hashlib.sha256(DEVICE.public.spki).hexdigest()


def test_public_key_survives_both_forms() -> None:
    """SPKI and PEM give the same key back."""
    assert PublicKey.from_spki(DEVICE.public.spki) == DEVICE.public
    assert PublicKey.from_pem(DEVICE.public.to_pem()) == DEVICE.public


def test_generated_keys_differ_and_survive_pem() -> None:
    """A new key is new, and its PEM gives it back, ready to sign."""
    one, two = FileKey.generate(), FileKey.generate()
    assert one.public.key_id != two.public.key_id
    again = FileKey.from_pem(one.to_pem())
    assert again.public == one.public
    one.public.verify(again.sign(MESSAGE), MESSAGE)


def test_private_number_is_not_shown() -> None:
    """Printing a key does not print its secret."""
    assert f"{0xDE51CE:x}" not in repr(DEVICE).lower()
    assert str(0xDE51CE) not in repr(DEVICE)


@pytest.mark.parametrize("kind", OTHER_KINDS)
def test_other_kinds_of_key_are_refused(kind: str) -> None:
    """Only P-256 is taken, as SPKI, as PEM, and as a private key."""
    other = OTHER_KINDS[kind]
    with pytest.raises(Malformed, match="P-256"):
        PublicKey.from_spki(other.public_key().public_bytes(DER, SPKI))
    with pytest.raises(Malformed, match="P-256"):
        PublicKey.from_pem(other.public_key().public_bytes(PEM, SPKI))
    with pytest.raises(Malformed, match="P-256"):
        FileKey.from_pem(other.private_bytes(PEM, PKCS8, serialization.NoEncryption()))


def compressed_spki() -> bytes:
    """Give the device's key with its point compressed: the same key under another id."""
    number = serialization.load_der_public_key(DEVICE.public.spki)
    assert isinstance(number, ec.EllipticCurvePublicKey)
    point = number.public_bytes(serialization.Encoding.X962, serialization.PublicFormat.CompressedPoint)
    algorithm = DEVICE.public.spki[2:23]
    bits = b"\x03" + bytes([len(point) + 1]) + b"\0" + point
    return b"\x30" + bytes([len(algorithm) + len(bits)]) + algorithm + bits


@pytest.mark.parametrize(
    "spki",
    [
        b"",
        b"not a key",
        DEVICE.public.spki[:-1],
        DEVICE.public.spki + b"\0",
        b"\x30\x81" + DEVICE.public.spki[1:],
        DEVICE.public.spki[:-1] + bytes([DEVICE.public.spki[-1] ^ 1]),
        DEVICE.public.spki[:-65] + bytes(65),
        compressed_spki(),
    ],
    ids=["empty", "text", "cut", "longer", "BER length", "off the curve", "infinity", "compressed"],
)
def test_other_encodings_are_refused(spki: bytes) -> None:
    """A key has one encoding, so that it has one id."""
    with pytest.raises(Malformed):
        PublicKey.from_spki(spki)


@settings(deadline=None, max_examples=100)
@given(wild(st.just(DEVICE.public.spki)))
def test_any_bytes_as_spki(spki: bytes) -> None:
    """Any bytes are refused as Malformed, or are the encoding of the key they give."""
    try:
        key = PublicKey.from_spki(spki)
    except Malformed:
        return
    assert key.spki == spki


@pytest.mark.parametrize("pem", [b"", b"-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n", DEVICE.to_pem()])
def test_bad_public_pem(pem: bytes) -> None:
    """What is not a public key in PEM is refused, a private key too."""
    with pytest.raises(Malformed, match="PEM"):
        PublicKey.from_pem(pem)


def test_bad_private_pem() -> None:
    """What is not an unencrypted private key in PEM is refused, without asking for a password."""
    key = ec.derive_private_key(7, ec.SECP256R1())
    locked = key.private_bytes(PEM, PKCS8, serialization.BestAvailableEncryption(b"word"))
    for pem in (b"", b"x", DEVICE.public.to_pem(), locked):
        with pytest.raises(Malformed, match="not a private key in PEM"):
            FileKey.from_pem(pem)


def test_sec1_pem_is_read() -> None:
    """`openssl ecparam -genkey` writes SEC1; it is read too."""
    key = ec.derive_private_key(7, ec.SECP256R1())
    sec1 = key.private_bytes(PEM, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption())
    pkcs8 = key.private_bytes(PEM, PKCS8, serialization.NoEncryption())
    assert FileKey.from_pem(sec1).public == FileKey.from_pem(pkcs8).public


def test_signature_fits_one_key_and_one_message() -> None:
    """A signature verifies under its key over its message, and otherwise not."""
    signature = DEVICE.sign(MESSAGE)
    DEVICE.public.verify(signature, MESSAGE)
    with pytest.raises(WrongSignature):
        OTHER_DEVICE.public.verify(signature, MESSAGE)
    with pytest.raises(WrongSignature):
        DEVICE.public.verify(signature, MESSAGE + b".")


def test_twin_signature_verifies() -> None:
    """(r, n-s) verifies too: the reason why a signature is nobody's identity."""
    r, s = decode_dss_signature(DEVICE.sign(MESSAGE))
    DEVICE.public.verify(encode_dss_signature(r, P256_ORDER - s), MESSAGE)


@settings(deadline=None, max_examples=100)
@given(wild(st.just(DEVICE.sign(MESSAGE))))
def test_any_bytes_as_signature(signature: bytes) -> None:
    """Any bytes but the signature itself are WrongSignature, which is Malformed."""
    if signature == DEVICE.sign(MESSAGE):
        return
    with pytest.raises(WrongSignature):
        DEVICE.public.verify(signature, MESSAGE)


@pytest.mark.skipif(shutil.which("openssl") is None, reason="no openssl on PATH")
@settings(deadline=None, max_examples=3)
@given(batch=batches())
def test_openssl_verifies(batch: Link, tmp_path_factory: pytest.TempPathFactory) -> None:
    """`openssl dgst`, which is not ours, verifies the signature of a batch over its PAE."""
    folder = tmp_path_factory.mktemp("openssl")
    envelope = open_batch(batch.body, lambda _: DEVICE.public).envelope
    (folder / "pub.pem").write_bytes(DEVICE.public.to_pem())
    (folder / "sig.der").write_bytes(envelope.signature)
    (folder / "pae.bin").write_bytes(dsse.pae(envelope.payload))
    done = subprocess.run(
        ["openssl", "dgst", "-sha256", "-verify", "pub.pem", "-signature", "sig.der", "pae.bin"],
        cwd=folder,
        capture_output=True,
        check=True,
    )
    assert done.stdout.strip() == b"Verified OK"
