"""Moments as people write them: never without a zone, and never guessed. Pure.

    2026-11-15T14:00Z   2026-11-15T14:00+01:00      a time with its offset from UTC (ISO 8601)
    2026-11-15 Europe/Prague                        the beginning of a day, by the clocks of an IANA zone
    2026-11-15T14:00 Europe/Prague                  a wall clock time there
    24h   7d   90min                                so long before now

A wall clock time that a change of clocks repeats or leaves out is no moment, and is refused.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta, tzinfo
from typing import Final

from collector.errors import BadRequest
from collector.web.localtime import instant_us
from collector.zones import zone_named

_AGO_US: Final[Mapping[str, int]] = {"min": 60_000_000, "h": 3_600_000_000, "d": 86_400_000_000}
_AGO: Final = re.compile(r"([1-9][0-9]{0,5})(min|h|d)", re.ASCII)
_WRITTEN: Final = re.compile(
    r"(?P<day>\d{4}-\d\d-\d\d)(?:T(?P<time>\d\d:\d\d(?::\d\d(?:\.\d{1,6})?)?)(?P<offset>Z|[+-]\d\d:\d\d)?)?"
    r"(?: (?P<zone>[A-Za-z0-9_+/-]{1,64}))?",
    re.ASCII,
)
_LOST_PLUS: Final = re.compile(r" \d\d:\d\d$", re.ASCII)
_FIRST_YEAR, _LAST_YEAR = 1970, 2199
_MOST_TEXT = 100
FORMS: Final = "2026-11-15T14:00Z, 2026-11-15T14:00+01:00, '2026-11-15 Europe/Prague', or 24h or 7d for so long ago"


@dataclass(frozen=True, slots=True)
class Stretch:
    """A stretch of time: from a moment up to another, which is not in it (unix µs)."""

    since_us: int
    until_us: int


def moment_us(name: str, text: object, now_us: int, zone: str | None = None) -> int:
    """A moment as written (unix µs); `zone` is for what names none itself. Raises BadRequest, naming what was asked for."""
    if not isinstance(text, str) or len(text) > _MOST_TEXT:
        raise BadRequest(f"{name} is a moment such as {FORMS}")
    ago = _AGO.fullmatch(text)
    if ago:
        return _not_before_1970(name, text, now_us - int(ago[1]) * _AGO_US[ago[2]])
    found = _WRITTEN.fullmatch(text)
    if found is None:
        lost = " (in an address the + of an offset is written %2B)" if _LOST_PLUS.search(text) else ""
        raise BadRequest(f"{name} is a moment such as {FORMS}, not {text!r}{lost}")
    if found["offset"] and found["zone"]:
        raise BadRequest(f"{name}: {text!r} has an offset and a zone; one of them is enough")
    if not found["offset"] and not (found["zone"] or zone):
        raise BadRequest(
            f"{name}: {text!r} is a different moment in each time zone; add one, such as '{text} Europe/Prague' or --zone "
            "Europe/Prague, or write a time with its offset, such as 2026-11-15T14:00Z"
        )
    try:
        at = datetime.fromisoformat(f"{found['day']}T{found['time'] or '00:00'}{found['offset'] or ''}")
    except ValueError as error:
        raise BadRequest(f"{name}: there is no such moment as {text!r} ({error})") from error
    if not _FIRST_YEAR < at.year <= _LAST_YEAR:
        raise BadRequest(f"{name}: {text!r} is not within the years {_FIRST_YEAR + 1} to {_LAST_YEAR}")
    if found["offset"]:
        return instant_us(at)
    where = zone_named(found["zone"] or zone or "")
    return instant_us(_day_begins(at, where) if found["time"] is None else _once(name, text, at, where))


def _not_before_1970(name: str, text: str, at_us: int) -> int:
    if at_us < 0:
        raise BadRequest(f"{name}: {text!r} ago is before {_FIRST_YEAR}")
    return at_us


def _day_begins(day: datetime, zone: tzinfo) -> datetime:
    """When a day begins by the clocks of a zone; where clocks are set at midnight, the first moment of it."""
    return day.replace(tzinfo=zone, fold=0)


def _once(name: str, text: str, at: datetime, zone: tzinfo) -> datetime:
    """A wall clock time that there is once; raises BadRequest for one that comes twice or never."""
    first, second = (at.replace(tzinfo=zone, fold=fold) for fold in (0, 1))
    if first.utcoffset() != second.utcoffset():
        often = "never comes" if first.utcoffset() < second.utcoffset() else "comes twice"  # type: ignore[operator]
        raise BadRequest(f"{name}: {text!r} {often}, since clocks are set then; write it with its offset from UTC")
    return first


def stretch_of(told: Mapping[str, object], now_us: int, most_days: int, ago: str | None) -> Stretch:
    """The stretch of `since` and `until` (default: now), in `zone` where they name none; raises BadRequest.

    `ago` is where it begins if nothing says; None: something has to. It is not empty, does not begin in the future, and is
    at most `most_days` long.
    """
    zone = told.get("zone")
    if zone is not None and not isinstance(zone, str):
        raise BadRequest("zone is the name of an IANA zone, such as Europe/Prague")
    if zone is not None:
        zone_named(zone)
    since = told.get("since")
    if since is None and ago is None:
        raise BadRequest(f"since is missing: from which moment on? Such as {FORMS}")
    since_us = moment_us("since", ago if since is None else since, now_us, zone)
    until = told.get("until")
    until_us = now_us if until is None else moment_us("until", until, now_us, zone)
    if since_us >= now_us:
        raise BadRequest("since is in the future; there is nothing yet")
    if until_us <= since_us:
        raise BadRequest("until is not after since")
    if until_us - since_us > timedelta(days=most_days) / timedelta(microseconds=1):
        raise BadRequest(f"from since to until are more than {most_days} days; ask for {most_days} or fewer at a time")
    return Stretch(since_us, until_us)
