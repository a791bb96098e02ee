"""Two ledgers over one catalog: chains stay one line over both, whatever is sent where and killed when."""

import contextlib
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from fakes.catalog import FakeCatalog, FakeChains, nothing
from fakes.clock import FakeClock
from fakes.entries import DEVS, batch, draft, enrolment, kept_aside
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from collector.errors import CatalogAway, LedgerDamaged, Misdirected, Outrun
from collector.ledger import book as book_module
from collector.ledger.book import Book
from collector.ledger.chains import Older, Repeat
from collector.ledger.frame import Draft, Entry, EntryKind, Link, Spot, sheet_of
from collector.ledger.group import Outcome
from collector.ledger.mark import read_mark
from collector.ledger.segments import read_entries
from collector.ledger.shared_book import SharedBook
from shared.chain import START, Head
from shared.errors import ChainFork, FrozenKey, UnknownKey


def commit(book: Book, *drafts: Draft) -> list[Outcome]:
    """Write these as one group."""
    return book.commit([sheet_of(one) for one in drafts])


def after(one: Draft) -> Head:
    """The head after a batch."""
    assert one.link is not None
    return Head(one.link.batch + 1, one.link.last_seq + 1, one.link.pae_sha256)


@pytest.fixture
def catalog() -> FakeCatalog:
    """An empty catalog."""
    return FakeCatalog()


@pytest.fixture
def open_book(tmp_path: Path, catalog: FakeCatalog) -> Iterator[Callable[[int], SharedBook]]:
    """How the book of a stream is opened."""
    with contextlib.ExitStack() as held:

        def made(stream: int) -> SharedBook:
            book = SharedBook(tmp_path / str(stream), FakeClock(), FakeChains(catalog, stream))
            held.callback(lambda: book.close() if stream in catalog.writing else None)
            return book

        yield made


@pytest.fixture
def books(open_book: Callable[[int], SharedBook]) -> list[SharedBook]:
    """Two books; three devices are enrolled at the first."""
    found = [open_book(1), open_book(2)]
    commit(found[0], *map(enrolment, range(3)))
    return found


def test_a_chain_over_two_ledgers(books: list[SharedBook]) -> None:
    """A device enrolled at one goes on at the other; a repeat is answered by either, with the receipt that was given."""
    one = batch(0, START, "one")
    two = batch(0, after(one), "two")
    assert isinstance(commit(books[0], one)[0], Spot)
    (again,) = commit(books[1], one)
    assert isinstance(again, Repeat)
    assert again.receipt == b'{"of":"one"}'
    assert isinstance(commit(books[1], two)[0], Spot)
    assert isinstance(commit(books[0], two)[0], Repeat)
    assert commit(books[0], one) == commit(books[1], one) == [Older(after(two))]
    assert isinstance(commit(books[0], batch(0, after(one), "another two"))[0], ChainFork)
    assert [book.last_no for book in books] == [4, 1]


def test_frozen_at_one_is_frozen_at_all(books: list[SharedBook]) -> None:
    """A key that one collector has frozen is taken from at none, in the same moment."""
    assert books[1].key_of(DEVS[0])
    commit(books[0], batch(0, START, "one"), kept_aside(0, 0, freezes=True))
    assert isinstance(commit(books[1], batch(0, START, "one"))[0], FrozenKey)
    with pytest.raises(FrozenKey):
        books[1].key_of(DEVS[0])
    with pytest.raises(UnknownKey):
        books[1].key_of("f" * 64)


def test_whoever_comes_second_is_told(books: list[SharedBook], catalog: FakeCatalog) -> None:
    """An entry that rests on what is no longer so is not written; of another room, or in the knowledge of all, it is."""
    seen = catalog.control[-1].id
    code = replace(draft(), kind=EntryKind.CODE)
    line = replace(draft("line"), kind=EntryKind.SUBSCRIBER)
    assert isinstance(commit(books[0], replace(code, seen=seen))[0], Spot)
    late, other, again = commit(
        books[1], replace(code, seen=seen), replace(line, seen=seen), replace(draft("part"), seen=seen)
    )
    assert (type(late), type(other), type(again)) == (Outrun, Spot, Outrun)
    assert isinstance(commit(books[1], replace(code, seen=catalog.control[-1].id))[0], Spot)


def test_what_only_the_index_knows_takes_no_turn_from_anybody(books: list[SharedBook], catalog: FakeCatalog) -> None:
    """A peer's statement is confirmed like everything else, is in no room, and is nothing that other collectors are told."""
    told = len(catalog.control)
    one = Draft(EntryKind.TRANSFER, {"dev": DEVS[0]}, b"x\n")
    for book in books:
        (outcome,) = commit(book, one)
        assert isinstance(outcome, Spot)
        (again,) = commit(book, replace(one, seen=0))
        assert isinstance(again, Spot)
    assert len(catalog.control) == told


def test_another_signer(books: list[SharedBook], tmp_path: Path, catalog: FakeCatalog) -> None:
    """A device is not taken from by a collector whose receipts it would not believe."""
    with contextlib.closing(SharedBook(tmp_path / "3", FakeClock(), FakeChains(catalog, 3, "6" * 64))) as third:
        (outcome,) = commit(third, batch(0, START, "one"))
        assert isinstance(outcome, Misdirected)
        assert third.last_no == 0
        assert isinstance(commit(books[0], batch(0, START, "one"))[0], Spot)


def test_not_known_whether(books: list[SharedBook], catalog: FakeCatalog) -> None:
    """If a commit is not answered nobody is told anything; then the catalog says what became of it, and it goes on there."""

    def away() -> None:
        catalog.before_commit = catalog.after_commit = nothing
        raise CatalogAway("cut off")

    one = batch(0, START, "one")
    catalog.before_commit = away
    assert isinstance(commit(books[1], one)[0], CatalogAway)
    assert books[1].last_no == 0
    assert isinstance(commit(books[0], one)[0], Spot)
    assert isinstance(commit(books[1], one)[0], Repeat)
    assert books[1].last_no == 0
    two = batch(0, after(one), "two")
    catalog.after_commit = away
    assert isinstance(commit(books[1], two)[0], CatalogAway)
    assert books[1].last_no == 0
    assert isinstance(commit(books[1], two)[0], Repeat)
    assert books[1].last_no == 1
    catalog.away = True
    assert isinstance(commit(books[1], batch(0, after(two), "three"))[0], CatalogAway)
    catalog.away = False
    assert isinstance(commit(books[1], batch(0, after(two), "three"))[0], Spot)
    assert [entry.no for entry in read_entries(books[1].folder)] == [1, 2]


def test_alone_it_is_not_opened_again(books: list[SharedBook]) -> None:
    """A ledger that is one of several is not opened without the catalog: nobody would know how far it is confirmed."""
    books[0].close()
    with pytest.raises(CatalogAway, match="catalog, lake and stream"):
        Book(books[0].folder, FakeClock())


def test_a_collector_that_was_alone(tmp_path: Path, catalog: FakeCatalog) -> None:
    """What a ledger held before it shared a catalog is known to the others as soon as it does."""
    one = batch(0, START, "one")
    with contextlib.closing(Book(tmp_path / "1", FakeClock())) as alone:
        commit(alone, enrolment(0))
        commit(alone, one, kept_aside(0, 3, freezes=False))
    with (
        contextlib.closing(SharedBook(tmp_path / "1", FakeClock(), FakeChains(catalog, 1))) as first,
        contextlib.closing(SharedBook(tmp_path / "2", FakeClock(), FakeChains(catalog, 2))) as second,
    ):
        assert isinstance(commit(second, one)[0], Repeat)
        assert isinstance(commit(second, batch(0, after(one), "two"))[0], Spot)
        assert (first.last_no, read_mark(first.folder)) == (3, (3, catalog.streams[1][0]))
        assert [one.entry.kind for one in catalog.control] == [EntryKind.ENROLMENT, EntryKind.REFUSED]


def test_a_ledger_that_lost_entries(books: list[SharedBook], open_book: Callable[[int], SharedBook]) -> None:
    """A ledger that ends before what was confirmed is not opened; what to do is said."""
    books[0].close()
    (books[0].folder / "000001.ndjson").write_bytes(b"")
    with pytest.raises(LedgerDamaged, match="newest backup"):
        open_book(1)


def test_a_catalog_that_forgot(
    books: list[SharedBook], open_book: Callable[[int], SharedBook], catalog: FakeCatalog
) -> None:
    """An emptied catalog is told by each ledger what it holds, in any order, and every chain stands where it stood."""
    one = batch(0, START, "one")
    two = batch(0, after(one), "two")
    three = batch(0, after(two), "three")
    commit(books[0], one)
    commit(books[1], two)
    commit(books[0], three, batch(1, START, "other"))
    before = dict(catalog.heads)
    for book in books:
        book.close()
    catalog.empty()
    again = [open_book(2), open_book(1)]
    assert catalog.heads == before
    assert isinstance(commit(again[0], three)[0], Repeat)
    catalog.empty()
    assert isinstance(commit(again[1], batch(0, after(three), "four"))[0], CatalogAway)
    assert isinstance(commit(again[1], batch(0, after(three), "four"))[0], Spot)


class _Killed(BaseException):
    """The process is gone."""


@dataclass
class _Collector:
    """A ledger's folder, and its book while it runs."""

    folder: Path
    book: SharedBook | None = None


class TwoBooks(RuleBasedStateMachine):
    """Devices that send their next batch to either collector until they have its receipt; everything may be cut off."""

    def __init__(self) -> None:
        """Nothing is there."""
        super().__init__()
        memory = "/dev/shm" if Path("/dev/shm").is_dir() else None  # nobody cuts the power here
        self.root = Path(tempfile.mkdtemp(prefix="speedproof-two-", dir=memory))
        self.catalog = FakeCatalog()
        self.collectors = [_Collector(self.root / "a0"), _Collector(self.root / "b0")]
        self.waiting: dict[int, Draft] = {}
        self.links: dict[str, Link] = {}
        self.acknowledged: dict[int, list[str]] = {0: [], 1: [], 2: []}
        self.enrolled: set[int] = set()
        self.frozen: set[int] = set()
        self.made = 0

    @initialize()
    def begin(self) -> None:
        """Both run."""
        for stream in (0, 1):
            self.start(stream)

    def start(self, stream: int) -> SharedBook:
        """Start a collector if it does not run."""
        one = self.collectors[stream]
        one.book = one.book or SharedBook(one.folder, FakeClock(), FakeChains(self.catalog, stream), 800)
        return one.book

    def kill(self, stream: int, folder: Path) -> None:
        """End it at once; what is on disk is this folder."""
        one = self.collectors[stream]
        assert one.book is not None
        for file in (one.book._file, one.book._lock, one.book._mark._file):
            os.close(file)
        one.folder, one.book = folder, None
        self.catalog.writing.discard(stream)

    def sent(self, stream: int, drafts: list[Draft], fault: str) -> list[Outcome] | None:
        """Hand over a group; None if the collector was killed meanwhile."""
        book, at_kill = self.start(stream), self.root / f"{'ab'[stream]}{self.made}-killed"

        def killed(*_: object) -> None:
            if not at_kill.exists():
                shutil.copytree(book.folder, at_kill)
            raise _Killed

        def away() -> None:
            raise CatalogAway("cut off")

        self.made += 1
        hooks = {"after fsync": ("before_commit", killed), "after commit": ("after_commit", killed)}
        hooks |= {"unanswered": ("before_commit", away), "answered by nobody": ("after_commit", away)}
        real = os.fdatasync
        if fault in hooks:
            setattr(self.catalog, *hooks[fault])
        if fault == "before fsync":
            book_module.os.fdatasync = killed
        self.catalog.away = fault == "away"
        try:
            return commit(book, *drafts)
        except _Killed:
            self.kill(stream, at_kill)
            return None
        finally:
            book_module.os.fdatasync = real
            self.catalog.before_commit = self.catalog.after_commit = nothing
            self.catalog.away = False

    faults = st.sampled_from(
        [
            "none",
            "none",
            "none",
            "before fsync",
            "after fsync",
            "after commit",
            "unanswered",
            "answered by nobody",
            "away",
        ]
    )
    streams = st.integers(0, 1)

    @rule(stream=streams, number=st.integers(0, 2), fault=faults)
    def enrol(self, stream: int, number: int, fault: str) -> None:
        """A device is enrolled somewhere, perhaps again."""
        outcomes = self.sent(stream, [enrolment(number)], fault)
        if outcomes is not None and isinstance(outcomes[0], Spot):
            self.enrolled.add(number)

    @rule(stream=streams, numbers=st.lists(st.integers(0, 2), min_size=1, max_size=5), fault=faults)
    def send(self, stream: int, numbers: list[int], fault: str) -> None:
        """Devices hand over what they wait with, some of them twice; whoever has a receipt goes on."""
        for number in numbers:
            if number not in self.waiting:
                last = self.links[self.acknowledged[number][-1]] if self.acknowledged[number] else None
                head = START if last is None else Head(last.batch + 1, last.last_seq + 1, last.pae_sha256)
                self.waiting[number] = batch(number, head, f"{number} {self.made}")
                link = self.waiting[number].link
                assert link is not None
                self.links[link.pae_sha256] = link
        drafts = [self.waiting[number] for number in numbers]
        for number, outcome in zip(numbers, self.sent(stream, drafts, fault) or [], strict=False):
            if isinstance(outcome, Spot | Repeat):
                assert number not in self.frozen
                link = drafts[numbers.index(number)].link
                assert link is not None
                if number in self.waiting:
                    self.acknowledged[number].append(link.pae_sha256)
                    del self.waiting[number]
            else:
                expected = (
                    (FrozenKey,) if number in self.frozen else (UnknownKey,) if number not in self.enrolled else ()
                )
                assert isinstance(outcome, (CatalogAway, *expected, *((FrozenKey,) if number == 2 else ()))), outcome

    @rule(stream=streams, number=st.integers(0, 2))
    def fork(self, stream: int, number: int) -> None:
        """Another batch under a number that was acknowledged is never taken."""
        if self.acknowledged[number]:
            link = self.links[self.acknowledged[number][-1]]
            (outcome,) = self.sent(
                stream, [batch(number, Head(link.batch, link.first_seq, link.prev), "another")], "none"
            ) or [0]
            assert isinstance(outcome, ChainFork | FrozenKey | Older)

    @rule(stream=streams, fault=faults)
    def freeze(self, stream: int, fault: str) -> None:
        """The last device's key is frozen."""
        outcomes = self.sent(stream, [kept_aside(2, 0, freezes=True)], fault)
        if outcomes is not None and isinstance(outcomes[0], Spot):
            self.frozen.add(2)

    @rule(stream=streams)
    def restart(self, stream: int) -> None:
        """A collector ends in good order."""
        self.start(stream).close()
        self.collectors[stream].book = None

    @precondition(lambda self: all(one.book is not None for one in self.collectors))
    @rule(order=st.permutations([0, 1]))
    def forget(self, order: list[int]) -> None:
        """The catalog is lost, and all collectors are started anew before anybody sends."""
        for stream in order:
            self.restart(stream)
        self.catalog.empty()
        for stream in order:
            self.start(stream)

    def confirmed(self) -> list[Entry]:
        """The batches of both ledgers, as far as they are confirmed."""
        found = []
        for stream, one in enumerate(self.collectors):
            _, no = self.catalog.streams.get(stream, ("", 0))
            found += [entry for entry in read_entries(one.folder) if entry.no <= no and entry.kind is EntryKind.BATCH]
        return found

    @invariant()
    def every_chain_is_one_line(self) -> None:
        """Over both ledgers each number is there once, each batch follows the one before, and what was acknowledged is there."""
        chains: dict[str, dict[int, str]] = {}
        for entry in self.confirmed():
            chain = chains.setdefault(str(entry.meta["dev"]), {})
            number = int(str(entry.meta["batch"]))
            assert number not in chain
            chain[number] = str(entry.meta["head"])
        for number, dev in enumerate(DEVS):
            chain = chains.get(dev, {})
            assert sorted(chain) == list(range(len(chain)))
            for at in range(1, len(chain)):
                assert self.links[chain[at]].prev == chain[at - 1]
            assert self.acknowledged[number] == [chain[at] for at in range(len(self.acknowledged[number]))]

    def teardown(self) -> None:
        """In the end nothing is in a ledger that is not confirmed."""
        for stream in (0, 1):
            self.restart(stream)
            book = self.start(stream)
            assert [entry.no for entry in read_entries(book.folder)] == list(range(1, book.last_no + 1))
            assert self.catalog.streams[stream][1] == book.last_no
        self.every_chain_is_one_line()
        for stream in (0, 1):
            self.start(stream).close()
        shutil.rmtree(self.root)


TwoBooks.TestCase.settings = settings(max_examples=80, stateful_step_count=25, deadline=None)
TestTwoBooks = TwoBooks.TestCase
