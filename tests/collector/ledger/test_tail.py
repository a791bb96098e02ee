"""Following the ledger as it grows."""

import contextlib
from pathlib import Path

import pytest
from fakes.clock import FakeClock
from fakes.entries import draft, kept
from hypothesis import given, settings
from hypothesis import strategies as st

from collector.errors import LedgerDamaged
from collector.ledger.segments import read_entries
from collector.ledger.tail import Tail
from collector.ledger.writer import Ledger


@given(
    steps=st.lists(st.tuples(st.integers(0, 4), st.integers(1, 5)), min_size=1, max_size=8),
    segment_bytes=st.sampled_from([1, 300, 1 << 20]),
    start=st.integers(0, 3),
)
@settings(max_examples=40, deadline=None)
def test_tail_is_the_ledger(
    tmp_path_factory: pytest.TempPathFactory, steps: list[tuple[int, int]], segment_bytes: int, start: int
) -> None:
    """Read in any steps while it is written in any steps, from any number on, each entry comes once and in order."""
    folder = tmp_path_factory.mktemp("ledger")
    with contextlib.closing(Ledger(folder, FakeClock(), segment_bytes=segment_bytes)) as ledger:
        kept(ledger, [draft(str(number)) for number in range(start)])
        tail, found = Tail(folder, start), []
        for appended, most in steps:
            kept(ledger, [draft("x", 40) for _ in range(appended)])
            found += tail.read(ledger.last_no, most)
        while more := tail.read(ledger.last_no):
            found += more
    assert found == list(read_entries(folder, start))


def test_tail_reads_no_further_than_told(tmp_path: Path) -> None:
    """What is beyond the newest entry that is known to be on disk is not looked at."""
    with contextlib.closing(Ledger(tmp_path, FakeClock())) as ledger:
        entries = kept(ledger, [draft("one"), draft("two"), draft("three")])
    tail = Tail(tmp_path, 0)
    assert tail.read(2) == entries[:2]
    assert tail.read(2) == []
    assert tail.read(3) == entries[2:]


def test_index_ahead_of_the_ledger(tmp_path: Path) -> None:
    """An index that knows more than the ledger holds is not followed on: one of the two is not what it was."""
    with contextlib.closing(Ledger(tmp_path, FakeClock())) as ledger:
        kept(ledger, [draft("one")])
    with pytest.raises(LedgerDamaged, match="the index knows entry 2, the ledger ends before it"):
        Tail(tmp_path, 2)


def test_damage_on_the_way(tmp_path: Path) -> None:
    """A frame that does not read back stops the tail with its place."""
    with contextlib.closing(Ledger(tmp_path, FakeClock())) as ledger:
        entries = kept(ledger, [draft("one"), draft("two")])
    tail = Tail(tmp_path, 0)
    path = tmp_path / entries[1].segment
    path.write_bytes(path.read_bytes()[:-2] + b"?\n")
    assert tail.read(2, 1) == entries[:1]
    with pytest.raises(LedgerDamaged, match=f"at byte {entries[1].offset}"):
        tail.read(2)
    path.write_bytes(path.read_bytes()[: entries[1].offset] + b"\n")
    with pytest.raises(LedgerDamaged):
        tail.read(2)


def test_entries_larger_than_a_chunk_together(tmp_path: Path) -> None:
    """Entries of several MiB come whole, although they are read in chunks."""
    with contextlib.closing(Ledger(tmp_path, FakeClock())) as ledger:
        entries = kept(ledger, [draft(str(number), 7 * 1024 * 1024) for number in range(4)])
    tail, found = Tail(tmp_path, 0), []
    while more := tail.read(4):
        found += more
    assert [entry.no for entry in found] == [1, 2, 3, 4]
    assert found == entries
