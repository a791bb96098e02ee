"""The key and the certificate that sign reports."""

from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from collector.report.certificate import AUTHORITY, CERTIFICATE, KEY, given_identity, own_identity
from shared.errors import NoKey
from shared.keys import FileKey

NOW_US = 1_795_000_000_000_000


def test_made_once(tmp_path: Path) -> None:
    """The first use makes key and certificates, and every later one takes them."""
    collector = FileKey.generate()
    first = own_identity(tmp_path, collector, NOW_US)
    assert own_identity(tmp_path, collector, NOW_US + 10**12).sha256 == first.sha256
    assert (tmp_path / KEY).stat().st_mode & 0o077 == 0
    assert first.authority is not None
    spki = first.authority.public_key().public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    assert spki == collector.public.spki
    first.certificate.verify_directly_issued_by(first.authority)


def test_another_collector_key_issues_anew(tmp_path: Path) -> None:
    """Once the collector has another key, that is what vouches for the report's, which stays."""
    first, second = (own_identity(tmp_path, FileKey.generate(), NOW_US) for _ in range(2))
    assert second.authority is not None and second.authority != first.authority
    second.certificate.verify_directly_issued_by(second.authority)
    assert second.certificate.public_key() == first.certificate.public_key()
    assert second.sha256 != first.sha256


def test_the_operators_own(tmp_path: Path) -> None:
    """A given certificate with its key is taken as it is, in one file or two, and nothing is made."""
    made = own_identity(tmp_path / "keys", FileKey.generate(), NOW_US)
    cert, key = tmp_path / "keys" / CERTIFICATE, tmp_path / "keys" / KEY
    both = tmp_path / "both.pem"
    both.write_bytes(cert.read_bytes() + key.read_bytes() + (tmp_path / "keys" / AUTHORITY).read_bytes())
    given = given_identity(both, None)
    assert (given.sha256, given.above, given.authority) == (made.sha256, (made.authority,), None)
    assert given_identity(cert, key).above == ()


def pem_of_another_kind() -> bytes:
    """An Ed25519 key."""
    return Ed25519PrivateKey.generate().private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


@pytest.mark.parametrize(
    ("cert", "key", "why"),
    [
        ("mine", FileKey.generate().to_pem(), "not the key of the certificate"),
        ("mine", pem_of_another_kind(), "P-256 or RSA"),
        ("mine", b"nonsense", "no certificate with its unencrypted key"),
        ("nonsense", None, "no certificate with its unencrypted key"),
        ("missing", None, "No such file"),
    ],
)
def test_what_cannot_sign_is_refused(tmp_path: Path, cert: str, key: bytes | None, why: str) -> None:
    """A certificate or key that is none, is of another, or of a kind that PDFs do not know: said before anything is made."""
    own_identity(tmp_path, FileKey.generate(), NOW_US)
    file = tmp_path / CERTIFICATE
    if cert == "nonsense":
        file.write_bytes(b"nonsense")
    if cert == "missing":
        file.unlink()
    other = tmp_path / "other.key"
    if key is not None:
        other.write_bytes(key)
    with pytest.raises(NoKey, match=why):
        given_identity(file, None if key is None else other)


def test_a_damaged_certificate_is_said(tmp_path: Path) -> None:
    """What stands where the report's certificate should be is not overwritten in silence."""
    collector = FileKey.generate()
    own_identity(tmp_path, collector, NOW_US)
    (tmp_path / CERTIFICATE).write_bytes(b"nonsense")
    with pytest.raises(NoKey, match="holds no certificate"):
        own_identity(tmp_path, collector, NOW_US)
    assert x509.load_pem_x509_certificate((tmp_path / AUTHORITY).read_bytes())
