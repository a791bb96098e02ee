"""Time-stamps of an authority (RFC 3161): that somebody with a clock of his own had the SHA-256 of some bytes at a moment.

A token is what the authority answered, whole (TimeStampResp, DER), so that `openssl ts -verify` and Sigstore's verifiers take it
as it is. It is read and checked by `rfc3161-client` (the extra `tsa`); nothing else here needs it. Pure.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING, Any, Final

from shared.errors import Malformed, NoTool

if TYPE_CHECKING:
    from cryptography.x509 import Certificate

MAX_TOKEN_BYTES: Final = 64 * 1024
NONCE_BYTES: Final = 8
_DIGEST_BYTES: Final = 32
_SHA256: Final = "2.16.840.1.101.3.4.2.1"
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
# version 1; messageImprint: sha256 with NULL, OCTET STRING of 32; INTEGER of 9 (a zero first, never negative); certReq TRUE
_HEAD: Final = bytes.fromhex("3044 020101 3031 300d 0609608648016503040201 0500 0420")
_NONCE: Final = bytes.fromhex("0209 00")
_CERTIFICATE: Final = bytes.fromhex("0101ff")


class WrongToken(Malformed):
    """A time-stamp that says nothing of these bytes, or that none of the authorities trusted has made."""


@dataclass(frozen=True, slots=True)
class Stamp:
    """What a token proves: the bytes were there at `time_us` at the latest (its time and how inexact that may be, unix µs)."""

    time_us: int
    policy: str  # the object identifier of the rule it was made by
    serial: int


def query(digest: bytes, nonce: bytes) -> bytes:
    """The request for a time-stamp over a SHA-256 (RFC 3161, 2.4.1), the authority's certificate wanted with it.

    `nonce` is 8 random bytes that begin with a bit of 1, so that they have one spelling as a number.
    """
    if len(digest) != _DIGEST_BYTES or len(nonce) != NONCE_BYTES or not nonce[0] & 0x80:
        raise ValueError(f"a digest of {_DIGEST_BYTES} bytes and a nonce of {NONCE_BYTES}, its first bit set")
    return _HEAD + digest + _NONCE + nonce + _CERTIFICATE


def read_roots(pem: bytes) -> "tuple[Certificate, ...]":
    """The certificates of the authorities that are trusted, at least one; raises Malformed, NoTool."""
    _tool()  # certificates by themselves are of no use
    try:
        return tuple(import_module("cryptography.x509").load_pem_x509_certificates(pem))
    except ValueError as error:
        raise Malformed(f"no certificates in PEM: {error}") from error


def check_token(token: bytes, digest: bytes, roots: "Sequence[Certificate]", nonce: bytes | None = None) -> Stamp:
    """Return only if one of these authorities stamped this SHA-256, in answer to this nonce if one is given.

    Status granted, imprint, nonce, the authority's signature and chain as of its own time, its critical key usage for
    time-stamping (RFC 3161, 2.3, 2.4.2). Raises WrongToken, NoTool.
    """
    tool = _tool()
    if len(token) > MAX_TOKEN_BYTES:
        raise WrongToken(f"a token of more than {MAX_TOKEN_BYTES} bytes")
    try:
        answer = tool.decode_timestamp_response(token)
        asked = None if nonce is None else int.from_bytes(nonce, "big")
        # a builder of its own: one that was used before would hand on the roots of another (rfc3161-client's verify.py)
        tool.VerifierBuilder(roots=list(roots), nonce=asked).build().verify(answer, digest)
        return _said(answer.tst_info)
    except (ValueError, OverflowError, tool.VerificationError) as error:
        words = str(error).partition(": ErrorStack")[0]
        raise WrongToken(f"the time-stamp does not hold: {words}") from error


def chain_of(token: bytes, roots: "Sequence[Certificate]") -> tuple[bytes, ...]:
    """The certificates (DER) of a token that was checked: whose key signed it, and those above it up to a root."""
    signed = _tool().decode_timestamp_response(token).signed_data
    read = import_module("cryptography.x509").load_der_x509_certificate
    known = [*map(read, sorted(signed.certificates)), *roots]
    (signer,) = signed.signer_infos
    chain = [one for one in known if (one.issuer, one.serial_number) == (signer.issuer, signer.serial_number)][:1]
    while chain and (above := _issuer_of(chain[-1], known)) is not None and above not in chain:
        chain.append(above)
    encoding = import_module("cryptography.hazmat.primitives.serialization").Encoding.DER
    return tuple(one.public_bytes(encoding) for one in chain)


def _issuer_of(one: "Certificate", known: "Sequence[Certificate]") -> "Certificate | None":
    """Who issued a certificate: a name by itself may be anybody's."""
    wrong = import_module("cryptography.exceptions").InvalidSignature
    for other in known:
        try:
            one.verify_directly_issued_by(other)
        except (ValueError, TypeError, wrong):
            continue
        return other
    return None


def _said(info: Any) -> Stamp:  # noqa: ANN401 - TimeStampTokenInfo of an extra that may not be there
    if info.message_imprint.hash_algorithm.dotted_string != _SHA256:
        raise WrongToken("its imprint is not by SHA-256")
    accuracy = info.accuracy
    inexact_us = 0
    if accuracy is not None:
        inexact_us = 1_000_000 * (accuracy.seconds or 0) + 1000 * (accuracy.millis or 0) + (accuracy.micros or 0)
    time_us = (info.gen_time - _EPOCH) // timedelta(microseconds=1) + inexact_us
    return Stamp(time_us, info.policy.dotted_string, info.serial_number)


def _tool() -> ModuleType:
    try:
        return import_module("rfc3161_client")
    except ImportError as error:
        raise NoTool("time-stamps are checked by rfc3161-client: pip install 'speedproof[tsa]'") from error
