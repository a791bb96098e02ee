"""The latency core over simulated links."""

from fakes.link import run_train
from hypothesis import given
from hypothesis import strategies as st

from probe.measure.latency import (
    CHANCE_BYTES,
    LOST,
    PLANS,
    QUICK,
    LatencyPlan,
    LatencyTrain,
    packets_of,
    result_of,
)
from probe.measure.outcome import Trouble
from shared.failure import Failure, Stage

FIVE = LatencyPlan("five", packets=5, interval_us=20_000, patience_us=1_000_000)
REFUSED = Trouble(Failure.CONNECTION_REFUSED, Stage.CONNECT)


def train_of(plan: LatencyPlan = FIVE) -> LatencyTrain:
    """Make a train whose chance is a plain count."""
    chance = b"".join(number.to_bytes(CHANCE_BYTES, "big") for number in range(plan.packets))
    return LatencyTrain(plan, packets_of(plan, chance))


def test_no_answer_at_all() -> None:
    """A line without a single answer gives a loss in every place, a name, and an end."""
    train = train_of()
    end_us = run_train(train, lambda _number: ())
    assert train.result() == (LOST,) * 5
    assert end_us == 4 * FIVE.interval_us + FIVE.patience_us
    assert train.trouble() == Trouble(Failure.TIMEOUT, Stage.CONNECT)


def test_a_loss_keeps_its_place() -> None:
    """Five packets, 35 ms and one loss give four delays and a -1 where the loss was."""
    train = train_of()
    run_train(train, lambda number: () if number == 2 else (35_000,))
    assert train.result() == (35_000, 35_000, LOST, 35_000, 35_000)
    assert train.trouble() is None


def test_a_late_answer_is_a_loss() -> None:
    """An answer at the end of patience changes nothing."""
    train = train_of()
    run_train(train, lambda number: (FIVE.patience_us if number == 0 else FIVE.patience_us - 1,))
    assert train.result() == (LOST, *(FIVE.patience_us - 1,) * 4)


def test_strangers_and_answers_before_their_question_change_nothing() -> None:
    """A packet that was not sent, or not yet, is not an answer."""
    train = train_of()
    train.start(0)
    first, second = train.packets[:2]
    assert train.to_send(0) == (first,)
    train.receive(b"SPE1 of a stranger", 1)
    train.receive(second, 1)
    assert train.result() == (LOST,)


def test_a_late_wakeup_sends_no_burst() -> None:
    """A train that was woken late stretches, and sends one packet at a time."""
    train = train_of()
    train.start(0)
    assert len(train.to_send(1_000_000)) == 1
    assert train.to_send(1_000_000) == ()
    assert train.next_wakeup(1_000_000) == 1_000_000 + FIVE.interval_us


def test_a_refused_packet_is_not_waited_for() -> None:
    """Refusals end a train at once and give their name; one answer is enough to outweigh them."""
    train = train_of()
    train.start(0)
    for number in range(5):
        for packet in train.to_send(number * FIVE.interval_us):
            train.refuse(packet, REFUSED)
    assert train.next_wakeup(4 * FIVE.interval_us) is None
    assert train.trouble() == REFUSED


def test_both_trains_lost() -> None:
    """When neither UDP nor TCP is answered the record has both counts and the name of the last way."""
    udp, tcp = train_of(), train_of()
    run_train(udp, lambda _number: ())
    run_train(tcp, lambda _number: ())
    outcome = result_of(FIVE, udp, tcp, 7)
    assert outcome.end == "failed"
    assert dict(outcome.members) == {
        "plan": "five",
        "ver": 1,
        "dur_us": 7,
        "interval_us": 20_000,
        "patience_us": 1_000_000,
        "udp_sent": 5,
        "via": "tcp",
        "sent": 5,
        "rtt_us": [-1] * 5,
        "failure": "generic_timeout_error",
        "stage": "connect",
    }


def test_a_fallback_is_told() -> None:
    """A TCP train that is answered is a measurement, marked as TCP, with what UDP had sent in vain."""
    udp, tcp = train_of(), train_of()
    run_train(udp, lambda _number: ())
    run_train(tcp, lambda _number: (9,))
    outcome = result_of(FIVE, udp, tcp, 7)
    assert outcome.end == "ok"
    assert (outcome.members["via"], outcome.members["udp_sent"]) == ("tcp", 5)


def test_names_that_are_not_found() -> None:
    """Two names that cannot be looked up give a failed measurement with nothing sent."""
    nothing = Trouble(Failure.DNS_NXDOMAIN, Stage.DNS)
    outcome = result_of(FIVE, nothing, nothing, 7)
    assert outcome.end == "failed"
    assert (outcome.members["sent"], outcome.members["rtt_us"], outcome.members["udp_sent"]) == (0, [], 0)
    assert outcome.members["failure"] == "dns_nxdomain_error"


def test_a_plan_knows_its_cost() -> None:
    """A whole train both ways by UDP and by TCP costs less than a photograph."""
    assert all(0 < plan.cost_bytes < 50_000 for plan in PLANS.values())


@given(st.lists(st.lists(st.integers(0, 1_500_000), max_size=3), min_size=10, max_size=10))
def test_every_sample_is_a_delay_the_link_had(copies_us: list[list[int]]) -> None:
    """Over any link there is one sample per packet, each a delay it really had, none invented, and an end."""
    train = train_of(QUICK)
    end_us = run_train(train, lambda number: copies_us[number])
    in_time = [[delay for delay in copies if delay < QUICK.patience_us] for copies in copies_us]
    assert list(train.result()) == [min(copies, default=LOST) for copies in in_time]
    assert end_us <= 9 * QUICK.interval_us + QUICK.patience_us
    assert train.next_wakeup(end_us) is None
