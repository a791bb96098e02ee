"""`up` with a time-stamping authority, as processes: the evidence has its tokens, and what is wrong with the settings is said."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from fakes.running import command, running
from fakes.stamping import Stamping, stamping
from fakes.tsa import Tsa

from collector.evidence.__main__ import main

pytestmark = pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl is not installed")
pytest.importorskip("rfc3161_client", reason="the extra tsa is not installed")


@pytest.fixture
def there(tmp_path: Path) -> Iterator[Stamping]:
    """An authority."""
    with stamping(Tsa.begin(tmp_path / "tsa")) as made:
        yield made


def settings(data: Path, url: str, roots: Path) -> None:
    """A data folder with a `collector.toml`."""
    data.mkdir()
    (data / "collector.toml").write_text(f'tsa = "{url}"\ntsa_roots = "{roots}"\n')


def test_evidence_with_tokens(tmp_path: Path, there: Stamping, capsys: pytest.CaptureFixture[str]) -> None:
    """A batch that came in a moment ago is stamped when its evidence is made, though another process took it in."""
    settings(tmp_path / "data", there.url, there.roots)
    out = tmp_path / "e.zip"
    with running(tmp_path / "data", "--workers", "1") as collector:
        device = collector.enrolled("anna")
        assert collector.post_batch(device.next()).status == 201
        done = command(tmp_path / "data", "evidence", "anna", "--out", str(out), "--json")
        assert done.returncode == 0, done.stderr
        assert collector.stop() == 0
    assert main([str(out), "--tsa-roots", str(there.roots), "--json"]) == 0
    steps = json.loads(capsys.readouterr().out)["steps"]
    words = next(step["detail"] for step in steps if step["name"] == "time-stamps")
    assert "the last one of 2 of its leaves" in words
    assert words.endswith("1 files by themselves")


def test_an_authority_that_is_away(tmp_path: Path, there: Stamping) -> None:
    """Batches and evidence come through all the same, and health says why there is no token."""
    settings(tmp_path / "data", "http://127.0.0.1:1/tsr", there.roots)
    with running(tmp_path / "data") as collector:
        device = collector.enrolled("anna")
        assert collector.post_batch(device.next()).status == 201
        done = command(tmp_path / "data", "evidence", "anna", "--out", str(tmp_path / "e.zip"), "--json")
        assert done.returncode == 0, done.stderr
        health = collector.send("GET", "/health")
        assert (health.status, "it does not answer" in health.told["tsa"]) == (200, True)
        assert collector.stop() == 0
    assert main([str(tmp_path / "e.zip")]) == 0


def test_certificates_that_are_none(tmp_path: Path, there: Stamping) -> None:
    """A file that is not there is named, and nothing starts."""
    settings(tmp_path / "data", there.url, tmp_path / "none.pem")
    done = command(tmp_path / "data", "up", "--port", "0", "--peer-port", "0")
    assert done.returncode != 0
    assert "tsa_roots" in done.stderr
    assert "Traceback" not in done.stderr
