"""Slots: starts that nobody chose and anybody recomputes."""

import hashlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.slots import SlotPlan, schedule_key

US = 1_000_000
PLAN = SlotPlan()
plans = st.integers(1, 4000).flatmap(lambda slot_s: st.builds(SlotPlan, st.just(slot_s), st.integers(0, slot_s - 1)))
moments_us = st.integers(0, 4 * 10**15)


@settings(deadline=None)
@given(plans, st.binary(max_size=32), st.text(max_size=8), st.integers(0, 10**7))
def test_start_lies_inside_its_slot(plan: SlotPlan, key: bytes, dev: str, slot: int) -> None:
    """A start falls into its own slot and leaves the guard free at the end."""
    start_us = plan.start_us(key, dev, slot)
    begin_us, end_us = slot * plan.slot_s * US, (slot + 1) * plan.slot_s * US
    assert begin_us <= start_us < end_us - plan.guard_s * US
    assert plan.slot_at(start_us) == slot


def test_start_depends_on_everything() -> None:
    """Another key, device or slot gives another moment; the same three give the same."""
    room_us = PLAN.slot_s * US
    offsets = {
        PLAN.start_us(key, dev, slot) % room_us for key in (b"a", b"b") for dev in ("a", "b") for slot in (1, 2, 12)
    }
    assert len(offsets) == 12
    assert PLAN.start_us(b"a", "a", 1) == PLAN.start_us(b"a", "a", 1)


def test_starts_spread_over_the_slot() -> None:
    """Over many slots, starts fall into every tenth of the time there is."""
    room_us = (PLAN.slot_s - PLAN.guard_s) * US
    tenths = {(PLAN.start_us(b"key", "dev", slot) - slot * PLAN.slot_s * US) * 10 // room_us for slot in range(200)}
    assert tenths == set(range(10))


@pytest.mark.parametrize(("slot_s", "guard_s"), [(0, 0), (60, 60), (60, 61), (60, -1), (-1, -2)])
def test_plans_without_room(slot_s: int, guard_s: int) -> None:
    """A slot must be longer than its guard, and the guard not negative."""
    with pytest.raises(ValueError, match="longer than its guard"):
        SlotPlan(slot_s, guard_s)


@pytest.mark.parametrize(
    ("from_us", "to_us", "slots"),
    [
        (0, 0, range(0)),
        (0, 900 * US - 1, range(0)),
        (0, 900 * US, range(1)),
        (1, 1800 * US, range(1, 2)),
        (900 * US, 2700 * US, range(1, 3)),
        (2700 * US, 900 * US, range(0)),
    ],
)
def test_slots_that_ended(from_us: int, to_us: int, slots: range) -> None:
    """A slot counts if it began at or after the first moment and ended at or before the second."""
    assert PLAN.ended_between(from_us, to_us) == slots


@settings(deadline=None)
@given(plans, moments_us, st.integers(0, 40_000 * US))
def test_only_whole_slots_are_counted(plan: SlotPlan, from_us: int, length_us: int) -> None:
    """Every slot counted lies whole between the two moments, and its neighbours on either side do not."""
    to_us, slot_us = from_us + length_us, plan.slot_s * US
    ended = plan.ended_between(from_us, to_us)
    for slot in (ended[0], ended[-1]) if ended else ():
        assert from_us <= slot * slot_us
        assert (slot + 1) * slot_us <= to_us
    first = plan.slot_at(from_us + slot_us - 1)
    assert ended.start == first
    assert (ended.stop + 1) * slot_us > to_us


@settings(deadline=None)
@given(plans, moments_us, st.integers(0, 40_000 * US), st.integers(0, 40_000 * US))
def test_no_slot_is_counted_twice_or_missed(plan: SlotPlan, from_us: int, one_us: int, two_us: int) -> None:
    """Cut at the end of a slot, two stretches of time have the slots that the whole has."""
    cut_us = plan.slot_at(from_us + one_us) * plan.slot_s * US
    if cut_us < from_us:
        return
    parts = (*plan.ended_between(from_us, cut_us), *plan.ended_between(cut_us, cut_us + two_us))
    assert parts == tuple(plan.ended_between(from_us, cut_us + two_us))


def test_key_of_the_draw() -> None:
    """The key is the SHA-256 of the secret, whatever that is."""
    assert schedule_key(b"seed") == hashlib.sha256(b"seed").digest()
