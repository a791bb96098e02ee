"""A load test's decisions, without a socket."""

import random
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.peer import ndt7, throughput1
from collector.peer.account import End
from collector.peer.loadtest import (
    BURST_AT,
    SOON_US,
    TRICKLE_BYTES,
    TRICKLE_US,
    Direction,
    LoadTest,
    Pauses,
    Plan,
    message_bytes,
)

NDT7 = ndt7.parse_plan({})
EXACT = throughput1.parse_plan({"mid": "m", "streams": "1"})
PLANS = pytest.mark.parametrize("plan", [NDT7, EXACT], ids=["ndt7", "throughput1"])
RATES = st.none() | st.integers(0, 10**11)
WAKE_US = 1_500_000
GENTLE = replace(EXACT, wake_us=WAKE_US, burst_bytes=16_384, pauses=Pauses(50_000, 50_000, 50_000))


def begun(direction: Direction = Direction.DOWNLOAD, plan: Plan = NDT7) -> LoadTest:
    """A test at its start."""
    return LoadTest(direction, plan, random.Random(1))


@PLANS
@given(st.integers(0, 2**40), RATES)
def test_message_sizes_follow_the_specification(plan: Plan, moved_bytes: int, rate_bps: int | None) -> None:
    """A message is a power of two from the protocol's first size to 2^20, above the start at most 1/8 of what was moved."""
    size = message_bytes(plan, moved_bytes, rate_bps)
    assert size & (size - 1) == 0
    assert plan.first_bytes <= size <= 2**20
    assert size == plan.first_bytes or size // 2 <= moved_bytes // 16


@PLANS
@given(st.integers(0, 2**40), st.integers(0, 10**11))
def test_a_message_is_soon_sent(plan: Plan, moved_bytes: int, rate_bps: int) -> None:
    """No message takes longer than 20 ms at the rate of the moment, but for the smallest the protocol begins with."""
    size = message_bytes(plan, moved_bytes, rate_bps)
    assert size == plan.first_bytes or size * 8_000_000 <= rate_bps * 20_000


@given(st.integers(1, 2**27), RATES)
def test_a_cap_is_hardly_passed_in_ndt7(max_bytes: int, rate_bps: int | None) -> None:
    """A capped download of whole powers of two ends less than 1 KiB beyond its cap."""
    plan, moved_bytes = replace(NDT7, max_bytes=max_bytes), 0
    while moved_bytes < max_bytes:
        moved_bytes += message_bytes(plan, moved_bytes, None if rate_bps is None else max(rate_bps, 10**9))
    assert moved_bytes - max_bytes < 1024


@given(st.integers(1, 2**27))
def test_a_cap_is_met_to_the_byte_in_throughput1(max_bytes: int) -> None:
    """A flow with a cap moves exactly that, and ends for that reason."""
    test = begun(plan=replace(EXACT, max_bytes=max_bytes))
    while test.end is None:
        test.moved(test.next_message_bytes(0))
    assert (test.end, test.moved_bytes) == (End.BYTE_CAP, max_bytes)


@PLANS
def test_messages_are_never_empty(plan: Plan) -> None:
    """Even past its cap a test that is asked for a message gives one: whoever sends it moves on."""
    assert message_bytes(replace(plan, max_bytes=1), 2, None) >= 1


def test_the_rate_of_the_moment() -> None:
    """The rate is that of the last 50 ms or more; a count that falls back is a standstill, not a negative rate."""
    test = begun()
    assert test.rate_bps == 0
    test.crossed(10_000, 49_999)
    assert test.rate_bps == 0
    test.crossed(10_000, 50_000)
    assert test.rate_bps == 1_600_000
    test.crossed(20_000, 60_000)
    assert test.rate_bps == 1_600_000
    test.crossed(9_000, 100_000)
    assert test.rate_bps == 0


def trickle(test: LoadTest, step_us: int) -> list[tuple[int, int]]:
    """What a download sends while the radio wakes, asked every `step_us`: when and how much."""
    asked = ((now_us, test.next_message_bytes(now_us)) for now_us in range(0, WAKE_US, step_us))
    return [(now_us, n_bytes) for now_us, n_bytes in asked if n_bytes]


def test_a_trickle_wakes_the_radio_and_little_more() -> None:
    """Before the load there is one small message every 100 ms, and two larger ones that show how fast the line is."""
    sent = trickle(begun(plan=GENTLE), 1_000)
    assert [now_us // TRICKLE_US for now_us, _ in sent] == list(range(WAKE_US // TRICKLE_US))
    large = {number for number, (_, n_bytes) in enumerate(sent) if n_bytes == GENTLE.burst_bytes}
    assert large == set(BURST_AT)
    assert {n_bytes for _, n_bytes in sent} == {TRICKLE_BYTES, GENTLE.burst_bytes}


@given(st.integers(1_000, 700_000))
def test_a_late_trickle_is_never_made_good(step_us: int) -> None:
    """However late a sender comes, it sends one message for the step it is in and none for those it missed."""
    steps = [now_us // TRICKLE_US for now_us, _ in trickle(begun(plan=GENTLE), step_us)]
    assert len(set(steps)) == len(steps)


def test_without_bursts_a_trickle_is_even() -> None:
    """Who did not ask for larger messages gets none."""
    sent = trickle(begun(plan=replace(GENTLE, burst_bytes=0)), 10_000)
    assert {n_bytes for _, n_bytes in sent} == {TRICKLE_BYTES}


def test_after_the_trickle_comes_the_load() -> None:
    """Once the radio is awake the next message is one of the load, in the size that follows from what was moved."""
    test = begun(plan=GENTLE)
    assert test.next_message_bytes(WAKE_US - 1) == TRICKLE_BYTES
    assert test.next_message_bytes(WAKE_US - 1) == 0
    assert test.next_message_bytes(WAKE_US) == GENTLE.first_bytes


def test_a_text_is_given_once() -> None:
    """A late look sends one text and not those that were missed."""
    test = begun()
    assert not test.take_text(0)
    assert test.take_text(5_000_000)
    assert not test.take_text(5_000_000)


def test_each_step_of_an_uploads_trickle_is_told() -> None:
    """What arrives in the trickle is told at once, at most every 5 ms; load is told at its own times."""
    test = begun(Direction.UPLOAD, GENTLE)
    assert test.hasten_text(10_000)
    assert not test.hasten_text(10_000)
    assert test.take_text(10_000)
    assert test.hasten_text(11_000)
    assert not test.take_text(10_000 + SOON_US - 1)
    assert test.take_text(10_000 + SOON_US)
    assert not test.hasten_text(WAKE_US)


def test_a_text_that_is_due_is_not_put_off() -> None:
    """Haste never delays: a text that comes soon anyway keeps its time."""
    test = begun(Direction.UPLOAD, GENTLE)
    assert test.take_text(50_000)
    assert not test.hasten_text(100_000)
    assert test.take_text(100_000)


@given(
    st.lists(st.integers(0, 700_000), max_size=50), st.sampled_from(Direction), st.sampled_from([NDT7, EXACT, GENTLE])
)
def test_a_wakeup_is_never_after_the_end(steps_us: list[int], direction: Direction, plan: Plan) -> None:
    """Whoever sleeps until the next wakeup sleeps neither through the end of a test nor through its next message."""
    test, now_us = begun(direction, plan), 0
    for step_us in steps_us:
        now_us += step_us
        test.take_text(now_us)
        asleep = direction is Direction.DOWNLOAD and test.next_message_bytes(now_us) == 0
        until_us = test.next_wakeup_us(now_us)
        assert until_us <= plan.duration_us
        if asleep and until_us > now_us:
            assert test.next_message_bytes(until_us - 1) == 0


def test_a_sleeper_is_woken_for_the_next_step() -> None:
    """A download whose radio wakes has something due at each step, and at the load's start."""
    test = begun(plan=replace(GENTLE, pauses=Pauses(4_000_000, 4_000_000, 4_000_000)))
    test.next_message_bytes(30_000)
    assert test.next_wakeup_us(30_000) == TRICKLE_US
    test.next_message_bytes(WAKE_US - 1)
    assert test.next_wakeup_us(WAKE_US - 1) == WAKE_US


def test_time_ends_a_test() -> None:
    """A test is over exactly when its planned time has passed."""
    test = begun(plan=replace(NDT7, duration_us=300_000))
    test.passed(299_999)
    assert test.end is None
    test.passed(300_000)
    assert test.end is End.DURATION


def test_early_exit_counts_what_the_client_acknowledged() -> None:
    """A download with early_exit ends at 250 MB acknowledged; without, or as an upload, it does not."""
    wanted = ndt7.parse_plan({"early_exit": "250"})
    for direction, plan, end in (
        (Direction.DOWNLOAD, wanted, End.EARLY_EXIT),
        (Direction.DOWNLOAD, NDT7, None),
        (Direction.UPLOAD, wanted, None),
    ):
        test = begun(direction, plan)
        test.acknowledged(249_999_999)
        assert test.end is None
        test.acknowledged(250_000_000)
        assert test.end is end


def test_the_first_reason_stays() -> None:
    """What ended a test is not overwritten by what followed."""
    test = begun()
    test.stop(End.CLIENT_CLOSED)
    test.passed(NDT7.duration_us)
    assert test.end is End.CLIENT_CLOSED


@pytest.mark.parametrize("pauses", [ndt7.PAUSES, throughput1.PAUSES])
@given(st.integers(0, 2**32))
def test_pauses_between_texts_are_bounded(pauses: Pauses, seed: int) -> None:
    """No pause is shorter or longer than the protocol's reference server makes it."""
    assert pauses.least_us <= pauses.drawn(random.Random(seed)) <= pauses.most_us


def test_texts_come_four_times_a_second_on_average() -> None:
    """Over many pauses of ndt7 the mean is near a quarter of a second."""
    chance = random.Random(3)
    mean_us = sum(ndt7.PAUSES.drawn(chance) for _ in range(10_000)) // 10_000
    assert 200_000 < mean_us < 300_000
