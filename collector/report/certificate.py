"""The key and the certificate that sign reports.

The operator gives his own (`report_cert`, `report_key`: P-256 or RSA; Ed25519 is not for PDFs), or the collector makes them: a
P-256 key of its own for reports, and a certificate that the collector's key has issued, so that whoever knows that key can tell
whose report it is.

    keys/report.key     the key                     made once
    keys/report.pem     its certificate             made anew if the key or the collector's key is another
    keys/report-ca.pem  the collector's own         self-signed; its key is the collector's

Certificates end in 9999, which is to say never (RFC 5280, 4.1.2.5): a report is to be checked for as long as anybody asks.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import NameOID

from collector.durable import write_whole
from collector.keyfiles import load_or_create
from shared.errors import NoKey
from shared.keys import FileKey

KEY: Final = "report.key"
CERTIFICATE: Final = "report.pem"
AUTHORITY: Final = "report-ca.pem"
_NEVER: Final = datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC)
_BEFORE: Final = timedelta(days=1)  # another's clock may be slow

Private = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey


@dataclass(frozen=True, slots=True)
class Identity:
    """Whoever signs reports: the key, its certificate, those above it; `authority`: the collector's own, if it issued it."""

    key: Private
    certificate: x509.Certificate
    above: tuple[x509.Certificate, ...]
    authority: x509.Certificate | None

    @property
    def sha256(self) -> str:
        """The certificate's fingerprint, lower-case hex."""
        return self.certificate.fingerprint(hashes.SHA256()).hex()


def own_identity(keys: Path, collector: FileKey, now_us: int) -> Identity:
    """The one that the collector's key vouches for, out of a folder of keys, made first if need be; raises NoKey."""
    key = _private(load_or_create(keys / KEY).to_pem())
    signer = _private(collector.to_pem())
    not_before = datetime.fromtimestamp(now_us // 1_000_000, UTC) - _BEFORE
    name = _name(f"speedproof collector {collector.public.key_id[:16]}")
    authority = _kept(keys / AUTHORITY, signer)
    if authority is None:
        authority = _made(keys / AUTHORITY, name, name, signer, signer, not_before)
    certificate = _kept(keys / CERTIFICATE, key)
    if certificate is None or not _is_issued(certificate, authority):
        own = _name(f"speedproof report, collector {collector.public.key_id[:16]}")
        certificate = _made(keys / CERTIFICATE, own, name, key, signer, not_before)
    return Identity(key, certificate, (), authority)


def given_identity(cert: Path, key: Path | None) -> Identity:
    """The operator's own; raises NoKey."""
    try:
        certificate, *above = x509.load_pem_x509_certificates(cert.read_bytes())
        private = _private((key or cert).read_bytes())
    except OSError as error:
        raise NoKey(f"report_cert, report_key: {error.filename}: {error.strerror}") from error
    except (ValueError, TypeError) as error:
        raise NoKey(f"report_cert, report_key: no certificate with its unencrypted key in PEM: {error}") from error
    if _spki(private) != _spki_of(certificate):
        raise NoKey(f"report_key: not the key of the certificate in {cert}")
    return Identity(private, certificate, tuple(above), None)


def _private(pem: bytes) -> Private:
    key = serialization.load_pem_private_key(pem, password=None)
    if not isinstance(key, (ec.EllipticCurvePrivateKey, rsa.RSAPrivateKey)):
        raise NoKey("report_key: PDFs are signed by P-256 or RSA keys")
    return key


def _name(words: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, words)])


def _spki(key: Private) -> bytes:
    return key.public_key().public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)


def _spki_of(certificate: x509.Certificate) -> bytes:
    return certificate.public_key().public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )


def _kept(file: Path, key: Private) -> x509.Certificate | None:
    """The certificate in a file, if it is of this key."""
    try:
        found = x509.load_pem_x509_certificate(file.read_bytes())
    except FileNotFoundError:
        return None
    except OSError as error:
        raise NoKey(f"cannot use {file}: {error.strerror}") from error
    except ValueError as error:
        raise NoKey(f"{file} holds no certificate: {error}") from error
    return found if _spki_of(found) == _spki(key) else None


def _is_issued(certificate: x509.Certificate, authority: x509.Certificate) -> bool:
    try:
        certificate.verify_directly_issued_by(authority)
    except (ValueError, TypeError, x509.InvalidVersion) as error:
        del error
        return False
    except Exception as error:
        raise NoKey(f"the report's certificate cannot be read: {error}") from error
    return True


def _made(
    file: Path, subject: x509.Name, issuer: x509.Name, key: Private, signer: Private, not_before: datetime
) -> x509.Certificate:
    """A certificate, kept: one that issues others if it is its own issuer."""
    issues = subject == issuer
    usage = x509.KeyUsage(
        digital_signature=not issues,
        content_commitment=not issues,
        key_cert_sign=issues,
        crl_sign=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )
    made = (
        x509.CertificateBuilder(issuer, subject, key.public_key(), x509.random_serial_number(), not_before, _NEVER)
        .add_extension(x509.BasicConstraints(ca=issues, path_length=0 if issues else None), critical=True)
        .add_extension(usage, critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key()), critical=False)
        .sign(signer, hashes.SHA256())
    )
    try:
        write_whole(file, made.public_bytes(serialization.Encoding.PEM))
    except OSError as error:
        raise NoKey(f"cannot write {file}: {error.strerror}") from error
    return made
