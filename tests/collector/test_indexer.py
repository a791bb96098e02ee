"""The index follows the ledger, whatever happens to it."""

import threading
from pathlib import Path

import pytest
from fakes.clock import FakeClock
from fakes.device import Device
from fakes.entries import kept
from fakes.history import History
from fakes.served import Served

from collector.case import case_of
from collector.errors import IndexLags, IndexUnusable
from collector.indexer import Indexer
from collector.ledger.frame import Draft, EntryKind
from collector.ledger.writer import Ledger
from collector.services import Services
from collector.store.duck import DuckStore
from collector.web.page import render_page
from shared.errors import Malformed


def test_readers_wait_for_what_was_acknowledged(served: Served, device: Device) -> None:
    """Whoever asks after an acknowledgement sees what was acknowledged."""
    for number in range(1, 20):
        assert served.post_batch(device.next()).status == 201
        assert served.case("anna")["counts"]["signed"]["ok"] == number


def test_a_load_that_fails_is_tried_again(
    services: Services, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """An index in trouble is logged, tried again, and in the end the same; the ledger takes everything meanwhile."""
    monkeypatch.setattr("collector.indexer._RETRY_S", 0.02)
    troubles = [IndexUnusable("no space"), OSError(28, "no space"), Malformed("not understood")]
    real = services.store.load

    def load(entries: object, stream: int) -> None:
        if troubles:
            raise troubles.pop()
        real(entries, stream)  # type: ignore[arg-type]

    monkeypatch.setattr(services.store, "load", load, raising=False)
    services.indexer.start()
    History(services).eventful()
    services.indexer.caught_up(services.ledger.last_no)
    assert troubles == []
    assert services.store.loaded_no() == services.ledger.last_no
    assert sum("could not be brought up to date" in record.message for record in caplog.records) == 3


def test_a_lagging_index_is_said(tmp_path: Path) -> None:
    """A reader who waited in vain is told how far the index is."""
    ledger = Ledger(tmp_path / "ledger", FakeClock())
    store = DuckStore(None)
    indexer = Indexer(ledger, store)
    gate = threading.Event()
    real = store.load
    store.load = lambda entries, stream=0: (gate.wait(10), real(entries, stream))[1]  # type: ignore[method-assign]
    indexer.start()
    kept(ledger, [Draft(EntryKind.CODE, {}, b"{}\n")])
    indexer.wake()
    with pytest.raises(IndexLags, match="up to 0, 1 was asked for"):
        indexer.caught_up(1, 0.05)
    gate.set()
    indexer.caught_up(1)
    ledger.close()
    indexer.close()
    store.close()


def test_what_is_undone_never_reaches_the_index(services: Services, monkeypatch: pytest.MonkeyPatch) -> None:
    """An entry that was written but could not be synced is in no index, even if the loader looks at that moment."""
    services.indexer.start()
    history = History(services)
    history.line("line-0")
    services.indexer.caught_up(1)

    def look_then_fail(_: int) -> None:
        services.indexer.wake()
        with pytest.raises(IndexLags):
            services.indexer.caught_up(2, 0.2)
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr("collector.ledger.book.os.fdatasync", look_then_fail)
        with pytest.raises(Exception, match="nothing was kept"):
            history.line("line-1")
    history.line("line-2")
    services.indexer.caught_up(2)
    assert services.store.digest()["entry"][0] == 2


def test_a_moment_stays_a_moment(services: Services) -> None:
    """Whoever asks of one moment is told of that moment, and the index grows on meanwhile."""
    services.indexer.start()
    history = History(services)
    device = history.device("line-0")
    history.batch(device)
    services.indexer.caught_up(services.ledger.last_no)
    with services.store.moment() as moment:
        before = moment.loaded_no(), moment.timeline("line-0"), moment.counts("line-0")
        history.batch(device)
        services.indexer.caught_up(services.ledger.last_no)
        assert services.store.loaded_no() == before[0] + 1
        assert (moment.loaded_no(), moment.timeline("line-0"), moment.counts("line-0")) == before
    with services.store.moment() as moment:
        assert len(moment.timeline("line-0")) == len(before[1]) + 1


def test_a_page_does_not_wait_for_a_lagging_index(services: Services, monkeypatch: pytest.MonkeyPatch) -> None:
    """While the index lags a case is shown as far as it has come, with how late it is; afterwards it is whole again."""
    history = History(services)
    device = history.device("line-0")
    history.batch(device)
    services.indexer.catch_up()
    gate, real = threading.Event(), services.store.load
    monkeypatch.setattr(services.store, "load", lambda *told: (gate.wait(10), real(*told))[1])
    monkeypatch.setattr("collector.case.MOMENT_S", 0.05)
    services.indexer.start()
    services.clock.advance(3_000_000)  # type: ignore[attr-defined]
    history.batch(device)
    case, rows = case_of(services, "line-0")
    assert (len(rows), case.behind_us) == (1, 3_000_000)
    assert "in the last 3 seconds may not be" in render_page(case, rows)
    gate.set()
    services.indexer.caught_up(services.ledger.last_no)
    case, rows = case_of(services, "line-0")
    assert (len(rows), case.behind_us) == (2, 0)
    assert "may not be in this page yet" not in render_page(case, rows)
