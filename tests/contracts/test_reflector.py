"""What every STAMP reflector promises, the real one and the fake one of the simulated links."""

from collections.abc import Callable

import pytest
from fakes.reflector import FakeReflector
from fakes.stamp_link import StampLink
from hypothesis import given
from hypothesis import strategies as st

from collector.peer.stamp import Reflector
from probe.measure.latency import QUICK
from probe.measure.stamp import CHANCE_BYTES, Stamp
from shared.stamp import PACKET_BYTES, Request, ntp_of, read_reply

Reflect = Callable[[bytes, tuple[str, int], int, int], bytes | None]
HERE, THERE = ("192.0.2.1", 50_000), ("2001:db8::1", 50_000)


def real() -> Reflect:
    """Make the peer's reflector, which works in place, answer with bytes."""
    reflector = Reflector(own_port=8441)

    def reflect(packet: bytes, address: tuple[str, int], received_us: int, sent_us: int) -> bytes | None:
        buffer = bytearray(packet.ljust(1473, b"\xff"))
        length = reflector.reflect(buffer, len(packet), address, received_us, sent_us)
        return bytes(buffer[:length]) or None

    return reflect


def fake() -> Reflect:
    """Make the fake one."""
    return FakeReflector().reply


@pytest.fixture(params=[real, fake], ids=["real", "fake"])
def reflect(request: pytest.FixtureRequest) -> Reflect:
    """Give a new reflector of each kind in turn."""
    return request.param()  # type: ignore[no-any-return]


def packet(number: int, ssid: int = 7) -> bytes:
    """Write a request."""
    return Request(number, 0x0123_4567_89AB_CDEF, 0x8001, ssid).encode()


def test_a_reply_says_when_and_what_was_asked(reflect: Reflect) -> None:
    """The request's number, stamp, error and session come back beside the reflector's two stamps."""
    answer = reflect(packet(9), HERE, 1_800_000_000_000_001, 1_800_000_000_000_005)
    assert answer is not None
    reply = read_reply(answer)
    assert (reply.number, reply.ssid, reply.ttl) == (0, 7, 0)
    assert (reply.request_number, reply.request_ntp, reply.request_error) == (9, 0x0123_4567_89AB_CDEF, 0x8001)
    assert reply.received_ntp == ntp_of(1_800_000_000_000_001)
    assert reply.sent_ntp == ntp_of(1_800_000_000_000_005)
    assert reply.error & 0xFF


def test_every_session_is_numbered_from_zero(reflect: Reflect) -> None:
    """An address and a session id have their own count, whatever numbers the sender gives."""
    asked = [(HERE, 1), (HERE, 1), (THERE, 1), (HERE, 2), (HERE, 1), (THERE, 1)]
    answers = [reflect(packet(5, ssid), address, 0, 0) for address, ssid in asked]
    assert [read_reply(answer or b"").number for answer in answers] == [0, 1, 0, 0, 2, 1]


@given(tail=st.binary(max_size=1472 - PACKET_BYTES), make=st.sampled_from([real, fake]))
def test_padding_comes_back_as_it_was(tail: bytes, make: Callable[[], Reflect]) -> None:
    """A reply is exactly as long as its request, and what follows the base packet is unchanged."""
    answer = make()(packet(0) + tail, HERE, 1, 2)
    assert answer is not None
    assert answer[PACKET_BYTES:] == tail


@pytest.mark.parametrize("length", [0, 1, PACKET_BYTES - 1])
def test_what_is_too_short_is_dropped(reflect: Reflect, length: int) -> None:
    """Less than a test packet gets no answer, and no number."""
    assert reflect(bytes(length), HERE, 1, 2) is None
    assert read_reply(reflect(packet(0, 0), HERE, 1, 2) or b"").number == 0


def test_the_probe_tells_the_directions_of_losses_by_it(reflect: Reflect) -> None:
    """Probe and reflector together split the losses as they really were."""

    class Here(FakeReflector):
        def reply(self, packet: bytes, address: object, received_us: int, sent_us: int) -> bytes | None:
            del address
            return reflect(packet, HERE, received_us, sent_us)

    core = Stamp("latency", QUICK.pace, bytes(range(CHANCE_BYTES)), 12)
    link = StampLink(
        up=lambda number: () if number in {1, 5, 6} else (20_000,),
        down=lambda number: () if number in {0, 3, 11} else (15_000,),
        reflector=Here(),
    )
    link.run(core)
    members = core.result().members()
    assert (members["lost_up"], members["lost_down"], members["lost_tail"]) == (3, 2, 1)
    assert members["rtt_us"] == [-1, 35_000, -1, 35_000, -1, -1, 35_000, 35_000, 35_000, 35_000, -1]
    assert "peer_inconsistent" not in members
