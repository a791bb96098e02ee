"""Tokens over the log, of an authority on a real socket: what it stamps, at which pace, and that nobody waits for it."""

import contextlib
import shutil
import threading
import time
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path

import pytest
from fakes.clock import FakeClock
from fakes.stamping import Stamping, stamping
from fakes.tsa import Tsa

from collector.log import stamps as stamps_module
from collector.log.publisher import Publisher
from collector.log.stamps import Stamps
from collector.log.tsa import authority_of, new_nonce
from shared.checkpoint import open_checkpoint
from shared.leaf import signature_in
from shared.note import read_note
from shared.timestamp import check_token, read_roots

from .test_publisher import KEY, Writing

pytestmark = pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl is not installed")
pytest.importorskip("rfc3161_client", reason="the extra tsa is not installed")
MINUTE = 60_000_000


class Log:
    """A log that grows, and an authority."""

    def __init__(self, folder: Path, there: Stamping) -> None:
        """Begin empty."""
        self.folder, self.there, self.clock = folder, there, FakeClock()
        self.writing = Writing(folder / "ledger")
        self.publisher = Publisher(folder / "log", self.writing.ledger)

    def grow(self, count: int) -> None:
        """Further leaves, published."""
        self.writing.leaves(count)
        self.publisher.catch_up()

    @contextlib.contextmanager
    def stamps(self, *, every_batch: bool = False, asks: bool = True) -> Iterator[Stamps]:
        """Whoever asks for tokens."""
        authority = authority_of(self.there.url, self.there.roots) if asks else None
        made = Stamps(
            self.folder / "log", self.publisher, KEY.public, authority, self.clock, new_nonce, every_batch=every_batch
        )
        with contextlib.closing(made):
            yield made

    def check_leaf(self, stamps: Stamps, index: int) -> None:
        """The token of a leaf is over its signature."""
        token = stamps.of_leaf(index)
        assert token is not None
        signature = signature_in(self.publisher.files.leaf(index))
        check_token(token, sha256(signature).digest(), read_roots(self.there.roots.read_bytes()))


@pytest.fixture(scope="module")
def tsa(tmp_path_factory: pytest.TempPathFactory) -> Tsa:
    """An authority."""
    return Tsa.begin(tmp_path_factory.mktemp("x") / "tsa")


@pytest.fixture
def log(tmp_path: Path, tsa: Tsa) -> Iterator[Log]:
    """A log and an authority that listens."""
    with contextlib.ExitStack() as opened:
        made = Log(tmp_path, opened.enter_context(stamping(tsa)))
        opened.callback(made.writing.ledger.close)
        opened.callback(made.publisher.close)
        yield made


def test_checkpoints(log: Log) -> None:
    """One each quarter of an hour if there is more to stamp, over the checkpoint's text; what was kept is there after a start."""
    with log.stamps() as stamps:
        stamps.go_round()
        assert not log.there.asked  # nothing is published yet
        for count, minutes in ((3, 0), (1, 14), (2, 1), (0, 60), (1, 15)):
            log.grow(count)
            log.clock.advance(minutes * MINUTE)
            stamps.go_round()
        found = stamps.over(range(7), 99)
        assert [one.size for one in found] == [3, 6, 7]
        assert len(log.there.asked) == 3
    with log.stamps(asks=False) as stamps:
        assert stamps.over([0, 2, 6, 7], 99) == [found[0], found[2]]
        assert stamps.stamped_size == 7
    for one in found:
        told = open_checkpoint(one.note, KEY.public).checkpoint
        assert told.size == one.size
        digest = sha256(read_note(one.note).text.encode()).digest()
        check_token(one.token, digest, read_roots(log.there.roots.read_bytes()))


def test_not_all_of_them(log: Log) -> None:
    """Of many checkpoints some are given, evenly, and always the last."""
    with log.stamps() as stamps:
        for _ in range(7):
            log.grow(1)
            log.clock.advance(15 * MINUTE)
            stamps.go_round()
        assert [one.size for one in stamps.over(range(7), 3)] == [2, 4, 7]
        assert [one.size for one in stamps.over(range(7), 1)] == [7]
        assert stamps.over([], 3) == []


def test_each_leaf(log: Log) -> None:
    """With `every_batch` each has its own, so many a round, the newest thousand of those that wait; after a start it goes on."""
    log.grow(5)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(stamps_module, "MOST_LEAVES", 3)
        with log.stamps(every_batch=True) as stamps:
            stamps.go_round()
            assert [stamps.of_leaf(index) is not None for index in range(5)] == [True] * 3 + [False] * 2
        with log.stamps(every_batch=True) as stamps:
            stamps.go_round()
            log.grow(7)
            patch.setattr(stamps_module, "MOST_BEHIND", 2)
            stamps.go_round()
            assert [index for index in range(12) if stamps.of_leaf(index)] == [0, 1, 2, 3, 4, 10, 11]
            for index in (0, 4, 11):
                log.check_leaf(stamps, index)


@pytest.mark.parametrize("wrong", ["500", "nonsense", "other bytes"])
def test_an_authority_that_gives_none(log: Log, wrong: str) -> None:
    """Nothing is kept of it, it is told of, asked once a round, and asked again."""
    log.grow(2)
    log.there.wrong = wrong
    with log.stamps(every_batch=True) as stamps:
        stamps.go_round()
        assert stamps.wrong
        assert len(log.there.asked) == 1
        assert (stamps.stamped_size, stamps.of_leaf(0)) == (0, None)
        log.there.wrong = ""
        stamps.go_round()
        assert stamps.wrong is None
        assert stamps.stamped_size == 2
        log.check_leaf(stamps, 1)


def test_a_leaf_that_is_asked_for(log: Log, monkeypatch: pytest.MonkeyPatch) -> None:
    """It has its token soon, though none gets one by itself; one that is not there, or an authority that is away, is not waited for."""
    monkeypatch.setattr(stamps_module, "FIRST_S", 60.0)
    log.grow(3)
    with log.stamps() as stamps:
        stamps.wanted([1], 20)  # nobody asks yet
        assert stamps.of_leaf(1) is None
        stamps.start()
        stamps.wanted([1], 20)
        log.check_leaf(stamps, 1)
        assert stamps.of_leaf(0) is None
        asked = len(log.there.asked)
        stamps.wanted([1], 1000)
        stamps.wanted([7], 1000)
        assert len(log.there.asked) == asked
        log.there.wrong = "500"
        stamps.wanted([2], 1000)
        assert stamps.wrong is not None
        assert len(log.there.asked) == asked + 1


def test_nobody_waits_for_it(log: Log, monkeypatch: pytest.MonkeyPatch) -> None:
    """While an authority does not answer the log grows, is published and read, and the end comes soon."""
    monkeypatch.setattr(stamps_module, "FIRST_S", 0.01)
    monkeypatch.setattr(stamps_module, "CLOSE_S", 0.1)
    monkeypatch.setattr("collector.log.asking.PATIENCE_S", 1.0)
    log.grow(1)
    log.there.wrong = "drips"
    with log.stamps() as stamps:
        stamps.start()
        deadline = time.monotonic() + 20
        while not log.there.asked and time.monotonic() < deadline:
            time.sleep(0.01)
        log.grow(3)
        assert log.publisher.published is not None
        assert log.publisher.published.checkpoint.size == 4
        assert stamps.over(range(4), 9) == []
    for thread in threading.enumerate():
        if thread.name == "time-stamps":
            thread.join(30)


def test_two_logs_in_one_folder(log: Log) -> None:
    """What was stamped of another log is not taken for this one's."""
    log.grow(2)
    with log.stamps(every_batch=True) as stamps:
        stamps.go_round()
        assert stamps.of_leaf(0) is not None
    other = type(KEY).generate("log2.example.net").public
    made = Stamps(log.folder / "log", log.publisher, other, None, log.clock, new_nonce)
    with contextlib.closing(made):
        assert (made.of_leaf(0), made.over([0], 9), made.stamped_size) == (None, [], 0)
