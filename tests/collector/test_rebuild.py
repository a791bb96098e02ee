"""The index made anew from the ledger."""

import contextlib

import duckdb
import pytest
from fakes.clock import FakeClock
from fakes.history import History

from collector.config import Config
from collector.errors import AlreadyRunning, LedgerDamaged
from collector.ledger.names import segments
from collector.rebuild import rebuild
from collector.services import INDEX, Services


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


def test_same_index(ended: Config) -> None:
    """The index made anew is the one that grew, and can be made anew again."""
    for _ in range(2):
        done = rebuild(ended, quiet)
        assert done.before == done.after
        assert done.after["record"][0] == 12
        assert done.after["entry"][0] == done.entries


def test_index_that_lagged(config: Config, clock: FakeClock) -> None:
    """An index that had not yet loaded everything is compared after it has caught up."""
    with contextlib.closing(Services.over_folder(config, clock)) as services:
        History(services).eventful()
    done = rebuild(config, quiet)
    assert done.before == done.after


def test_row_changed_behind_our_back(ended: Config) -> None:
    """A row somebody changed in the index is seen, and gone afterwards."""
    with duckdb.connect(str(ended.data / INDEX)) as connection:
        connection.execute("UPDATE hot SET received_bytes = 1 WHERE seq = 0")
    first = rebuild(ended, quiet)
    assert first.before is not None
    assert {name for name, value in first.after.items() if first.before[name] != value} == {"record"}
    second = rebuild(ended, quiet)
    assert second.before == second.after == first.after


@pytest.mark.parametrize("content", [None, b"", b"not a database" * 1000])
def test_without_a_usable_index(ended: Config, content: bytes | None) -> None:
    """Without an index, or with one that cannot be read, there is one afterwards, and nothing to compare it with."""
    index = ended.data / INDEX
    index.unlink() if content is None else index.write_bytes(content)
    done = rebuild(ended, quiet)
    assert done.before is None or content == b""
    assert rebuild(ended, quiet).before == done.after


def test_leftovers_of_a_rebuild_that_died(ended: Config) -> None:
    """What an interrupted rebuild left behind does no harm."""
    (ended.data / "index.new.duckdb").write_bytes(b"half")
    (ended.data / "index.new.duckdb.wal").write_bytes(b"half")
    done = rebuild(ended, quiet)
    assert done.before == done.after


def test_not_beside_a_running_collector(services: Services, config: Config) -> None:
    """A folder that is in use is left alone."""
    assert services.config is config
    with pytest.raises(AlreadyRunning):
        rebuild(config, quiet)


def test_damaged_ledger(ended: Config) -> None:
    """From a damaged ledger no index is made, and the old one stays."""
    before = (ended.data / INDEX).read_bytes()
    path = segments(ended.data / "ledger")[0]
    path.write_bytes(path.read_bytes().replace(b'"seq":0', b'"seq":9', 1))
    with pytest.raises(LedgerDamaged):
        rebuild(ended, quiet)
    assert (ended.data / INDEX).read_bytes() == before


def test_progress(ended: Config) -> None:
    """Progress ends at the last entry."""
    seen: list[tuple[int, int]] = []
    done = rebuild(ended, lambda no, last: seen.append((no, last)))
    assert seen[-1] == (done.entries, done.entries)
