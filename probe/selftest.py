"""The self-test: how fast this device can receive without falling behind, on its own loopback. Pure.

A slow board measures its own processor and calls it the line. So load is sent at rising rates, in bursts of 1 ms as an LTE
cell sends it, by another process of this device to the very method that measures downloads; a rate is clean if all of it
arrived in its time. The sender takes processor time too, so what passes is rather too little than too much.

Downloads faster than 80 % of the fastest clean rate carry the flaw `client_limited`. Where every rate passed, it is not
known what the device cannot do, and nothing is marked.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from probe.measure.transfer import Protocol, TransferPlan
from shared import strictjson
from shared.errors import Malformed

KEPT: Final = "selftest"  # under which the outbox keeps its result
VERSION: Final = 1  # of what "clean" means
RATES_BPS: Final = tuple(mbps * 1_000_000 for mbps in (25, 50, 75, 100, 150, 200, 250, 300))
BURST_US: Final = 1_000
RUNG_US: Final = 1_000_000  # how long each rate is sent
WARM_US: Final = 200_000
CLEAN_PER_MILLE: Final = 970  # of the rate that was asked for; a frame's head and a timer's delay are the rest
TRIES: Final = 2  # a device that was disturbed once is not slow
MARKED_PER_CENT: Final = 80


@dataclass(frozen=True, slots=True)
class Passed:
    """What came of it; a rate of 0 is one that not even the least passed."""

    clean_bps: int
    whole: bool  # every rate passed, so nobody knows where the end is
    at_wall_us: int
    version: int = VERSION

    def to_keep(self) -> bytes:
        """Spell it for the outbox."""
        return strictjson.encode(
            {
                "at_wall_us": self.at_wall_us,
                "clean_bps": self.clean_bps,
                "version": self.version,
                "whole": self.whole,
            }
        )


def passed(kept: bytes | None) -> Passed | None:
    """Read what the outbox keeps; None if there is nothing, or what a version wrote that meant something else."""
    try:
        told = strictjson.decode(kept or b"")
    except Malformed:
        return None
    match told:
        case {"clean_bps": int(clean_bps), "at_wall_us": int(at_us), "version": int(version), "whole": bool(whole)}:
            return Passed(clean_bps, whole, at_us) if version == VERSION and clean_bps >= 0 else None
        case _:
            return None


def passed_bps(kept: bytes | None) -> int | None:
    """Give the fastest clean rate, above 80 % of which a download is marked; None if it is not known."""
    found = passed(kept)
    return None if found is None or found.whole else found.clean_bps


def plan_of(rate_bps: int) -> TransferPlan:
    """A download that takes one rate for its time, and nothing else."""
    most_bytes = rate_bps * (RUNG_US + WARM_US) // 8_000_000 * 2
    return TransferPlan(KEPT, RUNG_US, most_bytes, warm_us=WARM_US, patience_us=2 * RUNG_US, protocol=Protocol.NDT7)


def is_clean(asked_bps: int, received_bytes: int, dur_us: int) -> bool:
    """Say whether a rate was taken as fast as it was sent; what waits in the kernel until later makes it slower."""
    return 1000 * 8_000_000 * received_bytes >= CLEAN_PER_MILLE * asked_bps * dur_us


def words(found: Passed) -> Sequence[str]:
    """Say it to people."""
    if found.whole:
        return (
            f"this device can measure up to {in_mbps(found.clean_bps)} at least; it never fell behind",
            "no download will be marked as limited by this device",
        )
    if not found.clean_bps:
        return (
            f"this device cannot measure even {in_mbps(RATES_BPS[0])} reliably",
            "every download will be marked as limited by this device; close other programs and try again",
        )
    return (
        f"this device can measure up to about {in_mbps(found.clean_bps)}",
        f"downloads above {in_mbps(found.clean_bps * MARKED_PER_CENT // 100)} will be marked as limited by this device",
    )


def in_mbps(rate_bps: int) -> str:
    """Say a rate of the ladder."""
    return f"{rate_bps // 1_000_000} Mbit/s"
