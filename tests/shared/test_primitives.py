"""Two libraries, one behaviour: what one signs the other verifies, what one refuses the other refuses, byte for byte."""

import base64
import hashlib
import json
import ssl
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from hypothesis import given, settings
from hypothesis import strategies as st

from shared import libcrypto, primitives, pyca
from shared.dsse import pae, read_envelope
from shared.errors import Malformed, NoKey
from shared.keys import FileKey, PublicKey, WrongSignature
from shared.primitives import Primitives, chosen
from shared.transfer import KeyStream

GOOD = Path(__file__).resolve().parents[1] / "vectors" / "good"
DER, PEM = serialization.Encoding.DER, serialization.Encoding.PEM
PKCS8, SEC1 = serialization.PrivateFormat.PKCS8, serialization.PrivateFormat.TraditionalOpenSSL
SPKI, PLAIN = serialization.PublicFormat.SubjectPublicKeyInfo, serialization.NoEncryption()
BOTH: tuple[Primitives, ...] = (pyca.Pyca(), libcrypto.load())
KEY = ec.derive_private_key(0xDE51CE, ec.SECP256R1())
OTHERS: dict[str, Any] = {
    "P-384": ec.derive_private_key(7, ec.SECP384R1()),
    "secp256k1": ec.derive_private_key(7, ec.SECP256K1()),
    "Ed25519": ed25519.Ed25519PrivateKey.from_private_bytes(bytes(32)),
    "RSA": rsa.generate_private_key(65537, 2048),
}
MESSAGE = b"what was seen"

libraries = pytest.mark.parametrize("library", BOTH, ids=("cryptography", "libcrypto"))
pairs = pytest.mark.parametrize(("one", "other"), [BOTH, BOTH[::-1]], ids=("signs cryptography", "signs libcrypto"))


@pytest.fixture(params=BOTH, ids=("cryptography", "libcrypto"))
def forced(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[Primitives]:
    """Make this process choose one of the libraries, as where there is only that one."""
    chosen.cache_clear()
    if request.param is BOTH[1]:
        monkeypatch.setitem(sys.modules, "shared.pyca", None)
    yield chosen()
    chosen.cache_clear()


def test_each_can_be_chosen(forced: Primitives) -> None:
    """`cryptography` is taken where it is, libcrypto where it is not; each says its name."""
    without = sys.modules["shared.pyca"] is None
    assert forced.name.startswith("libcrypto (OpenSSL 3" if without else "cryptography")


@pytest.mark.parametrize("gone", ["shared.libcrypto", "names"])
def test_neither_is_said_in_words(gone: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A device with neither library learns what to install, and only when it needs one."""
    monkeypatch.setitem(sys.modules, "shared.pyca", None)
    if gone == "names":
        monkeypatch.setattr(libcrypto, "names", lambda *_: ())
    else:
        monkeypatch.setitem(sys.modules, gone, None)
    primitives.chosen.cache_clear()
    try:
        with pytest.raises(NoKey, match="install `cryptography`"):
            FileKey.generate()
    finally:
        primitives.chosen.cache_clear()


def test_keys_are_the_same_whoever_holds_them(forced: Primitives) -> None:
    """A key file gives the same public key, the same id and the same file again, and signs what verifies."""
    for form in (PKCS8, SEC1):
        key = FileKey.from_pem(KEY.private_bytes(PEM, form, PLAIN))
        assert key.to_pem() == KEY.private_bytes(PEM, PKCS8, PLAIN)
        assert key.public.to_pem() == KEY.public_key().public_bytes(PEM, SPKI)
        key.public.verify(key.sign(MESSAGE), MESSAGE)
        with pytest.raises(WrongSignature):
            key.public.verify(key.sign(MESSAGE), MESSAGE + b".")
    new, another = FileKey.generate(), FileKey.generate()
    assert new != another
    assert FileKey.from_pem(new.to_pem()) == new


def test_no_key_is_shown(forced: Primitives) -> None:
    """Neither a key's text nor what is said of a broken one holds anything of its number."""
    pem = FileKey.generate().to_pem()
    broken = pem.replace(b"\nM", b"\nA", 1)
    with pytest.raises(Malformed) as refused:
        FileKey.from_pem(broken)
    causes = [refused.value, refused.value.__cause__, refused.value.__context__]
    told = " ".join(map(repr, [*causes, FileKey.from_pem(pem)]))
    inner = pem.splitlines()[1:-1]
    assert not any(line.decode()[at : at + 8] in told for line in inner for at in range(len(line) - 8))


@pytest.mark.parametrize("kind", OTHERS)
def test_other_kinds_of_key_are_refused_by_both(kind: str, forced: Primitives) -> None:
    """Only P-256 is taken, whoever reads it."""
    with pytest.raises(Malformed, match="P-256"):
        FileKey.from_pem(OTHERS[kind].private_bytes(PEM, PKCS8, PLAIN))
    with pytest.raises(Malformed, match="P-256"):
        PublicKey.from_pem(OTHERS[kind].public_key().public_bytes(PEM, SPKI))


def test_locked_keys_are_refused_by_both(forced: Primitives) -> None:
    """An encrypted key is refused without asking anybody for a password."""
    for form in (PKCS8, SEC1):
        with pytest.raises(Malformed, match="not a private key in PEM"):
            FileKey.from_pem(KEY.private_bytes(PEM, form, serialization.BestAvailableEncryption(b"word")))


@libraries
def test_halves_that_do_not_belong_together(library: Primitives) -> None:
    """A key file whose public half is another key's, or whose number is out of range, is refused."""
    sec1 = KEY.private_bytes(DER, SEC1, PLAIN)
    stranger = ec.derive_private_key(8, ec.SECP256R1()).private_bytes(DER, SEC1, PLAIN)
    for number, public in ((sec1[:57], stranger[57:]), (sec1[:7] + b"\xff" * 32 + sec1[39:57], sec1[57:])):
        with pytest.raises(ValueError):  # noqa: PT011 - each library has its own words
            library.private(number + public)


@libraries
@pytest.mark.parametrize("der", [b"", b"x", KEY.private_bytes(DER, PKCS8, PLAIN)[:-1]], ids=["empty", "text", "cut"])
def test_what_is_no_key_is_refused(library: Primitives, der: bytes) -> None:
    """What is not a key in DER gives ValueError, and nothing else."""
    with pytest.raises(ValueError):  # noqa: PT011 - each library has its own words
        library.private(der)


@libraries
def test_a_point_off_the_curve_is_refused(library: Primitives) -> None:
    """A public key whose point is not on the curve is no key."""
    spki = KEY.public_key().public_bytes(DER, SPKI)
    with pytest.raises(ValueError):  # noqa: PT011 - each library has its own words
        library.public(spki[:-1] + bytes([spki[-1] ^ 1]))


def test_locked_der_is_refused_by_cryptography() -> None:
    """`cryptography` asks for a password by an error of its own, which becomes a ValueError."""
    locked = KEY.private_bytes(DER, PKCS8, serialization.BestAvailableEncryption(b"word"))
    with pytest.raises(ValueError, match="encrypted"):
        BOTH[0].private(locked)


def test_another_kind_of_public_key() -> None:
    """`cryptography` reads other kinds of key as well; they are refused."""
    with pytest.raises(ValueError, match="elliptic"):
        BOTH[0].public(OTHERS["Ed25519"].public_key().public_bytes(DER, SPKI))


def test_compressed_points_in_key_files() -> None:
    """A SEC1 file with a compressed point, as other tools write it, is the same key under the same id."""
    sec1 = KEY.private_bytes(DER, SEC1, PLAIN)
    point = KEY.public_key().public_bytes(serialization.Encoding.X962, serialization.PublicFormat.CompressedPoint)
    inner = sec1[2:51] + b"\xa1\x24\x03\x22\x00" + point
    compressed = b"\x30" + bytes([len(inner)]) + inner
    assert {library.private(compressed).spki for library in BOTH} == {KEY.public_key().public_bytes(DER, SPKI)}


@pairs
@settings(deadline=None, max_examples=60)
@given(message=st.binary(max_size=3000), number=st.integers(1, 2**128))
def test_what_one_signs_the_other_verifies(one: Primitives, other: Primitives, message: bytes, number: int) -> None:
    """Any message under any key: signed by one, verified by the other; one bit more or less does not."""
    der = ec.derive_private_key(number, ec.SECP256R1()).private_bytes(DER, PKCS8, PLAIN)
    key = one.private(der)
    signature, public = key.sign(message), other.public(key.spki)
    assert other.private(der).spki == key.spki
    public.verify(signature, message)
    with pytest.raises(ValueError):  # noqa: PT011 - each library has its own words
        public.verify(signature, message + b"\0")
    with pytest.raises(ValueError):  # noqa: PT011 - each library has its own words
        public.verify(signature + b"\0", message)


def _by_rfc_6979() -> Primitives:
    """Give a libcrypto of OpenSSL 3.2 or newer: the system's, or one that another wheel brought along."""
    bundled = [str(file) for folder in map(Path, sys.path) for file in sorted(folder.glob("*.libs/libcrypto-*.so.3"))]
    for known_as in (None, *([file] for file in bundled)):
        library = libcrypto.load(known_as)
        key = library.private(KEY.private_bytes(DER, PKCS8, PLAIN))
        if key.sign(MESSAGE) == key.sign(MESSAGE):
            return library
    pytest.skip(f"no libcrypto of OpenSSL 3.2 or newer here, only {ssl.OPENSSL_VERSION}")


def test_signatures_are_the_same_to_the_byte() -> None:
    """With OpenSSL 3.2 or newer both libraries give the same signature for the same message, 500 times of 500."""
    library = _by_rfc_6979()
    der = KEY.private_bytes(DER, PKCS8, PLAIN)
    keys = BOTH[0].private(der), library.private(der)
    if keys[0].sign(MESSAGE) != keys[0].sign(MESSAGE):
        pytest.skip("this build of cryptography draws its nonces by chance")
    messages = [hashlib.shake_256(b"%d" % number).digest(number * 5) for number in range(500)]
    assert [keys[0].sign(one) for one in messages] == [keys[1].sign(one) for one in messages]


def test_golden_signature_by_libcrypto() -> None:
    """By libcrypto the repository's own vectors are signed to the byte that stands there."""
    library = _by_rfc_6979()
    scalar = json.loads((GOOD.parent / "vectors.json").read_bytes())["keys"]["device_a"]["scalar"]
    key = library.private(ec.derive_private_key(scalar, ec.SECP256R1()).private_bytes(DER, PKCS8, PLAIN))
    for name in ("batch-0.ndjson", "batch-1.ndjson", "batch-2.ndjson"):
        envelope = read_envelope((GOOD / name).read_bytes().partition(b"\n")[0])
        assert key.sign(pae(envelope.payload)) == envelope.signature


def test_an_old_cryptography_signs_too(monkeypatch: pytest.MonkeyPatch) -> None:
    """A build on an OpenSSL before 3.2 says that it cannot be deterministic, and signs with nonces of its own."""

    def too_old(algorithm: object, *, deterministic_signing: bool = False) -> None:
        raise UnsupportedAlgorithm("not with this OpenSSL")

    monkeypatch.setattr(pyca.ec, "ECDSA", too_old)
    assert pyca.signing() is pyca._VERIFYING


@libraries
def test_key_stream_is_that_of_the_format(library: Primitives) -> None:
    """NIST SP 800-38A, F.5.5: AES-256-CTR gives the key stream written there, in pieces of any size."""
    key = bytes.fromhex("603deb1015ca71be2b73aef0857d77811f352c073b6108d72d9810a30914dff4")
    counter = bytes.fromhex("f0f1f2f3f4f5f6f7f8f9fafbfcfdfeff")
    expected = bytes.fromhex("0bdf7df1591716335e9a8b15c860c5025a6e699d536119065433863c8f657b94")
    assert library.key_stream(key, counter)(32) == expected
    take = library.key_stream(key, counter)
    assert b"".join(take(n_bytes) for n_bytes in (0, 1, 15, 16)) == expected


@settings(deadline=None, max_examples=30)
@given(st.lists(st.integers(0, 70_000), max_size=6), st.binary(min_size=32, max_size=32), st.integers(0, 2**40))
def test_key_streams_are_the_same(pieces: list[int], seed: bytes, flow: int) -> None:
    """Both give the same stream for any seed, any flow and any pieces."""
    counter = flow.to_bytes(8, "big") + bytes(8)
    one, other = (library.key_stream(seed, counter) for library in BOTH)
    assert [one(n_bytes) for n_bytes in pieces] == [other(n_bytes) for n_bytes in pieces]


def test_a_long_piece_of_a_stream(forced: Primitives) -> None:
    """A piece longer than any buffer kept for it is the same stream, whoever computes it."""
    whole = KeyStream(bytes(32), 1).take((1 << 20) + 7)
    other = KeyStream(bytes(32), 1)
    assert whole == other.take(1 << 20) + other.take(7)


@libraries
@pytest.mark.parametrize(("key", "counter"), [(bytes(31), bytes(16)), (bytes(32), bytes(15))])
def test_a_seed_of_another_length(library: Primitives, key: bytes, counter: bytes) -> None:
    """A key or a counter of another length gives ValueError, and is not read beyond its end."""
    with pytest.raises(ValueError):  # noqa: PT011 - each library has its own words
        library.key_stream(key, counter)


def test_evidence_holds_without_cryptography() -> None:
    """A whole batch is sealed and checked where `cryptography` cannot be imported at all."""
    program = """
import sys
sys.modules["cryptography"] = None
from shared.batch import Sealing, open_batch, seal_batch
from shared.keys import FileKey, PublicKey
from shared.primitives import chosen
key = FileKey.generate()
body = seal_batch([b'{"seq":0}\\n'], Sealing("a", 0, "b", "0" * 64, 0, 0, 0, 0), key)
key.public.verify(key.sign(b"x"), b"x")
print(chosen().name.split()[0], PublicKey.from_spki(key.public.spki).key_id == key.public.key_id, len(body) > 500)
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["libcrypto", "True", "True"]


def test_public_pem_in_company() -> None:
    """A PEM file may hold other text around the block, and lines of any length."""
    spki = KEY.public_key().public_bytes(DER, SPKI)
    body = base64.b64encode(spki).decode()
    text = f"the peer's key\r\n-----BEGIN PUBLIC KEY-----\r\n{body}\r\n-----END PUBLIC KEY-----\r\n"
    assert PublicKey.from_pem(text.encode()).spki == spki


@libraries
def test_ed25519(library: Primitives) -> None:
    """Each verifies Ed25519 alike: what fits passes; another message, a turned bit, a cut signature and no key do not."""
    private = OTHERS["Ed25519"]
    raw = private.public_key().public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)
    key, good = library.ed25519(raw), private.sign(MESSAGE)
    key.verify(good, MESSAGE)
    for signature, message in (
        (good, MESSAGE + b"x"),
        (bytes([good[0] ^ 1]) + good[1:], MESSAGE),
        (good[:-1], MESSAGE),
        (b"", MESSAGE),
    ):
        with pytest.raises(ValueError, match=r"fit|refuses"):
            key.verify(signature, message)
    with pytest.raises(ValueError, match="32 bytes"):
        library.ed25519(raw[:-1])
