"""ECDSA P-256 with SHA-256: the one algorithm of devices, peers, portal and collector.

A key's id is the SHA-256 of its SubjectPublicKeyInfo in DER, lower-case hex. Signatures are strict DER. Signing is
deterministic (RFC 6979) where the library can do it; a verifier never relies on that. This module reads and writes
no file: keys come and go as PEM bytes.
"""

import hashlib
from dataclasses import dataclass
from typing import Protocol, Self

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from shared.errors import Malformed

ALGORITHM = "ecdsa-p256-sha256"
_SHA256 = hashes.SHA256()


class WrongSignature(Malformed):
    """A signature that does not fit the key and the message."""


def key_id(spki: bytes) -> str:
    """The id of a public key: SHA-256 of its SPKI DER, lower-case hex."""
    return hashlib.sha256(spki).hexdigest()


@dataclass(frozen=True, slots=True)
class PublicKey:
    """A P-256 public key, ready to verify."""

    spki: bytes
    key_id: str
    _key: ec.EllipticCurvePublicKey

    @classmethod
    def from_spki(cls, spki: bytes) -> Self:
        """Read SPKI DER; raises Malformed for another curve, another kind of key, or another encoding."""
        try:
            key = serialization.load_der_public_key(spki)
        except (ValueError, UnsupportedAlgorithm) as error:
            raise Malformed(f"not a public key: {error}") from error
        return cls._of(key, spki)

    @classmethod
    def from_pem(cls, pem: bytes) -> Self:
        """Read a PEM public key; raises Malformed."""
        try:
            key = serialization.load_pem_public_key(pem)
        except (ValueError, UnsupportedAlgorithm) as error:
            raise Malformed(f"not a PEM public key: {error}") from error
        return cls._of(key, None)

    @classmethod
    def _of(cls, key: object, spki: bytes | None) -> Self:
        if not isinstance(key, ec.EllipticCurvePublicKey) or not isinstance(key.curve, ec.SECP256R1):
            raise Malformed("not a P-256 key")
        canonical = key.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
        if spki is not None and spki != canonical:
            raise Malformed("not the canonical SPKI of a P-256 key")
        return cls(canonical, key_id(canonical), key)

    def to_pem(self) -> bytes:
        """The key as PEM, readable by `openssl`."""
        return self._key.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)

    def verify(self, signature: bytes, message: bytes) -> None:
        """Return only if `signature` (DER) fits `message`; raises WrongSignature otherwise."""
        try:
            self._key.verify(signature, message, ec.ECDSA(_SHA256))
        except InvalidSignature as error:
            raise WrongSignature("the signature does not fit") from error


class Signer(Protocol):
    """Whatever can sign: a key file, a keystore, a TPM."""

    @property
    def public(self) -> PublicKey:
        """The public half."""

    def sign(self, message: bytes) -> bytes:
        """The DER signature over SHA-256 of `message`."""


def _ecdsa() -> ec.ECDSA:
    try:
        return ec.ECDSA(_SHA256, deterministic_signing=True)
    except UnsupportedAlgorithm:  # pragma: no cover - needs a build on OpenSSL before 3.2
        return ec.ECDSA(_SHA256)


@dataclass(frozen=True, slots=True)
class FileKey:
    """A private key kept as a PEM file (class `file`)."""

    _key: ec.EllipticCurvePrivateKey
    public: PublicKey

    @classmethod
    def generate(cls) -> Self:
        """Make a new key with the operating system's chance."""
        return cls._of(ec.generate_private_key(ec.SECP256R1()))

    @classmethod
    def from_pem(cls, pem: bytes) -> Self:
        """Read an unencrypted PKCS#8 or SEC1 PEM; raises Malformed."""
        try:
            key = serialization.load_pem_private_key(pem, password=None)
        except (ValueError, TypeError, UnsupportedAlgorithm) as error:
            raise Malformed(f"not a private key in PEM: {error}") from error
        return cls._of(key)

    @classmethod
    def _of(cls, key: object) -> Self:
        if not isinstance(key, ec.EllipticCurvePrivateKey) or not isinstance(key.curve, ec.SECP256R1):
            raise Malformed("not a P-256 private key")
        spki = key.public_key().public_bytes(
            serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
        )
        return cls(key, PublicKey.from_spki(spki))

    def to_pem(self) -> bytes:
        """The private key as unencrypted PKCS#8 PEM; the caller guards the file."""
        return self._key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )

    def sign(self, message: bytes) -> bytes:
        """The DER signature over SHA-256 of `message`."""
        return self._key.sign(message, _ecdsa())
