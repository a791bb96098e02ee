"""JSON and XML that somebody else's program wrote: read with a limit on everything, or refused with a ValueError. Pure.

The XML reader knows exactly what HiLink devices send: one element around leaves that hold plain text. A document type, an
entity, a comment, an attribute or a leaf inside a leaf is not taken, so there is nothing to expand and nothing to fetch.
"""

import json
import re
from collections.abc import Mapping
from typing import Final, TypeVar

V = TypeVar("V")

MOST_CHARACTERS: Final = 1 << 18
WHY_CHARACTERS: Final = 80
_LEAF = re.compile(r"<([A-Za-z][A-Za-z0-9_]{0,63})>([^<>&]{0,256})</\1>")


def read_json(text: str) -> object:
    """Read JSON; raises ValueError, for what is nested too deeply too."""
    if len(text) > MOST_CHARACTERS:
        raise ValueError("longer than any answer")
    try:
        return json.loads(text)
    except RecursionError as error:
        raise ValueError("nested too deeply") from error


def members(told: object) -> dict[str, object]:
    """Give an object's members; of anything else there are none."""
    return {key: value for key, value in told.items() if isinstance(key, str)} if isinstance(told, dict) else {}


def items(told: object) -> list[object]:
    """Give a list's items; of anything else there are none."""
    return list(told) if isinstance(told, list) else []


def known(table: Mapping[object, V], told: object) -> V | None:
    """Look a word or a whole number up; None if it is neither, or nobody knows it. True is no 1."""
    return table.get(told) if type(told) in {str, int} else None


def read_leaves(text: str) -> dict[str, str]:
    """Read an XML answer's leaves by name; one that stands there twice is left out. Raises ValueError."""
    if len(text) > MOST_CHARACTERS:
        raise ValueError("longer than any answer")
    if "<!" in text:
        raise ValueError("XML with a declaration inside")
    found = _LEAF.findall(text)
    names = [leaf for leaf, _value in found]
    return {leaf: value.strip() for leaf, value in found if names.count(leaf) == 1}


def few_words(text: str) -> str:
    """Shorten somebody else's words to what a record has room for: one line of printable ASCII."""
    plain = text.encode("ascii", "replace").decode("ascii")
    return " ".join("".join(letter if letter.isprintable() else " " for letter in plain).split())[:WHY_CHARACTERS]
