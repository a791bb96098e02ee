"""The path core over simulated paths."""

from dataclasses import replace
from ipaddress import ip_address
from itertools import pairwise

import pytest
from fakes.way import TARGET, Router, Way, chain, run_trace
from hypothesis import given
from hypothesis import strategies as st

from probe.measure.hops import LOST, Near, Standing
from probe.measure.icmp import News, Reply, news_of
from probe.measure.outcome import Measured, Trouble, Value
from probe.measure.path import (
    PACKET_BYTES,
    PLANS,
    QUICK,
    STANDARD,
    Ending,
    PathPlan,
    PathTrace,
    Probe,
    packets_of,
    result_of,
)
from shared.failure import Failure, Stage

PLAN = PathPlan("test", 8, 6, 3, 10_000, 1_100_000, patience_us=500_000, limit_us=60_000_000)
GATEWAY = Standing(Near.GATEWAY, ip_address("192.168.1.2"))
DEAD = Router(TARGET, loses=lambda _number: True)


def trace_of(plan: PathPlan = PLAN) -> PathTrace:
    """Make a trace whose chance is a plain count."""
    return PathTrace(plan, packets_of(plan, bytes(number % 251 for number in range(plan.chance_bytes))), TARGET)


def traced(way: Way, plan: PathPlan = PLAN) -> Measured:
    """Run a trace over a path; what comes of it."""
    trace = trace_of(plan)
    run_trace(trace, way)
    return result_of(trace, GATEWAY, "udp_errqueue")


def texts(value: Value) -> list[str]:
    """Split a list that is one text."""
    return str(value).split(",") if value else []


def test_no_answer_at_all() -> None:
    """A line without a single answer ends after the silences the plan allows, with no hops and a name."""
    way = Way([DEAD])
    trace = trace_of()
    end_us = run_trace(trace, way)
    members = result_of(trace, GATEWAY, "udp_errqueue").members
    assert end_us - 1_000_000 == trace.dur_us == PLAN.silent_limit * PLAN.patience_us
    assert [probe.ttl for probe in way.sent] == [1, 2, 3]
    assert (members["failure"], members["stage"], members["ends"]) == ("generic_timeout_error", "connect", "silence")
    assert (members["hops"], members["hop_sent"], members["hop_rtt_us"], members["hops_tried"]) == ("", [], [], 3)
    assert "loss_from_hop" not in members
    assert "delay_from_hop" not in members


def test_a_path_that_answers() -> None:
    """Each hop has its address, its round trips and its segment, and the delay begins where it is long and stays."""
    outcome = traced(Way(chain(1_000, 20_000, 2_000, 3_000)))
    members = outcome.members
    assert outcome.end == "ok"
    assert (members["reached"], members["ends"], members["rounds"], members["hops_tried"]) == (True, "target", 6, 4)
    assert members["hops"] == f"10.0.0.1,10.0.0.2,10.0.0.3,{TARGET}"
    assert members["segments"] == "local,operator,operator,beyond"
    assert members["hop_sent"] == [6] * 4
    assert members["hop_lost"] == [0] * 4
    assert members["hop_median_us"] == [2_000, 42_000, 46_000, 52_000]
    assert members["hop_rtt_us"] == [2_000] * 6 + [42_000] * 6 + [46_000] * 6 + [52_000] * 6
    assert (members["delay_from"], members["delay_from_hop"]) == ("operator", 2)
    assert "loss_from" not in members


def test_where_nothing_is_known_of_the_surroundings() -> None:
    """In a tunnel hops have numbers and no segments."""
    trace = trace_of()
    run_trace(trace, Way(chain(1_000, 20_000)))
    members = result_of(trace, Standing(Near.UNKNOWN), "udp_errqueue").members
    assert members["delay_from_hop"] == 2
    assert not {"delay_from", "segments"} & members.keys()


def test_no_probe_goes_beyond_the_target_or_comes_too_soon() -> None:
    """One probe is on its way at a time, none outlives the target, and no hop is asked twice within the spacing."""
    way = Way(chain(1_000, 5_000, 5_000))
    run_trace(trace_of(), way)
    assert {probe.ttl for probe in way.sent} == {1, 2, 3}
    assert len({probe.packet for probe in way.sent}) == len(way.sent) == 3 * PLAN.rounds
    for ttl in (1, 2, 3):
        times = [probe.sent_us for probe in way.sent if probe.ttl == ttl]
        assert all(after - before >= PLAN.spacing_us for before, after in pairwise(times))


def test_a_router_that_answers_too_rarely_loses_nothing() -> None:
    """Loss that one hop alone shows is that router's thrift and not the path's loss."""
    routers = chain(1_000, 5_000, 5_000, 5_000)
    routers[1].spares = lambda number: number % 8 > 3
    members = traced(Way(routers)).members
    lost = members["hop_lost"]
    assert isinstance(lost, list)
    assert lost[1] > 0
    assert "loss_from" not in members


def test_a_link_that_loses_is_found() -> None:
    """Loss that every later hop shows begins where it is first seen."""
    plan = replace(PLAN, rounds=30, limit_us=120_000_000)
    routers = chain(1_000, 5_000, 5_000, 5_000, 5_000)
    routers[2].loses = lambda number: number % 3 == 0
    members = traced(Way(routers), plan).members
    assert (members["loss_from_hop"], members["loss_from"]) == (3, "operator")
    assert members["reached"] is True


def test_a_silent_router_is_asked_twice() -> None:
    """A hop that never answers keeps its place as a star and costs two waits, not one in every round."""
    routers = chain(1_000, 5_000, 5_000)
    routers[1].spares = lambda _number: True
    members = traced(Way(routers)).members
    assert members["hops"] == f"10.0.0.1,*,{TARGET}"
    assert members["hop_sent"] == [6, 2, 6]
    assert members["hop_rtt_us"][6:12] == [LOST] * 6  # type: ignore[index]
    assert members["hop_median_us"] == [2_000, LOST, 22_000]


def test_a_target_that_filters_ends_in_silence() -> None:
    """A path whose end says nothing is no failure when hops answered, and silence beyond them is cut off."""
    outcome = traced(Way([*chain(1_000, 5_000)[:1], Router(ip_address("10.0.0.2"), 5_000), DEAD]))
    members = outcome.members
    assert (outcome.end, members["reached"], members["ends"]) == ("ok", False, "silence")
    assert (members["hops"], members["hops_tried"]) == ("10.0.0.1,10.0.0.2", 5)


def test_a_target_too_far_away() -> None:
    """Past the plan's most hops nobody is asked."""
    outcome = traced(Way(chain(*[1_000] * 12)))
    assert (outcome.end, outcome.members["ends"], outcome.members["hops_tried"]) == ("ok", "hops", PLAN.max_hops)


@pytest.mark.parametrize(
    ("code", "ends", "failure"),
    [(0, "unreachable", "network_unreachable"), (1, "unreachable", "host_unreachable"), (13, "refusal", None)],
)
def test_a_router_that_knows_no_way(code: int, ends: str, failure: str | None) -> None:
    """No way to host or network is a failure with its name; a firewall that refuses the probe is none."""
    routers = chain(1_000, 5_000, 5_000)
    routers[1].code = code
    outcome = traced(Way(routers))
    assert outcome.members["ends"] == ends
    assert outcome.members.get("failure") == failure
    assert outcome.members["reached"] is False
    assert outcome.members["hops"] == "10.0.0.1,10.0.0.2"


def test_an_unreachable_host_is_heard_late() -> None:
    """A router first looks for the host for three seconds; what it says then counts for the probe it quotes."""
    routers = chain(1_000, 5_000, 5_000)[:2]
    late = Router(ip_address("10.0.0.2"), slow_us=PLAN.patience_us + 100_000, code=1)
    outcome = traced(Way([routers[0], replace(late, link_us=5_000)]), PLAN)
    assert outcome.members["failure"] == "host_unreachable"
    assert outcome.members["hops"] == "10.0.0.1,10.0.0.2"
    assert outcome.members["hop_lost"] == [0, 2]


@pytest.mark.parametrize(("until", "failure"), [(7, None), (99, "network_unreachable")])
def test_a_way_that_is_lost_and_found(until: int, failure: str | None) -> None:
    """Unreachable after the target was there is a failure, unless the target answers again."""
    way = Way(chain(1_000, 5_000))

    def lose(_probe: Probe) -> list[tuple[int, Reply]]:
        way.routers[0].code = 0 if 5 <= len(way.sent) < until else None
        return []

    trace = trace_of()
    run_trace(trace, way, lose)
    members = result_of(trace, GATEWAY, "udp_errqueue").members
    assert members.get("failure") == failure
    assert members["reached"] is True
    assert members["hops"] == f"10.0.0.1,{TARGET}"


def test_a_line_that_dies_keeps_what_was_seen() -> None:
    """After as many silences in a row as the plan allows, the run ends as a failure with its partial data."""
    routers = chain(1_000, 5_000)
    routers[0].loses = lambda number: number >= 4
    trace = trace_of()
    end_us = run_trace(trace, Way(routers))
    outcome = result_of(trace, GATEWAY, "udp_errqueue")
    assert (outcome.end, outcome.members["failure"]) == ("failed", "generic_timeout_error")
    assert outcome.members["hops"] == f"10.0.0.1,{TARGET}"
    assert end_us < PLAN.limit_us


def test_a_system_that_does_not_send() -> None:
    """A send that is refused ends the run at once with the refusal's name."""
    trace = trace_of()
    trace.start(0)
    assert trace.to_send(0) is not None
    trace.refuse(Trouble(Failure.NETWORK_UNREACHABLE, Stage.CONNECT), 5)
    trace.refuse(Trouble(Failure.NETWORK_DOWN, Stage.CONNECT), 6)
    assert trace.next_wakeup(7) is None
    members = result_of(trace, GATEWAY, "udp_errqueue").members
    assert (members["failure"], members["ends"]) == ("network_unreachable", "unreachable")
    assert trace.dur_us == 5
    assert trace.to_send(7) is None


def test_quotes_without_payload_are_enough() -> None:
    """A router that quotes no more than RFC 792 asks for, which is no payload, still answers to the one probe there is."""
    routers = chain(1_000, 5_000, 5_000)
    for router in routers:
        router.quote_bytes = 0
    assert traced(Way(routers)).members["hop_lost"] == [0, 0, 0]


def test_a_padded_quote_is_a_quote() -> None:
    """RFC 4884 fills a quote up with zeros before its extension."""
    packet = trace_of().packets[0]
    assert Reply(packet + bytes(100), TARGET, 3, 3).quotes(packet)
    assert not Reply(b"x" + packet[1:], TARGET, 3, 3).quotes(packet)


def test_the_deadline_ends_it() -> None:
    """A probe that was on its way at the deadline is neither lost nor answered, and an unfinished search says so."""
    plan = replace(PLAN, limit_us=700_000)
    way = Way(chain(1_000, 300_000, 100_000))
    trace = trace_of(plan)
    end_us = run_trace(trace, way)
    assert end_us - 1_000_000 == plan.limit_us
    assert trace.ends is Ending.TIME
    members = result_of(trace, GATEWAY, "udp_errqueue").members
    assert members["hop_sent"] == [1]


def test_forged_answers_change_nothing() -> None:
    """Another payload, another IP version, another type, an answer before its question: none is taken."""
    trace = trace_of()
    trace.start(0)
    trace.receive(Reply(b"", TARGET, 3, 3), 0)
    probe = trace.to_send(0)
    assert probe is not None
    for forged in (
        Reply(b"SPP1" + bytes(12), TARGET, 3, 3),
        Reply(b"SPP1" + bytes(12), TARGET, 3, 1),
        Reply(b"SPP1" + bytes(12), ip_address("10.0.0.1"), 3, 1),
        Reply(probe.packet, ip_address("::1"), 3, 0),
        Reply(probe.packet, ip_address("10.0.0.1"), 8, 0),
        Reply(probe.packet, ip_address("10.0.0.1"), 11, 1),
    ):
        trace.receive(forged, 1)
    trace.receive(Reply(probe.packet, TARGET, 3, 3), -1)
    assert trace.hops == ()
    assert trace.trouble == Trouble(Failure.TIMEOUT, Stage.CONNECT)


@pytest.mark.parametrize(
    ("version", "icmp_type", "code", "news"),
    [
        (4, 11, 0, News.PASSING),
        (6, 3, 0, News.PASSING),
        (6, 1, 0, Failure.NETWORK_UNREACHABLE),
        (6, 1, 3, Failure.HOST_UNREACHABLE),
        (6, 1, 1, News.REFUSAL),
        (6, 2, 0, None),
    ],
)
def test_what_a_router_says(version: int, icmp_type: int, code: int, news: News | Failure | None) -> None:
    """Types and codes mean what their version's standard says."""
    router, target = {4: ("10.0.0.1", "203.0.113.9"), 6: ("fd00::1", "2001:db8::9")}[version]
    assert news_of(Reply(b"", ip_address(router), icmp_type, code), ip_address(target)) is news


def test_several_routers_at_one_place() -> None:
    """A hop with two addresses shows both."""
    trace = trace_of(replace(PLAN, rounds=2))
    addresses = iter([ip_address("10.0.0.1"), TARGET, ip_address("10.0.0.7"), TARGET])
    now_us = 0
    trace.start(now_us)
    while (wake_us := trace.next_wakeup(now_us)) is not None:
        probe = trace.to_send(now_us)
        if probe is None:
            now_us = wake_us
            continue
        address = next(addresses)
        trace.receive(Reply(probe.packet, address, *((3, 3) if address == TARGET else (11, 0))), now_us + 1_000)
        now_us += 1_000
    assert result_of(trace, GATEWAY, "udp_errqueue").members["hops"] == f"10.0.0.1+10.0.0.7,{TARGET}"


def test_payloads_differ() -> None:
    """Even without chance no two payloads are the same, and each has its size."""
    packets = packets_of(STANDARD, bytes(STANDARD.chance_bytes))
    assert len(set(packets)) == len(packets) == STANDARD.probes
    assert {len(packet) for packet in packets} == {PACKET_BYTES}


def test_the_plans_keep_their_promises() -> None:
    """No plan asks a router more often than it answers, and the quick one costs less."""
    assert set(PLANS) == {"standard", "quick"}
    assert QUICK.cost_bytes < STANDARD.cost_bytes < 250_000
    for plan in PLANS.values():
        assert plan.spacing_us > 1_000_000
        assert plan.silent_limit * plan.patience_us > 3_000_000  # so long a router looks for a host
        assert plan.silent_limit * plan.patience_us + plan.rounds * plan.spacing_us < plan.limit_us


fates = st.lists(st.booleans(), min_size=1, max_size=40)


@st.composite
def ways(draw: st.DrawFn) -> Way:
    """Paths of one to six hops that lose, spare, refuse and repeat as they like."""
    routers = chain(*draw(st.lists(st.integers(0, 300_000), min_size=1, max_size=6)))
    for router in routers:
        for name in ("loses", "spares"):
            fate = draw(fates)
            setattr(router, name, lambda number, fate=fate: fate[number % len(fate)])
        router.code = draw(st.sampled_from([None] * 8 + [0, 1, 3, 13]))
        router.slow_us = draw(st.integers(0, 600_000))
        router.quote_bytes = draw(st.sampled_from([0, 4, 8, 512]))
    return Way(routers, copies=draw(st.integers(1, 3)))


@given(ways(), st.lists(st.tuples(st.integers(0, 900_000), st.binary(max_size=20), st.integers(0, 255)), max_size=3))
def test_it_always_ends_with_what_was_there(way: Way, strangers: list[tuple[int, bytes, int]]) -> None:
    """Over any path, duplicates and forgeries included, it ends in time, and no address and no delay is invented."""
    real = {router.address for router in way.routers}

    def noise(_probe: Probe) -> list[tuple[int, Reply]]:
        stranger = ip_address("198.51.100.66")
        return [(us, Reply(b"x" + data, stranger, kind, 0)) for us, data, kind in strangers]

    trace = trace_of()
    end_us = run_trace(trace, way, noise)
    assert end_us - 1_000_000 <= PLAN.limit_us
    assert len(way.sent) <= PLAN.probes
    outcome = result_of(trace, GATEWAY, "udp_errqueue")
    members = outcome.members
    count = len(texts(members["hops"]))
    sent, lost, rtt_us = members["hop_sent"], members["hop_lost"], members["hop_rtt_us"]
    assert isinstance(sent, list)
    assert isinstance(lost, list)
    assert isinstance(rtt_us, list)
    assert len(rtt_us) == PLAN.rounds * count
    assert len(sent) == len(lost) == len(trace.hops) == len(texts(members.get("segments", ""))) == count
    for place, hop in enumerate(trace.hops):
        assert set(hop.addresses) <= real
        row = rtt_us[place * PLAN.rounds : (place + 1) * PLAN.rounds]
        assert lost[place] == row[: sent[place]].count(LOST)
        assert row[sent[place] :] == [LOST] * (PLAN.rounds - sent[place])
        assert all(us == LOST or 0 <= us < PLAN.patience_us for us in row)
    assert (outcome.end == "ok") == ("failure" not in members)
    if not any(hop.answers for hop in trace.hops):
        assert outcome.end == "failed"
