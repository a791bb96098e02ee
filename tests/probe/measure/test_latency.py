"""Plans of latency, and how what several ways saw becomes one measurement."""

from probe.measure.latency import PLANS, QUICK, STANDARD, result_of
from probe.measure.outcome import Trouble
from probe.measure.train import Seen
from shared.failure import Failure, Stage

SILENT = Trouble(Failure.TIMEOUT, Stage.CONNECT)
REFUSED = Trouble(Failure.CONNECTION_REFUSED, Stage.CONNECT)
NOT_FOUND = Trouble(Failure.DNS_NXDOMAIN, Stage.DNS)


def test_nothing_answers_by_any_way() -> None:
    """The record has the last way's samples and failure, and which ways were tried before it."""
    ways = [Seen("stamp", (-1,) * 11, SILENT), Seen("icmp", (-1,) * 11, SILENT), Seen("tcp", (-1,) * 11, REFUSED)]
    outcome = result_of(QUICK, ways, 7)
    assert outcome.end == "failed"
    assert dict(outcome.members) == {
        "plan": "quick",
        "ver": 2,
        "dur_us": 7,
        "interval_us": 20_000,
        "patience_us": 1_000_000,
        "tried": "stamp,icmp",
        "via": "tcp",
        "stamps": "user",
        "sent": 11,
        "rtt_us": [-1] * 10,
        "failure": "connection_refused",
        "stage": "connect",
    }


def test_the_first_way_that_is_answered_is_the_measurement() -> None:
    """What only STAMP can tell is in the record, and nothing was tried in vain."""
    seen = Seen("stamp", (90, 30, -1), None, kernel_stamps=True, more={"lost_up": 1})
    outcome = result_of(STANDARD, [seen], 7)
    assert outcome.end == "ok"
    assert "tried" not in outcome.members
    assert (outcome.members["sent"], outcome.members["first_rtt_us"], outcome.members["rtt_us"]) == (3, 90, [30, -1])
    assert (outcome.members["lost_up"], outcome.members["stamps"]) == (1, "kernel")


def test_a_fallback_is_told() -> None:
    """A way that is answered is a measurement, with the ways that were not."""
    outcome = result_of(QUICK, [Seen("stamp", (-1, -1), SILENT), Seen("icmp", (9, 9))], 7)
    assert (outcome.end, outcome.members["via"], outcome.members["tried"]) == ("ok", "icmp", "stamp")


def test_names_that_are_not_found() -> None:
    """Names that cannot be looked up give a failed measurement with nothing sent."""
    outcome = result_of(QUICK, [Seen("stamp", trouble=NOT_FOUND), Seen("tcp", trouble=NOT_FOUND)], 7)
    assert outcome.end == "failed"
    assert (outcome.members["sent"], outcome.members["rtt_us"]) == (0, [])
    assert (outcome.members["failure"], outcome.members["stage"]) == ("dns_nxdomain_error", "dns")


def test_a_plan_knows_its_cost_and_its_end() -> None:
    """A whole burst by every way costs less than a photograph, and no plan runs for ever."""
    for plan in PLANS.values():
        assert 0 < plan.cost_bytes < 50_000
        assert plan.expected_us < plan.burst_limit_us < plan.limit_us < 60_000_000
