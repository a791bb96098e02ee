"""The step of checking an evidence file that asks what is missing of it: coverage and bound, gaps, forks, tests by hand.

The bound is computed anew from the signed records by the rules of `shared.omission`; so are the numbers without a record.
What of this the collector says in the case must be the same. That slots are told from the enrolment on and up to the moment
of the file is checked; a device whose chain forked has none after that.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from collector.evidence.casefile import CASE, read_case
from collector.evidence.found import Found, StepFailed, member
from collector.evidence.typed import as_list, as_text, as_whole
from shared import kpi, statement
from shared.batch import OpenedBatch, open_batch
from shared.errors import Refused, UnknownKey
from shared.keys import PublicKey
from shared.omission import Bound, Planned, Result, Way, Window, gaps, least_promised, shown_by, total, ways_of, windows
from shared.record import UNCOUNTED, Record
from shared.slots import SlotPlan

MOST_SLOTS = 10_000_000
CLOCKS_US = 60_000_000  # a receipt may be so much earlier than the ledger's entry
LATE_US, SET_US = 3_600_000_000, 1_577_836_800_000_000  # an hour; 2020, before which a clock was never set
_BOUND = "scheduled", "slow", "missing"
WORDS: dict[Way, str] = {
    "down": "downloads slower than the least that was promised, or failed",
    "up": "uploads slower than the least that was promised, or failed",
    "any": "slots in which a test failed",
}


@dataclass(frozen=True, slots=True)
class _Told:
    """What the case says of what is missing."""

    planned: tuple[Planned, ...]
    least_bps: dict[str, int]
    every: int
    windows: list[Window]
    gaps: list[tuple[str, int, int, int]]
    by_hand: int


def omission(found: Found) -> str:
    """What is missing is said, as it is."""
    forks = _forks(found)
    told = _told(found)
    if told is None:
        return "; ".join(["the case was made before it told of what is missing", *forks])
    _covers(found, told.planned)
    shown = shown_by(_results(found), {one.dev: one.plan for one in told.planned}, told.least_bps)
    ways = ways_of(told.least_bps)
    made = windows(told.planned, ways, shown, told.every)
    if told.windows != list(made):
        raise StepFailed("the bound it tells is not that of the signed records", CASE)
    missing = list(_gaps(found))
    if told.gaps != missing:
        raise StepFailed("the gaps it tells are not those of the signed records", CASE)
    by_hand = sum(_is_by_hand(record) for _, record in _records(found))
    if told.by_hand != by_hand:
        raise StepFailed(f"it tells of {told.by_hand} tests by hand, there are {by_hand}", CASE)
    gone = sum(n for _, _, _, n in missing)
    where = ", ".join(f"{dev[:8]}: {first} to {last}" for dev, first, last, _ in missing)
    return "; ".join(
        [
            *(_in_words(way, total(made, way)) for way in ways),
            f"{gone} numbers without a record" + (f" ({where})" if where else ""),
            *forks,
            *_late(found),
            f"{by_hand} tests by hand, in no statistics",
        ]
    )


def _in_words(way: Way, bound: Bound) -> str:
    if not bound.scheduled:
        return f"{WORDS[way]}: none was wanted yet"
    share = f"between {bound.least_pm / 10:.1f} and {bound.most_pm / 10:.1f} %"
    return (
        f"{WORDS[way]}: {share} of {bound.scheduled} that were wanted "
        f"({bound.slow} are shown, {bound.missing} are missing; coverage {bound.coverage_pm / 10:.1f} %)"
    )


def _told(found: Found) -> _Told | None:
    """What the case says; None if it is older than the question. Raises StepFailed."""
    try:
        case = read_case(member(found, CASE))
        told = case.get("omission")
        if told is None:
            return None
        return _read(case, told)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise StepFailed("says in no readable way what is missing", CASE) from error


def _read(case: Any, told: Any) -> _Told:  # noqa: ANN401 - JSON that nobody has looked at yet
    """The same; raises ValueError, KeyError, TypeError or AttributeError for what is anything else."""
    contract = {
        str(way): {str(name): as_whole(bps) for name, bps in speeds.items()} for way, speeds in case["contract"].items()
    }
    least_bps = {str(way): as_whole(bps) for way, bps in told["least_bps"].items()}
    if least_bps != least_promised(contract):
        raise ValueError("not the least that the contract promises")
    every = as_whole(told["heavy_every"])
    planned = tuple(
        Planned(
            as_text(one["dev"]),
            SlotPlan(as_whole(one["slot_s"]), 0),
            as_whole(one["first_slot"]),
            as_whole(one["stop_slot"]),
        )
        for one in as_list(told["planned"])
    )
    if every < 1 or sum(one.stop - one.first for one in planned) > MOST_SLOTS:
        raise ValueError("slots beyond all measure")
    found = [
        Window(as_whole(one["day"]), as_text(one["way"]), Bound(*(as_whole(one[name]) for name in _BOUND)))
        for one in as_list(told["windows"])
    ]
    missing = [
        (as_text(one["dev"]), as_whole(one["first_seq"]), as_whole(one["last_seq"]), as_whole(one["missing"]))
        for one in as_list(told["gaps"])
    ]
    return _Told(
        planned, least_bps, every, found, missing, as_whole(case["counts"].get("signed", {}).get("by_hand", 0))
    )


def _covers(found: Found, planned: tuple[Planned, ...]) -> None:
    """Every device is asked about from its enrolment on, and up to the moment of the file; raises StepFailed."""
    if sorted(one.dev for one in planned) != sorted(found.enrolled_us):
        raise StepFailed("it does not ask about each device once", CASE)
    as_of_us = statement.integer(found.manifest, "as_of_us")
    ended = {dev for dev, _ in _refused(found)} | set(found.revoked.values())
    for one in planned:
        whole = one.plan.ended_between(found.enrolled_us[one.dev], as_of_us)
        first = min(max(whole.start, one.first), max(whole.start, _latest_first(found, one)))
        stop = max(first, whole.stop)
        if one.first != first or not (one.stop == stop or (one.dev in ended and first <= one.stop <= stop)):
            raise StepFailed(
                f"it asks about slots {one.first} to {one.stop} of {one.dev[:8]}, not {first} to {stop}", CASE
            )


def _latest_first(found: Found, one: Planned) -> int:
    """The latest slot from which it may be asked: behind the last removed record; where none was removed, none is later."""
    until_us = max(
        (min(gone.said.sealed_wall_us, found.received_us[gone.pae_sha256]) for gone in found.removed.get(one.dev, ())),
        default=None,
    )
    return 0 if until_us is None else -(-(until_us + CLOCKS_US) // (one.plan.slot_s * 1_000_000))


def _refused(found: Found) -> Iterator[tuple[str, int]]:
    """Device and number of each batch that was kept aside; raises StepFailed if it is none that a device has signed."""

    def key_of(key_id: str) -> PublicKey:
        if key_id not in found.devices:
            raise UnknownKey(3, "signed by a key that is not enrolled here")
        return found.devices[key_id]

    for name in found.named("refused"):
        try:
            said = open_batch(found.files[name], key_of).said
        except Refused as error:
            raise StepFailed(str(error), name) from error
        yield found.first_key[said.dev], said.batch


def _forks(found: Found) -> list[str]:
    """Batches that contradict the chain, in words."""
    numbers = {(dev, batch.said.batch) for dev, batches in found.chains().items() for batch in batches}
    return [
        f"a fork: two batches {batch} of {dev[:8]}"
        if (dev, batch) in numbers
        else f"a batch {batch} of {dev[:8]} that does not follow its chain"
        for dev, batch in _refused(found)
    ]


def _records(found: Found) -> Iterator[tuple[OpenedBatch, Record]]:
    return (
        (batch, record) for dev in sorted(found.batches) for batch in found.batches[dev] for record in batch.records
    )


def _results(found: Found) -> Iterator[Result]:
    for batch, record in _records(found):
        slot, dev = record.integer("slot"), found.first_key[batch.said.dev]
        if slot is not None and not found.is_contested(batch):
            limited = ("receiver_limited",) if (batch.said.dev, record.seq) in found.limited else ()
            flaws = (*record.texts("flaws"), *limited)
            at_us, received_us = record.integer("wall_us") or 0, found.received_us[batch.pae_sha256]
            yield Result(dev, slot, record.method, record.end, kpi.rate_bps(record), flaws, at_us, received_us)


def _late(found: Found) -> Iterator[str]:
    """How many records came late by their devices' clocks and the receipts, and what the devices recorded of their tries."""
    late_us = [
        late
        for batch, record in _records(found)
        if (late := found.received_us[batch.pae_sha256] - (at_us := record.integer("wall_us") or 0)) > LATE_US
        and at_us > SET_US
    ]
    if late_us:
        notes = [one for _, one in _records(found) if (one.method, one.text("event")) == ("presence", "not_accepted")]
        put_off, refused, silent = (
            sum(max(0, one.integer(name) or 0) for one in notes) for name in ("put_off", "refused", "silent")
        )
        yield (
            f"{len(late_us)} records came more than an hour after they were made (at most {max(late_us) / 3.6e9:.1f} h); of "
            f"their tries meanwhile the devices recorded: {put_off} put off by the collector, {refused} refused, "
            f"{silent} unanswered"
        )


def _gaps(found: Found) -> Iterator[tuple[str, int, int, int]]:
    for dev in sorted(found.batches):
        gone = [batch.said for batch in found.removed.get(dev, [])]
        removed = (min(said.first_seq for said in gone), max(said.last_seq for said in gone)) if gone else None
        for first, last, missing in gaps((one.seq for batch in found.batches[dev] for one in batch.records), removed):
            yield dev, first, last, missing


def _is_by_hand(record: Record) -> bool:
    return record.method not in UNCOUNTED and record.integer("slot") is None and "campaign" not in record.fields
