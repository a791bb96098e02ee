"""The ICMP echo core over simulated links."""

import struct
from collections.abc import Sequence

import pytest
from fakes.stamp_link import run_echo
from hypothesis import given
from hypothesis import strategies as st

from probe.measure.echo import CHANCE_BYTES, MESSAGE_BYTES, Echo, checksum, without_ip_header
from probe.measure.outcome import Trouble
from probe.measure.train import Pace
from shared.failure import Failure, Stage
from shared.record import LOST

PACE = Pace(mean_us=20_000, floor_us=5_000, cap_us=80_000, wake_us=500_000, patience_us=1_000_000)
CHANCE = bytes(range(CHANCE_BYTES))
HEADER = struct.Struct("!BBHHH")


def core_of(*, ipv6: bool = False, packets: int = 5) -> Echo:
    """Make a core."""
    return Echo("latency", PACE, CHANCE, packets, ipv6)


def answer_to(message: bytes, identifier: int = 0x7777) -> bytes:
    """Answer as a kernel does: another type, its own identifier and checksum, the same data."""
    kind, code, _sum, _identifier, sequence = HEADER.unpack_from(message)
    answer = {8: 0, 128: 129}[kind]
    return HEADER.pack(answer, code, 0xBEEF, identifier, sequence) + message[HEADER.size :]


def test_no_answer_at_all() -> None:
    """A host that is silent gives losses, a name and an end."""
    core = core_of()
    end_us = run_echo(core, lambda _message: ())
    assert core.result().rtts_us == (LOST,) * 5
    assert core.result().trouble == Trouble(Failure.TIMEOUT, Stage.CONNECT)
    assert end_us <= PACE.wake_us + 4 * PACE.cap_us + PACE.patience_us


@pytest.mark.parametrize("ipv6", [False, True])
def test_round_trips(ipv6: bool) -> None:
    """Each answer counts, though the kernel changed the identifier, and a loss keeps its place."""
    core = core_of(ipv6=ipv6)
    lost = core.request(2)
    run_echo(core, lambda message: () if message == lost else ((35_000, answer_to(message)),))
    seen = core.result()
    assert (seen.via, seen.rtts_us) == ("icmp", (35_000, 35_000, LOST, 35_000, 35_000))
    assert "lost_up" not in seen.members()


def test_a_header_that_some_systems_leave_is_skipped() -> None:
    """An IPv4 header of any length before the message makes no difference."""
    for words in (5, 6, 15):
        header = bytes((0x40 | words,)).ljust(4 * words, b"\1")
        core = core_of()
        run_echo(core, lambda message, header=header: ((9, header + answer_to(message)),))
        assert core.result().rtts_us == (9,) * 5
    assert without_ip_header(b"") == b""


def test_what_is_sent() -> None:
    """Messages are of a size, each with its number and its checksum, in ICMP and in ICMPv6."""
    for ipv6, kind in ((False, 8), (True, 128)):
        for number in (0, 1, 70_000):
            message = core_of(ipv6=ipv6).request(number)
            assert len(message) == MESSAGE_BYTES
            assert message[:2] == bytes((kind, 0))
            assert HEADER.unpack_from(message)[4] == number & 0xFFFF
            assert checksum(message) == 0


def test_the_checksum_of_the_standard() -> None:
    """RFC 1071's example, in the order of the network."""
    assert checksum(bytes.fromhex("0001f203f4f5f6f7")) == 0xFFFF - 0xDDF2


def test_answers_that_are_not_ours_change_nothing() -> None:
    """Our own request heard again, another's data, another kind and another length are no answers."""
    core = core_of()
    core.start(0)
    (message,) = core.to_send(0)
    good = answer_to(message)
    for packet in (message, good[:-1], good + b"\0", good[:-1] + b"x", b"\3" + good[1:], b"", b"\x4f"):
        core.receive(packet, 10)
    core.receive(answer_to(core.request(1)), 10)
    core.receive(answer_to(core.request(70_000)), 10)
    assert core.result().rtts_us == (LOST,)
    core.receive(good, 10)
    core.receive(good, 20)
    assert core.result().rtts_us == (10,)


def test_refused_messages() -> None:
    """A message that did not leave is lost by name."""
    core = core_of(packets=1)
    core.start(0)
    (message,) = core.to_send(0)
    core.refuse(message, Trouble(Failure.HOST_UNREACHABLE, Stage.CONNECT), 1)
    assert core.next_wakeup(1) is None
    assert core.result().trouble == Trouble(Failure.HOST_UNREACHABLE, Stage.CONNECT)
    assert core.progress(5).elapsed_us == 5


@given(
    st.lists(st.tuples(st.lists(st.integers(0, 1_500_000), max_size=3), st.binary(max_size=80)), min_size=5, max_size=5)
)
def test_every_sample_is_a_delay_the_link_had(lines: Sequence[tuple[list[int], bytes]]) -> None:
    """Over any link, with garbage between, each sample is a delay it really had, none is invented, and it ends."""
    core = core_of()
    numbers = {core.request(number): number for number in range(5)}

    def carry(message: bytes) -> list[tuple[int, bytes]]:
        delays_us, garbage = lines[numbers[message]]
        return [*((delay_us, answer_to(message)) for delay_us in delays_us), (1, garbage)]

    end_us = run_echo(core, carry)
    in_time = [[delay_us for delay_us in delays_us if delay_us < PACE.patience_us] for delays_us, _ in lines]
    assert list(core.result().rtts_us) == [min(delays_us, default=LOST) for delays_us in in_time]
    assert core.next_wakeup(end_us) is None
