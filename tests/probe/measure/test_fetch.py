"""The fetch core, told of stages and bytes."""

import pytest
from fakes.link import play
from hypothesis import given
from hypothesis import strategies as st

from probe.measure.fetch import HOST, PLANS, SMALL, Fetch, FetchPlan
from probe.measure.outcome import Trouble
from shared.failure import Failure, Stage

URL = "http://peer.example/object/100000"


def started() -> Fetch:
    """Make a fetch that has begun at 1000."""
    core = Fetch(SMALL, URL)
    core.start(1000)
    return core


def test_no_answer_at_all() -> None:
    """A peer of which nothing comes fails at the end of patience, in the first stage."""
    core = started()
    assert play(core, [], 1000) == 1000 + SMALL.patience_us
    assert core.result().end == "failed"
    assert dict(core.result().members) == {
        "plan": "small",
        "ver": 2,
        "url": URL,
        "host": "peer",
        "attempt": 1,
        "expected_bytes": 100_000,
        "received_bytes": 0,
        "dur_us": SMALL.patience_us,
        "failure": "generic_timeout_error",
        "stage": "connect",
    }


def test_a_whole_fetch() -> None:
    """Each stage has its length, the first byte and the end their time, and the body its samples."""
    core = started()
    for stage, now_us in ((Stage.DNS, 1000), (Stage.CONNECT, 1500), (Stage.TLS, 3500), (Stage.REQUEST, 7500)):
        core.entered(stage, now_us)
    core.answered(200, 100_000, "1.1", 9000)
    core.moved(40_000, 9500)
    core.moved(60_000, 201_000)
    core.ended(201_500)
    outcome = core.result()
    assert outcome.end == "ok"
    timed = ("dns_us", "connect_us", "tls_us", "first_byte_us", "dur_us")
    assert [outcome.members[name] for name in timed] == [500, 2000, 4000, 8500, 200_500]
    assert (outcome.members["t_us"], outcome.members["bytes"]) == ([8500, 200_000], [40_000, 100_000])
    assert (outcome.members["status"], outcome.members["http"], outcome.members["host"]) == (200, "1.1", "peer")
    assert "capped" not in outcome.members


def test_an_address_needs_no_lookup() -> None:
    """Without a name there is no time of looking it up, which is not a time of zero."""
    core = started()
    core.entered(Stage.REQUEST, 2000)
    assert core.attempt.spent_us == {Stage.CONNECT: 1000}


@pytest.mark.parametrize(
    ("status", "failure"),
    [
        (301, "http_unexpected_redirect_url"),
        (204, "http_unexpected_status_code"),
        (404, "http_unexpected_status_code"),
        (503, "http_unexpected_status_code"),
    ],
)
def test_any_status_but_200_fails_by_name(status: int, failure: str) -> None:
    """A redirect is not followed, and another status is not an object."""
    core = started()
    core.answered(status, None, "1.1", 2000)
    members = core.result().members
    assert (members["failure"], members["status"], members["stage"]) == (failure, status, "request")


@pytest.mark.parametrize("n_bytes", [0, 1, 99_999])
def test_a_short_body_fails(n_bytes: int) -> None:
    """A body that ends early, even in order, is an early end."""
    core = started()
    core.answered(200, None, "1.1", 2000)
    if n_bytes:
        core.moved(n_bytes, 3000)
    core.ended(4000)
    assert core.result().members["failure"] == "eof_error"
    assert core.result().members["received_bytes"] == n_bytes


def test_another_object_is_not_this_one() -> None:
    """A longer body, announced or not, fails the fetch before it costs more."""
    announced, silent = started(), started()
    announced.answered(200, 100_001, "1.1", 2000)
    silent.answered(200, None, "1.1", 2000)
    silent.moved(100_001, 3000)
    assert announced.result().members["failure"] == "http_request_failed"
    assert silent.result().members["failure"] == "http_request_failed"


@pytest.mark.parametrize("stage", [Stage.DNS, Stage.CONNECT, Stage.TLS, Stage.REQUEST])
def test_each_stage_has_its_own_patience(stage: Stage) -> None:
    """A stage that does not end is a timeout of that stage, counted from its own beginning."""
    core = started()
    core.entered(stage, 5_000_000)
    assert play(core, [], 5_000_000) == 5_000_000 + SMALL.patience_us
    assert core.result().members["stage"] == stage.value


def test_a_stall_is_a_timeout_of_the_body() -> None:
    """A body that stops is a timeout, with what came before."""
    core = started()
    core.answered(200, 100_000, "1.1", 2000)
    core.moved(500, 3000)
    assert play(core, [], 3000) == 3000 + SMALL.patience_us
    members = core.result().members
    assert (members["failure"], members["stage"]) == ("generic_timeout_error", "body")
    assert members["received_bytes"] == 500


def test_a_trickle_ends_at_the_limit() -> None:
    """A body that never quite stops ends at the limit of the whole."""
    core = started()
    core.answered(200, 100_000, "1.1", 2000)
    end_us = play(core, [(at_us, lambda now_us: core.moved(1, now_us)) for at_us in range(3000, 10**8, 10**6)])
    assert end_us == 1000 + SMALL.limit_us
    assert core.result().members["failure"] == "generic_timeout_error"


def test_a_failure_with_a_name_stays_the_first() -> None:
    """What is told after the end changes nothing."""
    core = started()
    core.failed(Trouble(Failure.CONNECTION_REFUSED, Stage.CONNECT), 2000)
    core.failed(Trouble(Failure.CONNECTION_RESET, Stage.BODY), 3000)
    core.moved(5, 3000)
    core.ended(4000)
    core.answered(200, None, "1.1", 4000)
    members = core.result().members
    assert (members["failure"], members["dur_us"], members["received_bytes"]) == (
        "connection_refused",
        1000,
        0,
    )


FOREIGN = FetchPlan("foreign", None, patience_us=1_000_000, limit_us=5_000_000, foreign_cap_bytes=1000)


def foreign(declared_bytes: int | None, status: int = 200) -> Fetch:
    """Make a fetch from an ordinary host that has answered at 2000."""
    core = Fetch(FOREIGN, "https://www.example.net/picture")
    core.start(1000)
    core.answered(status, declared_bytes, "1.0", 2000)
    return core


@pytest.mark.parametrize("declared_bytes", [600, None])
def test_an_ordinary_object_is_as_long_as_its_host_says(declared_bytes: int | None) -> None:
    """A body of the stated length is whole; without a stated length its end is its end."""
    core = foreign(declared_bytes)
    core.moved(600, 3000)
    core.ended(4000)
    outcome = core.result()
    assert outcome.end == "ok"
    assert (outcome.members["host"], outcome.members["http"], outcome.members["received_bytes"]) == (
        "foreign",
        "1.0",
        600,
    )
    assert outcome.members.get("expected_bytes") == declared_bytes


def test_a_short_ordinary_object_fails() -> None:
    """A body shorter than its stated length is an early end, with what came."""
    core = foreign(600)
    core.moved(599, 3000)
    core.ended(4000)
    members = core.result().members
    assert (members["failure"], members["received_bytes"], members["expected_bytes"]) == ("eof_error", 599, 600)


@pytest.mark.parametrize("declared_bytes", [5000, None])
def test_a_long_ordinary_object_ends_at_the_cap(declared_bytes: int | None) -> None:
    """Of a long object no more than the cap is read, and the record says that there was more."""
    core = foreign(declared_bytes)
    core.moved(999, 3000)
    assert not core.over
    core.moved(1, 4000)
    core.moved(500, 5000)
    outcome = core.result()
    assert (outcome.end, outcome.members["capped"]) == ("ok", True)
    assert (outcome.members["received_bytes"], outcome.members["dur_us"]) == (1000, 3000)


def test_an_object_of_just_the_cap_is_whole() -> None:
    """An object that ends at the cap was not cut there."""
    core = foreign(1000)
    core.moved(1000, 3000)
    assert not core.over
    core.ended(3001)
    assert core.result().end == "ok"
    assert "capped" not in core.result().members


def test_a_longer_body_than_stated_fails() -> None:
    """More than the stated length is no answer to the request."""
    core = foreign(10)
    core.moved(11, 3000)
    assert core.result().members["failure"] == "http_request_failed"


@pytest.mark.parametrize("status", [302, 404, 503])
def test_the_length_of_an_error_is_nobodys_expectation(status: int) -> None:
    """An error's page is not the object, and its length says nothing."""
    members = foreign(77, status).result().members
    assert members["status"] == status
    assert "expected_bytes" not in members


def test_the_plans() -> None:
    """Each plan costs at least what it reads, and only one asks an ordinary host."""
    assert [name for name, plan in PLANS.items() if plan.is_foreign] == ["host"]
    assert HOST.cost_bytes > HOST.foreign_cap_bytes
    for plan in PLANS.values():
        if plan.expected_bytes is not None:
            assert plan.path == f"/object/{plan.expected_bytes}"
            assert plan.cost_bytes > plan.expected_bytes


@given(
    st.none() | st.integers(0, 3000),
    st.lists(st.tuples(st.integers(0, 3_000_000), st.integers(1, 900)), max_size=8),
    st.booleans(),
)
def test_any_ordinary_host_has_an_outcome(
    declared_bytes: int | None, chunks: list[tuple[int, int]], ended: bool
) -> None:
    """However an ordinary host behaves it ends in time, and an ok is a whole object or one that was cut at the cap."""
    core = foreign(declared_bytes)
    events = [(2000 + at_us, lambda now_us, n=n_bytes: core.moved(n, now_us)) for at_us, n_bytes in chunks]
    if ended:
        events.append((max((at_us for at_us, _ in events), default=2000) + 1, core.ended))  # type: ignore[arg-type]
    assert play(core, events, 2000) <= 1000 + FOREIGN.limit_us
    outcome = core.result()
    received_bytes = outcome.members["received_bytes"]
    assert isinstance(received_bytes, int)
    assert received_bytes <= FOREIGN.foreign_cap_bytes + 900
    if outcome.end == "ok":
        assert received_bytes == outcome.members.get("expected_bytes", received_bytes) or outcome.members["capped"]


@given(st.lists(st.tuples(st.integers(0, 30_000_000), st.integers(1, 60_000)), max_size=20), st.booleans())
def test_any_body_has_an_outcome(chunks: list[tuple[int, int]], ended: bool) -> None:
    """Whatever comes there is an end in time, an ok only for the whole object, and samples in order."""
    core = started()
    core.answered(200, None, "1.1", 1000)
    events = [(1000 + at_us, lambda now_us, n=n_bytes: core.moved(n, now_us)) for at_us, n_bytes in chunks]
    if ended:
        events.append((max((at_us for at_us, _ in events), default=0) + 1, core.ended))  # type: ignore[arg-type]
    end_us = play(core, events, 1000)
    outcome = core.result()
    assert end_us <= 1000 + SMALL.limit_us
    assert (outcome.end == "ok") == (ended and core.over and outcome.members.get("failure") is None)
    assert outcome.end == "failed" or outcome.members["received_bytes"] == SMALL.expected_bytes
    times = outcome.members.get("t_us", [])
    assert isinstance(times, list)
    assert times == sorted(set(times))
