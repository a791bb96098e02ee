"""The ladder without a socket: what each outcome of its rungs amounts to."""

from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from probe.measure.outcome import CouldNotRun, Measured, Trouble
from probe.measure.reach import LADDER, OBJECT_BYTES, RUNGS, Ladder, RungName
from shared.failure import Failure, Stage
from shared.strictjson import decode, encode

SILENT = Trouble(Failure.TIMEOUT, Stage.CONNECT)
REFUSED = Trouble(Failure.CONNECTION_REFUSED, Stage.CONNECT)
UNREACHABLE = Trouble(Failure.NETWORK_UNREACHABLE, Stage.CONNECT)
NO_NAME = Trouble(Failure.DNS_TEMPORARY, Stage.DNS)
OUTCOMES = (None, SILENT, REFUSED, UNREACHABLE, NO_NAME)


def climbed(outcomes: dict[RungName, Trouble | None]) -> Measured:
    """Climb a ladder whose rungs end like this, 100 µs after their start."""
    core = Ladder(LADDER)
    core.start(1_000)
    for name, trouble in outcomes.items():
        core.begin(name, 2_000, f"at {name}")
        if trouble is None:
            core.held(name, 2_100)
        else:
            core.failed(name, trouble)
    core.end(9_000)
    return core.result()


def test_nothing_answers_at_all() -> None:
    """On a dead line every rung stands in the record with its failure, and nothing is reached."""
    measured = climbed(dict.fromkeys(RUNGS, UNREACHABLE))
    members = measured.members
    assert (measured.end, members["failure"], members["stage"]) == ("failed", "network_unreachable", "connect")
    assert "reached" not in members
    assert members["rungs"] == ",".join(RUNGS)
    assert members["failures"] == ",".join(["network_unreachable"] * len(RUNGS))
    assert members["rung_us"] == [-1] * len(RUNGS)
    assert members["dur_us"] == 8_000


def test_everything_holds() -> None:
    """A whole ladder ends ok at its last rung, with the time of each."""
    measured = climbed(dict.fromkeys(RUNGS))
    assert (measured.end, measured.members["reached"]) == ("ok", "independent")
    assert measured.members["rung_us"] == [100] * len(RUNGS)
    assert measured.members["targets"] == ",".join(f"at {name}" for name in RUNGS)


def test_no_rung_is_no_measurement() -> None:
    """A system that shows nothing, with nobody to ask, has measured nothing."""
    with pytest.raises(CouldNotRun):
        climbed({})


def test_a_gateway_may_keep_silent() -> None:
    """A silent gateway is no failure while a host beyond it answers; if none does, it is where it ends."""
    assert climbed({"gateway": SILENT, "collector": None}).end == "ok"
    assert climbed({"gateway": SILENT, "collector": REFUSED, "peer": None}).members["stage"] == "connect"
    alone = climbed({"route": None, "gateway": SILENT, "collector": SILENT})
    assert (alone.end, alone.members["failure"], alone.members["reached"]) == ("failed", SILENT.failure.value, "route")


def test_a_name_found_next_door_carries_nothing() -> None:
    """A cache's answer does not excuse a gateway that was silent: no packet came from beyond it."""
    measured = climbed({"gateway": SILENT, "dns": None, "collector": SILENT})
    assert (measured.end, measured.members["failure"]) == ("failed", "generic_timeout_error")


def test_a_refusal_is_a_host_that_was_reached() -> None:
    """Who refuses is there; who could not be found by name is not."""
    assert climbed({"route": None, "peer": REFUSED}).members["reached"] == "peer"
    assert climbed({"route": None, "peer": NO_NAME}).members["reached"] == "route"
    nobody = Trouble(Failure.DNS_NXDOMAIN, Stage.DNS)
    assert climbed({"resolver": nobody, "peer": nobody}).members["reached"] == "resolver"


@pytest.mark.parametrize(
    ("status", "received_bytes", "portal", "failure"),
    [
        (302, 0, "redirect", "http_unexpected_redirect_url"),
        (511, 0, "status_511", "http_unexpected_status_code"),
        (200, OBJECT_BYTES + 1, "other_object", "http_request_failed"),
        (503, 0, None, "http_unexpected_status_code"),
        (200, OBJECT_BYTES, None, None),
    ],
)
def test_what_answers_in_the_name_of_the_peer(
    status: int, received_bytes: int, portal: str | None, failure: str | None
) -> None:
    """A redirect, a login and another object hint at a portal; the peer's own trouble does not."""
    core = Ladder(LADDER)
    core.begin("object", 0)
    core.object_came(status, received_bytes, 5)
    core.end(5)
    members = core.result().members
    assert (members.get("portal"), members.get("failure")) == (portal, failure)


def test_a_certificate_for_another_name_hints_at_a_portal() -> None:
    """Whoever answers TLS in the peer's place is found out by the certificate."""
    trouble = Trouble(Failure.TLS_INVALID_HOSTNAME, Stage.TLS)
    assert climbed({"peer": None, "object": trouble}).members["portal"] == "certificate"


def test_patience_ends() -> None:
    """What has not ended when the plan's time is over has timed out, and nothing after that counts."""
    core = Ladder(LADDER)
    core.start(0)
    core.begin("dns", 10)
    core.begin("peer", 20)
    assert core.next_wakeup(30) == LADDER.limit_us == core.progress(30).expected_us
    core.give_up(("dns",))
    core.held("dns", 40)
    assert core.next_wakeup(LADDER.limit_us) is None
    core.end(LADDER.limit_us + 5)
    members = core.result().members
    assert members["failures"] == "generic_timeout_error,generic_timeout_error"
    assert (members["failure"], members["stage"]) == ("generic_timeout_error", "dns")
    assert members["dur_us"] == LADDER.limit_us <= 8_000_000


def test_what_could_not_be_tried_is_absent() -> None:
    """A rung this device could not even try has no place in the lists, and an unknown fact no member."""
    core = Ladder(LADDER)
    core.begin("dns", 0)
    core.untried("dns")
    core.begin("route", 0)
    core.held("route", 1)
    core.facts["neighbour"] = ""
    core.end(1)
    assert core.result().members["rungs"] == "route"
    assert "neighbour" not in core.result().members


@given(st.dictionaries(st.sampled_from(RUNGS), st.sampled_from(OUTCOMES), min_size=1))
def test_the_lists_are_parallel(outcomes: dict[RungName, Trouble | None]) -> None:
    """Whatever happens, each rung has one place in every list, in the ladder's order, and the record can be spelled."""
    measured = climbed(outcomes)
    members = decode(encode(dict(measured.members)))  # type: ignore[arg-type]
    rungs = str(members["rungs"]).split(",")
    assert rungs == [name for name in RUNGS if name in outcomes]
    assert len(str(members["failures"]).split(",")) == len(str(members["targets"]).split(",")) == len(rungs)
    assert members["rung_us"] == [100 if outcomes[name] is None else -1 for name in RUNGS if name in outcomes]
    assert (measured.end == "failed") == ("failure" in members)


def test_one_more_rung_that_holds_lowers_nothing() -> None:
    """If one more rung holds, what was reached is never lower than before."""
    for low, high in product(RUNGS, RUNGS):
        if low != high:
            before = climbed({low: None, high: SILENT}).members["reached"]
            after = climbed({low: None, high: None}).members["reached"]
            assert RUNGS.index(after) >= RUNGS.index(before)  # type: ignore[arg-type]
