"""`export`: all of a person's own data, and never the key."""

import hashlib
import json
import stat
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from fakes.collector import FakeCollector
from fakes.outboxed import spoil

from probe import sealed
from probe.errors import StateUnusable
from probe.history import FOLDER, History
from shared.batch import open_batch
from shared.keys import PublicKey

pytestmark = pytest.mark.usefixtures("person_s_home")
Say = Callable[..., tuple[int, str, str]]
SayJson = Callable[..., tuple[int, dict[str, object]]]


@pytest.fixture
def measured(there: FakeCollector, state: Path, say: Say) -> FakeCollector:
    """A device with a batch that was sent, one that was not, a complaint, settings and a history."""
    assert say("once", "--method", "latency")[0] == 0
    assert say("complain", "nothing loads")[0] == 0
    assert say("once", "--no-upload", "--method", "fetch")[0] == 0
    (state / "settings.toml").write_text('[dns]\nnames = ["www.example.net"]\n')
    history = History(state / FOLDER)
    history.add({"seq": 0, "wall_us": 1_800_000_000_000_000, "method": "latency", "end": "ok"})
    history.close()
    return there


def exported(file: Path) -> dict[str, bytes]:
    """Every file of a zip."""
    with zipfile.ZipFile(file) as archive:
        assert archive.testzip() is None
        return {name: archive.read(name) for name in archive.namelist()}


def test_everything_is_in_it(measured: FakeCollector, state: Path, person_s_home: Path, say: Say) -> None:
    """Records, receipts, complaints, history, enrolment and settings are there, each with its digest."""
    del measured
    code, out, err = say("export")
    file = person_s_home / "speedproof-export.zip"
    assert (code, err) == (0, "")
    assert str(file) in out
    assert "not the key" in out
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    files = exported(file)
    assert {name for name in files if not name.startswith(("kept/", "history/"))} == {
        "README.txt",
        "records/unsealed.ndjson",
        "batches/000000.ndjson",
        "batches/000001.ndjson",
        "records/recent.ndjson",
        "receipts/000000.json",
        "complaints.ndjson",
        "enrolment.json",
        "settings.toml",
        "device.pub.pem",
        "contents.json",
    }
    assert any(name.startswith("history/2027-01.ndjson") for name in files)
    told = json.loads(files.pop("contents.json"))["files"]
    assert told == {
        name: {"bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()} for name, data in files.items()
    }
    key = PublicKey.from_pem(files["device.pub.pem"])
    opened = open_batch(files["batches/000001.ndjson"], lambda _: key)
    assert opened.said.batch == 1
    assert len(files["records/recent.ndjson"].splitlines()) == 2
    assert b"anna" in files["README.txt"]
    assert not (state / "speedproof-export.zip").exists()


def test_the_key_is_not_in_it(measured: FakeCollector, state: Path, tmp_path: Path, say: Say) -> None:
    """No file of the zip holds the secret key, neither as text nor as bytes."""
    del measured
    assert say("export", "--out", str(tmp_path / "x.zip"))[0] == 0
    pem = (state / "device.pem").read_bytes()
    private = load_pem_private_key(pem, None)
    assert isinstance(private, EllipticCurvePrivateKey)
    secret = private.private_numbers().private_value.to_bytes(32, "big")
    for name, data in exported(tmp_path / "x.zip").items():
        assert b"PRIVATE" not in data, name
        assert pem.splitlines()[1] not in data, name
        assert secret not in data, name


def test_nothing_is_replaced_unasked(measured: FakeCollector, tmp_path: Path, say: Say, say_json: SayJson) -> None:
    """A file that is there stays as it is until --force is said; a failure leaves neither half a file nor a changed one."""
    del measured
    file = tmp_path / "x.zip"
    file.write_text("mine")
    code, out, err = say("export", "--out", str(file))
    assert (code, out, file.read_text()) == (1, "", "mine")
    assert "--force" in err
    code, told = say_json("export", "--out", str(file), "--force")
    assert (code, told["file"], told["bytes"]) == (0, str(file), file.stat().st_size)
    code, _, err = say("export", "--out", str(tmp_path / "nowhere" / "x.zip"))
    assert code == 1
    assert "cannot be written: No such file" in err
    assert [one.name for one in tmp_path.glob("*.new")] == []


def test_a_damaged_body_is_its_owner_s_too(measured: FakeCollector, state: Path, tmp_path: Path, say: Say) -> None:
    """A body that cannot be unpacked is exported as it lies there, under a name that says so."""
    del measured
    spoil(state / "outbox", "sealed", 0, b"junk")
    assert say("export", "--out", str(tmp_path / "x.zip"))[0] == 0
    files = exported(tmp_path / "x.zip")
    assert files["batches/000000.damaged.gz"].rstrip(b"\0") == b"junk"
    assert "batches/000001.ndjson" in files


def test_an_outbox_that_is_gone(tmp_path: Path) -> None:
    """Reading a file that is not there makes none, and says so."""
    with pytest.raises(StateUnusable):
        list(sealed.bodies(tmp_path / "none"))
    assert not (tmp_path / "none").exists()
