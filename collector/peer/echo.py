"""UDP echo: what is marked comes back unchanged to where it came from.

A datagram of 16 to 1472 bytes that starts with `SPE1` is answered with itself: equal size, so nobody can be
flooded through the peer with more than the flooder spends. Everything else is dropped without a word. A
datagram that claims to come from the peer's own port number or from a port below 1024 is dropped too: it
would be a forged one that sets two servers echoing at each other.
"""

import socket
from contextlib import suppress
from typing import Final

MARK: Final = b"SPE1"
LEAST_BYTES: Final = 16
MOST_BYTES: Final = 1472  # the payload of a 1500-byte IPv4 packet
_FIRST_CLIENT_PORT: Final = 1024
_BURST: Final = 64  # datagrams answered before anybody else has a turn


def reply_to(datagram: bytes, client_port: int, own_port: int) -> bytes | None:
    """What goes back for a datagram: itself, or nothing."""
    well_formed = datagram.startswith(MARK) and LEAST_BYTES <= len(datagram) <= MOST_BYTES
    return datagram if well_formed and client_port >= _FIRST_CLIENT_PORT and client_port != own_port else None


def answer_waiting(udp: socket.socket, own_port: int) -> None:
    """Answer what has arrived on a non-blocking socket; never raises for what a client or the network did.

    A reply that cannot leave at once is dropped: an echo that had to wait would be a false time.
    """
    for _ in range(_BURST):
        try:
            datagram, address = udp.recvfrom(MOST_BYTES + 1)
        except BlockingIOError:
            return
        except OSError:  # the news that an earlier reply did not arrive
            continue
        reply = reply_to(datagram, address[1], own_port)
        if reply is not None:
            with suppress(OSError):
                udp.sendto(reply, address)
