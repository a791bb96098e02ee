"""A criterion: a published deviation rule as one versioned data file (TOML 1.0), read strictly.

Reads text it is given, and the files shipped in `shared.criteria`; opens nothing else. A key, primitive,
operator or parameter that is not part of the language is refused with its place: a rule that is half
understood is not judged by.
"""

import hashlib
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from types import MappingProxyType
from typing import Final

from collector.judge.comparison import AREA_CLASS
from collector.judge.deviation import AnyDeviation, read_deviation
from collector.judge.errors import CriterionError
from collector.judge.radio import RsrpRow
from collector.judge.sample import CONTRACT_VALUES, Case, Direction
from collector.judge.tally import Tally, sort_out
from collector.judge.validity import AnyValidity, FirstOfHour, OneNetwork, Validity, read_validity
from shared.criteria.completeness import Condition, Count, Days, Span, read_condition
from shared.criteria.files import shipped
from shared.criteria.table import Table

BASIS: Final = "basis"  # the name in `failed` for a contract value that is absent or unknown
FACTS_ONLY: Final = "facts_only"
STATUSES: Final = ("in_force", "superseded", "draft", "benchmark", FACTS_ONLY)
GRADES: Final = ("primary", "secondary", "inferred", "ours", "unverified")
_ID: Final = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")


@dataclass(frozen=True, slots=True)
class Source:
    """Where a part of the rule comes from, and how well that is known."""

    says: str
    where: str
    grade: str


@dataclass(frozen=True, slots=True)
class Criterion:
    """One rule; `sha256` is that of the file's bytes, so that a finding can name exactly what judged."""

    id: str
    version: str
    title: str
    jurisdiction: str
    status: str
    grade: str
    outcome: str
    basis: Mapping[Direction, tuple[str, ...]]
    validity: tuple[AnyValidity, ...]
    completeness: tuple[Condition, ...]
    deviation: tuple[AnyDeviation, ...]
    sources: tuple[Source, ...]
    limits: tuple[str, ...]
    sha256: str

    @property
    def leave_outs(self) -> tuple[Validity, ...]:
        """The rules by which a measurement does not count."""
        return tuple(one for one in self.validity if isinstance(one, Validity) and one.leaves_out)

    @property
    def voids(self) -> tuple[Validity | OneNetwork, ...]:
        """The rules that every counted measurement must keep."""
        return tuple(one for one in self.validity if not isinstance(one, FirstOfHour) and not one.leaves_out)

    @property
    def by_hour(self) -> FirstOfHour | None:
        """The rule by which one measurement of each hour is used, None if all are."""
        return next((one for one in self.validity if isinstance(one, FirstOfHour)), None)

    def narrow(self, tally: Tally) -> Tally:
        """Of what counts in a window, what is used."""
        return tally if self.by_hour is None else self.by_hour.narrow(tally)

    def tally(self, case: Case) -> Tally:
        """What the rule counts and uses of a window."""
        return self.narrow(sort_out(self.leave_outs, case))

    def deviations(self, direction: Direction) -> tuple[AnyDeviation, ...]:
        """The deviations that speak of a direction."""
        return tuple(one for one in self.deviation if direction in one.directions)

    def best_bps(self, direction: Direction) -> int:
        """The highest speed that the rule itself names for a direction, 0 if it holds results against promises only."""
        return max((one.fixed_bps for one in self.deviations(direction)), default=0)


def load_criterion(text: str | bytes, name: str) -> Criterion:
    """The criterion a file says, or CriterionError; `name` is the file's, for the message."""
    try:
        content = text.encode() if isinstance(text, str) else text
        table = Table(tomllib.loads(content.decode()), name)
    except (
        ValueError,
        RecursionError,
    ) as error:  # not UTF-8, not TOML, a number without end, nested without end
        raise CriterionError(name, f"is not TOML: {str(error) or type(error).__name__:.200}") from None
    criterion = _read(table, hashlib.sha256(content).hexdigest())
    _check(criterion, name)
    return criterion


@cache
def builtin() -> Mapping[str, Criterion]:
    """The criteria shipped with the collector, by id."""
    return load_folder(shipped(), MappingProxyType({}))


def load_folder(
    texts: Mapping[str, str | bytes], known: Mapping[str, Criterion] | None = None
) -> Mapping[str, Criterion]:
    """The known criteria (those shipped, if not told) and those of these files, by id.

    An id that is already known is refused: a rule that has judged is not changed, a new one stands beside it.
    """
    found = dict(builtin() if known is None else known)
    for name, text in texts.items():
        criterion = load_criterion(text, name)
        if criterion.id in found:
            raise CriterionError(f"{name}.id", f"there is already a criterion {criterion.id!r}")
        found[criterion.id] = criterion
    return MappingProxyType(found)


def _read(table: Table, sha256: str) -> Criterion:
    basis = _read_basis(table.table("basis"))
    rows = tuple(RsrpRow.read(row) for row in table.tables("rsrp_limits"))
    criterion = Criterion(
        id=table.text("id"),
        version=table.text("version"),
        title=table.text("title"),
        jurisdiction=table.text("jurisdiction"),
        status=table.text("status", STATUSES),
        grade=table.text("grade"),
        outcome=table.text("outcome"),
        basis=basis,
        validity=tuple(read_validity(one, rows) for one in table.tables("validity")),
        completeness=tuple(read_condition(one) for one in table.tables("completeness")),
        deviation=tuple(read_deviation(one, tuple(basis)) for one in table.tables("deviation")),
        sources=tuple(_read_source(one) for one in table.tables("sources")),
        limits=table.texts("limits"),
        sha256=sha256,
    )
    table.close()
    return criterion


def _read_basis(table: Table) -> Mapping[Direction, tuple[str, ...]]:
    basis: dict[Direction, tuple[str, ...]] = {}
    for direction in Direction:
        if direction.value in table:
            one = table.table(direction.value)
            basis[direction] = one.texts("needs", (*CONTRACT_VALUES, AREA_CLASS)) if "needs" in one else ()
            one.close()
    table.close()
    if not basis:
        raise CriterionError(table.place, "must name a direction")
    return MappingProxyType(basis)


def _read_source(table: Table) -> Source:
    source = Source(table.text("says"), table.text("where"), table.text("grade", GRADES))
    table.close()
    return source


def _check(criterion: Criterion, name: str) -> None:
    """What one entry alone cannot show: names used twice, values used but not named, nothing to judge by."""
    if not _ID.fullmatch(criterion.id):
        raise CriterionError(f"{name}.id", "must be lower-case words and numbers joined by hyphens")
    conditions = [BASIS, *(one.name for one in (*criterion.validity, *criterion.completeness))]
    deviations_of = ([one.name for one in criterion.deviations(direction)] for direction in Direction)
    for names in (conditions, *deviations_of):
        twice = sorted({one for one in names if names.count(one) > 1})
        if twice:
            raise CriterionError(name, f"the name {twice[0]!r} is used twice")
    if criterion.by_hour is not None and not _of_a_span(criterion):
        raise CriterionError(
            name, f"{criterion.by_hour.name!r} goes with a span_s of at most so long, no count and no days"
        )
    for direction, needs in criterion.basis.items():
        deviations = criterion.deviations(direction)
        if bool(deviations) == (criterion.status == FACTS_ONLY):
            problem = "facts_only goes with no deviation" if deviations else f"no deviation for {direction.value}"
            raise CriterionError(f"{name}.deviation", problem)
        used = {name for one in deviations for name in one.needs}
        if used != set(needs) and criterion.status != FACTS_ONLY:
            problem = f"needs {sorted(needs)}, but the deviations use {sorted(used)}"
            raise CriterionError(f"{name}.basis.{direction.value}", problem)


def _of_a_span(criterion: Criterion) -> bool:
    """Whether a stretch of time, and nothing else, says where a set of this rule begins and ends."""
    rows = [one.primitive for one in criterion.completeness]
    spans = [one for one in rows if isinstance(one, Span) and one.span_s.most is not None]
    return bool(spans) and not any(isinstance(one, Count | Days) for one in rows)
