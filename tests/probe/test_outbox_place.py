"""The device's place in its chain, as a line in a file: whole, or not there."""

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from probe.errors import StateUnusable
from probe.outbox import is_there
from probe.outbox.place import End, Place, PlaceFile, read_place
from shared.chain import Head
from shared.errors import Malformed
from shared.strictjson import MAX_INTEGER

numbers = st.integers(0, MAX_INTEGER)
ends = st.none() | st.builds(End, numbers, numbers, numbers, numbers)
places = st.builds(Place, st.builds(Head, numbers, numbers, st.just("5e" * 32)), numbers, st.binary(max_size=32), ends)


@given(places)
def test_a_place_reads_as_it_was_written(place: Place) -> None:
    """Writing and reading are inverse."""
    assert read_place(place.encode()) == place


@given(place=places, data=st.data())
def test_a_place_that_is_cut_is_none(place: Place, data: st.DataObject) -> None:
    """Whatever is missing of the line, its last byte too, what is left is no place."""
    line = place.encode()
    with pytest.raises(Malformed):
        read_place(line[: data.draw(st.integers(0, len(line) - 1))])


@given(place=places, data=st.data())
def test_a_place_of_which_a_byte_flipped_is_none(place: Place, data: st.DataObject) -> None:
    """Whichever byte is another one, a digit of a number too, it is no place."""
    line = bytearray(place.encode())
    line[data.draw(st.integers(0, len(line) - 1))] ^= data.draw(st.integers(1, 255))
    with pytest.raises(Malformed):
        read_place(bytes(line))


@given(junk=st.binary(max_size=200))
def test_any_bytes_are_a_place_or_malformed(junk: bytes) -> None:
    """Nothing but Malformed comes of bytes that are no place."""
    with pytest.raises(Malformed):
        read_place(junk)


def test_a_place_is_for_its_owner_and_replaced_whole(tmp_path: Path) -> None:
    """The file is private, takes the old one's place, and an absent one says nothing."""
    file = PlaceFile(tmp_path / "place")
    assert file.read() is None
    for number in (1, 2):
        file.write(Place(Head(number, 5, "a" * 64), 7, b"seed"))
        assert file.read() == Place(Head(number, 5, "a" * 64), 7, b"seed")
    assert [each.name for each in tmp_path.iterdir()] == ["place"]
    if os.name == "posix":
        assert file.path.stat().st_mode & 0o777 == 0o600


def test_a_place_that_cannot_be_written_says_so(tmp_path: Path) -> None:
    """A folder that is none is refused by name."""
    with pytest.raises(StateUnusable, match="cannot be written"):
        PlaceFile(tmp_path / "none" / "place").write(Place(Head(), 0, b""))


def test_an_outbox_is_there_while_it_is_mended(tmp_path: Path) -> None:
    """A damaged file that was moved away and not yet made anew does not pass for an outbox that is gone."""
    folder = tmp_path / "outbox"
    assert not is_there(folder)
    folder.mkdir()
    (folder / "place").touch()
    assert not is_there(folder)
    folder.with_name("outbox.sqlite-mending").touch()
    assert is_there(folder)
    folder.with_name("outbox.sqlite-mending").unlink()
    (folder / "00000002.log").touch()
    assert is_there(folder)
