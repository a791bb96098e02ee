"""What a rule counts: samples of the judged direction, each once, less those that the rule leaves out.

Looks at no threshold and judges nothing. Common to all rules: another direction takes no part, a copy is
the measurement it copies, what was rightly not started never counts and is no failure (RFC 7594). The rest
is said by the criterion.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date
from itertools import pairwise
from typing import Protocol

from collector.judge.sample import Case, Direction, Sample


@dataclass(frozen=True, slots=True)
class Placed:
    """A sample with its calendar day and hour at the customer's place."""

    sample: Sample
    day: date
    hour: int

    @property
    def at_us(self) -> int:
        """When it started."""
        return self.sample.at_us


@dataclass(frozen=True, slots=True)
class Rejection:
    """A sample that does not count, by its place in the input, and why."""

    index: int
    reason: str


class LeaveOut(Protocol):
    """A validity rule on one measurement; `of_time` tells that it asks for nothing but the moment."""

    @property
    def of_time(self) -> bool:
        """Whether the rule holds for what was never started too."""
        ...

    def objection(self, placed: Placed) -> str | None:
        """The reason to leave the measurement out, None if there is none."""
        ...


@dataclass(frozen=True, slots=True)
class Tally:
    """Counted samples in order of time; entries not started that may excuse a slot; the rest with reasons."""

    direction: Direction
    counted: tuple[Placed, ...]
    not_started: tuple[Placed, ...]
    rejected: tuple[Rejection, ...]

    def present(self, excused_by: Sequence[str]) -> tuple[Placed, ...]:
        """The counted samples and the entries that were not started for one of these reasons."""
        return self.counted + tuple(one for one in self.not_started if one.sample.not_started in excused_by)


def sort_out(rules: Sequence[LeaveOut], case: Case) -> Tally:
    """Count what the rules let count; of equal samples the first in the input stays."""
    counted: list[Placed] = []
    spared: list[Placed] = []
    rejected: list[Rejection] = []
    seen: set[Sample] = set()
    for sample in case.samples:
        placed = place(sample, case)
        reason = _reason(rules, case.direction, seen, placed)
        if reason is None:
            counted.append(placed)
        else:
            rejected.append(Rejection(sample.index, reason))
        if sample.not_started is not None and _may_excuse(rules, case.direction, seen, placed):
            spared.append(placed)
        seen.add(sample)
    return Tally(case.direction, _in_order(counted), _in_order(spared), tuple(rejected))


def place(sample: Sample, case: Case) -> Placed:
    """The sample with its local day and hour."""
    local = case.contract.local(sample.at_us)
    return Placed(sample, local.date(), local.hour)


def _reason(rules: Sequence[LeaveOut], direction: Direction, seen: set[Sample], placed: Placed) -> str | None:
    sample = placed.sample
    if sample.direction is not direction:
        return "other_direction"
    if sample in seen:
        return "duplicate"
    if sample.not_started is not None:
        return f"not_started: {sample.not_started}"
    return next((why for rule in rules if (why := rule.objection(placed)) is not None), None)


def _may_excuse(rules: Sequence[LeaveOut], direction: Direction, seen: set[Sample], placed: Placed) -> bool:
    """A flaw of something that never ran says nothing, so only rules on the moment are asked."""
    return (
        placed.sample.direction is direction
        and placed.sample not in seen
        and all(rule.objection(placed) is None for rule in rules if rule.of_time)
    )


def _in_order(placed: list[Placed]) -> tuple[Placed, ...]:
    """By start; the slower first among equal starts, then by all they say, so that the order of the input cannot show."""

    def key(one: Placed) -> tuple[int, bool, int]:
        value = one.sample.value
        return one.sample.at_us, value is None, value or 0

    in_order = sorted(placed, key=key)
    starts = [one.sample.at_us for one in in_order]
    if any(early == late for early, late in pairwise(starts)):
        in_order.sort(key=lambda one: (*key(one), repr(replace(one.sample, index=0))))
    return tuple(in_order)
