"""Going on where the collector says the chain stands: what is believed, what is kept, and what is sealed again."""

import random
import shutil
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from fakes.keeper import Keeper
from fakes.outboxed import NAME, Boxed, fast_folder, spoil

from probe.answers import Blocked, Later
from probe.errors import ForeignChain, StateUnusable
from probe.outbox.frames import read_frames
from probe.outbox.tables import Blob, Intent
from shared.chain import START, Head
from shared.strictjson import MAX_INTEGER


@pytest.fixture
def folder() -> Iterator[Path]:
    """Give a folder where syncing costs nothing."""
    folder = fast_folder()
    yield folder
    shutil.rmtree(folder)


def forget_place(folder: Path) -> None:
    """Take away what tells that a log went back in time."""
    (folder / NAME / "place").write_bytes(b"")


def go_back(folder: Path, keep: Path) -> None:
    """Put earlier segments in place of those there."""
    for file in (folder / NAME).glob("*.log"):
        file.unlink()
    for file in keep.glob("*.log"):
        shutil.copy(file, folder / NAME)


def test_only_a_cut_off_or_a_doubtful_one_asks(folder: Path) -> None:
    """Whoever ended in order asks nothing; whoever was cut off asks once, before anything is sent."""
    keeper = Keeper()
    for _ in range(2):
        with closing(Boxed(folder, keeper)) as boxed:
            boxed.slot()
            assert boxed.send() is None
    assert keeper.refused == []
    forget_place(folder)
    with closing(Boxed(folder, keeper)) as boxed:
        assert boxed.box.doubt == "its place in the chain is not known"
        assert boxed.send() is None
        assert keeper.refused == []  # nothing waits, nothing is asked
        boxed.slot()
        assert boxed.box.oldest_unsent() is None
        assert boxed.send() is None
        assert keeper.refused == ["chain_gap"]
        boxed.slot()
        assert boxed.send() is None
    assert keeper.refused == ["chain_gap"]
    assert keeper.seqs == list(range(8))


@pytest.mark.parametrize("knows_its_place", [True, False])
def test_a_log_that_went_back_in_time(folder: Path, tmp_path: Path, knows_its_place: bool) -> None:
    """What was delivered is not delivered again, new records get new numbers, and what was lost is said to be lost."""
    keeper = Keeper()
    with closing(Boxed(folder, keeper)) as boxed:
        boxed.slot(3)
        assert boxed.send() is None
        boxed.measure()  # delivered later, and not sealed in the copy
    shutil.copytree(folder / NAME, tmp_path / "old")
    with closing(Boxed(folder, keeper)) as boxed:
        boxed.slot(4)
        boxed.slot(2)
        assert boxed.send() is None
    assert keeper.head.seq == 10
    go_back(folder, tmp_path / "old")
    if not knows_its_place:
        forget_place(folder)
    with closing(Boxed(folder, keeper)) as boxed:
        assert boxed.measure() == (10 if knows_its_place else 4)
        boxed.seal_all()
        boxed.slot(2)
        boxed.measure()
        assert boxed.send() is None
        boxed.seal_all()
        assert boxed.send() is None
        assert boxed.box.tally().next_seq == 14
    assert not keeper.is_frozen
    assert keeper.seqs == list(range(14))
    assert keeper.lost == 0


def test_numbers_are_not_moved_under_a_measurement(folder: Path, tmp_path: Path) -> None:
    """While a measurement runs whose number would have to change, the chain does not go on; after it, it does."""
    keeper = Keeper()
    Boxed(folder, keeper).close()
    shutil.copytree(folder / NAME, tmp_path / "old")
    with closing(Boxed(folder, keeper)) as boxed:
        boxed.slot(3)
        assert boxed.send() is None
    go_back(folder, tmp_path / "old")
    forget_place(folder)
    with closing(Boxed(folder, keeper)) as boxed:
        boxed.slot()
        seq = boxed.start()
        with pytest.raises(StateUnusable, match="is running"):
            boxed.send()
        boxed.box.finish(seq, b'{"end":"ok","seq":%d}\n' % seq, "boot")
        boxed.seal_all()
        assert boxed.send() is None
    assert keeper.seqs == list(range(6))


def test_what_the_collector_lost_is_not_made_up_for(folder: Path) -> None:
    """A collector that waits for a batch it gave a receipt for, names another chain, or numbers without end, is not believed."""
    keeper = Keeper()
    boxed = Boxed(folder, keeper)
    with closing(boxed):
        for _ in range(2):
            boxed.slot()
            assert boxed.send() is None
        boxed.slot()
        head, sent = boxed.box.head, keeper.head
        for told in (
            START,
            Head(1, 2, "a" * 64),
            Head(2, 4, "a" * 64),
            Head(2, 5, sent.pae_sha256),
            Head(0, 1, "b" * 64),
            Head(MAX_INTEGER, 9, "a" * 64),
            Head(3, MAX_INTEGER, "a" * 64),
        ):
            with pytest.raises(ForeignChain):
                boxed.box.resume(told)
        assert boxed.box.head == head
    forget_place(folder)
    with closing(Boxed(folder, keeper)) as boxed:
        keeper.head = START
        outcome = boxed.send()
        assert isinstance(outcome, Blocked)
        assert "gave a receipt for batch 1" in outcome.why
        keeper.head = sent
        assert boxed.send() is None
    assert keeper.seqs == list(range(6))


def test_a_body_that_cannot_be_read_costs_only_itself(folder: Path) -> None:
    """When a sealed body went bad, the batches after it are sealed again in its place, and its records are lost."""
    keeper = Keeper(is_away=True)
    with closing(Boxed(folder, keeper)) as boxed:
        for _ in range(4):
            boxed.slot()
        spoil(folder / NAME, "sealed", 1, random.Random(1).randbytes(400))
        keeper.is_away = False
        assert boxed.send() is None
        tally = boxed.box.tally()
    assert keeper.seqs == [0, 1, 4, 5, 6, 7]
    assert keeper.lost == tally.lost == 2
    assert keeper.head == Head(3, 8, keeper.head.pae_sha256)


def test_what_is_to_be_sealed_again_waits_its_turn(folder: Path) -> None:
    """Bodies that do not fit the chain any more wait for an open start, survive damage and reopening, and cost only themselves."""
    keeper = Keeper(is_away=True)
    with closing(Boxed(folder, keeper)) as boxed:
        for _ in range(5):
            boxed.slot()
        boxed.box.resume(Head(0, 0, START.pae_sha256))
        with boxed.box._write() as log:
            log.drop("sealed", 1)
        boxed.box.resume(START)
        assert boxed.box.tally().unsent == 4
        again = {row.first_seq: number for number, row in boxed.box._log.state.again.items()}
        assert len(again) == 3
        spoil(folder / NAME, "again", again[4], b"\x1f\x8b\x00")
    (folder / NAME / "place").unlink()
    file = folder / NAME / "00000001.log"
    data = bytearray(file.read_bytes())
    data[next(read_frames(bytes(data), 1)).start] ^= 1  # its beginning: all of the rest is carried over
    file.write_bytes(data)
    keeper.is_away = False
    with closing(Boxed(folder, keeper)) as boxed:
        assert boxed.box.doubt == "it was damaged"
        assert boxed.send() is None
        boxed.seal_all()
        assert boxed.send() is None
        assert boxed.box.tally().lost == keeper.lost == 4
    assert keeper.seqs == [0, 1, 6, 7, 8, 9]


def test_again_never_overtakes_an_open_start(folder: Path) -> None:
    """What has to be sealed again is not sealed while an earlier start is open."""
    keeper = Keeper(is_away=True)
    with closing(Boxed(folder, keeper)) as boxed:
        for _ in range(3):
            boxed.slot()
        with boxed.box._write() as log:
            log.drop("sealed", 0)
        boxed.box.resume(START)
        with boxed.box._write() as log:
            log.put(Intent(1, Blob(b"0")))
        assert boxed.box.sealable() == []
        with boxed.box._write() as log:
            log.drop("intent", 1)
        assert [one.seq for one in boxed.box.sealable()] == [2, 3]
        with pytest.raises(ForeignChain, match="the first batch"):
            boxed.box.resume(Head(0, 1, START.pae_sha256))


def test_a_record_that_cannot_be_read_costs_only_itself(folder: Path) -> None:
    """A record that went bad before it was sealed, or of which nobody can tell the boot any more, is counted as lost."""
    keeper = Keeper()
    with closing(Boxed(folder, keeper)) as boxed:
        for _ in range(3):
            boxed.measure()
        boxed.measure()
        spoil(folder / NAME, "record", 1, b"")
        with boxed.box._write() as log:
            log.put(log.state.records[2]._replace(boot="\xff"))
        boxed.seal_all()
        assert boxed.send() is None
        assert boxed.box.tally().lost == keeper.lost == 2
    assert keeper.seqs == [0, 3]


def test_a_mute_answer_to_the_question(folder: Path) -> None:
    """As long as the question has no answer nothing is sent, and its bytes are counted each time."""
    keeper = Keeper()
    Boxed(folder, keeper).close()
    forget_place(folder)
    with closing(Boxed(folder, keeper)) as boxed:
        boxed.slot()
        keeper.is_mute = True
        assert isinstance(boxed.send(), Later)
        assert isinstance(boxed.send(), Later)
        assert keeper.kept == []
        assert len(boxed.sent_bytes) == 2
        assert min(boxed.sent_bytes) > 500
        keeper.is_mute = False
        assert boxed.send() is None
    assert keeper.seqs == [0, 1]
