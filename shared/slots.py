"""The schedule's slots: moments nobody can choose and anybody can recompute (FORMAT.md, section 6).

A slot is a stretch of wall-clock time with a number; inside it the start is drawn by HMAC from a key. With a cosigned
checkpoint the key is SHA-256(cosignature); before any checkpoint is known it is the SHA-256 of a seed the probe drew
once, which spreads starts at random (RFC 2330) but proves nothing about who chose them.
"""

import hashlib
import hmac
from dataclasses import dataclass
from typing import Final

HEAVY_EVERY: Final = 16  # slots, one of which carries the tests that fill the line: six times a day


@dataclass(frozen=True, slots=True)
class SlotPlan:
    """How long a slot is and how much of its end is left free so that a measurement ends inside it (s)."""

    slot_s: int = 900
    guard_s: int = 60

    def __post_init__(self) -> None:
        """Refuse plans without room for a start."""
        if not 0 <= self.guard_s < self.slot_s:
            raise ValueError("a slot must be longer than its guard, and the guard not negative")

    def slot_at(self, wall_us: int) -> int:
        """The number of the slot that a moment falls into."""
        return wall_us // (self.slot_s * 1_000_000)

    def start_us(self, key: bytes, dev: str, slot: int) -> int:
        """The moment (unix µs) at which this device starts in this slot."""
        message = b"sched/v1\n" + dev.encode() + b"\n" + str(slot).encode()
        drawn = int.from_bytes(hmac.digest(key, message, "sha256")[:8], "big")
        return slot * self.slot_s * 1_000_000 + drawn % ((self.slot_s - self.guard_s) * 1_000_000)

    def ended_between(self, from_us: int, to_us: int) -> range:
        """The numbers of the slots that began at or after `from_us` and ended at or before `to_us`."""
        length_us = self.slot_s * 1_000_000
        return range(-(-from_us // length_us), to_us // length_us)


def schedule_key(secret: bytes) -> bytes:
    """The key of the draw: from a witness's 76-byte cosignature blob, or from a probe's own seed."""
    return hashlib.sha256(secret).digest()


def is_heavy(dev: str, slot: int, every: int = HEAVY_EVERY) -> bool:
    """Whether the schedule wants the tests that fill the line in this slot: which ones follows from the device's name."""
    return slot % every == int(dev[:8], 16) % every
