"""`speedproof-verify` on a report: the document, the time, then the evidence in it; never a partial "ok"."""

import contextlib
import io
import json
import random
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from fakes.history import History
from fakes.reported import Reported, reported
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter

from collector.evidence.__main__ import main
from collector.evidence.archive import NotEvidence, read_archive
from collector.evidence.bundle import make_evidence
from collector.evidence.check import STEPS
from collector.evidence.logged import Trust
from collector.evidence.report import check_report
from collector.evidence.signature import Document
from collector.report import attached
from collector.report.certificate import given_identity, own_identity
from collector.report.make import make_report
from collector.report.sign import sign
from shared.errors import Malformed
from shared.keys import FileKey

ANYBODY = Trust()


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Reported]:
    """The report on `line-0`."""
    with reported(tmp_path_factory.mktemp("report")) as made:
        yield made


@pytest.fixture
def file(tmp_path: Path, report: Reported) -> Path:
    """The report as a file."""
    path = tmp_path / "report.pdf"
    path.write_bytes(report.made.pdf)
    return path


def failed(data: bytes, trust: Trust = ANYBODY, **told: object) -> str:
    """The step at which it fails and why."""
    step = check_report(data, trust, **told).steps[-1]  # type: ignore[arg-type]
    assert not step.holds
    return f"{step.name}: {step.detail}"


def test_it_holds(report: Reported) -> None:
    """Document, signature, time, attachments, every step of the evidence, bundles."""
    services = report.services
    trust = Trust(services.collector_key.public.key_id, services.log_key.public.vkey, tsa_roots=report.roots)
    found = check_report(report.made.pdf, trust)
    assert found.holds and not found.left_out
    names = [step.name for step in found.steps]
    evidence = [*STEPS]
    assert names == ["document", "signature", "time", "attachments", *evidence, "bundles"]
    assert [step.no for step in found.steps] == list(range(1, len(names) + 1))
    assert "PAdES-B-T" in found.steps[2].detail and "you named" in found.steps[2].detail
    assert "2 Sigstore bundles" in found.steps[-1].detail


def test_without_a_time_stamp(report: Reported) -> None:
    """The lesser signature holds and is called so; whoever names an authority gets a failure."""
    assert "PAdES-B-B" in check_report(report.plain.pdf, ANYBODY).steps[2].detail
    assert failed(report.plain.pdf, Trust(tsa_roots=report.roots)).startswith("time: the signature bears no time-stamp")


def test_another_authority(tmp_path: Path, report: Reported) -> None:
    """A time-stamp by somebody whom the reader did not name does not hold."""
    own_identity(tmp_path, FileKey.generate(), report.services.clock.wall_us())
    other = (tmp_path / "report-ca.pem").read_bytes()
    assert (
        failed(report.made.pdf, Trust(tsa_roots=other))
        == "time: the time-stamp is by an authority that you did not name"
    )


def test_another_collector(report: Reported) -> None:
    """Another collector's key than the one the reader was told."""
    assert failed(report.made.pdf, Trust("ab" * 32)).startswith("collector: ")


def test_one_changed_byte_anywhere(report: Reported) -> None:
    """Every part of the file, the signature's own place most of all: no byte can be another."""
    data, chance = report.made.pdf, random.Random(21)
    begin = data.rindex(b"/Contents <") + len(b"/Contents ")
    place = range(begin, data.index(b">", begin) + 1)
    used = range(begin, begin + len(data[begin : place.stop].rstrip(b"0>")))
    places = [*chance.sample(range(len(data)), 60), *chance.sample(place, 30), *chance.sample(used, 110)]
    for at in places:
        other = bytes([data[at] ^ (0x20 if chr(data[at]).isalpha() else 1)])
        _refused(data[:at] + other + data[at + 1 :], f"byte {at}")


def _refused(data: bytes, what: str) -> None:
    with contextlib.suppress(NotEvidence):
        assert not check_report(data, ANYBODY).holds, what


@settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_cut_off_or_mended(report: Reported, data: st.DataObject) -> None:
    """Cut anywhere, or with bytes put in or behind: refused, in words, never a traceback."""
    pdf = report.made.pdf
    at = data.draw(st.integers(0, len(pdf) - 1))
    more = data.draw(st.binary(min_size=1, max_size=20))
    for other in (pdf[:at], pdf[:at] + more + pdf[at:], pdf + more):
        _refused(other, f"at {at}")


def test_a_second_revision(report: Reported) -> None:
    """What was added behind the signature, as any editor of PDFs does it, is refused."""
    writer = IncrementalPdfFileWriter(io.BytesIO(report.made.pdf))
    writer.root["/Lang"] = writer.root["/Lang"]
    writer.update_root()
    out = io.BytesIO()
    writer.write(out)
    assert failed(out.getvalue()) == "document: the signature does not cover the whole document"


def test_a_second_signature(tmp_path: Path, report: Reported) -> None:
    """Two signatures are one too many, and none is one too few."""
    services = report.services
    identity = own_identity(tmp_path, services.collector_key, services.clock.wall_us())
    unsigned = report.plain.pdf[: report.plain.pdf.index(b"%%EOF") + 6]
    with pytest.raises(NotEvidence, match="0 signatures"):
        check_report(unsigned, ANYBODY)
    foreign = own_identity(tmp_path / "other", FileKey.generate(), services.clock.wall_us())
    for key in (identity, foreign):
        again = sign(unsigned, key, services.clock.wall_us(), None)
        assert check_report(again, ANYBODY).holds == (key is identity)
    assert failed(sign(unsigned, foreign, services.clock.wall_us(), None)).startswith(
        "signature: signed by a certificate"
    )


def test_the_operators_own_certificate(tmp_path: Path, report: Reported) -> None:
    """Below the roots that the reader gives it holds, below others not, and without any he is told to compare it."""
    services, folder = report.services, tmp_path / "op"
    own_identity(folder, FileKey.generate(), services.clock.wall_us())
    roots, cert = folder / "report-ca.pem", folder / "report.pem"
    both = tmp_path / "both.pem"
    both.write_bytes(cert.read_bytes() + (folder / "report.key").read_bytes())
    pdf = sign(_without_authority(services), given_identity(both, None), services.clock.wall_us(), None)
    (tmp_path / "report.pdf").write_bytes(pdf)
    assert main([str(tmp_path / "report.pdf"), "--report-roots", str(roots)]) == 0
    other = services.config.data / "keys" / "report-ca.pem"
    assert main([str(tmp_path / "report.pdf"), "--report-roots", str(other)]) == 1
    assert "compare this" in check_report(pdf, ANYBODY).steps[1].detail


def _without_authority(services: object) -> bytes:
    """A report's pages of this collector, not signed, without the collector's certificate attached."""
    import dataclasses

    from collector.evidence.bundle import collect
    from collector.report.content import report_of
    from collector.report.gather import gather
    from collector.report.pages import pages_of

    identity = own_identity(services.config.data / "keys", services.collector_key, services.clock.wall_us())  # type: ignore[attr-defined]
    collected = collect(services, "line-0")  # type: ignore[arg-type]
    told = gather(services, collected, dataclasses.replace(identity, authority=None), None)  # type: ignore[arg-type]
    return pages_of(report_of(collected.case, collected.rows, collected.days, told), told.attachments)


def test_only_a_part_is_never_called_whole(
    tmp_path: Path, report: Reported, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """With a part of the evidence the check says what it left out, 3; with the evidence file beside it 0, with another 1."""
    from collector.evidence.bundle import zipped
    from collector.report import make

    monkeypatch.setattr(attached, "MOST_BYTES", 9_000)
    monkeypatch.setattr("collector.report.gather.evidence_within", lambda one: attached.evidence_within(one, 9_000))
    kept = {}
    collect = make.collect

    def keeping(*told: object) -> object:
        kept["it"] = collect(*told)  # type: ignore[arg-type]
        return kept["it"]

    monkeypatch.setattr(make, "collect", keeping)
    made = make_report(report.services, "line-0")
    assert not made.whole
    found = Document(made.pdf).attachments()
    part = read_archive(found["evidence-part.zip"])
    assert "manifest.json" in part and len(part) < len(kept["it"].members)  # type: ignore[attr-defined]
    pdf, whole, other = (tmp_path / name for name in ("r.pdf", "whole.zip", "other.zip"))
    pdf.write_bytes(made.pdf)
    whole.write_bytes(zipped(kept["it"].members))  # type: ignore[attr-defined]
    less = dict(kept["it"].members)  # type: ignore[attr-defined]
    del less[next(name for name in less if name.startswith("batches/"))]
    other.write_bytes(zipped(less))
    code, told = main([str(pdf), "--json"]), json.loads(capsys.readouterr().out)
    assert code == 3, [one for one in told["steps"] if not one["holds"]]
    assert (told["holds"], {"chain", "counts", "log"} <= set(told["not_checked"])) == (False, True)
    assert main([str(pdf)]) == 3
    assert "Not checked, since only a part" in capsys.readouterr().out
    assert main([str(pdf), "--evidence", str(whole)]) == 0
    assert "and so does its evidence" in capsys.readouterr().out
    assert main([str(pdf), "--evidence", str(other)]) == 1
    assert "not in the evidence file that you gave" in capsys.readouterr().out


def test_evidence_of_a_later_moment(tmp_path: Path) -> None:
    """Evidence that was made later, with another checkpoint and so other bundles, holds all that the report lists as signed."""
    with reported(tmp_path) as made:
        history = History(made.services)
        device = history.device("line-0")
        history.batch(device)
        later = read_archive(make_evidence(made.services, "line-0"))
        found = check_report(made.made.pdf, ANYBODY, evidence=later)
    before = read_archive(Document(made.made.pdf).attachments()["evidence.zip"])
    changed = [name for name in before if name.startswith("bundles/") and before[name] != later[name]]
    assert len(changed) > 1
    assert found.holds, found.steps[-1]


def test_without_the_extra(file: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """A checker without the extra says what to install, and nothing of the report."""
    monkeypatch.delitem(sys.modules, "collector.evidence.signature", raising=False)
    for name in [name for name in sys.modules if name.partition(".")[0] == "pyhanko"]:
        monkeypatch.setitem(sys.modules, name, None)
    assert main([str(file)]) == 2
    said = capsys.readouterr().out
    assert "pip install 'speedproof[report]'" in said and "ok " not in said


def test_as_a_program(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """It says each step and the whole; options of a report are refused for a zip."""
    assert main([str(file)]) == 0
    assert capsys.readouterr().out.endswith("The report holds, and so does its evidence.\n")
    file.write_bytes(file.read_bytes()[:-40] + b" " + file.read_bytes()[-40:])
    assert main([str(file), "--json"]) in {1, 2}
    assert json.loads(capsys.readouterr().out)["holds"] is False
    with zipfile.ZipFile(file, "w"):
        pass
    assert main([str(file), "--evidence", str(file)]) == 2
    assert "of a report" in capsys.readouterr().out


@pytest.mark.parametrize("data", [b"%PDF-", b"%PDF-1.7\n%%EOF\n", b"%PDF-1.7\n" + b"1 0 obj\n" * 50])
def test_what_is_no_report(data: bytes) -> None:
    """A PDF that is none, or was never signed."""
    with pytest.raises(NotEvidence):
        check_report(data, ANYBODY)
    with pytest.raises(Malformed):
        Document(data)
