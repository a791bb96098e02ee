"""The core of a speedtest-cli run: judged by the peer's log, whatever the client says."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from probe.measure.ookla import FULL, METERED, PATIENCE_US, PUBLIC, Ookla
from probe.measure.ookla_judge import OoklaPlan
from probe.measure.outcome import Measured, Trouble
from shared import strictjson
from shared.failure import Failure, Stage

OFFER = strictjson.encode(
    {"down_bytes": METERED.down_bytes, "plan": "metered", "test_us": METERED.test_us, "up_bytes": METERED.up_bytes}
)
SAID: dict[str, Any] = {"download": 8_160_000.7, "upload": 4e6, "ping": 51.25, "server": {"name": "peer"}}


def row(way: str, n_bytes: int, first_us: int, last_us: int, **other: object) -> dict[str, Any]:
    """One transfer of the peer's log."""
    told: dict[str, Any] = {"way": way, "begin_us": first_us, "bytes": n_bytes, "expected_bytes": 1_000_000}
    told |= {"first_us": first_us, "last_us": last_us} if n_bytes else {}
    told |= {"end": "complete", "end_us": last_us, "status": 200}
    told |= other
    return {name: value for name, value in told.items() if value is not None}


def log(*rows: dict[str, Any]) -> bytes:
    """The peer's log with these transfers, its totals right."""
    told: dict[str, Any] = {"plan": "metered", "requests": list(rows), "running": 0}
    for way in ("down", "up"):
        moved = [one for one in rows if one["way"] == way and one["bytes"]]
        n_bytes = sum(one["bytes"] for one in moved)
        dur_us = max(one["last_us"] for one in moved) - min(one["first_us"] for one in moved) if moved else 0
        told[way] = {"bytes": n_bytes, "dur_us": dur_us, "rate_bps": 8_000_000 * n_bytes // dur_us if dur_us else 0}
    return strictjson.encode(told)


DOWN = row("down", 3_000_000, 0, 3_000_000)
UP = row("up", 1_500_000, 3_500_000, 6_500_000)


def judged(
    *rows: dict[str, Any], said: object = SAID, exit_code: int | None = 0, plan: OoklaPlan = METERED
) -> Measured:
    """The result of a run of which the peer logged these rows."""
    core = Ookla(plan)
    core.start(0)
    core.opened(201, OFFER, 1000)
    core.client_ended(exit_code, said if isinstance(said, bytes) else json.dumps(said).encode(), 7_000_000)
    core.logged(200, log(*rows), 7_010_000)
    assert core.next_wakeup(7_010_000) is None
    return core.result()


def failure(outcome: Measured) -> tuple[object, object]:
    """What failed, and where."""
    assert outcome.end == "failed", outcome.members
    assert not {"down_bps", "up_bps", "gap_pm"} & outcome.members.keys()
    return outcome.members["failure"], outcome.members["stage"]


def test_a_peer_that_says_nothing() -> None:
    """Without an answer to the opening the run ends at its patience, as a timeout."""
    core = Ookla(METERED)
    core.start(5)
    assert core.next_wakeup(5) == 5 + PATIENCE_US
    core.entered(Stage.REQUEST, 10)
    assert core.next_wakeup(5 + PATIENCE_US) is None
    assert failure(core.result()) == ("generic_timeout_error", "request")


def test_a_good_run() -> None:
    """Both rates are bytes over the time from first to last byte by the peer; the client's are claims beside them."""
    members = judged(DOWN, UP).members
    assert (members["down_bps"], members["up_bps"]) == (8_000_000, 4_000_000)
    assert (members["claimed_down_bps"], members["claimed_up_bps"], members["ping_us"]) == (
        8_160_000,
        4_000_000,
        51_250,
    )
    assert members["gap_pm"] == 20
    assert (members["requests"], members["refused"], members["cut"], members["dur_us"]) == (2, 0, 0, 7_000_000)


def refused(way: str) -> dict[str, Any]:
    """A transfer that the peer had no place for."""
    return row(way, 0, 0, 0, status=503, end="declined", end_us=100)


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        ((refused("down"), UP), ("http_unexpected_status_code", "request")),
        ((DOWN, UP, refused("up")), ("http_unexpected_status_code", "request")),
        ((row("down", 20_000, 0, 50, end="client_gone"), UP), ("eof_error", "body")),
        ((DOWN, row("up", 20_000, 0, 50, end="hard_stop")), ("eof_error", "body")),
        ((UP,), ("http_request_failed", "request")),
        ((DOWN,), ("http_request_failed", "request")),
        ((), ("http_request_failed", "request")),
        ((row("down", 1_000_000, 0, 900_000), UP), ("http_request_failed", "request")),
        ((row("down", 0, 0, 0, end_us=2_500_000, end="client_gone"), UP), ("eof_error", "body")),
        ((row("down", 9_999, 7, 7, end_us=2_500_000), UP), ("eof_error", "body")),
        ((row("down", METERED.down_bytes + 1, 0, 3_000_000), UP), ("unknown_failure", "body")),
    ],
    ids=[
        "an image refused",
        "a post refused",
        "an image cut",
        "a post cut",
        "no image arrived",
        "no post arrived",
        "nothing arrived",
        "images that never arrived",
        "not a byte",
        "one moment",
        "more than there is",
    ],
)
def test_what_the_log_shows_is_a_failure(rows: tuple[dict[str, Any], ...], expected: tuple[str, str]) -> None:
    """A transfer refused, cut, missing, or counted too high fails the run, though the client is content."""
    assert failure(judged(*rows)) == expected


def test_what_the_client_stops_is_not_cut() -> None:
    """A body that ends early when the client's own time is over is none that was cut."""
    late = row("down", 500_000, 10, 2_990_000, end="client_gone")
    running = row("up", 500_000, 3_500_000, 8_000_000, end=None, end_us=None, status=None)
    core = Ookla(METERED)
    core.start(0)
    core.opened(201, OFFER, 1000)
    core.client_ended(0, json.dumps(SAID).encode(), 7_000_000)
    core.logged(200, log(late, running), 7_010_000)
    assert not core.over, "a post is still on its way"
    assert core.next_wakeup(7_020_000) == 7_000_000 + METERED.tail_us
    assert core.next_wakeup(7_000_000 + METERED.tail_us) is None
    members = core.result().members
    assert (core.result().end, members["cut"], members["running"]) == ("ok", 0, 1)
    assert members["up_bytes"] == 500_000


@pytest.mark.parametrize(
    ("said", "exit_code", "expected"),
    [
        (SAID, None, ("generic_timeout_error", "body")),
        (SAID, 1, ("http_request_failed", "request")),
        (b"", 1, ("http_request_failed", "request")),
        (b"", 0, ("json_parse_error", "close")),
        (b"Retrieving", 0, ("json_parse_error", "close")),
        (SAID | {"ping": 600_000.0}, 0, ("http_request_failed", "request")),
        (SAID | {"download": 0.0}, 0, ("unknown_failure", "body")),
        (SAID | {"upload": 0}, 0, ("unknown_failure", "body")),
    ],
)
def test_what_the_client_shows_is_a_failure(said: object, exit_code: int | None, expected: tuple[str, str]) -> None:
    """A client that ended badly, was ended, or reports nothing fails the run, though the peer saw everything arrive."""
    outcome = judged(DOWN, UP, said=said, exit_code=exit_code)
    assert failure(outcome) == expected
    assert outcome.members["down_bytes"] == 3_000_000


def test_no_log_no_rate() -> None:
    """If the peer's count cannot be had until patience ends, the claims stand alone and the run failed for that reason."""
    core = Ookla(METERED)
    core.start(0)
    core.opened(201, OFFER, 0)
    core.client_ended(0, json.dumps(SAID).encode(), 10)
    core.logged(404, b"", 20)
    core.failed(Trouble(Failure.NETWORK_UNREACHABLE, Stage.CONNECT), 30)
    assert core.next_wakeup(10 + METERED.tail_us) is None
    outcome = core.result()
    assert failure(outcome) == ("network_unreachable", "close")
    assert outcome.members["claimed_up_bps"] == 4_000_000


@pytest.mark.parametrize(
    ("status", "body", "expected"),
    [
        (503, b"", "http_unexpected_status_code"),
        (201, b"{", "json_parse_error"),
        (201, strictjson.encode({"down_bytes": 1}), "unknown_failure"),
    ],
)
def test_an_opening_that_is_no_offer(status: int, body: bytes, expected: str) -> None:
    """What is not the offered run of the plan ends it before the client starts; a status is told."""
    core = Ookla(METERED)
    core.start(0)
    core.opened(status, body, 10)
    core.client_ended(0, b"", 20)
    members = core.result().members
    assert (members["failure"], members.get("status")) == (expected, 503 if status == 503 else None)
    assert members["dur_us"] == 10


def test_a_client_that_nobody_ends() -> None:
    """If not even killing ends the client in time, the run is over all the same."""
    core = Ookla(METERED)
    core.start(0)
    core.opened(201, OFFER, 0)
    wake_us = core.next_wakeup(0)
    assert wake_us is not None
    assert METERED.client_us < wake_us < METERED.client_us + 1_000_000
    assert core.next_wakeup(wake_us) is None
    assert failure(core.result())[0] == "generic_timeout_error"


def test_a_public_server() -> None:
    """A public run begins with the client, ends with it, and has no count."""
    core = Ookla(PUBLIC)
    core.start(0)
    assert core.progress(10).elapsed_us == 10
    core.client_ended(0, json.dumps(SAID | {"server": {"name": ""}}).encode(), 100)
    members = core.result().members
    assert (core.result().end, members["server"], members["counted"]) == ("ok", "public", "client")
    core = Ookla(PUBLIC)
    core.start(0)
    core.client_ended(None, b"", 100)
    assert failure(core.result()) == ("generic_timeout_error", "request")


def test_what_a_plan_may_cost() -> None:
    """A plan costs at least its images and posts, and the metered one stays below 22 MB."""
    assert METERED.down_bytes + METERED.up_bytes < METERED.cost_bytes < 22_000_000
    assert FULL.cost_bytes > 560_000_000
    assert FULL.down_bytes == 4 * 102_343_483
    assert FULL.up_bytes == 17 * (524_288 + 1_048_576 + 7_340_032)


EVENTS: list[Callable[[Ookla, int], object]] = [
    lambda core, now: core.opened(201, OFFER, now),
    lambda core, now: core.entered(Stage.TLS, now),
    lambda core, now: core.client_ended(0, json.dumps(SAID).encode(), now),
    lambda core, now: core.client_ended(None, b"{}", now),
    lambda core, now: core.logged(200, log(DOWN, UP), now),
    lambda core, now: core.logged(200, b"[]", now),
    lambda core, now: core.logged(500, b"", now),
    lambda core, now: core.failed(Trouble(Failure.EOF, Stage.BODY), now),
    lambda core, now: core.next_wakeup(now),
    lambda core, now: core.progress(now),
]


@given(
    plan=st.sampled_from([METERED, PUBLIC]), events=st.lists(st.tuples(st.sampled_from(EVENTS), st.integers(0, 10**8)))
)
def test_in_any_order_it_ends(plan: OoklaPlan, events: list[tuple[Callable[[Ookla, int], object], int]]) -> None:
    """Whatever happens in whatever order, time ends it, and there are rates only in a run that did not fail."""
    core, now_us = Ookla(plan), 0
    core.start(0)
    for event, later_us in events:
        now_us += later_us
        if core.phase == "opening" or not core.over:
            event(core, now_us)
    for _ in range(4):
        wake_us = core.next_wakeup(now_us)
        if wake_us is None:
            break
        now_us = wake_us
    assert core.over
    outcome = core.result()
    assert ("down_bps" in outcome.members) == (outcome.end == "ok" and plan is METERED)
