"""Every method on an emulated link that fails: before it begins, in the handshake, under load, near the end, in the drain.

Methods run beside each other, so that one wait serves for all of them; the link is shared, and what they say they have
received together is never more than the link delivered.
"""

import time
from collections.abc import Mapping
from typing import Any

import pytest
from fakes.jobs import DURATION_US, JOBS
from line import Methods, Ordered

pytestmark = [pytest.mark.root, pytest.mark.slow]
GRACE_US = 1_000_000  # by which no method outlives its deadline
NOTHING = {"tasks": [], "sockets": [], "threads": [], "children": []}

TIMEOUT, NO_NAME, NO_ROUTE = "generic_timeout_error", "dns_temporary_failure", "network_unreachable"
LOADS = ("download", "download-6", "download-one-flow", "download-light", "upload", "upload-one-flow", "upload-light")
OBJECTS = ("fetch", "fetch-6")
BY_ADDRESS = (*LOADS, *OBJECTS, "latency", "path", "ookla")
BY_NAME = ("latency-by-name", "download-by-name", "upload-by-name", "fetch-by-name", "path-by-name", "dns")
DATAGRAMS = ("latency", "latency-by-name", "path", "path-by-name", "dns")

Failures = Mapping[str, tuple[str, str] | None]


def all_fail(jobs: tuple[str, ...], failure: str, stage: str) -> Failures:
    """The same for each."""
    return dict.fromkeys(jobs, (failure, stage))


def all_hold(jobs: tuple[str, ...]) -> Failures:
    """No failure for any."""
    return dict.fromkeys(jobs)


BEFORE: Mapping[str, Failures] = {
    "dead": all_fail(BY_ADDRESS, TIMEOUT, "connect") | all_fail(BY_NAME, NO_NAME, "dns"),
    "syn": all_fail((*BY_ADDRESS, *BY_NAME), TIMEOUT, "connect") | all_hold(DATAGRAMS),
    "dns": all_fail(BY_NAME, NO_NAME, "dns") | all_hold(("latency", "download", "path")),
    "routeless": all_fail(BY_ADDRESS, NO_ROUTE, "connect") | all_fail(BY_NAME, NO_NAME, "dns"),
}
HANDSHAKE: Failures = {
    "download": (TIMEOUT, "request"),
    "download-light": (TIMEOUT, "request"),
    "upload": (TIMEOUT, "request"),
    "upload-tls": (TIMEOUT, "tls"),
    "fetch": (TIMEOUT, "request"),
    "fetch-tls": (TIMEOUT, "tls"),
}
CONNECTIONS = len(HANDSHAKE)  # the other flows of a transfer begin when the first one stands


def checked(ordered: Ordered, expected: Failures) -> dict[str, Any]:
    """What came of jobs, once it is sure that each failed as expected, in time, and left nothing, and none invented a byte."""
    told = ordered.ended()
    came: dict[str, Any] = told["came"]
    assert {name: failure_of(one) for name, one in came.items()} == dict(expected)
    late = {name: one["took_us"] for name, one in came.items() if one["took_us"] > JOBS[name].deadline_us + GRACE_US}
    assert late == {}
    for direction, methods in (("down", {"download", "fetch"}), ("up", {"upload"})):
        received = [one["received_bytes"] for name, one in came.items() if JOBS[name].method in methods]
        assert sum(received) <= ordered.delivered(direction)
    assert told["left"] == NOTHING
    return came


def failure_of(members: Mapping[str, Any]) -> tuple[str, str] | None:
    """How a measurement failed, and where; None if it did not."""
    assert members["end"] in {"ok", "failed"}, members
    return (members["failure"], members["stage"]) if members["end"] == "failed" else None


def kept_bytes(members: Mapping[str, Any]) -> int:
    """What the samples of a record add up to."""
    flows: list[list[int]] = members["flow_bytes"] if "flow_bytes" in members else [members["bytes"]]
    return sum(counts[-1] for counts in flows if counts)


@pytest.mark.parametrize("fault", BEFORE)
def test_a_link_that_is_not_there_is_named(methods: Methods, fault: str) -> None:
    """Each way in which a link is missing from the start has its name, in the stage that needed it."""
    expected = BEFORE[fault]
    with methods.fault(fault):
        came = checked(methods.order(*expected), expected)
    assert all(one.get("received_bytes", 0) == 0 for one in came.values() if one["end"] == "failed")


def test_a_link_that_dies_in_the_handshake_is_named_by_its_stage(methods: Methods) -> None:
    """What was agreed so far tells how far it came: TCP stands, and neither TLS nor HTTP is answered."""
    with methods.link(rtt_ms=1000):
        ordered = methods.order(*HANDSHAKE)
        ordered.until_delivered("down", CONNECTIONS)
        with methods.fault("dead"):
            came = checked(ordered, HANDSHAKE)
    assert all(one["received_bytes"] == 0 for one in came.values())


@pytest.mark.parametrize("fault", ["dead", "stalled", "tcp", "routeless"])
def test_a_link_that_dies_under_load_fails_and_keeps_what_came(methods: Methods, fault: str) -> None:
    """However the link is lost, the transfer has waited in vain, and every byte before that stands in the record."""
    ordered = methods.order(*LOADS, *OBJECTS, mark_us=400_000, mark_bytes=50_000)
    with methods.fault(fault):
        came = checked(ordered, all_fail((*LOADS, *OBJECTS), TIMEOUT, "body"))
    for name, one in came.items():
        assert kept_bytes(one) == one["received_bytes"] >= 50_000, name


def test_a_pause_that_ends_in_time_is_no_failure(methods: Methods) -> None:
    """A link that holds everything for less than the patience, and then delivers it, has been slow and not dead."""
    ordered = methods.order(*LOADS, *OBJECTS, mark_us=400_000, mark_bytes=50_000)
    methods.emulator.outage(0.6, mode="stall")
    checked(ordered, all_hold((*LOADS, *OBJECTS)))


def test_names_are_not_needed_under_load(methods: Methods) -> None:
    """Once the connections stand, a name server that cannot be reached changes nothing."""
    jobs = ("download-by-name", "upload-by-name", "fetch-by-name")
    ordered = methods.order(*jobs, mark_us=400_000, mark_bytes=50_000)
    with methods.fault("dns"):
        checked(ordered, all_hold(jobs))


def test_a_link_that_dies_shortly_before_the_end_fails_all_the_same(methods: Methods) -> None:
    """A transfer whose last part never came is no measurement, however little that is; what came is kept."""
    jobs = ("download", "download-6", "download-one-flow", "upload", "upload-one-flow")
    ordered = methods.order(*jobs, mark_us=DURATION_US - 500_000, mark_bytes=50_000)
    with methods.fault("dead"):
        came = checked(ordered, all_fail(jobs, TIMEOUT, "body"))
    assert all(kept_bytes(one) == one["received_bytes"] >= 50_000 for one in came.values())


def test_a_link_that_dies_while_its_queue_drains_fails_too(methods: Methods) -> None:
    """What the peer has sent is still in a long queue when its time is over; bytes that never leave that queue are missed."""
    jobs = ("download", "download-one-flow")
    with methods.link(down_mbps=8, queue_ms=400):
        ordered = methods.order(*jobs, mark_us=DURATION_US - 250_000, mark_bytes=50_000)
        methods.emulator.set(down_mbps=0.4)
        time.sleep(0.9)  # past the time at which the probe asks the peer to end
        with methods.fault("dead"):
            came = checked(ordered, all_fail(jobs, TIMEOUT, "body"))
    assert all(kept_bytes(one) == one["received_bytes"] >= 50_000 for one in came.values())


def test_a_link_that_dies_between_packets_shows_as_loss(methods: Methods) -> None:
    """Round trips before the end stand beside the losses after it; a path that was there and fell silent is a failure."""
    ordered = methods.order("latency", "path", mark_us=400_000)
    with methods.fault("dead"):
        came = checked(ordered, {"latency": None, "path": (TIMEOUT, "connect")})
    rtts_us = came["latency"]["rtt_us"]
    answered = [us for us in rtts_us if us >= 0]
    assert 0 < len(answered) < len(rtts_us) == came["latency"]["sent"] - 1
    assert came["latency"]["lost_tail"] == rtts_us[::-1].index(answered[-1])
    assert came["path"]["hops"] == "10.77.0.2"
    assert [us >= 0 for us in came["path"]["hop_rtt_us"]][:3] == [True, False, False]


def test_a_pause_between_packets_is_only_delay(methods: Methods) -> None:
    """A link that holds packets for less than the patience loses none of them."""
    ordered = methods.order("latency", "path", mark_us=400_000)
    methods.emulator.outage(0.3, mode="stall")
    came = checked(ordered, all_hold(("latency", "path")))
    assert min(came["latency"]["rtt_us"]) > 0
    assert min(came["path"]["hop_rtt_us"]) > 0


def test_a_link_that_dies_between_names_keeps_the_first(methods: Methods) -> None:
    """Each lookup fails or holds by itself."""
    with methods.link(rtt_ms=800):
        ordered = methods.order("dns", mark_us=900_000)
        with methods.fault("dead"):
            came = checked(ordered, all_hold(("dns",)))["dns"]
    assert came["names"] == "peer.internal,one.example,one.example"
    assert came["via"] == "system,system,direct"
    assert came["failures"] == f",{NO_NAME},{TIMEOUT}"
    assert [us >= 0 for us in came["lookup_us"]] == [True, False, False]


def test_cancelling_under_load_leaves_nothing(methods: Methods) -> None:
    """No task, socket, thread or process outlives measurements that were cancelled while bytes moved."""
    told = methods.order(*LOADS, *OBJECTS, "latency", "path", mark_us=400_000, mark_bytes=50_000, cancel_us=0).ended()
    assert len(told["had"]["sockets"]) > len(LOADS)
    assert told["left"] == NOTHING


def test_cancelling_ends_the_client_that_was_started(methods: Methods) -> None:
    """speedtest-cli does not outlive the measurement that started it."""
    told = methods.order("ookla", mark_us=800_000, cancel_us=0).ended()
    assert len(told["had"]["children"]) == 1
    assert told["left"] == NOTHING


def test_cancelling_a_handshake_leaves_nothing(methods: Methods) -> None:
    """Nor does anything outlive measurements that were cancelled while nobody answered."""
    with methods.fault("dead"):
        told = methods.order(*BY_ADDRESS, cancel_us=500_000).ended()
    assert len(told["had"]["sockets"]) > len(LOADS)
    assert told["left"] == NOTHING


def test_cancelling_a_lookup_leaves_only_what_cannot_be_stopped(methods: Methods) -> None:
    """The system's own lookup ends by itself a little later, and until then has its thread; nothing else is left."""
    with methods.fault("dns"):
        told = methods.order(*BY_NAME, cancel_us=300_000).ended()
        assert told["came"] == {}
        assert set(told["left"]["threads"]) == {"lookup"}
        assert (told["left"]["tasks"], told["left"]["children"]) == ([], [])
        time.sleep(1.2)
    checked(methods.order("dns"), all_hold(("dns",)))
