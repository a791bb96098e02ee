"""`speedproof-verify`: exit codes and words."""

import io
import json
import subprocess
import sys
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
from fakes.case import Case
from fakes.witness import FakeWitness
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from collector.evidence.__main__ import main
from collector.evidence.archive import MAX_MEMBER_BYTES, NotEvidence, read_archive
from collector.log.key import LogKey
from shared.keys import FileKey

Zip = Callable[[Mapping[str, bytes]], bytes]


@pytest.fixture
def file(tmp_path: Path, case: Case) -> Path:
    """The evidence as a file."""
    path = tmp_path / "evidence.zip"
    path.write_bytes(case.zipped)
    return path


def test_as_a_program(file: Path) -> None:
    """`python -m collector.evidence` is the checker."""
    done = subprocess.run(
        [sys.executable, "-m", "collector.evidence", str(file), "--json"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0
    told = json.loads(done.stdout)
    assert (told["holds"], told["evidence"]) == (True, True)
    assert [step["no"] for step in told["steps"]] == list(range(1, len(told["steps"]) + 1))
    assert all(step["holds"] for step in told["steps"])
    assert done.stderr == ""


def test_told_key(file: Path, case: Case, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The key may be told as digits or as a file; another key fails step 3; nonsense is no key."""
    key = case.services.collector_key.public
    pem = tmp_path / "key.pem"
    pem.write_bytes(key.to_pem())
    assert main([str(file), "--collector-key", key.key_id]) == 0
    assert main([str(file), "--collector-key", str(pem)]) == 0
    capsys.readouterr()
    assert main([str(file), "--collector-key", FileKey.generate().public.key_id]) == 1
    assert "FAIL  3 collector" in capsys.readouterr().out
    assert main([str(file), "--collector-key", "nonsense"]) == 2
    assert main([str(file), "--collector-key", key.key_id.upper()]) == 2


def test_failure_names_the_step(file: Path, case: Case, zip_of: Zip, capsys: pytest.CaptureFixture[str]) -> None:
    """Exit 1 says which step, and which file."""
    file.write_bytes(zip_of(case.files | {"README.txt": b"other\n"}))
    assert main([str(file)]) == 1
    out = capsys.readouterr().out
    assert "FAIL  2 files: README.txt: not the file the manifest lists" in out
    assert out.splitlines()[-1] == "The evidence does not hold: step 2, files."
    assert main([str(file), "--json"]) == 1
    told = json.loads(capsys.readouterr().out)
    assert (told["holds"], told["steps"][-1]["no"]) == (False, 2)


def twice() -> bytes:
    """A zip with one name twice."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("manifest.json", b"{}")
        with pytest.warns(UserWarning, match="Duplicate name"):
            archive.writestr("manifest.json", b"{}")
    return out.getvalue()


def packed(method: int, data: bytes) -> bytes:
    """A zip whose member is packed in some way."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", method) as archive:
        archive.writestr("manifest.json", data)
    return out.getvalue()


NOT_EVIDENCE: dict[str, Callable[[], bytes]] = {
    "empty": lambda: b"",
    "text": lambda: b"signed, honestly",
    "pdf": lambda: b"%PDF-1.7\n1 0 obj\n<<>>\nendobj\n%%EOF\n",
    "empty_zip": lambda: b"PK\x05\x06" + bytes(18),
    "another_zip": lambda: packed(zipfile.ZIP_STORED, b"not a manifest"),
    "other_format": lambda: packed(zipfile.ZIP_STORED, b'{"format":"speedproof-evidence/2"}'),
    "bomb": lambda: packed(zipfile.ZIP_DEFLATED, bytes(MAX_MEMBER_BYTES + 1)),
    "twice": twice,
    "lzma": lambda: packed(zipfile.ZIP_LZMA, b"{}"),
    "bzip2": lambda: packed(zipfile.ZIP_BZIP2, b"{}"),
    "deep": lambda: packed(zipfile.ZIP_STORED, b'{"a":' + b"[" * 100_000 + b"]" * 100_000 + b"}"),
}


@pytest.mark.parametrize("name", NOT_EVIDENCE)
def test_not_evidence(tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str) -> None:
    """What is no evidence file at all is exit 2 with one line, never a traceback."""
    file = tmp_path / "file"
    file.write_bytes(NOT_EVIDENCE[name]())
    assert main([str(file)]) == 2
    assert capsys.readouterr().out.startswith("not evidence: ")
    assert main([str(file), "--json"]) == 2
    assert json.loads(capsys.readouterr().out)["evidence"] is False


def test_no_file(tmp_path: Path) -> None:
    """A file that is not there, or a folder, is exit 2."""
    assert main([str(tmp_path / "nothing")]) == 2
    assert main([str(tmp_path)]) == 2


@given(data=st.data())
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_bytes(case: Case, data: st.DataObject) -> None:
    """A zip damaged anywhere is read or is not evidence; nothing else happens."""
    bad = bytearray(case.zipped)
    for _ in range(data.draw(st.integers(1, 4))):
        bad[data.draw(st.integers(0, len(bad) - 1))] = data.draw(st.integers(0, 255))
    try:
        members = read_archive(bytes(bad[: data.draw(st.integers(0, len(bad)) | st.just(len(bad)))]))
    except NotEvidence:
        return
    assert all(isinstance(member, bytes) for member in members.values())


def test_told_log_key(file: Path, case: Case, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The log's key may be told as text or as a file; another log's fails step 12; nonsense is no key."""
    vkey = tmp_path / "vkey"
    vkey.write_text(case.services.log_key.public.vkey + "\n")
    assert main([str(file), "--log-key", case.services.log_key.public.vkey]) == 0
    assert main([str(file), "--log-key", str(vkey)]) == 0
    assert main([str(file), "--log-key", LogKey.generate().public.vkey]) == 1
    assert "step 12, log" in capsys.readouterr().out
    for nonsense in ("nowhere", "a+b+c"):
        assert main([str(file), "--log-key", nonsense]) == 2
    assert "--log-key is neither" in capsys.readouterr().out


def test_told_witnesses(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Witnesses that have not cosigned fail step 12; a quorum without witnesses, or of more than there are, is none."""
    one, other = (FakeWitness(number).notary.public.vkey for number in range(2))
    assert main([str(file), "--witness", one]) == 1
    assert "0 of the witnesses you trust have cosigned it, 1 are needed" in capsys.readouterr().out
    assert main([str(file), "--witness", one, "--witness", other]) == 1
    assert "2 are needed" in capsys.readouterr().out
    for wrong in (["--quorum", "1"], ["--witness", one, "--quorum", "2"], ["--witness", one, "--quorum", "0"]):
        assert main([str(file), *wrong]) == 2
        assert "--quorum is from 1 to" in capsys.readouterr().out


def test_what_the_customer_kept(file: Path, tmp_path: Path, zip_of: Zip, capsys: pytest.CaptureFixture[str]) -> None:
    """An export without receipts fails step 13; what is no zip is not evidence of anything."""
    export = tmp_path / "export.zip"
    export.write_bytes(zip_of({"README.txt": b"x"}))
    assert main([str(file), "--kept", str(export)]) == 1
    assert "step 13, kept" in capsys.readouterr().out
    export.write_bytes(b"no zip")
    assert main([str(file), "--kept", str(export)]) == 2
    assert main([str(file), "--kept", str(tmp_path / "nowhere.zip")]) == 2
