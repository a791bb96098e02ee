"""Letters: which ones the report's own type has, and what stands for those that it has not. Pure.

The type (DejaVu Sans Condensed; Latin, Greek, Cyrillic, Hebrew, Arabic, Armenian, Georgian, signs) comes with the program, so
that a report looks the same wherever it is made. What it lacks is named, never dropped: an emoji by its name, anything else by
its number. The words themselves are in what is attached, as they came.
"""

import struct
import unicodedata
from functools import cache
from importlib.resources import files
from importlib.resources.abc import Traversable
from typing import Final

FAMILY: Final = "report"
FILES: Final = {"": "DejaVuSansCondensed.ttf", "B": "DejaVuSansCondensed-Bold.ttf"}
_RIGHT: Final = frozenset({"R", "AL"})  # Unicode's bidirectional classes of what is written from the right
_HIDDEN: Final = frozenset({"Cc", "Cf", "Cs", "Co", "Cn"})
_JOINERS: Final = frozenset(
    "\u200c\u200d\u200e\u200f"
)  # mean something beside letters that are joined, and are not seen


def font_file(style: str) -> Traversable:
    """The font file of a style: "" or "B"."""
    return files("collector.report").joinpath("fonts", FILES[style])


def printable(words: str) -> str:
    """Words as they can be set: line feeds stay; what the type lacks, or nobody would see, is named in its place."""
    return "".join(letter if letter == "\n" else _shown(letter) for letter in unicodedata.normalize("NFC", words))


def from_the_right(words: str) -> bool:
    """Whether any of it is written from right to left."""
    return any(unicodedata.bidirectional(letter) in _RIGHT for letter in words)


def _shown(letter: str) -> str:
    if letter == "\t":
        return " "
    if letter in _JOINERS or letter == "\N{VARIATION SELECTOR-16}":
        return ""
    kind = unicodedata.category(letter)
    if kind not in _HIDDEN and ord(letter) in covered():
        return letter
    name = unicodedata.name(letter, "") if kind == "So" else ""
    return f"‹{name.lower() or f'U+{ord(letter):04X}'}›"


@cache
def covered() -> frozenset[int]:
    """The code points that both styles have, out of their `cmap` tables (OpenType 1.9, formats 4 and 12)."""
    return _code_points(font_file("").read_bytes()) & _code_points(font_file("B").read_bytes())


def _code_points(data: bytes) -> frozenset[int]:
    tables = struct.unpack_from(">H", data, 4)[0]
    entries = (struct.unpack_from(">4sLLL", data, 12 + 16 * number) for number in range(tables))
    begin = next(offset for tag, _, offset, _ in entries if tag == b"cmap")
    found: set[int] = set()
    for number in range(struct.unpack_from(">H", data, begin + 2)[0]):
        at = begin + struct.unpack_from(">HHL", data, begin + 4 + 8 * number)[2]
        form = struct.unpack_from(">H", data, at)[0]
        if form == 4:  # noqa: PLR2004 - the format's number
            count = struct.unpack_from(">H", data, at + 6)[0] // 2
            ends = struct.unpack_from(f">{count}H", data, at + 14)
            starts = struct.unpack_from(f">{count}H", data, at + 16 + 2 * count)
            found.update(one for start, end in zip(starts, ends, strict=True) for one in range(start, end + 1))
        elif form == 12:  # noqa: PLR2004 - the format's number
            groups = struct.unpack_from(">L", data, at + 12)[0]
            for group in range(groups):
                start, end, _ = struct.unpack_from(">LLL", data, at + 16 + 12 * group)
                found.update(range(start, end + 1))
    return frozenset(found) - {0xFFFF}
