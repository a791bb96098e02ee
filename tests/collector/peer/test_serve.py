"""The peer's sockets."""

import socket
import sys

import pytest

from collector.peer.errors import CannotStart
from collector.peer.serve import bind_pair


def test_any_port_is_free_for_both() -> None:
    """Port 0 gives one number for TCP and UDP."""
    pair = bind_pair("127.0.0.1", 0)
    with pair.tcp, pair.udp:
        assert pair.tcp.getsockname() == pair.udp.getsockname() == ("127.0.0.1", pair.port)


@pytest.mark.parametrize("kind", [socket.SOCK_STREAM, socket.SOCK_DGRAM])
def test_a_port_in_use(kind: socket.SocketKind) -> None:
    """A port taken for either TCP or UDP is refused by its number, and nothing stays open."""
    with socket.socket(socket.AF_INET, kind) as taken:
        taken.bind(("127.0.0.1", 0))
        if kind is socket.SOCK_STREAM:
            taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(CannotStart, match=f"port {port} on 127.0.0.1 is in use"):
            bind_pair("127.0.0.1", port)
    pair = bind_pair("127.0.0.1", port)
    pair.tcp.close()
    pair.udp.close()


@pytest.mark.parametrize("host", ["not an address", "192.0.2.1"])
def test_an_address_that_is_not_ours(host: str) -> None:
    """An address of another machine, or of none, is refused in words."""
    with pytest.raises(CannotStart, match=host):
        bind_pair(host, 0)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux has these options")
def test_connections_inherit_the_bounds() -> None:
    """What was set on the listening socket holds on each connection."""
    pair = bind_pair("127.0.0.1", 0)
    with pair.tcp, pair.udp, socket.create_connection(pair.tcp.getsockname()):
        pair.tcp.settimeout(5)
        accepted, _ = pair.tcp.accept()
        with accepted:
            assert accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_NOTSENT_LOWAT) == 1 << 17
            assert accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT) == 15_000
