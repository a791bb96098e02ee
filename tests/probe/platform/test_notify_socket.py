"""What we tell the service manager arrives as it must, and nothing happens where there is none."""

import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from probe.platform.notify_socket import service_manager, status

pytestmark = pytest.mark.skipif(not hasattr(socket, "AF_UNIX"), reason="no Unix sockets here")


@pytest.fixture(params=["path", "abstract"])
def manager(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[str, socket.socket]]:
    """Listen as a service manager does, and give the address as it is told."""
    if request.param == "abstract" and os.uname().sysname != "Linux":
        pytest.skip("abstract sockets are Linux's own")
    name = str(tmp_path / "notify") if request.param == "path" else f"@speedproof-test-{os.getpid()}"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
        sock.bind(name.replace("@", "\0", 1) if name.startswith("@") else name)
        sock.settimeout(5)
        yield name, sock


def test_each_thing_said_is_one_datagram(manager: tuple[str, socket.socket]) -> None:
    """The manager gets each thing by itself, to the byte, at a path or at an abstract address."""
    name, sock = manager
    tell = service_manager({"NOTIFY_SOCKET": name})
    for what in ("READY=1", status("12 records wait; next at 14:30"), "WATCHDOG=1", "STOPPING=1"):
        tell(what)
        assert sock.recv(4096) == what.encode()


@pytest.mark.parametrize("place", ["", "notify", "vsock:2:1234"])
def test_nobody_is_told_where_nobody_listens(place: str) -> None:
    """Without a manager, or with an address of a kind we do not speak, nothing is said and nothing fails."""
    service_manager({"NOTIFY_SOCKET": place} if place else {})("READY=1")


def test_a_manager_that_went_away_does_not_matter(tmp_path: Path) -> None:
    """A socket that is not there any more, or has no room, takes nothing from us: neither time nor an error."""
    service_manager({"NOTIFY_SOCKET": str(tmp_path / "gone")})("WATCHDOG=1")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
        sock.bind(str(tmp_path / "full"))
        tell = service_manager({"NOTIFY_SOCKET": str(tmp_path / "full")})
        for _ in range(2000):  # nobody reads: the queue fills up
            tell("WATCHDOG=1")


def test_words_are_one_line() -> None:
    """What people read cannot say anything else to the manager."""
    assert status("all\nREADY=1 well") == "STATUS=all READY=1 well"
