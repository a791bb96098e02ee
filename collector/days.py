"""A line's days by its own clock: what was measured in each, and which slots were missing."""

from bisect import bisect_right
from collections import Counter
from collections.abc import Sequence
from datetime import datetime, timedelta
from itertools import pairwise

from collector.overview import DayRow
from collector.registry import Subscriber
from collector.services import Services
from collector.store.answers import LocalDay
from collector.store.port import Asked
from collector.view import DeviceRow, RemovedRow
from collector.web.localtime import LineClock, instant_us
from shared.slots import SlotPlan


def edges_us(clock: LineClock, since_us: int, until_us: int) -> list[int]:
    """When each local day begins that a stretch touches (unix µs, in order), and when the last of them ends."""
    first, last = clock.local(since_us).date(), clock.local(until_us - 1).date()
    days = range(first.toordinal(), last.toordinal() + 2)
    found = [instant_us(datetime.fromordinal(day).replace(tzinfo=clock.zone)) for day in days]
    return [at for at, after in pairwise(found) if at < after] + found[-1:]  # a zone may have left out a whole day


def last_days(clock: LineClock, now_us: int, days: int) -> list[int]:
    """The edges of today and of the days before it, so many in all."""
    today = clock.local(now_us).date()
    first = datetime.combine(today - timedelta(days=days - 1), datetime.min.time(), clock.zone)
    return edges_us(clock, instant_us(first), now_us + 1)


def days_in_index(services: Services, store: Asked, subscriber: Subscriber, edges: Sequence[int]) -> tuple[DayRow, ...]:
    """Every day between the first and the last edge, also those without anything, as far as the index has come."""
    clock, now_us = LineClock.of(subscriber.time_zone), services.clock.wall_us()
    scheduled, filled = Counter[int](), Counter[int]()
    removed = {row.dev: row for row in store.removed(subscriber.id)}
    for row, plan in store.devices(subscriber.id):
        slots, _ = ended_slots(services, row, plan, removed.get(row.dev), now_us)
        those = slots_within(plan, slots, edges[0], edges[-1])
        for from_us, to_us in pairwise(edges) if those else ():
            scheduled[from_us] += len(slots_within(plan, those, from_us, to_us))
        found = store.filled_slots(row.dev, those.start, those.stop) if those else set[int]()
        filled.update(edges[bisect_right(edges, slot * plan.slot_s * 1_000_000) - 1] for slot in found)
    measured = {day.from_us: day for day in store.local_days(subscriber.id, edges)}
    return tuple(
        _row(clock, measured.get(from_us), from_us, to_us, scheduled[from_us], scheduled[from_us] - filled[from_us])
        for from_us, to_us in pairwise(edges)
    )


def ended_slots(
    services: Services, row: DeviceRow, plan: SlotPlan, removed: RemovedRow | None, now_us: int
) -> tuple[range, bool]:
    """A device's slots that have ended by now, and whether it is frozen: then, or once it is revoked, none is due any more.

    They are told from the moment on until which its records were removed: what was in earlier ones is not here.
    """
    keys = services.found(lambda: services.registry.keys_of(row.dev) or None)
    frozen_us = None if keys is None else keys[-1].frozen_us
    revoked = None if keys is None else keys[-1].revoked
    ended_us = min([now_us, *([] if frozen_us is None else [frozen_us]), *([] if revoked is None else [revoked.at_us])])
    since_us = row.enrolled_us if removed is None else max(row.enrolled_us, removed.until_us)
    return plan.ended_between(since_us, ended_us), frozen_us is not None


def slots_within(plan: SlotPlan, slots: range, from_us: int, to_us: int) -> range:
    """Those of some slots that begin within a stretch; none is an empty range."""
    length_us = plan.slot_s * 1_000_000
    first = max(slots.start, -(-from_us // length_us))
    return range(first, max(first, min(slots.stop, -(-to_us // length_us))))


def _row(clock: LineClock, day: LocalDay | None, from_us: int, to_us: int, scheduled: int, missing: int) -> DayRow:
    date = clock.local(from_us).date().isoformat()
    if day is None:
        return DayRow(date, from_us, to_us, scheduled, missing)
    return DayRow(
        date,
        from_us,
        to_us,
        scheduled,
        missing,
        day.n,
        day.ok,
        day.failed,
        day.not_started,
        day.aborted,
        day.flawed,
        day.down_n,
        day.down_median_bps,
        day.up_n,
        day.up_median_bps,
        day.rtt_n,
        day.rtt_median_us,
    )
