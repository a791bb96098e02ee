"""An index made anew in pieces, by a process of its own, cut off and gone on with."""

import contextlib
import os
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest
from fakes.clock import FakeClock
from fakes.history import History
from fakes.running import PATIENCE_S, is_there

from collector import projecting
from collector.config import Config
from collector.errors import IndexUnusable, LedgerDamaged
from collector.ledger.segments import read_entries, segments
from collector.projecting import projected
from collector.rebuild import NEW_INDEX, rebuild
from collector.services import Services
from collector.store.duck import DuckStore
from collector.store.project import Known
from collector.store.staging import Staged


@pytest.fixture
def ended(config: Config, clock: FakeClock) -> Config:
    """The folder of a collector with a history, ended in good order."""
    with contextlib.closing(Services.over_folder(config, clock)) as services:
        History(services).eventful()
        services.indexer.catch_up()
    return config


def test_a_process_of_its_own_makes_the_same_rows(ended: Config, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whether rows are made here or beside, the index is the same, and nothing of them is left on disk."""
    here = rebuild(ended, lambda *_: None)
    monkeypatch.setattr(projecting, "WORTH_A_PROCESS", 0)
    beside = rebuild(ended, lambda *_: None)
    assert here.after == beside.before == beside.after
    assert not (ended.data / "index.rows").exists()


def test_damage_is_told_through_the_process(ended: Config, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the process finds damaged is raised here."""
    monkeypatch.setattr(projecting, "WORTH_A_PROCESS", 0)
    path = segments(ended.data / "ledger")[0]
    path.write_bytes(path.read_bytes().replace(b'"seq":0', b'"seq":9', 1))
    with pytest.raises(LedgerDamaged):
        list(projected(ended.data, Known(), 0, 10**6))


def test_a_process_that_dies_is_noticed(ended: Config, monkeypatch: pytest.MonkeyPatch) -> None:
    """A process that ends without a word is an error and not an end."""
    monkeypatch.setattr(projecting, "WORTH_A_PROCESS", 0)
    monkeypatch.setattr(projecting, "_run", os._exit)
    monkeypatch.setattr(projecting, "_PATIENCE_S", 0.05)
    with pytest.raises(IndexUnusable, match="ended by itself"):
        list(projected(ended.data, Known(), 0, 10**6))


@pytest.mark.parametrize("loads", [1, 2, 3])
def test_a_rebuild_that_was_cut_off_goes_on(ended: Config, monkeypatch: pytest.MonkeyPatch, loads: int) -> None:
    """What was loaded before the cut is not loaded again; the old index stays until the new one is whole."""
    monkeypatch.setattr(projecting, "_ENTRIES_AT_ONCE", 4)
    whole, old = rebuild(ended, lambda *_: None).after, (ended.data / "index.duckdb").read_bytes()
    real, taken = DuckStore.load_staged, list[Staged]()

    def load(store: DuckStore, staged: Staged) -> None:
        if len(taken) == loads:
            raise KeyboardInterrupt
        taken.append(staged)
        real(store, staged)

    with monkeypatch.context() as patch:
        patch.setattr(DuckStore, "load_staged", load)
        with pytest.raises(KeyboardInterrupt):
            rebuild(ended, lambda *_: None)
    assert (ended.data / "index.duckdb").read_bytes() == old
    assert (ended.data / NEW_INDEX).exists()
    seen: list[int] = []
    assert rebuild(ended, lambda no, _: seen.append(no)).after == whole
    assert seen[0] == 4 * (loads + 1)


def test_a_new_index_of_another_ledger_is_not_gone_on_with(ended: Config) -> None:
    """A leftover that knows more than the ledger is dropped."""
    whole = rebuild(ended, lambda *_: None).after
    with contextlib.closing(DuckStore(ended.data / NEW_INDEX)) as store:
        store._writer.execute("INSERT INTO loaded VALUES (0, 1000000, 1)")
    assert rebuild(ended, lambda *_: None).after == whole


def test_every_load_is_made_before_the_next_is_asked_for(ended: Config) -> None:
    """Staged files are there when they are handed over, and their folder is gone at the end."""
    last_no = len(list(read_entries(ended.data / "ledger")))
    folders: set[Path] = set()
    for staged in projected(ended.data, Known(), 0, last_no):
        assert all(file.exists() for file in staged.files.values())
        folders |= {file.parent for file in staged.files.values()}
    assert folders
    assert not any(folder.exists() for folder in folders)


KILLED = """
    import sys
    import time
    from pathlib import Path

    from collector import projecting
    from collector.store.project import Known

    if __name__ == "__main__":
        projecting.WORTH_A_PROCESS, projecting._AHEAD = 0, 1
        projecting._next = lambda *_: time.sleep(1000)  # so that the other has more to tell than there is room for
        list(projecting.projected(Path(sys.argv[1]), Known(), 0, int(sys.argv[2])))
"""


def test_the_process_ends_with_its_parent(ended: Config, tmp_path: Path) -> None:
    """Whoever makes rows for one that was killed ends as well, and what he has left is gone with the next rebuild."""
    script = tmp_path / "killed.py"
    script.write_text(textwrap.dedent(KILLED))
    environ = {**os.environ, "PYTHONPATH": str(Path.cwd())}
    last_no = str(len(list(read_entries(ended.data / "ledger"))))
    with subprocess.Popen([sys.executable, str(script), str(ended.data), last_no], env=environ) as parent:
        try:
            rows = ended.data / "index.rows"
            until(lambda: any(path.is_file() for path in rows.rglob("*")))
            below = psutil.Process(parent.pid).children(recursive=True)
            assert below
        finally:
            parent.kill()
    until(lambda: not any(is_there(one.pid) for one in below))
    rebuild(ended, lambda *_: None)
    assert not rows.exists()


def until(true: Callable[[], bool]) -> None:
    """Wait for something that comes about soon."""
    deadline = time.monotonic() + PATIENCE_S
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.02)
