"""The download core, event by event: what it counts, when it is over, and what it was."""

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

import pytest
from fakes.link import Event, message, play, record_of
from hypothesis import given
from hypothesis import strategies as st

from probe.measure.download import Download
from probe.measure.held import Kernel
from probe.measure.outcome import Measured, Trouble
from probe.measure.transfer import CLOSE_US, HANDSHAKE_US, OVERTIME_US, TINY, Ending, Protocol, TransferPlan
from shared.failure import Failure, Stage
from shared.kpi import rate_bps

ZERO_US = 50_000
TWO = TransferPlan("two", 1_000_000, 4_000_000, 0, 2_000_000, protocol=Protocol.THROUGHPUT1, flows=2)


Happening = Callable[[Download, int], None]


def run(events: list[tuple[int, Happening]], plan: TransferPlan = TINY) -> tuple[Measured, int]:
    """Run events that are timed from the finished handshakes on; give the outcome and the time of the end."""
    core = Download(plan)
    core.start(0)
    for number in range(plan.flows):
        core.opened(number, ZERO_US)
    bound: list[Event] = [(at_us + ZERO_US, partial(happen, core)) for at_us, happen in events]
    end_us = play(core, bound, ZERO_US)
    return core.result(), end_us - ZERO_US


def load(n_bytes: int, number: int = 0) -> Happening:
    """Let load arrive, never more than is asked for."""
    return lambda core, now_us: core.moved(number, min(n_bytes, core.allowance_bytes), now_us)


def says(text: bytes, number: int = 0) -> Happening:
    """Let a text of the peer arrive, with the head of its frame."""

    def happen(core: Download, now_us: int) -> None:
        core.text(number, text, now_us)
        core.talked(len(text) + 4, now_us)

    return happen


def ends(ending: Ending, number: int = 0) -> Happening:
    """Let the peer end a connection."""
    return lambda core, now_us: core.closed(number, ending, now_us)


def hears(core: Download, now_us: int) -> None:
    """Let the kernel's count grow."""
    core.heard(0, now_us, now_us)


HEARS: list[tuple[int, Happening]] = [(at_us, hears) for at_us in range(500_000, 9_000_000, 100_000)]


def test_no_answer_at_all() -> None:
    """A handshake after which nothing comes fails once that was to be noticed, with nothing counted."""
    outcome, end_us = run([])
    assert outcome.end == "failed"
    assert end_us == TINY.patience_us
    assert outcome.members["failure"] == "generic_timeout_error"
    assert (outcome.members["stage"], outcome.members["received_bytes"]) == ("body", 0)
    assert (outcome.members["dur_us"], outcome.members["gave_up_us"]) == (0, TINY.patience_us)
    assert (outcome.members["t_us"], outcome.members["bytes"]) == ([], [])


def test_no_handshake_at_all() -> None:
    """A peer that never answers the handshake fails it after ten seconds, in the stage it was in."""
    core = Download(TINY)
    core.start(5)
    core.entered(0, Stage.TLS, 10)
    assert play(core, [], 5) == 5 + HANDSHAKE_US
    assert core.result().members["stage"] == "tls"
    assert core.result().members["dur_us"] == HANDSHAKE_US
    assert "connect_us" not in core.result().members


def test_a_whole_download() -> None:
    """Load until the peer's closing frame gives an ok that lasted to its last byte, with samples 100 ms apart."""
    arrives = [(at_us, load(1000)) for at_us in range(10_000, 1_010_000, 10_000)]
    outcome, end_us = run([*arrives, (1_020_000, ends(Ending.CLOSE))])
    assert (outcome.end, end_us) == ("ok", 1_020_000)
    assert outcome.members["received_bytes"] == 100_000
    assert outcome.members["dur_us"] == 1_000_000
    assert outcome.members["t_us"] == [10_000, *range(110_000, 1_000_000, 100_000), 1_000_000]
    assert outcome.members["bytes"] == [1000, *range(11_000, 100_000, 10_000), 100_000]
    assert (outcome.members["connect_us"], outcome.members["warm_us"]) == (ZERO_US, TINY.warm_us)
    assert (outcome.members["flows"], outcome.members["protocol"], outcome.members["ver"]) == (1, "ndt7", 2)
    assert rate_bps(record_of(outcome)) == 800_000


def test_a_peer_that_never_ends_is_asked_to_and_then_left() -> None:
    """Load that goes on past the planned end is counted until the wait for its end is over, and no longer."""
    core = Download(TINY)
    core.start(0)
    core.opened(0, 0)
    due_us = TINY.duration_us + OVERTIME_US
    events: list[Event] = [(at_us, partial(core.moved, 0, 1000)) for at_us in range(0, 9_000_000, 10_000)]
    asked: list[tuple[int, bool]] = []
    events += [
        (at_us, lambda now_us: asked.append((now_us, core.wants_close(0)))) for at_us in (due_us - 1, due_us + 1)
    ]
    end_us = play(core, events)
    assert asked == [(due_us - 1, False), (due_us + 1, True)]
    assert end_us == due_us + TINY.patience_us < due_us + CLOSE_US
    assert core.result().end == "ok"
    assert core.result().members["received_bytes"] == end_us // 10


def test_a_stall_fails_and_keeps_what_came() -> None:
    """A line that dies in the middle fails when patience ends; its bytes stay."""
    outcome, end_us = run([(100_000, load(5000)), (400_000, load(7000))])
    assert outcome.end == "failed"
    assert end_us == 400_000 + TINY.patience_us
    assert outcome.members["failure"] == "generic_timeout_error"
    assert (outcome.members["t_us"], outcome.members["bytes"]) == ([100_000, 400_000], [5000, 12_000])


def test_a_line_that_dies_shortly_before_the_end_fails_too() -> None:
    """The planned end alone does not make a silent line good."""
    outcome, _ = run([(at_us, load(1000)) for at_us in range(10_000, 900_000, 10_000)])
    assert outcome.end == "failed"


def test_a_line_that_dies_while_the_last_bytes_come_fails_too() -> None:
    """A silence that began before the wait for the last bytes was over is waited out, and is no end."""
    outcome, end_us = run([(at_us, load(1000)) for at_us in range(10_000, 2_500_000, 10_000)])
    assert (outcome.end, outcome.members["failure"]) == ("failed", "generic_timeout_error")
    assert end_us == 2_490_000 + TINY.patience_us
    assert outcome.members["received_bytes"] == 249_000


def test_a_line_that_pauses_while_the_last_bytes_come_is_alive() -> None:
    """One more sign of life after the wait is enough, and ends it."""
    outcome, end_us = run([(at_us, load(1000)) for at_us in (*range(10_000, 2_500_000, 10_000), 3_900_000)])
    assert (outcome.end, end_us) == ("ok", 3_900_000)


def test_a_line_that_comes_back_after_the_planned_end_is_measured_until_then() -> None:
    """A pause across the planned end counts as part of the download."""
    outcome, _ = run([(500_000, load(1000)), (1_800_000, load(1000)), (1_900_000, ends(Ending.CLOSE))])
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


def test_one_flow_that_ends_too_early_fails_the_transfer() -> None:
    """A flow without a byte is a failure, whatever the other carries."""
    outcome, end_us = run([(100_000, load(5000)), (300_000, ends(Ending.CLOSE, 1))], TWO)
    assert (outcome.end, end_us) == ("failed", 300_000)
    assert outcome.members["failure"] == "eof_error"
    assert outcome.members["flow_bytes"] == [[5000], []]


def test_one_flow_that_stays_empty_fails_the_transfer() -> None:
    """However long the other goes on, a flow that never had a byte is not forgiven in the end."""
    outcome, _ = run([(at_us, load(1000)) for at_us in range(0, 6_000_000, 50_000)], TWO)
    assert (outcome.end, outcome.members["failure"]) == ("failed", "generic_timeout_error")
    assert outcome.members["received_bytes"] == 66_000
    assert record_of(outcome).series("flow_bytes")[1] == ()


def test_the_cap_ends_it_early_and_well() -> None:
    """At the cap the download is over and ok, however early, and nothing beyond it was taken."""
    outcome, end_us = run([(at_us, load(1_300_000)) for at_us in (10_000, 20_000, 30_000, 40_000, 50_000)])
    assert (outcome.end, end_us) == ("ok", 40_000)
    assert outcome.members["received_bytes"] == TINY.cap_bytes


def test_nothing_more_is_taken_once_the_cap_is_reached() -> None:
    """A download at its cap leaves its peer at once and has no room for another byte."""
    core = Download(TINY)
    core.start(0)
    core.opened(0, 0)
    core.moved(0, TINY.cap_bytes, 1)
    assert core.over
    assert (core.in_trouble, core.allowance_bytes) == (True, 0)
    core.moved(0, 1000, 2)
    assert core.result().members["received_bytes"] == TINY.cap_bytes


def test_a_reset_keeps_its_name() -> None:
    """A failure with a name is taken as it is, with what had come."""
    reset = Trouble(Failure.CONNECTION_RESET, Stage.BODY)
    outcome, _ = run([(1000, load(10)), (2000, lambda core, now_us: core.failed(0, reset, now_us))])
    assert outcome.members["failure"] == "connection_reset"
    assert outcome.members["received_bytes"] == 10


def test_a_status_is_kept_beside_its_failure() -> None:
    """What the peer answered instead of a handshake is in the record."""
    core = Download(TINY)
    core.start(0)
    core.failed(0, Trouble(Failure.HTTP_UNEXPECTED_STATUS, Stage.REQUEST), 7, 503)
    assert core.result().members["status"] == 503
    assert core.result().members["dur_us"] == 7


def test_bytes_inside_a_long_message_are_a_sign_of_life() -> None:
    """A slow line is not dead while the kernel's count grows, and it is waited for to the last moment."""
    outcome, end_us = run([(100_000, load(5000)), *HEARS])
    assert (outcome.end, end_us) == ("ok", TINY.duration_us + OVERTIME_US + TINY.patience_us)
    assert (outcome.members["t_us"], outcome.members["bytes"]) == ([100_000], [5000])


def test_life_without_a_byte_of_load_is_not_a_result() -> None:
    """A kernel count that grows while no load comes ends as a timeout."""
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


@pytest.mark.parametrize("loaded", [0, 10])
def test_talk_costs_as_much_as_load(loaded: int) -> None:
    """A peer that only talks uses up the cap; that is a result only of what it delivered beside."""
    plan = replace(TINY, name="talk", cap_bytes=100_000)
    talk: list[tuple[int, Happening]] = [(at_us, says(b"{}" + b" " * 20_000)) for at_us in range(1, 900_000, 100_000)]
    outcome, end_us = run([(0, load(loaded)), *talk] if loaded else talk, plan)
    assert end_us == 400_001
    assert outcome.members.get("failure") == (None if loaded else "eof_error")
    assert outcome.members["received_bytes"] == loaded


def test_what_waits_behind_a_lost_packet_is_beside_the_count() -> None:
    """Bytes that the kernel has and cannot hand on yet are kept as held back, and the rate counts them when they came."""
    core = Download(TransferPlan("held", 1_000_000, 4_000_000, 0, 2_000_000))
    core.start(0)
    core.opened(0, 0)
    for step in range(1, 11):
        in_order = 10 if step == 10 else min(step, 5)
        grown = in_order * 1000 - core.total_bytes
        if grown:
            core.moved(0, grown, step * 100_000)
        core.looked(0, Kernel(in_order * 1000, step, 1000), step * 100_000)
    core.closed(0, Ending.CLOSE, 1_000_000)
    members = core.result().members
    assert members["bytes"] == [1000, 2000, 3000, 4000, 5000, 5000, 5000, 5000, 5000, 10_000]
    assert members["held_bytes"] == [0, 0, 0, 0, 0, 1000, 2000, 3000, 4000, 0]


def test_nothing_can_have_been_held_back_that_never_came() -> None:
    """A kernel whose counts do not fit each other cannot lift the arrived bytes above those counted in the end."""
    core = Download(TransferPlan("held", 1_000_000, 4_000_000, 0, 2_000_000))
    core.start(0)
    core.opened(0, 0)
    for step in range(1, 11):
        core.moved(0, 1000, step * 100_000)
        core.looked(0, Kernel(step * 1000, 50 * step, 1000), step * 100_000)
    core.closed(0, Ending.CLOSE, 1_000_000)
    counts, held = core.result().members["bytes"], core.result().members["held_bytes"]
    assert isinstance(counts, list)
    assert isinstance(held, list)
    assert max(count + waiting for count, waiting in zip(counts, held, strict=True)) == 10_000


def test_the_kernels_last_counts_are_kept_if_every_flow_has_them() -> None:
    """Bytes on the wire are summed over all flows, or not told."""
    for told, expected in (((0, 1), (300, 30)), ((0,), (None, None))):
        core = Download(TWO)
        core.start(0)
        for number in range(2):
            core.opened(number, 0)
        for number in told:
            core.crossed(number, 100 * (number + 1), 10 * (number + 1))
        members = core.result().members
        assert (members.get("tcp_rx_bytes"), members.get("tcp_tx_bytes")) == expected


LOADS = st.lists(st.tuples(st.integers(0, 4_000_000), st.integers(1, 300_000), st.integers(0, 1)), max_size=30)
OTHERS = st.lists(
    st.tuples(
        st.integers(0, 4_000_000),
        st.one_of(
            st.binary(max_size=40).map(says),
            st.tuples(st.integers(0, 10**6), st.integers(0, 10**7)).map(lambda pair: says(message(*pair))),
            st.tuples(st.sampled_from(Ending), st.integers(0, 1)).map(lambda pair: ends(*pair)),
            st.builds(
                lambda kernel, number: lambda core, now_us: core.looked(number, kernel, now_us),
                st.builds(Kernel, *[st.integers(0, 10**6)] * 3),
                st.integers(0, 1),
            ),
        ),
    ),
    max_size=10,
)


@given(LOADS, OTHERS)
def test_any_stream_has_an_outcome_and_nothing_is_invented(
    loads: list[tuple[int, int, int]], others: list[tuple[int, Happening]]
) -> None:
    """Whatever happens there is an end in time, no byte more than moved, samples in order, a cap, and no rate beyond it."""
    outcome, end_us = run([*((at_us, load(n_bytes, number)) for at_us, n_bytes, number in loads), *others], TWO)
    members: dict[str, Any] = dict(outcome.members)
    received_bytes = members["received_bytes"]
    assert end_us <= TWO.duration_us + OVERTIME_US + 2 * TWO.patience_us
    for times, counts in zip(members["flow_t_us"], members["flow_bytes"], strict=True):
        assert times == sorted(set(times))
        assert counts == sorted(counts)
    assert received_bytes == sum(counts[-1] for counts in members["flow_bytes"] if counts)
    assert received_bytes <= min(TWO.cap_bytes, sum(n_bytes for at_us, n_bytes, _ in loads if at_us <= end_us))
    assert (outcome.end == "ok") == ("failure" not in members)
    if rate := rate_bps(record_of(outcome)):
        soonest_us = min(times[-1] for times in members["flow_t_us"])
        assert rate <= 8_000_000 * received_bytes // min(soonest_us or 1, members["dur_us"])
