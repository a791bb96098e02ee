"""Lookups that nobody has to wait for."""

import asyncio
import socket
import subprocess
import sys
import threading

import pytest

from probe.measure.outcome import CouldNotRun
from probe.net.lookup import look_up

STUCK = """
import asyncio, socket, time
socket.getaddrinfo = lambda *_args, **_more: time.sleep(600)
from probe.net.lookup import look_up
async def main():
    await asyncio.wait({look_up("www.example.net")}, timeout=0.05)
asyncio.run(main())
print("ended")
"""


async def test_a_name_has_its_addresses() -> None:
    """The system's answer arrives in the event loop, addresses with their families."""
    found = await look_up("localhost", 80)
    assert {str(where[0]) for _, _, where in found} <= {"127.0.0.1", "::1"}
    assert all(where[1] == 80 for _, _, where in found)


@pytest.mark.parametrize("host", ["no-such-host.invalid", "a..b", "a" * 64])
async def test_a_name_that_is_none(host: str) -> None:
    """A name that does not exist, or cannot, is an OSError."""
    with pytest.raises(OSError, match=r".+"):
        await look_up(host)


def test_a_stuck_resolver_does_not_hold_up_the_programs_end() -> None:
    """A program ends though a lookup never does."""
    done = subprocess.run([sys.executable, "-c", STUCK], capture_output=True, text=True, check=False, timeout=60)
    assert (done.stdout, done.returncode) == ("ended\n", 0), done.stderr


async def test_an_answer_that_nobody_waits_for_is_dropped(monkeypatch: pytest.MonkeyPatch) -> None:
    """A lookup that comes back after it was given up changes nothing, well or badly."""
    go = threading.Event()

    def slow(*_args: object, **_more: object) -> list[object]:
        go.wait(10)
        raise socket.gaierror(socket.EAI_AGAIN, "late")

    monkeypatch.setattr(socket, "getaddrinfo", slow)
    answer = look_up("www.example.net")
    answer.cancel()
    go.set()
    for thread in threading.enumerate():
        if thread.name == "lookup":
            thread.join(10)
    await asyncio.sleep(0.01)
    assert answer.cancelled()


async def test_without_a_thread_nothing_can_be_looked_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """A device that has no thread to spare says nothing about the line."""

    def none(_thread: threading.Thread) -> None:
        raise RuntimeError

    monkeypatch.setattr(threading.Thread, "start", none)
    with pytest.raises(CouldNotRun):
        look_up("www.example.net")
