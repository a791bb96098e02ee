"""Tombstones: read back as written, every byte of them accounted for, and segments that go from wherever they are."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fakes.aged import aged, checked, entries_of, live, retain_all_of
from fakes.clock import FakeClock
from fakes.history import History

from collector.errors import ArchiveAway, CollectorError, LedgerDamaged
from collector.ledger.archive import FETCHED, OTHERS, archive_at
from collector.ledger.moving import move
from collector.ledger.names import RETAINING, TOMB, segment_name, segments, tomb_file
from collector.ledger.removals import Removals
from collector.ledger.seals import seal_beside
from collector.ledger.segments import read_at, read_entries
from collector.ledger.tombs import tomb_beside
from collector.retain import DAY_US, candidates, outlook, retain
from collector.services import Services
from shared.keys import FileKey
from shared.lineage import Lineage

DAYS, LIVED_DAYS = 5, 12


def quiet(*_: object) -> None:
    """Show no progress."""


@pytest.fixture(scope="module")
def left(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with twelve days of two lines, the second with an open case."""
    data, clock = tmp_path_factory.mktemp("left") / "data", FakeClock()
    with aged(data, clock) as made:
        live(History(made), clock, LIVED_DAYS, complaint_on=10)
    return data


@pytest.fixture
def services(left: Path, tmp_path: Path) -> Iterator[Services]:
    """A collector over a copy of it, on the day after."""
    clock = FakeClock()
    clock.advance(LIVED_DAYS * DAY_US)
    with aged(shutil.copytree(left, tmp_path / "data"), clock) as made:
        yield made


@pytest.fixture(params=["folder", "bucket"])
def address(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Where segments go: a folder, or a bucket of this test's own prefix."""
    if request.param == "folder":
        (tmp_path / "archive").mkdir()
        return str(tmp_path / "archive")
    place: str = request.getfixturevalue("bucket")
    return place.format(os.urandom(4).hex())


def a_tomb(services: Services) -> Path:
    """A segment of which records have been removed, and others are held."""
    retain_all_of(services, DAYS)
    return next(path for path in segments(services.ledger.folder) if (tomb := tomb_beside(path)) and tomb.held)


def removals_of(services: Services) -> Removals:
    """What the ledger's entries say of removals."""
    removals = Removals()
    for entry in read_entries(services.ledger.folder):
        if entry.kind == "retention":
            removals.entry(entry)
    return removals


def test_every_byte_counts(services: Services) -> None:
    """Whichever byte of a tombstone is changed, it is found, and the file is named; so is one that was cut, or made by another."""
    path = a_tomb(services)
    file, seal, key = tomb_file(path), seal_beside(path), Lineage.alone(services.collector_key.public)
    assert seal is not None
    removals, good = removals_of(services), file.read_bytes()
    for place in range(len(good)):
        changed = bytearray(good)
        changed[place] ^= 1 << place % 8
        file.write_bytes(changed)
        try:
            removals.tomb(path, seal, key)
            found = removals.unnamed()
        except LedgerDamaged as error:
            found = [str(error)]
        assert [name[: len(file.name)] for name in found] == [file.name], place
    for bad in (good[:-1], good + b"\n", b"", good[: good.index(b"\n") + 1]):
        file.write_bytes(bad)
        with pytest.raises(LedgerDamaged, match=file.name):
            removals.tomb(path, seal, key)
        with pytest.raises(LedgerDamaged, match=file.name):
            list(read_entries(services.ledger.folder))
    file.write_bytes(good)
    assert removals.tomb(path, seal, key)
    assert removals.unnamed() == []
    with pytest.raises(LedgerDamaged, match=f"{file.name}: signed with another key"):
        removals.tomb(path, seal, Lineage.alone(FileKey.generate().public))


def test_what_no_entry_names_is_damage(services: Services) -> None:
    """Records that were removed without the ledger's word, or behind its back, are named by a check."""
    path = a_tomb(services)
    good = {one: one.read_bytes() for one in services.ledger.folder.glob("0*" + TOMB)}
    other = max(one for one in good if one != tomb_file(path))
    tomb_file(path).write_bytes(good[other])
    assert any(f"{tomb_file(path).name} is of" in found for found in checked(services))
    tomb_file(path).unlink()
    assert [found for found in checked(services) if path.name in found]
    with pytest.raises(LedgerDamaged, match=f"segment {path.name} is missing"):
        segments(path.parent)


def test_a_tomb_without_a_word(tmp_path: Path) -> None:
    """A tombstone that this very collector signed is damage as long as no entry of the ledger names it."""
    clock = FakeClock()
    with aged(tmp_path / "data", clock) as services:
        live(History(services), clock, 12)
        name = next(name for name in candidates(services) if outlook(services, name, DAYS).goes)

        def stop(at: str) -> None:
            if at == "enter":
                raise InterruptedError

        with pytest.raises(InterruptedError):
            retain(services, name, DAYS, stop)
        path = services.ledger.folder / name
        path.with_suffix(RETAINING).rename(tomb_file(path))
        path.unlink()
        found = checked(services)
        assert f"{tomb_file(path).name}: no entry of the ledger says that records were removed" in found


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_the_archive_lets_go(services: Services, address: str) -> None:
    """What was moved to an archive is fetched once more, and then neither there, nor fetched, nor beside its seal."""
    folder = services.ledger.folder
    moved = move(folder, address, 2, quiet)
    before = entries_of(services)
    done = [one for one in retain_all_of(services, DAYS) if one.removed]
    assert len(done) > 2
    after = entries_of(services)
    assert [one.no for one in after[: len(before)]] == [one.no for one in before]
    for one in done:
        path = folder / one.segment
        assert path in moved
        assert not path.exists()
        assert not (folder / FETCHED / one.segment).exists()
        assert not path.with_suffix(OTHERS).exists()
        with pytest.raises(ArchiveAway):
            archive_at(address).get(one.segment, folder / "back")
    for entry in after:
        assert read_at(folder, entry.segment, entry.offset) == entry
    assert checked(services) == []
    assert move(folder, address, 0, quiet)
    assert [one.no for one in read_entries(folder)] == [one.no for one in after]
    archive_at(address).drop("never there")


def test_an_archive_that_is_away(services: Services, tmp_path: Path) -> None:
    """With the archive away nothing is begun; if it goes away on the way, the next run finishes."""
    folder, archive = services.ledger.folder, tmp_path / "archive"
    archive.mkdir()
    move(folder, str(archive), 2, quiet)
    name = next(name for name in candidates(services) if outlook(services, name, DAYS).goes)
    archive.rename(tmp_path / "unplugged")
    with pytest.raises(ArchiveAway):
        retain(services, name, DAYS)
    assert not list(folder.glob("*" + RETAINING)) + list(folder.glob("*" + TOMB))
    (tmp_path / "unplugged").rename(archive)

    def unplug(at: str) -> None:
        if at == "remove":
            archive.rename(tmp_path / "unplugged")

    with pytest.raises(ArchiveAway):
        retain(services, name, DAYS, unplug)
    assert tomb_file(folder / name).exists()
    (tmp_path / "unplugged").rename(archive)
    assert (archive / name).exists()
    retain(services, name, DAYS)
    assert not (archive / name).exists()
    assert not list(folder.glob("*" + RETAINING))
    assert checked(services) == []


def test_a_reader_on_the_way(services: Services, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever looks for a segment in the moment in which it goes finds its tombstone."""
    name = next(name for name in candidates(services) if outlook(services, name, DAYS).goes)
    path, real = services.ledger.folder / name, Path.open
    entry = next(entry for entry in entries_of(services) if entry.segment == name and entry.kind == "batch")

    def late(self: Path, *words: Any, **named: Any) -> object:
        if self == path and not tomb_file(path).exists():
            with monkeypatch.context() as patch:
                patch.setattr(Path, "open", real)
                retain(services, name, DAYS)
        return real(self, *words, **named)

    monkeypatch.setattr(Path, "open", late)
    found = read_at(services.ledger.folder, entry.segment, entry.offset)
    assert (found.no, found.meta, tomb_file(path).exists(), path.exists()) == (entry.no, entry.meta, True, False)


def test_the_newest_is_never_touched(services: Services) -> None:
    """Neither the segment that grows nor one that is not sealed is ever treated."""
    newest = max(path.name for path in services.ledger.folder.glob("*.ndjson"))
    assert newest not in candidates(services)
    assert segment_name(1) in candidates(services)
    with pytest.raises(CollectorError):
        retain(services, newest, DAYS)


def test_odd_lines_are_no_tombstone(services: Services) -> None:
    """What is kept under the name of a tombstone of another segment is not believed."""
    path = a_tomb(services)
    other = next(one for one in segments(path.parent) if one != path and tomb_beside(one))
    tomb_file(other).write_bytes(tomb_file(path).read_bytes())
    with pytest.raises(LedgerDamaged, match=f"{tomb_file(other).name} is of {path.name}"):
        tomb_beside(other)
