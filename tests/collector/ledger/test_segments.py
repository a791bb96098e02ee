"""The ledger's files: rotation, a torn end, damage, a missing file."""

import contextlib
import shutil
from pathlib import Path

import pytest
from fakes.clock import FakeClock
from fakes.entries import draft, kept
from hypothesis import given
from hypothesis import strategies as st

from collector.errors import LedgerDamaged
from collector.ledger.frame import Draft, Entry, EntryKind, write_frame
from collector.ledger.names import segments
from collector.ledger.segments import Place, mend, read_at, read_entries
from collector.ledger.writer import Ledger


def a_ledger(folder: Path, texts: list[str], segment_bytes: int = 1 << 20) -> list[Entry]:
    """A closed ledger that holds these texts."""
    with contextlib.closing(Ledger(folder, FakeClock(), segment_bytes=segment_bytes)) as ledger:
        return kept(ledger, [draft(text) for text in texts])


def size_of_last(folder: Path) -> int:
    """How many bytes the last segment has."""
    return segments(folder)[-1].stat().st_size


def test_torn_end_at_every_byte(tmp_path: Path) -> None:
    """Wherever a crash cut the last frame, all entries before it stay, the rest is cut off, and writing goes on."""
    whole = tmp_path / "whole"
    entries = a_ledger(whole, ["one", "two", "three"])
    last = entries[-1].offset
    for end in range(last, size_of_last(whole)):
        folder = tmp_path / "torn"
        shutil.rmtree(folder, ignore_errors=True)
        shutil.copytree(whole, folder)
        with segments(folder)[0].open("r+b") as file:
            file.truncate(end)
        assert list(read_entries(folder)) == entries[:2]
        with contextlib.closing(Ledger(folder, FakeClock())) as ledger:
            assert (ledger.torn_bytes, ledger.last_no) == (end - last, 2)
            assert size_of_last(folder) == last
            added = kept(ledger, [draft("again")])
        assert list(read_entries(folder)) == [*entries[:2], *added]
        assert [entry.no for entry in added] == [3]


def test_torn_end_of_zeros(tmp_path: Path) -> None:
    """A file that grew before its bytes came, as after a loss of power, is cut like any other torn end."""
    entries = a_ledger(tmp_path, ["one", "two"])
    with segments(tmp_path)[0].open("r+b") as file:
        file.truncate(size_of_last(tmp_path) + 5000)
    place, cut = mend(tmp_path)
    assert (place.no, cut) == (3, 5000)
    assert list(read_entries(tmp_path)) == entries


def test_torn_end_that_holds_a_foreign_frame(tmp_path: Path) -> None:
    """Lines in the strict profile that look like a frame are body: a torn batch of them is cut off, not taken for damage."""
    entries = a_ledger(tmp_path, ["one"])
    hidden = write_frame(Draft(EntryKind.IMPORT, {}, b"{}\n"), 2, 0)[1:]
    frame = write_frame(Draft(EntryKind.BATCH, {}, b"{}\n" + hidden + b'{"seq":1}\n'), 2, 0)
    with segments(tmp_path)[0].open("ab") as file:
        file.write(frame[:-4])
    place, cut = mend(tmp_path)
    assert (place.no, cut) == (2, len(frame) - 4)
    assert list(read_entries(tmp_path)) == entries


def is_damage(folder: Path, name: str) -> bool:
    """Whether reading stops with damage, which must name the file."""
    try:
        list(read_entries(folder))
    except LedgerDamaged as damaged:
        return name in str(damaged)
    return False


@pytest.mark.parametrize("segment_bytes", [1 << 20, 400], ids=["one_segment", "two_segments"])
def test_damage_in_the_middle_is_never_cut(tmp_path: Path, segment_bytes: int) -> None:
    """A byte changed before the last frame is damage that is named, or another time or meta; and no byte is cut off."""
    entries = a_ledger(tmp_path, ["one", "two", "three", "four"], segment_bytes)
    path = tmp_path / entries[1].segment
    good, start = path.read_bytes(), entries[1].offset
    for place in range(start, entries[2].offset or len(good)):
        bad = bytearray(good)
        bad[place] ^= 0x01
        path.write_bytes(bad)
        if not is_damage(tmp_path, path.name):
            found = list(read_entries(tmp_path))
            assert [entry.body for entry in found] == [entry.body for entry in entries]
            assert found != entries
        with contextlib.suppress(LedgerDamaged):
            mend(tmp_path)
        assert path.read_bytes() == bytes(bad)


def test_damaged_body_is_refused_at_start(tmp_path: Path) -> None:
    """A collector does not open a ledger whose middle does not read back."""
    entries = a_ledger(tmp_path, ["one", "two", "three"])
    path = tmp_path / entries[0].segment
    path.write_bytes(path.read_bytes().replace(b'"text":"two"', b'"text":two', 1))
    with pytest.raises(LedgerDamaged, match=r"000001\.ndjson at byte \d+"):
        Ledger(tmp_path, FakeClock())


@pytest.mark.parametrize("gone", [0, 1])
def test_missing_segment_is_named(tmp_path: Path, gone: int) -> None:
    """A segment that is missing before the last one is seen, by name, by reader and writer."""
    a_ledger(tmp_path, ["one", "two", "three"], segment_bytes=1)
    assert len(segments(tmp_path)) == 3
    name = segments(tmp_path)[gone].name
    (tmp_path / name).unlink()
    with pytest.raises(LedgerDamaged, match=name):
        list(read_entries(tmp_path))
    with pytest.raises(LedgerDamaged, match=name):
        Ledger(tmp_path, FakeClock())


def test_swapped_segments_are_damage(tmp_path: Path) -> None:
    """Segments that changed their names do not pass for the ledger."""
    a_ledger(tmp_path, ["one", "two", "three"], segment_bytes=1)
    first, second, _ = segments(tmp_path)
    aside = tmp_path / "aside"
    first.rename(aside)
    second.rename(first)
    aside.rename(second)
    with pytest.raises(LedgerDamaged, match="entry 2 instead of 1"):
        list(read_entries(tmp_path))


def test_rotation(tmp_path: Path) -> None:
    """Small segments hold what one would: numbers go on over the files, and each file reads by itself."""
    texts = [f"text {number}" for number in range(20)]
    entries = a_ledger(tmp_path, texts, segment_bytes=500)
    assert len(segments(tmp_path)) >= 4
    assert [entry.no for entry in entries] == list(range(1, 21))
    assert list(read_entries(tmp_path)) == entries
    with contextlib.closing(Ledger(tmp_path, FakeClock(), segment_bytes=500)) as again:
        assert again.last_no == 20


@given(st.integers(0, 14))
def test_reading_after_a_number(tmp_path_factory: pytest.TempPathFactory, after_no: int) -> None:
    """Entries after a number are those of the whole, wherever segments end."""
    folder = tmp_path_factory.mktemp("ledger")
    entries = a_ledger(folder, [str(number) for number in range(12)], segment_bytes=300)
    assert list(read_entries(folder, after_no)) == entries[after_no:]


def test_empty_last_segment(tmp_path: Path) -> None:
    """A segment that was opened and never written to is no damage."""
    entries = a_ledger(tmp_path, ["one", "two"])
    (tmp_path / "000002.ndjson").touch()
    assert list(read_entries(tmp_path)) == entries
    assert list(read_entries(tmp_path, 1)) == entries[1:]
    assert mend(tmp_path) == (Place(2, 0, 3), 0)


def test_one_entry_at_its_place(tmp_path: Path) -> None:
    """An entry is found again by file and offset; another place is LedgerDamaged."""
    entries = a_ledger(tmp_path, ["one", "two"], segment_bytes=1)
    for entry in entries:
        found = read_at(tmp_path, entry.segment, entry.offset)
        assert (found.no, found.body, found.meta) == (entry.no, entry.body, entry.meta)
    for segment, offset in ((entries[0].segment, 1), ("000009.ndjson", 0), (entries[0].segment, 1 << 20)):
        with pytest.raises(LedgerDamaged, match=segment):
            read_at(tmp_path, segment, offset)
