"""The upload core over a simulated bottleneck with a peer that counts, and over peers that lie."""

import pytest
from fakes.link import message, play, run_upload
from hypothesis import given, settings
from hypothesis import strategies as st

from probe.measure.transfer import QUICK, TINY, Ending
from probe.measure.upload import FIRST_MESSAGE_BYTES, LARGEST_MESSAGE_BYTES, Upload

RATE_BPS = 8_000_000


def opened() -> Upload:
    """Make an upload whose handshake took no time."""
    core = Upload(TINY)
    core.start(0)
    core.opened(0)
    return core


def test_no_answer_at_all() -> None:
    """A peer that takes everything and never says a word makes a failed upload, whatever was sent."""
    core = Upload(TINY)
    end_us, arrived_bytes = run_upload(core, RATE_BPS, say=lambda _count, _elapsed: None)
    outcome = core.result()
    assert arrived_bytes > 0
    assert outcome.end == "failed"
    assert outcome.members["failure"] == "generic_timeout_error"
    assert outcome.members["received_bytes"] == 0
    assert end_us <= 60_000 + TINY.duration_us + TINY.patience_us


def test_an_upload_has_the_peers_count_for_its_result() -> None:
    """Count, time and samples are the peer's; what was given to the socket stands beside them."""
    core = Upload(TINY)
    end_us, arrived_bytes = run_upload(core, RATE_BPS)
    members = core.result().members
    assert core.result().end == "ok"
    assert members["received_bytes"] == members["peer_bytes"] == arrived_bytes == 1_000_000
    assert members["dur_us"] == members["peer_dur_us"] == 1_000_000
    assert (members["t_us"], members["counted"]) == ([250_000, 500_000, 750_000, 1_000_000], "app")
    assert end_us == 50_000 + TINY.duration_us
    assert isinstance(members["sent_bytes"], int)
    assert members["sent_bytes"] >= arrived_bytes


def test_kernel_counts_stand_in() -> None:
    """A peer that gives only its kernel's count is believed within the headers' share."""
    core = Upload(TINY)
    run_upload(core, RATE_BPS, say=lambda n, t: message(n + n // 50 + 300, t, "TCPInfo", "BytesReceived"))
    assert core.result().end == "ok"
    assert core.result().members["counted"] == "tcp"


def test_a_line_that_dies_fails_and_keeps_the_peers_count() -> None:
    """An upload that nobody counts any further ends at the end of patience with what was counted."""
    core = Upload(TINY)
    end_us, _ = run_upload(core, RATE_BPS, dies_us=600_000)
    members = core.result().members
    assert (core.result().end, members["failure"]) == ("failed", "generic_timeout_error")
    assert members["received_bytes"] == 500_000
    assert end_us == 50_000 + 500_000 + TINY.patience_us


def test_bytes_acknowledged_are_a_sign_of_life() -> None:
    """An upload on a very slow line waits while the kernel's count of acknowledged bytes grows."""
    core = opened()
    core.to_send(0)
    assert core.next_wakeup(TINY.patience_us - 1) == TINY.patience_us
    core.heard(100, TINY.patience_us - 1)
    assert core.next_wakeup(TINY.patience_us - 1) == TINY.duration_us + TINY.patience_us


@pytest.mark.parametrize(("closes_us", "end"), [(200_000, "failed"), (240_000, "failed"), (600_000, "ok")])
def test_the_peer_may_close_early(closes_us: int, end: str) -> None:
    """A closing frame makes an ok of what the peer has counted, and a failure of nothing counted."""
    core = Upload(TINY)
    run_upload(core, RATE_BPS, closes_us=closes_us)
    assert core.result().end == end
    assert core.result().members.get("failure") == (None if end == "ok" else "eof_error")


def test_the_cap_is_kept() -> None:
    """On a fast line no more than the cap and one message is given away, and the upload is ok."""
    core = Upload(TINY)
    run_upload(core, 400_000_000)
    sent_bytes = core.result().members["sent_bytes"]
    assert isinstance(sent_bytes, int)
    assert core.result().end == "ok"
    assert TINY.cap_bytes <= sent_bytes < TINY.cap_bytes + LARGEST_MESSAGE_BYTES


def test_messages_grow_to_a_sixteenth() -> None:
    """Messages start small, are powers of two, and double at a sixteenth of what was sent before."""
    core = opened()
    sizes: list[int] = []
    while n_bytes := core.to_send(len(sizes)):
        assert n_bytes == FIRST_MESSAGE_BYTES or n_bytes <= sum(sizes) // 8
        sizes.append(n_bytes)
    assert sizes[0] == FIRST_MESSAGE_BYTES
    assert sizes[-1] == LARGEST_MESSAGE_BYTES
    assert all(n_bytes & (n_bytes - 1) == 0 for n_bytes in sizes)


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
        b"nonsense",
        b"\x80",
        b"[" * 50_000,
        b" " * 100_000,
    ],
)
def test_a_peer_that_lies_gives_no_rate(text: bytes) -> None:
    """What cannot be true or cannot be read ends the upload as failed, at once and by name."""
    core = opened()
    core.to_send(0)
    core.text(message(1000, 200_000), 210_000)
    core.text(text, 310_000)
    outcome = core.result()
    assert core.over
    assert outcome.end == "failed"
    assert (outcome.members["failure"], outcome.members["peer_inconsistent"]) == ("json_parse_error", True)
    assert outcome.members["received_bytes"] == 1000


def test_no_byte_is_counted_before_it_was_sent() -> None:
    """A peer that shrinks its clock to raise its rate is found out."""
    core = opened()
    for now_us in range(0, 900_000, 10_000):
        core.to_send(now_us)
    core.text(message(2_000_000, 100_000), 900_000)
    assert core.result().members["peer_inconsistent"] is True


@pytest.mark.parametrize("text", [b"{}", b'{"Origin":"client","AppInfo":{"NumBytes":-1}}', b'{"AppInfo":null}'])
def test_a_message_without_counters_says_nothing(text: bytes) -> None:
    """Every field is optional to the reader."""
    core = opened()
    core.text(text, 1)
    assert not core.over
    assert core.peer.last is None


def test_two_ways_of_counting_are_never_mixed() -> None:
    """A peer that changes from one counter to the other is heard only for the first."""
    core = opened()
    core.to_send(0)
    core.text(message(1000, 100_000), 110_000)
    core.text(message(900, 200_000, "TCPInfo", "BytesReceived"), 210_000)
    assert core.result().members["received_bytes"] == 1000
    assert not core.over


def test_load_from_the_peer_is_refused() -> None:
    """A peer that sends load in an upload breaks the protocol, and the note says so."""
    core = opened()
    core.moved(5, 1)
    assert core.result().members["failure"] == "unknown_failure"
    assert core.result().members["note"] == "5 bytes of load from the peer"


def test_endless_talk_ends() -> None:
    """A peer that only talks is cut off."""
    core, texts = opened(), 0
    while not core.over:
        core.text(b"{}" + b" " * 60_000, texts)
        texts += 1
    assert texts < 20
    assert core.result().members["failure"] == "json_parse_error"


@settings(deadline=None)
@given(
    st.integers(50_000, 100_000_000),
    st.one_of(st.none(), st.integers(0, 4_000_000)),
    st.one_of(st.none(), st.integers(0, 4_000_000)),
)
def test_any_line_has_an_outcome(rate_bps: int, dies_us: int | None, closes_us: int | None) -> None:
    """Over any bottleneck there is an end in time, and the count is of bytes that arrived."""
    core = Upload(QUICK)
    end_us, arrived_bytes = run_upload(core, rate_bps, dies_us=dies_us, closes_us=closes_us)
    outcome = core.result()
    times, counts, received_bytes = (outcome.members[name] for name in ("t_us", "bytes", "received_bytes"))
    assert isinstance(times, list)
    assert isinstance(counts, list)
    assert isinstance(received_bytes, int)
    assert end_us <= 60_000 + QUICK.duration_us + QUICK.patience_us
    assert received_bytes <= arrived_bytes
    assert times == sorted(set(times))
    assert counts == sorted(counts)
    assert outcome.end == "failed" or received_bytes > 0
    assert "peer_inconsistent" not in outcome.members


@given(st.lists(st.tuples(st.integers(0, 4_000_000), st.binary(max_size=60)), max_size=20))
def test_any_text_leaves_an_outcome(texts: list[tuple[int, bytes]]) -> None:
    """No message of a peer's, whatever its bytes, raises."""
    core = opened()

    def hears(text: bytes) -> object:
        return lambda now_us: core.text(text, now_us)

    play(core, [(at_us, hears(text)) for at_us, text in texts])  # type: ignore[misc]
    core.closed(Ending.CLOSE, 5_000_000)
    assert core.result().end == "failed"
