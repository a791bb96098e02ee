"""The upload core: what it gives, what it believes, and what becomes of a peer that lies."""

from functools import partial

import pytest
from fakes.link import Event, message, play, record_of, told
from hypothesis import given, settings
from hypothesis import strategies as st

from probe.measure.burst import BURST_BYTES
from probe.measure.outcome import Trouble
from probe.measure.transfer import (
    CLOSE_US,
    EVIDENCE,
    TINY,
    WAKE_BYTES,
    WAKE_EVERY_US,
    Ending,
    Protocol,
    TransferPlan,
)
from probe.measure.upload import (
    DONE,
    FIRST_MESSAGE_BYTES,
    LARGEST_MESSAGE_BYTES,
    TALK_LIMIT_BYTES,
    Step,
    Upload,
)
from shared.failure import Failure, Stage
from shared.kpi import rate_bps

TWO = TransferPlan("two", 1_000_000, 4_000_000, 0, 2_000_000, protocol=Protocol.THROUGHPUT1, flows=2)


def opened(plan: TransferPlan = TINY) -> Upload:
    """Make an upload whose handshakes took no time."""
    core = Upload(plan)
    core.start(0)
    for number in range(plan.flows):
        core.opened(number, 0)
    return core


def gives(core: Upload, until_us: int, number: int = 0) -> None:
    """Let a flow give a message every 10 ms."""
    for now_us in range(0, until_us, 10_000):
        core.step(number, now_us)


def test_no_answer_at_all() -> None:
    """A peer that takes everything and never says a word makes a failed upload, whatever was sent."""
    core = opened()
    end_us = play(core, [(at_us, partial(core.step, 0)) for at_us in range(0, 1_000_000, 10_000)])
    outcome = core.result()
    assert end_us == TINY.patience_us
    assert (outcome.end, outcome.members["failure"]) == ("failed", "generic_timeout_error")
    assert outcome.members["received_bytes"] == 0
    assert isinstance(outcome.members["sent_bytes"], int)
    assert outcome.members["sent_bytes"] > 0


def test_an_upload_has_the_peers_count_for_its_result() -> None:
    """Count, time and samples are the peer's; what was given to the socket stands beside them."""
    core = opened()
    gives(core, 1_000_000)
    for at_us in (250_000, 500_000, 750_000, 1_000_000):
        core.text(0, message(at_us // 10, at_us), at_us + 30_000)
    core.closed(0, Ending.CLOSE, 1_040_000)
    outcome = core.result()
    assert (outcome.end, core.over) == ("ok", True)
    assert outcome.members["received_bytes"] == outcome.members["peer_bytes"] == 100_000
    assert outcome.members["dur_us"] == outcome.members["peer_dur_us"] == 1_000_000
    assert outcome.members["t_us"] == [250_000, 500_000, 750_000, 1_000_000]
    assert (outcome.members["bytes"], outcome.members["counted"]) == ([25_000, 50_000, 75_000, 100_000], "app")
    assert isinstance(outcome.members["sent_bytes"], int)
    assert outcome.members["sent_bytes"] > 100_000
    assert rate_bps(record_of(outcome)) == 800_000


def test_the_clock_of_a_later_flow_is_set_right() -> None:
    """A peer counts from a flow's own handshake; samples count from the first one's."""
    core = Upload(TWO)
    core.start(0)
    core.opened(0, 100_000)
    core.opened(1, 160_000)
    for number in range(2):
        core.step(number, 200_000)
        core.text(number, told(500, 400_000), 600_000)
    core.failed(0, Trouble(Failure.CONNECTION_RESET, Stage.BODY), 700_000)
    assert core.result().members["flow_t_us"] == [[400_000], [460_000]]


def test_kernel_counts_stand_in() -> None:
    """A peer that gives only its kernel's count is believed within the headers' share."""
    core = opened()
    gives(core, 900_000)
    given_bytes = core.flows[0].given.total_bytes
    core.text(0, message(given_bytes + given_bytes // 50 + 300, 900_000, "TCPInfo", "BytesReceived"), 1_010_000)
    core.closed(0, Ending.CLOSE, 1_020_000)
    assert core.result().end == "ok"
    assert core.result().members["counted"] == "tcp"


def test_a_line_that_dies_fails_and_keeps_the_peers_count() -> None:
    """An upload that nobody counts any further ends when patience does, with what was counted."""
    core = opened()
    core.step(0, 0)
    core.text(0, message(1000, 500_000), 520_000)
    assert play(core, [], 520_000) == 520_000 + TINY.patience_us
    assert (core.result().end, core.result().members["failure"]) == ("failed", "generic_timeout_error")
    assert core.result().members["received_bytes"] == 1000


def test_bytes_acknowledged_are_a_sign_of_life() -> None:
    """An upload on a very slow line waits while the kernel's count of acknowledged bytes grows."""
    core = opened()
    core.step(0, 0)
    assert core.next_wakeup(100_000) == TINY.duration_us + 300_000
    core.heard(0, 100, TINY.patience_us - 1)
    assert core.next_wakeup(TINY.patience_us - 1) == TINY.duration_us + 300_000 + TINY.patience_us


@pytest.mark.parametrize(
    ("counted", "closes_us", "end"), [(0, 600_000, "failed"), (900, 240_000, "failed"), (900, 600_000, "ok")]
)
def test_the_peer_may_close_early(counted: int, closes_us: int, end: str) -> None:
    """A closing frame makes an ok of what the peer has counted, and a failure of nothing or of too little time."""
    core = opened()
    core.step(0, 0)
    core.text(0, message(counted, 200_000), 210_000)
    core.closed(0, Ending.CLOSE, closes_us)
    assert core.result().end == end
    assert core.result().members.get("failure") == (None if end == "ok" else "eof_error")


def test_it_is_over_once_all_that_was_given_is_counted() -> None:
    """After the last message nothing is waited for but its count."""
    core = opened(TWO)
    for number in range(2):
        gives(core, 1_000_000, number)
    assert [core.step(number, 1_000_000) for number in range(2)] == [DONE, DONE]
    assert core.wants_close(0)
    for number in range(2):
        given_bytes = core.flows[number].given.total_bytes
        core.text(number, told(given_bytes - 1, 1_000_000), 1_050_000)
        assert not core.flows[number].ended
        core.text(number, told(given_bytes, 1_050_000), 1_100_000)
    assert (core.over, core.result().end) == (True, "ok")
    assert core.result().members["received_bytes"] == core.result().members["sent_bytes"]


def test_what_is_under_way_at_the_end_is_waited_for_and_no_longer() -> None:
    """A peer that never counts the last bytes is left after the time for closing."""
    core = opened(TWO)
    for number in range(2):
        gives(core, 1_000_000, number)
    for number in range(2):
        core.step(number, 1_000_000)
        core.text(number, told(1000, 950_000), 1_000_000)
    assert play(core, [], 1_000_000) == 1_000_000 + min(CLOSE_US, TWO.patience_us)
    assert core.result().end == "failed"


@pytest.mark.parametrize("plan", [TINY, TWO])
def test_the_cap_is_hard(plan: TransferPlan) -> None:
    """However fast the line, not a byte beyond the cap is given away, and all flows share it evenly."""
    core = opened(plan)
    for number in range(plan.flows):
        while core.step(number, 1) != DONE:
            assert core.flows[number].given.total_bytes <= plan.flow_cap_bytes
    assert core.result().members["sent_bytes"] == plan.flow_cap_bytes * plan.flows <= plan.cap_bytes


def test_a_cap_that_was_given_away_ends_by_us_where_the_sender_closes() -> None:
    """In throughput1 a sender says goodbye after its last byte; in ndt7 the server does."""
    for plan, closes in ((TINY, False), (TWO, True)):
        core = opened(plan)
        assert not core.wants_close(0)
        while core.step(0, 1) != DONE:
            pass
        assert core.wants_close(0) is closes


def test_messages_grow_to_a_sixteenth() -> None:
    """Messages start small, are powers of two, and double at a sixteenth of what was sent before."""
    core = opened()
    sizes: list[int] = []
    while sum(sizes) + LARGEST_MESSAGE_BYTES < TINY.flow_cap_bytes:
        n_bytes = core.step(0, len(sizes)).n_bytes
        assert n_bytes == FIRST_MESSAGE_BYTES or n_bytes <= sum(sizes) // 8
        sizes.append(n_bytes)
    assert sizes[0] == FIRST_MESSAGE_BYTES
    assert sizes[-1] == LARGEST_MESSAGE_BYTES
    assert all(n_bytes & (n_bytes - 1) == 0 for n_bytes in sizes)


@pytest.mark.parametrize(("rate_bps", "most"), [(100_000, 1024), (4_000_000, 8192), (400_000_000, 65_536)])
def test_a_message_lasts_no_longer_than_some_milliseconds(rate_bps: int, most: int) -> None:
    """On a slow line messages stay small, so that little is left over when sending stops."""
    core, sizes = opened(TransferPlan("long", 1_000_000, 1 << 30, 0, 2_000_000)), set()
    for now_us in range(0, 900_000, 1000):
        if now_us % 100_000 == 0:
            core.heard(0, rate_bps * now_us // 8_000_000, now_us)
        n_bytes = core.step(0, now_us).n_bytes
        if now_us >= 500_000:
            sizes.add(n_bytes)
    assert max(sizes) == most


def test_a_gentle_plan_trickles_first() -> None:
    """Until the load begins the first flow gives little messages ten times a second, two of them longer."""
    core = opened(EVIDENCE)
    now_us, given = 0, []
    while now_us < core.wake_us:
        step = core.step(0, now_us)
        if step.wait_us is None:
            given.append((now_us, step.n_bytes))
        now_us = step.wait_us or now_us
    assert [at_us for at_us, _ in given] == list(range(0, core.wake_us, WAKE_EVERY_US))
    assert {n_bytes for _, n_bytes in given} == {WAKE_BYTES, BURST_BYTES}
    assert [n_bytes for _, n_bytes in given].count(BURST_BYTES) == 2
    assert core.step(1, 0) == Step(WAKE_BYTES)
    assert core.step(0, core.wake_us).n_bytes >= FIRST_MESSAGE_BYTES


@pytest.mark.parametrize(
    "text",
    [
        message(10**9, 300_000),
        message(8193, 300_000),
        message(1000, 3_000_000),
        message(2000, 100_000),
        message(500, 300_000),
        message(-1, 300_000),
        message(2**53, 300_000),
        message(10**400, 300_000),
        b'{"AppInfo":{"NumBytes":true,"ElapsedTime":300000}}',
        b'{"AppInfo":{"NumBytes":1e3,"ElapsedTime":300000}}',
        b'{"AppInfo":{"NumBytes":"1000","ElapsedTime":300000}}',
        b'{"AppInfo":{"NumBytes":NaN,"ElapsedTime":300000}}',
        b'{"AppInfo":7}',
        b'{"AppInfo":{"NumBytes":1000,"ElapsedTime":300000},"TCPInfo":{"BytesReceived":1,"DataSegsIn":1,"RcvMSS":-1}}',
        b"nonsense",
        b"\x80",
        b"[" * 50_000,
        b" " * 100_000,
    ],
)
def test_a_peer_that_lies_gives_no_rate(text: bytes) -> None:
    """What cannot be true or cannot be read ends the upload as failed, at once and by name."""
    core = opened()
    core.step(0, 0)
    core.text(0, message(1000, 200_000), 210_000)
    core.text(0, text, 310_000)
    outcome = core.result()
    assert core.over
    assert outcome.end == "failed"
    assert (outcome.members["failure"], outcome.members["peer_inconsistent"]) == ("json_parse_error", True)
    assert outcome.members["received_bytes"] == 1000
    assert rate_bps(record_of(outcome)) is None


def test_no_byte_is_counted_before_it_was_sent() -> None:
    """A peer that shrinks its clock to raise its rate is found out."""
    core = opened()
    gives(core, 900_000)
    core.text(0, message(2_000_000, 100_000), 900_000)
    assert core.result().members["peer_inconsistent"] is True


def test_nothing_is_held_back_that_was_not_given() -> None:
    """What a peer's kernel seems to hold behind a hole is never more than was sent and not yet counted."""
    core = opened(TransferPlan("held", 1_000_000, 4_000_000, 0, 2_000_000))
    gives(core, 200_000)
    given_bytes = core.flows[0].given.total_bytes
    for step in range(1, 4):
        kernel = {"BytesReceived": 1000, "DataSegsIn": 100 * step, "RcvMSS": 1448}
        text = (
            message(1000 * step, 100_000 * step)[:-1] + b',"TCPInfo":' + str(kernel).replace("'", '"').encode() + b"}"
        )
        core.text(0, text, 100_000 * step)
    samples = core.flows[0].samples
    assert max(samples.held) > 0
    assert all(count + held <= given_bytes for count, held in zip(samples.counts, samples.held, strict=True))


@pytest.mark.parametrize("text", [b"{}", b'{"Origin":"client","AppInfo":{"NumBytes":-1}}', b'{"AppInfo":null}'])
def test_a_message_without_counters_says_nothing(text: bytes) -> None:
    """Every field is optional to the reader."""
    core = opened()
    core.text(0, text, 1)
    assert not core.over
    assert core.flows[0].peer.last is None


def test_two_ways_of_counting_are_never_mixed() -> None:
    """A peer that changes from one counter to the other is heard only for the first."""
    core = opened()
    core.step(0, 0)
    core.text(0, message(1000, 100_000), 110_000)
    core.text(0, message(900, 200_000, "TCPInfo", "BytesReceived"), 210_000)
    assert core.result().members["received_bytes"] == 1000
    assert not core.over


def test_load_from_the_peer_is_refused() -> None:
    """A peer that sends load in an upload breaks the protocol, and the note says so."""
    core = opened()
    core.moved(0, 5, 1)
    assert core.result().members["failure"] == "unknown_failure"
    assert core.result().members["note"] == "5 bytes of load from the peer"


def test_endless_texts_end() -> None:
    """A peer that only says texts is cut off."""
    core, texts = opened(), 0
    while not core.over:
        core.text(0, b"{}" + b" " * 60_000, texts)
        texts += 1
    assert texts < 20
    assert core.result().members["failure"] == "json_parse_error"


def test_endless_control_frames_end() -> None:
    """A peer that floods an upload with frames that say nothing is cut off, and no more is taken from it."""
    core, said_bytes = opened(), 0
    while not core.over:
        n_bytes = min(core.allowance_bytes, 1 << 18)
        core.talked(n_bytes, 1)
        said_bytes += n_bytes
    assert said_bytes == TALK_LIMIT_BYTES
    assert core.result().members["note"] == "talk without end from the peer"


@given(st.lists(st.tuples(st.integers(0, 4_000_000), st.binary(max_size=60)), max_size=20))
def test_any_text_leaves_an_outcome(texts: list[tuple[int, bytes]]) -> None:
    """No message of a peer's, whatever its bytes, raises."""
    core = opened()
    events: list[Event] = [(at_us, partial(core.text, 0, text)) for at_us, text in texts]
    play(core, events)
    core.closed(0, Ending.CLOSE, 5_000_000)
    assert core.result().end == "failed"


CLAIMS = st.lists(st.tuples(st.integers(0, 1), st.integers(0, 10**6), st.integers(0, 3 * 10**6)), max_size=25)


@settings(deadline=None)
@given(CLAIMS, st.integers(0, 3_000_000))
def test_any_claims_in_any_order_give_no_more_than_was_sent(claims: list[tuple[int, int, int]], until_us: int) -> None:
    """Whatever is claimed, in whatever order, no more is believed than was given by then, and nothing falls."""
    core = opened(TWO)
    events: list[Event] = [(at_us, partial(core.step, 0)) for at_us in range(0, until_us, 100_000)]
    events += [
        (at_us, partial(core.text, number, told(count, min(at_us + 10_000 * (count % 40), 10**7))))
        for number, count, at_us in claims
    ]
    end_us = play(core, events)
    outcome = core.result()
    assert end_us <= TWO.duration_us + 300_000 + 2 * TWO.patience_us
    received, sent = outcome.members["received_bytes"], outcome.members["sent_bytes"]
    assert isinstance(received, int)
    assert isinstance(sent, int)
    assert received <= sent
    for times, counts in zip(outcome.members["flow_t_us"], outcome.members["flow_bytes"], strict=True):  # type: ignore[arg-type]
        assert times == sorted(set(times))  # type: ignore[type-var]
        assert counts == sorted(counts)  # type: ignore[type-var]
