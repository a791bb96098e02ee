"""The transfers that tickets admit, and what is said of them."""

import hashlib
from dataclasses import replace

import pytest
from fakes.prober import SEED, SEED_SHA256, Prober
from hypothesis import given
from hypothesis import strategies as st
from strategies import OTHER_DEVICE

from collector.peer.account import End
from collector.peer.admission import HOUR_US, Limits
from collector.peer.errors import BadRequest, Busy, NotAdmitted, NoTicket, OverLimit
from collector.peer.sessions import Session, Sessions
from collector.peer.stream import Nothing
from shared.transfer import Claim, Direction, KeyStream, stream_sha256, stream_sha256_of

LIMITS = Limits(flows=3, transfer_bytes=10_000, start_us=60, linger_us=10, keep_us=1000)
WALL_US = 1_800_000_000_000_000
CHANCE = SEED + bytes(10)
DOWN, UP = Direction.DOWN, Direction.UP
PROBER = Prober()


def sessions(limits: Limits = LIMITS) -> Sessions:
    """No sessions yet."""
    return Sessions("north", limits, Nothing)


def admit(
    all_: Sessions,
    direction: Direction = DOWN,
    *,
    flows: int = 1,
    seq: int = 0,
    now_us: int = 0,
    prober: Prober = PROBER,
) -> Session:
    """A transfer; its number depends on the time."""
    asked = prober.admitted(direction, flows=flows, seq=seq, t_us=now_us)
    chance = SEED + hashlib.sha256(asked.request_id.encode()).digest()[:10]
    return all_.admit(asked, now_us, WALL_US + now_us, chance)


def test_a_ticket_says_what_was_asked_and_what_is_allowed() -> None:
    """A ticket repeats the request, binds the peer to its seed and says what may move until when."""
    ticket = admit(sessions(), flows=3, seq=7).ticket
    assert (ticket.dev, ticket.direction, ticket.flows, ticket.seq) == (PROBER.key.public.key_id, DOWN, 3, 7)
    assert (ticket.t_us, ticket.exp_us, ticket.max_bytes, ticket.peer) == (WALL_US, WALL_US + 60, 10_000, "north")
    assert ticket.seed_sha256 == SEED_SHA256
    assert admit(sessions(), UP).ticket.seed_sha256 is None


def test_the_same_request_gets_the_same_transfer() -> None:
    """Who asks again because an answer was lost has one transfer, begun or not."""
    all_ = sessions()
    session = admit(all_)
    assert admit(all_) is session is all_.find(session.ticket.sid)
    session.open_flow(0, DOWN, 0)
    assert admit(all_) is session


def test_nobody_finds_what_is_not_there() -> None:
    """A number that was never given is no ticket."""
    with pytest.raises(NoTicket):
        sessions().find("01JD8Z7Q4T9XK2M5N6P7R8S9T0")


def test_each_flow_begins_once() -> None:
    """A flow of the ticket is opened once; one it does not have, and the other direction, never."""
    session = admit(sessions(), flows=2)
    session.open_flow(1, DOWN, 0)
    for flow, direction in ((1, DOWN), (2, DOWN), (-1, DOWN), (0, UP)):
        with pytest.raises(NoTicket):
            session.open_flow(flow, direction, 1)
    session.open_flow(0, DOWN, 59)


def test_a_ticket_expires() -> None:
    """At the end of its time a flow cannot begin any more, and an unused ticket is forgotten."""
    all_ = sessions()
    session = admit(all_)
    with pytest.raises(NoTicket, match="over"):
        session.open_flow(0, DOWN, 60)
    assert all_.expire(59) == []
    all_.find(session.ticket.sid)
    assert all_.expire(60) == []
    with pytest.raises(NoTicket):
        all_.find(session.ticket.sid)
    with pytest.raises(NotAdmitted, match="had its ticket"):
        admit(all_)


def test_flows_stream_the_seed() -> None:
    """Flow k sends the key stream k of the seed, and all flows together no more than the ticket allows."""
    session = admit(sessions(), flows=2)
    one, two = session.open_flow(0, DOWN, 0), session.open_flow(1, DOWN, 0)
    assert one.stream.take(6000) == KeyStream(SEED, 0).take(6000)
    assert two.stream.take(6000) == KeyStream(SEED, 1).take(4000)
    assert session.moved_bytes == (6000, 4000)
    assert one.left_bytes == two.left_bytes == 0


def test_one_transfer_at_a_time() -> None:
    """While a flow runs the device gets no other ticket, and another device does; afterwards it does."""
    all_ = sessions()
    flow = admit(all_).open_flow(0, DOWN, 0)
    with pytest.raises(OverLimit, match="running"):
        admit(all_, seq=1)
    admit(all_, prober=Prober(OTHER_DEVICE))
    flow.closed(End.DURATION, 5)
    admit(all_, seq=1)


def test_a_dead_connection_does_not_hold_up_the_next_transfer() -> None:
    """Once a transfer is signed nothing moves in it, so a flow whose end nobody noticed yet is no reason to wait."""
    all_ = sessions()
    session = admit(all_)
    session.open_flow(0, DOWN, 0)
    session.freeze(1)
    session.sign(b"x", 1)
    assert admit(all_, seq=1) is not session


def test_a_new_ticket_takes_the_place_of_an_unused_one() -> None:
    """A ticket that was not used is worth nothing once the next was given."""
    all_ = sessions()
    first = admit(all_)
    second = admit(all_, seq=1)
    with pytest.raises(NoTicket):
        all_.find(first.ticket.sid)
    assert all_.find(second.ticket.sid) is second


def test_what_moved_counts_against_the_day() -> None:
    """The bytes of a running transfer are charged as time goes by, and each once."""
    all_ = sessions(replace(LIMITS, bytes_per_day=10_000))
    session = admit(all_)
    flow = session.open_flow(0, DOWN, 0)
    flow.stream.take(4000)
    all_.expire(1)
    flow.stream.take(1000)
    all_.expire(2)
    flow.closed(End.DURATION, 3)
    session.freeze(3)
    assert admit(all_, seq=1).ticket.max_bytes == 5000


def test_too_many_flows() -> None:
    """More flows than this peer serves at once are a bad request."""
    with pytest.raises(BadRequest, match="at most 3"):
        admit(sessions(), flows=4)


def test_what_is_kept_is_bounded() -> None:
    """With no room left the oldest signed transfer goes, and if there is none nobody is admitted."""
    all_ = sessions(replace(LIMITS, sessions=1))
    session = admit(all_)
    session.open_flow(0, DOWN, 0).closed(End.DURATION, 1)
    with pytest.raises(Busy):
        admit(all_, seq=1)
    session.sign(b"x", 2)
    admit(all_, seq=1)
    with pytest.raises(NoTicket):
        all_.find(session.ticket.sid)


def test_an_unclaimed_transfer_is_signed_in_the_end() -> None:
    """Some time after its last flow a transfer is due for signing, once; later it is forgotten."""
    all_ = sessions()
    session = admit(all_, flows=2)
    one, two = session.open_flow(0, DOWN, 0), session.open_flow(1, DOWN, 0)
    one.closed(End.DURATION, 5)
    assert all_.expire(500) == []
    two.closed(End.CLIENT_GONE, 500)
    assert all_.unsigned() == [session]
    assert (all_.expire(509), all_.expire(510)) == ([], [session])
    session.sign(b"x", 510)
    assert (all_.expire(1509), all_.unsigned()) == ([], [])
    all_.find(session.ticket.sid)
    all_.expire(1510)
    with pytest.raises(NoTicket):
        all_.find(session.ticket.sid)


def test_a_flow_that_never_ends_does_not_hold_its_transfer() -> None:
    """Even a transfer whose flow nobody closed is signed in the end."""
    all_ = sessions()
    session = admit(all_)
    session.open_flow(0, DOWN, 0)
    assert (all_.expire(1059), all_.expire(1060)) == ([], [session])


def test_a_device_is_forgotten_after_a_day() -> None:
    """What a device had is kept for a day after its last ticket."""
    all_ = sessions(replace(LIMITS, tickets_per_hour=1))
    admit(all_, seq=5)
    with pytest.raises(OverLimit):
        admit(all_, seq=6)
    all_.expire(24 * HOUR_US)
    admit(all_, seq=1, now_us=24 * HOUR_US)


def test_nothing_moves_once_it_is_frozen() -> None:
    """From the moment a transfer is judged no flow begins and no byte is given, so a seed that is shown buys none."""
    session = admit(sessions(), flows=2)
    flow = session.open_flow(0, DOWN, 0)
    flow.stream.take(10)
    session.freeze(1)
    assert (flow.stream.take(10), flow.left_bytes, session.moved_bytes) == (b"", 0, (10, 0))
    with pytest.raises(NoTicket):
        session.open_flow(1, DOWN, 2)


def test_what_is_said_of_a_proved_download() -> None:
    """Sums and leasts over the flows, from the first beginning to the last growth, with what the probe proved."""
    session = admit(sessions(Limits()), flows=2, seq=7)
    one, two = session.open_flow(0, DOWN, 1000), session.open_flow(1, DOWN, 1200)
    one.connected("192.0.2.1:5", "bbr")
    two.connected("192.0.2.1:6", "bbr")
    one.stream.take(5000)
    two.stream.take(3000)
    figures = {"MinRTT": 40, "BusyTime": 1000, "RWndLimited": 100, "BytesRetrans": 5}
    one.polled(figures | {"BytesAcked": 4901}, 2000)
    two.polled(figures | {"BytesAcked": 2801, "MinRTT": 30, "RWndLimited": 0}, 2500)
    one.polled(figures | {"BytesAcked": 4901}, 3000)
    one.closed(End.CLIENT_CLOSED, 3000)
    two.closed(End.DURATION, 3100)
    session.freeze(4000)
    claim = Claim((4800, 2700), stream_sha256_of(SEED, (4800, 2700)))
    told = session.statement(claim, "north", 4000, WALL_US + 4000)
    assert (told.acked_bytes, told.received_bytes, told.probe_bytes) == (7700, None, 7500)
    assert (told.flow_bytes, told.stream_sha256, told.seed) == ((4800, 2700), claim.stream_sha256, SEED)
    assert (told.dur_us, told.t_us) == (1500, WALL_US + 3100)
    assert (told.min_rtt_us, told.retransmitted_bytes, told.rwnd_limited_pm) == (30, 10, 50)
    assert (told.cc, told.client, told.end) == ("bbr", "192.0.2.1:5,192.0.2.1:6", "client_closed,duration")
    assert (told.dev, told.seq, told.flows, told.intent) == (PROBER.key.public.key_id, 7, 2, session.ticket.intent)
    assert told.seed_sha256 is None


def test_what_is_not_proved_is_not_said() -> None:
    """Without a proved claim a statement has the peer's counts, and neither the probe's nor the seed."""
    session = admit(sessions())
    flow = session.open_flow(0, DOWN, 0)
    flow.polled({"BytesAcked": 101}, 5)
    session.freeze(9)
    told = session.statement(None, "north", 9, WALL_US + 9)
    assert (told.probe_bytes, told.stream_sha256, told.flow_bytes, told.seed) == (None, None, None, None)
    assert (told.acked_bytes, told.end, told.t_us) == (100, "unfinished", WALL_US + 9)
    assert SEED_SHA256.encode() not in told.encode()


def test_what_the_kernel_does_not_tell_is_not_said() -> None:
    """Where one flow's figures are missing there is no sum: never a zero that nobody measured."""
    session = admit(sessions(), flows=2)
    session.open_flow(0, DOWN, 0).polled({"BytesAcked": 101, "BusyTime": 1, "RWndLimited": 1, "BytesRetrans": 0}, 5)
    session.open_flow(1, DOWN, 0)
    told = session.statement(None, "north", 9, WALL_US)
    assert (told.acked_bytes, told.rwnd_limited_pm, told.retransmitted_bytes, told.min_rtt_us) == (None,) * 4
    assert (told.cc, told.client) == (None, None)


def test_an_idle_connection_was_limited_by_nobody() -> None:
    """Without any busy time the share of it is none."""
    session = admit(sessions())
    session.open_flow(0, DOWN, 0).polled({"BytesAcked": 1, "BusyTime": 0, "RWndLimited": 0}, 5)
    told = session.statement(None, "north", 9, WALL_US)
    assert (told.rwnd_limited_pm, told.acked_bytes) == (0, 0)


def test_what_is_said_of_an_upload() -> None:
    """The peer says what it received and its hash, a flow that was never opened included, and what the probe was bound to."""
    session = admit(sessions(Limits()), UP, flows=2)
    flow = session.open_flow(1, UP, 100)
    flow.received(b"abc", 700)
    flow.polled({"BytesAcked": 200, "MinRTT": 30}, 900)
    flow.closed(End.CLIENT_CLOSED, 1000)
    session.freeze(2000)
    told = session.statement(None, "north", 2000, WALL_US + 2000)
    digests = [hashlib.sha256().digest(), hashlib.sha256(b"abc").digest()]
    assert (told.received_bytes, told.flow_bytes, told.stream_sha256) == (3, (0, 3), stream_sha256(digests))
    assert (told.acked_bytes, told.probe_bytes, told.seed, told.seed_sha256) == (None, None, None, SEED_SHA256)
    assert (told.dur_us, told.min_rtt_us) == (600, 30)


@given(st.lists(st.integers(0, 4000), min_size=1, max_size=3), st.data())
def test_no_statement_has_more_than_was_sent(takes: list[int], data: st.DataObject) -> None:
    """Whatever the flows took, their sum is what was charged, within the ticket, and what a claim may be at most."""
    all_ = sessions()
    session = admit(all_, flows=3)
    for k, n_bytes in enumerate(takes):
        flow = session.open_flow(k, DOWN, 0)
        cut = data.draw(st.integers(0, n_bytes))
        flow.stream.take(cut)
        flow.stream.take(n_bytes - cut)
        flow.closed(End.DURATION, 1)
    session.freeze(1)
    moved = sum(session.moved_bytes)
    assert moved == min(sum(takes), 10_000)
    assert session.device.moved.left(1) == LIMITS.bytes_per_day - moved


def test_anonymous_use_can_be_off() -> None:
    """Without a ticket there is load from the given stream, or none at all."""
    flow = sessions().anonymous(DOWN)
    assert (flow.stream.take(5), flow.moved_bytes) == (b"", 0)
    with pytest.raises(NoTicket, match="ticket only"):
        Sessions("north", LIMITS, None).anonymous(UP)
