"""Time-stamps of authorities that openssl plays: what one proves, and everything that is none."""

import hashlib
import os
import shutil
import sys
from pathlib import Path

import pytest
from fakes.tsa import Tsa
from hypothesis import given
from hypothesis import strategies as st

from shared.errors import Malformed, NoTool
from shared.timestamp import MAX_TOKEN_BYTES, WrongToken, chain_of, check_token, query, read_roots

pytestmark = pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl is not installed")
pytest.importorskip("rfc3161_client", reason="the extra tsa is not installed")
SHARED = Path(os.environ.get("SPEEDPROOF_SHARED", Path(__file__).resolve().parents[2].parent / "shared"))
DATA = b"what was there"
DIGEST = hashlib.sha256(DATA).digest()
NONCE = bytes(range(0x80, 0x88))


@pytest.fixture(scope="module")
def tsa(tmp_path_factory: pytest.TempPathFactory) -> Tsa:
    """An authority."""
    return Tsa.begin(tmp_path_factory.mktemp("x") / "tsa", "secs:2, millisecs:3, microsecs:4")


@pytest.fixture(scope="module")
def token(tsa: Tsa) -> bytes:
    """What it answered to our own request."""
    return tsa.answer(query(DIGEST, NONCE))


def roots_of(tsa: Tsa) -> bytes:
    """Its root's certificate."""
    return (tsa.folder / "ca.pem").read_bytes()


def test_what_a_token_proves(tsa: Tsa, token: bytes) -> None:
    """The authority's time and all that it may be inexact by, its policy and number; with and without the nonce."""
    roots = read_roots(roots_of(tsa))
    stamp = check_token(token, DIGEST, roots, NONCE)
    assert stamp == check_token(token, DIGEST, roots)
    assert (stamp.policy, stamp.time_us % 1_000_000) == ("1.2.3.4.1", 3004)
    said = tsa.openssl("ts", "-reply", "-in", "reply", "-text").decode()
    assert f"Serial number: 0x{stamp.serial:02X}" in said


def test_our_request_is_read_by_openssl(tsa: Tsa) -> None:
    """It says SHA-256, this digest, this nonce, and that the certificate is wanted."""
    (tsa.folder / "asked").write_bytes(query(DIGEST, NONCE))
    said = tsa.openssl("ts", "-query", "-in", "asked", "-text").decode()
    assert "Hash Algorithm: sha256" in said
    assert "Certificate required: yes" in said
    assert f"Nonce: 0x{NONCE.hex().upper()}" in said


@pytest.mark.parametrize(("digest", "nonce"), [(DIGEST[1:], NONCE), (DIGEST, NONCE[1:]), (DIGEST, bytes(8))])
def test_a_request_of_another_form(digest: bytes, nonce: bytes) -> None:
    """Digests and nonces have one length each, and a nonce one spelling."""
    with pytest.raises(ValueError, match="its first bit set"):
        query(digest, nonce)


def test_without_accuracy(tmp_path: Path) -> None:
    """An authority that does not say how exact it is is taken at its word."""
    tsa = Tsa.begin(tmp_path / "tsa", "")
    assert check_token(tsa.stamp(DATA), DIGEST, read_roots(roots_of(tsa))).time_us % 1_000_000 == 0


def test_other_authorities(tsa: Tsa, token: bytes, tmp_path: Path) -> None:
    """A root of somebody else does not vouch for it, also if another check has just used the right one; beside it it does no harm."""
    other = read_roots(roots_of(Tsa.begin(tmp_path / "other")))
    right = read_roots(roots_of(tsa))
    assert check_token(token, DIGEST, right)
    with pytest.raises(WrongToken, match="does not hold"):
        check_token(token, DIGEST, other)
    assert check_token(token, DIGEST, (*other, *right))


@pytest.mark.parametrize("leaf", ["sloppy", "mailing", "ca"])
def test_certificates_that_are_not_for_time_stamping(tsa: Tsa, leaf: str) -> None:
    """What a certificate of the same root for another purpose, or not only for this one, has signed is no time-stamp."""
    roots = read_roots(roots_of(tsa))
    assert check_token(tsa.signed_by("leaf", query(DIGEST, NONCE)), DIGEST, roots)
    with pytest.raises(WrongToken, match="does not hold"):
        check_token(tsa.signed_by(leaf, query(DIGEST, NONCE)), DIGEST, roots)


def test_what_it_is_not_for(tsa: Tsa, token: bytes) -> None:
    """Another digest, another nonce, none where one was asked, another hash, too long, cut off, with more behind it: refused."""
    roots = read_roots(roots_of(tsa))
    sha512 = hashlib.sha512(DATA).digest()
    for bad, digest, nonce in (
        (token, hashlib.sha256(b"x").digest(), None),
        (token, DIGEST, NONCE[:-1] + b"\0"),
        (tsa.stamp(DATA, "-sha512"), sha512, None),
        (tsa.stamp(DATA, "-sha512"), DIGEST, None),
        (token + b"\0", DIGEST, None),
        (token[:-1], DIGEST, None),
        (b"", DIGEST, None),
        (bytes(MAX_TOKEN_BYTES + 1), DIGEST, None),
    ):
        with pytest.raises(WrongToken):
            check_token(bad, digest, roots, nonce)


def test_no_authority_at_all(token: bytes) -> None:
    """Whoever trusts nobody believes no token."""
    with pytest.raises(WrongToken):
        check_token(token, DIGEST, ())
    for bad in (b"", b"hello", b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"):
        with pytest.raises(Malformed, match="no certificates"):
            read_roots(bad)


def test_an_answer_that_refuses(tsa: Tsa) -> None:
    """An authority that does not know the request says so, and that is no time-stamp."""
    with pytest.raises(WrongToken):
        check_token(tsa.answer(b"hello"), DIGEST, read_roots(roots_of(tsa)))


def test_each_bit_of_what_was_signed(tsa: Tsa, token: bytes) -> None:
    """One flipped bit gives an error of ours and nothing else, or a token that says the very same."""
    roots = read_roots(roots_of(tsa))
    stamp = check_token(token, DIGEST, roots)
    imprint = token.index(DIGEST)
    for place in range(0, 8 * len(token), 3):
        bad = bytearray(token)
        bad[place // 8] ^= 1 << place % 8
        try:
            assert check_token(bytes(bad), DIGEST, roots, NONCE) == stamp
        except WrongToken:
            continue
        assert not imprint - 30 <= place // 8 < imprint + 60, place  # what it says of bytes and time is signed


@given(st.binary(max_size=300))
def test_any_bytes(data: bytes) -> None:
    """Bytes are a token or a WrongToken, never anything else."""
    with pytest.raises(WrongToken):
        check_token(data, DIGEST, ())


def test_without_the_extra(monkeypatch: pytest.MonkeyPatch, token: bytes) -> None:
    """Where rfc3161-client is not installed it is named, and nothing passes."""
    monkeypatch.setitem(sys.modules, "rfc3161_client", None)
    for asked in (lambda: read_roots(b""), lambda: check_token(token, DIGEST, ())):
        with pytest.raises(NoTool, match=r"pip install 'speedproof\[tsa\]'"):
            asked()


def test_its_certificates(tsa: Tsa, token: bytes, tmp_path: Path) -> None:
    """From the one that signed up to the root, also where other roots are known; without the root that one alone."""
    other = read_roots(roots_of(Tsa.begin(tmp_path / "other")))
    own = read_roots(roots_of(tsa))
    assert chain_of(token, (*other, *own)) == tuple(tsa.certificates())
    assert chain_of(token, ()) == tuple(tsa.certificates()[:1])


def test_golden() -> None:
    """The golden token holds for the golden signature, years after its certificates have ended too."""
    folder = SHARED / "vectors" / "integrity"
    if not folder.is_dir():
        pytest.skip(f"no golden vectors in {folder}")
    digest = hashlib.sha256((folder / "sig.der").read_bytes()).digest()
    roots = read_roots((folder / "tsa_root.pem").read_bytes())
    assert check_token((folder / "timestamp.tsr").read_bytes(), digest, roots).policy == "1.3.6.1.4.1.99999.1"
