"""Everything about one line, put together for the desk: what was promised, said, measured, missing, and judged."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Final

from collector.bounds import DAYS_SHOWN
from collector.campaigns import fixed_campaigns
from collector.criteria import unknown_criterion
from collector.dating import TimesView
from collector.days import days_in_index, ended_slots, last_days
from collector.delays import delays_of
from collector.delivered import transfers_of
from collector.errors import BadRequest, NotFound
from collector.findings import judge_line
from collector.keychange import contested_since, device_shown
from collector.omission import omission_of
from collector.overview import DayRow, Lag
from collector.presence import presence_of
from collector.registry import Subscriber
from collector.services import Services
from collector.store.port import Asked
from collector.view import CaseView, Counts, DeviceRow, PresenceView, RecordRow, RemovedRow
from collector.web.localtime import LineClock


def subscriber_of(services: Services, name: str) -> Subscriber:
    """A subscriber by id; raises NotFound."""
    found = services.found(lambda: services.registry.subscribers.get(name))
    if found is None:
        raise NotFound(f"there is no subscriber {name!r}")
    return found


MOMENT_S: Final = 0.3  # a person waits for it without noticing


@contextmanager
def at_a_moment(services: Services) -> Iterator[tuple[Asked, Lag]]:
    """The index at one moment, and how late it is: as fresh as the ledger if it is there in a moment, else as it is."""
    newest_no = services.ledger.newest_no()
    services.indexer.comes_to(newest_no, MOMENT_S)
    with services.store.moment() as store:  # counts, measurements and complaints of one state
        entries, age_s = services.indexer.behind(newest_no, services.clock.wall_us())
        yield store, Lag(newest_no, newest_no - entries, entries, round(age_s * 1e6))


def case_of(services: Services, name: str, criterion: str | None = None) -> tuple[CaseView, list[RecordRow]]:
    """A subscriber's case by his own criterion (or another), and his measurements.

    As fresh as the ledger, if the index is in a moment; else as fresh as the index, and how late that is is said.
    """
    subscriber_of(services, name)
    with at_a_moment(services) as (store, lag):
        case, rows = case_in_index(services, store, name, criterion)
    return replace(case, behind_us=lag.age_us), rows


def page_of(services: Services, name: str) -> tuple[CaseView, list[RecordRow], tuple[DayRow, ...]]:
    """What the page of a subscriber shows: his case, his measurements, and the last DAYS_SHOWN days of his line."""
    subscriber_of(services, name)
    with at_a_moment(services) as (store, lag):
        case, rows, days = page_in_index(services, store, name)
    return replace(case, behind_us=lag.age_us), rows, days


def page_in_index(services: Services, store: Asked, name: str) -> tuple[CaseView, list[RecordRow], tuple[DayRow, ...]]:
    """The same as far as the index has come."""
    subscriber = subscriber_of(services, name)
    case, rows = case_in_index(services, store, name)
    edges = last_days(LineClock.of(subscriber.time_zone), services.clock.wall_us(), DAYS_SHOWN)
    return case, rows, days_in_index(services, store, subscriber, edges)


def case_in_index(
    services: Services, store: Asked, name: str, criterion: str | None = None
) -> tuple[CaseView, list[RecordRow]]:
    """A subscriber's case as far as the index has come."""
    services.learning.learn()
    subscriber = subscriber_of(services, name)
    rows = store.timeline(name)
    complaints = store.complaints(name)
    chosen = services.criteria.get(criterion or subscriber.criterion)
    if chosen is None:
        raise BadRequest(unknown_criterion(criterion or subscriber.criterion, services.criteria))
    opened_us = complaints[0].received_us if complaints else None  # by our clock: the device's could be set back
    removed = {row.dev: row for row in store.removed(name)}
    devices, counts, presence = _devices(services, store, name, rows, removed)
    plans = {row.dev: plan for row, plan in store.devices(name)}
    campaigns = fixed_campaigns(store.campaigns(name))
    contested = contested_since(services, plans)
    as_of_us = services.clock.wall_us()
    told = transfers_of(store.transfers(name), {key.key_id for key in services.peers.values()}, as_of_us)
    return (
        CaseView(
            subscriber=name,
            time_zone=subscriber.time_zone,
            contract={direction: dict(speeds) for direction, speeds in subscriber.contract.items()},
            as_of_us=as_of_us,
            complaints=tuple(complaints),
            devices=devices,
            alarms=tuple(store.alarms(name)),
            counts=counts,
            verdicts=tuple(
                judge_line(
                    chosen,
                    subscriber,
                    rows,
                    store.radio(name),
                    plans,
                    opened_us,
                    campaigns,
                    removed,
                    contested,
                    told.never,
                )
            ),
            grades=tuple(store.grades(name)),
            presence=presence,
            times=_times(store.times(name), rows),
            removed=tuple(removed.values()),
            transfers=told,
            delays=delays_of(rows, store.notes(name)),
            omission=omission_of(services, store, subscriber, rows, removed, as_of_us, contested),
        ),
        rows,
    )


def _times(told: Sequence[TimesView], rows: Iterable[RecordRow]) -> tuple[TimesView, ...]:
    """How well it is known when each device measured, and by how much its wall clock was off."""
    skews: dict[str, list[int]] = defaultdict(list)
    for row in rows:
        if row.skew_us is not None:
            skews[row.dev].append(row.skew_us)
    return tuple(
        replace(one, skewed=len(skews[one.dev]), most_skew_us=max(skews[one.dev], key=abs, default=None))
        for one in told
    )


def _devices(
    services: Services, store: Asked, name: str, timeline: Sequence[RecordRow], removed: Mapping[str, RemovedRow]
) -> tuple[tuple[DeviceRow, ...], dict[str, Counts], tuple[PresenceView, ...]]:
    """The line's devices, the counts with the slots and losses of all of them, and what is known of each one's slots."""
    counts = {"signed": Counts()} | store.counts(name)
    scheduled = missing = lost = 0
    rows, presence = [], []
    now_us = services.clock.wall_us()
    notes = store.notes(name)
    for row, plan in store.devices(name):
        slots, is_frozen = ended_slots(services, row, plan, removed.get(row.dev), now_us)
        scheduled += len(slots)
        missing += len(slots) - len(store.filled_slots(row.dev) & set(slots))
        lost += row.lost
        rows.append(device_shown(services, replace(row, frozen=is_frozen), timeline))
        presence.append(presence_of(row.dev, plan, slots, timeline, notes.get(row.dev, {})))
    counts["signed"] = replace(counts["signed"], scheduled_slots=scheduled, missing_slots=missing, lost=lost)
    return tuple(rows), counts, tuple(presence)
