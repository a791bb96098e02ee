"""The schedule: inside its slots, the same after a restart, and never one slot twice whatever the clock does."""

import functools

from hypothesis import given
from hypothesis import strategies as st

from probe.schedule import DAY_S, HELD, Beacon, Draw, Schedule
from shared.slots import SlotPlan, schedule_key

plans = st.integers(1, 3600).flatmap(lambda s: st.builds(SlotPlan, st.just(s), st.integers(0, s - 1)))
keys = st.binary(min_size=32, max_size=32)
devs = keys.map(bytes.hex)
moments_us = st.integers(0, 2**51)
beacons = st.builds(Beacon, st.integers(0, 2**31), st.binary(min_size=76, max_size=76))
draws = st.builds(
    lambda seed, found: functools.reduce(Draw.learn, found, Draw(seed)), keys, st.lists(beacons, max_size=6)
)
schedules = st.builds(Schedule, plans, draws, devs, st.integers(1, 200))


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
    again = Schedule(
        schedule.plan, Draw(schedule.draw.seed, schedule.draw.beacons), str(schedule.dev), schedule.heavy_every
    )
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
    starts = {Schedule(SlotPlan(), Draw(key), "0" * 64, 1).next_due(now_us, []).at_us for key in (one, other)}
    assert len(starts) == len({one, other})


@given(keys, st.lists(beacons, max_size=12, unique_by=lambda one: one.t_s), st.integers(0, 2**31 // DAY_S))
def test_the_key_of_a_day(seed: bytes, found: list[Beacon], day: int) -> None:
    """It is that day's first beacon; without one the newest held from before; without any the seed. Order tells nothing."""
    draw = functools.reduce(Draw.learn, found, Draw(seed))
    assert len(draw.beacons) <= HELD
    assert functools.reduce(Draw.learn, reversed(found), Draw(seed)).beacons == draw.beacons or len(found) > HELD
    key, drawn = draw.key_of(day)
    held = [one for one in draw.beacons if one.t_s // DAY_S <= day]
    if not held:
        assert (key, drawn) == (schedule_key(seed), "seed")
        return
    newest = max(one.t_s // DAY_S for one in held)
    first = min(one.t_s for one in found if one.t_s // DAY_S == newest)
    assert key in {schedule_key(one.cosig) for one in found if one.t_s == first}
    assert drawn == ("beacon" if newest == day else "older")


def test_a_later_beacon_of_the_day_changes_nothing() -> None:
    """Whoever could choose among the day's beacons could choose the moments; the first of the day stays."""
    draw = Draw(bytes(32)).learn(Beacon(3 * DAY_S + 7, b"first"))
    assert draw.learn(Beacon(3 * DAY_S + 8, b"later")).key_of(3) == draw.key_of(3)


@given(schedules, st.integers(0, 2**31))
def test_a_week_without_a_network_changes_no_start(schedule: Schedule, first: int) -> None:
    """The starts of slots to come are those that were foreseen before the week, as long as no new beacon is known."""
    foreseen = [schedule.start_of(first + ahead) for ahead in range(5)]
    done: list[int] = []
    for due in foreseen:
        assert schedule.next_due(due.at_us, done) == due
        done.append(due.slot)
