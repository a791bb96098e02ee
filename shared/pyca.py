"""The primitives by way of `cryptography`: P-256 with SHA-256, Ed25519, AES-256-CTR. The first choice, where there is a wheel."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Self

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

_SHA256 = hashes.SHA256()
_VERIFYING = ec.ECDSA(_SHA256)
_ZEROS = memoryview(bytes(1 << 20))


def signing() -> ec.ECDSA:
    """How to sign: by RFC 6979, unless this build stands on an OpenSSL before 3.2."""
    try:
        return ec.ECDSA(_SHA256, deterministic_signing=True)
    except UnsupportedAlgorithm:
        return _VERIFYING


_SIGNING = signing()


@dataclass(frozen=True, slots=True)
class PycaPublic:
    """A public key of `cryptography`."""

    _key: ec.EllipticCurvePublicKey

    def verify(self, signature: bytes, message: bytes) -> None:
        """Return only if the signature fits; raises ValueError."""
        try:
            self._key.verify(signature, message, _VERIFYING)
        except InvalidSignature as error:
            raise ValueError("the signature does not fit") from error


@dataclass(frozen=True, slots=True)
class PycaEd25519:
    """An Ed25519 public key of `cryptography`."""

    _key: Ed25519PublicKey

    def verify(self, signature: bytes, message: bytes) -> None:
        """Return only if the signature fits; raises ValueError."""
        try:
            self._key.verify(signature, message)
        except InvalidSignature as error:
            raise ValueError("the signature does not fit") from error


@dataclass(frozen=True, slots=True)
class PycaPrivate:
    """A private key of `cryptography`."""

    _key: ec.EllipticCurvePrivateKey

    @classmethod
    def of(cls, key: object) -> Self:
        """Take a key of the one kind and curve; raises ValueError."""
        if not isinstance(key, ec.EllipticCurvePrivateKey) or not isinstance(key.curve, ec.SECP256R1):
            raise ValueError("not a P-256 key")  # noqa: TRY004 - what is wrong is the key that was given
        return cls(key)

    @property
    def spki(self) -> bytes:
        """The public half."""
        return self._key.public_key().public_bytes(
            serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
        )

    def pkcs8(self) -> bytes:
        """The key, unencrypted."""
        return self._key.private_bytes(
            serialization.Encoding.DER, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )

    def sign(self, message: bytes) -> bytes:
        """The DER signature."""
        return self._key.sign(message, _SIGNING)


class Pyca:
    """The library `cryptography`."""

    name = "cryptography"

    def generate(self) -> PycaPrivate:
        """Make a new key."""
        return PycaPrivate(ec.generate_private_key(ec.SECP256R1()))

    def private(self, der: bytes) -> PycaPrivate:
        """Read a private key; raises ValueError."""
        try:
            key = serialization.load_der_private_key(der, password=None)
        except (TypeError, UnsupportedAlgorithm) as error:
            raise ValueError("encrypted, or of a kind that is not known") from error
        return PycaPrivate.of(key)

    def public(self, spki: bytes) -> PycaPublic:
        """Read a public key; raises ValueError."""
        key = serialization.load_der_public_key(spki)
        if not isinstance(key, ec.EllipticCurvePublicKey):
            raise ValueError("not an elliptic curve's key")  # noqa: TRY004 - what is wrong is the key that was given
        return PycaPublic(key)

    def ed25519(self, raw: bytes) -> PycaEd25519:
        """Read an Ed25519 public key; raises ValueError."""
        return PycaEd25519(Ed25519PublicKey.from_public_bytes(raw))

    def key_stream(self, key: bytes, counter: bytes) -> Callable[[int], bytes]:
        """Begin a stream."""
        update = Cipher(algorithms.AES256(key), modes.CTR(counter)).encryptor().update
        return lambda n_bytes: update(_ZEROS[:n_bytes] if n_bytes <= len(_ZEROS) else bytes(n_bytes))
