"""Writing under conditions: a chain stays one line whatever is handed over together, and whatever the disk does."""

import contextlib
import errno
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from fakes.clock import FakeClock
from fakes.entries import DEVS, batch, draft, enrolment, kept_aside, linked
from fakes.fast import fast_folder
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from collector.errors import AlreadyRunning, LedgerDamaged, StorageFull
from collector.ledger.book import Book
from collector.ledger.chains import Older, Repeat
from collector.ledger.frame import Draft, Entry, EntryKind, Link, Spot, sheet_of, write_frame
from collector.ledger.group import Outcome
from collector.ledger.segments import read_at, read_entries
from collector.ledger.snapshot import NAME, chains_of
from shared.chain import START, Head
from shared.errors import ChainFork, ChainGap, FrozenKey, UnknownKey


@pytest.fixture
def book(tmp_path: Path) -> Iterator[Book]:
    """A book in which two devices are enrolled."""
    with contextlib.closing(Book(tmp_path, FakeClock())) as opened:
        commit(opened, enrolment(0), enrolment(1))
        yield opened


def commit(book: Book, *drafts: Draft) -> list[Outcome]:
    """Write these as one group."""
    return book.commit([sheet_of(one) for one in drafts])


def after(one: Draft) -> Head:
    """The head after a batch."""
    assert one.link is not None
    return Head(one.link.batch + 1, one.link.last_seq + 1, one.link.pae_sha256)


def test_a_sheet_is_the_frame(tmp_path: Path) -> None:
    """An entry spelt in two halves has the very bytes it has when it is spelt at once."""
    one = draft('ü 📶 %d \\ "')
    assert sheet_of(one).frame(7, 8) == write_frame(one, 7, 8)


def test_a_chain_in_one_group(book: Book) -> None:
    """A device's batches handed over together are written in their order; a repeat among them is answered by its spot."""
    one = batch(0, START, "one")
    two = batch(0, after(one), "two")
    first, again, second, other, gap = commit(book, one, one, two, batch(1, START, "other"), batch(0, Head(9), "gap"))
    assert isinstance(first, Spot)
    assert again == Repeat(first.segment, first.offset)
    assert isinstance(second, Spot)
    assert (second.no, isinstance(other, Spot)) == (first.no + 1, True)
    assert isinstance(gap, ChainGap)
    assert read_at(book.folder, first.segment, first.offset).meta["receipt"] == {"of": "one"}
    assert book.last_no == 5


def test_refusals(book: Book) -> None:
    """What does not follow is told why, with what is waited for, and takes no number."""
    one = batch(0, START, "one")
    two, three = batch(0, after(one), "two"), "three"
    commit(book, one, two)
    stranger = Link("f" * 64, 0, "0" * 64, 0, 0, "1" * 64)
    unknown, fork, prev, older, seq = commit(
        book,
        linked(stranger, "stranger"),
        batch(0, Head(1, 1, after(one).pae_sha256), "another two"),
        batch(0, Head(2, 2, "1" * 64), three),
        batch(0, START, "one once more, or not"),
        batch(0, Head(2, 5, after(two).pae_sha256), three),
    )
    assert (type(unknown), type(fork), type(prev), type(seq)) == (UnknownKey, ChainFork, ChainFork, ChainGap)
    assert isinstance(fork, ChainFork)
    assert (fork.step, fork.expected) == (11, after(two).expected)
    assert older == Older(after(two))
    assert isinstance(older, Older)
    assert (older.as_fork.step, older.as_fork.expected) == (11, after(two).expected)
    assert book.last_no == 4


def test_frozen(book: Book) -> None:
    """From the group after the one that froze a key nothing is taken from it, not even a repeat; nor after a restart."""
    one = batch(0, START, "one")
    commit(book, one)
    commit(book, kept_aside(0, 0, freezes=False))
    assert isinstance(commit(book, one)[0], Repeat)
    commit(book, kept_aside(0, 0, freezes=True))
    assert [type(outcome) for outcome in commit(book, one, batch(0, after(one), "two"))] == [FrozenKey, FrozenKey]
    book.close()
    again = Book(book.folder, FakeClock())
    assert isinstance(commit(again, one)[0], FrozenKey)
    assert isinstance(commit(again, batch(1, START, "other"))[0], Spot)


def test_a_group_that_fails_leaves_no_trace(book: Book, monkeypatch: pytest.MonkeyPatch) -> None:
    """If the disk refuses a group, its batches are as if they had never come, and can come again."""
    one = batch(0, START, "one")
    two = batch(0, after(one), "two")

    def full(_: int) -> None:
        raise OSError(errno.EIO, "Input/output error")

    with monkeypatch.context() as patch:
        patch.setattr("collector.ledger.book.os.fdatasync", full)
        assert {type(outcome) for outcome in commit(book, one, one, two, draft("beside"))} == {StorageFull}
    assert isinstance(commit(book, two)[0], ChainGap)
    assert [type(outcome) for outcome in commit(book, one, two)] == [Spot, Spot]
    assert [entry.no for entry in read_entries(book.folder)] == [1, 2, 3, 4]


def test_a_reserve(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Below the reserve no batches are taken, and said so; repeats, refusals and everything else go on; then batches again."""
    free = 10_000_000

    class Disk:
        """A disk with so much room."""

        f_frsize = 1

        @property
        def f_bavail(self) -> int:
            """What is free."""
            return free

    monkeypatch.setattr("collector.ledger.book.os.statvfs", lambda _: Disk())
    with contextlib.closing(Book(tmp_path, FakeClock(), reserve_bytes=5_000_000)) as book:
        commit(book, enrolment(0))
        one = batch(0, START, "one")
        two = batch(0, after(one), "two")
        assert isinstance(commit(book, one)[0], Spot)
        free = 4_999_999
        short, again, gap, other = commit(book, two, one, batch(0, Head(7), "gap"), draft("a complaint, say"))
        assert isinstance(short, StorageFull)
        assert "less than 5 MB" in str(short)
        assert (type(again), type(gap), type(other)) == (Repeat, ChainGap, Spot)
        free = 5_000_000
        assert isinstance(commit(book, two)[0], Spot)


def test_measured(tmp_path: Path) -> None:
    """Whoever wants to know hears of each group how many it were and how long it took."""
    heard: list[tuple[int, float]] = []
    with contextlib.closing(Book(tmp_path, FakeClock(), measured=lambda *one: heard.append(one))) as book:
        commit(book, draft("one"))
        commit(book, draft("two"), draft("three"))
    assert heard == [(1, 0.0), (2, 0.0)]


def test_one_writer(book: Book) -> None:
    """A ledger has one writer at a time."""
    with pytest.raises(AlreadyRunning):
        Book(book.folder, FakeClock())


@pytest.mark.parametrize(
    "cannot",
    [
        Draft(EntryKind.ENROLMENT, {}, b"{}\n"),
        Draft(EntryKind.REFUSED, {"batch": 0, "dev": "0" * 64, "freeze": True}, b"x\n"),
        Draft(EntryKind.REFUSED, {}, b"x\n"),
    ],
    ids=["enrolment", "stranger", "no_number"],
)
def test_what_would_stop_every_start_is_not_written(book: Book, cannot: Draft) -> None:
    """An entry that could not be read back is refused to who asked, and not to those beside him."""
    refused, beside = commit(book, cannot, draft("beside"))
    assert (type(refused), type(beside)) == (StorageFull, Spot)
    book.close()
    assert Book(book.folder, FakeClock()).last_no == 3


def test_enrolled_twice(book: Book) -> None:
    """A key that is enrolled once more goes on with its chain, now and after a restart."""
    one = batch(0, START, "one")
    commit(book, one)
    commit(book, enrolment(0))
    assert isinstance(commit(book, one)[0], Repeat)
    assert isinstance(commit(book, batch(0, START, "another"))[0], ChainFork)
    book.close()
    assert isinstance(commit(Book(book.folder, FakeClock()), batch(0, after(one), "two"))[0], Spot)


@pytest.mark.parametrize(
    ("kind", "meta"),
    [
        (EntryKind.BATCH, {"dev": "0" * 64, "batch": 0, "last_seq": 0, "head": "0" * 64}),
        (EntryKind.BATCH, {}),
        (EntryKind.REFUSED, {"batch": 0}),
        (EntryKind.ENROLMENT, {}),
    ],
)
def test_an_entry_that_cannot_be(tmp_path: Path, kind: EntryKind, meta: dict[str, str | int]) -> None:
    """An entry no collector writes stops the start with its number."""
    (tmp_path / "000001.ndjson").write_bytes(write_frame(Draft(kind, {**meta}, b"x\n"), 1, 1))
    with pytest.raises(LedgerDamaged, match=f"entry 1 \\({kind}\\)"):
        Book(tmp_path, FakeClock())


def snapped(folder: Path) -> Book:
    """A closed book of many segments, with a snapshot."""
    book = Book(folder, FakeClock(), segment_bytes=2000, snapshot_every=1)
    commit(book, enrolment(0), enrolment(1))
    head = START
    for number in range(40):
        one = batch(0, head, str(number))
        commit(book, one)
        head = after(one)
    commit(book, kept_aside(1, 3, freezes=True), kept_aside(0, 5, freezes=False))
    book.close()
    return book


def test_a_snapshot_spares_reading(tmp_path: Path) -> None:
    """A start from a snapshot and the ledger after it knows what a start from the whole ledger knows."""
    book = snapped(tmp_path)
    chains, no = chains_of(tmp_path, book.last_no)
    assert 10 < no < book.last_no
    (tmp_path / NAME).unlink()
    assert chains_of(tmp_path, book.last_no) == (chains, 0)
    assert chains == book.chains
    assert chains.standings[DEVS[1]].frozen


def test_a_bad_snapshot_is_no_loss(tmp_path: Path) -> None:
    """Whatever byte of a snapshot is wrong or missing, and if it is ahead of the ledger, the whole ledger is read."""
    book = snapped(tmp_path)
    good = (tmp_path / NAME).read_bytes()
    for place in range(0, len(good), 7):
        for bad in (good[:place], good[:place] + bytes([good[place] ^ 1]) + good[place + 1 :]):
            (tmp_path / NAME).write_bytes(bad)
            assert chains_of(tmp_path, book.last_no)[0] == book.chains
    (tmp_path / NAME).write_bytes(good)
    assert chains_of(tmp_path, 3)[1] == 0


def test_no_room_for_a_snapshot(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A snapshot that cannot be written costs nothing but a longer start."""

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("collector.ledger.book.write_snapshot", full)
    book = snapped(tmp_path)
    assert not (tmp_path / NAME).exists()
    assert chains_of(tmp_path, book.last_no) == (book.chains, 0)


class Writing(RuleBasedStateMachine):
    """Groups of batches, right and wrong, a disk that fails, restarts and torn ends, beside a plain list for each device."""

    @initialize()
    def begin(self) -> None:
        """Open."""
        self.folder = fast_folder()
        self.book = Book(self.folder, FakeClock(), segment_bytes=3000, snapshot_every=5000)
        commit(self.book, enrolment(0), enrolment(1), enrolment(2))
        self.chains: list[list[str]] = [[], [], []]
        self.texts = 0

    def head(self, number: int) -> Head:
        """Where a device's chain stands by the list."""
        chain = self.chains[number]
        return Head(len(chain), len(chain), chain[-1]) if chain else START

    def group(self, claims: list[tuple[int, int]]) -> tuple[list[Draft], list[list[str]]]:
        """Batches that claim a place relative to their chain's end, and the chains after those that fit."""
        drafts, chains = [], [list(chain) for chain in self.chains]
        for number, offset in claims:
            self.texts += 1
            place = max(0, len(chains[number]) + offset)
            prev = chains[number][place - 1] if 0 < place <= len(chains[number]) else START.pae_sha256
            one = batch(number, Head(place, place, prev), f"{id(self)} {self.texts}")
            drafts.append(one)
            if place == len(chains[number]):
                chains[number].append(after(one).pae_sha256)
        return drafts, chains

    @rule(claims=st.lists(st.tuples(st.integers(0, 2), st.sampled_from([0, 0, 0, 1, -1, -2])), max_size=6))
    def write(self, claims: list[tuple[int, int]]) -> None:
        """A group, of which just those are written that come next."""
        drafts, chains = self.group(claims)
        written = [isinstance(outcome, Spot) for outcome in commit(self.book, *drafts)]
        assert sum(written) == sum(len(new) - len(old) for new, old in zip(chains, self.chains, strict=True))
        self.chains = chains

    @rule(claims=st.lists(st.tuples(st.integers(0, 2), st.just(0)), min_size=1, max_size=4), torn=st.integers(0, 300))
    def fail(self, claims: list[tuple[int, int]], torn: int) -> None:
        """A group that the disk breaks off somewhere."""
        real = os.write

        def broken(file: int, data: memoryview) -> int:
            real(file, data[:torn])
            raise OSError(errno.ENOSPC, "No space left on device")

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("collector.ledger.book.os.write", broken)
            outcomes = commit(self.book, *self.group(claims)[0])
        assert {type(outcome) for outcome in outcomes} == {StorageFull}

    @rule(torn=st.integers(0, 200))
    def restart(self, torn: int) -> None:
        """A new writer, after one that was cut off in the middle of a frame."""
        name = max(self.folder.glob("*.ndjson"))
        self.book.close()
        if torn and os.access(name, os.W_OK) and not name.with_suffix(".seal").exists():
            frame = write_frame(draft("torn", 200), self.book.last_no + 1, 1)
            with name.open("ab") as file:
                file.write(frame[:torn])
        self.book = Book(self.folder, FakeClock(), segment_bytes=3000, snapshot_every=5000)

    @invariant()
    def chains_are_as_listed(self) -> None:
        """Each chain in the ledger is the list, without a hole or a second branch."""
        found: dict[str, list[str]] = {dev: [] for dev in DEVS}
        for entry in read_entries(self.folder):
            if entry.kind is EntryKind.BATCH:
                found[str(entry.meta["dev"])].append(head_of(entry))
        assert list(found.values()) == self.chains
        assert [self.book.chains.standings[dev].head for dev in DEVS] == [self.head(number) for number in range(3)]

    def teardown(self) -> None:
        """Close."""
        self.book.close()
        shutil.rmtree(self.folder)


def head_of(entry: Entry) -> str:
    """The identity of the batch in an entry."""
    return str(entry.meta["head"])


TestWriting = Writing.TestCase
TestWriting.settings = settings(max_examples=60, deadline=None)
