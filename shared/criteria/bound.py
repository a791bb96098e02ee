"""A bare number with its operator. "Reaches" is >=, "falls below" is <: the operator is part of the rule and of its file."""

import operator
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final, Self

from shared.criteria.amounts import AMOUNTS, counted
from shared.criteria.table import Table

OPERATORS: Final[Mapping[str, Callable[[int, int], bool]]] = MappingProxyType(
    {"<": operator.lt, "<=": operator.le, "==": operator.eq, ">=": operator.ge, ">": operator.gt}
)


@dataclass(frozen=True, slots=True)
class Bound:
    """A bare number with its operator, such as "at least 34"."""

    op: str
    n: int

    @classmethod
    def read(cls, table: Table, key: str, ops: tuple[str, ...] = tuple(OPERATORS)) -> Self:
        """Read `key = { op = ">=", n = 34 }`."""
        inner = table.table(key)
        bound = cls(inner.text("op", ops), inner.integer("n", least=0))
        inner.close()
        return bound

    @classmethod
    def read_optional(cls, table: Table, key: str) -> Self | None:
        """The same, or None where the key is absent."""
        return cls.read(table, key) if key in table else None

    @property
    def least(self) -> int:
        """The smallest whole number it admits, 0 if any small one does."""
        return {"==": self.n, ">=": self.n, ">": self.n + 1}.get(self.op, 0)

    @property
    def most(self) -> int | None:
        """The largest whole number it admits, None if there is none."""
        return {"==": self.n, "<=": self.n, "<": self.n - 1}.get(self.op)

    def admits(self, number: int, scale: int = 1) -> bool:
        """Whether the number stands to `n` (times scale) as the operator says."""
        return OPERATORS[self.op](number, self.n * scale)

    def words(self, noun: str) -> str:
        """The bound as an amount of something."""
        return f"{AMOUNTS[self.op]} {counted(self.n, noun)}"
