"""Sealed segments: hashed, chained, closed for writing, and made again if a crash took a seal."""

import contextlib
import errno
from pathlib import Path

import pytest
from fakes.clock import FakeClock
from fakes.entries import draft, kept

from collector.errors import LedgerDamaged, StorageFull
from collector.ledger.names import seal_file, segment_name
from collector.ledger.seals import NO_SEAL, read_seal, seal_missing
from collector.ledger.segments import check_sealed, read_entries
from collector.ledger.writer import Ledger
from shared.errors import Malformed


def sealed(folder: Path, texts: int = 4) -> int:
    """A closed ledger with so many segments, the last of which grows; how many are sealed."""
    with contextlib.closing(Ledger(folder, FakeClock(), segment_bytes=1)) as ledger:
        kept(ledger, [draft(str(number)) for number in range(texts)])
    return texts - 1


def test_seals_are_a_chain(tmp_path: Path) -> None:
    """Every segment but the growing one is sealed, read-only, and named by the seal after it."""
    last = NO_SEAL
    for number in range(1, sealed(tmp_path) + 1):
        seal = check_sealed(tmp_path, number)
        assert (seal.prev, seal.first_no, seal.last_no) == (last.identity, number, number)
        assert (tmp_path / segment_name(number)).stat().st_mode & 0o777 == 0o400
        assert read_seal(seal.line) == seal
        last = seal
    assert not seal_file(tmp_path, 4).exists()
    assert seal_missing(tmp_path, 4) == last


def test_a_lost_seal_is_made_again(tmp_path: Path) -> None:
    """A seal that a crash took is made of its segment at the next start, the same to the byte."""
    sealed(tmp_path)
    file = seal_file(tmp_path, 2)
    before = file.read_bytes()
    file.unlink()
    with contextlib.closing(Ledger(tmp_path, FakeClock())):
        assert file.read_bytes() == before


def test_cut_off_between_seal_and_segment(tmp_path: Path) -> None:
    """A writer cut off when its segment was sealed and the next not begun goes on with the next, and never in the sealed."""
    sealed(tmp_path)
    (tmp_path / segment_name(4)).unlink()
    with contextlib.closing(Ledger(tmp_path, FakeClock())) as ledger:
        (entry,) = kept(ledger, [draft("on")])
        assert (entry.segment, entry.no) == (segment_name(4), 4)
    assert [entry.no for entry in read_entries(tmp_path)] == [1, 2, 3, 4]


@pytest.mark.parametrize("place", range(0, 300, 11))
def test_a_changed_segment_shows(tmp_path: Path, place: int) -> None:
    """A flipped bit in a sealed segment is found and the file named."""
    sealed(tmp_path)
    segment = tmp_path / segment_name(2)
    data = bytearray(segment.read_bytes())
    data[place % len(data)] ^= 1
    segment.chmod(0o600)
    segment.write_bytes(data)
    with pytest.raises(LedgerDamaged, match=segment.name):
        check_sealed(tmp_path, 2)


@pytest.mark.parametrize("damage", ["cut", "other", "gone"])
def test_a_seal_that_does_not_follow(tmp_path: Path, damage: str) -> None:
    """A seal that is cut, of another segment, or behind one that was made anew, stops the start and is named."""
    sealed(tmp_path)
    file = seal_file(tmp_path, 2)
    match damage:
        case "cut":
            file.write_bytes(file.read_bytes()[:-9])
        case "other":
            file.write_bytes(seal_file(tmp_path, 3).read_bytes())
        case _:
            file.write_bytes(file.read_bytes().replace(b'"size":', b'"size":1'))
    with pytest.raises(LedgerDamaged, match=r"00000[23]\.seal"):
        Ledger(tmp_path, FakeClock())


@pytest.mark.parametrize("line", [b"", b"{}", b'{"segment":1}', b"\xff"])
def test_what_is_no_seal(line: bytes) -> None:
    """What is no seal is Malformed."""
    with pytest.raises(Malformed):
        read_seal(line)


def test_no_room_for_a_seal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """If a seal cannot be written the group that needed a new segment is refused, and the next one sees it sealed."""

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with contextlib.closing(Ledger(tmp_path, FakeClock(), segment_bytes=1)) as ledger:
        kept(ledger, [draft("one")])
        with monkeypatch.context() as patch:
            patch.setattr("collector.ledger.seals.write_whole", full)
            with pytest.raises(StorageFull, match="No space left"):
                kept(ledger, [draft("refused")])
        kept(ledger, [draft("two")])
    assert check_sealed(tmp_path, 1).last_no == 1
    assert [entry.no for entry in read_entries(tmp_path)] == [1, 2]
