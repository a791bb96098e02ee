"""What one rule says about one line in one direction over one window: a value, with the figures behind it.

`as_json` is a contract with whoever reads it: members are added there in new versions, never changed.
"""

from dataclasses import dataclass
from enum import StrEnum

from collector.judge.operating import Operating
from collector.judge.sample import Direction
from collector.judge.tally import Rejection
from shared.criteria.answer import Answer


class Verdict(StrEnum):
    """The answer to a complaint; `facts_only` is that of a rule which leaves the answer to others."""

    SUBSTANTIATED = "substantiated"
    NOT_SUBSTANTIATED = "not_substantiated"
    INSUFFICIENT = "insufficient_evidence"
    FACTS_ONLY = "facts_only"


@dataclass(frozen=True, slots=True)
class Finding:
    """A verdict with every condition asked, what was counted and what was not.

    `conditions` are all of completeness, validity and basis; `deviations` are those of the direction, none
    if they were not judged.
    """

    criterion: str
    version: str
    sha256: str
    direction: Direction
    verdict: Verdict
    conditions: tuple[Answer, ...]
    deviations: tuple[Answer, ...]
    samples_used: int
    samples_failed: int
    samples_rejected: tuple[Rejection, ...]
    limits: tuple[str, ...]
    operating: tuple[Operating, ...] = ()  # what the rule does by chance to a line in a known state

    @property
    def failed(self) -> tuple[str, ...]:
        """The names of all conditions that do not hold, sorted."""
        return tuple(sorted(one.name for one in self.conditions if not one.holds))

    @property
    def met(self) -> tuple[str, ...]:
        """The names of all deviations that hold, sorted."""
        return tuple(sorted(one.name for one in self.deviations if one.holds))

    @property
    def because(self) -> tuple[str, ...]:
        """Each condition and deviation with what was needed and what was there; then what is left out."""
        lines = [f"{one.name}: {'holds' if one.holds else 'fails'}: {one.words}" for one in self.conditions]
        lines += [f"{one.name}: {'met' if one.holds else 'not met'}: {one.words}" for one in self.deviations]
        if self.samples_failed:
            lines.append(f"failures: {self.samples_failed} of the {self.samples_used} counted did not succeed")
        reasons = [one.reason for one in self.samples_rejected if one.reason != "other_direction"]
        lines += [f"left out: {reasons.count(reason)} ({reason})" for reason in sorted(set(reasons))]
        return tuple(lines)

    def as_json(self) -> dict[str, object]:
        """The finding as a JSON object of integers, text and arrays."""
        return {
            "criterion": self.criterion,
            "version": self.version,
            "verdict": self.verdict.value,
            "met": list(self.met),
            "failed": list(self.failed),
            "samples_used": self.samples_used,
            "samples_rejected": [{"index": one.index, "reason": one.reason} for one in self.samples_rejected],
            "limits": list(self.limits),
            "operating": [one.as_json() for one in self.operating],
        }
