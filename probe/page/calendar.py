"""Day by day: each slot of the schedule at its place in the local day, by what came of it. Pure.

The state of a slot is a height and a pattern, so that it reads without colour: a low line worked, a middle one partly, a full
one failed altogether, a thin raised line was held back, nothing at all means that nothing was recorded.
"""

from collections.abc import Mapping
from datetime import date, datetime, timedelta

from probe.moments import SECOND_US, day_of
from probe.page.axis import place
from probe.page.digest import State, slots
from probe.page.facts import Facts
from probe.page.markup import Node, node
from probe.page.plot import WIDTH, picture

MOST_DAYS = 35
_LEFT, _TOP, _ROW = 72, 18, 13
_DAY = 1440  # minutes
_HEIGHTS = {State.WORKED: (8, 3), State.PARTLY: (5, 6), State.FAILED: (1, 10), State.HELD_BACK: (5, 1)}  # from, height


def calendar(facts: Facts) -> Node | None:
    """The last days, the newest below; None without any scheduled measurement."""
    states = slots(facts.rows)
    if not states:
        return None
    length_us = facts.slot_s * SECOND_US
    minutes = max(1, facts.slot_s // 60)
    days: dict[date, dict[int, State]] = {}
    for slot, state in states.items():
        begins = facts.local(slot * length_us)
        days.setdefault(begins.date(), {})[_minute(begins)] = state
    last = facts.local(facts.now_us).date()
    first = max(min(days), last - timedelta(days=MOST_DAYS - 1))
    shown = [first + timedelta(days=n) for n in range(max(1, (last - first).days + 1))]
    ends = {last: _minute(facts.local(facts.now_us))}
    begins_at = {facts.local(facts.from_us).date(): _minute(facts.local(facts.from_us))}
    rows: list[Node] = []
    for n, day in enumerate(shown):
        rows += _day(day, n, days.get(day, {}), minutes, begins_at.get(day, 0), ends.get(day, _DAY))
    failed = sum(state is State.FAILED for state in states.values())
    height = _TOP + _ROW * len(shown) + 4
    about = f"{len(states):,} slots with a record, of which {failed:,} failed altogether; days from the top, hours from the left."
    return picture("Every slot of the schedule", about, height, *_hours(height), *rows)


def _day(day: date, number: int, states: Mapping[int, State], minutes: int, begin: int, end: int) -> list[Node]:
    """One row: the day's name, a ground line for as long as it is reported on, and what came of its slots."""
    top = _TOP + number * _ROW
    parts = [
        node("text", day_of(day), x=0, y=top + 10, class_="begin"),
        node("path", class_="ground", d=f"M{_x(begin)} {top + 11}.5H{_x(end)}"),
    ]
    for state, (offset, tall) in _HEIGHTS.items():
        runs = _runs(sorted(minute for minute, found in states.items() if found is state), minutes)
        steps = "".join(f"M{_x(begin)} {top + offset}H{_x(end)}v{tall}H{_x(begin)}z" for begin, end in runs)
        if steps:
            parts.append(node("path", class_=f"slot {state.value.replace(' ', '-')}", d=steps))
    return parts


def _runs(minutes: list[int], length: int) -> list[tuple[int, int]]:
    """Slots that follow each other, as one stretch."""
    runs: list[tuple[int, int]] = []
    for minute in minutes:
        if runs and runs[-1][1] == minute:
            runs[-1] = (runs[-1][0], minute + length)
        else:
            runs.append((minute, minute + length))
    return runs


def _hours(height: int) -> list[Node]:
    parts = []
    for hour, kind in ((0, "begin"), (6, "centre"), (12, "centre"), (18, "centre"), (24, "end")):
        parts.append(node("text", f"{hour:02}:00", x=_x(hour * 60), y=10, class_=kind))
        parts.append(node("path", class_="grid", d=f"M{_x(hour * 60)} {_TOP - 3}V{height - 4}"))
    return parts


def _minute(moment: datetime) -> int:
    return moment.hour * 60 + moment.minute


def _x(minute: int) -> str:
    return place(_LEFT * 10 + min(minute, _DAY) * (WIDTH - _LEFT) * 10 // _DAY)
