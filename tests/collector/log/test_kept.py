"""Things under numbers in a file that grows: whatever is cut off its end, what was whole before is there."""

import contextlib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.log.kept import KeptFile

THINGS = st.lists(st.tuples(st.integers(0, 50), st.binary(max_size=40)), max_size=12)


def opened(path: Path, most_bytes: int = 64) -> contextlib.closing[KeptFile]:
    """The file, for as long as the block lasts."""
    return contextlib.closing(KeptFile(path, most_bytes))


@given(THINGS, st.data())
def test_what_was_kept_is_there(
    tmp_path_factory: pytest.TempPathFactory, things: list[tuple[int, bytes]], data: st.DataObject
) -> None:
    """The first under each number, in their order, also after a start; a torn end is cut off, and it goes on behind."""
    path = tmp_path_factory.mktemp("x") / "kept"
    ends, wanted = [0], [dict[int, bytes]()]
    with opened(path) as kept:
        for number, thing in things:
            kept.put(number, thing)
            ends.append(path.stat().st_size)
            wanted.append({number: thing} | wanted[-1])
    cut = data.draw(st.integers(0, ends[-1]))
    whole = path.read_bytes()
    path.write_bytes(whole[:cut])
    count = max(at for at, end in enumerate(ends) if end <= cut)
    for _ in range(2):
        with opened(path) as kept:
            assert list(kept.numbers) == sorted(wanted[count])
            assert {number: kept.get(number) for number in kept.numbers} == wanted[count]
            assert path.stat().st_size == ends[count]
            assert kept.get(99) is None
            for number in range(52):
                assert kept.above(number) == min((one for one in wanted[count] if one > number), default=None)
    with opened(path) as kept:
        kept.put(99, b"more")
    with opened(path) as kept:
        assert kept.get(99) == b"more"


def test_too_long(tmp_path: Path) -> None:
    """What is longer than anything there is not kept, nor read as if it were."""
    with opened(tmp_path / "kept", 3) as kept, pytest.raises(ValueError, match="at most 3 bytes"):
        kept.put(1, b"long")
    with opened(tmp_path / "kept") as kept:
        kept.put(1, b"long")
    with opened(tmp_path / "kept", 3) as kept:
        assert not kept.numbers
