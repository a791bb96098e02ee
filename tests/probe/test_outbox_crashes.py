"""The outbox as a state machine with a crash between any two steps, beside a model in memory and a collector that remembers."""

import shutil
import sqlite3
from contextlib import suppress
from dataclasses import dataclass, field

import pytest
from fakes.keeper import Keeper
from fakes.outboxed import BOOT, NAME, Boxed, copied, fast_folder, record, seed
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from probe.errors import StateUnusable
from probe.outbox import box as outbox_box
from shared.chain import START, Head, follow
from shared.strictjson import encode

CUTS = ["UPDATE chain SET next_seq = next_seq + 1", "DELETE FROM start", "DELETE FROM sealed"]
FULL_BYTES = outbox_box.BESIDE_BYTES  # nothing fits into what it leaves


@dataclass
class Model:
    """What callers were told is done."""

    next_seq: int = 0
    open: dict[int, bytes] = field(default_factory=dict)
    written: dict[int, bytes] = field(default_factory=dict)
    dropped: set[int] = field(default_factory=set)
    batches: int = 0
    complaints: list[bytes] = field(default_factory=list)
    kept: dict[str, bytes] = field(default_factory=dict)


class Crashes(RuleBasedStateMachine):
    """Every step is either done or never was, wherever the power is cut; a crash is a copy of the files as they stand.

    After every crash the collector is asked before anything is sent, and what it has is never sent under another digest.
    """

    def __init__(self) -> None:
        """Begin with a new outbox and a collector that has nothing."""
        super().__init__()
        self.folder, self.keeper, self.told, self.limit_bytes = fast_folder(), Keeper(), Model(), outbox_box.LIMIT_BYTES
        self.boxed = Boxed(self.folder, self.keeper)

    def teardown(self) -> None:
        """Leave nothing behind, once everything has arrived."""
        self.keeper.is_away = self.keeper.is_mute = False
        self.end_open()
        self.seal()
        assert self.boxed.send() is None
        assert {one.seq: one.line + b"\n" for batch in self.keeper.kept for one in batch.records} == self.told.written
        unsaid = self.told.next_seq - self.keeper.head.seq
        assert self.keeper.lost == len(self.told.dropped) - unsaid
        assert self.boxed.box.tally().lost == len(self.told.dropped)
        self.boxed.close()
        shutil.rmtree(self.folder)

    def end_open(self) -> None:
        """End every start that is open."""
        for seq in list(self.told.open):
            self.end(seq, 0)

    def end(self, seq: int, size: int) -> None:
        """End a start: kept if there is room, counted as lost if not."""
        is_full = self.limit_bytes == FULL_BYTES
        self.boxed.box.finish(seq, record(seq, size), BOOT, {"last": b"%d" % seq})
        del self.told.open[seq]
        self.told.kept["last"] = b"%d" % seq
        if is_full:
            self.told.dropped.add(seq)
        else:
            self.told.written[seq] = record(seq, size)

    @rule()
    def start(self) -> None:
        """A start is on disk, under the next number, before its number is told."""
        seq = self.boxed.start()
        assert seq == self.told.next_seq
        self.told.next_seq += 1
        self.told.open[seq] = encode({"boot": BOOT, "seq": seq})

    @precondition(lambda self: self.told.open)
    @rule(data=st.data(), size=st.integers(0, 5000))
    def finish(self, data: st.DataObject, size: int) -> None:
        """A start may end in any order."""
        self.end(data.draw(st.sampled_from(sorted(self.told.open))), size)

    @rule(count=st.integers(1, 3))
    def measure_and_seal(self, count: int) -> None:
        """The usual course: a few measurements, then a batch."""
        for _ in range(count):
            self.start()
            self.end(self.told.next_seq - 1, 0)
        self.seal()

    @rule()
    def seal(self) -> None:
        """What is sealed is every record up to the first open start, and nothing twice."""
        before = min(self.told.open, default=self.told.next_seq)
        assert all(one.seq < before for one in self.boxed.box.sealable())
        self.told.batches += self.boxed.seal_all()
        assert self.boxed.box.sealable() == []

    @rule(away=st.sampled_from(["hears", "is away", "is mute"]))
    def send(self, away: str) -> None:
        """Whether the collector hears, is away or is not heard, what it has grows in one chain."""
        self.keeper.is_away, self.keeper.is_mute = away == "is away", away == "is mute"
        waits = self.boxed.box.tally().unsent > 0
        trouble = self.boxed.send()
        says = away == "is away" and len(self.keeper.complaints) < len(self.told.complaints)
        assert (trouble is not None) == ((away != "hears" and waits) or says)
        if away == "hears" and waits:
            assert self.boxed.box.tally().unsent == 0

    @rule(is_full=st.booleans())
    def another_limit(self, is_full: bool) -> None:
        """Room may run out, and come again."""
        self.limit_bytes = FULL_BYTES if is_full else outbox_box.LIMIT_BYTES
        self.boxed.box._limit_bytes = self.limit_bytes

    @precondition(lambda self: self.told.open)
    @rule()
    def a_full_disk(self) -> None:
        """An end that the disk did not take is nobody's to close, and is written with whatever comes next."""
        seq, db = min(self.told.open), self.boxed.box._db
        db.execute("PRAGMA query_only=1")
        with pytest.raises(StateUnusable):
            self.end(seq, 10)
        assert seq not in dict(self.boxed.box.open_intents())
        with pytest.raises(StateUnusable):
            self.boxed.start()
        db.execute("PRAGMA query_only=0")
        del self.told.open[seq]
        self.told.kept["last"] = b"%d" % seq
        if self.limit_bytes == FULL_BYTES:
            self.told.dropped.add(seq)
        else:
            self.told.written[seq] = record(seq, 10)
        self.boxed.box.sealable()

    @rule()
    def misuse(self) -> None:
        """What cannot be done changes nothing: an intent without words, a second end, a second batch of one number."""

        def refuse(_number: int) -> bytes:
            raise RuntimeError("no intent")

        with pytest.raises(RuntimeError, match="no intent"):
            self.boxed.box.start(refuse)
        for seq in [*list(self.told.written)[:1], *list(self.told.dropped)[:1], self.told.next_seq]:
            with pytest.raises(StateUnusable, match="not open"):
                self.boxed.box.finish(seq, record(seq, 1), BOOT)
        head = self.boxed.box.head
        if head != START:
            with pytest.raises(StateUnusable, match="comes next"):
                self.boxed.box.seal(b"other bytes", "0" * 64, Head(head.batch, head.seq + 1, "0" * 64), 1)

    @rule()
    def complain(self) -> None:
        """A complaint is kept once, however often it is added."""
        line = b"complaint %d" % len(self.told.complaints)
        self.boxed.box.add_complaint(line)
        self.boxed.box.add_complaint(line)
        self.told.complaints.append(line)

    @rule(value=st.binary(max_size=20), name=st.sampled_from(["pause", "mark"]))
    def keep(self, name: str, value: bytes) -> None:
        """A named value is what it was last."""
        self.boxed.box.keep(name, value)
        self.told.kept[name] = value

    @rule()
    def reopen(self) -> None:
        """The process ends in order, and what it left open is aborted by the next one."""
        self.boxed.close()
        self.open_again()
        assert self.boxed.box.doubt is None

    @rule(with_shm=st.booleans())
    def crash(self, with_shm: bool) -> None:
        """The process dies, and with the power also the shared memory; the next one is in doubt."""
        had_log = (self.folder / f"{NAME}-wal").exists()
        with copied(self.folder) as copy:
            self.boxed.box._hold.close()  # as the kernel would
            self.boxed.box._db.close()
            shutil.rmtree(self.folder)
            if not with_shm:
                (copy / f"{NAME}-shm").unlink(missing_ok=True)
            shutil.copytree(copy, self.folder)
        self.open_again()
        assert (self.boxed.box.doubt is not None) == had_log

    def open_again(self) -> None:
        """Open as an agent does: what was open is aborted."""
        for seq in sorted(self.told.open):
            if self.limit_bytes == FULL_BYTES:
                self.told.dropped.add(seq)
            else:
                self.told.written[seq] = b'{"end":"aborted","seq":%d}\n' % seq
        self.told.open.clear()
        self.boxed = Boxed(self.folder, self.keeper, self.limit_bytes)

    @rule(data=st.data())
    def crash_inside(self, data: st.DataObject) -> None:
        """A step cut off before its commit never was."""
        step = data.draw(st.sampled_from(CUTS))
        with suppress(KeyboardInterrupt), self.boxed.box._write() as db:
            db.execute(step)
            raise KeyboardInterrupt

    @invariant()
    def nothing_is_lost(self) -> None:
        """Everything a caller was told of is there or with the collector."""
        tally, told = self.boxed.box.tally(), self.told
        assert tally.next_seq == told.next_seq
        assert dict(self.boxed.box.open_intents()) == told.open
        assert tally.open_intents == len(told.open)
        assert tally.lost == len(told.dropped)
        assert len(self.boxed.box.unsent_complaints()) + len(self.keeper.complaints) >= len(told.complaints)
        assert {name: self.boxed.box.kept(name) for name in told.kept} == told.kept
        assert self.boxed.box.seed == seed()

    @invariant()
    def one_chain(self) -> None:
        """The collector never saw a fork, and every number it was told is in exactly one batch."""
        assert not self.keeper.is_frozen
        assert "chain_fork" not in self.keeper.refused
        head, seqs = START, []
        for one in self.keeper.kept:
            head = follow(head, one.said, one.pae_sha256)
            seqs += [each.seq for each in one.records]
        assert head == self.keeper.head
        assert seqs == sorted(set(seqs))

    @invariant()
    def bodies_stay_until_their_receipt(self) -> None:
        """A batch without a receipt has its body."""
        db = sqlite3.connect(self.folder / NAME)
        rows = db.execute("SELECT batch FROM batch WHERE body IS NULL AND receipt IS NULL").fetchall()
        db.close()
        assert rows == []


TestCrashes = Crashes.TestCase
TestCrashes.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
