"""Sealed segments kept elsewhere: read as before, believed only if they are what was sealed, never lost on the way."""

import contextlib
import multiprocessing
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from fakes.clock import FakeClock
from fakes.entries import draft, kept
from fakes.history import History

from collector.config import Config
from collector.errors import ArchiveAway, BadRequest, LedgerDamaged
from collector.ledger.archive import FETCHED, MOST_FETCHED
from collector.ledger.frame import Entry
from collector.ledger.moving import move
from collector.ledger.names import ARCHIVE_SAID, segment_name, segments
from collector.ledger.segments import check_sealed, read_at, read_entries
from collector.ledger.tail import Tail
from collector.ledger.writer import Ledger
from collector.services import Services


def quiet(*_: object) -> None:
    """Show no progress."""


@pytest.fixture
def ledger(tmp_path: Path) -> tuple[Path, list[Entry]]:
    """A closed ledger of eight segments, seven of them sealed."""
    with contextlib.closing(Ledger(tmp_path / "ledger", FakeClock(), segment_bytes=1)) as opened:
        return opened.folder, kept(opened, [draft(str(number)) for number in range(8)])


@pytest.fixture(params=["folder", "bucket"])
def address(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Where segments go: a folder, or a bucket of this test's own prefix."""
    if request.param == "folder":
        (tmp_path / "archive").mkdir()
        return str(tmp_path / "archive")
    place: str = request.getfixturevalue("bucket")
    return place.format(os.urandom(4).hex())


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_all_reads_as_before(ledger: tuple[Path, list[Entry]], address: str) -> None:
    """A ledger whose older segments are elsewhere reads as before, from end to end, from the middle, and at one place."""
    folder, entries = ledger
    moved = move(folder, address, 2, quiet)
    assert [path.name for path in moved] == [segment_name(number) for number in range(1, 6)]
    assert not any(path.exists() for path in moved)
    assert list(read_entries(folder)) == entries
    assert list(read_entries(folder, 3)) == entries[3:]
    assert read_at(folder, entries[0].segment, entries[0].offset) == entries[0]
    assert Tail(folder, 2).read(8) == entries[2:]
    assert [check_sealed(folder, number).last_no for number in range(1, 8)] == list(range(1, 8))
    assert len(list((folder / FETCHED).iterdir())) == MOST_FETCHED
    with contextlib.closing(Ledger(folder, FakeClock(), segment_bytes=1)) as again:
        (new,) = kept(again, [draft("new")])
        assert new.no == 9
    assert [path.name for path in move(folder, address, 2, quiet)] == [segment_name(6)]
    assert list(read_entries(folder)) == [*entries, new]


def test_a_start_fetches_nothing(ledger: tuple[Path, list[Entry]], tmp_path: Path) -> None:
    """A collector starts without its archive, and says so when an old entry is wanted."""
    folder, entries = ledger
    (tmp_path / "archive").mkdir()
    move(folder, str(tmp_path / "archive"), 0, quiet)
    (tmp_path / "archive").rename(tmp_path / "unplugged")
    with contextlib.closing(Ledger(folder, FakeClock(), segment_bytes=1)) as again:
        assert kept(again, [draft("on")])[0].no == 9
    with pytest.raises(ArchiveAway, match="is not there"):
        list(read_entries(folder))
    (tmp_path / "unplugged").rename(tmp_path / "archive")
    assert list(read_entries(folder))[:8] == entries


def test_no_start_waits_for_the_archive(tmp_path: Path) -> None:
    """Lines, devices and codes are known without the archive, so a collector starts and takes batches while it is away."""
    data, archive = tmp_path / "data", tmp_path / "archive"
    archive.mkdir()
    with contextlib.closing(Services.over_folder(Config(data, segment_mb=1), FakeClock())) as services:
        assert isinstance(services.ledger, Ledger)
        services.ledger._book._segment_bytes = services.ledger._book._snapshot_every = 1
        history = History(services)
        history.eventful()
    move(data / "ledger", str(archive), 0, quiet)
    archive.rename(tmp_path / "unplugged")
    with contextlib.closing(Services.over_folder(Config(data), FakeClock())) as services:
        history.services = services
        assert len(services.registry.devices) == 3
        assert history.batch(history.devices[0]).is_new


@pytest.mark.parametrize("keep", [7, 8, 100])
def test_what_is_to_stay_stays(ledger: tuple[Path, list[Entry]], tmp_path: Path, keep: int) -> None:
    """If as many as there are, or more, are to stay, none goes; and nobody can ask that less than none stays."""
    (tmp_path / "archive").mkdir()
    assert move(ledger[0], str(tmp_path / "archive"), keep, quiet) == []
    with pytest.raises(BadRequest, match="keep"):
        move(ledger[0], str(tmp_path / "archive"), -keep, quiet)


def test_what_comes_back_is_checked(ledger: tuple[Path, list[Entry]], tmp_path: Path) -> None:
    """A segment that was changed, cut or taken away in the archive is not believed, and its name is told."""
    folder, entries = ledger
    archive = tmp_path / "archive"
    archive.mkdir()
    move(folder, str(archive), 0, quiet)
    file = archive / segment_name(1)
    good = file.read_bytes()
    for bad in (good[:-1], good.replace(b"0", b"1", 1), b""):
        file.write_bytes(bad)
        with pytest.raises(LedgerDamaged, match=r"000001\.ndjson in the archive"):
            list(read_entries(folder))
    file.unlink()
    with pytest.raises(ArchiveAway, match=r"000001\.ndjson"):
        list(read_entries(folder))
    file.write_bytes(good)
    assert list(read_entries(folder)) == entries
    assert not list((folder / FETCHED).glob("*.new"))


def test_nothing_is_lost_on_the_way(ledger: tuple[Path, list[Entry]], tmp_path: Path) -> None:
    """Whatever goes wrong while a segment moves, it stays here: a full archive, one that keeps something else, damage here."""
    folder, entries = ledger
    archive = tmp_path / "archive"
    archive.mkdir()
    for name, replacement in (("put", lambda *_: (_ for _ in ()).throw(ArchiveAway("full"))), ("put", quiet)):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(f"collector.ledger.archive.FolderArchive.{name}", replacement)
            with pytest.raises(ArchiveAway):
                move(folder, str(archive), 0, quiet)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("collector.ledger.archive.FolderArchive.get", lambda _, __, target: target.write_bytes(b"x"))
        with pytest.raises(LedgerDamaged, match="not what was put there"):
            move(folder, str(archive), 0, quiet)
    assert all(path.exists() for path in segments(folder))
    assert list(read_entries(folder)) == entries
    here = folder / segment_name(2)
    here.chmod(0o600)
    good = here.read_bytes()
    here.write_bytes(good + b"x")
    with pytest.raises(LedgerDamaged, match=r"000002\.ndjson is not what was sealed"):
        move(folder, str(archive), 0, quiet)
    here.write_bytes(good)
    move(folder, str(archive), 0, quiet)
    assert list(read_entries(folder)) == entries


@pytest.mark.parametrize("address", ["relative/path", "ftp://x/y", "s3:///x", ""])
def test_what_is_no_place(ledger: tuple[Path, list[Entry]], address: str) -> None:
    """What is neither a folder nor a bucket is refused before anything moves."""
    with pytest.raises(BadRequest, match="absolute path"):
        move(ledger[0], address, 0, quiet)
    assert all(path.exists() for path in segments(ledger[0]))


def test_one_archive(ledger: tuple[Path, list[Entry]], tmp_path: Path) -> None:
    """A folder that is not there is not made, and a ledger does not scatter over two archives."""
    folder, _ = ledger
    with pytest.raises(ArchiveAway, match="is not there"):
        move(folder, str(tmp_path / "unmounted"), 0, quiet)
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
    move(folder, str(tmp_path / "one"), 3, quiet)
    with pytest.raises(BadRequest, match="one archive"):
        move(folder, str(tmp_path / "two"), 0, quiet)
    (folder / ARCHIVE_SAID).unlink()
    with pytest.raises(LedgerDamaged, match=ARCHIVE_SAID):
        list(read_entries(folder))


def _read_again_and_again(folder: Path, times: int) -> None:
    """What another process does: read the whole ledger, and fail loudly if anything is not as it was."""
    for _ in range(times):
        assert [entry.no for entry in read_entries(folder)] == list(range(1, 9))


def test_several_read_at_once(ledger: tuple[Path, list[Entry]], tmp_path: Path) -> None:
    """Processes and threads that fetch the same segments, and make room for each other's, do not take them from each other."""
    folder, entries = ledger
    (tmp_path / "archive").mkdir()
    move(folder, str(tmp_path / "archive"), 0, quiet)
    context = multiprocessing.get_context("spawn")
    beside = [context.Process(target=_read_again_and_again, args=(folder, 60)) for _ in range(2)]
    for one in beside:
        one.start()
    with ThreadPoolExecutor(2) as threads:
        for done in [threads.submit(_read_again_and_again, folder, 60) for _ in range(2)]:
            done.result()
    for one in beside:
        one.join(60)
        assert one.exitcode == 0
    assert list(read_entries(folder)) == entries
