"""What a claimant may say at least, and at most, where results are missing: the bound of FORMAT.md, section 15. Pure.

The schedule is what counts, not what was delivered. Of S starts that the schedule wanted in a window (a UTC day), k show a
result that is slow and m show none that counts; so the share of slow ones lies in [k/S, (k + m)/S], and (S − m)/S is the
coverage. Claims use the lower end. S hangs on nothing that a device sends, k only falls with what is taken away, so
deleting results, switching the device off, or measuring by hand never raises the lower end.

Which starts the schedule wanted follows from the device's name alone: a transfer in each direction in every `HEAVY_EVERY`-th
slot, light tests in all of them. A device that was told to do more shows more than is asked here, one that was told to do
less shows gaps. The upper end holds for transfers; for `any` it holds as long as a slot is there whole or not at all, since
of a slot that shows its other tests nobody can say here that one which failed is gone (the chain's numbers can).
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal

from shared.record import End
from shared.slots import HEAVY_EVERY, SlotPlan, is_heavy

Way = Literal["down", "up", "any"]
Outcome = Literal["slow", "good"]
DAY_S: Final = 86_400
AHEAD_US: Final = 300_000_000  # so far may a device's clock be ahead of the collector's
WAYS: Final[Mapping[str, Way]] = {"download": "down", "upload": "up"}
TESTS: Final = frozenset(
    {"latency", "fetch", "download", "upload", "loaded_latency"}
)  # that a slot may want, and that can fail
MOST_BPS: Final = 10**15  # a thousand Tbit/s: no line; a figure above it is none
Shown = Mapping[tuple[str, Way, int], Outcome]


@dataclass(frozen=True, slots=True)
class Planned:
    """The slots of a device that are asked about: from `first` to before `stop`."""

    dev: str
    plan: SlotPlan
    first: int
    stop: int


@dataclass(frozen=True, slots=True)
class Result:
    """What a scheduled start showed, as far as the bound asks; `failed` is a failure of the test, not of its start."""

    dev: str
    slot: int
    method: str
    end: str | None
    rate_bps: int | None
    flaws: tuple[str, ...]
    at_us: int
    received_us: int


@dataclass(frozen=True, slots=True)
class Bound:
    """Of so many starts that were wanted so many were slow, and so many show nothing that counts."""

    scheduled: int
    slow: int
    missing: int

    @property
    def least_pm(self) -> int:
        """The least share that was slow, per mille, rounded down: what may be claimed."""
        return 1000 * self.slow // self.scheduled if self.scheduled else 0

    @property
    def most_pm(self) -> int:
        """The largest share that can have been slow, per mille, rounded up."""
        return -(-1000 * (self.slow + self.missing) // self.scheduled) if self.scheduled else 1000

    @property
    def coverage_pm(self) -> int:
        """The share that shows a result that counts, per mille, rounded down."""
        return 1000 * (self.scheduled - self.missing) // self.scheduled if self.scheduled else 0

    def __add__(self, other: "Bound") -> "Bound":
        """That of two windows together."""
        return Bound(self.scheduled + other.scheduled, self.slow + other.slow, self.missing + other.missing)


NONE: Final = Bound(0, 0, 0)


@dataclass(frozen=True, slots=True)
class Window:
    """The bound of one direction over one UTC day (days since 1970)."""

    day: int
    way: Way
    bound: Bound


def shown_by(results: Iterable[Result], plans: Mapping[str, SlotPlan], least_bps: Mapping[str, int]) -> Shown:
    """What the slots show: `slow` if any result of the direction is, else `good` if one counts.

    A result counts if its slot is the one its time falls into (or the one before), if it is not dated after the collector
    had it, if it has no flaw, and if it ran. A transfer is slow if it failed or was slower than `least_bps`, the least that
    was promised in its direction; for `any` a slot is slow if one of its tests failed.
    """
    found: dict[tuple[str, Way, int], Outcome] = {}
    for one in results:
        plan = plans.get(one.dev)
        if plan is None or one.flaws or one.at_us > one.received_us + AHEAD_US:
            continue
        if plan.slot_at(one.at_us) - one.slot not in {0, 1}:
            continue
        for way, outcome in _outcomes(one, least_bps):
            place = one.dev, way, one.slot
            if found.get(place) != "slow":
                found[place] = outcome
    return found


def _outcomes(one: Result, least_bps: Mapping[str, int]) -> Iterable[tuple[Way, Outcome]]:
    if one.method not in TESTS or one.end not in {End.OK, End.FAILED}:
        return
    has_failed = one.end == End.FAILED
    yield "any", "slow" if has_failed else "good"
    way = WAYS.get(one.method)
    if way is None or way not in least_bps:
        return
    if has_failed:
        yield way, "slow"
    elif one.rate_bps is not None and 0 <= one.rate_bps <= MOST_BPS:
        yield way, "slow" if one.rate_bps < least_bps[way] else "good"


def windows(
    planned: Sequence[Planned], ways: Sequence[Way], shown: Shown, every: int = HEAVY_EVERY
) -> tuple[Window, ...]:
    """The bound of each direction over each UTC day that has a scheduled start, by day and direction."""
    sums: dict[tuple[int, int], list[int]] = {}
    for one in planned:
        for slot in range(one.first, one.stop):
            day, heavy = slot * one.plan.slot_s // DAY_S, is_heavy(one.dev, slot, every)
            for place, way in enumerate(ways):
                if heavy or way == "any":
                    outcome = shown.get((one.dev, way, slot))
                    counted = sums.setdefault((day, place), [0, 0, 0])
                    counted[0] += 1
                    counted[1] += outcome == "slow"
                    counted[2] += outcome is None
    return tuple(Window(day, ways[place], Bound(*sums[day, place])) for day, place in sorted(sums))


def total(found: Iterable[Window], way: Way, since_day: int = 0) -> Bound:
    """The bound of one direction over all windows from a day on."""
    return sum((one.bound for one in found if one.way == way and one.day >= since_day), NONE)


def least_promised(contract: Mapping[str, Mapping[str, int]]) -> dict[str, int]:
    """The least speed that a contract promises in each direction (bit/s); a direction without a promise is left out."""
    return {way: min(speeds.values()) for way, speeds in contract.items() if way in WAYS.values() and speeds}


def ways_of(least_bps: Mapping[str, int]) -> tuple[Way, ...]:
    """The directions that a bound is told of: those with a promise, and whether anything worked at all."""
    return (*(way for way in WAYS.values() if way in least_bps), "any")


def gaps(numbers: Iterable[int], removed: tuple[int, int] | None = None) -> tuple[tuple[int, int, int], ...]:
    """Where numbers of a device's starts are missing before its last record: first, last, and how many of them are nobody's.

    Those from the first to the last that the collector has `removed` by its own rule are not.
    """
    found = []
    wanted = 0
    for number in sorted(set(numbers)):
        if missing := _missing(wanted, number - 1, removed):
            found.append((wanted, number - 1, missing))
        wanted = number + 1
    return tuple(found)


def _missing(first: int, last: int, removed: tuple[int, int] | None) -> int:
    there = 0 if removed is None else max(0, min(last, removed[1]) - max(first, removed[0]) + 1)
    return last - first + 1 - there
