"""Signing a PDF: PAdES-B-T with a time-stamp, PAdES-B-B without one (ETSI EN 319 142-1), by pyHanko.

The signature covers the whole file but its own place. Of certificates it holds the signer's and the operator's chain; the
collector's own certificate travels as an attachment, which the signature covers, since a certificate that nobody needs inside it
could be changed unseen.
"""

import io
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, Final

from asn1crypto import cms, keys, tsp, x509
from cryptography.hazmat.primitives import serialization
from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
from pyhanko.sign import PdfSignatureMetadata, PdfSigner, SimpleSigner
from pyhanko.sign.fields import SigSeedSubFilter
from pyhanko.sign.signers.pdf_signer import PdfSigningSession
from pyhanko.sign.timestamps import TimeStamper
from pyhanko_certvalidator.registry import SimpleCertificateStore

from collector.report.certificate import Identity

FIELD: Final = "Report"
Stamp = Callable[[bytes], bytes]  # a SHA-256 in, what an authority answered (TimeStampResp, DER) out
_ROOM: Final = (
    16 * 1024
)  # for the signature, in bytes of its hexadecimal spelling: certificate and time-stamp are about 6 kB of it
_ROOM_FOR_EACH: Final = 8 * 1024


class _Stamped(TimeStamper):
    """Time-stamps as pyHanko asks for them."""

    def __init__(self, stamp: Stamp) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._stamp = stamp

    async def async_timestamp(self, message_digest: bytes, md_algorithm: str) -> cms.ContentInfo:
        """A token over a digest."""
        if md_algorithm != "sha256":
            raise ValueError(f"a time-stamp over {md_algorithm}")
        return tsp.TimeStampResp.load(self._stamp(message_digest))["time_stamp_token"]


class _Signer(PdfSigner):
    """A signer whose clock is an argument."""

    def __init__(self, at: datetime, *args: Any, **told: Any) -> None:  # noqa: ANN401 - as pyHanko has them
        super().__init__(*args, **told)
        self._at = at

    def init_signing_session(self, *args: Any, **told: Any) -> PdfSigningSession:  # noqa: ANN401 - as pyHanko has them
        """As pyHanko does it, at that moment."""
        session = super().init_signing_session(*args, **told)
        session.system_time = self._at
        return session


def sign(pdf: bytes, identity: Identity, now_us: int, stamp: Stamp | None) -> bytes:
    """The PDF with one more revision that signs all of it; `stamp` raises what it likes."""
    certificates = SimpleCertificateStore()  # type: ignore[no-untyped-call]
    for one in identity.above:
        certificates.register(_loaded(one.public_bytes(serialization.Encoding.DER)))
    der = identity.key.private_bytes(
        serialization.Encoding.DER, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    signer = SimpleSigner(
        signing_cert=_loaded(identity.certificate.public_bytes(serialization.Encoding.DER)),
        signing_key=keys.PrivateKeyInfo.load(der),
        cert_registry=certificates,
        embed_roots=False,
    )
    metadata = PdfSignatureMetadata(
        field_name=FIELD, md_algorithm="sha256", subfilter=SigSeedSubFilter.PADES, reason="Signed evidence"
    )
    out = io.BytesIO()
    _Signer(
        datetime.fromtimestamp(now_us // 1_000_000, UTC),
        metadata,
        signer,
        timestamper=None if stamp is None else _Stamped(stamp),
    ).sign_pdf(
        IncrementalPdfFileWriter(io.BytesIO(pdf)),
        bytes_reserved=_ROOM + _ROOM_FOR_EACH * len(identity.above),
        output=out,
    )
    return out.getvalue()


def _loaded(der: bytes) -> x509.Certificate:
    return x509.Certificate.load(der)
