"""The plans of transfers, what they ask of a peer, and which of its ends are failures."""

import pytest

from collector.peer import ndt7, throughput1
from probe.measure.burst import DECIDED_US, NOTICE_US
from probe.measure.transfer import (
    EARLY_US,
    EVIDENCE,
    LIGHT,
    MOST_RAMP_US,
    PATH,
    PLANS,
    QUICK,
    STANDARD,
    SUBPROTOCOL,
    TINY,
    Ending,
    Protocol,
    TransferPlan,
    trouble_of_end,
)


def test_plans_state_what_they_may_cost() -> None:
    """Each plan's cost covers its cap, its flows share the cap, and the larger plan is larger in everything."""
    for plan in PLANS.values():
        assert plan.cost_bytes > plan.cap_bytes >= plan.flow_cap_bytes * plan.flows
    assert STANDARD.duration_us > QUICK.duration_us > TINY.duration_us
    assert STANDARD.cap_bytes > QUICK.cap_bytes > TINY.cap_bytes


def test_a_peer_is_asked_for_less_than_the_cap() -> None:
    """What a good peer says beside its load has room below the cap, so that it is heard to the end."""
    for plan in PLANS.values():
        assert 0 < plan.cap_bytes - plan.flow_cap_bytes * plan.flows <= plan.cap_bytes // 100


def test_plans_are_found_under_their_names() -> None:
    """A plan's name is its own."""
    assert {name: plan.name for name, plan in PLANS.items()} == {name: name for name in PLANS}
    assert [*PLANS] == ["standard", "quick", "tiny", "evidence", "light"]


def test_the_evidence_plan_is_that_of_the_standard() -> None:
    """Three flows, two seconds of warm-up and nearly seven measured, as RMBT has it."""
    assert (EVIDENCE.flows, EVIDENCE.warm_us, EVIDENCE.gentle) == (3, 2_000_000, True)
    assert 6_500_000 <= EVIDENCE.duration_us - EVIDENCE.warm_us <= 7_000_000


@pytest.mark.parametrize(
    ("round_trip_us", "wake_us"), [(0, 1_700_000), (50_000, 1_700_000), (100_000, 1_400_000), (10**7, 500_000)]
)
def test_the_load_begins_in_time_to_be_in_full_flow_after_the_warm_up(round_trip_us: int, wake_us: int) -> None:
    """The trickle leaves room for as many round trips as the windows need, within bounds."""
    assert EVIDENCE.wake_us(round_trip_us) == wake_us
    assert EVIDENCE.warm_us - wake_us <= MOST_RAMP_US
    assert LIGHT.wake_us(round_trip_us) == STANDARD.wake_us(round_trip_us) == 0


def test_there_is_time_to_decide_before_the_load_begins() -> None:
    """On lines of usual delay the bursts have been judged, and flows dismissed, before the trickle ends."""
    assert EVIDENCE.wake_us(100_000) >= DECIDED_US + NOTICE_US


@pytest.mark.parametrize("plan", PLANS.values(), ids=PLANS)
def test_the_peer_reads_every_plan_as_it_is_meant(plan: TransferPlan) -> None:
    """Duration, cap, trickle and texts arrive at the peer as the plan has them."""
    dialect = {Protocol.NDT7: ndt7.DIALECT, Protocol.THROUGHPUT1: throughput1.DIALECT}[plan.protocol]
    told = dialect.parse_plan(plan.query("a1", plan.wake_us(40_000), plan.spacing_us))
    assert dialect.subprotocol == SUBPROTOCOL[plan.protocol]
    assert dialect.root == "/" + PATH[plan.protocol]
    assert told.duration_us == plan.duration_us
    assert told.max_bytes == plan.flow_cap_bytes
    assert told.wake_us == plan.wake_us(40_000)
    if plan.protocol is Protocol.THROUGHPUT1:
        assert (told.pauses.mean_us, told.congestion) == (plan.spacing_us, "bbr")


def test_only_one_flow_shows_how_fast_the_line_is() -> None:
    """Bursts are for plans that have flows to dismiss, and go over the first."""
    assert [EVIDENCE.asks_for_bursts(number) for number in range(3)] == [True, False, False]
    assert not LIGHT.asks_for_bursts(0)
    assert not STANDARD.asks_for_bursts(0)


@pytest.mark.parametrize(
    ("ending", "counted_bytes", "t_us", "counts"),
    [
        (Ending.CLOSE, 1, EARLY_US, True),
        (Ending.CLOSE, 1, EARLY_US - 1, False),
        (Ending.CLOSE, 0, 10**7, False),
        (Ending.EOF, 1, 900_000, True),
        (Ending.EOF, 1, 899_999, False),
        (Ending.EOF, 0, 10**7, False),
        (Ending.EOF, TINY.cap_bytes, 0, True),
        (Ending.CLOSE, TINY.cap_bytes, 0, True),
    ],
)
def test_which_ends_count(ending: Ending, counted_bytes: int, t_us: int, counts: bool) -> None:
    """A flow counts that had a byte and time enough, or all its bytes."""
    trouble = trouble_of_end(TINY, ending, counted_bytes, t_us)
    assert (trouble is None) is counts
    if trouble is not None:
        assert (trouble.failure.value, trouble.stage.value) == ("eof_error", "body")
