"""The train of packets by itself: pace, patience, the first packet, the end."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from probe.measure.outcome import Trouble
from probe.measure.train import DRAWS, Pace, Seen, Train, draws
from shared.failure import Failure, Stage
from shared.record import LOST

PACE = Pace(mean_us=50_000, floor_us=5_000, cap_us=200_000, wake_us=500_000, patience_us=1_000_000)
REFUSED = Trouble(Failure.CONNECTION_REFUSED, Stage.CONNECT)


def train_of(packets: int | None = 5) -> Train:
    """Make a train that was started at 0."""
    train = Train("latency", PACE, b"seed", packets)
    train.start(0)
    return train


def all_sent(train: Train) -> int:
    """Let a train send all it has, at the times it asks for; give the time of the last one."""
    now_us = 0
    while train.to_send(now_us):
        wake_us = train.next_wakeup(now_us)
        assert wake_us is not None
        if len(train.sent_us) == train.packets:
            break
        now_us = wake_us
    return now_us


def test_no_answer_at_all() -> None:
    """A line without a single answer gives a loss in every place, a name, and an end."""
    train = train_of()
    last_us = all_sent(train)
    assert train.next_wakeup(last_us) == last_us + PACE.patience_us
    assert train.next_wakeup(last_us + PACE.patience_us) is None
    assert train.result("tcp") == Seen("tcp", (LOST,) * 5, Trouble(Failure.TIMEOUT, Stage.CONNECT))


def test_the_distances_are_exponential_between_floor_and_cap() -> None:
    """The mean of many distances is the pace's mean but for what the cuts take, and both cuts are met."""
    source = draws(b"any seed")
    gaps_us = [PACE.gap_us(next(source)) for _ in range(20_000)]
    assert min(gaps_us) == PACE.floor_us
    assert max(gaps_us) == PACE.cap_us
    assert 48_000 < sum(gaps_us) // len(gaps_us) < 50_500  # 49.3 ms: 5 + 50 (exp(-0.1) - exp(-4))
    assert 0.36 < sum(gap_us > PACE.mean_us for gap_us in gaps_us) / len(gaps_us) < 0.38  # 1/e


@given(st.integers(0, DRAWS - 1))
def test_every_draw_is_a_distance(draw: int) -> None:
    """No draw leaves the range, the first and the last one neither."""
    for one in (draw, 0, DRAWS - 1):
        assert PACE.floor_us <= PACE.gap_us(one) <= PACE.cap_us


def test_the_same_seed_gives_the_same_train() -> None:
    """Chance is an argument: whoever knows the seed knows the distances."""
    first, second, other = train_of(), train_of(), Train("latency", PACE, b"other", 5)
    other.start(0)
    for train in (first, second, other):
        all_sent(train)
    assert first.sent_us == second.sent_us != other.sent_us


def test_the_second_packet_waits_for_the_first_answer() -> None:
    """A radio that needs 260 ms to wake delays the first packet and no other."""
    train = train_of()
    assert train.to_send(0) == (0,)
    assert train.next_wakeup(0) == PACE.wake_us
    assert train.receive(0, 260_000) == 260_000
    due_us = train.next_wakeup(260_000)
    assert due_us is not None
    assert 260_000 + PACE.floor_us <= due_us <= 260_000 + PACE.cap_us
    assert train.to_send(due_us - 1) == ()
    assert train.to_send(due_us) == (1,)


def test_a_first_answer_that_comes_after_the_second_packet_changes_no_distance() -> None:
    """Only a train that waits for its first answer is set going by it."""
    train = train_of()
    train.to_send(0)
    train.to_send(PACE.wake_us)
    due_us = train.next_wakeup(PACE.wake_us)
    train.receive(0, PACE.wake_us + 1)
    assert train.next_wakeup(PACE.wake_us + 1) == due_us


def test_a_late_answer_is_a_loss() -> None:
    """An answer at the end of patience changes nothing, and one just before it counts."""
    train = train_of()
    train.to_send(0)
    assert train.receive(0, PACE.patience_us) is None
    assert train.receive(0, PACE.patience_us - 1) == PACE.patience_us - 1


def test_answers_nobody_asked_for_change_nothing() -> None:
    """A number that was not sent, a second answer, and one from before its question are none."""
    train = train_of()
    train.to_send(100)
    assert train.receive(1, 200) is None
    assert train.receive(0, 99) is None
    assert train.receive(0, 200) == 100
    assert train.receive(0, 300) is None
    assert train.result("tcp").rtts_us == (100,)


def test_the_kernels_stamp_is_taken_off_if_it_can_be_true() -> None:
    """What a packet waited for us is not the line's; an age from before the question is not believed."""
    train = train_of(2)
    train.to_send(0)
    assert train.receive(0, 100, 30) == 70
    assert train.result("icmp").kernel_stamps
    due_us = train.next_wakeup(100)
    assert due_us is not None
    train.to_send(due_us)
    assert train.receive(1, due_us + 100, 101) == 100
    assert not train.result("icmp").kernel_stamps


def test_a_late_wakeup_sends_no_burst() -> None:
    """A train that was woken late stretches, and sends one packet at a time."""
    train = train_of()
    assert train.to_send(1_000_000) == (0,)
    assert train.to_send(1_000_000) == ()


def test_refused_packets_are_not_waited_for() -> None:
    """Refusals end a train as soon as all is sent and give their name; one answer outweighs them."""
    train = train_of()
    now_us = 0
    while (wake_us := train.next_wakeup(now_us)) is not None:
        now_us = wake_us
        for number in train.to_send(now_us):
            train.refuse(number, REFUSED, now_us)
            train.refuse(number, Trouble(Failure.EOF, Stage.CONNECT), now_us)
            assert train.receive(number, now_us + 1) is None
    assert train.sent_us[1] < PACE.wake_us
    assert train.result("tcp").trouble == REFUSED


@pytest.mark.parametrize("stop_us", [0, 1, 700_000, 3_000_000])
def test_a_train_without_end_stops_when_told(stop_us: int) -> None:
    """Nothing is sent at or after the stop, what was sent is waited for, and then it is over."""
    train = train_of(None)
    train.stop(stop_us)
    now_us = 0
    while (wake_us := train.next_wakeup(now_us)) is not None:
        now_us = wake_us
        train.to_send(now_us)
    assert all(sent_us < stop_us for sent_us in train.sent_us)
    assert bool(train.sent_us) == (stop_us > 0)
    assert now_us == (train.sent_us[-1] + PACE.patience_us if train.sent_us else 0)


def test_a_stop_in_mid_train() -> None:
    """Told to stop now, a train sends nothing more, however late it is asked."""
    train = train_of(None)
    train.to_send(0)
    train.receive(0, 9)
    assert train.next_wakeup(10) is not None
    train.stop(10)
    assert train.next_wakeup(10) is None
    assert train.to_send(10_000_000) == ()


def test_members_of_nothing_and_of_a_lost_first_packet() -> None:
    """A first packet that was lost has no time of its own, and nothing sent is nothing in the record."""
    assert Seen("tcp").members() == {"via": "tcp", "stamps": "user", "sent": 0, "rtt_us": []}
    assert Seen("icmp", (LOST, 5), kernel_stamps=True).members() == {
        "via": "icmp",
        "stamps": "kernel",
        "sent": 2,
        "rtt_us": [5],
    }


def test_progress_is_told() -> None:
    """A train says how long it has run and how long it may."""
    train = Train("latency", PACE, b"", 3, expected_us=7)
    train.start(10)
    assert (train.progress(15).elapsed_us, train.progress(15).expected_us) == (5, 7)
