"""Asking an authority over a real socket: openssl's own answers are taken, and nothing else is."""

import shutil
import sys
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path

import pytest
from fakes.stamping import Stamping, stamping
from fakes.tsa import Tsa

from collector.errors import BadRequest
from collector.log.tsa import Authority, NoStamp, ask, authority_of
from shared.timestamp import check_token

pytestmark = pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl is not installed")
pytest.importorskip("rfc3161_client", reason="the extra tsa is not installed")
NONCE = b"\xf0" + bytes(7)


@pytest.fixture(scope="module")
def tsa(tmp_path_factory: pytest.TempPathFactory) -> Tsa:
    """An authority."""
    return Tsa.begin(tmp_path_factory.mktemp("x") / "tsa")


@pytest.fixture
def there(tsa: Tsa) -> Iterator[Stamping]:
    """It, listening."""
    with stamping(tsa) as made:
        yield made


def known(there: Stamping) -> Authority:
    """It, as the settings name it."""
    found = authority_of(there.url, there.roots)
    assert found is not None
    return found


def test_a_token(there: Stamping) -> None:
    """What it gives is a token over these bytes that holds by itself."""
    authority = known(there)
    token, stamp = ask(authority, b"a", NONCE)
    assert check_token(token, sha256(b"a").digest(), authority.roots) == stamp
    assert sha256(b"a").digest() in there.asked[0]


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ("500", "refuses"), ("404", "refuses"), ("nonsense", "not what was asked"), ("nothing", "not what was asked"),
        ("endless", "not what was asked"), ("old answer", "not what was asked"), ("other bytes", "not what was asked"),
        ("without the nonce", "not what was asked"),
    ],
)  # fmt: skip
def test_what_is_no_token(there: Stamping, wrong: str, says: str) -> None:
    """An error, rubbish, an answer to another nonce or to none, over other bytes: none of these is one."""
    authority = known(there)
    ask(authority, b"a", NONCE)
    there.wrong = wrong
    with pytest.raises(NoStamp, match=says):
        ask(authority, b"a", b"\xf1" + NONCE[1:])
    there.wrong = ""
    assert ask(authority, b"a", NONCE)


def test_somebody_else(there: Stamping, tmp_path: Path) -> None:
    """The answer of an authority whose root the settings do not name is none."""
    (tmp_path / "other.pem").write_bytes((Tsa.begin(tmp_path / "other").folder / "ca.pem").read_bytes())
    other = authority_of(there.url, tmp_path / "other.pem")
    assert other is not None
    with pytest.raises(NoStamp, match="not what was asked"):
        ask(other, b"a", NONCE)


def test_nobody_there(there: Stamping, monkeypatch: pytest.MonkeyPatch) -> None:
    """One that cannot be reached, or sends a byte now and then, is left after as long as an answer may take."""
    monkeypatch.setattr("collector.log.asking.PATIENCE_S", 0.5)
    authority = known(there)
    with pytest.raises(NoStamp, match="does not answer"):
        ask(Authority("http://127.0.0.1:1", authority.roots), b"a", NONCE)
    for wrong in ("drips", "drips its head"):
        there.wrong = wrong
        with pytest.raises(NoStamp, match="does not end"):
            ask(authority, b"a", NONCE)


def test_settings_that_cannot_be(there: Stamping, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file that is not there or holds no certificate, or a package that is missing, is named at once."""
    assert authority_of(None, None) is None
    with pytest.raises(BadRequest, match=r"tsa_roots: .*cannot be read"):
        authority_of(there.url, tmp_path / "nothing.pem")
    (tmp_path / "empty.pem").write_text("hello")
    with pytest.raises(BadRequest, match=r"tsa_roots: .*no certificates"):
        authority_of(there.url, tmp_path / "empty.pem")
    monkeypatch.setitem(sys.modules, "rfc3161_client", None)
    with pytest.raises(BadRequest, match=r"pip install 'speedproof\[tsa\]'"):
        authority_of(there.url, there.roots)
