"""What a rule does to a line in a known state: how often chance alone would meet each of its deviations.

The figures are data (`operating.toml`), shown beside a finding. `chance` computes them from the rule itself, exactly, in
fractions: of the smallest set that the rule takes for complete, each result passes the deviation's limit with the same
probability and independently of the others. Real tests minutes apart repeat each other, so chance does more than these figures.
"""

import tomllib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cache
from importlib import resources
from math import comb
from types import MappingProxyType
from typing import Final

from collector.judge.deviation import AnyDeviation, BadCount, DaysWithAny, Quantile, Share, SuccessShare
from collector.judge.sample import Direction
from shared.criteria.table import Table

_FILE: Final = "operating.toml"


class NotComputable(ValueError):
    """How often chance meets a deviation hangs on more than how often one result passes its limit."""


@dataclass(frozen=True, slots=True)
class Operating:
    """Of one deviation: if one result passes its limit in `percent` of cases, it is met in `says_percent` of all sets."""

    deviation: str
    directions: tuple[Direction, ...]
    state: str
    percent: tuple[str, ...]
    says_percent: tuple[str, ...]
    in_limits: bool

    def as_json(self) -> dict[str, object]:
        """The row as a JSON object of text and arrays."""
        return {
            "deviation": self.deviation,
            "state": self.state,
            "percent": list(self.percent),
            "says_percent": list(self.says_percent),
        }


@cache
def operating() -> Mapping[str, tuple[Operating, ...]]:
    """The rows of each shipped rule that has any, by its id; raises CriterionError if the file is not in its form."""
    table = Table(tomllib.loads((resources.files("collector.judge") / _FILE).read_text()), _FILE)
    return MappingProxyType({name: tuple(_rows(table.tables(name))) for name in table.unread()})


def rows_of(criterion: str, direction: Direction) -> tuple[Operating, ...]:
    """The rows of a rule for a direction."""
    return tuple(one for one in operating().get(criterion, ()) if direction in one.directions)


def _rows(tables: Sequence[Table]) -> Iterator[Operating]:
    for one in tables:
        yield Operating(
            deviation=one.text("deviation"),
            directions=tuple(Direction(way) for way in one.texts("directions", tuple(Direction))),
            state=one.text("state"),
            percent=one.texts("percent"),
            says_percent=one.texts("says_percent"),
            in_limits=one.text("in_limits", ("yes", "no")) == "yes",
        )
        one.close()


def chance(deviation: AnyDeviation, per_date: Sequence[int], passes: Fraction) -> Fraction:
    """The probability that the deviation is met, results being independent.

    `per_date`: how many results there are on each date; `passes`: the probability that one passes the deviation's limit (of
    successes: that it succeeds). Raises NotComputable for runs, means and counts within a span.
    """
    n = sum(per_date)
    if isinstance(deviation, SuccessShare):
        return _over([passes] * n, lambda k: deviation.percent.admits(100 * k, n))
    match deviation.primitive:
        case Share(percent=share):
            return _over([passes] * n, lambda k: share.admits(100 * k, n))
        case BadCount(results=results, within_s=None):
            return _over([passes] * n, results.admits)
        case DaysWithAny(dates=dates):
            return _over([1 - (1 - passes) ** tests for tests in per_date], dates.admits)
        case Quantile(percent=percent) if deviation.threshold.op in {"<", "<=", ">", ">="}:
            rank = -(-percent * n // 100)
            enough = rank if deviation.threshold.op in {"<", "<="} else n - rank + 1
            return _over([passes] * n, lambda k: k >= enough)
        case primitive:
            raise NotComputable(f"{deviation.name}: no exact chance of {type(primitive).__name__} is known")


def _over(each: Sequence[Fraction], met: Callable[[int], bool]) -> Fraction:
    """The probability that a number for which `met` holds of independent events happen, which have these probabilities."""
    if len(set(each)) == 1:
        n, p = len(each), each[0]
        return sum((comb(n, k) * p**k * (1 - p) ** (n - k) for k in range(n + 1) if met(k)), Fraction(0))
    numbers = [Fraction(1)]
    for p in each:
        more = [Fraction(0), *(p * one for one in numbers)]
        numbers = [same * (1 - p) + one for same, one in zip([*numbers, Fraction(0)], more, strict=True)]
    return sum((one for k, one in enumerate(numbers) if met(k)), Fraction(0))


def tenths(chance_of_it: Fraction) -> str:
    """A probability in percent, rounded to a tenth, halves up."""
    whole, tenth = divmod((chance_of_it * 1000 * 2 + 1) // 2, 10)
    return f"{whole}.{tenth}"
