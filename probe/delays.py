"""For how long the collector took nothing, and how it was asked meanwhile: what a device can say of a delay later. Pure.

A delay begins with the first try that fails and ends with the next batch that is taken. If it lasted `LEAST_US` or longer it
becomes a `presence` record, event `not_accepted`, signed with the next batch: so that whoever reads late records sees
whether the device had tried, and whether it got an answer. A restart begins the count anew, not the time.
"""

from dataclasses import dataclass
from typing import Final, Literal

from probe.presence import noted
from shared.strictjson import JsonObject

LEAST_US: Final = 900_000_000  # as often as something is sent
How = Literal["put_off", "refused", "silent"]


@dataclass(frozen=True, slots=True)
class Delay:
    """Since when nothing was taken (wall and, if known, monotonic µs), and how many tries were answered how."""

    since_wall_us: int
    since_mono_us: int | None
    put_off: int = 0  # the collector answered that it would not take it now
    refused: int = 0  # it answered that it would not take it at all
    silent: int = 0  # nobody answered

    @classmethod
    def begun(cls, kept_us: int | None, now_wall_us: int, now_mono_us: int) -> "Delay":
        """One that begins now, or began before this run (`kept_us`, by the wall clock)."""
        return cls(now_wall_us, now_mono_us) if kept_us is None else cls(kept_us, None)

    def tried(self, how: How) -> "Delay":
        """With one more try."""
        put_off, refused, silent = (one + (how == name) for name, one in self.counts)
        return Delay(self.since_wall_us, self.since_mono_us, put_off, refused, silent)

    @property
    def counts(self) -> tuple[tuple[How, int], ...]:
        """How many tries were answered how."""
        return ("put_off", self.put_off), ("refused", self.refused), ("silent", self.silent)

    def ended(self, now_wall_us: int) -> "JsonObject | None":
        """What is recorded of it now that something was taken; None if it was short."""
        if now_wall_us - self.since_wall_us < LEAST_US:
            return None
        times = {name: count or None for name, count in self.counts}
        return noted("not_accepted", since_wall_us=self.since_wall_us, since_mono_us=self.since_mono_us, **times)
