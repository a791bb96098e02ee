"""Marks: each gets one record, whoever writes when."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from probe.marks import (
    MOST_CHARACTERS,
    MOST_WAITING,
    Mark,
    Marks,
    clean,
    members,
    noted,
    pending,
    read_marks,
    read_written,
    with_mark,
)

MARK = Mark(5, 3, "boot", "nothing loads")


def test_no_marks() -> None:
    """Nothing kept is no marks."""
    assert read_marks(None) == read_marks(b"") == Marks()
    assert read_written(None) == read_written(b"") == 0
    assert pending(None, None) == ()


def test_what_a_record_says() -> None:
    """A record of a mark has no slot, so that it never enters statistics; words only if there are any."""
    assert members(MARK) == {"method": "mark", "mono_us": 3, "ver": 1, "wall_us": 5, "words": "nothing loads"}
    assert members(Mark(5, 3, "boot")) == {"method": "mark", "mono_us": 3, "ver": 1, "wall_us": 5}


@given(st.lists(st.sampled_from(["mark", "write"]), max_size=60))
def test_each_mark_is_written_once(steps: list[str]) -> None:
    """However marking and writing take turns, every mark is written once and in order."""
    kept = done = None
    made, wrote = 0, []
    for step in steps:
        if step == "mark":
            kept = with_mark(kept, done, Mark(made, 0, "boot"))
            made += 1
        elif found := pending(kept, done):
            number, mark = found[0]
            wrote.append(mark.wall_us)
            done = noted(number)
    assert wrote + [mark.wall_us for _, mark in pending(kept, done)] == list(range(made))


def test_a_mark_from_before_the_last_write() -> None:
    """A command that read `marked` before a mark was written repeats it harmlessly: it is known as written."""
    first = with_mark(None, None, Mark(0, 0, "boot"))
    done = noted(0)
    both = with_mark(first, None, Mark(1, 0, "boot"))
    assert [mark.wall_us for _, mark in pending(both, done)] == [1]


def test_a_kept_value_that_was_lost() -> None:
    """After the loss of `mark` a new one is not taken for one that was written."""
    assert [mark for _, mark in pending(with_mark(None, noted(41), MARK), noted(41))] == [MARK]


def test_no_more_than_fit() -> None:
    """Of marks that nobody writes the last ones are kept."""
    kept = None
    for number in range(MOST_WAITING + 5):
        kept = with_mark(kept, None, Mark(number, 0, "boot"))
    assert [mark.wall_us for _, mark in pending(kept, None)] == list(range(5, MOST_WAITING + 5))


def test_words_as_they_are_kept() -> None:
    """Words are one printable line of a length people read."""
    assert clean("  bad\n\x1b[31m now \u202e") == "bad [31m now"
    assert len(clean("ä" * 1000)) == MOST_CHARACTERS


@given(st.binary(), st.binary())
def test_damaged_values_are_begun_anew(kept: bytes, done: bytes) -> None:
    """Whatever was kept, the next mark waits for its record and gets it."""
    after = with_mark(kept, done, MARK)
    ((number, mark),) = pending(after, done)
    assert mark == MARK
    assert pending(after, noted(number)) == ()


@pytest.mark.parametrize(
    "one",
    [
        b"1",
        b"{}",
        b'{"boot":"b","mono_us":1}',
        b'{"boot":"b","mono_us":-1,"wall_us":1}',
        b'{"boot":2,"mono_us":1,"wall_us":1}',
    ],
)
def test_what_is_no_mark(one: bytes) -> None:
    """A list with anything else in it holds no marks; words that are no text are left out."""
    assert read_marks(b'{"first":0,"marks":[%b]}' % one) == Marks()
    worded = b'{"first":3,"marks":[{"boot":"b","mono_us":1,"wall_us":2,"words":3}]}'
    assert read_marks(worded) == Marks(3, (Mark(2, 1, "b"),))
