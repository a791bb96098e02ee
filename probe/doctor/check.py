"""One thing looked at: how it is, what was found, and what to do. Data only."""

from dataclasses import dataclass
from typing import Literal

Level = Literal["ok", "note", "look"]  # fine; worth knowing; stands in the way of good evidence


@dataclass(frozen=True, slots=True)
class Check:
    """One thing looked at."""

    name: str
    level: Level
    found: str
    advice: str = ""

    @property
    def good(self) -> bool:
        """Whether nothing has to be done."""
        return self.level != "look"


def fine(name: str, found: str) -> Check:
    """Say that it is as it should be."""
    return Check(name, "ok", found)


def note(name: str, found: str, advice: str = "") -> Check:
    """Say what is worth knowing, and does no harm."""
    return Check(name, "note", found, advice)


def wrong(name: str, found: str, advice: str) -> Check:
    """Say what stands in the way, and what to do about it."""
    return Check(name, "look", found, advice)
