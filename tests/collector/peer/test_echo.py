"""UDP echo."""

import asyncio
import socket
from typing import TYPE_CHECKING

from hypothesis import given
from hypothesis import strategies as st

from collector.peer.echo import LEAST_BYTES, MARK, MOST_BYTES, reply_to

if TYPE_CHECKING:
    from conftest import Served

OWN_PORT = 8441


@given(st.binary(max_size=1600), st.integers(0, 65_535))
def test_a_reply_is_the_datagram_or_nothing(datagram: bytes, client_port: int) -> None:
    """Nothing is ever sent that did not come in: equal bytes, hence no amplification."""
    assert reply_to(datagram, client_port, OWN_PORT) in (datagram, None)


@given(st.binary(min_size=LEAST_BYTES - 4, max_size=MOST_BYTES - 4), st.integers(1024, 65_535))
def test_every_marked_datagram_is_echoed(rest: bytes, client_port: int) -> None:
    """A datagram in form from a client's port comes back; one from our own port number does not."""
    expected = None if client_port == OWN_PORT else MARK + rest
    assert reply_to(MARK + rest, client_port, OWN_PORT) == expected


@given(st.binary(max_size=1600))
def test_unmarked_datagrams_are_dropped(datagram: bytes) -> None:
    """Without the mark there is no answer."""
    assert reply_to(b"X" + datagram, 50_000, OWN_PORT) is None


def test_the_bounds_of_size_and_port() -> None:
    """Sizes and ports count up to their bounds and not beyond."""
    for n_bytes, answered in ((15, False), (16, True), (1472, True), (1473, False)):
        assert (reply_to(MARK.ljust(n_bytes, b"x"), 50_000, OWN_PORT) is not None) == answered
    for client_port, answered in ((0, False), (1023, False), (1024, True), (8441, False)):
        assert (reply_to(MARK.ljust(16, b"x"), client_port, OWN_PORT) is not None) == answered


async def test_echo_over_a_socket(peer: "Served") -> None:
    """Over a real socket the marked datagrams come back in order and the others do not."""
    loop = asyncio.get_running_loop()
    marked = [MARK + bytes([n]) * 28 for n in range(100)]
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
        udp.settimeout(0)
        udp.connect(("127.0.0.1", peer.port))
        async with asyncio.timeout(5):
            for datagram in marked:
                for sent in (b"", b"junk" + datagram, datagram):
                    udp.send(sent)
                assert await loop.sock_recv(udp, 2000) == datagram


async def test_a_client_that_left_does_not_disturb_the_next(peer: "Served") -> None:
    """The news that a reply met a closed port ends nothing."""
    for _ in range(5):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as gone:
            gone.sendto(MARK.ljust(32, b"g"), ("127.0.0.1", peer.port))
    await asyncio.sleep(0.05)
    await test_echo_over_a_socket(peer)
