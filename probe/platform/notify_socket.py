"""Telling the service manager how we are: the protocol of sd_notify(3), one datagram for each thing said.

`READY=1` when measuring begins, `STATUS=...` for people, `WATCHDOG=1` as a sign of life from the loop that measures,
`STOPPING=1` at the end. Where no manager listens (no `NOTIFY_SOCKET`), nothing is said. What cannot be delivered is
dropped: a service manager that is away is no reason to stop measuring, and without our signs of life it acts by itself.
"""

import contextlib
import socket
from collections.abc import Callable, Mapping
from typing import Final

SOCKET: Final = "NOTIFY_SOCKET"


def service_manager(environ: Mapping[str, str]) -> Callable[[str], None]:
    """Give what tells the service manager of this process one thing, such as `READY=1`; never raises, never waits."""
    place = environ.get(SOCKET, "")
    if not place.startswith(("/", "@")) or not hasattr(socket, "AF_UNIX"):
        return _nobody
    address = "\0" + place[1:] if place.startswith("@") else place  # @: an abstract socket of Linux

    def tell(what: str) -> None:
        with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
            sock.settimeout(0)
            sock.sendto(what.encode(), address)

    return tell


def status(words: str) -> str:
    """What to tell so that `systemctl status` shows these words; a line feed would begin something else."""
    return "STATUS=" + " ".join(words.split())


def _nobody(_what: str) -> None:
    """Tell nobody."""
