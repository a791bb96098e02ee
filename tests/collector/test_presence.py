"""What is known of each slot of a device; above all, that nobody gains by a record that is not there."""

from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.presence import presence_of
from collector.view import PresenceView, RecordRow
from shared.slots import SlotPlan
from shared.strictjson import JsonObject

PLAN = SlotPlan()
SLOT_US = PLAN.slot_s * 1_000_000
FIRST = 2_000_000
DEV = "a" * 64


@dataclass
class Chain:
    """What a device recorded, in order; each record a minute after the one before unless a slot or a moment is named."""

    rows: list[RecordRow] = field(default_factory=list)
    told: dict[int, JsonObject] = field(default_factory=dict)
    seq: int = 0
    now_us: int = FIRST * SLOT_US

    def add(self, method: str, end: str = "ok", slot: int | None = None, **changes: Any) -> "Chain":
        """Record something."""
        begun_us = 0 if slot is None else slot * SLOT_US
        self.now_us = max(self.now_us + 60_000_000, begun_us)
        row = RecordRow(
            provenance="signed", dev=DEV, seq=self.seq, slot=slot, at_us=self.now_us, method=method, direction=None, end=end,
            rate_bps=None, rtt_us=None, loss_pm=None, received_bytes=None, dur_us=None, failure=None, stage=None,
            reason=None, flaws=(), network_type="mobile",
        )  # fmt: skip
        self.rows.append(RecordRow(**{name: getattr(row, name) for name in RecordRow.__slots__} | changes))
        self.seq += 1
        return self

    def failed(self, slot: int, method: str = "latency", flaws: tuple[str, ...] = ()) -> "Chain":
        """Record a test that failed."""
        return self.add(method, "failed", slot, failure="generic_timeout_error", flaws=flaws)

    def ladder(self, slot: int | None, reached: str | None, **failures: str) -> "Chain":
        """Record a climb: how far it came, and which rungs did not hold."""
        members: JsonObject = {"rungs": ",".join(failures), "failures": ",".join(failures.values())}
        self.told[self.seq] = members | ({} if reached is None else {"reached": reached})
        return self.add("reach", "failed", slot)

    def note(self, event: str, **members: int | str) -> "Chain":
        """Record a note of the probe's presence."""
        self.told[self.seq] = {"event": event, **members}
        return self.add("presence")

    def lose(self, numbers: int = 1) -> "Chain":
        """Use up numbers whose records are never seen."""
        self.seq += numbers
        return self

    def seen(self, slots: int) -> PresenceView:
        """What is known of the first so many slots."""
        return presence_of(DEV, PLAN, range(FIRST, FIRST + slots), self.rows, self.told)

    def stands(self, slots: int) -> list[str]:
        """The kind of each of the first so many slots."""
        return stands(self.seen(slots))


def stands(view: PresenceView) -> list[str]:
    """The kind of each slot."""
    return [one.stand for one in view.stretches for _ in range(one.slots)]


def dead(slot: int) -> Chain:
    """A slot in which everything failed and the ladder reached the router only, and a good one after it."""
    return (
        Chain()
        .failed(slot)
        .failed(slot, "fetch")
        .ladder(slot, "gateway", gateway="", peer="x")
        .add("latency", slot=slot + 1)
    )


def test_a_device_of_which_nothing_came() -> None:
    """Nothing is known of a device that never delivered anything."""
    view = Chain().seen(3)
    assert [(one.stand, one.slots, one.detail) for one in view.stretches] == [("unknown", 3, None)]
    assert view.slots == {"unknown": 3}


def test_a_slot_that_worked() -> None:
    """One test that worked is enough, whatever else failed, but for a name that a cache may have known."""
    assert Chain().failed(FIRST).add("fetch", slot=FIRST).stands(1) == ["measured"]
    assert Chain().failed(FIRST).add("dns", slot=FIRST).stands(1) == ["failed"]
    assert Chain().add("dns", slot=FIRST).stands(1) == ["measured"]


def test_the_network_was_down() -> None:
    """Tests that failed, a ladder that came no further than the router, and a later record: the network was down."""
    view = dead(FIRST).seen(2)
    assert stands(view) == ["down", "measured"]
    first = view.stretches[0]
    assert (first.from_us, first.to_us, first.detail) == (
        FIRST * SLOT_US,
        (FIRST + 1) * SLOT_US,
        "generic_timeout_error",
    )


def test_nobody_says_so_before_a_later_record_is_here() -> None:
    """As long as the slot is the newest, more of it may be on its way."""
    chain = Chain().failed(FIRST).ladder(FIRST, "gateway")
    assert chain.stands(1) == ["failed"]
    assert chain.add("latency", slot=FIRST + 1).stands(1) == ["down"]


@pytest.mark.parametrize("reached", ["resolver", "collector", "peer", "object", "independent"])
def test_somebody_answered(reached: str) -> None:
    """If anybody beyond the router answered, the network was not down."""
    assert Chain().failed(FIRST).ladder(FIRST, reached).add("latency", slot=FIRST + 1).stands(1) == ["failed"]


def test_nobody_looked() -> None:
    """Tests that failed without a ladder say nothing of the network."""
    assert Chain().failed(FIRST).add("latency", slot=FIRST + 1).stands(1) == ["failed"]


def test_a_ladder_or_test_of_the_same_time_counts_against_it() -> None:
    """A ladder asked for by hand, or a test by hand that worked, shows that somebody answered."""
    base = Chain().failed(FIRST).ladder(FIRST, "gateway")
    assert base.ladder(None, "peer").add("latency", slot=FIRST + 1).stands(1) == ["failed"]
    base = Chain().failed(FIRST).ladder(FIRST, "gateway").add("download")
    assert base.add("latency", slot=FIRST + 1).stands(1) == ["failed"]


@pytest.mark.parametrize("reached", [None, "link", "address", "gateway"])
def test_the_device_had_no_connection(reached: str | None) -> None:
    """A link, an address or a way that is missing is the device's own, which looks like airplane mode."""
    chain = Chain().failed(FIRST).ladder(FIRST, reached, route="network_unreachable", peer="network_unreachable")
    assert chain.add("latency", slot=FIRST + 1).stands(1) == ["no_link"]


def test_the_flaw_says_that_there_was_no_connection() -> None:
    """If every test that failed was flawed so, no ladder is needed."""
    assert Chain().failed(FIRST, flaws=("no_link",)).add("latency", slot=FIRST + 1).stands(1) == ["no_link"]
    mixed = Chain().failed(FIRST, flaws=("no_link",)).failed(FIRST, "fetch").add("latency", slot=FIRST + 1)
    assert mixed.stands(1) == ["failed"]


def test_held_back_and_cut_off() -> None:
    """A slot that was not started says why; one whose every test was cut off is one in which the device went down."""
    held = Chain().add("latency", "not_started", FIRST, reason="paused").seen(1)
    assert [(one.stand, one.detail) for one in held.stretches] == [("held_back", "paused")]
    cut = Chain().add("latency", "aborted", FIRST).seen(1)
    assert [(one.stand, one.detail) for one in cut.stretches] == [("off", "cut_off")]


def test_the_probe_was_off() -> None:
    """Slots between the last sign of life and a start are the probe's, with how it ended."""
    chain = Chain().add("latency", slot=FIRST)
    last_us = chain.now_us
    chain.now_us = (FIRST + 4) * SLOT_US
    chain.note("started", after="reboot", last_wall_us=last_us, off_us=chain.now_us - last_us)
    view = chain.add("latency", slot=FIRST + 5).seen(6)
    assert [(one.stand, one.slots, one.detail) for one in view.stretches] == [
        ("measured", 1, None),
        ("off", 4, "reboot"),
        ("measured", 1, None),
    ]


def test_a_start_with_a_clock_that_was_not_set() -> None:
    """A board that wakes in 1970 was off until the first record of a clock that was right."""
    chain = Chain().add("latency", slot=FIRST)
    last_us, chain.now_us = chain.now_us, 1_000_000
    chain.note("started", after="reboot", last_wall_us=last_us)
    assert chain.rows[-1].at_us < SLOT_US
    assert chain.add("latency", slot=FIRST + 3).stands(4) == ["measured", "off", "off", "measured"]
    assert Chain().note("started", after="unknown").stands(1) == ["unknown"]


def test_the_device_slept() -> None:
    """A sleep that was recorded takes the slots it lasted."""
    chain = Chain().add("latency", slot=FIRST)
    since_us, chain.now_us = chain.now_us, (FIRST + 3) * SLOT_US
    chain.note("resumed", since_wall_us=since_us, slept_us=chain.now_us - since_us)
    assert chain.add("latency", slot=FIRST + 3).stands(4) == ["measured", "asleep", "asleep", "measured"]


def test_a_clock_that_was_set_past_slots() -> None:
    """Slots the clock jumped over never were, which is no fault of anybody."""
    chain = Chain().add("latency", slot=FIRST)
    since_us, chain.now_us = chain.now_us, (FIRST + 2) * SLOT_US
    view = chain.note("clock_stepped", since_wall_us=since_us, step_us=SLOT_US).add("latency", slot=FIRST + 2).seen(3)
    assert [(one.stand, one.detail) for one in view.stretches][1] == ("unknown", "clock_stepped")


def test_what_was_not_delivered() -> None:
    """Numbers that are used up and have no record mark the slots between their neighbours."""
    chain = Chain().add("latency", slot=FIRST).lose(2).add("latency", slot=FIRST + 3)
    assert chain.stands(5) == ["measured", "not_delivered", "not_delivered", "measured", "unknown"]


def test_nothing_at_a_hole_is_down() -> None:
    """A slot beside which a record is missing may have had one that worked."""
    chain = Chain().failed(FIRST).lose().ladder(FIRST, "gateway").add("latency", slot=FIRST + 1)
    assert chain.stands(2) == ["not_delivered", "measured"]


def test_records_of_others_change_nothing() -> None:
    """Imported rows, another device's and notes of a person are not this device's tests."""
    chain = dead(FIRST)
    before = chain.seen(2)
    assert chain.add("mark").stands(2) == stands(before)
    chain.add("fetch", slot=FIRST, provenance="imported")
    chain.add("fetch", slot=FIRST, dev="b" * 64)
    assert chain.seen(2) == before


STEPS = ("good", "bad", "dead", "cut", "held", "off", "asleep", "missing", "hand", "spilt")
step = st.sampled_from(STEPS)


def lived(steps: list[str]) -> Chain:
    """A device's honest history: a step for each slot."""
    chain = Chain()
    for number, kind in enumerate(steps):
        slot = FIRST + number
        begun_us = slot * SLOT_US
        match kind:
            case "good":
                chain.failed(slot).add("fetch", slot=slot).add("dns", slot=slot)
            case "bad":
                chain.failed(slot).ladder(slot, "peer")
            case "dead":
                chain.failed(slot).failed(slot, "fetch").ladder(slot, "gateway").note("link_lost")
            case "cut":
                chain.add("latency", "aborted", slot)
            case "held":
                chain.add("latency", "not_started", slot, reason="paused")
            case "off":
                last_us, chain.now_us = chain.now_us, max(chain.now_us, begun_us + SLOT_US - 60_000_000)
                chain.note("started", after="cut_off", last_wall_us=last_us)
            case "asleep":
                last_us, chain.now_us = chain.now_us, max(chain.now_us, begun_us + SLOT_US - 60_000_000)
                chain.note("resumed", since_wall_us=last_us, slept_us=1)
            case "hand":
                chain.failed(slot).ladder(slot, "route").add("download")
            case "spilt":  # the last test of a slot runs into the next one, and works
                chain.failed(slot).ladder(slot, "gateway")
                chain.now_us = begun_us + SLOT_US
                chain.note("alive").add("fetch", slot=slot)
    return chain


@given(st.lists(step, min_size=1, max_size=12), st.data())
def test_a_record_that_was_removed_never_helps_the_claimant(steps: list[str], data: st.DataObject) -> None:
    """Whatever is taken away, no slot is `down` that was not before: neither one that worked, nor one in which it was off."""
    chain = lived(steps)
    before = chain.stands(len(steps) + 1)
    kept = data.draw(st.lists(st.booleans(), min_size=len(chain.rows), max_size=len(chain.rows)))
    chain.rows = [row for row, keep in zip(chain.rows, kept, strict=True) if keep]
    after = chain.stands(len(steps) + 1)
    assert all(was == "down" for was, now in zip(before, after, strict=True) if now == "down")


@pytest.mark.parametrize("steps", [[one, other, "good"] for one in STEPS for other in STEPS], ids=" ".join)
def test_no_single_record_helps_by_its_absence(steps: list[str]) -> None:
    """Any one record out of any two slots, or all after it too, taken away, makes no slot `down` that was not before."""
    chain = lived(steps)
    rows, before = chain.rows, chain.stands(len(steps))
    for number, row in enumerate(rows):
        for chain.rows in (rows[:number] + rows[number + 1 :], rows[:number]):
            after = chain.stands(len(steps))
            assert all(was == "down" for was, now in zip(before, after, strict=True) if now == "down"), row


@given(st.lists(step, max_size=12))
def test_every_slot_is_accounted_for(steps: list[str]) -> None:
    """Each slot is in exactly one stretch, and the counts add up."""
    view = lived(steps).seen(len(steps) + 2)
    assert sum(view.slots.values()) == len(steps) + 2 == sum(one.slots for one in view.stretches)
    assert view.stretches[0].from_us == FIRST * SLOT_US
    assert all(one.to_us - one.from_us == one.slots * SLOT_US for one in view.stretches)
    assert all(one.to_us == other.from_us for one, other in pairwise(view.stretches))
