"""Validity: predicates on one measurement. One that fails leaves it out, or voids the whole set.

What is not known does not hold: a measurement without a network type was not shown to be on the mobile
network.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import ClassVar, Final, Protocol

from collector.judge.errors import CriterionError
from collector.judge.radio import RsrpAgainstLimit, RsrpKnown, RsrpRow
from collector.judge.tally import Placed, Rejection, Tally
from shared.criteria.answer import Answer
from shared.criteria.bound import OPERATORS
from shared.criteria.hours import first_of_each_hour
from shared.criteria.table import Table

OTHERWISE: Final = ("leave_out", "void")
_MCC: Final = re.compile("[0-9]{3}")


class Predicate(Protocol):
    """What a measurement must be."""

    of_time: ClassVar[bool]

    @property
    def needed(self) -> str:
        """What is needed, in words."""
        ...

    def objection(self, placed: Placed) -> str | None:
        """Why the measurement does not hold, None if it does."""
        ...


@dataclass(frozen=True, slots=True)
class NoFlaw:
    """Nothing that the criterion names was wrong with the measurement; no names means any flaw."""

    flaws: tuple[str, ...]
    of_time: ClassVar[bool] = False
    needed: ClassVar[str] = "no flaw"

    def objection(self, placed: Placed) -> str | None:
        """The flaws that matter."""
        found = [flaw for flaw in placed.sample.flaws if not self.flaws or flaw in self.flaws]
        return f"flaw: {', '.join(found)}" if found else None


@dataclass(frozen=True, slots=True)
class Finished:
    """The measurement ran to its end."""

    of_time: ClassVar[bool] = False
    needed: ClassVar[str] = "every test finished"

    def objection(self, placed: Placed) -> str | None:
        """A failure of any kind."""
        return None if placed.sample.failure is None else "not_finished"


@dataclass(frozen=True, slots=True)
class Hours:
    """It started in certain hours of the local day, from the first up to, not including, the last."""

    from_hour: int
    to_hour: int
    of_time: ClassVar[bool] = True

    @property
    def needed(self) -> str:
        """The hours."""
        return f"every start from {self.from_hour}:00 to {self.to_hour}:00"

    def objection(self, placed: Placed) -> str | None:
        """Another hour."""
        return None if self.from_hour <= placed.hour < self.to_hour else "outside_hours"


@dataclass(frozen=True, slots=True)
class NetworkType:
    """It ran over one of these kinds of network."""

    types: tuple[str, ...]
    of_time: ClassVar[bool] = False

    @property
    def needed(self) -> str:
        """The kinds."""
        return f"every test over {' or '.join(self.types)}"

    def objection(self, placed: Placed) -> str | None:
        """Another kind, or none told."""
        found = placed.sample.network_type
        return None if found in self.types else f"network_type: {found or 'unknown'}"


@dataclass(frozen=True, slots=True)
class Located:
    """It is known where it ran."""

    of_time: ClassVar[bool] = False
    needed: ClassVar[str] = "a location in every test"

    def objection(self, placed: Placed) -> str | None:
        """No location."""
        return None if placed.sample.located else "no_location"


@dataclass(frozen=True, slots=True)
class NetworkOf:
    """It ran in a network whose MCC (ITU-T E.212) is the given one."""

    mcc: str
    of_time: ClassVar[bool] = False

    @property
    def needed(self) -> str:
        """The country code."""
        return f"every test in a network of country code {self.mcc}"

    def objection(self, placed: Placed) -> str | None:
        """Another country, or none told."""
        found = placed.sample.net_mccmnc or ""
        return None if found.startswith(self.mcc) else f"network: {found or 'unknown'}"


@dataclass(frozen=True, slots=True)
class SimIsNetwork:
    """The SIM was in its own operator's network; two unknowns are not equal."""

    of_time: ClassVar[bool] = False
    needed: ClassVar[str] = "every test in the network of the SIM"

    def objection(self, placed: Placed) -> str | None:
        """A guest in another network, or not known."""
        sim, net = placed.sample.sim_mccmnc, placed.sample.net_mccmnc
        if sim is not None and sim == net:
            return None
        return f"sim {sim or 'unknown'} in network {net or 'unknown'}"


@dataclass(frozen=True, slots=True)
class Validity:
    """A named predicate, and what becomes of a measurement that does not hold."""

    name: str
    leaves_out: bool
    predicate: Predicate

    @property
    def of_time(self) -> bool:
        """Whether the predicate asks for nothing but the moment."""
        return self.predicate.of_time

    def objection(self, placed: Placed) -> str | None:
        """The predicate's objection."""
        return self.predicate.objection(placed)

    def answer(self, tally: Tally) -> Answer:
        """Whether all counted measurements hold."""
        objections = [why for one in tally.counted if (why := self.objection(one)) is not None]
        there = f"so in all {len(tally.counted)}"
        if objections:
            there = f"not so in {len(objections)} of {len(tally.counted)} (first: {objections[0]})"
        return Answer(self.name, not objections, f"{self.predicate.needed} needed; {there}")


@dataclass(frozen=True, slots=True)
class OneNetwork:
    """All measurements ran in one network; only a whole set can break it, no single measurement."""

    name: str
    leaves_out: ClassVar[bool] = False

    def answer(self, tally: Tally) -> Answer:
        """Whether more than one network was told."""
        networks = sorted({one.sample.net_mccmnc for one in tally.counted if one.sample.net_mccmnc is not None})
        there = ", ".join(networks) or "none told"
        return Answer(self.name, len(networks) <= 1, f"one network for all tests needed; networks: {there}")


@dataclass(frozen=True, slots=True)
class FirstOfHour:
    """Of each hour of day the earliest measurement is used, whatever its date; the others are left aside."""

    name: str
    leaves_out: ClassVar[bool] = True

    def narrow(self, tally: Tally) -> Tally:
        """The tally with those that are used; asked after every other rule that leaves something out."""
        used = first_of_each_hour(tally.counted)
        kept = {id(one) for one in used}
        aside = tuple(Rejection(one.sample.index, "later_in_hour") for one in tally.counted if id(one) not in kept)
        return replace(tally, counted=used, rejected=(*tally.rejected, *aside))


AnyValidity = Validity | OneNetwork | FirstOfHour


def _no_flaw(table: Table, _: tuple[RsrpRow, ...]) -> Predicate:
    flaws = table.texts("flaws")
    if "any" in flaws and len(flaws) > 1:
        raise CriterionError(table.at("flaws"), '"any" stands alone')
    return NoFlaw(() if flaws == ("any",) else flaws)


def _hours(table: Table, _: tuple[RsrpRow, ...]) -> Predicate:
    first = table.integer("from_hour", least=0, most=23)
    return Hours(first, table.integer("to_hour", least=first + 1, most=24))


def _network_of(table: Table, _: tuple[RsrpRow, ...]) -> Predicate:
    mcc = table.text("mcc")
    if not _MCC.fullmatch(mcc):
        raise CriterionError(table.at("mcc"), "must be three digits")
    return NetworkOf(mcc)


def _some(rows: tuple[RsrpRow, ...], table: Table) -> tuple[RsrpRow, ...]:
    if not rows:
        raise CriterionError(table.place, "needs the criterion's table rsrp_limits")
    return rows


PREDICATES: Final[Mapping[str, Callable[[Table, tuple[RsrpRow, ...]], Predicate]]] = MappingProxyType(
    {
        "no_flaw": _no_flaw,
        "finished": lambda _table, _rows: Finished(),
        "hours": _hours,
        "network_type": lambda table, _rows: NetworkType(table.texts("types")),
        "located": lambda _table, _rows: Located(),
        "network_of": _network_of,
        "sim_is_network": lambda _table, _rows: SimIsNetwork(),
        "rsrp_known": lambda table, rows: RsrpKnown(table.texts("except_radios"), _some(rows, table)),
        "rsrp_against_limit": lambda table, rows: RsrpAgainstLimit(
            table.text("op", OPERATORS), table.texts("except_radios"), _some(rows, table)
        ),
    }
)
_ONE_NETWORK: Final = "one_network"
_FIRST_OF_HOUR: Final = "first_of_hour"


def read_validity(table: Table, rows: tuple[RsrpRow, ...]) -> AnyValidity:
    """Read one `[[validity]]` entry."""
    name = table.text("name")
    kind = table.text("predicate", (*PREDICATES, _ONE_NETWORK, _FIRST_OF_HOUR))
    if kind == _FIRST_OF_HOUR:
        table.text("otherwise", ("leave_out",))
        table.close()
        return FirstOfHour(name)
    if kind == _ONE_NETWORK:
        table.text("otherwise", ("void",))
        table.close()
        return OneNetwork(name)
    leaves_out = table.text("otherwise", OTHERWISE) == "leave_out"
    predicate = PREDICATES[kind](table, rows)
    table.close()
    return Validity(name, leaves_out, predicate)
