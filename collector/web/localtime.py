"""Moments in words, as a wall clock at the customer's place shows them (IANA time zones).

Reads no clock and depends on no locale. A moment that the calendar cannot hold is said to be impossible,
because a device's clock may say anything; a zone nobody knows becomes UTC and says so.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Final, Self
from zoneinfo import ZoneInfo

MONTHS: Final = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
IMPOSSIBLE: Final = "a time that cannot be"
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)


def day(at_us: int) -> str:
    """A moment to the minute, in UTC."""
    return f"{datetime.fromtimestamp(at_us // 1_000_000, UTC):%Y-%m-%d %H:%M} UTC"


@dataclass(frozen=True, slots=True)
class LineClock:
    """A time zone with the name people know it by."""

    name: str
    zone: tzinfo
    known: bool = True

    @classmethod
    def of(cls, name: str) -> Self:
        """The clock of an IANA time zone; UTC, marked as not known, if there is no such zone here."""
        try:
            return cls(name, ZoneInfo(name))
        except (KeyError, ValueError, OSError):  # no such zone, no name of a zone, a folder of the zone data
            return cls("UTC", UTC, known=False)

    def local(self, at_us: int) -> datetime:
        """The wall clock at a moment; OverflowError beyond the years 1 to 9999."""
        return (_EPOCH + at_us * _MICROSECOND).astimezone(self.zone)

    def moment(self, at_us: int) -> str:
        """A moment in full: "22 Nov 2026, 14:05 (Europe/Prague)"."""
        words = self.short(at_us)
        return words if words == IMPOSSIBLE else f"{words} ({self.name})"

    def short(self, at_us: int) -> str:
        """A moment without its zone; in an hour that a change of clocks repeats, with its offset from UTC."""
        try:
            at = self.local(at_us)
        except OverflowError:
            return IMPOSSIBLE
        twice = at.utcoffset() != at.replace(fold=1 - at.fold).utcoffset()
        return f"{date_words(at)}, {at:%H:%M}" + (f" (UTC{at:%z})" if twice else "")

    def machine(self, at_us: int) -> str:
        """A moment as ISO 8601 with its offset, for `<time datetime>`; empty if impossible."""
        try:
            return self.local(at_us).isoformat(timespec="seconds")
        except OverflowError:
            return ""

    def window(self, from_us: int, to_us: int) -> str:
        """A stretch of time: "22 Nov 2026, 14:05 to 15:20 (Europe/Prague)"; the same day is said once."""
        first, last = self.short(from_us), self.short(to_us)
        day, _, _ = first.partition(", ")
        return f"{first} to {last.removeprefix(day + ', ')} ({self.name})"


def date_words(at: datetime) -> str:
    """A calendar day: "22 Nov 2026"."""
    return f"{at.day} {MONTHS[at.month - 1]} {at.year}"


def day_words(day: int) -> str:
    """A calendar day by its number since 1970-01-01: "22 Nov 2026"."""
    return date_words(_EPOCH + timedelta(days=day))


def instant_us(at: datetime) -> int:
    """The moment of a zoned wall clock, in unix µs."""
    return (at - _EPOCH) // _MICROSECOND
