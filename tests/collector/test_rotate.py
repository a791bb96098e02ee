"""Keys of the server over time: what was signed before stays good, and a crash at any step leaves a folder that starts."""

import contextlib
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from unittest.mock import patch

import pytest
from fakes.aged import aged, checked, live, retain_all_of
from fakes.case import changed
from fakes.clock import FakeClock
from fakes.commanded import commanded
from fakes.cosign import bearing, transfer
from fakes.device import Device, download
from fakes.history import History
from fakes.running import command, running

from collector import keyhistory
from collector.config import Config
from collector.errors import AlreadyRunning, BadRequest
from collector.evidence.archive import read_archive
from collector.evidence.bundle import make_evidence
from collector.evidence.check import Step, check_evidence
from collector.evidence.history import statement_file
from collector.evidence.logged import NO_TRUST, PROOFS, Trust
from collector.keyhistory import SERVERS, begin, history, server_key
from collector.ledger.frame import EntryKind
from collector.ledger.segments import read_entries
from collector.rotate import rotate
from collector.services import Services
from shared import dsse
from shared.errors import NoKey
from shared.keys import FileKey
from shared.lineage import Lineage, follow
from shared.rotation import Whose, make_rotation
from shared.statement import Kind, Statement, read_statement
from shared.strictjson import JsonObject

Files = dict[str, bytes]
PAIRS = [pytest.param(whose, id=whose.value) for whose in SERVERS]


class Crash(BaseException):
    """The process ends here."""


class Folder:
    """A collector's folder, opened and closed as its process comes and goes, and a device that measures."""

    def __init__(self, data: Path) -> None:
        """Nothing is there."""
        self.config, self.devices, self.clock = Config(data=data), list[Device](), FakeClock()

    @contextlib.contextmanager
    def open(self) -> Iterator[History]:
        """A collector over it, for a while."""
        with contextlib.closing(Services.over_folder(self.config, self.clock)) as services:
            yield History(services, self.devices)

    def goes_on(self) -> Files:
        """One more device and one more batch of each; the evidence after that."""
        with self.open() as history:
            history.device("line-0")
            for device in self.devices:
                history.batch(device, download(slot=len(self.devices)))
            history.complaint(self.devices[0], f"Slow, {len(self.devices)}.")
            assert checked(history.services) == []
            return read_archive(make_evidence(history.services, "line-0"))

    def key(self, whose: Whose) -> str:
        """The id of the key in use."""
        return server_key(self.config.data / "keys", whose).public.key_id


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    """An empty one."""
    return Folder(tmp_path / "data")


def failed(files: Files, trust: Trust = NO_TRUST) -> tuple[str, str]:
    """The step that fails and why; ("", "") if all hold."""
    last: Step = check_evidence(files, trust)[-1]
    return ("", "") if last.holds else (last.name, last.detail)


@pytest.mark.parametrize("whose", PAIRS)
def test_evidence_before_between_and_after(folder: Folder, whose: Whose) -> None:
    """Evidence from before, between and after two rotations holds, for whoever was told any of the keys."""
    kept = [folder.goes_on()]
    first = folder.key(Whose.COLLECTOR)
    for _ in range(2):
        done = rotate(folder.config, whose)
        assert (done.whose, done.new) == (whose.value, folder.key(whose))
        kept.append(folder.goes_on())
    for files in kept:
        assert failed(files, Trust(first)) == ("", "")
        log = files["log/vkey"].decode().strip()
        assert failed(files, Trust(first, log)) == ("", "")
    newest = folder.key(Whose.COLLECTOR)
    assert failed(kept[-1], Trust(newest)) == ("", "")
    assert failed(kept[-1], Trust(FileKey.generate().public.key_id))[0] == "collector"
    if whose is Whose.COLLECTOR:
        assert failed(kept[0], Trust(newest))[0] == "collector"  # what follows is not known to what was before
        details = {step.name: step.detail for step in check_evidence(kept[-1], Trust(first))}
        assert details["collector"] == f"key {newest} (it follows the key that you were told, rotation 2 since)"
    names = [name for name in kept[-1] if name.startswith(f"keys/history/{whose}/")]
    assert len(names) == 4
    assert sum(b"keys/history" in line for line in kept[-1][PROOFS].splitlines()) == 2


def test_all_of_them_again_and_again(folder: Folder) -> None:
    """Whichever keys follow each other in whatever order, the ledger holds each rotation once, and everything agrees."""
    folder.goes_on()
    for whose in (Whose.PORTAL, Whose.COLLECTOR, Whose.PEER, Whose.COLLECTOR, Whose.PORTAL):
        rotate(folder.config, whose)
        assert failed(folder.goes_on()) == ("", "")
    with folder.open() as history:
        entries = [one for one in read_entries(history.services.ledger.folder) if one.kind is EntryKind.SERVER_KEY]
        assert [one.meta["whose"] for one in entries] == ["portal", "collector", "peer", "collector", "portal"]
        assert all(one.tree is not None and one.signer for one in entries)
    keys = folder.config.data / "keys"
    assert sorted(path.name for path in keys.glob("*.pem")) == ["collector.pem", "peer.pem", "portal.pem"]


STEPS = ("load_or_create", "make_rotation", "write_whole", "sync_folder", "read_rotation", "replace")


@contextlib.contextmanager
def crashing(number: int) -> Iterator[None]:
    """The process ends just before the step with this number, counted over all kinds of steps."""
    left = number
    with contextlib.ExitStack() as patched:

        def step(real: Callable[..., object]) -> Callable[..., object]:
            def called(*given: object) -> object:
                nonlocal left
                left -= 1
                if left == 0:
                    raise Crash
                return real(*given)

            return called

        for name in STEPS:
            where = Path if name == "replace" else keyhistory
            patched.enter_context(patch.object(where, name, step(getattr(where, name))))
        patched.enter_context(contextlib.suppress(Crash))
        yield


@pytest.mark.parametrize("whose", PAIRS)
def test_a_crash_at_any_step(tmp_path: Path, whose: Whose) -> None:
    """Cut off before any step, and again while that is made up for, there is one key, its history holds, and more can follow."""
    crashed, number = 0, 0
    while number in {0, crashed}:
        number += 1
        for again in range(1, 8):
            keys = tmp_path / f"{number}-{again}"
            old, done = server_key(keys, whose), False
            with crashing(number):
                begin(keys, whose)
                done = True
            crashed += not done and again == 1
            with crashing(again):
                server_key(keys, whose)
            between = server_key(keys, whose)
            assert history(keys, whose, between.public).keys in {(old.public,), (old.public, between.public)}
            begin(keys, whose)
            after = server_key(keys, whose)
            line = history(keys, whose, after.public)
            assert line.keys == (*((old.public,) if between.public != old.public else ()), between.public, after.public)
            assert not list(keys.glob("*.next.pem"))
    assert number > 8


@pytest.mark.parametrize("number", [2, 6, 9, 12])
def test_the_folder_starts_after_a_crash(folder: Folder, number: int) -> None:
    """A collector over a folder whose rotation was cut off starts, its evidence holds, and it can be asked again."""
    before, old = folder.goes_on(), folder.key(Whose.COLLECTOR)
    with crashing(number):
        begin(folder.config.data / "keys", Whose.COLLECTOR)
        server_key(folder.config.data / "keys", Whose.COLLECTOR)
    between = folder.goes_on()
    if folder.key(Whose.COLLECTOR) == old:
        rotate(folder.config, Whose.COLLECTOR)
    for files in (before, between, folder.goes_on()):
        assert failed(files, Trust(old)) == ("", "")


def test_the_statement_reaches_the_ledger_late(folder: Folder) -> None:
    """A rotation that was cut off before its entry is entered before anything is signed with the newer key."""
    folder.goes_on()
    begin(folder.config.data / "keys", Whose.COLLECTOR)
    with patch.object(Services, "close"), pytest.raises(Crash), patch("collector.serverkeys.Draft", side_effect=Crash):
        Services.over_folder(folder.config)
    assert failed(folder.goes_on()) == ("", "")


@pytest.mark.parametrize("whose", PAIRS)
def test_a_history_that_does_not_hold(folder: Folder, whose: Whose) -> None:
    """A history with a file changed, missing or of another key is refused by name, and so is a new key that is gone."""
    folder.goes_on()
    rotate(folder.config, whose)
    keys = folder.config.data / "keys"
    (told,) = (keys / "history" / whose).glob("*.json")
    good, newest = told.read_bytes(), server_key(keys, whose).public
    for bad in (good[:-20] + good[:20], b"", make_rotation(whose, FileKey.generate(), FileKey.generate())):
        told.write_bytes(bad)
        with pytest.raises(NoKey, match="does not hold"):
            history(keys, whose, newest)
    told.write_bytes(good)
    told.with_suffix(".pem").write_bytes(newest.to_pem())
    with pytest.raises(NoKey, match="another key than its name says"):
        history(keys, whose, newest)
    told.with_suffix(".pem").unlink()
    with pytest.raises(NoKey, match="does not hold"):
        history(keys, whose, newest)
    begin(keys, whose)
    (keys / f"{whose}.next.pem").unlink()
    with pytest.raises(NoKey, match="put it back"):
        server_key(keys, whose)
    (keys / f"{whose}.next.pem").write_bytes(FileKey.generate().to_pem())
    (keys / f"{whose}.next.pem").chmod(0o600)
    with pytest.raises(NoKey, match="is not the key that it names"):
        server_key(keys, whose)


def test_attacks_with_an_older_key(folder: Folder) -> None:
    """Whoever holds an older key can make neither a successor, nor a receipt, nor an enrolment that is believed."""
    keys, before = folder.config.data / "keys", folder.goes_on()
    stolen, portal = server_key(keys, Whose.COLLECTOR), server_key(keys, Whose.PORTAL)
    rotate(folder.config, Whose.COLLECTOR)
    rotate(folder.config, Whose.PORTAL)
    files, newest = folder.goes_on(), server_key(keys, Whose.COLLECTOR)
    thief, told = FileKey.generate(), Trust(stolen.public.key_id)
    name = statement_file(Whose.COLLECTOR, stolen.public)
    proofs = b"".join(line for line in files[PROOFS].splitlines(keepends=True) if name.encode() not in line)
    pem = {"keys/collector.pem": thief.public.to_pem()}
    own = make_rotation(Whose.COLLECTOR, stolen, thief) + b"\n"
    usurped = changed(files, thief, {**pem, name: own, PROOFS: proofs})
    assert failed(usurped, told)[0] == "receipts"  # those of the true successor are not by his keys
    usurped = changed(before, thief, {**pem, name: own, name.replace("json", "pem"): stolen.public.to_pem()})
    assert failed(usurped, told) == ("log", f"{name}: not in the log, where a rotation must be to count")
    alone = {one for one in files if one.startswith("receipts/") and newest.public.key_id.encode() in files[one]}
    assert alone
    early = [one for one in files if one.startswith("receipts/") and one not in alone]
    (receipt, *_) = sorted(alone)
    line = dsse.read_envelope(files[receipt][:-1])
    told_by = read_statement(line.payload, Kind.RECEIPT)
    forged = Statement(
        Kind.RECEIPT, "batch", told_by.subject_sha256, told_by.predicate | {"collector": stolen.public.key_id}
    )
    late = changed(files, newest, {receipt: dsse.seal(forged.encode(), stolen) + b"\n"})
    assert failed(late, told) == ("log", f"{receipt}: signed with a key that another had followed before")
    (first, *_) = sorted(early)
    line = dsse.read_envelope(files[first][:-1])
    told_by = read_statement(line.payload, Kind.RECEIPT)
    forged = Statement(
        Kind.RECEIPT, "batch", told_by.subject_sha256, told_by.predicate | {"collector": newest.public.key_id}
    )
    soon = changed(files, newest, {first: dsse.seal(forged.encode(), newest) + b"\n"})
    assert failed(soon) == ("log", f"{first}: signed with a key that was not in use yet")
    enrolled = f"enrolments/{folder.devices[-1].dev}.json"
    payload = dsse.read_envelope(files[enrolled][:-1]).payload
    again = changed(files, newest, {enrolled: dsse.seal(payload, portal) + b"\n"})
    assert failed(again)[0] == "log"
    unlogged = changed(files, newest, {PROOFS: proofs})
    assert failed(unlogged) == ("log", f"{name}: not in the log, where a rotation must be to count")
    two = {"keys/history/collector/second.json": own}
    assert failed(changed(files, newest, two))[0] == "collector"
    without = changed(files, newest, {PROOFS: proofs}, name)
    assert failed(without, told)[0] == "collector"


def vouched(device: Device, peer: FileKey, number: int) -> JsonObject:
    """A download that a peer has counter-signed."""
    told = transfer(device.dev, sid=f"01JD8Z7Q4T9XK2M5N6P7R8S9T{number}")
    return bearing(download(slot=2_000_000 + number), told, peer)


def test_nothing_regrades_when_the_peer_rotates(folder: Folder) -> None:
    """What the peer's older key has counter-signed stays counter-signed, in the index and in evidence."""
    keys = folder.config.data / "keys"
    with folder.open() as history:
        device = history.device("line-0")
        history.batch(device, vouched(device, server_key(keys, Whose.PEER), 0))
        before = json.loads(read_archive(make_evidence(history.services, "line-0"))["case.json"])["grades"]
    assert [one["grade"] for one in before] == ["counter_signed"]
    rotate(folder.config, Whose.PEER)
    with folder.open() as history:
        after = json.loads(read_archive(make_evidence(history.services, "line-0"))["case.json"])["grades"]
        assert after == before
        history.batch(device, vouched(device, server_key(keys, Whose.PEER), 1))
        files = read_archive(make_evidence(history.services, "line-0"))
    assert json.loads(files["case.json"])["grades"] == [{**before[0], "n": 2}]
    assert failed(files) == ("", "")


def test_refused_by_name(folder: Folder) -> None:
    """While a collector runs, and where several share a catalog, no key is changed."""
    with folder.open(), pytest.raises(AlreadyRunning, match="end it first"):
        rotate(folder.config, Whose.PORTAL)
    shared = Config(data=folder.config.data, catalog="postgresql://nowhere/db", lake="/nowhere", stream=1)
    with pytest.raises(BadRequest, match="share a catalog"):
        rotate(shared, Whose.PORTAL)


@pytest.mark.slow
def test_the_command(tmp_path: Path) -> None:
    """`rotate` says what it did, for people and for programs; while a collector runs it says that it does not."""
    data = tmp_path / "data"
    with running(data) as collector:
        before = collector.told["collector_key"]
        collector.enrolled("anna")
        done = commanded(data, "rotate", "collector")
        assert (done.returncode, done.stdout) == (1, "")
        assert "end it first" in done.stderr
        assert collector.stop() == 0
    told = json.loads(command(data, "rotate", "collector", "--json").stdout)
    assert told["old"] == before
    assert told["keys"] == 2
    said = commanded(data, "rotate", "peer").stdout
    assert "the peer's key is now" in said
    with running(data, "--workers", "1") as collector:
        assert collector.told["collector_key"] == told["new"]
        assert collector.post_batch(collector.enrolled("berta").next()).status == 201
        assert commanded(data, "check").returncode == 0
        assert collector.stop() == 0


def test_what_an_older_key_removed(folder: Folder) -> None:
    """A tombstone by a key that was followed since still accounts for what is gone, to the check and in evidence."""
    data = folder.config.data
    with aged(data, folder.clock) as services:
        live(History(services, folder.devices), folder.clock, 8)
        retain_all_of(services, 3)
    rotate(folder.config, Whose.COLLECTOR)
    with folder.open() as history:
        assert checked(history.services) == []
        files = read_archive(make_evidence(history.services, "line-0"))
    assert any(name.startswith("removed/") for name in files)
    assert failed(files) == ("", "")


def test_the_check_names_what_does_not_fit(folder: Folder) -> None:
    """A rotation that the folder of keys tells otherwise than the ledger, or not at all, is found."""
    folder.goes_on()
    rotate(folder.config, Whose.COLLECTOR)
    folder.goes_on()
    with folder.open() as history:
        services = history.services
        keys = services.server_keys.lines
        for line, words in (
            (Lineage.alone(keys[Whose.COLLECTOR].keys[0]), "second successor"),
            (Lineage.alone(keys[Whose.COLLECTOR].newest), "a rotation of a key: the signature does not fit"),
        ):
            object.__setattr__(services.server_keys, "lines", {**keys, Whose.COLLECTOR: line})
            assert any(words in one for one in checked(services))
        longer = follow(
            keys[Whose.COLLECTOR].keys[0],
            [*keys[Whose.COLLECTOR].lines, make_rotation(Whose.COLLECTOR, services.collector_key, FileKey.generate())],
            Whose.COLLECTOR,
        )
        object.__setattr__(services.server_keys, "lines", {**keys, Whose.COLLECTOR: longer})
        assert any("no entry of the ledger says" in one for one in checked(services))
        portal = Lineage.alone(FileKey.generate().public)
        object.__setattr__(services.server_keys, "lines", {**keys, Whose.PORTAL: portal})
        assert any("an enrolment that is none" in one for one in checked(services))
