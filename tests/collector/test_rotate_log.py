"""A log is followed by another: nothing of the old one is lost, and who knew it is led to the new one."""

import contextlib
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from unittest.mock import patch

import pytest
from fakes.aged import checked
from fakes.case import changed
from fakes.clock import FakeClock
from fakes.device import Device, download
from fakes.history import History
from fakes.witness import FakeWitness, serving

from collector.config import Config
from collector.errors import BadRequest
from collector.evidence.archive import read_archive
from collector.evidence.bundle import make_evidence
from collector.evidence.check import check_evidence
from collector.evidence.logged import NO_TRUST, PROOFS, Trust
from collector.evidence.pastlogs import next_file, proofs_file
from collector.holding import FolderLock
from collector.keyhistory import server_key
from collector.log.following import begin_log, log_in_use, next_logs
from collector.log.key import FILE, LogKey, Witness
from collector.rotate import rotate, rotate_log
from collector.services import Services
from shared.checkpoint import open_checkpoint
from shared.errors import NoKey
from shared.keys import FileKey
from shared.lineage import Lineage
from shared.nextlog import NextLog
from shared.note import COSIGNATURE, NoteKey
from shared.rotation import Whose

Files = dict[str, bytes]


class Crash(BaseException):
    """The process ends here."""


class Folder:
    """A collector's folder, opened and closed as its process comes and goes, and one device that measures."""

    def __init__(self, data: Path) -> None:
        """Nothing is there."""
        self.config, self.devices, self.clock, self.number = Config(data=data), list[Device](), FakeClock(), 0

    @contextlib.contextmanager
    def open(self) -> Iterator[History]:
        """A collector over it, for a while."""
        with contextlib.closing(Services.over_folder(self.config, self.clock)) as services:
            yield History(services, self.devices)

    def goes_on(self) -> tuple[str, int]:
        """One more batch; the log's name and its size after that."""
        with self.open() as history:
            if not self.devices:
                history.device("line-0")
            history.batch(self.devices[0], download(slot=self.number))
            self.number += 1
            services = history.services
            assert services.publisher.comes_to(services.ledger.last_no, 30), services.publisher.wrong
            assert checked(services) == []
            published = services.publisher.published
            assert published is not None
            return published.checkpoint.origin, published.checkpoint.size


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    """An empty one."""
    return Folder(tmp_path / "data")


def test_numbers_begin_again(folder: Folder) -> None:
    """The new log begins with the statement, under its own name; the old one's files are whole, and stay."""
    first, size = folder.goes_on()
    done = rotate_log(folder.config, "log2027.example.net")
    assert (done.whose, done.keys, done.cosigned) == ("log", 2, False)
    assert folder.goes_on() == ("log2027.example.net", 2)
    again = rotate_log(folder.config, None)
    assert folder.goes_on() == (again.new.partition("+")[0], 2)
    with folder.open() as history:
        services = history.services
        assert [one.old.name for one in services.logs] == [first, "log2027.example.net"]
        assert [one.checkpoint.size for one in services.logs] == [size, 2]
        for one in services.logs:
            files, last = services.publisher.past(one.old.name)
            assert (last, files.size, files.root()) == (one.checkpoint, last.size, last.root)
        with pytest.raises(KeyError):
            services.publisher.past("../..")


def test_it_can_all_be_made_again(folder: Folder) -> None:
    """Without the folder of the log, or its mark, all logs are made again of the ledger, each as it was."""
    folder.goes_on()
    rotate_log(folder.config, None)
    folder.goes_on()
    rotate_log(folder.config, None)
    now = folder.goes_on()
    data = folder.config.data

    def seen() -> dict[str, bytes]:
        names = ("leaves", "leaves.at", "tile.0", "checkpoint")
        return {
            str(path.relative_to(data)): path.read_bytes()
            for path in sorted((data / "log").rglob("*")) if path.name in names and "past" in path.parts
        }  # fmt: skip

    whole = seen()
    assert len(whole) == 8
    (data / "log" / "at").unlink()
    assert folder.goes_on() == (now[0], now[1] + 1)
    assert seen() == whole
    shutil.rmtree(data / "log")
    assert folder.goes_on() == (now[0], now[1] + 2)
    assert seen() == whole


STEPS = (
    ("collector.log.following", "load_or_make"),
    ("collector.log.following", "write_whole"),
    ("collector.log.following", "sync_folder"),
    ("collector.log.aside", "write_whole"),
    ("collector.log.aside", "sync_folder"),
    ("collector.log.publisher", "set_aside"),
    ("collector.serverkeys", "Draft"),
    ("pathlib", "Path.replace"),
)


@contextlib.contextmanager
def crashing(number: int) -> Iterator[None]:
    """The process ends just before the step with this number, counted over all kinds of steps."""
    left = number
    with contextlib.ExitStack() as patched:
        for module, name in STEPS:
            real = __import__(module, fromlist=["x"])
            for part in name.split("."):
                real = getattr(real, part)

            def step(*given: object, real=real, **named: object) -> object:  # type: ignore[no-untyped-def] # noqa: ANN001
                nonlocal left
                left -= 1
                if left == 0:
                    raise Crash
                return real(*given, **named)

            patched.enter_context(patch(f"{module}.{name}", step))
        taken = list[FolderLock]()
        real_lock = FolderLock.__init__

        def lock(self: FolderLock, data: Path) -> None:
            real_lock(self, data)
            taken.append(self)

        patched.enter_context(patch.object(FolderLock, "__init__", lock))
        try:
            yield
        except Crash:  # the system lets go of what a process held that is gone
            for one in taken:
                with contextlib.suppress(OSError):
                    one.close()


@pytest.mark.parametrize("number", [*range(1, 30, 2)])
def test_a_crash_at_any_step(folder: Folder, number: int) -> None:
    """Cut off before any step, the folder opens with one log or the other, goes on, and can be asked again."""
    first, size = folder.goes_on()
    with crashing(number):
        rotate_log(folder.config, None)
    name, grown = folder.goes_on()
    assert (name, grown) == (first, size + 1) if name == first else grown == 2
    if name == first:
        rotate_log(folder.config, None)
        assert folder.goes_on()[1] == 2
    with folder.open() as history:
        assert len(history.services.logs) == len(history.services.registry.own.logs) == 1
        assert history.services.publisher.past(first)[0].size >= size


def test_beside_the_other_keys(folder: Folder) -> None:
    """Logs and keys may follow each other in any order."""
    folder.goes_on()
    rotate(folder.config, Whose.COLLECTOR)
    rotate_log(folder.config, None)
    rotate(folder.config, Whose.COLLECTOR)
    rotate(folder.config, Whose.PORTAL)
    assert folder.goes_on()[1] == 4
    rotate_log(folder.config, None)
    assert folder.goes_on()[1] == 2


def test_its_name(folder: Folder) -> None:
    """A log that follows has a name of its own, which the settings then have too; no name is used twice."""
    named = Config(data=folder.config.data, origin="log1.example.net")
    folder.config = named
    folder.goes_on()
    with pytest.raises(BadRequest, match="another name"):
        rotate_log(named, None)
    with pytest.raises(BadRequest, match="host's name"):
        rotate_log(named, "a log")
    with pytest.raises(NoKey, match="there has been"):
        rotate_log(named, "log1.example.net")
    rotate_log(named, "log2.example.net")
    with pytest.raises(NoKey, match="is not renamed"):
        folder.goes_on()
    folder.config = Config(data=folder.config.data, origin="log3.example.net")
    rotate_log(folder.config, None)  # the settings had the new name before
    assert folder.goes_on() == ("log3.example.net", 2)


def test_files_that_do_not_fit(folder: Folder) -> None:
    """A statement that is not what it was, or a new key that is gone, is named at the start."""
    folder.goes_on()
    rotate_log(folder.config, None)
    folder.goes_on()
    keys = folder.config.data / "keys"
    (told,) = (keys / "history" / "log").glob("*.json")
    good = told.read_bytes()
    for bad in (b"", good[:-9], good.replace(b"payload", b"paylaod", 1)):
        told.write_bytes(bad)
        with pytest.raises(NoKey, match="does not hold"), folder.open():
            pass
    told.write_bytes(good)
    with folder.open() as history:
        services = history.services
        services.publisher.catch_up()
        published = services.publisher.published
        assert published is not None
        begin_log(keys, None, published.note, services.collector_key)
    following = keys / "log.next.key"
    kept = following.read_bytes()
    following.unlink()
    with pytest.raises(NoKey, match="put it back"):
        log_in_use(keys)
    following.write_text(LogKey.generate().text)
    following.chmod(0o600)
    with pytest.raises(NoKey, match="not the key that it names"):
        log_in_use(keys)
    following.write_bytes(kept)
    assert folder.goes_on()[1] == 2
    assert len(next_logs(keys, folder_line(folder))) == 2


def folder_line(folder: Folder) -> Lineage:
    """The collector's keys."""
    with folder.open() as history:
        return history.services.server_keys.lines[Whose.COLLECTOR]


def evidence(folder: Folder) -> Files:
    """The evidence of the line as it is now."""
    with folder.open() as history:
        return read_archive(make_evidence(history.services, "line-0"))


def failed(files: Files, trust: Trust = NO_TRUST) -> tuple[str, str]:
    """The step that fails and why; ("", "") if all hold."""
    last = check_evidence(files, trust)[-1]
    return ("", "") if last.holds else (last.name, last.detail)


def vkey(files: Files) -> str:
    """The key of the log in it."""
    return files["log/vkey"].decode().strip()


def test_evidence_before_between_and_after(folder: Folder) -> None:
    """Evidence from before, between and after holds, for whoever was told any of the logs up to its own; keys change too."""
    folder.goes_on()
    kept = [evidence(folder)]
    for whose in (Whose.COLLECTOR, Whose.PORTAL):
        rotate_log(folder.config, None)
        rotate(folder.config, whose)
        folder.goes_on()
        kept.append(evidence(folder))
    told = [vkey(files) for files in kept]
    for number, files in enumerate(kept):
        assert failed(files) == ("", "")
        for one in told[: number + 1]:
            assert failed(files, Trust(vkey=one)) == ("", "")
        for one in told[number + 1 :]:
            assert "does not lead to it" in failed(files, Trust(vkey=one))[1]
    details = {step.name: step.detail for step in check_evidence(kept[-1], Trust(vkey=told[0]))}
    assert "3 leaves of 3 in " in details["log"]
    assert "it follows the log that you were told, number 2 since" in details["log"]
    assert "; 5 leaves in 2 logs before it; " in details["log"]
    assert "files are not in it" not in details["log"]
    strange = LogKey.generate().public.vkey
    assert "does not lead to it" in failed(kept[-1], Trust(vkey=strange))[1]


def test_evidence_of_a_copy_that_was_put_back(folder: Folder) -> None:
    """A ledger that was put back goes on as another log, to which nothing leads; what was proven by others before it holds."""
    folder.goes_on()
    first = vkey(evidence(folder))
    rotate_log(folder.config, None)
    folder.goes_on()
    (folder.config.data / "keys" / FILE).unlink()
    shutil.rmtree(folder.config.data / "log")
    folder.goes_on()
    files = evidence(folder)
    assert failed(files) == ("", "")
    assert failed(files, Trust(vkey=first))[0] == "log"
    rotate_log(folder.config, None)
    folder.goes_on()
    after = evidence(folder)
    assert failed(after, Trust(vkey=vkey(files))) == ("", "")
    assert failed(after, Trust(vkey=first))[0] == "log"


@pytest.mark.threat("T22")
def test_a_stolen_log_key_leads_nowhere(folder: Folder) -> None:
    """With the log's key a thief makes no other end of it, no other log behind it, and no leaf in it that is believed."""
    folder.goes_on()
    keys = folder.config.data / "keys"
    stolen = LogKey.read((keys / FILE).read_text())
    before = evidence(folder)
    rotate_log(folder.config, None)
    folder.goes_on()
    files, own = evidence(folder), server_key(keys, Whose.COLLECTOR)
    name = next_file(stolen.public.name)
    thief, other = FileKey.generate(), LogKey.generate()
    last = NextLog.read(files[name][:-1], Lineage.alone(own.public)).last
    told = Trust(own.public.key_id, stolen.public.vkey)
    assert failed(files, told) == ("", "")

    by_thief = NextLog.make(last, stolen, other, thief) + b"\n"  # not by the collector
    assert failed(changed(files, own, {name: by_thief}), told)[0] == "log"
    shorter = stolen.checkpoint(1, bytes(32))
    ended = (
        NextLog.make(shorter, stolen, LogKey.read((keys / FILE).read_text()), own) + b"\n"
    )  # not what is the first leaf
    assert failed(changed(files, own, {name: ended}), told)[0] == "log"
    away = {
        "log/vkey": f"{other.public.vkey}\n".encode(),
        "log/checkpoint": other.checkpoint(3, bytes(32)),
    }
    assert "does not lead to it" in failed(changed(files, own, away), told)[1]
    alone = changed(files, own, {}, name, proofs_file(stolen.public.name))
    assert failed(alone, told)[0] == "log"
    moved = changed(files, own, {PROOFS: files[PROOFS].replace(b'"index":0', b'"index":1')})
    assert failed(moved)[0] == "log"
    assert failed(before, told) == ("", "")


@pytest.mark.threat("T22")
def test_witnesses_of_the_new_log_vouch_for_the_old_one(folder: Folder, tmp_path: Path) -> None:
    """With the old log's key stolen, a witness of either log suffices: of the old one's end, or of the statement behind it."""
    with serving(FakeWitness()) as witness:
        folder.config = Config(data=tmp_path / "seen", witness=(Witness(witness.url, witness.notary.public),), quorum=1)
        folder.goes_on()
        with folder.open() as history:
            old = history.services.log_key.public
            witness.logs[old.name] = old
        assert rotate_log(folder.config, None).cosigned
        folder.goes_on()
        with folder.open() as history:
            new = history.services.log_key.public
            witness.logs[new.name] = new
            history.services.publisher.catch_up()
            assert history.services.witnesses.go_round() is not None
            files = read_archive(make_evidence(history.services, "line-0"))
            (one,) = history.services.logs
            assert open_checkpoint(one.last, one.old, [witness.notary.public]).cosigned_s
    trust = Trust(vkey=one.old.vkey, witnesses=(witness.notary.public.vkey,))
    assert failed(files, trust) == ("", "")
    assert failed(files, Trust(witnesses=(NoteKey.of("w.example", COSIGNATURE, bytes(32)).vkey,)))[0] == "log"


def test_the_check_names_a_log_that_does_not_fit(folder: Folder) -> None:
    """An end that was another, a successor that was another, or one that nobody has told of: each is found, and a damaged tile."""
    folder.goes_on()
    rotate_log(folder.config, None)
    folder.goes_on()
    with folder.open() as history:
        services = history.services
        services.publisher.catch_up()
        (one,) = services.logs
        old = LogKey.generate()
        another = NextLog.make(old.checkpoint(2, bytes(32)), old, LogKey.generate(), services.collector_key)
        strange = NextLog.read(another, Lineage.alone(services.collector_key.public))
        for logs, words in (
            ((), "nothing in the folder of keys says so"),
            ((strange,), "another log is followed here"),
            ((replace(one, checkpoint=replace(one.checkpoint, root=bytes(32))),), "did not end as it is said"),
        ):
            services.logs = logs
            if logs:
                (folder.config.data / "log" / "past" / logs[0].old.name).mkdir(exist_ok=True)
                for name in ("tile.0", "leaves"):
                    (folder.config.data / "log" / "past" / logs[0].old.name / name).touch()
            assert any(words in found for found in checked(services))
        services.logs = (one,)
        tile = folder.config.data / "log" / "past" / one.old.name / "tile.0"
        data = tile.read_bytes()
        tile.write_bytes(bytes([data[0] ^ 1]) + data[1:])
        assert any("is served as something else" in found for found in checked(services))
