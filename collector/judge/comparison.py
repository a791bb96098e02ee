"""Thresholds: every comparison of results that a criterion makes, in whole numbers.

"Reaches" is >=, "falls below" is <, "longer than" is >: the operator is part of the rule and comes from its
file. A percentage is never divided out: 100 * result is compared with percent * promised value.
"""

from dataclasses import dataclass
from typing import Final, Self

from collector.judge.sample import CONTRACT_VALUES, Contract
from collector.judge.words import LEVELS, PROMISES, figure
from shared.criteria.amounts import decimal
from shared.criteria.bound import OPERATORS
from shared.criteria.table import Table

AREA_CLASS: Final = "area_class"
_WHOLE: Final = 100  # percent


@dataclass(frozen=True, slots=True)
class Limit:
    """A threshold with the contract's value put in: an operator and a hundredfold number of bit/s or µs."""

    op: str
    hundredths: int
    unit: str
    words: str

    def admits(self, total: int | None, n: int = 1) -> bool:
        """Whether total / n passes; None, what never arrived, is larger than every number."""
        if total is None:
            return self.op in {">", ">="}
        return OPERATORS[self.op](_WHOLE * total, self.hundredths * n)


@dataclass(frozen=True, slots=True)
class Threshold:
    """What a result is held against: a share of a promised value, or a fixed figure of the rule itself."""

    op: str
    unit: str
    of: str | None
    percent: int
    percent_by_area: tuple[tuple[str, int], ...]
    fixed: int

    @classmethod
    def read(cls, table: Table, key: str) -> Self:
        """Read `{ op, percent, of }`, `{ op, percent_by_area = {…}, of }`, `{ op, bps }` or `{ op, us }`."""
        inner = table.table(key)
        op = inner.text("op", OPERATORS)
        of, unit, percent, fixed = None, "", 0, 0
        by_area: tuple[tuple[str, int], ...] = ()
        if "of" in inner:
            of = inner.text("of", CONTRACT_VALUES)
            unit = of.rpartition("_")[2]
            if "percent_by_area" in inner:
                shares = inner.table("percent_by_area")
                by_area = tuple((area, shares.integer(area, least=1)) for area in shares.unread())
            else:
                percent = inner.integer("percent", least=1)
        else:
            unit = "us" if "us" in inner else "bps"
            fixed = inner.integer(unit, least=1)
        inner.close()
        return cls(op, unit, of, percent, by_area, fixed)

    def lacks(self, contract: Contract) -> tuple[str, ...]:
        """The contract members this threshold needs and does not find, or does not know."""
        value = (self.of,) if self.of is not None and contract.value(self.of) is None else ()
        unknown = self.percent_by_area and contract.area_class not in dict(self.percent_by_area)
        return value + ((AREA_CLASS,) if unknown else ())

    def limit(self, contract: Contract) -> Limit:
        """The threshold for one contract; only to be asked for when it `lacks` nothing."""
        if self.of is None:
            words = f"{LEVELS[self.op]} {figure(_WHOLE * self.fixed, self.unit)}"
            return Limit(self.op, _WHOLE * self.fixed, self.unit, words)
        promised = contract.value(self.of)
        if promised is None:
            raise KeyError(self.of)
        percent = dict(self.percent_by_area)[str(contract.area_class)] if self.percent_by_area else self.percent
        whole = f"the {PROMISES[self.of]} {figure(_WHOLE * promised, self.unit)}"
        share = f"{percent} % of {whole} ({figure(percent * promised, self.unit)})"
        return Limit(
            self.op,
            percent * promised,
            self.unit,
            f"{LEVELS[self.op]} {whole if percent == _WHOLE else share}",
        )


def mean_words(total: int | None, n: int, unit: str) -> str:
    """A mean for reading, cut (not rounded) to the last whole bit/s or µs."""
    if total is None:
        return "without end"
    return f"{decimal(total // n, 6)} Mbit/s" if unit == "bps" else f"{decimal(total // n, 3)} ms"
