"""What is missing of a line: coverage and the bound for each day, and the numbers that no record bears. For page and evidence.

The rules are those of `shared.omission`, which whoever checks evidence applies again to the signed records.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence

from collector.days import ended_slots
from collector.holes import numbering_of
from collector.registry import Subscriber
from collector.samples import NONE_CONTESTED, is_contested
from collector.services import Services
from collector.store.port import Asked
from collector.view import GapRow, OmissionView, PlannedRow, RecordRow, RemovedRow, WindowRow
from shared.omission import Planned, Result, least_promised, shown_by, ways_of, windows
from shared.slots import HEAVY_EVERY, SlotPlan


def omission_of(
    services: Services,
    store: Asked,
    subscriber: Subscriber,
    rows: Sequence[RecordRow],
    removed: Mapping[str, RemovedRow],
    now_us: int,
    contested: Mapping[str, int] = NONE_CONTESTED,
) -> OmissionView:
    """What is missing of a line, as far as the index has come; `rows` are all of its records.

    What came of a device since it may have been in other hands (`contested`) shows nothing of its slots.
    """
    planned = []
    for row, plan in store.devices(subscriber.id):
        slots, _ = ended_slots(services, row, plan, removed.get(row.dev), now_us)
        planned.append(Planned(row.dev, plan, slots.start, max(slots.start, slots.stop)))
    return view_of(planned, rows, subscriber.contract, removed, contested)


def view_of(
    planned: Sequence[Planned],
    rows: Sequence[RecordRow],
    contract: Mapping[str, Mapping[str, int]],
    removed: Mapping[str, RemovedRow],
    contested: Mapping[str, int] = NONE_CONTESTED,
) -> OmissionView:
    """The same, from what was planned."""
    least_bps, plans = least_promised(contract), {one.dev: one.plan for one in planned}
    uncontested = (row for row in rows if not is_contested(row, contested))
    shown = shown_by(_results(uncontested, plans), plans, least_bps)
    found = windows(planned, ways_of(least_bps), shown)
    return OmissionView(
        HEAVY_EVERY,
        least_bps,
        tuple(PlannedRow(one.dev, one.plan.slot_s, one.first, one.stop) for one in planned),
        tuple(WindowRow(one.day, one.way, one.bound.scheduled, one.bound.slow, one.bound.missing) for one in found),
        tuple(_gaps(rows, removed)),
    )


def _results(rows: Iterable[RecordRow], plans: Mapping[str, SlotPlan]) -> Iterator[Result]:
    """By the slots and the clock that were signed, as anybody finds them again; a wrong clock's results are missing here."""
    for row in rows:
        if row.provenance == "signed" and row.slot is not None:
            wall_us, slot, plan = row.at_us + (row.skew_us or 0), row.slot, plans.get(row.dev)
            if plan is not None:
                slot -= plan.slot_at(row.at_us) - plan.slot_at(wall_us)
            yield Result(row.dev, slot, row.method, row.end, row.rate_bps, row.flaws, wall_us, row.received_us)


def _gaps(rows: Sequence[RecordRow], removed: Mapping[str, RemovedRow]) -> Iterator[GapRow]:
    for hole in numbering_of(rows, {}, removed).holes:
        first = 0 if hole.before is None else hole.before.seq + 1
        yield GapRow(hole.after.dev, first, hole.after.seq - 1, hole.missing, hole.from_us, hole.to_us)
