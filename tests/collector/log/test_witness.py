"""Witnesses, over real sockets: an honest log is cosigned, a forked one never is, and what they said stays."""

import contextlib
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from fakes.witness import FakeWitness, serving

from collector.log.files import LogFiles
from collector.log.key import Witness
from collector.log.publisher import Publisher
from collector.log.witness import FILE, Witnesses
from shared.checkpoint import open_checkpoint
from shared.tree import check_inclusion, leaf_hash

from .test_publisher import KEY, Writing


class Log:
    """A log that grows, and what witnesses say to it."""

    def __init__(self, folder: Path, asked: list[FakeWitness]) -> None:
        """Begin empty; the witnesses know this log."""
        self.folder, self.asked = folder, asked
        self.writing = Writing(folder / "ledger")
        self.publisher = Publisher(folder / "log", self.writing.ledger)
        for one in asked:
            one.logs[KEY.public.name] = KEY.public

    def grow(self, count: int) -> None:
        """Further leaves, published."""
        self.writing.leaves(count)
        self.publisher.catch_up()

    @contextlib.contextmanager
    def witnesses(self, quorum: int | None = None) -> Iterator[Witnesses]:
        """Whoever asks them."""
        some = [Witness(one.url, one.notary.public) for one in self.asked]
        made = Witnesses(self.folder / "log", self.publisher, KEY.public, some, quorum or len(some))
        with contextlib.closing(made):
            yield made


@pytest.fixture
def log(tmp_path: Path) -> Iterator[Log]:
    """A log and three witnesses."""
    with contextlib.ExitStack() as opened:
        made = Log(tmp_path, [opened.enter_context(serving(FakeWitness(number))) for number in range(3)])
        opened.callback(made.writing.ledger.close)
        opened.callback(made.publisher.close)
        yield made


def times(log: Log, note: bytes) -> dict[str, int]:
    """Who has cosigned when, as an outsider reads it."""
    return dict(open_checkpoint(note, KEY.public, [one.notary.public for one in log.asked]).cosigned_s)


def test_an_honest_log(log: Log) -> None:
    """Round after round all cosign what grew, and each leaf is proven in the first checkpoint that has it."""
    with log.witnesses() as witnesses:
        assert witnesses.go_round() is None  # nothing is published yet
        sizes = []
        for count in (3, 1, 40):
            log.grow(count)
            for number, one in enumerate(log.asked):
                one.now_s += 60 + number
            found = witnesses.go_round()
            assert found is not None
            assert found.time_s == max(one.now_s for one in log.asked)
            assert times(log, found.note) == {one.notary.name: one.now_s for one in log.asked}
            sizes.append(found.size)
            assert witnesses.go_round() == found  # nobody is asked twice for one tree
        assert sizes == [3, 4, 44]
        for index in (0, 2, 3, 4, 43):
            proven = witnesses.proven(index)
            assert proven is not None
            checkpoint = open_checkpoint(proven.note, KEY.public).checkpoint
            assert checkpoint.size == next(size for size in sizes if size > index)
            leaf = leaf_hash(log.publisher.files.leaf(index))
            hashes = [proven.hashes[at : at + 32] for at in range(0, len(proven.hashes), 32)]
            check_inclusion(leaf, index, checkpoint.size, hashes, checkpoint.root)
        assert witnesses.first_with(44) is None
        assert len(log.asked[0].asked) == 3


def test_what_they_said_stays(log: Log) -> None:
    """After a start all of it is there; a torn end is cut off; a witness asked anew says what it has seen."""
    with log.witnesses() as witnesses:
        for _ in range(3):
            log.grow(2)
            newest = witnesses.go_round()
    file = log.folder / "log" / FILE
    whole = file.read_bytes()
    for cut in (0, 1, 5, 100):
        file.write_bytes(whole[: len(whole) - cut])
        with log.witnesses() as witnesses:
            found = witnesses.first_with(0)
            assert found is not None
            assert found.size == 2
            assert (witnesses.newest == newest) == (cut == 0)
            log.grow(1)
            newest = witnesses.go_round()
            assert newest is not None
            assert newest.size == log.publisher.files.size
        whole = file.read_bytes()
    assert any(body.startswith(b"old 0\n") for body in log.asked[0].asked[3:])


def test_a_quorum(log: Log) -> None:
    """So many as are asked for suffice, whoever does not answer; fewer do not."""
    log.grow(5)
    log.asked[1].wrong = "500"
    with log.witnesses(2) as witnesses:
        found = witnesses.go_round()
        assert found is not None
        assert set(times(log, found.note)) == {log.asked[0].notary.name, log.asked[2].notary.name}
        log.grow(1)
        log.asked[2].wrong = "nothing"
        assert witnesses.go_round() is None
        log.asked[2].wrong = ""
        assert witnesses.go_round() is not None
    with log.witnesses(3) as witnesses:
        assert witnesses.newest is None  # of what two have cosigned nothing counts for whoever asks for three


@pytest.mark.parametrize("wrong", ["500", "404", "403", "nonsense", "nothing", "another text", "endless sizes"])
def test_a_witness_that_does_not_cosign(log: Log, wrong: str) -> None:
    """What is no cosignature of this very checkpoint is none; the log goes on."""
    log.grow(2)
    log.asked[0].wrong = wrong
    with log.witnesses() as witnesses:
        assert witnesses.go_round() is None
        assert log.publisher.wrong is None
        log.asked[0].wrong = ""
        log.asked[0].seen.clear()
        assert witnesses.go_round() is not None


def test_nobody_there(log: Log) -> None:
    """A witness that cannot be reached holds up nobody."""
    log.grow(2)
    log.asked[1].url = "http://127.0.0.1:1"
    with log.witnesses(2) as witnesses:
        assert witnesses.go_round() is not None


@pytest.mark.threat("T13")
def test_a_forked_log(log: Log, tmp_path: Path) -> None:
    """T13: whoever drops a leaf and signs anew with the real key gets no cosignature, and each witness is named with its word."""
    log.grow(6)
    with log.witnesses() as witnesses:
        assert witnesses.go_round() is not None
    forked = Log(tmp_path / "forked", log.asked)  # the same origin and key, other leaves
    with contextlib.closing(forked.publisher), contextlib.closing(forked.writing.ledger):
        forked.grow(9)
        with forked.witnesses() as witnesses:
            assert witnesses.go_round() is None
            assert witnesses.newest is None
            assert set(witnesses.contradictions) == {one.notary.name for one in log.asked}
            assert all("not the log it has seen" in words for words in witnesses.contradictions.values())


def test_a_log_that_shrank(log: Log, tmp_path: Path) -> None:
    """A tree smaller than a witness has seen is told at once."""
    log.grow(6)
    with log.witnesses() as witnesses:
        assert witnesses.go_round() is not None
    shrunk = Log(tmp_path / "shrunk", log.asked)
    with contextlib.closing(shrunk.publisher), contextlib.closing(shrunk.writing.ledger):
        shrunk.grow(2)
        with shrunk.witnesses() as witnesses:
            assert witnesses.go_round() is None
            assert "it has seen 6 leaves, and there are 2" in witnesses.contradictions[log.asked[0].notary.name]


def test_the_files_stay_whole(log: Log) -> None:
    """What witnesses are asked with is read from the same files that are served."""
    log.grow(3)
    with log.witnesses() as witnesses:
        witnesses.go_round()
    log.publisher.close()
    with LogFiles(log.folder / "log", 3) as files:
        assert files.root(3) == log.asked[0].seen[KEY.public.name][1]


@pytest.mark.parametrize("wrong", ["422", "sees more"])
def test_a_witness_that_lies(log: Log, wrong: str) -> None:
    """One who says that he has seen another log is shown with his word, and keeps nobody from going on with the others."""
    log.grow(3)
    with log.witnesses(2) as witnesses:
        log.asked[1].wrong = wrong
        assert witnesses.go_round() is not None
        assert set(witnesses.contradictions) == {log.asked[1].notary.name}
        assert log.publisher.wrong is None
        log.asked[1].wrong = ""
        log.grow(1)
        witnesses._seen.clear()
        witnesses._seen.update({one.notary.public.vkey: 0 for one in log.asked})
        assert witnesses.go_round() is not None
        assert witnesses.contradictions == {}


@pytest.mark.parametrize("wrong", ["drips", "drips its head"])
def test_an_answer_that_never_ends(log: Log, monkeypatch: pytest.MonkeyPatch, wrong: str) -> None:
    """A witness that sends a byte now and then is left after as long as an answer may take; nor does the end wait for him."""
    monkeypatch.setattr("collector.log.asking.PATIENCE_S", 0.5)
    log.grow(2)
    log.asked[0].wrong = wrong
    with log.witnesses(2) as witnesses:
        begun_s = time.monotonic()
        assert witnesses.go_round() is not None
        assert time.monotonic() - begun_s < 30


def test_asked_at_once(log: Log) -> None:
    """Who wants a quorum over what is published now has it at once, long before the minute is over; of what has one nobody is asked."""
    log.grow(2)
    with log.witnesses() as witnesses:
        witnesses.wanted(2, 20)  # not begun: nothing is waited for
        assert witnesses.newest is None
        witnesses.start()
        for size in (2, 5, 9):
            log.grow(size - log.publisher.files.size)
            witnesses.wanted(size, 20)
            assert witnesses.newest is not None
            assert witnesses.newest.size == size
        asked = len(log.asked[0].asked)
        witnesses.wanted(9, 20)
        assert len(log.asked[0].asked) == asked


def test_wanted_of_one_who_is_not_there(log: Log) -> None:
    """Whoever waits for a quorum that there will not be is let go when they have been asked."""
    log.grow(2)
    log.asked[1].wrong = "500"
    with log.witnesses() as witnesses:
        witnesses.start()
        witnesses.wanted(2, 3600)  # more than any test may take
        assert witnesses.newest is None
        assert log.asked[0].asked
