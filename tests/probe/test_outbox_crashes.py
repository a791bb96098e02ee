"""The outbox as a state machine with a crash between any two steps, beside a model in memory and a collector that remembers."""

import shutil
from contextlib import ExitStack, closing, suppress
from dataclasses import dataclass, field
from pathlib import Path
from unittest.mock import patch

import pytest
from fakes.disk import Disk, put, unseen
from fakes.keeper import Keeper
from fakes.outboxed import BOOT, NAME, Boxed, copied, die, fast_folder, record, seed, small_segments
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from probe.errors import StateUnusable
from probe.outbox import Outbox
from probe.outbox import box as outbox_box
from probe.outbox.place import PlaceFile
from probe.outbox.replay import Replay
from shared.chain import START, Head, follow
from shared.strictjson import encode

FULL_BYTES = 0  # nothing fits into it


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
        self.stack = ExitStack()
        self.disk = self.stack.enter_context(put(Disk()))
        self.stack.enter_context(small_segments(600, 0))
        self.stack.enter_context(patch.multiple(outbox_box, KEEP_RECENT=3, KEEP_RECEIPTS=6))
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
        self.stack.close()
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
    @rule(takes_bytes=st.sampled_from([0, 7, 60, 10_000]), is_stuck=st.booleans())
    def a_full_disk(self, takes_bytes: int, is_stuck: bool) -> None:
        """An end that the disk did not take is nobody's to close, and is written with whatever comes next, whatever was left of it."""
        seq = min(self.told.open)
        self.disk.fill()
        self.disk.takes_bytes, self.disk.is_stuck = takes_bytes, is_stuck
        with pytest.raises(StateUnusable):
            self.boxed.start()
        with pytest.raises(StateUnusable):
            self.end(seq, 10)
        assert seq not in dict(self.boxed.box.open_intents())
        with pytest.raises(StateUnusable):
            self.boxed.start()
        self.disk.has_room()
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

    @rule()
    def beside(self) -> None:
        """Another process looks and writes while the agent is at work; each sees at once what the other did."""
        version, value = self.boxed.box.version, self.told.kept.get("beside", b"") + b"x"
        with closing(Outbox(self.folder / NAME, seed)) as other:
            assert other.tally().next_seq == self.told.next_seq
            other.keep("beside", value)
            assert other.doubt is None
        self.told.kept["beside"] = value
        assert self.boxed.box.kept("beside") == value
        assert self.boxed.box.version != version

    @rule()
    def crash(self) -> None:
        """The process dies; the next one is in doubt, unless it had not written yet."""
        with copied(self.folder) as copy:
            self.come_back(copy)

    @rule(data=st.data(), size=st.integers(0, 3000))
    def crash_within(self, data: st.DataObject, size: int) -> None:
        """The power is cut at any step on the disk, of writing or of cleaning: what was being written is there or is not."""
        cuts: list[Path] = []

        def seen(folder: Path) -> None:
            cuts.append(fast_folder())
            shutil.copytree(folder, cuts[-1] / NAME)

        before, after = self.told.kept.get("cut"), data.draw(st.binary(min_size=1, max_size=1)) * (size + 1)
        self.disk.seen = seen
        self.boxed.box.keep("cut", after)
        self.disk.seen = unseen
        try:
            self.come_back(data.draw(st.sampled_from(cuts or [self.folder])))
        finally:
            for cut in cuts:
                shutil.rmtree(cut)
        found = self.boxed.box.kept("cut")
        assert found in {before, after}
        if found is not None:
            self.told.kept["cut"] = found

    def come_back(self, image: Path) -> None:
        """Open what a power cut left."""
        place = PlaceFile(image / NAME / "place").read()
        assert place is not None
        with copied(image) as copy:
            die(self.boxed.box)
            shutil.rmtree(self.folder)
            shutil.copytree(copy, self.folder)
        self.open_again()
        assert (self.boxed.box.doubt is not None) == (place.end is None)

    def open_again(self) -> None:
        """Open as an agent does: what was open is aborted."""
        for seq in sorted(self.told.open):
            if self.limit_bytes == FULL_BYTES:
                self.told.dropped.add(seq)
            else:
                self.told.written[seq] = b'{"end":"aborted","seq":%d}\n' % seq
        self.told.open.clear()
        self.boxed = Boxed(self.folder, self.keeper, self.limit_bytes)

    @rule()
    def crash_inside(self) -> None:
        """A step cut off before its commit never was."""
        with suppress(KeyboardInterrupt), self.boxed.box._write() as log:
            log.put(log.state.chain._replace(next_seq=99, batch=99))
            for table in ("intent", "record", "sealed"):
                for key in list(log.state.table(table)):
                    log.drop(table, key)
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
        assert all(row.body.length for row in self.boxed.box._log.state.unsent())

    @invariant()
    def memory_is_what_the_files_say(self) -> None:
        """Replaying the files from the beginning gives the tables that are in memory, row by row and byte by byte."""
        log, mine = Replay(self.folder / NAME), self.boxed.box._log
        log.load()
        assert log.damage is None
        told = [{(type(row), *row[:-1], one.read(row[-1])) for row in one.state.rows()} for one in (log, mine)]
        assert told[0] == told[1]
        assert log.state.alive_bytes == mine.state.alive_bytes
        assert log.end == mine.end

    @invariant()
    def it_does_not_grow(self) -> None:
        """What is dead is cleaned away while it goes on."""
        log = self.boxed.box._log
        assert log.whole_bytes == sum(file.stat().st_size for file in (self.folder / NAME).glob("*.log"))
        assert log.whole_bytes <= 2 * log.state.alive_bytes + 40_000


TestCrashes = Crashes.TestCase
TestCrashes.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
