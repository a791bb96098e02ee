"""The outbox step by step; what a crash leaves of it is `test_outbox_crashes`."""

import contextlib
import os
import shutil
import stat
from pathlib import Path

import pytest
from strategies import DEVICE

from probe import outbox as tested
from probe.errors import StateUnusable
from probe.outbox import KEEP_RECENT, SEAL_RECORDS, Outbox, files
from probe.seal import seal
from shared.chain import START
from shared.record import write_record

NAME = "outbox"
FILES = ("00000001.log", "open.lock", "place", "write.lock")


def seed() -> bytes:
    """Give a seed."""
    return bytes(range(32))


def record(seq: int, size: int = 0) -> bytes:
    """Make a record's line of a size."""
    return write_record({"end": "ok", "pad": "x" * size, "seq": seq})


@pytest.fixture
def box(tmp_path: Path) -> Outbox:
    """Give a new outbox."""
    box = Outbox(tmp_path / NAME, seed)
    yield box  # type: ignore[misc]
    box.close()


def fill(box: Outbox, count: int, size: int = 0) -> None:
    """Start and finish a number of measurements."""
    for _ in range(count):
        seq = box.start(lambda number: b"%d" % number)
        box.finish(seq, record(seq, size), "boot")


def test_an_empty_outbox_says_so(box: Outbox) -> None:
    """A new outbox waits for batch 0 and number 0, and has nothing to send."""
    assert box.head == START
    assert box.sealable() == box.open_intents() == box.receipts() == box.recent() == box.unsent_complaints() == []
    assert box.oldest_unsent() is None
    assert box.tally().last_receipt_us is None


def test_only_its_owner_reads_it(box: Outbox, tmp_path: Path) -> None:
    """The folder and all its files are for their owner only, whatever this process thinks of others."""
    fill(box, 1)
    modes = {file.name: stat.S_IMODE(file.stat().st_mode) for file in (tmp_path / NAME).iterdir()}
    assert modes == dict.fromkeys(FILES, 0o600)
    assert stat.S_IMODE((tmp_path / NAME).stat().st_mode) == 0o700


def test_what_was_acknowledged_is_synced(box: Outbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every transaction waits once for the disk, when all of it is in the file; one that changes nothing does not."""
    synced: list[int] = []
    monkeypatch.setattr(files, "sync", lambda handle: synced.append(os.fstat(handle).st_size))
    box.start(lambda _: b"{}")
    box.finish(0, record(0), "boot", {"last": b"0"})
    with box.together():
        box.keep("mark", b"1")
        box.add_complaint(b"slow")
    assert synced[-1] == (tmp_path / NAME / FILES[0]).stat().st_size
    assert len(set(synced)) == len(synced) == 3
    box.keep("mark", b"1")
    box.add_complaint(b"slow")
    box.drop("pause")
    assert len(synced) == 3


def test_the_seed_is_drawn_once(box: Outbox, tmp_path: Path) -> None:
    """The seed of the slots outlives every reopening."""
    again = Outbox(tmp_path / NAME, lambda: bytes(32))
    assert again.seed == box.seed == seed()
    again.close()


def test_an_open_start_holds_up_what_came_after_it(box: Outbox) -> None:
    """A batch never jumps over a start whose end is not known yet."""
    first = box.start(lambda _: b"first")
    fill(box, 2)
    assert box.sealable() == []
    box.finish(first, record(first), "boot")
    assert [one.seq for one in box.sealable()] == [0, 1, 2]


def test_a_flood_of_large_records_is_cut_into_parts(box: Outbox) -> None:
    """No more is offered for one batch than fits, in bytes as in records, but always at least one."""
    fill(box, 60, 60_000)
    assert [one.seq for one in box.sealable()] == list(range(34))
    assert sum(len(one.line) for one in box.sealable()) <= tested.SEAL_BYTES


def test_a_flood_of_small_records_is_cut_into_parts(box: Outbox) -> None:
    """No more records are offered for one batch than its limit."""
    fill(box, SEAL_RECORDS + 1)
    assert len(box.sealable()) == SEAL_RECORDS


def test_recent_is_the_last_fifty_newest_first(box: Outbox) -> None:
    """What people are shown stays after sealing and does not grow."""
    fill(box, KEEP_RECENT + 5)
    assert box.recent() == [record(seq) for seq in range(KEEP_RECENT + 4, 4, -1)]


def test_two_processes_share_it(box: Outbox, tmp_path: Path) -> None:
    """A complaint added beside a running agent is seen by it, and numbers are never given twice."""
    other = Outbox(tmp_path / NAME, seed)
    other.add_complaint(b"slow")
    assert [box.start(lambda _: b""), other.start(lambda _: b""), box.start(lambda _: b"")] == [0, 1, 2]
    assert [line for _, line in box.unsent_complaints()] == [b"slow"]
    other.close()


def test_named_values(box: Outbox, tmp_path: Path) -> None:
    """A small value is kept under its name, by itself or in the same breath as a record, until another or none is."""
    assert box.kept("pause") is None
    box.keep_all({"pause": b"", "mark": b"now"})
    assert box.kept("mark") == b"now"
    assert box.kept("pause") == b""
    seq = box.start(lambda _: b"")
    box.finish(seq, record(seq), "boot", {"pause": b"over", "spent": b"12"})
    other = Outbox(tmp_path / NAME, seed)
    assert [other.kept(name) for name in ("pause", "spent")] == [b"over", b"12"]
    other.drop("pause")
    assert box.kept("pause") is None
    other.close()


def test_an_end_that_waits_for_the_next_write(box: Outbox, tmp_path: Path) -> None:
    """An end held for the next moment is on disk with whatever is written next, and nobody takes it for cut off."""
    seq = box.start(lambda _: b"")
    box.finish(seq, record(seq), "boot", {"last": b"0"}, with_next=True)
    assert box.open_intents() == []
    assert box.kept("last") is None
    other = Outbox(tmp_path / NAME, seed)
    assert [number for number, _ in other.open_intents()] == [seq]
    assert box.start(lambda _: b"") == 1
    assert [number for number, _ in other.open_intents()] == [1]
    assert other.kept("last") == b"0"
    box.finish(1, record(1), "boot", with_next=True)
    assert [one.seq for one in box.sealable()] == [0, 1]
    other.close()


def test_recent_goes_on_after_sealing(box: Outbox) -> None:
    """The last records are shown from bodies that are sealed as from records that are not."""
    for _ in range(3):
        fill(box, 2)
        found = box.sealable()
        sealed = seal(found, box.head, "boot", 1, 2, DEVICE)
        box.seal(sealed.body, sealed.pae_sha256, sealed.head, 2)
    box.receipted(0, b"receipt", 5)
    fill(box, 1)
    assert box.recent() == [record(seq) for seq in range(6, -1, -1)]


def test_every_method_of_a_closed_outbox_fails_by_name(box: Outbox) -> None:
    """Whoever asks a closed outbox hears that it is closed."""
    box.close()
    for ask in (box.tally, box.recent, box.receipts, box.sealable, box.open_intents, box.oldest_unsent):
        with pytest.raises(StateUnusable):
            ask()
    for read in ("head", "seed"):
        with pytest.raises(StateUnusable):
            getattr(box, read)
    with pytest.raises(StateUnusable):
        box.start(lambda _: b"")


class Stopped(Exception):
    """Something that went wrong in the middle."""


def test_what_was_raised_within_undoes_all_of_it_and_nothing_else(box: Outbox, tmp_path: Path) -> None:
    """An end held from before outlives a transaction that failed, once; what was begun and ended within it never was."""
    held, open_yet = box.start(lambda _: b"held", lambda _: b"open"), 1
    box.finish(held, record(held), "boot", {"last": b"held"}, with_next=True)

    def fail() -> None:
        with box.together():
            box.finish(open_yet, record(open_yet), "boot", {"last": b"within"})
            fill(box, 1)
            box.keep("also", b"within")
            assert [one.seq for one in box.sealable()] == [0, 1, 2]
            raise Stopped

    for _ in range(2):
        with pytest.raises(Stopped):
            fail()
        assert [number for number, _ in box.open_intents()] == [open_yet]
        assert box.kept("last") is box.kept("also") is None
        assert box.tally().next_seq == 2
    box.finish(open_yet, record(open_yet), "boot")
    fill(box, 1)
    assert box.kept("last") == b"held"
    assert [one.line for one in box.sealable()] == [record(seq) for seq in range(3)]
    assert box.tally().lost == 0
    with contextlib.closing(Outbox(tmp_path / NAME, seed)) as other:
        assert other.open_intents() == []
        assert other.recent() == box.recent()


def test_several_intents_are_all_there_or_none(box: Outbox, tmp_path: Path) -> None:
    """Wherever the power is cut while several starts are written, all of them are open afterwards or none is."""
    fill(box, 1)
    before = (tmp_path / NAME / FILES[0]).stat().st_size
    box.start(*[lambda number: b"%d" % number + bytes(3000)] * 3)
    after = (tmp_path / NAME / FILES[0]).stat().st_size
    found = []
    for length in range(before, after + 1):
        folder = tmp_path / f"cut-{length}"
        shutil.copytree(tmp_path / NAME, folder)
        os.truncate(folder / FILES[0], length)
        with contextlib.closing(Outbox(folder, seed)) as cut:
            found.append((len(cut.open_intents()), cut.tally().next_seq))
    assert len(found) > 50
    assert found == [(0, 1)] * (len(found) - 1) + [(3, 4)]
