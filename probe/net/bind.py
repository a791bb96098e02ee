"""Pins a socket to one interface (SO_BINDTODEVICE: Linux and Android, without privileges since Linux 5.7).

A source address does not do that: packets with the modem's address leave by the default route all the same. The interface
needs a default route of its own, of any metric. Name lookups by the system cannot be pinned. An interface that goes
away later fails the sockets that are opened then with ENODEV, which is a network that is down.
"""

import errno
import os
import socket
import sys

from probe.measure.outcome import CouldNotRun

# Linux's; Python has a name for it only where it was built with one.
BIND_TO_DEVICE = 25 if sys.platform in {"linux", "android"} else None
NAME_BYTES = 15  # IFNAMSIZ - 1: of a longer name the kernel would take the beginning
WHY = {
    errno.EPERM: "this system lets only root pin a test to an interface",
    errno.ENODEV: "that is no name of an interface",
    errno.ENOPROTOOPT: "this system cannot pin a test to an interface",
}


def bind(sock: socket.socket, interface: str | None) -> None:
    """Let a socket send and receive by this interface only; without a name nothing is done. Raises OSError."""
    if interface is None:
        return
    if BIND_TO_DEVICE is None:
        raise OSError(errno.ENOPROTOOPT, os.strerror(errno.ENOPROTOOPT))
    if not _is_name(interface):
        raise OSError(errno.ENODEV, os.strerror(errno.ENODEV))
    sock.setsockopt(socket.SOL_SOCKET, BIND_TO_DEVICE, interface.encode() + b"\0")


def bindable(interface: str | None) -> str | None:
    """Give the interface back if sockets can be pinned to it; raises CouldNotRun, so that nothing runs by another link.

    An interface that is not there is a modem that fell off its port: tests run, fail as on a network that is down, and that is
    a result.
    """
    try:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            bind(sock, interface)
    except OSError as error:
        if error.errno == errno.ENODEV and interface is not None and _is_name(interface):
            return interface
        why = WHY.get(error.errno or 0, error.strerror or "it is refused")
        raise CouldNotRun(f"not pinned to {interface!a}: {why}") from error
    return interface


def _is_name(interface: str) -> bool:
    return 0 < len(interface.encode()) <= NAME_BYTES and "\0" not in interface
