"""A TOML table read key by key, which refuses whatever was not asked for. Knows nothing of criteria.

A misspelt limit is a missing limit, so a key that nobody took is an error that names its place (TOML 1.0).
"""

from collections.abc import Collection
from typing import Any

from shared.criteria.errors import CriterionError

_MOST = 2**53 - 1


class Table:
    """One table and where it stands; every key is taken once, then `close` finds what is left."""

    def __init__(self, raw: object, place: str) -> None:
        """Hold a table of parsed TOML; anything else at this place is refused."""
        if not isinstance(raw, dict):
            raise CriterionError(place, "must be a table")
        self._left: dict[str, Any] = dict(raw)
        self.place = place

    def __contains__(self, key: str) -> bool:
        """Whether the key is there and not yet taken."""
        return key in self._left

    def at(self, key: str) -> str:
        """The place of a key, for an error about it."""
        return f"{self.place}.{key}"

    def text(self, key: str, allowed: Collection[str] | None = None) -> str:
        """Text that is not empty, of the allowed ones if they are given."""
        return self._text(self._take(key), self.at(key), allowed)

    def texts(self, key: str, allowed: Collection[str] | None = None) -> tuple[str, ...]:
        """An array of such texts, none twice."""
        found = tuple(self._text(one, f"{self.at(key)}[{n}]", allowed) for n, one in enumerate(self._array(key)))
        if len(set(found)) != len(found):
            raise CriterionError(self.at(key), "names something twice")
        return found

    def integer(self, key: str, least: int, most: int = _MOST) -> int:
        """An integer from least to most."""
        return self._integer(self._take(key), self.at(key), least, most)

    def two_integers(self, key: str, least: int) -> tuple[int, int]:
        """An array of exactly two integers, none less than least."""
        found = tuple(
            self._integer(one, f"{self.at(key)}[{n}]", least, _MOST) for n, one in enumerate(self._array(key))
        )
        try:
            first, second = found
        except ValueError:
            raise CriterionError(self.at(key), "must be an array of two integers") from None
        return first, second

    def table(self, key: str) -> "Table":
        """The table below a key."""
        return Table(self._take(key), self.at(key))

    def tables(self, key: str) -> tuple["Table", ...]:
        """The array of tables below a key; none if the key is absent."""
        if key not in self:
            return ()
        return tuple(Table(one, f"{self.at(key)}[{n}]") for n, one in enumerate(self._array(key)))

    def unread(self) -> tuple[str, ...]:
        """What has not been taken yet."""
        return tuple(self._left)

    def close(self) -> None:
        """Refuse every key that was not taken."""
        if self._left:
            names = ", ".join(sorted(self._left))
            raise CriterionError(self.place, f"unknown key or parameter: {names:.200}")

    def _take(self, key: str) -> object:
        if key not in self._left:
            raise CriterionError(self.at(key), "is missing")
        return self._left.pop(key)

    def _array(self, key: str) -> list[Any]:
        found = self._take(key)
        if not isinstance(found, list) or not found:
            raise CriterionError(self.at(key), "must be an array that is not empty")
        return found

    @staticmethod
    def _text(raw: object, place: str, allowed: Collection[str] | None) -> str:
        if not isinstance(raw, str) or not raw.strip():
            raise CriterionError(place, "must be text that is not empty")
        if allowed is not None and raw not in allowed:
            raise CriterionError(place, f"{raw!r:.80} is unknown; known are {', '.join(allowed)}")
        return raw

    @staticmethod
    def _integer(raw: object, place: str, least: int, most: int) -> int:
        if type(raw) is not int or not least <= raw <= most:
            raise CriterionError(place, f"must be an integer from {least} to {most}")
        return raw
