"""The few things asked of a cryptographic library, and which library is asked.

`cryptography` where it can be imported, otherwise OpenSSL's own libcrypto by way of `ctypes`: a phone has no wheel of
the first and always has the second. Both take and give the same bytes. The choice is made when a key or a stream is
first needed, once, so that a device that has neither can still say so in words. Nothing here is for use outside
`shared`: whoever signs or verifies uses `shared.keys`, whoever moves load `shared.transfer`.
"""

from collections.abc import Callable
from functools import cache
from importlib import import_module
from typing import Protocol, cast

from shared.errors import NoKey


class Public(Protocol):
    """A public key, as a library holds it."""

    def verify(self, signature: bytes, message: bytes) -> None:
        """Return only if `signature` fits `message`; raises ValueError otherwise.

        P-256: strict DER over SHA-256 of the message. Ed25519: 64 bytes over the message itself.
        """


class Private(Protocol):
    """A P-256 private key, as a library holds it: its number stays there."""

    @property
    def spki(self) -> bytes:
        """The public half, as SubjectPublicKeyInfo DER with an uncompressed point."""

    def pkcs8(self) -> bytes:
        """The key, unencrypted, as PKCS#8 DER."""

    def sign(self, message: bytes) -> bytes:
        """The DER signature over SHA-256 of `message`; by RFC 6979 where the library can."""


class Primitives(Protocol):
    """A library. What it cannot read raises ValueError, in words that hold nothing of a key."""

    @property
    def name(self) -> str:
        """Which one it is, for people."""

    def generate(self) -> Private:
        """Make a new key with the operating system's chance."""

    def private(self, der: bytes) -> Private:
        """Read an unencrypted PKCS#8 or SEC1 key whose two halves belong together."""

    def public(self, spki: bytes) -> Public:
        """Read a public key whose form is known to be right; whether its point is on the curve is looked at here."""

    def ed25519(self, raw: bytes) -> Public:
        """Read an Ed25519 public key of 32 bytes (RFC 8032)."""

    def key_stream(self, key: bytes, counter: bytes) -> Callable[[int], bytes]:
        """AES-256-CTR over zeros from this counter block on: each call gives that many of the next bytes."""


@cache
def chosen() -> Primitives:
    """The library of this process; raises NoKey with what to install."""
    try:
        return cast("Primitives", import_module("shared.pyca").Pyca())
    except ImportError:
        pass
    try:
        return cast("Primitives", import_module("shared.libcrypto").load())
    except ImportError as error:
        raise NoKey(f"this Python lacks a part of its own ({error.name}); install `cryptography`") from error
