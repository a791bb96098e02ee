"""Moments and stretches of time in words: local time with the zone's name, ages, lengths. Pure.

Where a device is, is the system's business: `probe.clock` asks it, and it knows summer time without a time-zone database of
Python's own. `local_by` makes of its answer what everything else here takes as an argument.
"""

from collections.abc import Callable
from datetime import date, datetime, timedelta, timezone

Local = Callable[[int], datetime]  # unix µs -> the same moment by a wall clock of this place

MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
SECOND_US, MINUTE_US, HOUR_US, DAY_US = 1_000_000, 60_000_000, 3_600_000_000, 86_400_000_000
_LATEST_US = 250_000_000_000 * SECOND_US  # the year 9892: a clock may be set to anything


def local_by(zone: Callable[[int], tuple[int, str]]) -> Local:
    """Tell moments by a zone, which says of a moment (unix µs) how far ahead of UTC it is (s) and its name there."""

    def local(at_us: int) -> datetime:
        inside_us = min(max(at_us, DAY_US), _LATEST_US)
        ahead_s, name = zone(inside_us)
        return datetime.fromtimestamp(inside_us // SECOND_US, timezone(timedelta(seconds=ahead_s), name))

    return local


def zone_of(moment: datetime) -> str:
    """Name a local moment's zone: "CET, UTC+01:00"; its offset alone where the zone has no name."""
    minutes = (moment.utcoffset() or timedelta()) // timedelta(minutes=1)
    name = moment.tzname() or ""
    if name == "UTC" and not minutes:
        return name
    offset = f"UTC{'-' if minutes < 0 else '+'}{abs(minutes) // 60:02}:{abs(minutes) % 60:02}"
    return offset if name[:1] in {"", "+", "-"} or name.startswith("UTC") else f"{name}, {offset}"


def zones_between(from_us: int, to_us: int, local: Local) -> str:
    """Name the zone of a stretch of time, or both if the clocks were changed in between."""
    return " and ".join(dict.fromkeys((zone_of(local(from_us)), zone_of(local(to_us)))))


def day_of(moment: date) -> str:
    """Name a day: "Mon 23 Nov"."""
    return f"{DAYS[moment.weekday()]} {moment.day} {MONTHS[moment.month - 1]}"


def at_time(at_us: int, now_us: int, local: Local) -> str:
    """Name a moment as briefly as it is clear: "10:31" today, else with its day, else with its year."""
    moment, today = local(at_us), local(now_us)
    if moment.date() == today.date():
        return f"{moment:%H:%M}"
    year = "" if moment.year == today.year else f" {moment.year}"
    return f"{day_of(moment)}{year}, {moment:%H:%M}"


def span(span_us: int) -> str:
    """Say how long a stretch is, in two units at most: "40 s", "12 min", "3 h 5 min", "4 days 2 h"."""
    if span_us < MINUTE_US:
        return f"{max(0, span_us) // SECOND_US} s"
    if span_us < HOUR_US:
        return f"{span_us // MINUTE_US} min"
    if span_us < 2 * DAY_US:
        hours, minutes = span_us // HOUR_US, span_us % HOUR_US // MINUTE_US
        return f"{hours} h {minutes} min" if minutes else f"{hours} h"
    days, hours = span_us // DAY_US, span_us % DAY_US // HOUR_US
    return f"{days} days {hours} h" if hours else f"{days} days"


def ago(at_us: int, now_us: int) -> str:
    """Say how long ago a moment was; a moment that is still to come says that the clock was set back."""
    return f"{span(now_us - at_us)} ago" if at_us <= now_us else f"{span(at_us - now_us)} ahead of this device's clock"
