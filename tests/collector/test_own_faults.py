"""The collector's own faults are said as such: none of them passes for a bad line, a copied key, or lost data."""

import contextlib
import os
import signal
from pathlib import Path
from typing import Any

import duckdb
import pytest
from fakes.clock import FakeClock
from fakes.device import Device
from fakes.history import History
from fakes.running import PATIENCE_S, running
from fakes.served import Served

from collector.config import Config
from collector.errors import Conflict, IndexUnusable
from collector.holding import DESK_FILE
from collector.imports import keep_import
from collector.ledger.frame import EntryKind
from collector.ledger.segments import read_entries
from collector.rebuild import rebuild
from collector.services import INDEX, Services


def test_the_collector_ends_with_its_peer(tmp_path: Path) -> None:
    """Without a peer every test would look like a dead line: the collector says so and ends."""
    with running(tmp_path / "data") as up:
        os.kill(up.peer_pid, signal.SIGKILL)
        assert up.process.wait(PATIENCE_S) == 1
    assert "the peer ended by itself" in (tmp_path / "data.log").read_text()


def test_a_row_the_index_lost_is_no_fork(served: Served, device: Device) -> None:
    """A batch sent again that the ledger has and the index has not is answered 503, and the key stays good."""
    body = device.next()
    assert served.post_batch(body).status == 201
    assert served.post_batch(device.next()).status == 201
    served.case("anna")
    store: Any = served.services.store
    with store._writer.cursor() as cursor:
        cursor.execute("DELETE FROM batch")
    answer = served.post_batch(body)
    assert (answer.status, answer.error) == (503, "index_unusable")
    assert served.post_batch(device.next()).status == 201
    assert all(entry.kind is not EntryKind.REFUSED for entry in read_entries(served.services.ledger.folder))


def test_an_index_that_gave_up_is_opened_again(tmp_path: Path) -> None:
    """After DuckDB has invalidated itself, starting it over brings back what was loaded."""
    config = Config(tmp_path / "data")
    with contextlib.closing(Services.over_folder(config, FakeClock())) as services:
        History(services).eventful()
        services.indexer.catch_up()
        before = services.store.digest()
        store: Any = services.store
        store._writer.close()
        with pytest.raises(IndexUnusable):
            services.store.loaded_no()
        services.store.reopen()
        assert services.store.digest() == before


def test_an_engine_error_has_one_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever the engine raises, readers get the error that has a row in the table of answers."""
    config = Config(tmp_path / "data")
    with contextlib.closing(Services.over_folder(config, FakeClock())) as services:
        History(services).line("anna")
        services.indexer.catch_up()
        monkeypatch.setattr("collector.store.queries.TIMELINE", "SELECT nothing FROM nowhere")
        with pytest.raises(IndexUnusable, match="does not answer"):
            services.store.timeline("anna")


def test_what_a_killed_collector_left_is_not_believed(tmp_path: Path) -> None:
    """The address of one that was killed is forgotten with the next start: whoever listens there now gets no token."""
    config = Config(tmp_path / "data")
    config.data.mkdir()
    (config.data / DESK_FILE).write_text('{"url":"http://127.0.0.1:9","token":"secret","pid":1}')
    with contextlib.closing(Services.over_folder(config, FakeClock())):
        assert not (config.data / DESK_FILE).exists()


def test_a_file_is_read_in_one_way(tmp_path: Path) -> None:
    """The same file read otherwise is refused: counted twice, or read until it pleases, it would say anything."""
    with contextlib.closing(Services.over_folder(Config(tmp_path / "data"), FakeClock())) as services:
        history = History(services)
        history.device("line-0")
        subscriber = services.registry.subscribers["line-0"]
        body, digest = b'{"seq":0}\n', "0" * 64
        for kept in (1, 0):
            assert keep_import(services, subscriber, "ucc", "log", digest, "load loaded", body)["kept"] == kept
        with pytest.raises(Conflict, match="read as load loaded"):
            keep_import(services, subscriber, "ucc", "log", digest, "load unknown", body)


def test_a_digest_needs_no_memory_for_all_rows(tmp_path: Path) -> None:
    """Two indexes of the same rows loaded in another order have the same digest, another row changes it."""
    config = Config(tmp_path / "data")
    with contextlib.closing(Services.over_folder(config, FakeClock())) as services:
        History(services).eventful()
        services.indexer.catch_up()
        before = services.store.digest()
    assert rebuild(config, lambda _done, _all: None).after == before
    with duckdb.connect(str(config.data / INDEX)) as engine:
        engine.execute("UPDATE hot SET rate_bps = 1 WHERE seq = 0")
    assert rebuild(config, lambda _done, _all: None).before != before
