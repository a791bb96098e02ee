"""The report before programs that are not ours: poppler's `pdfsig` and `pdfdetach`, `openssl cms`, and Sigstore's verifier (npm).

pdfsig's exit code says nothing (it is 0 for a digest that does not fit): its words are what counts.
"""

import base64
import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fakes.npm import installed
from fakes.reported import Reported, reported

from collector.evidence.signature import Document
from collector.report.certificate import AUTHORITY
from shared.dsse import b64

HERE = Path(__file__).resolve().parent
ED25519_SPKI = bytes.fromhex("302a300506032b6570032100")
VALID = {"start": "2020-01-01T00:00:00Z"}
WORDS = ("Signature is Valid.", "Certificate is Trusted.", "Total document signed", "ETSI.CAdES.detached")

pytestmark = pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl is not installed")


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Reported]:
    """The report on `line-0`."""
    with reported(tmp_path_factory.mktemp("report")) as made:
        yield made


def needs(*programs: str) -> None:
    """Skip where one is missing."""
    for one in programs:
        if shutil.which(one) is None:
            pytest.skip(f"{one} is not installed (apt: poppler-utils, libnss3-tools)")


def run(folder: Path, *words: str) -> str:
    """What a program prints."""
    done = subprocess.run(words, cwd=folder, capture_output=True, text=True, check=False)
    return done.stdout + done.stderr


def pdfsig(folder: Path, pdf: bytes, authority: bytes) -> str:
    """What pdfsig says of a report to somebody who trusts this certificate."""
    (folder / "ca.pem").write_bytes(authority)
    (folder / "it.pdf").write_bytes(pdf)
    if not (folder / "nss").exists():
        (folder / "nss").mkdir()
        run(folder, "certutil", "-N", "-d", "sql:nss", "--empty-password")
        run(folder, "certutil", "-A", "-d", "sql:nss", "-n", "root", "-t", "C,C,C", "-i", "ca.pem")
    return run(folder, "pdfsig", "-nssdir", "nss", "it.pdf")


def authority_of(report: Reported) -> bytes:
    """The collector's certificate as its folder has it."""
    return (report.services.config.data / "keys" / AUTHORITY).read_bytes()


@pytest.mark.threat("T21")
def test_pdfsig(tmp_path: Path, report: Reported) -> None:
    """Valid, trusted and whole to whoever trusts the collector's certificate, with a time-stamp and without."""
    needs("pdfsig", "certutil")
    for made in (report.made, report.plain):
        said = pdfsig(tmp_path, made.pdf, authority_of(report))
        assert [word for word in WORDS if word not in said] == []


@pytest.mark.threat("T21")
def test_pdfsig_and_a_report_that_is_anybodys(tmp_path: Path, report: Reported) -> None:
    """The attack: a figure changed, or something added behind; and a collector whom the reader does not know."""
    needs("pdfsig", "certutil")
    pdf, at = report.made.pdf, report.made.pdf.index(b"/Producer")
    changed = pdf[: at + 11] + bytes([pdf[at + 11] ^ 1]) + pdf[at + 12 :]
    assert "Signature is Valid." not in pdfsig(tmp_path, changed, authority_of(report))
    assert "Total document signed" not in pdfsig(tmp_path, pdf + b"% more\n", authority_of(report))
    stranger = tmp_path / "stranger"
    stranger.mkdir()
    assert "Certificate is Trusted." not in pdfsig(stranger, pdf, report.roots)


def test_openssl_cms(tmp_path: Path, report: Reported) -> None:
    """A third opinion: `openssl cms` over the signed bytes as the file has them, and over others."""
    pdf = report.made.pdf
    begin = pdf.rindex(b"/Contents <") + len(b"/Contents <")
    end = pdf.index(b">", begin)
    (tmp_path / "sig.der").write_bytes(bytes.fromhex(pdf[begin:end].decode()).rstrip(b"\0"))
    (tmp_path / "signed").write_bytes(pdf[: begin - 1] + pdf[end + 1 :])
    (tmp_path / "ca.pem").write_bytes(authority_of(report))
    words = (
        "openssl",
        "cms",
        "-verify",
        "-binary",
        "-purpose",
        "any",
        "-inform",
        "DER",
        "-in",
        "sig.der",
        "-content",
        "signed",
    )
    assert "erification successful" in run(tmp_path, *words, "-CAfile", "ca.pem", "-out", "out")
    (tmp_path / "signed").write_bytes(pdf[: begin - 1] + b"x" + pdf[end + 1 :])
    assert "erification failure" in run(tmp_path, *words, "-CAfile", "ca.pem", "-out", "out")


def trusted_root(report: Reported) -> dict[str, Any]:
    """Sigstore's root of trust with the collector's log and the authority."""
    key = report.services.log_key.public
    return {
        "mediaType": "application/vnd.dev.sigstore.trustedroot+json;version=0.1",
        "tlogs": [
            {
                "baseUrl": f"https://{key.name}",
                "hashAlgorithm": "SHA2_256",
                "publicKey": {"rawBytes": b64(ED25519_SPKI + key.key), "keyDetails": "PKIX_ED25519", "validFor": VALID},
                "logId": {"keyId": b64(key.whole_id)},
            }
        ],
        "certificateAuthorities": [],
        "ctlogs": [],
        "timestampAuthorities": [
            {
                "subject": {"organization": "test", "commonName": "test"},
                "uri": "https://tsa.example",
                "certChain": {"certificates": [{"rawBytes": b64(one)} for one in report.stamping.tsa.certificates()]},
                "validFor": VALID,
            }
        ],
    }


@pytest.mark.threat("T21")
def test_sigstore_accepts_what_is_attached(tmp_path: Path, report: Reported) -> None:
    """The bundles, as pdfdetach takes them out, hold before Sigstore's verifier by themselves; changed ones do not."""
    needs("pdfdetach", "node")
    folder = installed(HERE / "package.json", "outside")
    shutil.copy(HERE / "verify.mjs", folder)
    (tmp_path / "it.pdf").write_bytes(report.made.pdf)
    (tmp_path / "out").mkdir()
    run(tmp_path, "pdfdetach", "-saveall", "-o", "out", "it.pdf")
    taken_out = {file.name: file.read_bytes() for file in (tmp_path / "out").iterdir()}
    assert taken_out == Document(report.made.pdf).attachments()
    bundles = [json.loads(data) for name, data in taken_out.items() if name.endswith(".sigstore.json")]
    changed = json.loads(json.dumps(bundles))
    for one in changed:
        payload = bytearray(base64.b64decode(one["dsseEnvelope"]["payload"]))
        payload[40] ^= 1
        one["dsseEnvelope"]["payload"] = b64(bytes(payload))
    keys = {one.key.key_id: b64(one.key.spki) for one in report.services.registry.devices.values()}
    asked = {"root": trusted_root(report), "keys": keys, "bundles": bundles + changed}
    done = subprocess.run(
        ("node", str(Path(sys.prefix) / "outside" / "verify.mjs")),
        input=json.dumps(asked).encode(),
        capture_output=True,
        check=True,
    )
    said = json.loads(done.stdout)
    assert said[: len(bundles)] == ["ok", "ok"]
    assert all(one != "ok" for one in said[len(bundles) :])
