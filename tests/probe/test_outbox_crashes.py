"""The outbox as a state machine with a crash between any two steps, beside a model in memory."""

import shutil
import sqlite3
import tempfile
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from strategies import DEVICE, ring

from probe.errors import StateUnusable
from probe.outbox import Outbox
from probe.seal import seal
from shared.batch import open_batch
from shared.chain import START, Head, follow
from shared.record import write_record

CUTS = ["UPDATE chain SET next_seq = next_seq + 1", "DELETE FROM intent", "DELETE FROM record"]
FILES = ("outbox.sqlite", "outbox.sqlite-wal", "outbox.sqlite-shm")


def seed() -> bytes:
    """Give a seed."""
    return bytes(range(32))


def record(seq: int, size: int = 0) -> bytes:
    """Make a record's line of a size."""
    return write_record({"end": "ok", "pad": "x" * size, "seq": seq})


@dataclass
class Model:
    """What callers were told is done."""

    next_seq: int = 0
    open: dict[int, bytes] = field(default_factory=dict)
    unsealed: dict[int, bytes] = field(default_factory=dict)
    head: Head = START
    bodies: dict[int, bytes] = field(default_factory=dict)
    receipts: dict[int, bytes] = field(default_factory=dict)
    complaints: list[bytes] = field(default_factory=list)
    sent: int = 0


class Crashes(RuleBasedStateMachine):
    """Every step is either done or never was, wherever the power is cut; a crash is a copy of the files as they stand."""

    def __init__(self) -> None:
        """Begin with a new outbox."""
        super().__init__()
        self.folder = Path(tempfile.mkdtemp(prefix="outbox-"))
        self.told = Model()
        self.box = Outbox(self.folder / FILES[0], seed)

    def teardown(self) -> None:
        """Leave nothing behind."""
        self.box.close()
        shutil.rmtree(self.folder)

    @initialize()
    def begin(self) -> None:
        """A new outbox waits for the first batch."""
        assert self.box.head == START

    @rule()
    def start(self) -> None:
        """A start is on disk, under the next number, before its number is told."""
        seq = self.box.start(lambda number: b"intent %d" % number)
        assert seq == self.told.next_seq
        self.told.next_seq += 1
        self.told.open[seq] = b"intent %d" % seq

    @precondition(lambda self: self.told.open)
    @rule(data=st.data(), size=st.integers(0, 5000))
    def finish(self, data: st.DataObject, size: int) -> None:
        """A start may end in any order."""
        seq = data.draw(st.sampled_from(sorted(self.told.open)))
        self.box.finish(seq, record(seq, size), "boot")
        del self.told.open[seq]
        self.told.unsealed[seq] = record(seq, size)

    @rule(count=st.integers(1, 3))
    def measure_and_seal(self, count: int) -> None:
        """The usual course: a few measurements, then a batch."""
        for _ in range(count):
            self.start()
            seq = self.told.next_seq - 1
            self.box.finish(seq, record(seq), "boot")
            self.told.unsealed[seq] = record(seq)
            del self.told.open[seq]
        self.seal()

    @rule()
    def seal(self) -> None:
        """What is sealed is every record up to the first open start, and the chain moves on with it."""
        found = self.box.sealable()
        before = min(self.told.open, default=self.told.next_seq)
        assert [one.seq for one in found] == sorted(seq for seq in self.told.unsealed if seq < before)
        if found:
            sealed = seal(found, self.box.head, "boot", 1, 2, DEVICE)
            self.box.seal(sealed.body, sealed.pae_sha256, sealed.head, len(found))
            self.told.bodies[self.told.head.batch] = sealed.body
            self.told.head = sealed.head
            for one in found:
                del self.told.unsealed[one.seq]

    @rule()
    def misuse(self) -> None:
        """What cannot be done changes nothing: an intent without words, a second end, a second batch of one number."""

        def refuse(_number: int) -> bytes:
            raise RuntimeError("no intent")

        with pytest.raises(RuntimeError, match="no intent"):
            self.box.start(refuse)
        for seq in list(self.told.unsealed)[:1]:
            with pytest.raises(StateUnusable):
                self.box.finish(seq, record(seq, 1), "boot")
        if self.told.head != START:
            stale = Head(self.told.head.batch, self.told.head.seq + 1, "0" * 64)
            with pytest.raises(StateUnusable):
                self.box.seal(b"other bytes", "0" * 64, stale, 1)

    @rule()
    def receipt(self) -> None:
        """The oldest batch comes first, with the bytes it was sealed with."""
        waiting = self.box.oldest_unsent()
        expected = min(self.told.bodies.keys() - self.told.receipts.keys(), default=None)
        assert (waiting.batch if waiting else None) == expected
        if waiting:
            assert waiting.body == self.told.bodies[waiting.batch]
            self.box.receipted(waiting.batch, b"receipt %d" % waiting.batch, 5)
            self.told.receipts[waiting.batch] = b"receipt %d" % waiting.batch

    @rule()
    def complain(self) -> None:
        """A complaint is kept once, however often it is added."""
        line = b"complaint %d" % len(self.told.complaints)
        self.box.add_complaint(line)
        self.box.add_complaint(line)
        self.told.complaints.append(line)

    @rule()
    def send_complaint(self) -> None:
        """A complaint that was sent is not sent again."""
        for number, _line in self.box.unsent_complaints()[:1]:
            self.box.complaint_sent(number)
            self.told.sent += 1

    @rule()
    def reopen(self) -> None:
        """The process ends in order."""
        self.box.close()
        self.box = Outbox(self.folder / FILES[0], seed)

    @rule(with_shm=st.booleans())
    def crash(self, with_shm: bool) -> None:
        """The process dies, and with the power also the shared memory."""
        saved = Path(tempfile.mkdtemp(prefix="outbox-"))
        for name in FILES if with_shm else FILES[:2]:
            if (self.folder / name).exists():
                shutil.copyfile(self.folder / name, saved / name)
        self.box.close()
        shutil.rmtree(self.folder)
        self.folder = saved
        self.box = Outbox(self.folder / FILES[0], lambda: b"another seed")

    @rule(data=st.data())
    def crash_inside(self, data: st.DataObject) -> None:
        """A step cut off before its commit never was."""
        step = data.draw(st.sampled_from(CUTS))
        with suppress(KeyboardInterrupt), self.box._write() as db:
            db.execute(step)
            raise KeyboardInterrupt

    @invariant()
    def nothing_is_lost(self) -> None:
        """Everything a caller was told of is there."""
        tally, told = self.box.tally(), self.told
        assert tally.next_seq == told.next_seq
        assert dict(self.box.open_intents()) == told.open
        assert tally.unsealed == len(told.unsealed)
        assert self.box.head == told.head
        assert dict(self.box.receipts()) == told.receipts
        assert (tally.batches, tally.unsent) == (len(told.bodies), len(told.bodies) - len(told.receipts))
        assert tally.unsent_complaints == len(told.complaints) - told.sent
        assert self.box.seed == seed()

    @invariant()
    def every_start_is_somewhere_once(self) -> None:
        """A number is open, unsealed or in exactly one batch."""
        head, sealed = START, []
        for body in self.told.bodies.values():
            opened = open_batch(body, ring(DEVICE))
            head = follow(head, opened.said, opened.pae_sha256)
            sealed += [one.seq for one in opened.records]
        assert head == self.told.head
        assert sorted([*sealed, *self.told.unsealed, *self.told.open]) == list(range(self.told.next_seq))

    @invariant()
    def bodies_go_with_their_receipts(self) -> None:
        """A batch has its body or its receipt, never both, never neither."""
        with sqlite3.connect(self.folder / FILES[0]) as db:
            rows = db.execute("SELECT batch, body IS NULL, receipt IS NULL FROM batch").fetchall()
        db.close()
        assert all(gone != unsent for _, gone, unsent in rows)


TestCrashes = Crashes.TestCase
TestCrashes.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
