"""The STAMP reflector: what it drops, what it remembers, and how it answers over a real socket."""

import asyncio
import socket
from typing import TYPE_CHECKING

import pytest
from fakes.clock import FakeClock
from hypothesis import given
from hypothesis import strategies as st

from collector.clock import SystemClock
from collector.peer.serve import bind_pair
from collector.peer.stamp import GENERATION_US, MOST_BYTES, Reflector, ReflectorSocket, _stamp_us
from shared.stamp import PACKET_BYTES, Request, read_reply, us_of

if TYPE_CHECKING:
    from conftest import Served

OWN_PORT = 8441


def ask(reflector: Reflector, client: int = 0, *, port: int = 50_000, length: int = 44, now_us: int = 1) -> int | None:
    """Let a client ask once; the number of the answer, None for none."""
    buffer = bytearray(Request(0, 1, 1, 1).encode().ljust(MOST_BYTES + 1, b"\0"))
    sent = reflector.reflect(buffer, length, (f"client {client}", port), now_us, now_us)
    assert sent in {0, length}
    return read_reply(buffer).number if sent else None


@given(st.binary(max_size=1600), st.integers(0, 65_535))
def test_a_reply_is_as_long_as_its_request_or_is_not_sent(datagram: bytes, client_port: int) -> None:
    """Whatever comes, nothing longer goes back: no amplification."""
    buffer = bytearray(datagram.ljust(MOST_BYTES + 1, b"\0")[: MOST_BYTES + 1])
    length = min(len(datagram), MOST_BYTES + 1)
    assert Reflector(OWN_PORT).reflect(buffer, length, ("client", client_port), 0, 0) in {0, length}


def test_the_bounds_of_size_and_port() -> None:
    """Sizes and ports count up to their bounds and not beyond."""
    for length, answered in ((43, False), (44, True), (1472, True), (1473, False)):
        assert (ask(Reflector(OWN_PORT), length=length) is not None) == answered
    for port, answered in ((0, False), (1023, False), (1024, True), (OWN_PORT, False)):
        assert (ask(Reflector(OWN_PORT), port=port) is not None) == answered


def test_forged_sources_do_not_make_it_grow() -> None:
    """However many sources speak, no more than two generations are known."""
    reflector = Reflector(OWN_PORT, sessions=100)
    for client in range(10_000):
        assert ask(reflector, client) == 0
        assert len(reflector) <= 200


def test_a_session_that_goes_on_keeps_its_numbers_in_a_flood() -> None:
    """Who speaks at least once in a generation of forged sources is not forgotten."""
    reflector = Reflector(OWN_PORT, sessions=100)
    for number in range(50):
        assert ask(reflector) == number
        for client in range(99):
            ask(reflector, 1 + 100 * number + client)


def test_a_session_that_was_silent_begins_anew() -> None:
    """A session is known for a generation at least, and for two at most, whether or not others speak."""
    for silent_us, number in ((GENERATION_US, 1), (2 * GENERATION_US, 0), (10 * GENERATION_US, 0)):
        reflector = Reflector(OWN_PORT)
        assert ask(reflector, now_us=GENERATION_US) == 0
        assert ask(reflector, now_us=GENERATION_US + silent_us) == number
    reflector = Reflector(OWN_PORT)
    assert [ask(reflector, client, now_us=generation * GENERATION_US) for generation, client in enumerate((0, 1, 1, 0))] == [
        0, 0, 1, 0,
    ]  # fmt: skip


def test_a_clock_that_is_set_back_forgets_nobody() -> None:
    """A jump of the clock begins a generation, and sessions live through one."""
    reflector = Reflector(OWN_PORT)
    assert [ask(reflector, now_us=now_us) for now_us in (10**15, 10**15 + 1, 5, 6)] == [0, 1, 2, 3]


def test_only_a_stamp_of_the_kernel_is_read_as_one() -> None:
    """Without the kernel's stamp, or with one from the future, a packet came now."""
    stamp = (3).to_bytes(8, "little") + (4000).to_bytes(8, "little")
    assert _stamp_us([(socket.SOL_SOCKET, 35, stamp)], 9_000_000) == 3_000_004
    assert _stamp_us([(socket.SOL_SOCKET, 35, stamp)], 7) == 7
    assert _stamp_us([(socket.SOL_SOCKET, 35, b"short")], 7) == 7
    assert _stamp_us([(socket.SOL_SOCKET, 36, stamp)], 7) == 7
    assert _stamp_us([], 7) == 7


def test_a_reply_that_cannot_leave_is_dropped(monkeypatch: pytest.MonkeyPatch) -> None:
    """A full send buffer loses the reply, ends nothing, and leaves nothing waiting."""

    class Full(socket.socket):
        def sendto(self, *_args: object) -> int:
            raise BlockingIOError

    with Full(socket.AF_INET, socket.SOCK_DGRAM) as udp, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        udp.bind(("127.0.0.1", 0))
        udp.settimeout(0)
        reflector = Reflector(OWN_PORT)
        client.sendto(Request(0, 0, 1, 1).encode(), udp.getsockname())
        ReflectorSocket(udp, reflector, FakeClock()).answer_waiting()
        assert len(reflector) == 1


async def answers(peer: "Served", family: socket.AddressFamily = socket.AF_INET, host: str = "127.0.0.1") -> None:
    """Ask a hundred times, with junk between, and look at every answer."""
    loop = asyncio.get_running_loop()
    with socket.socket(family, socket.SOCK_DGRAM) as udp:
        udp.settimeout(0)
        udp.connect((host, peer.port))
        async with asyncio.timeout(5):
            for number in range(100):
                before_us = SystemClock().wall_us()
                for sent in (b"", b"junk", Request(number, number, 1, 3).encode() + b"pad"):
                    udp.send(sent)
                answer = await loop.sock_recv(udp, 2000)
                reply = read_reply(answer)
                assert len(answer) == PACKET_BYTES + 3
                assert (reply.number, reply.request_number, reply.request_ntp, reply.ssid) == (
                    number,
                    number,
                    number,
                    3,
                )
                after_us = SystemClock().wall_us() + 1
                assert before_us - 1 <= us_of(reply.received_ntp) <= us_of(reply.sent_ntp) <= after_us


async def test_over_a_socket(peer: "Served") -> None:
    """Over a real socket the test packets come back in order with true times, and the others do not."""
    await answers(peer)


async def test_over_ipv6() -> None:
    """A reflector on an IPv6 address answers there."""
    if not socket.has_ipv6:
        pytest.skip("no IPv6 on this machine")
    try:
        pair = bind_pair("::1", 0)
    except Exception as error:  # noqa: BLE001 - whatever the reason, it is said
        pytest.skip(f"no IPv6 on this machine: {error}")
    loop = asyncio.get_running_loop()
    loop.add_reader(pair.udp, ReflectorSocket(pair.udp, Reflector(pair.port), SystemClock()).answer_waiting)
    try:
        await answers(pair, socket.AF_INET6, "::1")  # type: ignore[arg-type]
    finally:
        loop.remove_reader(pair.udp)
        pair.tcp.close()
        pair.udp.close()


async def test_a_client_that_left_does_not_disturb_the_next(peer: "Served") -> None:
    """The news that a reply met a closed port ends nothing."""
    for _ in range(5):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as gone:
            gone.sendto(Request(0, 0, 1, 9).encode(), ("127.0.0.1", peer.port))
    await asyncio.sleep(0.05)
    await answers(peer)
