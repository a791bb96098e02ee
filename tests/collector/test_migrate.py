"""From one file to a lake: the lake is filled from the ledger, and the collector goes on there."""

import contextlib
import json
from dataclasses import replace
from pathlib import Path

import pytest
from fakes.clock import FakeClock
from fakes.device import download
from fakes.engines import lake_of
from fakes.history import History

from collector import projecting
from collector.__main__ import main
from collector.config import Config
from collector.errors import ArchiveAway, BadRequest, IndexLags, IndexUnusable
from collector.evidence.bundle import make_evidence
from collector.ledger.frame import EntryKind
from collector.ledger.segments import read_entries
from collector.migrate import migrate_store
from collector.rebuild import rebuild
from collector.services import INDEX, Services
from collector.store.lake import LakeStore
from collector.store.port import Place
from collector.store.staging import Staged


def quiet(done: int, all_of: int) -> None:
    """Show no progress."""
    assert 0 < done <= all_of


@pytest.fixture
def ended(config: Config, clock: FakeClock) -> Config:
    """The folder of a collector with a history, ended in good order."""
    with contextlib.closing(Services.over_folder(config, clock)) as services:
        History(services).eventful()
        services.indexer.catch_up()
    return config


@pytest.fixture
def moved(ended: Config, tmp_path: Path) -> Config:
    """The same folder's configuration with a lake."""
    address = lake_of(tmp_path)
    return replace(ended, catalog=address.catalog, lake=address.files, stream=3)


def test_the_lake_is_filled(ended: Config, moved: Config, clock: FakeClock) -> None:
    """The lake has what the file has, under the number of its stream, and the same answers; doing it again does nothing."""
    file = (ended.data / INDEX).read_bytes()
    with contextlib.closing(Services.over_folder(ended, clock)) as services:
        timeline, complaints = services.store.timeline("line-0"), services.store.complaints("line-0")
        places = [replace(place, stream=3) for place in services.store.places("line-1")]
    done = migrate_store(moved, quiet)
    assert (done.stream, done.there_already) == (3, 0)
    assert done.before == done.after
    assert done.after["record"] == 12
    again = migrate_store(moved, quiet)
    assert (again.there_already, again.after) == (done.entries, done.after)
    assert (ended.data / INDEX).read_bytes() == file
    with contextlib.closing(Services.over_folder(moved, clock)) as services:
        assert (services.store.timeline("line-0"), services.store.complaints("line-0")) == (timeline, complaints)
        assert services.store.places("line-1") == places
        assert services.entry_at(places[0]).kind == places[0].kind


def test_a_collector_goes_on_in_the_lake(moved: Config, clock: FakeClock, tmp_path: Path) -> None:
    """What arrives after the move is loaded into the lake; what lies in another collector's ledger is not taken from this one."""
    migrate_store(moved, quiet)
    with contextlib.closing(Services.over_folder(moved, clock)) as services:
        services.indexer.start()
        history = History(services)
        device = history.device("line-9")
        history.batch(device, download())
        services.indexer.caught_up(services.ledger.last_no)
        assert len(services.store.timeline("line-9")) == 1
        with pytest.raises(ArchiveAway, match="stream 4"):
            services.entry_at(Place("batch", "000001.ndjson", 0, 4))
        other = LakeStore(services.config.lake_address, tmp_path / "other", 4)  # type: ignore[arg-type]
        with contextlib.closing(other):
            entry = next(entry for entry in read_entries(services.ledger.folder) if entry.kind is EntryKind.COMPLAINT)
            other.load([replace(entry, no=1)], 4)
        with pytest.raises(ArchiveAway, match="stream 4"):
            make_evidence(services, "line-0")


def test_cut_off_and_gone_on(moved: Config, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was loaded before it was cut off is not loaded again."""
    monkeypatch.setattr(projecting, "_ENTRIES_AT_ONCE", 4)
    real, calls = LakeStore.load_staged, list[int]()

    def load(store: LakeStore, staged: Staged) -> None:
        calls.append(staged.last_no)
        if len(calls) == 3:
            raise IndexUnusable("away")
        real(store, staged)

    with monkeypatch.context() as patch:
        patch.setattr(LakeStore, "load_staged", load)
        with pytest.raises(IndexUnusable):
            migrate_store(moved, quiet)
    done = migrate_store(moved, quiet)
    assert (done.there_already, done.before) == (8, done.after)


def test_others_make_lines_meanwhile(moved: Config, monkeypatch: pytest.MonkeyPatch) -> None:
    """Rows made before another collector has made a line are made again; without any progress it ends."""
    monkeypatch.setattr(projecting, "_ENTRIES_AT_ONCE", 4)
    real, lags = LakeStore.load_staged, list[int]()

    def load(store: LakeStore, staged: Staged) -> None:
        if staged.last_no > 8 and len(lags) < 2:
            lags.append(staged.last_no)
            raise IndexLags("others have made lines")
        real(store, staged)

    monkeypatch.setattr(LakeStore, "load_staged", load)
    with pytest.raises(IndexLags):
        migrate_store(moved, quiet)
    assert lags == [12, 12]
    assert migrate_store(moved, quiet).there_already == 8


def test_only_with_a_lake(ended: Config, moved: Config) -> None:
    """Without a lake there is nothing to fill, and a lake is not made anew as a file is."""
    with pytest.raises(BadRequest, match="names no lake"):
        migrate_store(ended, quiet)
    with pytest.raises(BadRequest, match="migrate-store"):
        rebuild(moved, quiet)


def test_the_command(moved: Config, capsys: pytest.CaptureFixture[str]) -> None:
    """The command reads the lake from collector.toml and says what it did, to people and to programs."""
    told = f'catalog = "{moved.catalog}"\nlake = "{moved.lake}"\nstream = 3\n'
    (moved.data / "collector.toml").write_text(told)
    assert main(["migrate-store", "--data", str(moved.data)]) == 0
    assert "12 record" in capsys.readouterr().out
    assert main(["migrate-store", "--data", str(moved.data), "--json"]) == 0
    result = json.loads(capsys.readouterr().out)
    assert (result["there_already"], result["same_as_before"]) == (result["entries"], True)
