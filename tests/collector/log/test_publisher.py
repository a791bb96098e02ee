"""The published log follows the ledger: whatever happens to its files, it is the same tree, and it never says two things."""

import contextlib
import random
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from fakes.clock import FakeClock
from fakes.device import Device, download
from fakes.entries import draft

from collector.ledger.frame import Draft, Entry, EntryKind
from collector.ledger.port import entry_of
from collector.ledger.segments import read_entries
from collector.ledger.writer import Ledger
from collector.log.files import split_leaves
from collector.log.key import LogKey
from collector.log.leaves import leaf_in
from collector.log.publisher import AT, Publisher
from collector.log.signed import Signed
from shared.checkpoint import open_checkpoint
from shared.errors import Malformed
from shared.keys import FileKey
from shared.tree import check_consistency, check_inclusion, leaf_hash

KEY = LogKey.generate("log.example.net")
WAIT_S = 20.0


class Writing:
    """A ledger with a log, and devices that send to it."""

    def __init__(self, folder: Path, segment_bytes: int = 20_000) -> None:
        """Open it."""
        self.ledger = Ledger(folder, FakeClock(), segment_bytes=segment_bytes, log_key=KEY)
        self.device = Device(FileKey.generate())

    def leaves(self, count: int) -> list[Entry]:
        """So many leaves, with other entries between; each in a group of its own."""
        kept = []
        for _ in range(count):
            body = self.device.next(download())
            signed = Signed.of(body.partition(b"\n")[0], self.device.key.public.spki)
            meta = {"batch": 0, "dev": self.device.dev, "error": "chain_gap", "freeze": False}
            kept.append(
                entry_of(self.ledger.append(Draft(EntryKind.REFUSED, {**meta}, body, signed=signed)).result(10))
            )
            if len(kept) % 3 == 0:
                self.ledger.keep(draft("no leaf"))
        return kept


@pytest.fixture
def writing(tmp_path: Path) -> Iterator[Writing]:
    """An empty ledger."""
    made = Writing(tmp_path / "ledger")
    yield made
    made.ledger.close()


def published(publisher: Publisher) -> tuple[int, bytes]:
    """The size and root that are published, as an outsider reads them; the entry tiles must hold just these leaves."""
    assert publisher.published is not None
    found = open_checkpoint(publisher.published.note, KEY.public).checkpoint
    return found.size, found.root


def test_it_follows(tmp_path: Path, writing: Writing) -> None:
    """What is taken in is published; every leaf is the one its entry makes, and is proven in each checkpoint that has it."""
    with contextlib.closing(Publisher(tmp_path / "log", writing.ledger)) as publisher:
        seen: list[tuple[int, bytes]] = []
        entries: list[Entry] = []
        for count in (1, 2, 5, 40):
            new = writing.leaves(count)
            entries += new
            publisher.take([one for one in read_entries(tmp_path / "ledger") if one.no > (entries[-len(new)].no - 1)])
            seen.append(published(publisher))
        assert [size for size, _ in seen] == [1, 3, 8, 48]
        for number, entry in enumerate(entries):
            leaf, proven = leaf_in(entry), publisher.proven(number)
            assert leaf is not None
            assert proven is not None
            hashes = [proven.hashes[at : at + 32] for at in range(0, len(proven.hashes), 32)]
            check_inclusion(leaf_hash(leaf), number, *[(size, hashes, root) for size, root in seen][-1])
        for size, root in seen:
            found = publisher.consistent(size)
            assert found is not None
            check_consistency(size, 48, found[1], root, seen[-1][1])
        assert split_leaves(publisher.files.entries_tile(0, 48)) == [leaf_in(entry) for entry in entries]


def test_a_writers_proofs_are_the_publishers(tmp_path: Path, writing: Writing) -> None:
    """What is proven with the answer holds in the published log: its checkpoints are of the same tree."""
    entries = writing.leaves(20)
    with contextlib.closing(Publisher(tmp_path / "log", writing.ledger)) as publisher:
        publisher.catch_up()
        for entry in entries:
            assert entry.proven is not None
            told = open_checkpoint(entry.proven.note, KEY.public).checkpoint
            found = publisher.consistent(told.size)
            assert found is not None
            check_consistency(told.size, 20, found[1], told.root, found[0].checkpoint.root)


@pytest.mark.parametrize("seed", range(6))
def test_whatever_happens_to_its_files(tmp_path: Path, writing: Writing, seed: int) -> None:
    """Ended, not ended, cut short, emptied, without `at` or with one of another day: it is made again, the same."""
    chance, folder = random.Random(seed), tmp_path / "log"
    for _ in range(6):
        publisher = Publisher(folder, writing.ledger)
        writing.leaves(chance.randrange(1, 30))
        if chance.random() < 0.5:
            publisher.catch_up()
        else:
            publisher.take(())
        assert publisher.holds(writing.ledger.newest[1] and int(writing.ledger.newest[1].split(b"\n")[1]) - 1, WAIT_S)
        size, root = published(publisher)
        edge = open_checkpoint(writing.ledger.newest[1], KEY.public).checkpoint
        assert (size, root) == (edge.size, edge.root)
        older = (folder / AT).read_bytes() if (folder / AT).exists() else None
        publisher.close()
        match chance.randrange(5):
            case 0:
                shutil.rmtree(folder)
            case 1:
                (folder / AT).unlink()
            case 2 if older is not None:
                (folder / AT).write_bytes(older)
            case 3:
                file = chance.choice([one for one in folder.iterdir() if one.name != AT])
                file.write_bytes(file.read_bytes()[: chance.randrange(file.stat().st_size + 1)])
            case 4:
                (folder / AT).write_bytes(chance.choice([b"", b"{}", b'{"no":1}', b"\xff"]))


def test_a_ledger_that_does_not_fit_the_log(tmp_path: Path, writing: Writing) -> None:
    """If a leaf in the files is another than was signed, nothing more is published, and it is said why."""
    writing.leaves(5)
    with contextlib.closing(Publisher(tmp_path / "log", writing.ledger)) as publisher:
        entries = list(read_entries(tmp_path / "ledger"))
        other = Writing(tmp_path / "other")
        foreign = other.leaves(1)[0]
        other.ledger.close()
        publisher.take([replace(entries[0], body=foreign.body, signer=foreign.signer), *entries[1:]])
        assert publisher.published is None
        assert publisher.wrong is not None
        assert "not the one that is in the ledger" in publisher.wrong
        publisher.take(entries)
        assert publisher.proven(0) is None


def test_leaves_out_of_order(tmp_path: Path, writing: Writing) -> None:
    """A leaf that has another number than its place stops it too."""
    writing.leaves(2)
    with contextlib.closing(Publisher(tmp_path / "log", writing.ledger)) as publisher:
        entries = list(read_entries(tmp_path / "ledger"))
        publisher.take([replace(entries[0], tree=1), entries[1]])
        assert publisher.wrong is not None
        assert "where 0 has to come" in publisher.wrong


def test_a_leaf_without_a_key() -> None:
    """A header with a number in the tree and no key is none of ours."""
    with pytest.raises(Malformed, match="without its signer"):
        leaf_in(Entry(1, EntryKind.BATCH, 1, {}, b"x\n", tree=0))


def test_a_disk_that_fails(tmp_path: Path, writing: Writing, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is tried again, and nobody else notices."""
    writing.leaves(3)
    with contextlib.closing(Publisher(tmp_path / "log", writing.ledger)) as publisher:
        with monkeypatch.context() as patched:

            def full(*_: object) -> None:
                raise OSError(28, "No space left on device")

            patched.setattr("collector.log.files.write_at", full)
            publisher.catch_up()
            assert (publisher.published, publisher.wrong) == (None, None)
        publisher.catch_up()
        assert published(publisher)[0] == 3


def test_nothing_is_proven_that_is_not_there(tmp_path: Path, writing: Writing) -> None:
    """Of an empty log nothing is published but that it is empty; sizes that never were have no proof."""
    with contextlib.closing(Publisher(tmp_path / "log", writing.ledger)) as publisher:
        publisher.catch_up()
        assert published(publisher)[0] == 0
        assert publisher.proven(0) is None
        assert [publisher.consistent(size) for size in (-1, 0, 1)] == [None] * 3


def test_a_ledger_that_lost_its_end(tmp_path: Path, writing: Writing) -> None:
    """A log that has spoken of entries which are gone publishes nothing more, also after the next start, and says what to do."""
    writing.leaves(5)
    with contextlib.closing(Publisher(tmp_path / "log", writing.ledger)) as publisher:
        publisher.catch_up()
    leaves = (tmp_path / "log" / "leaves").read_bytes()
    shorter = Writing(tmp_path / "shorter")
    with contextlib.closing(shorter.ledger):
        shorter.leaves(3)
        for _ in range(2):
            with contextlib.closing(Publisher(tmp_path / "log", shorter.ledger)) as publisher:
                publisher.catch_up()
                assert publisher.published is None
                assert publisher.wrong is not None
                assert "the log has spoken of ledger entry 6, and the ledger ends with 4" in publisher.wrong
            assert (tmp_path / "log" / "leaves").read_bytes() == leaves
