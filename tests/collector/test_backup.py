"""Backup and restore: whole while the collector runs, nothing twice, and no folder taken for a backup that is none."""

import json
import shutil
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from fakes.beside import counted
from fakes.clock import FakeClock
from fakes.commanded import commanded
from fakes.device import download
from fakes.lived import lived
from fakes.logged import log_of
from fakes.running import Running, command, running

from collector.backup import BEGUN, MANIFEST, back_up, restore
from collector.errors import BadBackup, Conflict, NotFound
from collector.ledger.segments import read_entries
from shared.batch import pae_sha256_of
from shared.checkpoint import open_checkpoint


def quiet(*_: object) -> None:
    """Show no progress."""


BULK = [download(t_us=list(range(8000))) for _ in range(20)]


@pytest.fixture(scope="module")
def left(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder with sealed segments, settings and keys; its collector has ended."""
    data = tmp_path_factory.mktemp("left") / "data"
    data.mkdir()
    (data / "collector.toml").write_text("segment_mb = 1\n")
    with running(data) as collector:
        device = collector.enrolled("anna")
        for _ in range(5):
            assert collector.post_batch(device.next(*BULK)).status == 201
        assert collector.stop() == 0
    assert (data / "ledger" / "000002.seal").exists()
    return data


@pytest.fixture
def data(left: Path, tmp_path: Path) -> Path:
    """A copy of it."""
    return shutil.copytree(left, tmp_path / "data")


@pytest.fixture
def backup(data: Path, tmp_path: Path) -> Path:
    """A backup of it."""
    return backup_of(data, tmp_path / "backup")


def backup_of(data: Path, out: Path) -> Path:
    """A backup of all of it in this folder."""
    back_up(data, out, 8, FakeClock(), quiet)
    return out


def files(folder: Path) -> Iterator[tuple[str, bytes]]:
    """What a folder holds of what cannot be made again."""
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        if path.is_file() and name.startswith(("ledger/0", "keys/", "collector.toml")) and name != "keys/log.key":
            yield name, path.read_bytes()


def test_there_and_back(data: Path, backup: Path, tmp_path: Path) -> None:
    """A restored folder holds the same files, and a collector over it goes on and shows the same."""
    done = command(tmp_path / "again", "restore", "--from", str(backup), "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["ledger_no"] == 8
    assert dict(files(tmp_path / "again")) == dict(files(data))
    modes = {path.name: path.stat().st_mode & 0o777 for path in (tmp_path / "again" / "ledger").glob("*.ndjson")}
    assert modes == {"000001.ndjson": 0o400, "000002.ndjson": 0o400, "000003.ndjson": 0o600}
    with running(tmp_path / "again") as collector:
        counted(collector, "anna", 100)
        assert log_of(collector).vkey not in (data / "keys" / "log.vkeys").read_text()  # which may have said more
        checkpoint = open_checkpoint(collector.send("GET", "/log/checkpoint").body, log_of(collector)).checkpoint
        assert checkpoint.size == 6  # of the same leaves
        assert collector.stop() == 0
    done = commanded(tmp_path / "again", "rebuild", "--json")
    assert json.loads(done.stdout)["same_as_before"] is True


def test_only_what_is_new(data: Path, backup: Path) -> None:
    """A second backup into the same folder copies no sealed segment again; the first stays good if it is cut off."""
    with lived(data) as history:
        history.batch(history.device("berta"))
        newest = history.services.ledger.last_no
    first = (backup / MANIFEST).read_bytes()
    done = back_up(data, backup, newest, FakeClock(), quiet)
    assert done.bytes_copied < done.bytes_in_all / 3
    (backup / MANIFEST).write_bytes(first)
    assert restore(backup, backup.parent / "earlier", quiet).ledger_no == 8
    assert [entry.no for entry in read_entries(backup.parent / "earlier" / "ledger")] == list(range(1, 9))


def test_beside_an_archive(data: Path, backup: Path, tmp_path: Path) -> None:
    """What has moved to the archive is not fetched, and a restored collector gets it from there; an earlier backup keeps it."""
    (tmp_path / "archive").mkdir()
    assert command(data, "archive", "--to", str(tmp_path / "archive"), "--keep", "0").returncode == 0
    for name, again in (("backup", True), ("fresh", False)):
        back_up(data, tmp_path / name, 8, FakeClock(), quiet)
        restore(tmp_path / name, tmp_path / f"{name}-restored", quiet)
        ledger = tmp_path / f"{name}-restored" / "ledger"
        assert (ledger / "000001.ndjson").exists() is again
        assert [entry.no for entry in read_entries(ledger)] == list(range(1, 9))
    assert commanded(tmp_path / "fresh-restored", "check").returncode == 0


def test_what_grew_and_was_archived_since(data: Path, backup: Path, tmp_path: Path) -> None:
    """A segment that grew when it was backed up, and is sealed and archived by the next time, is not looked for here any more."""
    (tmp_path / "archive").mkdir()
    with lived(data) as history:
        device = history.device("berta")
        for _ in range(4):
            history.batch(device, *BULK)
        newest = history.services.ledger.last_no
    assert commanded(data, "archive", "--to", str(tmp_path / "archive"), "--keep", "0").returncode == 0
    assert not (data / "ledger" / "000003.ndjson").exists()
    back_up(data, backup, newest, FakeClock(), quiet)
    assert restore(backup, tmp_path / "again", quiet).ledger_no == newest
    there = {path.name for path in (tmp_path / "again" / "ledger").glob("*.ndjson")}
    assert there >= {"000001.ndjson", "000002.ndjson"}
    assert "000003.ndjson" not in there
    assert [entry.no for entry in read_entries(tmp_path / "again" / "ledger")] == list(range(1, newest + 1))


def test_cut_off_at_any_file(data: Path, tmp_path: Path) -> None:
    """A first backup that was cut off is none, and the next one into its folder is whole; for another collector it is no place."""
    other = tmp_path / "stranger"
    shutil.copytree(data, other)
    (other / "keys" / "collector.pem").write_bytes(b"another")
    number = len(json.loads((backup_of(data, tmp_path / "whole") / MANIFEST).read_bytes())["files"])
    for step in range(number + 1):
        out, again = tmp_path / f"cut-{step}", tmp_path / f"again-{step}"

        def until_then(done: int, _all_of: int, _: str, step: int = step) -> None:
            if done == step:
                raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            back_up(data, out, 8, FakeClock(), until_then)
        (out / "backup.json.1.new").write_bytes(b"{")
        with pytest.raises(BadBackup, match=MANIFEST):
            restore(out, again, quiet)
        with pytest.raises(Conflict, match="neither empty"):
            back_up(other, out, 8, FakeClock(), quiet)
        backup_of(data, out)
        assert not (out / BEGUN).exists()
        assert restore(out, again, quiet).ledger_no == 8
        assert dict(files(again)) == dict(files(data))


@pytest.mark.slow
@pytest.mark.parametrize("workers", ["0", "1"])
def test_while_it_runs(tmp_path: Path, workers: str) -> None:
    """Whatever was acknowledged before a backup began is in it, in whole entries, however much comes in meanwhile."""
    with running(tmp_path / "data", "--workers", workers) as collector:
        devices = [collector.enrolled("anna") for _ in range(3)]
        acknowledged, stop = list[str](), threading.Event()

        def upload(collector: Running, number: int) -> None:
            while not stop.is_set():
                body = devices[number].next()
                assert collector.post_batch(body).status == 201
                acknowledged.append(pae_sha256_of(body))

        threads = [threading.Thread(target=upload, args=(collector, number)) for number in range(3)]
        for thread in threads:
            thread.start()
        for number in range(3):
            before = set(acknowledged)
            asked = command if number == 0 else commanded
            done = asked(tmp_path / "data", "backup", "--out", str(tmp_path / "backup"), "--json")
            assert done.returncode == 0, done.stderr
            restore(tmp_path / "backup", tmp_path / f"{number}", quiet)
            kept = {entry.meta.get("head") for entry in read_entries(tmp_path / f"{number}" / "ledger")}
            assert before <= kept
        stop.set()
        for thread in threads:
            thread.join()
        assert collector.stop() == 0


def test_damage_is_named(backup: Path, tmp_path: Path) -> None:
    """A backup in which any file was changed, cut or taken away is not restored, and the file is named; nothing is written."""
    for name in json.loads((backup / MANIFEST).read_bytes())["files"]:
        file = backup / name
        good = file.read_bytes()
        for bad in (
            (good[:-1], bytes([good[0] ^ 1]) + good[1:], None) if good else (None,)
        ):  # the peer's transfers: none
            if bad is None:
                file.unlink()
            else:
                file.write_bytes(bad)
            with pytest.raises(BadBackup, match=file.name):
                restore(backup, tmp_path / "again", quiet)
        file.write_bytes(good)
    assert not (tmp_path / "again").exists()
    restore(backup, tmp_path / "again", quiet)


def test_what_is_no_backup(data: Path, backup: Path, tmp_path: Path) -> None:
    """No folder is taken for a backup that is none, overwritten, or mixed with another collector's."""
    (tmp_path / "empty").mkdir()
    with pytest.raises(BadBackup, match=MANIFEST):
        restore(tmp_path / "empty", tmp_path / "again", quiet)
    with pytest.raises(Conflict, match="not empty"):
        restore(backup, data, quiet)
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "file").touch()
    with pytest.raises(Conflict, match="neither empty"):
        back_up(data, tmp_path / "other", 8, FakeClock(), quiet)
    with pytest.raises(NotFound, match="no ledger"):
        back_up(tmp_path / "empty", tmp_path / "x", 8, FakeClock(), quiet)
    other = tmp_path / "stranger"
    shutil.copytree(data, other)
    (other / "keys" / "collector.pem").write_bytes(b"another")
    with pytest.raises(Conflict, match="another collector"):
        back_up(other, backup, 8, FakeClock(), quiet)
    for told in (b"x", b"[]", b"{}", b'{"files":{"../x":{}},"ledger_no":1}', b'{"files":{"/x":{}},"ledger_no":1}'):
        (backup / MANIFEST).write_bytes(told)
        with pytest.raises(BadBackup):
            restore(backup, tmp_path / "again", quiet)


def test_private(backup: Path) -> None:
    """Only its owner can read a backup."""
    assert backup.stat().st_mode & 0o777 == 0o700
    assert {path.stat().st_mode & 0o077 for path in backup.rglob("*")} == {0}
