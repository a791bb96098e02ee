"""The download core over simulated links."""

from collections.abc import Callable
from functools import partial

import pytest
from fakes.link import Event, message, play
from hypothesis import given
from hypothesis import strategies as st

from probe.measure.download import Download
from probe.measure.outcome import Measured, Trouble
from probe.measure.transfer import HANDSHAKE_US, QUICK, STANDARD, TINY, Ending, TransferPlan
from shared.failure import Failure, Stage

ZERO_US = 50_000


Happening = Callable[[Download, int], None]


def run(events: list[tuple[int, Happening]], plan: TransferPlan = TINY) -> tuple[Measured, int]:
    """Run events that are timed from the finished handshake on; give the outcome and the time of the end."""
    core = Download(plan)
    core.start(0)
    core.opened(ZERO_US)
    bound: list[Event] = [(at_us + ZERO_US, partial(happen, core)) for at_us, happen in events]
    end_us = play(core, bound, ZERO_US)
    return core.result(), end_us - ZERO_US


def load(n_bytes: int) -> Happening:
    """Let a message of load arrive."""
    return lambda core, now_us: core.moved(n_bytes, now_us)


def says(text: bytes) -> Happening:
    """Let a text of the peer arrive."""
    return lambda core, now_us: core.text(text, now_us)


def ends(ending: Ending) -> Happening:
    """Let the peer end the connection."""
    return lambda core, now_us: core.closed(ending, now_us)


def hears(core: Download, now_us: int) -> None:
    """Let the kernel's count grow."""
    core.heard(now_us, now_us)


HEARS: list[tuple[int, Happening]] = [(at_us, hears) for at_us in range(500_000, 4_000_000, 500_000)]


def test_no_answer_at_all() -> None:
    """A handshake after which nothing comes fails at the end of patience, with nothing counted."""
    outcome, end_us = run([])
    assert outcome.end == "failed"
    assert end_us == TINY.patience_us
    assert outcome.members["failure"] == "generic_timeout_error"
    assert (outcome.members["stage"], outcome.members["received_bytes"]) == ("body", 0)
    assert outcome.members["dur_us"] == TINY.patience_us
    assert outcome.members["t_us"] == []


def test_no_handshake_at_all() -> None:
    """A peer that never answers the handshake fails it after ten seconds, in the stage it was in."""
    core = Download(TINY)
    core.start(5)
    core.entered(Stage.TLS, 10)
    assert play(core, [], 5) == 5 + HANDSHAKE_US
    assert core.result().members["stage"] == "tls"
    assert core.result().members["dur_us"] == HANDSHAKE_US
    assert "connect_us" not in core.result().members


def test_a_whole_download() -> None:
    """Steady messages give an ok that ends at the planned time, with samples 100 ms apart."""
    outcome, end_us = run([(at_us, load(1000)) for at_us in range(10_000, 3_000_000, 10_000)])
    assert outcome.end == "ok"
    assert end_us == TINY.duration_us
    assert outcome.members["received_bytes"] == 100_000
    assert outcome.members["dur_us"] == TINY.duration_us
    assert outcome.members["t_us"] == [10_000, *range(110_000, 1_000_000, 100_000), 1_000_000]
    assert outcome.members["bytes"] == [1000, *range(11_000, 100_000, 10_000), 100_000]
    assert (outcome.members["connect_us"], outcome.members["warm_us"]) == (ZERO_US, TINY.warm_us)


def test_a_stall_fails_and_keeps_what_came() -> None:
    """A line that dies in the middle fails at the end of patience; its bytes stay."""
    outcome, end_us = run([(100_000, load(5000)), (400_000, load(7000))])
    assert outcome.end == "failed"
    assert end_us == 400_000 + TINY.patience_us
    assert outcome.members["failure"] == "generic_timeout_error"
    assert (outcome.members["t_us"], outcome.members["bytes"]) == ([100_000, 400_000], [5000, 12_000])


def test_a_line_that_dies_shortly_before_the_end_fails_too() -> None:
    """The planned end alone does not make a silent line good."""
    outcome, _ = run([(at_us, load(1000)) for at_us in range(10_000, 900_000, 10_000)])
    assert outcome.end == "failed"


def test_a_line_that_comes_back_after_the_planned_end_is_measured_until_then() -> None:
    """A pause across the planned end counts as part of the download."""
    outcome, _ = run([(500_000, load(1000)), (1_800_000, load(1000))])
    assert outcome.end == "ok"
    assert outcome.members["dur_us"] == 1_800_000


@pytest.mark.parametrize(
    ("at_us", "n_bytes", "ending", "end"),
    [
        (249_999, 1000, Ending.CLOSE, "failed"),
        (250_000, 1000, Ending.CLOSE, "ok"),
        (600_000, 0, Ending.CLOSE, "failed"),
        (899_999, 1000, Ending.EOF, "failed"),
        (900_000, 1000, Ending.EOF, "ok"),
        (900_000, 0, Ending.EOF, "failed"),
    ],
)
def test_the_ways_a_peer_may_end(at_us: int, n_bytes: int, ending: Ending, end: str) -> None:
    """A closing frame counts from a quarter second on, a bare end only near the planned one."""
    events = [(100_000, load(n_bytes))] if n_bytes else []
    outcome, _ = run([*events, (at_us, ends(ending))])
    assert outcome.end == end
    assert outcome.members.get("failure") == (None if end == "ok" else "eof_error")
    assert outcome.members.get("closed") == ("eof" if ending is Ending.EOF else None)


def test_the_cap_ends_it_early_and_well() -> None:
    """At the cap the download is over and ok, however early."""
    outcome, end_us = run([(at_us, load(1_000_000)) for at_us in (10_000, 20_000, 30_000, 40_000, 50_000)])
    assert (outcome.end, end_us) == ("ok", 40_000)
    assert outcome.members["received_bytes"] == TINY.cap_bytes


def test_a_reset_keeps_its_name() -> None:
    """A failure with a name is taken as it is, with what had come."""
    reset = Trouble(Failure.CONNECTION_RESET, Stage.BODY)
    outcome, _ = run([(1000, load(10)), (2000, lambda core, now_us: core.failed(reset, now_us))])
    assert outcome.members["failure"] == "connection_reset"
    assert outcome.members["received_bytes"] == 10


def test_bytes_inside_a_long_message_are_a_sign_of_life() -> None:
    """A slow line is not dead while the kernel's count grows, and it is measured up to the last moment."""
    outcome, end_us = run([(100_000, load(5000)), *HEARS])
    last_us = TINY.duration_us + TINY.patience_us
    assert (outcome.end, end_us) == ("ok", last_us)
    assert (outcome.members["t_us"], outcome.members["bytes"]) == ([100_000, last_us], [5000, 5000])


def test_life_without_one_whole_message_is_not_a_result() -> None:
    """A kernel count that grows while no message is ever whole ends as a timeout."""
    outcome, _ = run(HEARS)
    assert outcome.members["failure"] == "generic_timeout_error"


def test_the_peers_count_stands_beside_ours() -> None:
    """The last claim of the peer is kept and changes nothing."""
    outcome, _ = run(
        [
            (100_000, load(5000)),
            (200_000, says(message(4000, 90_000))),
            (300_000, says(message(6000, 290_000))),
            (400_000, ends(Ending.CLOSE)),
        ]
    )
    assert (outcome.members["peer_bytes"], outcome.members["peer_dur_us"]) == (6000, 290_000)
    assert outcome.members["received_bytes"] == 5000
    assert "peer_inconsistent" not in outcome.members


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"{",
        b"[]",
        b"\xff",
        message(-1, 5),
        b"[" * 60_000,
        b'{"AppInfo":{"NumBytes":1.5,"ElapsedTime":1}}',
    ],
)
def test_a_false_claim_is_marked_and_no_more(text: bytes) -> None:
    """Nonsense from the peer leaves our own count a good one."""
    outcome, _ = run([(100_000, load(5000)), (200_000, says(text)), (400_000, ends(Ending.CLOSE))])
    assert outcome.end == "ok"
    assert outcome.members["peer_inconsistent"] is True
    assert "peer_bytes" not in outcome.members


def test_talk_costs_as_much_as_load() -> None:
    """A peer that only talks uses up the cap and has delivered nothing."""
    plan = TransferPlan("talk", 1_000_000, 100_000, 0, 2_000_000)
    outcome, _ = run([(at_us, says(b"{}" + b" " * 20_000)) for at_us in range(0, 900_000, 100_000)], plan)
    assert outcome.members["failure"] == "eof_error"


def test_plans_state_what_they_may_cost() -> None:
    """Each plan's cost covers its cap, and the larger plan is larger in everything."""
    assert all(plan.cost_bytes > plan.cap_bytes for plan in (STANDARD, QUICK, TINY))
    assert STANDARD.duration_us > QUICK.duration_us > TINY.duration_us


LOADS = st.lists(st.tuples(st.integers(0, 4_000_000), st.integers(1, 300_000)), max_size=30)
OTHERS = st.lists(
    st.tuples(
        st.integers(0, 4_000_000),
        st.one_of(
            st.binary(max_size=40).map(says),
            st.tuples(st.integers(0, 10**6), st.integers(0, 10**7)).map(lambda pair: says(message(*pair))),
            st.sampled_from(Ending).map(ends),
        ),
    ),
    max_size=10,
)


@given(LOADS, OTHERS)
def test_any_stream_has_an_outcome_and_nothing_is_invented(
    loads: list[tuple[int, int]], others: list[tuple[int, Happening]]
) -> None:
    """Whatever happens there is an end in time, no byte more than moved, samples in order, and a cap."""
    outcome, end_us = run([*((at_us, load(n_bytes)) for at_us, n_bytes in loads), *others])
    times, counts = outcome.members["t_us"], outcome.members["bytes"]
    received_bytes = outcome.members["received_bytes"]
    assert isinstance(times, list)
    assert isinstance(counts, list)
    assert isinstance(received_bytes, int)
    assert end_us <= TINY.duration_us + TINY.patience_us
    assert times == sorted(set(times))
    assert counts == sorted(counts)
    assert counts[-1:] == ([received_bytes] if times else [])
    assert received_bytes <= sum(n_bytes for at_us, n_bytes in loads if at_us <= end_us)
    assert received_bytes < TINY.cap_bytes + 300_000
    assert (outcome.end == "ok") == ("failure" not in outcome.members)
