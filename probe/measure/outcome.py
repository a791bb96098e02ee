"""What a measurement ends as: measured, perhaps with a failure, or an exception when it could not run at all.

The members are a method's own part of the record: integers, strings and lists of integers, so that nothing
changes on its way through JSON. A value that was not reached is absent; there is no null and no float.
Sequence number, wall time, method, slot, flaws and context are added by whoever asked for the measurement.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, Protocol

from shared.failure import Failure, Stage

Value = int | str | bool | list[int] | list[list[int]] | dict[str, str]
NOTE_CHARACTERS = 120


class CouldNotRun(Exception):
    """The method could not be tried at all, so there is nothing to record about the line."""

    def __init__(self, reason: str) -> None:
        """Carry the reason, for people."""
        super().__init__(reason)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Trouble:
    """Why a measurement that ran did not succeed, and where; the note says more only when no name fits."""

    failure: Failure
    stage: Stage
    note: str = ""

    def members(self) -> dict[str, Value]:
        """Give the record's members for this failure."""
        members: dict[str, Value] = {"failure": self.failure.value, "stage": self.stage.value}
        if self.failure is Failure.UNKNOWN and self.note:
            members["note"] = self.note.encode("ascii", "replace").decode("ascii")[:NOTE_CHARACTERS]
        return members


@dataclass(frozen=True, slots=True)
class Measured:
    """One measurement that ran, with the members its method fills."""

    end: Literal["ok", "failed"]
    members: Mapping[str, Value]


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a running measurement is, for people who watch."""

    method: str
    elapsed_us: int
    expected_us: int
    moved_bytes: int
    rate_bps: int


class Core(Protocol):
    """What every method's core answers: when it wants to be asked again."""

    def next_wakeup(self, now_us: int) -> int | None:
        """Say when to ask again; None exactly when the result is final."""

    def progress(self, now_us: int) -> Progress:
        """Say how far the measurement is."""


def measured(trouble: Trouble | None, members: Mapping[str, Value]) -> Measured:
    """Join a method's members with its failure, if it had one."""
    if trouble is None:
        return Measured("ok", dict(members))
    return Measured("failed", {**members, **trouble.members()})
