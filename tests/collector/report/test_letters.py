"""Letters: nothing is dropped, nothing is set that the type lacks."""

import io
import unicodedata

from fontTools.ttLib import TTFont
from hypothesis import given
from hypothesis import strategies as st

from collector.report.letters import FILES, covered, font_file, from_the_right, printable


def test_the_covered_letters_are_those_of_both_files() -> None:
    """Our reading of the fonts' tables is that of fontTools."""
    fonts = [TTFont(io.BytesIO(font_file(style).read_bytes())) for style in FILES]
    assert covered() == frozenset.intersection(*(frozenset(one.getBestCmap()) for one in fonts))


@given(st.text(st.characters(codec=None)))
def test_any_text_can_be_set(words: str) -> None:
    """Whatever comes, half a surrogate pair too, what is set is in the type, and line feeds stay where they were."""
    told = printable(words)
    assert {ord(letter) for letter in told if letter != "\n"} <= covered()
    assert told.count("\n") == unicodedata.normalize("NFC", words).count("\n")


def test_what_is_lacking_is_named() -> None:
    """An emoji by its name, another letter by its number, what nobody would see too; letters that are there stay."""
    assert printable("ü 📶 中\u202e") == "ü ‹antenna with bars› ‹U+4E2D›‹U+202E›"
    assert printable("Příklad Ж שלום مرحبا") == "Příklad Ж שלום مرحبا"


def test_direction() -> None:
    """Hebrew and Arabic are written from the right, wherever they stand in a text."""
    assert from_the_right("5 Mbit/s שלום") and from_the_right("مرحبا")
    assert not from_the_right("Ж 5 Mbit/s")
