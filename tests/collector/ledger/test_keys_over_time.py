"""Keys over time in the ledger: whatever comes in whatever order and groups, what is accepted is what the order says."""

import os
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest
from fakes.catalog import FakeCatalog, FakeChains
from fakes.clock import FakeClock
from fakes.entries import DEVS, KEYS, PORTAL, batch_by, enrolment, revocation, rotation
from hypothesis import given, settings
from hypothesis import strategies as st

from collector.ledger.book import Book
from collector.ledger.chains import Repeat
from collector.ledger.frame import Draft, EntryKind, Spot, sheet_of
from collector.ledger.group import Outcome
from collector.ledger.segments import read_entries
from collector.ledger.shared_book import SharedBook
from collector.ledger.snapshot import chains_of
from shared.chain import START, Head
from shared.errors import ChainFork, RevokedKey, UnknownKey
from shared.keys import FileKey

RING = (*KEYS, *(FileKey.generate() for _ in range(2)))
IDS = tuple(key.public.key_id for key in RING)

keys = st.integers(0, len(RING) - 1)
steps = st.one_of(
    st.tuples(st.just("batch"), keys),
    st.tuples(st.just("again"), keys),
    st.tuples(st.just("rotate"), keys, keys),
    st.tuples(st.just("revoke"), keys),
)
groups = st.lists(
    st.tuples(st.sampled_from(["kept", "kept", "crash", "full"]), st.lists(steps, max_size=5)), max_size=8
)


@dataclass
class Model:
    """What the order alone says: a chain for each enrolled key, and which keys may go on with it."""

    head: dict[str, Head] = field(default_factory=dict)  # of keys that may sign
    done: set[str] = field(default_factory=set)  # of keys that may not any more
    replaced: set[str] = field(default_factory=set)
    texts: int = 0

    def drawn(self, step: tuple[str, int] | tuple[str, int, int]) -> tuple[Draft, Callable[[Outcome], None]] | None:
        """The draft of a step, and what has to come of it; None for what nobody would send."""
        dev = IDS[step[1]]
        match step:
            case ("revoke", _):
                if dev not in self.head and dev not in self.done:
                    return None
                if dev in self.replaced:
                    return revocation(dev), _is_revoked
                self.head.pop(dev, None)
                self.done.add(dev)
                return revocation(dev), _is_kept
            case ("rotate", _, int(to)):
                new = IDS[to]
                if dev == new or new in self.head or new in self.done:
                    return None
                expected = self._may(dev)
                if expected is _is_kept:
                    self.head[new] = self.head.pop(dev)
                    self.done.add(dev)
                    self.replaced.add(dev)
                return rotation(RING[step[1]], RING[to]), expected
            case _:
                return self._batch(dev, again=step[0] == "again")

    def _batch(self, dev: str, *, again: bool) -> tuple[Draft, Callable[[Outcome], None]]:
        self.texts += not again
        head = self.head.get(dev, START)
        draft = batch_by(dev, head, f"batch {self.texts}")
        expected = self._may(dev)
        if expected is _is_kept:
            self.head[dev] = after(draft)
        return draft, expected

    def _may(self, dev: str) -> Callable[[Outcome], None]:
        if dev in self.head:
            return _is_kept
        return _is_revoked if dev in self.done else _is_unknown


def _is_kept(outcome: Outcome) -> None:
    assert isinstance(outcome, Spot)


def _is_revoked(outcome: Outcome) -> None:
    assert isinstance(outcome, RevokedKey)


def _is_unknown(outcome: Outcome) -> None:
    assert isinstance(outcome, UnknownKey)


def after(one: Draft) -> Head:
    """The head after a batch."""
    assert one.link is not None
    return Head(one.link.batch + 1, one.link.last_seq + 1, one.link.pae_sha256)


def _alone(folder: Path) -> Book:
    return Book(folder, FakeClock(), segment_bytes=4000, snapshot_every=1)


def _copied(model: Model) -> Model:
    return Model(dict(model.head), set(model.done), set(model.replaced))


def _full(*_: object) -> None:
    raise OSError(28, "No space left on device")


@settings(deadline=None, max_examples=60)
@given(groups, st.booleans())
def test_what_is_accepted_is_what_the_order_says(
    drawn: Sequence[tuple[str, Sequence[tuple[str, int]]]], is_shared: bool
) -> None:
    """Batches, rotations and revocations in any order, group and crash: each is kept or refused as those before it say."""
    catalog = FakeCatalog()

    def opened(folder: Path) -> Book:
        if not is_shared:
            return _alone(folder)
        return SharedBook(folder, FakeClock(), FakeChains(catalog), segment_bytes=4000, snapshot_every=1)

    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        book, model = opened(folder), Model({IDS[0]: START, IDS[1]: START})
        book.commit([sheet_of(enrolment(0)), sheet_of(enrolment(1))])
        accepted: list[tuple[EntryKind, str]] = []
        for fate, group in drawn:
            before = _copied(model)
            made = [one for step in group if (one := model.drawn(step)) is not None]
            sheets = [sheet_of(draft) for draft, _ in made]
            if fate == "full":
                with pytest.MonkeyPatch.context() as patch:
                    patch.setattr(os, "fdatasync", _full)
                    assert not any(isinstance(one, Spot) for one in book.commit(sheets))
                model = replace(before, texts=model.texts)
                continue
            for outcome, (draft, expected) in zip(book.commit(sheets), made, strict=True):
                expected(outcome)
                if isinstance(outcome, Spot):
                    accepted.append((draft.kind, draft.body.decode() if draft.link is None else draft.link.pae_sha256))
            if fate == "crash":
                book.close()
                book = opened(folder)
        book.close()
        entries = list(read_entries(folder))[2:]
        kept = [(one.kind, str(one.meta["head"]) if "head" in one.meta else one.body.decode()) for one in entries]
        assert kept == accepted
        chains, _ = chains_of(folder, len(entries) + 2)
        for dev, head in model.head.items():
            assert chains.standing_of(dev).head == head
        for dev in model.done:
            with pytest.raises(RevokedKey):
                chains.standing_of(dev)


def test_within_one_group(tmp_path: Path) -> None:
    """In the very group of a rotation the old key's next batch is refused already, and the new key's is taken."""
    book = _alone(tmp_path)
    book.commit([sheet_of(enrolment(0))])
    group = [batch_by(DEVS[0], START, "one"), rotation(RING[0], RING[3])]
    head = after(group[0])
    group += [batch_by(DEVS[0], head, "late"), batch_by(IDS[3], head, "two"), revocation(IDS[3])]
    group += [batch_by(IDS[3], Head(2, 2, "0" * 64), "after it")]
    told = book.commit([sheet_of(one) for one in group])
    book.close()
    assert [type(one) for one in told] == [Spot, Spot, RevokedKey, Spot, Spot, RevokedKey]


def test_the_key_in_force_is_revoked(tmp_path: Path) -> None:
    """A revocation names the key that signs now: one that was replaced meanwhile is refused, so that no thief escapes it."""
    book = _alone(tmp_path)
    book.commit([sheet_of(enrolment(0))])
    told = book.commit(
        [sheet_of(rotation(RING[0], RING[3])), sheet_of(revocation(DEVS[0])), sheet_of(revocation(IDS[3]))]
    )
    assert [type(outcome) for outcome in told] == [Spot, RevokedKey, Spot]
    book.close()
    chains, _ = chains_of(tmp_path, 3)
    assert chains.standings[IDS[3]].revoked


def test_two_copies_of_a_key(tmp_path: Path) -> None:
    """Of two copies of a key only one has a successor; a batch that was signed before it and comes late is a fork."""
    book = _alone(tmp_path)
    one = batch_by(DEVS[0], START, "one")
    book.commit([sheet_of(enrolment(0))])
    book.commit([sheet_of(one)])
    told = book.commit([sheet_of(rotation(RING[0], RING[3])), sheet_of(rotation(RING[0], RING[4]))])
    assert [type(outcome) for outcome in told] == [Spot, RevokedKey]
    head = after(one)
    two = batch_by(IDS[3], head, "two")
    told = book.commit([sheet_of(two), sheet_of(two), sheet_of(batch_by(IDS[3], head, "another two"))])
    book.close()
    assert [type(outcome) for outcome in told] == [Spot, Repeat, ChainFork]


def test_known_to_the_next_one(tmp_path: Path) -> None:
    """A rotation and a revocation at one collector hold at once at another that shares its catalog."""
    catalog = FakeCatalog()
    here = SharedBook(tmp_path / "1", FakeClock(), FakeChains(catalog, 1))
    there = SharedBook(tmp_path / "2", FakeClock(), FakeChains(catalog, 2))
    here.commit([sheet_of(enrolment(0))])
    here.commit([sheet_of(rotation(RING[0], RING[3]))])
    one = batch_by(IDS[3], START, "one")
    told = there.commit([sheet_of(batch_by(DEVS[0], START, "old")), sheet_of(one), sheet_of(revocation(IDS[3]))])
    assert [type(outcome) for outcome in told] == [RevokedKey, Spot, Spot]
    head = after(one)
    assert isinstance(here.commit([sheet_of(batch_by(IDS[3], head, "two"))])[0], RevokedKey)
    here.close()
    there.close()
    catalog.empty()
    again = [SharedBook(tmp_path / str(no), FakeClock(), FakeChains(catalog, no)) for no in (1, 2)]
    for book in again:
        assert isinstance(book.commit([sheet_of(batch_by(IDS[3], head, "two"))])[0], RevokedKey)
        assert isinstance(book.commit([sheet_of(batch_by(DEVS[0], START, "two"))])[0], RevokedKey)
        book.close()
    assert PORTAL.public.key_id not in catalog.heads
