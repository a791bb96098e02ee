"""Whoever writes the ledger keeps the port's promises: from this process, and through the one that has it open."""

import contextlib
import errno
import shutil
import socket
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest
from fakes import postgres
from fakes.catalog import FakeCatalog, FakeChains, nothing
from fakes.clock import FakeClock
from fakes.entries import DEVS, KEYS, batch, draft, enrolment, kept_aside, revocation, rotation

from collector.catalog.chains import CatalogChains
from collector.errors import CatalogAway, LedgerAway, Misdirected, Outrun, StorageFull
from collector.ledger.chains import Older, Repeat
from collector.ledger.clerk import Clerk
from collector.ledger.client import LedgerClient
from collector.ledger.frame import Draft, Entry, EntryKind, Sheet
from collector.ledger.line import LedgerLine
from collector.ledger.port import LedgerPort
from collector.ledger.segments import read_at, read_entries
from collector.ledger.shared import SharedChains
from collector.ledger.shared_book import open_book
from collector.ledger.writer import Ledger
from shared.chain import START, Head
from shared.errors import ChainFork, ChainGap, FrozenKey, Malformed, RevokedKey, UnknownKey
from shared.keys import FileKey

PATIENCE_S = 10
Open = Callable[[Callable[[], None]], LedgerPort]


@dataclass
class Office:
    """A clerk in a thread, over a socket in a folder with a short name."""

    ledger: Path
    shared: Callable[[], SharedChains] | None = None
    folder: Path = field(default_factory=lambda: Path(tempfile.mkdtemp(prefix="speedproof-office-", dir="/tmp")))
    clerk: Clerk | None = None

    def __post_init__(self) -> None:
        """Listen."""
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(self.address)
        self.listener.listen()
        self.begin()

    @property
    def address(self) -> str:
        """Where it listens."""
        return str(self.folder / "ledger")

    def begin(self) -> None:
        """Open the book, and serve."""
        self.book = open_book(self.ledger, FakeClock(), None if self.shared is None else self.shared())
        self.clerk, self.ending = Clerk(self.book, self.listener), threading.Event()
        self.thread = threading.Thread(target=self._serve, args=(self.clerk,))
        self.thread.start()

    def _serve(self, clerk: Clerk) -> None:
        while not self.ending.is_set():
            clerk.turn(0.02)

    def end(self) -> None:
        """Hang up and close the book, as if the process had ended; the socket goes on listening."""
        self.ending.set()
        self.thread.join()
        assert self.clerk is not None
        self.clerk.close()
        self.book.close()

    def close(self) -> None:
        """All gone."""
        self.end()
        self.listener.close()
        shutil.rmtree(self.folder)


ALONE, SHARED, REAL = "alone", "one of several", "one of several over PostgreSQL"


@pytest.fixture(params=[ALONE, SHARED, REAL])
def shared(request: pytest.FixtureRequest) -> Callable[[], SharedChains] | None:
    """How the catalog is reached that others share; None for a collector alone."""
    if request.param == ALONE:
        return None
    if request.param == SHARED:
        catalog = FakeCatalog()
        return lambda: FakeChains(catalog)
    address = postgres.shared().database()
    return lambda: CatalogChains(address, 0, "5" * 64, FakeClock(mono_us=10**9))


@pytest.fixture
def office(tmp_path: Path, shared: Callable[[], SharedChains] | None) -> Iterator[Office]:
    """A clerk at work."""
    with contextlib.closing(Office(tmp_path / "ledger", shared)) as made:
        yield made


@pytest.fixture(params=["here", "through another"])
def ledger(
    request: pytest.FixtureRequest, tmp_path: Path, shared: Callable[[], SharedChains] | None
) -> Iterator[LedgerPort]:
    """Each way to write."""
    if request.param == "here":
        chains = None if shared is None else shared()
        with contextlib.closing(Ledger(tmp_path / "ledger", FakeClock(), shared=chains)) as opened:
            yield opened
        return
    office = request.getfixturevalue("office")
    with contextlib.closing(LedgerClient(office.address, office.ledger)) as client:
        yield client


def after(one: Draft) -> Head:
    """The head after a batch."""
    assert one.link is not None
    return Head(one.link.batch + 1, one.link.last_seq + 1, one.link.pae_sha256)


def test_an_entry_is_there(ledger: LedgerPort) -> None:
    """What was appended reads back, has the next number, and is the newest from then on."""
    assert (ledger.newest_no(), ledger.others()) == (0, [])
    one = ledger.keep(draft("one"))
    two = ledger.append(draft("two")).result(PATIENCE_S)
    assert [entry.meta["text"] for entry in read_entries(ledger.folder)] == ["one", "two"]
    assert list(read_entries(ledger.folder)) == [one, two]
    assert ledger.newest_no() == ledger.last_no == 2
    assert [read_at(ledger.folder, *place) for place in ledger.others()] == [one, two]


def test_chains(ledger: LedgerPort) -> None:
    """A batch is written if it follows; of a repeat it is told where it is, of the rest why they are refused."""
    ledger.keep(enrolment(0))
    one = batch(0, START, "one")
    first = ledger.append(one).result(PATIENCE_S)
    assert isinstance(first, Entry)
    assert ledger.append(one).result(PATIENCE_S) == Repeat(first.segment, first.offset)
    two = batch(0, after(one), "two")
    ledger.append(two).result(PATIENCE_S)
    assert ledger.append(one).result(PATIENCE_S) == Older(after(two))
    for wrong, kind in (
        (batch(0, after(one), "another"), ChainFork),
        (batch(0, Head(9), "ahead"), ChainGap),
        (batch(1, START, "stranger"), UnknownKey),
    ):
        with pytest.raises(kind) as refused:
            ledger.append(wrong).result(PATIENCE_S)
        if kind is not UnknownKey:
            assert refused.value.expected == after(two).expected
    assert ledger.newest_no() == 3


def test_a_key_takes_anothers_place(ledger: LedgerPort) -> None:
    """The new key goes on where the old one's chain stands, and from then on nothing is taken from the old one."""
    ledger.keep(enrolment(0))
    one = batch(0, START, "one")
    ledger.append(one).result(PATIENCE_S)
    entry = ledger.keep(rotation(KEYS[0], KEYS[1]))
    assert read_at(ledger.folder, entry.segment, entry.offset).kind is EntryKind.ROTATION
    for refused in (batch(0, after(one), "by the old key"), one, rotation(KEYS[0], KEYS[2])):
        with pytest.raises(RevokedKey):
            ledger.append(refused).result(PATIENCE_S)
    with pytest.raises(ChainFork):
        ledger.append(batch(1, START, "from the start")).result(PATIENCE_S)
    two = batch(1, after(one), "two")
    assert isinstance(ledger.append(two).result(PATIENCE_S), Entry)
    assert isinstance(ledger.append(two).result(PATIENCE_S), Repeat)
    assert len(list(read_entries(ledger.folder))) == 4


def test_a_key_is_revoked(ledger: LedgerPort) -> None:
    """Nothing that comes after the revocation is taken: no batch, no repeat, no key in its place."""
    ledger.keep(enrolment(0))
    one = batch(0, START, "one")
    ledger.append(one).result(PATIENCE_S)
    ledger.keep(revocation(DEVS[0]))
    for refused in (batch(0, after(one), "two"), one, rotation(KEYS[0], KEYS[1])):
        with pytest.raises(RevokedKey):
            ledger.append(refused).result(PATIENCE_S)
    with pytest.raises(UnknownKey):
        ledger.append(batch(1, START, "by a key that never was")).result(PATIENCE_S)
    assert len(list(read_entries(ledger.folder))) == 3


def test_no_key_takes_the_place_of_two(ledger: LedgerPort) -> None:
    """A key that is known, or was frozen, is in nobody's place; one that nobody enrolled has none to give."""
    ledger.keep(enrolment(0))
    ledger.keep(enrolment(1))
    with pytest.raises(StorageFull, match="known already"):
        ledger.keep(rotation(KEYS[0], KEYS[1]))
    with pytest.raises(UnknownKey):
        ledger.keep(rotation(KEYS[2], FileKey.generate()))
    with pytest.raises(StorageFull, match="can be no entry"):
        ledger.keep(revocation(DEVS[2]))
    ledger.keep(kept_aside(0, 0, freezes=True))
    with pytest.raises(FrozenKey):
        ledger.keep(rotation(KEYS[0], KEYS[2]))
    assert len(list(read_entries(ledger.folder))) == 3


def test_what_can_be_no_entry(ledger: LedgerPort) -> None:
    """What cannot be written is refused at once, and harms nobody."""
    with pytest.raises(Malformed):
        ledger.append(draft(size=9 * 1024 * 1024))
    assert ledger.keep(draft("fine", 3_000_000)).no == 1


def test_many_at_once(ledger: LedgerPort) -> None:
    """Threads that append at once each get their own entry, without a gap."""
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda number: ledger.keep(draft(f"{number}")), range(200)))
    assert [entry.meta["text"] for entry in found] == [f"{number}" for number in range(200)]
    assert sorted(entry.no for entry in found) == list(range(1, 201))


def test_a_full_disk(ledger: LedgerPort, monkeypatch: pytest.MonkeyPatch) -> None:
    """If the disk takes nothing whoever waits is told, and afterwards it goes on."""

    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    ledger.keep(draft("before"))
    with monkeypatch.context() as patch:
        patch.setattr("collector.ledger.book.os.fdatasync", full)
        with pytest.raises(StorageFull, match="No space left"):
            ledger.keep(draft("refused"))
    assert ledger.keep(draft("after")).no == 2


def test_whoever_was_acknowledged_is_found(office: Office) -> None:
    """Once anybody was told that his entry is there, everybody who asks is told of it, and followers hear of it unasked."""
    heard = threading.Event()
    with (
        contextlib.closing(LedgerClient(office.address, office.ledger)) as writer,
        contextlib.closing(LedgerClient(office.address, office.ledger, committed=heard.set)) as other,
    ):
        heard.clear()
        entry = writer.keep(draft("one"))
        assert other.newest_no() == entry.no
        assert heard.wait(PATIENCE_S)


def test_a_writer_that_went_away(office: Office) -> None:
    """Whoever asks while nobody writes is told so, and served again when somebody does."""
    with contextlib.closing(LedgerClient(office.address, office.ledger)) as client:
        client.keep(draft("one"))
        office.end()
        waiting = client.append(draft("lost"))
        with pytest.raises(LedgerAway):
            waiting.result(PATIENCE_S)
        office.begin()
        assert client.keep(draft("two")).no == 2
        assert [entry.meta["text"] for entry in read_entries(office.ledger)] == ["one", "two"]


@pytest.mark.parametrize("is_written", [True, False])
def test_kept_once_whatever_is_known(office: Office, monkeypatch: pytest.MonkeyPatch, *, is_written: bool) -> None:
    """A writer that dies before its answer may have kept the entry or not: it is there once in the end."""
    real = office.book.commit

    def dies(sheets: list[Sheet]) -> list[object]:
        monkeypatch.setattr(office.book, "commit", real)
        if is_written:
            real(sheets)
        assert office.clerk is not None
        for caller in list(office.clerk._callers.values()):
            office.clerk._hang_up(caller)
        return [Malformed("nobody hears it") for _ in sheets]

    with contextlib.closing(LedgerClient(office.address, office.ledger)) as client:
        client.keep(draft("before"))
        monkeypatch.setattr(office.book, "commit", dies)
        assert client.keep(draft("once")).no == 2
    assert [entry.meta["text"] for entry in read_entries(office.ledger)] == ["before", "once"]


def test_strangers(office: Office) -> None:
    """Whoever speaks something else, hangs up in the middle or never reads harms nobody."""
    with contextlib.closing(LedgerClient(office.address, office.ledger)) as client:
        for data in (b"\0\0\0\x02xx", b"\xff" * 64, b"\0\0\1", b""):
            with socket.socket(socket.AF_UNIX) as stranger:
                stranger.connect(office.address)
                stranger.sendall(data)
        assert client.keep(draft("one")).no == 1


@pytest.mark.parametrize("is_kept", [True, False])
def test_a_group_in_doubt(tmp_path: Path, *, is_kept: bool) -> None:
    """What became of a group that nobody was told of is found out though nobody has anything more to write."""
    catalog = FakeCatalog()

    def away() -> None:
        catalog.before_commit = catalog.after_commit = nothing
        raise CatalogAway("cut off")

    with (
        contextlib.closing(Office(tmp_path / "one", lambda: FakeChains(catalog))) as office,
        contextlib.closing(LedgerClient(office.address, office.ledger)) as through,
        contextlib.closing(Ledger(tmp_path / "other", FakeClock(), shared=FakeChains(catalog, 1))) as here,
    ):
        for ledger in (through, here):
            ledger.keep(draft("before"))
            setattr(catalog, "after_commit" if is_kept else "before_commit", away)
            with pytest.raises(CatalogAway):
                ledger.keep(draft("in doubt"))
            deadline = time.monotonic() + PATIENCE_S
            while (
                len(list(read_entries(ledger.folder))) != ledger.newest_no() or (ledger.newest_no() == 2) is not is_kept
            ):
                assert time.monotonic() < deadline
                time.sleep(0.02)


async def test_what_a_catalog_is_the_reason_for(tmp_path: Path) -> None:
    """A worker hears by name that the catalog is away, that another came first, or that the device belongs elsewhere."""
    catalog = FakeCatalog()
    with (
        contextlib.closing(Office(tmp_path / "ledger", lambda: FakeChains(catalog))) as office,
        contextlib.closing(Ledger(tmp_path / "other", FakeClock(), shared=FakeChains(catalog, 1, "6" * 64))) as other,
    ):
        line = LedgerLine(office.address)
        await line.append(enrolment(0))
        other.keep(enrolment(1))
        with pytest.raises(Outrun):
            await line.append(replace(enrolment(2), seen=1))
        with pytest.raises(Misdirected):
            await line.append(batch(1, START, "one"))
        catalog.away = True
        with pytest.raises(CatalogAway):
            await line.key_of(DEVS[0])
        with pytest.raises(CatalogAway):
            await line.append(batch(0, START, "one"))
        catalog.away = False
        assert isinstance(await line.append(batch(0, START, "one")), Entry)
        line.close()


async def test_a_line_of_an_event_loop(office: Office) -> None:
    """An event loop's line appends, tells keys and refusals, and connects again by itself."""
    line = LedgerLine(office.address)
    kept = await line.append(enrolment(0))
    assert isinstance(kept, Entry)
    assert (await line.key_of(DEVS[0])) == KEYS[0].public
    with pytest.raises(UnknownKey):
        await line.key_of(DEVS[1])
    one = batch(0, START, "one")
    await line.append(one)
    assert isinstance(await line.append(one), Repeat)
    office.end()
    with pytest.raises(LedgerAway):
        await line.append(batch(0, after(one), "two"))
    office.begin()
    assert isinstance(await line.append(batch(0, after(one), "two")), Entry)
    line.close()
