"""ECDSA P-256 with SHA-256: the one algorithm of devices, peers, portal and collector.

A key's id is the SHA-256 of its SubjectPublicKeyInfo in DER, lower-case hex; a key has one encoding, so that it has one
id. Signatures are strict DER. Signing is deterministic (RFC 6979) where the library can do it; a verifier never relies on
that. This module reads and writes no file: keys come and go as PEM bytes. Who computes is `shared.primitives`' choice.
"""

import base64
import binascii
import hashlib
import re
from dataclasses import dataclass, field
from typing import Protocol, Self

from shared.errors import Malformed
from shared.primitives import Private, Public, chosen

ALGORITHM = "ecdsa-p256-sha256"
# SubjectPublicKeyInfo of an uncompressed point on P-256, up to the point (RFC 5480; SEC 1, 2.3.3).
_SPKI_START = bytes.fromhex("3059301306072a8648ce3d020106082a8648ce3d03010703420004")
_SPKI_BYTES = len(_SPKI_START) + 64
_PEM = rb"-----BEGIN (%b)-----([A-Za-z0-9+/=\s]+)-----END \1-----"  # RFC 7468; no header, so nothing encrypted
_PUBLIC_PEM = re.compile(_PEM % b"PUBLIC KEY")
_PRIVATE_PEM = re.compile(_PEM % b"(?:EC )?PRIVATE KEY")
_PEM_LINE = 64


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
    _key: Public = field(repr=False, compare=False)

    @classmethod
    def from_spki(cls, spki: bytes) -> Self:
        """Read SPKI DER; raises Malformed for another curve, another kind of key, or another encoding."""
        if not spki.startswith(_SPKI_START) or len(spki) != _SPKI_BYTES:
            raise Malformed("not a P-256 public key (SPKI, its point uncompressed)")
        try:
            return cls(spki, key_id(spki), chosen().public(spki))
        except ValueError as error:
            raise Malformed("not a P-256 public key: off the curve") from error

    @classmethod
    def from_pem(cls, pem: bytes) -> Self:
        """Read a PEM public key; raises Malformed."""
        try:
            return cls.from_spki(_der(pem, _PUBLIC_PEM))
        except ValueError as error:
            raise Malformed("not a P-256 public key in PEM") from error

    def to_pem(self) -> bytes:
        """The key as PEM, readable by `openssl`."""
        return _pem(self.spki, b"PUBLIC KEY")

    def verify(self, signature: bytes, message: bytes) -> None:
        """Return only if `signature` (DER) fits `message`; raises WrongSignature otherwise."""
        try:
            self._key.verify(signature, message)
        except ValueError as error:
            raise WrongSignature("the signature does not fit") from error


class Signer(Protocol):
    """Whatever can sign: a key file, a keystore, a TPM."""

    @property
    def public(self) -> PublicKey:
        """The public half."""

    def sign(self, message: bytes) -> bytes:
        """The DER signature over SHA-256 of `message`."""


@dataclass(frozen=True, slots=True)
class FileKey:
    """A private key kept as a PEM file (class `file`). Its number stays in the library that signs."""

    _key: Private = field(repr=False, compare=False)
    public: PublicKey

    @classmethod
    def generate(cls) -> Self:
        """Make a new key with the operating system's chance."""
        return cls._of(chosen().generate())

    @classmethod
    def from_pem(cls, pem: bytes) -> Self:
        """Read an unencrypted PKCS#8 or SEC1 PEM; raises Malformed, in words that hold nothing of the key."""
        try:
            return cls._of(chosen().private(_der(pem, _PRIVATE_PEM)))
        except ValueError as error:
            raise Malformed("not a private key in PEM (P-256, unencrypted)") from error

    @classmethod
    def _of(cls, key: Private) -> Self:
        return cls(key, PublicKey.from_spki(key.spki))

    def to_pem(self) -> bytes:
        """The private key as unencrypted PKCS#8 PEM; the caller guards the file."""
        return _pem(self._key.pkcs8(), b"PRIVATE KEY")

    def sign(self, message: bytes) -> bytes:
        """The DER signature over SHA-256 of `message`."""
        return self._key.sign(message)


def _der(pem: bytes, block: re.Pattern[bytes]) -> bytes:
    """What the first such block of a PEM file holds; raises ValueError."""
    found = block.search(pem)
    if found is None:
        raise ValueError("no such block")
    return binascii.a2b_base64(b"".join(found[2].split()), strict_mode=True)


def _pem(der: bytes, label: bytes) -> bytes:
    text = base64.b64encode(der)
    lines = [text[at : at + _PEM_LINE] for at in range(0, len(text), _PEM_LINE)]
    return b"\n".join([b"-----BEGIN %b-----" % label, *lines, b"-----END %b-----\n" % label])
