"""The starts of a campaign: where chance puts them inside what the rule allows. Pure, and the same whenever it is asked.

A draw is the first 8 bytes, big-endian, of HMAC-SHA-256(key, "campaign/v1" LF dev LF name LF what), the key that of the
slots (`shared.slots`); *name* is criterion, dot, number of the campaign, without the moment that its id has beside them;
*what* is the number k of a start, `day i` or `shift i`. All arithmetic is in whole
seconds:

    dates    the first that works, at or after the moment asked for; then `apart_days` later each, and of the days that the
             window leaves free as many as the draws `day i`, in order, say
    hourly   in each hour: its begin + draw k mod its length, less what keeps the rule's gaps
    else     the least gaps laid end to end; what the date's open hours (and the rule's span) leave free is spread by the
             draws k, in order; where a span leaves more of the day free than that, `shift i` moves the whole

Every start may be `LATE_S` late. That the plan meets the rule is not believed but tried: the rule's own conditions are
asked of the starts on time, late, and late by turns; a plan that does not pass is not given (CannotPlan).
"""

import hmac
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from itertools import pairwise
from typing import Final

from shared.criteria.errors import CannotPlan
from shared.sampling import LATE_S, Asks, Rule, Started, Starts, asks_of, unmet

TRIES_DAYS: Final = 62  # longer than any stretch of dates on which the clocks are changed
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_DAY_MINUTES: Final = 1440
_SECOND_US: Final = 1_000_000
_BY_TURNS: Final = ((0, 0), (LATE_S, LATE_S), (0, LATE_S), (LATE_S, 0))  # how late one start is, and the next

Draw = Callable[[str], int]
Quiet = Sequence[tuple[int, int]]  # minutes of the local day, from and to; may run over midnight
Stretch = tuple[int, int]  # unix s, from and up to (not including)


class _NoRoom(Exception):
    """On these dates the rule's tests find no room."""


@dataclass(frozen=True, slots=True)
class Bounds:
    """What the one who starts a campaign may choose: where, from when on, and in which hours not."""

    zone: tzinfo
    from_us: int
    quiet: tuple[tuple[int, int], ...] = ()


def draw_of(key: bytes, dev: str, campaign: str) -> Draw:
    """The draws of one campaign of one device."""

    def draw(what: str) -> int:
        message = f"campaign/v1\n{dev}\n{campaign}\n{what}".encode()
        return int.from_bytes(hmac.digest(key, message, "sha256")[:8], "big")

    return draw


def place_starts(rule: Rule, bounds: Bounds, draw: Draw) -> tuple[int, ...]:
    """The starts (unix µs, ascending) of a campaign that meets the rule; raises CannotPlan."""
    asks = asks_of(rule)
    first = datetime.fromtimestamp(bounds.from_us // _SECOND_US, bounds.zone).date()
    failed: tuple[str, ...] = ()
    for days in range(TRIES_DAYS):
        try:
            starts_s = _on_dates(rule, asks, bounds, draw, first + timedelta(days=days))
        except _NoRoom:
            continue
        failed = _unmet_at_worst(rule, starts_s, bounds.zone)
        if not failed:
            return tuple(at_s * _SECOND_US for at_s in starts_s)
    why = "; ".join(failed) or "the hours in which tests may run leave no room for them"
    raise CannotPlan(rule.id, f"no plan of tests is known that would meet it: {why}")


def _on_dates(rule: Rule, asks: Asks, bounds: Bounds, draw: Draw, first: date) -> list[int]:
    starts_s: list[int] = []
    for number, (after_days, tests) in enumerate(zip(_offsets(rule, asks, draw), asks.per_date, strict=True)):
        open_to = [_open(first + timedelta(days=after_days), hours, bounds, asks) for hours in asks.hours]
        draws = [draw(str(len(starts_s) + place)) for place in range(tests)]
        if asks.hourly:
            starts_s += [_in_hour(stretches, one, asks) for stretches, one in zip(open_to, draws, strict=True)]
        else:
            starts_s += _in_date(open_to[0], sorted_draws=draws, shift=draw(f"shift {number}"), asks=asks)
    return starts_s


def _offsets(rule: Rule, asks: Asks, draw: Draw) -> list[int]:
    """How many days after the first each date lies."""
    later = len(asks.per_date) - 1
    free = 0 if asks.window_days is None or asks.hourly else asks.window_days - 1 - later * asks.apart_days
    if free < 0:
        raise CannotPlan(rule.id, "its dates do not fit into its window")
    extra = sorted(draw(f"day {number}") % (free + 1) for number in range(1, later + 1))
    return [0, *(number * asks.apart_days + days for number, days in enumerate(extra, start=1))]


def _in_hour(stretches: Sequence[Stretch], drawn: int, asks: Asks) -> int:
    """A start in the longest open stretch of an hour, so that two hours' starts keep the rule's gaps."""
    from_s, to_s = _longest(stretches)
    apart_s = max((*asks.least_gap_s, asks.over_night_s + LATE_S))
    room_s = min(to_s - from_s, 3600 - apart_s)
    if room_s <= 0:
        raise _NoRoom
    return from_s + drawn % room_s


def _in_date(stretches: Sequence[Stretch], sorted_draws: Sequence[int], shift: int, asks: Asks) -> list[int]:
    """The starts of one date."""
    gaps_s = asks.least_gap_s[: len(sorted_draws) - 1]
    limits_s = [asks.span_s - LATE_S - sum(gaps_s)] if asks.span_s is not None else []
    limits_s += [asks.most_gap_s - LATE_S - gap_s for gap_s in gaps_s] if asks.most_gap_s is not None else []
    open_to = [_longest(stretches)] if limits_s else list(stretches)
    room_s = sum(to_s - from_s for from_s, to_s in open_to) - 1 - sum(gaps_s)
    spread_s = min([room_s, *limits_s])
    if room_s < 0 or spread_s < 0:
        raise _NoRoom
    moved_s = shift % (room_s - spread_s + 1)
    extra_s = sorted(one % (spread_s + 1) for one in sorted_draws)
    return [_unfold(open_to, moved_s + sum(gaps_s[:place]) + more) for place, more in enumerate(extra_s)]


def _unfold(stretches: Sequence[Stretch], open_s: int) -> int:
    """The moment after so much open time; there is more of it than that."""
    place = 0
    while open_s >= (length_s := stretches[place][1] - stretches[place][0]):
        open_s, place = open_s - length_s, place + 1
    return stretches[place][0] + open_s


def _longest(stretches: Sequence[Stretch]) -> Stretch:
    if not stretches:
        raise _NoRoom
    return max(stretches, key=lambda one: one[1] - one[0])


def _open(day: date, hours: tuple[int, int], bounds: Bounds, asks: Asks) -> list[Stretch]:
    """When a test of this date and these hours may be planned to start: late, it must still lie in them."""
    dusk_s = _instant_s(day, _DAY_MINUTES, bounds.zone) - (0 if asks.hourly else asks.over_night_s)
    first, last = hours[0] * 60, hours[1] * 60
    edges = sorted({first, last, *(edge for pair in bounds.quiet for edge in pair if first < edge < last)})
    found: list[Stretch] = []
    for begin, end in pairwise(edges):
        if any(_is_quiet(begin, *pair) for pair in bounds.quiet):
            continue
        from_s = max(_instant_s(day, begin, bounds.zone), -(-bounds.from_us // _SECOND_US))
        to_s = min(_instant_s(day, end, bounds.zone), dusk_s)
        if from_s < to_s - LATE_S:
            found.append((from_s, to_s - LATE_S))
    return found


def _is_quiet(minute: int, begin: int, end: int) -> bool:
    return begin <= minute < end if begin < end else minute >= begin or minute < end


def _instant_s(day: date, minute: int, zone: tzinfo) -> int:
    """The instant of a wall clock; where the clocks skip it, that of the moment they skip to."""
    at = datetime.combine(day + timedelta(days=minute // _DAY_MINUTES), time(), zone)
    return (at + timedelta(minutes=minute % _DAY_MINUTES) - _EPOCH) // timedelta(seconds=1)


def _unmet_at_worst(rule: Rule, starts_s: Sequence[int], zone: tzinfo) -> tuple[str, ...]:
    """What the rule's conditions say of the plan, however late its starts are within the tolerance."""
    patterns = [[late[place % 2] for place in range(len(starts_s))] for late in _BY_TURNS]
    patterns.append([*patterns[0][1:], LATE_S])  # the last alone: the longest span
    for lateness in patterns:
        moments = (at_s + late_s for at_s, late_s in zip(starts_s, lateness, strict=True))
        failed = unmet(rule, Starts(tuple(Started.at(at_s * _SECOND_US, zone) for at_s in moments)))
        if failed:
            return failed
    return ()
