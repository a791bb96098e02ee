"""The STAMP core over simulated links, honest and lying."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import pytest
from fakes.stamp_link import WALL_US, Delays, StampLink, always
from hypothesis import given
from hypothesis import strategies as st

from probe.measure.outcome import Trouble, Value
from probe.measure.stamp import CHANCE_BYTES, Stamp
from probe.measure.train import Pace
from shared.failure import Failure, Stage
from shared.record import LOST
from shared.stamp import Reply, ntp_of, read_reply, read_request, us_of

PACE = Pace(mean_us=50_000, floor_us=5_000, cap_us=200_000, wake_us=500_000, patience_us=1_000_000)
CHANCE = bytes(range(CHANCE_BYTES))
SIX = 6


def core_of(packets: int | None = SIX, chance: bytes = CHANCE) -> Stamp:
    """Make a core."""
    return Stamp("latency", PACE, chance, packets)


def over(link: StampLink, packets: int = SIX) -> Mapping[str, Any]:
    """Run a core over a link; the members of its record."""
    core = core_of(packets)
    link.run(core)
    return core.result().members()


def only(numbers: set[int], delay_us: int) -> Delays:
    """Lose these packets and delay the others."""
    return lambda number: () if number in numbers else (delay_us,)


def test_no_answer_at_all() -> None:
    """Nothing but losses of unknown direction, a name, and an end."""
    core = core_of()
    StampLink(always(), always()).run(core)
    seen = core.result()
    assert seen.trouble == Trouble(Failure.TIMEOUT, Stage.CONNECT)
    assert seen.members() == {
        "via": "stamp",
        "stamps": "user",
        "sent": 6,
        "rtt_us": [LOST] * 5,
        "lost_up": 0,
        "lost_down": 0,
        "lost_tail": 6,
    }


def test_a_good_line() -> None:
    """The reflector's own time is taken off, its clock does not matter, and the first packet stands apart."""
    assert over(StampLink(always(20_000), always(15_000), residence_us=400)) == {
        "via": "stamp",
        "stamps": "kernel",
        "sent": 6,
        "first_rtt_us": 35_000,
        "rtt_us": [35_000] * 5,
        "lost_up": 0,
        "lost_down": 0,
        "lost_tail": 0,
        "up_pdv_us": [0] * 5,
        "down_pdv_us": [0] * 5,
    }


def test_losses_keep_their_places_and_their_directions() -> None:
    """A loss on the way there, one on the way back and one at the end are told apart."""
    members = over(StampLink(only({1, 5}, 20_000), only({3, 4}, 15_000)), 8)
    assert members["rtt_us"] == [LOST, 35_000, LOST, LOST, LOST, 35_000, 35_000]
    assert (members["lost_up"], members["lost_down"], members["lost_tail"]) == (2, 2, 0)
    assert members["up_pdv_us"] == [LOST, 0, LOST, LOST, LOST, 0, 0]


def test_losses_at_the_end_have_no_direction() -> None:
    """After the last packet that was answered nobody numbers what was lost."""
    members = over(StampLink(only({5}, 20_000), only({4}, 15_000)))
    assert (members["lost_up"], members["lost_down"], members["lost_tail"]) == (0, 0, 2)


def test_each_way_has_its_own_variation() -> None:
    """A queue on the way there shows there only, whatever the two clocks say."""
    members = over(StampLink(lambda number: (20_000 + 1_000 * number,), lambda number: (9_000 - 500 * number,)))
    assert members["up_pdv_us"] == [0, 1_000, 2_000, 3_000, 4_000]
    assert members["down_pdv_us"] == [2_000, 1_500, 1_000, 500, 0]
    assert members["rtt_us"] == [29_500, 30_000, 30_500, 31_000, 31_500]


def test_copies_change_nothing_but_their_count() -> None:
    """A packet that comes twice there or twice back is one round trip, the earlier one, and is said to be doubled."""
    there = over(StampLink(lambda number: (9_000, 9_100) if number == 2 else (9_000,), always(100)))
    back = over(StampLink(always(9_000), lambda number: (100, 200) if number == 2 else (100,)))
    for members in (there, back):
        assert members["rtt_us"] == [9_100] * 5
        assert (members["lost_up"], members["lost_down"], members["lost_tail"]) == (0, 0, 0)
        assert members["duplicates"] == 1
        assert "peer_inconsistent" not in members


def test_a_reordered_packet_is_not_lost() -> None:
    """Packets that overtake one another on the way there leave the split as it is."""
    members = over(StampLink(lambda number: (300_000 if number == 3 else 1_000,), always(1_000)), 9)
    assert (members["lost_up"], members["lost_down"], members["lost_tail"]) == (0, 0, 0)
    assert "duplicates" not in members


def asked(core: Stamp) -> bytes:
    """Start a core and take its first packet."""
    core.start(1_000, WALL_US + 1_000)
    (packet,) = core.to_send(1_000)
    return packet


def reply_to(packet: bytes, **changes: int) -> Reply:
    """Answer a packet honestly but for some members."""
    request, now = read_request(packet), ntp_of(WALL_US)
    honest = Reply(0, now, 1, request.ssid, now, request.number, request.sent_ntp, request.error)
    return replace(honest, **changes)


def test_what_is_sent_is_a_test_packet() -> None:
    """Number, session and a stamp that rounds to the time of sending; no two sessions or packets are alike."""
    core = core_of()
    request = read_request(asked(core))
    assert (request.number, request.ssid, us_of(request.sent_ntp)) == (0, 0x0001, WALL_US + 1_000)
    assert core_of(chance=bytes(CHANCE_BYTES)).ssid == 1
    assert asked(core_of(chance=bytes(CHANCE_BYTES))) != asked(core_of(chance=bytes(17) + b"\x01"))


@pytest.mark.parametrize(
    "change", [{"ssid": 2}, {"request_number": 1}, {"request_ntp": ntp_of(WALL_US + 1_000) + 4000}]
)
def test_a_forged_answer_changes_nothing(change: dict[str, int]) -> None:
    """Without our session, our number and our very stamp there is no answer."""
    core = core_of()
    packet = asked(core)
    before = core.result()
    core.receive(reply_to(packet, **change).encode(), 2_000)
    core.receive(packet, 2_000)
    core.receive(packet[:43], 2_000)
    assert core.result() == before


def test_a_late_answer_changes_nothing() -> None:
    """After its time an answer is none, and neither is a copy of one that was in time."""
    core = core_of(1)
    packet = asked(core)
    before = core.result()
    core.receive(reply_to(packet).encode(), 1_000 + PACE.patience_us)
    assert core.result() == before
    core.receive(reply_to(packet).encode(), 2_000)
    in_time = core.result()
    core.receive(reply_to(packet, number=1).encode(), 1_000 + PACE.patience_us)
    assert core.result() == in_time


@pytest.mark.parametrize(
    ("received_us", "sent_us"),
    [(50, 49), (0, 1_003), (0, 10**12), (10**12, 0)],
    ids=["back", "long", "huge", "negative"],
)
def test_an_impossible_stay_is_not_taken_off(received_us: int, sent_us: int) -> None:
    """A stay below zero, or longer than the whole round trip, leaves the plain round trip and is said."""
    core = core_of(1)
    packet = asked(core)
    times = {"received_ntp": ntp_of(WALL_US + received_us), "sent_ntp": ntp_of(WALL_US + sent_us)}
    core.receive(reply_to(packet, **times).encode(), 2_000)
    members = core.result().members()
    assert (members["first_rtt_us"], members["peer_inconsistent"]) == (1_000, True)
    assert "up_pdv_us" not in members


def test_a_stay_as_long_as_the_round_trip_leaves_nothing() -> None:
    """Rounding of two clocks may take two microseconds too many; the round trip is 0 then, and nobody lied."""
    core = core_of(1)
    packet = asked(core)
    core.receive(reply_to(packet, sent_ntp=ntp_of(WALL_US + 1_002)).encode(), 2_000)
    assert core.result().members()["first_rtt_us"] == 0
    assert "peer_inconsistent" not in core.result().members()


def test_a_reflector_with_another_kind_of_time() -> None:
    """PTP stamps are not read: the round trip is the plain one, no way's variation is known, and nobody lied."""
    core = core_of(1)
    packet = asked(core)
    core.receive(reply_to(packet, error=1 << 14 | 1, received_ntp=0, sent_ntp=2**64 - 1).encode(), 2_000)
    members = core.result().members()
    assert members["first_rtt_us"] == 1_000
    assert members.keys().isdisjoint({"up_pdv_us", "down_pdv_us", "peer_inconsistent"})


def lying(change: Callable[[Reply], Reply]) -> StampLink:
    """Make a link whose reflector changes what it says."""
    return StampLink(always(20_000), always(15_000), change=lambda packet: (change(read_reply(packet)).encode(),))


def test_one_answer_number_for_all() -> None:
    """A reflector that gives two packets the same number contradicts itself."""
    assert over(lying(lambda reply: replace(reply, number=0)))["peer_inconsistent"] is True


def test_a_huge_answer_number_loses_nothing() -> None:
    """Numbers far beyond what was sent are copies nobody saw, never losses."""
    members = over(lying(lambda reply: replace(reply, number=2**32 - 1 - reply.request_number)))
    assert (members["lost_up"], members["lost_down"], members["lost_tail"]) == (0, 0, 0)
    assert members["duplicates"] == 2**32 - SIX


def test_a_clock_that_is_set_meanwhile_hides_the_variation() -> None:
    """One-way variation that would exceed the round trip is no line's: it is left out, and said."""
    step = 3_600 << 32

    def late_step(reply: Reply) -> Reply:
        """Set the reflector's clock an hour forward after three packets."""
        if reply.request_number < 3:
            return reply
        return replace(reply, received_ntp=reply.received_ntp + step, sent_ntp=reply.sent_ntp + step)

    members = over(lying(late_step))
    assert members["rtt_us"] == [35_000] * 5
    assert members["peer_inconsistent"] is True
    assert members.keys().isdisjoint({"up_pdv_us", "down_pdv_us"})


def test_refused_packets() -> None:
    """A packet that did not leave is lost; a packet that was never ours cannot be refused."""
    core = core_of(1)
    packet = asked(core)
    trouble = Trouble(Failure.NETWORK_UNREACHABLE, Stage.CONNECT)
    core.refuse(b"not ours", trouble, 1_001)
    assert core.next_wakeup(1_001) == 1_000 + PACE.patience_us
    core.refuse(packet, trouble, 1_001)
    assert core.next_wakeup(1_001) is None
    assert core.result().trouble == trouble


def test_an_open_train_beside_a_transfer() -> None:
    """Without a number of packets it goes on until it is stopped, and then only waits."""
    core = core_of(None)
    core.stop(10_000_000)
    end_us = StampLink(always(20_000), always(15_000)).run(core)
    members = core.result().members()
    assert 150 < members["sent"] < 260
    assert set(members["rtt_us"]) == {35_000}
    assert 9_500_000 < end_us < 10_100_000
    assert core.progress(end_us).elapsed_us == end_us


COPIES = st.lists(st.integers(0, 1_200_000), max_size=3)
GARBAGE = st.binary(max_size=120)


def listed(delays_us: Sequence[Sequence[int]]) -> Delays:
    """Give each packet the delays of its place."""
    return lambda number: delays_us[number]


def holds(members: Mapping[str, Value], packets: int) -> None:
    """Whatever the line did, the record is of the right shape and says nothing that cannot be."""
    rtt_us, lost = members["rtt_us"], [members["lost_up"], members["lost_down"], members["lost_tail"]]
    assert isinstance(rtt_us, list)
    assert len(rtt_us) + 1 == members["sent"] == packets
    assert all(type(rtt) is int and (rtt == LOST or 0 <= rtt < PACE.patience_us) for rtt in rtt_us)
    assert all(isinstance(count, int) and count >= 0 for count in lost)
    everyone = [members.get("first_rtt_us", LOST), *rtt_us]
    assert sum(count for count in lost if isinstance(count, int)) == everyone.count(LOST)
    for name in ("up_pdv_us", "down_pdv_us"):
        way = members.get(name, [])
        assert isinstance(way, list)
        assert len(way) in {0, len(rtt_us)}
        assert all(LOST <= above_us <= 2 * PACE.patience_us for above_us in way)


@given(st.lists(st.tuples(COPIES, COPIES), min_size=12, max_size=12), st.integers(0, 5_000))
def test_every_sample_is_a_delay_the_link_had(copies: list[tuple[list[int], list[int]]], residence_us: int) -> None:
    """Over any line that loses, delays, reorders and doubles, each sample is a round trip it really had, and it ends."""
    core = core_of(12)
    link = StampLink(listed([up for up, _ in copies]), listed([down for _, down in copies]), residence_us)
    end_us = link.run(core)
    members = core.result().members()
    holds(members, 12)
    assert "peer_inconsistent" not in members
    had = [{up + down for up in there for down in back} for there, back in copies]
    rtt_us = [members.get("first_rtt_us", LOST), *members["rtt_us"]]
    for rtt, trips in zip(rtt_us, had, strict=True):
        in_time = {trip for trip in trips if trip + residence_us < PACE.patience_us}
        assert rtt == min(in_time, default=LOST)
    assert end_us <= PACE.wake_us + 11 * PACE.cap_us + PACE.patience_us
    assert core.next_wakeup(end_us) is None


@given(st.data())
def test_the_split_of_losses_is_the_truth(data: st.DataObject) -> None:
    """Over any line without copies, and in order at its end, each loss is counted in the direction it had."""
    packets = 15
    one = st.lists(st.integers(0, data.draw(st.sampled_from([2_000, 400_000]))), max_size=1)
    up = data.draw(st.lists(one, min_size=packets, max_size=packets))
    down = data.draw(st.lists(one, min_size=packets, max_size=packets))
    core, link = core_of(packets), StampLink(listed(up), listed(down))
    link.run(core)
    members = core.result().members()
    answered = [number for number in range(packets) if up[number] and down[number]]
    last = max(answered, default=-1)
    numbered = max((link.reached.index(number) for number in answered), default=-1) + 1
    if set(link.reached[:numbered]) == {number for number in range(last + 1) if up[number]}:
        assert members["lost_up"] == sum(not up[number] for number in range(last + 1))
        assert members["lost_down"] == sum(bool(up[number]) and not down[number] for number in range(last + 1))
        assert members["lost_tail"] == packets - 1 - last
        assert "duplicates" not in members


LIES = st.builds(
    dict,
    number=st.integers(0, 2**32 - 1),
    sent_ntp=st.integers(0, 2**64 - 1),
    received_ntp=st.integers(0, 2**64 - 1),
    error=st.integers(0, 2**16 - 1),
    ssid=st.sampled_from([1, 2]),
    request_number=st.integers(0, 14),
)


@given(st.lists(st.one_of(st.none(), LIES, GARBAGE, st.just("twice")), min_size=30, max_size=30))
def test_a_lying_reflector(lies: list[dict[str, int] | bytes | str | None]) -> None:
    """Garbage, replays and any lie in any member: never a crash, never a negative round trip, always an outcome."""
    turns = iter(lies)
    earlier: list[bytes] = []

    def change(packet: bytes) -> Sequence[bytes]:
        lie = next(turns, None)
        earlier.append(packet)
        match lie:
            case bytes():
                return (lie, packet)
            case str():
                return (*earlier, packet)
            case dict():
                return (replace(read_reply(packet), **lie).encode(),)
            case _:
                return (packet,)

    core = core_of(12)
    end_us = StampLink(always(30_000), always(20_000), change=change).run(core)
    holds(core.result().members(), 12)
    assert core.next_wakeup(end_us) is None


@given(
    st.lists(
        st.tuples(GARBAGE, st.integers(-1, 2_000_000), st.one_of(st.none(), st.integers(-5, 2_000_000))), max_size=20
    )
)
def test_any_bytes_at_any_time(packets: list[tuple[bytes, int, int | None]]) -> None:
    """What is no answer of ours changes nothing, whenever it comes."""
    core = core_of()
    asked(core)
    before = core.result()
    for packet, now_us, age_us in packets:
        core.receive(packet, now_us, age_us)
    assert core.result() == before
