"""Retention: what a rule removes and what it holds, that everything that proves stays, and that no moment leaves it half done."""

import asyncio
import contextlib
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from fakes.aged import aged, checked, entries_of, live, retain_all_of
from fakes.clock import FakeClock
from fakes.device import download
from fakes.history import History

from collector.case import page_of
from collector.config import Config
from collector.errors import BadRequest, Busy, IndexUnusable, LedgerDamaged, NotFound
from collector.ingest import Ingest
from collector.ledger.arranging import arranging
from collector.ledger.frame import Entry, EntryKind
from collector.ledger.names import RETAINING, TOMB
from collector.ledger.segments import read_at
from collector.ledger.snapshot import chains_of
from collector.ledger.tail import Tail
from collector.log.publisher import Publisher
from collector.rebuild import rebuild
from collector.retain import DAY_US, candidates, outlook, retain
from collector.services import Services

DAYS = 20
STEPS = ("prepare", "enter", "put in place", "forget", "remove", "end")


@pytest.fixture
def clock() -> FakeClock:
    """A clock that moves when told."""
    return FakeClock()


@pytest.fixture(scope="module")
def left(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with twenty days of two lines, of which the second complained on the third day."""
    data, clock = tmp_path_factory.mktemp("left") / "data", FakeClock()
    with aged(data, clock) as made:
        live(History(made), clock, DAYS, complaint_on=2)
    return data


@pytest.fixture
def services(left: Path, tmp_path: Path, clock: FakeClock) -> Iterator[Services]:
    """A collector over a copy of it, on the day after."""
    clock.advance(DAYS * DAY_US)
    with aged(shutil.copytree(left, tmp_path / "data"), clock) as made:
        yield made


def same_but_for_records(before: list[Entry], after: list[Entry]) -> None:
    """See that every header is as it was, and every body, or of one that is gone its first line."""
    for old, new in zip(before, after, strict=False):
        assert (old.no, old.kind, old.at_us, old.meta) == (new.no, new.kind, new.at_us, new.meta)
        assert (old.segment, old.offset) == (new.segment, new.offset)
        assert new.body == (old.body.partition(b"\n")[0] + b"\n" if new.gone else old.body)
    assert {one.kind for one in after[len(before) :]} <= {EntryKind.RETENTION}


def test_old_batches_lose_their_records(services: Services, clock: FakeClock) -> None:
    """Batches older than the rule says lose their records, younger ones do not, and all else is as it was."""
    before = entries_of(services)
    size = sum(path.stat().st_size for path in services.ledger.folder.glob("0*"))
    done = retain_all_of(services, 10)
    after = entries_of(services)
    same_but_for_records(before, after)
    gone = [entry for entry in after if entry.gone]
    assert len(gone) == sum(one.removed for one in done) > 10
    assert max(entry.at_us for entry in gone) < clock.wall_us() - 10 * DAY_US
    assert sum(one.records for one in done) == 3 * len(gone)
    told = sum(path.stat().st_size for path in services.ledger.folder.glob("0*"))
    assert sum(one.removed_bytes for one in done) > 0
    assert told < size + 20_000  # batches this short: what stays is about as long, and each tombstone has a signature
    assert checked(services) == []
    assert {one.removed for one in retain_all_of(services, 10)} <= {0}


def test_no_slot_is_missing_for_it(services: Services) -> None:
    """Slots whose records were removed are due no more, in the case and in each of its days alike."""
    before, _, days_before = page_of(services, "line-0")
    retain_all_of(services, 10)
    after, rows, days = page_of(services, "line-0")
    counts = after.counts["signed"]
    assert counts.scheduled_slots < before.counts["signed"].scheduled_slots
    assert sum(day.scheduled for day in days) == counts.scheduled_slots
    assert sum(day.missing for day in days) == counts.missing_slots
    assert sum(day.n for day in days) == len(rows) < sum(day.n for day in days_before)
    assert min(day.from_us for day in days if day.scheduled) + DAY_US > after.removed[0].until_us


def test_an_open_case_keeps_its_records(tmp_path: Path, clock: FakeClock) -> None:
    """Nothing of a line goes that has complained within the rule's days, however old; later it does."""
    with aged(tmp_path / "data", clock) as services:
        history = History(services)
        quiet, loud = live(history, clock, 20, complaint_on=15)
        before = entries_of(services)
        seen = [outlook(services, name, 10) for name in candidates(services)]
        held = sum(one.held for one in seen)
        assert {line for one in seen for line in one.held_lines} == {"line-1"}
        assert {line for one in seen for line in one.lines} == {"line-0"}
        done = retain_all_of(services, 10)
        assert (sum(one.removed for one in done), held) == (
            sum(one.goes for one in seen),
            sum(one.held for one in done),
        )
        assert {entry.meta["dev"] for entry in entries_of(services) if entry.gone} == {quiet.dev}
        same_but_for_records(before, entries_of(services))
        assert len(services.store.timeline("line-1")) == 60
        clock.advance(10 * DAY_US)
        retain_all_of(services, 10)
        assert {entry.meta["dev"] for entry in entries_of(services) if entry.gone} == {quiet.dev, loud.dev}
        same_but_for_records(before, entries_of(services))
        assert checked(services) == []


def test_a_look_removes_nothing(services: Services) -> None:
    """What a rule would do is told exactly, and nothing is done by looking."""
    files = {path: path.read_bytes() for path in services.ledger.folder.glob("0*")}
    seen = {name: outlook(services, name, 5) for name in candidates(services)}
    assert {path: path.read_bytes() for path in services.ledger.folder.glob("0*")} == files
    for name, one in seen.items():
        done = retain(services, name, 5)
        assert (done.removed, done.held) == (one.goes, one.held or done.held)
        assert done.removed_bytes < one.goes_bytes or not one.goes


def test_the_index_forgets_and_remembers(services: Services, clock: FakeClock) -> None:
    """Removed records leave the index, their days' figures and the batches stay, and made anew it is the same index."""
    services.indexer.catch_up()
    days = [services.store.line_days(f"line-{number}") for number in range(2)]
    retain_all_of(services, 8)
    services.indexer.catch_up()
    config, grown = services.config, services.store.digest()
    assert [services.store.line_days(f"line-{number}") for number in range(2)] == days
    assert min(row.received_us for row in services.store.timeline("line-0")) >= clock.wall_us() - 9 * DAY_US
    assert [row.batches for row, _ in services.store.devices("line-0")] == [20]
    (removed,) = services.store.removed("line-0")
    assert removed.batches * 3 == removed.records == removed.last_seq + 1
    services.close()
    done = rebuild(config, lambda *_: None)
    assert done.before == done.after == grown
    with contextlib.closing(Services.over_folder(config, clock)) as again:
        assert [again.store.line_days(f"line-{number}") for number in range(2)] == days
        assert again.store.removed("line-0") == [removed]


def test_chains_and_receipts_go_on(services: Services, clock: FakeClock) -> None:
    """A start knows the same chains and lines, a chain goes on, a repeat gets its first receipt, a fork is seen."""
    history, registry = History(services), services.registry
    device = history.device("line-0")
    body = device.next()
    first = asyncio.run(Ingest(services).take(body))
    for _ in range(12):
        history.batch(device)
        clock.advance(DAY_US)
    before, _ = chains_of(services.ledger.folder, services.ledger.last_no)
    assert sum(one.removed for one in retain_all_of(services, 3)) > 40
    (services.ledger.folder / "chains.snap").unlink(missing_ok=True)
    config = services.config
    services.close()
    with contextlib.closing(Services.over_folder(config, clock)) as again:
        chains, _ = chains_of(again.ledger.folder, again.ledger.last_no)
        assert (chains.standings, chains.refused) == (before.standings, before.refused)
        assert chains.others[: len(before.others)] == before.others
        for name in ("subscribers", "devices", "codes", "complaints", "refused", "imports"):
            assert getattr(again.registry, name) == getattr(registry, name)
        history.services = again
        repeat = asyncio.run(Ingest(again).take(body))
        assert (repeat.receipt, repeat.is_new) == (first.receipt, False)
        assert history.batch(device).is_new
        history.refused(device.seal(download(dur_us=3), batch=0, prev="0" * 64, first_seq=0))
        assert device.dev in {dev for dev, _, _ in again.registry.refused}


def test_the_log_stays_what_it_was(services: Services, tmp_path: Path) -> None:
    """The leaves of batches without their records can be made again, and are those that were signed."""
    services.publisher.catch_up()
    signed = services.publisher.published
    assert signed is not None
    assert sum(one.removed for one in retain_all_of(services, 4)) > 10
    with contextlib.closing(Publisher(tmp_path / "again", services.ledger)) as again:
        again.catch_up()
        assert again.wrong is None
        assert again.files.root(signed.checkpoint.size) == signed.checkpoint.root
        for index in range(0, signed.checkpoint.size, 7):
            assert again.files.leaf(index) == services.publisher.files.leaf(index)


def test_places_go_on_leading_there(services: Services) -> None:
    """Each place leads to its entry as before, and whoever follows the ledger in the middle of a segment goes on in it."""
    before = entries_of(services)
    tails = [Tail(services.ledger.folder, no) for no in range(0, len(before), 3)]
    for tail in tails:
        tail.read(len(before), 1)
    retain_all_of(services, 4)
    after = entries_of(services)
    for entry in after:
        assert read_at(services.ledger.folder, entry.segment, entry.offset) == entry
    for start, tail in zip(range(0, len(before), 3), tails, strict=True):
        assert tail.read(len(before)) == after[start + 1 : len(before)]
        assert Tail(services.ledger.folder, start).read(len(before)) == after[start : len(before)]
    with pytest.raises(LedgerDamaged, match="byte 1"):
        read_at(services.ledger.folder, "000001.ndjson", 1)


class Cut(Exception):
    """The process ends here."""


@pytest.mark.parametrize("step", STEPS)
def test_cut_off_at_any_step(services: Services, clock: FakeClock, step: str) -> None:
    """Cut off before any step, a segment is whole or is its tombstone, and the next run ends where one run would have."""
    before = entries_of(services)

    def stop(at: str) -> None:
        if at == step:
            raise Cut

    names = [name for name in candidates(services) if outlook(services, name, 6).goes]
    with pytest.raises(Cut):
        retain(services, names[1], 6, stop)
    same_but_for_records(before, entries_of(services))
    assert checked(services) == []
    config = services.config
    services.close()
    with aged(config.data, clock) as again:
        same_but_for_records(before, entries_of(again))
        assert checked(again) == []
        assert (outlook(again, names[1], 6).goes > 0) == (step in STEPS[:3])
        retain_all_of(again, 6)
        assert checked(again) == []
        assert not list(again.ledger.folder.glob("*" + RETAINING))
        for name in names:
            assert not (again.ledger.folder / name).exists()
            assert (again.ledger.folder / name).with_suffix(TOMB).exists()
        after = entries_of(again)
        same_but_for_records(before, after)
        gone = {entry.no for entry in after if entry.gone}
        told = [entry.meta["segment"] for entry in after if entry.kind is EntryKind.RETENTION]
        assert sorted(told) == names
        assert {row.entry_no for row in again.store.held_batches(0, again.ledger.last_no) if row.gone} == gone
        grown = again.store.digest()
    assert rebuild(config, lambda *_: None).after == grown


def test_a_complaint_in_between_holds(services: Services, clock: FakeClock) -> None:
    """A line that complains between the ledger's word and the deed keeps its batches; another entry takes the place of the first."""
    name = candidates(services)[1]

    def stop(at: str) -> None:
        if at == "put in place":
            raise Cut

    with pytest.raises(Cut):
        retain(services, name, 6, stop)
    assert services.registry.retained[name]
    History(services).complaint(History(services).device("line-0"), "Now it is slow.")
    done = retain(services, name, 6)
    assert (done.removed > 0, done.held > 0) == (True, True)
    gone = [entry for entry in entries_of(services) if entry.gone]
    assert {services.registry.devices[str(entry.meta["dev"])].subscriber for entry in gone} == {"line-1"}
    assert [one.kind for one in entries_of(services)].count(EntryKind.RETENTION) == 2
    assert checked(services) == []


def test_what_is_no_rule_and_no_segment(services: Services) -> None:
    """A rule has days, a segment is a sealed one of this ledger, and nobody removes while somebody copies."""
    for days in (0, -1, 36_501, 1.5, True, None, "10"):
        with pytest.raises(BadRequest, match="whole number from 1"):
            retain(services, "000001.ndjson", days)  # type: ignore[arg-type]
        with pytest.raises(BadRequest, match="whole number from 1"):
            outlook(services, "000001.ndjson", days)  # type: ignore[arg-type]
    newest = max(path.name for path in services.ledger.folder.glob("*.ndjson"))
    for name in ("", "000099.ndjson", "../000001.ndjson", newest):
        with pytest.raises(NotFound):
            retain(services, name, 5)
    with arranging(services.ledger.folder, alone=False), pytest.raises(Busy, match="try again"):
        retain(services, "000001.ndjson", 5)
    assert retain(services, "000001.ndjson", 5).removed > 0


def test_nothing_is_removed_that_does_not_agree(services: Services) -> None:
    """From a segment that is not what was sealed, or whose records the index has not all, nothing is removed."""
    services.indexer.catch_up()
    folder = services.ledger.folder
    file = folder / "000001.ndjson"
    good = file.read_bytes()
    file.chmod(0o600)
    file.write_bytes(good.replace(b'"end":"ok"', b'"end":"no"', 1))
    with pytest.raises(LedgerDamaged, match="nothing is removed"):
        retain(services, file.name, 5)
    file.write_bytes(good)
    assert not list(folder.glob("*" + TOMB)) + list(folder.glob("*" + RETAINING))
    services.store.forget([row.entry_no for row in services.store.held_batches(0, 8)][:1])
    services.store._writer.execute("UPDATE batch SET gone = NULL")  # type: ignore[attr-defined]
    with pytest.raises(IndexUnusable, match="rebuild"):
        retain(services, file.name, 5)
    assert file.read_bytes() == good


def test_only_what_is_old_as_a_whole(tmp_path: Path, clock: FakeClock) -> None:
    """A segment with one batch that is young enough stays whole, and the newest segment always does."""
    with aged(tmp_path / "data", clock, segment_bytes=10**9) as services:
        live(History(services), clock, 20)
        assert candidates(services) == []
    with contextlib.closing(Services.over_folder(Config(tmp_path / "data"), clock)) as again:
        assert candidates(again) == []
