"""Radio readings against a regulator's table of the weakest signal that still counts as coverage.

Two predicates for `validity`: is every reading known, and is every known one strong enough. Whether a weak
signal is the reason for a slow line is not asked here.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from collector.judge.errors import CriterionError
from collector.judge.sample import Signal
from collector.judge.tally import Placed
from collector.judge.words import LEVELS
from shared.criteria.bound import OPERATORS
from shared.criteria.table import Table


@dataclass(frozen=True, slots=True)
class RsrpRow:
    """The weakest signal still called coverage, for a range of channels (EARFCN or NR-ARFCN)."""

    from_channel: int
    to_channel: int
    limit_dbm: int

    @classmethod
    def read(cls, table: Table) -> "RsrpRow":
        """Read `{ channels = [from, to], limit_dbm }`."""
        first, last = table.two_integers("channels", least=0)
        if first > last:
            raise CriterionError(table.at("channels"), "must be a first and a last channel")
        row = cls(first, last, table.integer("limit_dbm", least=-200, most=0))
        table.close()
        return row


@dataclass(frozen=True, slots=True)
class RsrpKnown:
    """There are radio readings, and each that is checked has a strength and a row in the table."""

    except_radios: tuple[str, ...]
    rows: tuple[RsrpRow, ...]
    of_time: ClassVar[bool] = False
    needed: ClassVar[str] = "a known signal strength on a listed channel in every test"

    def objection(self, placed: Placed) -> str | None:
        """No reading at all, or one that cannot be checked."""
        signals = placed.sample.signals
        unknown = any(
            one.rsrp_dbm is None or limit_dbm(self.rows, one) is None
            for one in signals
            if one.radio not in self.except_radios
        )
        return "rsrp_unknown" if unknown or not signals else None


@dataclass(frozen=True, slots=True)
class RsrpAgainstLimit:
    """Every radio reading that can be checked stands to its band's limit as the operator says."""

    op: str
    except_radios: tuple[str, ...]
    rows: tuple[RsrpRow, ...]
    of_time: ClassVar[bool] = False

    @property
    def needed(self) -> str:
        """The comparison."""
        return f"every known signal {LEVELS[self.op]} the limit of its band"

    def objection(self, placed: Placed) -> str | None:
        """A reading on the wrong side; an unknown one is the matter of `RsrpKnown`."""
        for one in placed.sample.signals:
            limit = None if one.radio in self.except_radios else limit_dbm(self.rows, one)
            if limit is not None and one.rsrp_dbm is not None and not OPERATORS[self.op](one.rsrp_dbm, limit):
                return f"{one.rsrp_dbm} dBm on channel {one.channel}, limit {limit} dBm"
        return None


def limit_dbm(rows: Sequence[RsrpRow], signal: Signal) -> int | None:
    """The limit of the first row whose channels hold the reading's, None if none does."""
    if signal.channel is None:
        return None
    return next((row.limit_dbm for row in rows if row.from_channel <= signal.channel <= row.to_channel), None)
