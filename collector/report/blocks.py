"""The pieces that a report is made of: what is said, in which order and how loud, and nothing about pages or fonts.

Words are plain text as they came; whoever sets them must not take any of them for markup.
"""

from dataclasses import dataclass
from typing import Literal

from collector.web.figure import Key

Tone = Literal["ink", "quiet", "bad", "good", "unsure", "accent"]


@dataclass(frozen=True, slots=True)
class Heading:
    """The title of a part (level 1), of a piece of it (2) or of a few lines (3)."""

    words: str
    level: int = 1


@dataclass(frozen=True, slots=True)
class Text:
    """A paragraph."""

    words: str
    tone: Tone = "ink"


@dataclass(frozen=True, slots=True)
class Bullets:
    """Short paragraphs in a list; each with a sign of its own, or a dot."""

    items: tuple[tuple[str, str], ...]  # sign (empty: a dot), words


@dataclass(frozen=True, slots=True)
class Facts:
    """What something is: labels with their values. `exact`: values are to be compared letter by letter."""

    rows: tuple[tuple[str, str], ...]
    exact: bool = False


@dataclass(frozen=True, slots=True)
class Table:
    """A head and rows of as many cells. `widths` are parts of the whole; columns in `numbers` stand at the right."""

    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    widths: tuple[int, ...]
    numbers: frozenset[int] = frozenset()


@dataclass(frozen=True, slots=True)
class Quote:
    """Somebody's own words, and whose and when."""

    words: str
    source: str


@dataclass(frozen=True, slots=True)
class Banner:
    """The answer, in one word and a sentence."""

    sign: str
    word: str
    words: str
    tone: Tone


@dataclass(frozen=True, slots=True)
class Picture:
    """An SVG picture of the page, its legend, and what it shows in words."""

    svg: str
    caption: str
    legend: tuple[Key, ...] = ()


Block = Heading | Text | Bullets | Facts | Table | Quote | Banner | Picture
