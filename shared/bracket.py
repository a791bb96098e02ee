"""When something was measured, told without a clock that its owner could have set (integrity: time bracket).

A batch was sealed after the moment at which a witness cosigned the checkpoint that it names, and before whoever received it had
it. Between the two the device's steady clock tells how far each record is from both ends; what the wall clock said is believed
only inside.

    not before   since_us + (m - m_beacon) × (1 - RHO)      a record from before the beacon came: - (m_beacon - m) × (1 + RHO)
    not after    until_us - (m_sealed - m) × (1 - RHO)      a record of an earlier boot: until_us - m_sealed × (1 - RHO)

That holds for an honest device, whose steady clock is wrong by RHO at most. One that lies has just [since, until]. Pure.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

RHO_PPM: Final = 100  # by how much a device's steady clock may be wrong
LIVE_US: Final = 86_400_000_000  # within a day after its beacon a batch was received live
TOLERANCE_US: Final = 300_000_000  # by how much a wall clock may be off before anybody cares
_MILLION: Final = 1_000_000


class TimeGrade(StrEnum):
    """How well is known when a batch was made: within a day, not so well, or with one end open."""

    LIVE = "live"
    OFFLINE = "offline"
    UNDATED = "undated"


def time_grade(since_us: int | None, until_us: int | None) -> TimeGrade:
    """The grade of a batch that was sealed between two moments (unix µs), of which None is not known."""
    if since_us is None or until_us is None:
        return TimeGrade.UNDATED
    return TimeGrade.LIVE if until_us - since_us <= LIVE_US else TimeGrade.OFFLINE


@dataclass(frozen=True, slots=True)
class Bracket:
    """Between which moments (unix µs) a batch was sealed, and the device's steady clock (µs since its boot) at both ends.

    `since_us` None: it names no checkpoint of a known witness. `beacon_mono_us` None: that came in an earlier boot.
    """

    since_us: int | None
    until_us: int
    sealed_mono_us: int
    beacon_mono_us: int | None = None

    def earliest_us(self, mono_us: int | None, *, same_boot: bool = True) -> int | None:
        """Not before this was a record at `mono_us` made; None if nothing tells."""
        if self.since_us is None or self.beacon_mono_us is None or mono_us is None or not same_boot:
            return None
        after_us = mono_us - self.beacon_mono_us
        return self.since_us + after_us - abs(after_us) * RHO_PPM // _MILLION

    def latest_us(self, mono_us: int | None, *, same_boot: bool = True) -> int:
        """Not after this was a record at `mono_us` made."""
        ago_us = self.sealed_mono_us - ((self.sealed_mono_us if mono_us is None else mono_us) if same_boot else 0)
        return self.until_us - max(0, ago_us - ago_us * RHO_PPM // _MILLION)

    def placed_us(self, wall_us: int, mono_us: int | None, *, same_boot: bool = True) -> int:
        """The moment a record is taken to be of: what its wall clock said, if that can be; else the nearest that can."""
        latest_us = self.latest_us(mono_us, same_boot=same_boot)
        if wall_us > latest_us + TOLERANCE_US:
            return latest_us
        earliest_us = self.earliest_us(mono_us, same_boot=same_boot)
        return wall_us if earliest_us is None or wall_us >= earliest_us - TOLERANCE_US else earliest_us
