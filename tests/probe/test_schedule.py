"""The schedule: inside its slots, the same after a restart, and never one slot twice whatever the clock does."""

from hypothesis import given
from hypothesis import strategies as st

from probe.schedule import Schedule
from shared.slots import SlotPlan

plans = st.integers(1, 3600).flatmap(lambda s: st.builds(SlotPlan, st.just(s), st.integers(0, s - 1)))
keys = st.binary(min_size=32, max_size=32)
devs = keys.map(bytes.hex)
moments_us = st.integers(0, 2**51)
schedules = st.builds(Schedule, plans, keys, devs, st.integers(1, 200))


@given(schedules, moments_us, st.integers(1, 30))
def test_starts_lie_inside_rising_slots(schedule: Schedule, now_us: int, count: int) -> None:
    """Each start is in its own slot, before the guard, not before now, and each slot comes once, in order."""
    done: list[int] = []
    slot_us = schedule.plan.slot_s * 1_000_000
    for _ in range(count):
        due = schedule.next_due(now_us, done)
        assert due.at_us >= now_us
        assert 0 <= due.at_us - due.slot * slot_us < slot_us - schedule.plan.guard_s * 1_000_000
        assert due.slot > (done[-1] if done else -1)
        done.append(due.slot)
        now_us = due.at_us
    assert done == list(range(done[0], done[0] + count))  # and none is left out while the clock runs on


@given(schedules, moments_us)
def test_a_restart_changes_nothing(schedule: Schedule, now_us: int) -> None:
    """The same key and device draw the same start, in another process as in this one."""
    again = Schedule(schedule.plan, bytes(schedule.key), str(schedule.dev), schedule.heavy_every)
    due = schedule.next_due(now_us, [])
    assert again.next_due(now_us, []) == due
    assert again.next_due(due.at_us, []) == due


@given(schedules, st.integers(0, 10**9))
def test_the_share_of_heavy_slots(schedule: Schedule, first: int) -> None:
    """Of as many slots in a row as the rule says, exactly one is heavy."""
    now_us = first * schedule.plan.slot_s * 1_000_000
    done: list[int] = []
    heavy = 0
    for _ in range(schedule.heavy_every):
        due = schedule.next_due(now_us, done)
        heavy += due.heavy
        done.append(due.slot)
        now_us = due.at_us
    assert heavy == 1


@given(schedules, st.lists(moments_us | st.integers(0, 10**8), max_size=40))
def test_no_slot_comes_twice(schedule: Schedule, clock_us: list[int]) -> None:
    """Wherever the clock jumps, a slot that is done is not due again."""
    done: list[int] = []
    for now_us in clock_us:
        due = schedule.next_due(now_us, done)
        assert due.slot not in done
        done.append(due.slot)


@given(schedules, st.integers(0, 2**50), st.integers(2**51, 2**52))
def test_a_clock_that_ran_ahead_ends_nothing(schedule: Schedule, now_us: int, wrong_us: int) -> None:
    """After a measurement dated years ahead the next one is due as if it had not been."""
    ahead = schedule.next_due(wrong_us, [])
    assert schedule.next_due(now_us, [ahead.slot]) == schedule.next_due(now_us, [])


@given(keys, keys, moments_us)
def test_seeds_differ(one: bytes, other: bytes, now_us: int) -> None:
    """Two seeds agree on a start only by a coincidence of microseconds, so nobody foresees another's."""
    starts = {Schedule(SlotPlan(), key, "0" * 64, 1).next_due(now_us, []).at_us for key in (one, other)}
    assert len(starts) == len({one, other})
