"""The desk's view of many lines at once: the fleet of devices, cells, and the days of a line; each within bounds.

No figure of a cell is told that fewer than FEW_DEVICES devices measured, and no median that fewer of them have a figure for:
it would be one customer's line under another name.
"""

from collections.abc import Mapping
from typing import Any, Final

from collector.bounds import CELL_DAYS, DAYS_SHOWN, DIRECTIONS, FLEET_DAYS, LEAST_N, LINE_DAYS, MOST, MOST_SHOWN
from collector.case import at_a_moment, subscriber_of
from collector.cells import CellName
from collector.days import days_in_index, edges_us, last_days
from collector.errors import BadRequest, NotFound
from collector.moments import Stretch, moment_us, stretch_of
from collector.overview import (
    FEW_DEVICES,
    CellHourRow,
    CellRow,
    CellsView,
    CellView,
    DaysView,
    FleetView,
    HourRow,
    RecordCount,
    SilentRow,
)
from collector.services import Services
from collector.store.answers import CellFigures, CellHour
from collector.web.localtime import LineClock

HOUR_US: Final = 3_600_000_000
DAY_US: Final = 24 * HOUR_US
UTC: Final = LineClock.of("UTC")
WEEK_DAYS: Final = 7
Told = Mapping[str, Any]


def fleet_of(services: Services, told: Told) -> FleetView:
    """The fleet since `since` (default: a day ago), at most FLEET_DAYS back; of the silent devices `most`."""
    _only(told, "since", "zone", "most")
    now_us, most = services.clock.wall_us(), most_of(told)
    stretch = stretch_of(told, now_us, FLEET_DAYS, "24h")
    with at_a_moment(services) as (store, lag):
        fleet = store.fleet(stretch.since_us, most)
        hour, day, week = (store.heard(now_us - span_us) for span_us in (HOUR_US, DAY_US, 7 * DAY_US))
    return FleetView(
        now_us,
        stretch.since_us,
        fleet.devices,
        hour,
        day,
        week,
        fleet.heard,
        fleet.lost,
        dict(sorted(fleet.refused.items())),
        tuple(RecordCount(method, end, n) for (method, end), n in sorted(fleet.records.items())),
        tuple(_silent(services, one.dev, one.subscriber, one.heard_us) for one in fleet.silent),
        lag,
    )


def _silent(services: Services, dev: str, subscriber: str, heard_us: int | None) -> SilentRow:
    keys, line = services.registry.keys_of(dev), services.registry.subscribers.get(subscriber)
    is_frozen = bool(keys) and keys[-1].frozen_us is not None
    return SilentRow(dev, subscriber, "UTC" if line is None else line.time_zone, heard_us, is_frozen)


def cells_of(services: Services, told: Told) -> CellsView:
    """The worst cells of a stretch of whole hours with enough data, or with `hours` the worst single hours of cells."""
    _only(told, "since", "until", "zone", "direction", "most", "hours")
    stretch, direction, most = whole_hours(services, told), direction_of(told), most_of(told)
    by_hour = told.get("hours", False)
    if not isinstance(by_hour, bool):
        raise BadRequest("hours is true or false")
    cells: tuple[CellRow, ...] = ()
    hours: tuple[CellHourRow, ...] = ()
    with at_a_moment(services) as (store, _):
        if by_hour:
            found = store.cell_hours(stretch.since_us, stretch.until_us, direction, most, FEW_DEVICES)
            hours = tuple(
                CellHourRow(str(CellName(one.operator, one.cell)), one.operator, one.cell, hour_row(one, direction))
                for one in found
            )
        else:
            worst = store.worst_cells(stretch.since_us, stretch.until_us, direction, LEAST_N, FEW_DEVICES, most)
            cells = tuple(_cell_row(one, direction) for one in worst)
    now_us = services.clock.wall_us()
    return CellsView(now_us, stretch.since_us, stretch.until_us, direction, LEAST_N, FEW_DEVICES, by_hour, cells, hours)


def cell_of(services: Services, told: Told) -> CellView:
    """The hours of one cell over a stretch of whole hours.

    Raises NotFound for a cell that nobody measured, BadRequest if it is not clear which of several is meant.
    """
    _only(told, "cell", "since", "until", "zone", "direction")
    stretch, direction = whole_hours(services, told), direction_of(told)
    wanted, is_named = CellName.read(told.get("cell"))
    with at_a_moment(services) as (store, _):
        known = {one.operator: one for one in store.cell_operators(wanted.cell)}
        if not is_named and len(known) == 1:
            wanted = CellName(next(iter(known)), wanted.cell)
        elif not is_named and known:
            names = ", ".join(str(CellName(operator, wanted.cell)) for operator in known)
            raise BadRequest(f"several operators have a cell {wanted.cell}; say which: {names}")
        if wanted.operator not in known:
            others = ", ".join(str(CellName(operator, wanted.cell)) for operator in known)
            raise NotFound(
                f"nothing was ever measured in a cell {wanted if is_named else wanted.cell}"
                + (f"; there is {others}" if others else "")
            )
        hours = store.cell_hours_of(wanted.operator, wanted.cell, stretch.since_us, stretch.until_us, direction)
    days = known[wanted.operator]
    return CellView(
        services.clock.wall_us(),
        stretch.since_us,
        stretch.until_us,
        direction,
        FEW_DEVICES,
        str(wanted),
        wanted.operator,
        wanted.cell,
        days.first_day,
        days.last_day,
        tuple(hour_row(one, direction) for one in hours),
    )


def cell_week(services: Services, cell: str, told: Told) -> CellView:
    """The downloads of one cell in the WEEK_DAYS whole days (UTC) that end with the one before `until` (default: with today)."""
    _only(told, "until")
    now_us, until = services.clock.wall_us(), told.get("until")
    until_us = now_us if until is None else moment_us("until", until, now_us)
    ends_us = -(-until_us // DAY_US) * DAY_US
    bounds = {"since": UTC.machine(ends_us - WEEK_DAYS * DAY_US), "until": UTC.machine(ends_us)}
    return cell_of(services, {"cell": cell} | bounds)


def days_of(services: Services, told: Told) -> DaysView:
    """A line's days by its own clock, each that the stretch touches as a whole (default: the last DAYS_SHOWN)."""
    _only(told, "subscriber", "since", "until", "zone")
    subscriber = subscriber_of(services, _text(told, "subscriber"))
    clock, now_us = LineClock.of(subscriber.time_zone), services.clock.wall_us()
    if told.get("since") is None and told.get("until") is None:
        edges = last_days(clock, now_us, DAYS_SHOWN)
    else:
        stretch = stretch_of(told, now_us, LINE_DAYS, None)
        edges = edges_us(clock, stretch.since_us, stretch.until_us)
    with at_a_moment(services) as (store, _):
        days = days_in_index(services, store, subscriber, edges)
        newest = None
        if not any(day.n for day in days):
            newest = max(
                (one.day for one in store.line_days(subscriber.id) if one.provenance == "signed"), default=None
            )
    return DaysView(subscriber.id, subscriber.time_zone, now_us, days, newest)


def whole_hours(services: Services, told: Told) -> Stretch:
    """The stretch that is asked for, up to CELL_DAYS, made whole hours (UTC) at both ends."""
    stretch = stretch_of(told, services.clock.wall_us(), CELL_DAYS, None)
    return Stretch(stretch.since_us // HOUR_US * HOUR_US, -(-stretch.until_us // HOUR_US) * HOUR_US)


def hour_row(one: CellHour, direction: str) -> HourRow:
    """An hour of a cell, with nothing in it if it would tell of few devices."""
    if one.devices < FEW_DEVICES:
        return HourRow(one.hour_us, few=True)
    bps, us = _medians(direction, one.figure_devices, one.rate_median_bps, one.rtt_median_us)
    return HourRow(one.hour_us, False, one.devices, one.n, one.ok, one.failed, bps, us)  # noqa: FBT003 - not few


def _cell_row(one: CellFigures, direction: str) -> CellRow:
    medians = _medians(direction, one.figure_devices, one.rate_median_bps, one.rtt_median_us)
    name = str(CellName(one.operator, one.cell))
    return CellRow(name, one.operator, one.cell, one.devices, one.n, one.ok, one.failed, *medians)


def _medians(direction: str, devices: int, rate_bps: int | None, rtt_us: int | None) -> tuple[int | None, int | None]:
    """The median that belongs to a direction, if enough devices have a figure."""
    if devices < FEW_DEVICES:
        return None, None
    return (None, rtt_us) if direction == "round_trip" else (rate_bps, None)


def _only(told: Told, *names: str) -> None:
    """Refuse what nobody would look at: a misspelt bound is a missing bound."""
    unknown = sorted(set(told) - set(names))
    if unknown:
        raise BadRequest(f"{', '.join(map(repr, unknown))}: not known here; known are {', '.join(names)}")


def _text(told: Told, name: str) -> str:
    value = told.get(name)
    if not isinstance(value, str) or not value:
        raise BadRequest(f"{name} is missing or not text")
    return value


def direction_of(told: Told) -> str:
    """The direction that is asked for, `down` if none is."""
    direction = told.get("direction")
    if direction is None:
        return DIRECTIONS[0]
    if direction not in DIRECTIONS:
        raise BadRequest(f"direction is one of {', '.join(DIRECTIONS)}, not {direction!r}")
    return str(direction)


def most_of(told: Told) -> int:
    """How many rows at most, MOST_SHOWN if nothing is said."""
    most = told.get("most")
    if most is None:
        return MOST_SHOWN
    if type(most) is not int or not 1 <= most <= MOST:
        raise BadRequest(f"most is a whole number from 1 to {MOST}, not {most!r}")
    return most
