"""The signature of a report (PDF): PAdES over the whole document, by whom, and since when. Needs the extra `report` (pyHanko).

Strict where others are lenient, so that one changed byte anywhere is refused: one signature, over everything but its own
place; in that place nothing but one CMS message in DER, in upper-case hexadecimal, then zeros; in that message no certificate
and no attribute that nobody needs. Nothing is fetched; certificates are looked at as of the time of the signature.
"""

import hashlib
import io
import logging
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from asn1crypto import cms, core, x509
from pyhanko.pdf_utils.generic import NameObject
from pyhanko.pdf_utils.misc import PdfError
from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko.sign.validation import validate_pdf_signature
from pyhanko.sign.validation.errors import SignatureValidationError
from pyhanko.sign.validation.pdf_embedded import EmbeddedPdfSignature
from pyhanko.sign.validation.settings import KeyUsageConstraints
from pyhanko.sign.validation.status import PdfSignatureStatus, SignatureCoverageLevel
from pyhanko_certvalidator import ValidationContext

from collector.evidence.plain_cms import document_signature, time_stamp
from shared.errors import Malformed

logging.getLogger("pyhanko").addHandler(logging.NullHandler())  # what it has to say is raised
_SUBFILTER: Final = "/ETSI.CAdES.detached"
_USAGE: Final = KeyUsageConstraints(key_usage={"digital_signature"})


@dataclass(frozen=True, slots=True)
class Signed:
    """What a report's signature says: by which certificate (SHA-256), when (the signer's word), and by when it was there.

    `stamped_at` is an authority's word if there is one, `is_known` says whether that is below a root that was given.
    """

    certificate_sha256: str
    subject: str
    at: datetime
    stamped_at: datetime | None
    is_known: bool


class Document:
    """A signed report, read."""

    def __init__(self, data: bytes) -> None:
        """Read it; raises Malformed if it is no PDF with one signature."""
        try:
            self._reader = PdfFileReader(io.BytesIO(data), strict=True)
            signatures = list(self._reader.embedded_signatures)
        except _BAD as error:
            raise Malformed(f"not a PDF that can be read: {error}") from error
        if len(signatures) != 1:
            raise Malformed(f"{len(signatures)} signatures, where a report has one")
        self._signature, self._data = signatures[0], data

    def covers_everything(self) -> str:
        """That the signature is over the whole document, and its place holds nothing else; raises Malformed."""
        sig = self._signature
        try:
            first, to, begin, rest = (int(one) for one in sig.byte_range)
            coverage, kind = sig.evaluate_signature_coverage(), sig.sig_object.get("/SubFilter")
        except _BAD as error:
            raise Malformed(f"the signature cannot be read: {error}") from error
        if coverage is not SignatureCoverageLevel.ENTIRE_FILE or (first, begin + rest) != (0, len(self._data)):
            raise Malformed("the signature does not cover the whole document")
        if kind != NameObject(_SUBFILTER):
            raise Malformed("not a PAdES signature")
        der, place = _message(sig), self._data[to:begin]
        digits = der.hex().upper().encode()
        if place != b"<" + digits.ljust(len(place) - 2, b"0") + b">":
            raise Malformed("the signature's place holds more than the signature")
        return f"{len(self._data):,} bytes, all but the {len(place):,} of the signature's place are signed"

    def signed_by(self, roots: Sequence[bytes], tsa_roots: Sequence[bytes]) -> Signed:
        """Whose signature it is and that it fits, its certificate below one of these roots (DER); raises Malformed.

        Without roots anybody's certificate will do, and whose it is is for the reader to compare.
        """
        sig = self._signature
        try:
            at, roots = _when(sig), roots or (sig.signer_cert.dump(),)
            status = validate_pdf_signature(
                sig,
                signer_validation_context=_context(roots, at),
                ts_validation_context=_context(tsa_roots, None),
                key_usage_settings=_USAGE,
                skip_diff=True,
            )
        except _BAD as error:
            raise Malformed(f"the signature does not hold: {error}") from error
        time = status.timestamp_validity
        _check(status, has_token=_token(sig) is not None)
        certificate = sig.signer_cert
        return Signed(
            hashlib.sha256(certificate.dump()).hexdigest(),
            certificate.subject.human_friendly,
            at,
            None if time is None else time.timestamp.astimezone(UTC),
            time is not None and time.trusted,
        )

    def attachments(self) -> dict[str, bytes]:
        """The attached files by name; raises Malformed."""
        try:
            names = self._reader.root["/Names"]["/EmbeddedFiles"]["/Names"]
            pairs = zip(list(names)[::2], list(names)[1::2], strict=True)
            found = {str(name): bytes(one.get_object()["/EF"]["/F"].data) for name, one in pairs}
        except (*_BAD, IndexError) as error:
            raise Malformed(f"no attached files that can be read: {error}") from error
        if 2 * len(found) != len(names):
            raise Malformed("two attached files of one name")
        return found


_BAD: Final = (
    PdfError, SignatureValidationError, ValueError, TypeError, KeyError, AttributeError, NotImplementedError, OverflowError,
    RecursionError, OSError, EOFError, zlib.error,
)  # fmt: skip


def _context(roots: Sequence[bytes], at: datetime | None) -> ValidationContext:
    return ValidationContext(
        trust_roots=[x509.Certificate.load(one) for one in roots],
        moment=at,
        best_signature_time=at,
        allow_fetching=False,
    )


def _when(sig: EmbeddedPdfSignature) -> datetime:
    at = sig.self_reported_timestamp
    if not isinstance(at, datetime):
        raise Malformed("the signature does not say when it was made")
    return at.astimezone(UTC)


def _check(status: PdfSignatureStatus, *, has_token: bool) -> None:
    if not (status.intact and status.valid):
        raise Malformed("the document is not what was signed")
    if not status.trusted:
        raise Malformed("signed by a certificate that is not issued by the key it should be")
    time = status.timestamp_validity
    if has_token != (time is not None):
        raise Malformed("a time-stamp that cannot be read")
    if time is not None and not (time.intact and time.valid):
        raise Malformed("the time-stamp is not over this signature")


def _message(sig: EmbeddedPdfSignature) -> bytes:
    """The CMS message in the signature's place; raises Malformed if anything in it could be otherwise."""
    try:
        info = cms.ContentInfo.load(bytes(sig.pkcs7_content))
        plain = document_signature(info)
    except _BAD as error:
        raise Malformed(f"the signature is no CMS message: {error}") from error
    if info.dump() != plain:
        raise Malformed("the signature is not spelt as it should be")
    return plain


def _token(sig: EmbeddedPdfSignature) -> bytes | None:
    """The time-stamp, which is the one thing that is not signed by the signer; raises Malformed if there is anything else."""
    found: Any = sig.signer_info["unsigned_attrs"]
    if isinstance(found, core.Void) or not len(found):
        return None
    try:
        (attribute,) = found
        (value,) = attribute["values"]
        if attribute["type"].native != "signature_time_stamp_token":
            raise Malformed("an attribute beside the signature that is no time-stamp")
        token: bytes = value.dump()
        plain = time_stamp(value)
    except _BAD as error:
        raise Malformed("not one time-stamp beside the signature") from error
    if token != plain:
        raise Malformed("the time-stamp is not spelt as it should be")
    return token
