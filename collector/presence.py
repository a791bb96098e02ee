"""What is known of each slot of a device: it measured, the network was down, the probe was off, or nobody can tell. Pure.

A slot is one of the following; the first rule that fits decides. Of a slot of which there are records:

    measured       a test of it worked
    held_back      no test of it ran, and the probe said why
    off            every test of it was cut off: the device went down on the way
    not_delivered  its tests failed, and right there a start's number is used up whose record is not here
    no_link        its tests failed and the device itself had no connection: no coverage, a pulled cable and airplane mode
                   look the same
    down           its tests failed, the device had a connection, and each ladder (`reach`) climbed then shows that nobody
                   beyond the first router answered
    failed         its tests failed, and something answered, or nobody looked what does

Without any record:

    not_delivered  it falls between two records of which the numbers in between are not here
    off            it falls between the last sign of life and the start of the probe that names it
    asleep         it falls into a sleep of the device that was recorded
    unknown        nothing says anything about it: it may be after the last record, or the clock was set past it

Only `down` speaks for the customer, so it needs most: a test that was started, a ladder that reached nobody, and records of
a later time. It is never concluded from silence. As numbers count starts, a record that is missing leaves a hole, and what
lies at a hole is not believed: no record can be taken away so that the network looks worse than before.

A name that was found, and a path that ends at the first router, do not show that a network works: a cache next door can
do the one, and the router the other. Times are the device's own wall clock, as in every timeline here.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby, pairwise
from typing import Final

from collector.view import PresenceView, RecordRow, Stand, Stretch
from shared.record import NOTES, End
from shared.slots import SlotPlan
from shared.strictjson import JsonObject

Told = Mapping[int, JsonObject]  # the presence and reach records of a device, by sequence number
Found = tuple[Stand, str | None]  # and a word more: a reason, a failure, why it was off

LADDER: Final = "reach"
BEYOND: Final = frozenset({"resolver", "collector", "peer", "object", "independent"})  # rungs past the first router
OWN: Final = frozenset({"link", "address", "route"})
NEAR_TESTS: Final = frozenset({"dns", "path"})  # what works next door alone
HOLE: Final[Found] = "not_delivered", None
# Of what overlaps in a slot without records the first in this order is said.
RANK: Final[Mapping[Stand, int]] = {"not_delivered": 0, "off": 1, "asleep": 2, "unknown": 3}


@dataclass(frozen=True, slots=True)
class _Stay:
    """A stretch of the device's wall clock of which something is known although nothing was measured in it."""

    from_us: int
    to_us: int
    found: Found


@dataclass(slots=True)
class _Slot:
    """What there is of one slot: its own tests; ladders, and whether anything else worked in that time."""

    tests: list[RecordRow] = field(default_factory=list)
    ladders: list[RecordRow] = field(default_factory=list)
    worked_beside: bool = False


def presence_of(dev: str, plan: SlotPlan, slots: range, rows: Sequence[RecordRow], told: Told) -> PresenceView:
    """What is known of a device's slots, by its signed rows and what its presence and reach records say."""
    chain = sorted((row for row in rows if row.provenance == "signed" and row.dev == dev), key=lambda row: row.seq)
    silent = _silent(plan, slots, chain, told)
    newest = max((_begun(plan, row) for row in chain), default=0)
    found = dict(silent)
    for slot, ran in _by_slot(plan, chain).items():
        if ran.tests:
            found[slot] = _of_tests(ran, told, is_hole=silent.get(slot) == HOLE, is_past=slot < newest)
    stands = [(slot, found.get(slot, ("unknown", None))) for slot in slots]
    counts = Counter(stand for _, (stand, _) in stands)
    return PresenceView(dev, plan.slot_s, tuple(_stretches(plan, stands)), dict(sorted(counts.items())))


def _begun(plan: SlotPlan, row: RecordRow) -> int:
    """The newest slot that a row shows to have begun; every slot before it is over, with all its tests.

    The tests of a slot may run into the next one, and a note may be made in between, so a note shows one slot less.
    """
    return plan.slot_at(row.at_us) - 1 if row.slot is None else row.slot


def _by_slot(plan: SlotPlan, chain: Iterable[RecordRow]) -> dict[int, _Slot]:
    found: dict[int, _Slot] = defaultdict(_Slot)
    for row in chain:
        if row.method in NOTES:
            continue
        one = found[plan.slot_at(row.at_us) if row.slot is None else row.slot]
        if row.method == LADDER:
            one.ladders.append(row)
        elif row.slot is None:
            one.worked_beside |= _worked(row)
        else:
            one.tests.append(row)
    return found


def _worked(row: RecordRow) -> bool:
    return row.end == End.OK and row.method not in NEAR_TESTS


def _of_tests(ran: _Slot, told: Told, *, is_hole: bool, is_past: bool) -> Found:
    failed = [row for row in ran.tests if row.end == End.FAILED]
    if any(_worked(row) or (row.end == End.OK and not failed) for row in ran.tests):
        return "measured", None
    if not failed:
        reasons = Counter(row.reason for row in ran.tests if row.end == End.NOT_STARTED)
        return ("held_back", reasons.most_common(1)[0][0]) if reasons else ("off", "cut_off")
    if is_hole:
        return HOLE
    commonest = Counter(row.failure for row in failed).most_common(1)[0][0]
    if all("no_link" in row.flaws for row in failed):
        return "no_link", commonest
    ladders = [told[row.seq] for row in ran.ladders if row.seq in told]
    if not ladders or ran.worked_beside or any(ladder.get("reached") in BEYOND for ladder in ladders):
        return "failed", commonest
    if any(_is_own_trouble(ladder) for ladder in ladders):
        return "no_link", commonest
    return ("down" if is_past else "failed"), commonest


def _is_own_trouble(ladder: JsonObject) -> bool:
    """Whether a rung of the device itself did not hold."""
    rungs, failures = (str(ladder.get(name, "")).split(",") for name in ("rungs", "failures"))
    return any(name in OWN and failure for name, failure in zip(rungs, failures, strict=False))


def _silent(plan: SlotPlan, slots: range, chain: Sequence[RecordRow], told: Told) -> dict[int, Found]:
    """The slots that fall into a stretch of which something is known, whether there are records of them or not."""
    length_us = plan.slot_s * 1_000_000
    found: dict[int, Found] = {}
    for stay in (*_holes(plan, chain), *_stays(chain, told)):
        first, last = max(slots.start, stay.from_us // length_us), min(slots.stop - 1, (stay.to_us - 1) // length_us)
        for slot in range(first, last + 1):
            if slot not in found or RANK[stay.found[0]] < RANK[found[slot][0]]:
                found[slot] = stay.found
    return found


def _holes(plan: SlotPlan, chain: Sequence[RecordRow]) -> Iterator[_Stay]:
    """Between the records around each gap in the numbers; and one slot before, whose tests may have run that late."""
    for before, after in pairwise(chain):
        if after.seq > before.seq + 1:
            from_us, to_us = sorted((before.at_us, after.at_us))
            yield _Stay(from_us - plan.slot_s * 1_000_000, to_us + 1, HOLE)


def _stays(chain: Sequence[RecordRow], told: Told) -> Iterator[_Stay]:
    for place, row in enumerate(chain):
        members = told.get(row.seq, {}) if row.method == "presence" else {}
        event, since_us = members.get("event"), _integer(members, "since_wall_us")
        if event == "started":
            yield from _off(chain[place:], members)
        elif event == "resumed" and since_us is not None:
            yield _Stay(since_us, row.at_us, ("asleep", None))
        elif event == "clock_stepped" and since_us is not None:
            yield _Stay(since_us, row.at_us, ("unknown", "clock_stepped"))


def _off(since: Sequence[RecordRow], members: JsonObject) -> Iterator[_Stay]:
    """From the last sign of life to the start; where the clock was not set then, to the next record of a clock that was."""
    last_us, after = _integer(members, "last_wall_us"), members.get("after")
    back_us = next((row.at_us for row in since if last_us is not None and row.at_us >= last_us), None)
    if last_us is not None and back_us is not None:
        yield _Stay(last_us, back_us, ("off", after if isinstance(after, str) else None))


def _integer(members: JsonObject, name: str) -> int | None:
    value = members.get(name)
    return value if type(value) is int else None


def _stretches(plan: SlotPlan, stands: Iterable[tuple[int, Found]]) -> Iterator[Stretch]:
    """Neighbouring slots of which the same is known, as one."""
    length_us = plan.slot_s * 1_000_000
    for (stand, detail), group in groupby(stands, key=lambda one: one[1]):
        numbers = [slot for slot, _ in group]
        yield Stretch(stand, numbers[0] * length_us, (numbers[-1] + 1) * length_us, len(numbers), detail)
