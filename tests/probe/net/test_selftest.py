"""The self-test over the real loopback, with its sender in a process of its own."""

import os
import socket
import sys
import threading

import psutil
import pytest

from probe.clock import SystemClock
from probe.measure.outcome import CouldNotRun
from probe.measure.upgrade import Upgrade
from probe.net import bursts
from probe.net import selftest as tested
from probe.selftest import RATES_BPS, RUNG_US, Passed

CLOCK = SystemClock()
KEY = bytes(16)


def children() -> list[psutil.Process]:
    """This process's children that still run."""
    return psutil.Process().children()


async def test_a_rate_that_any_machine_takes_passes(monkeypatch: pytest.MonkeyPatch) -> None:
    """At 25 Mbit/s a real download over the loopback is clean, takes a second, and leaves no process."""
    told: list[tuple[int, bool]] = []
    before = children()
    monkeypatch.setattr(tested, "RATES_BPS", RATES_BPS[:1])
    start_us = CLOCK.mono_us()
    found = await tested.run(CLOCK, os.urandom, lambda *one: told.append(one))
    assert (found.clean_bps, found.whole, told) == (25_000_000, True, [(25_000_000, True)])
    assert CLOCK.mono_us() - start_us < 8 * RUNG_US
    assert children() == before


@pytest.mark.parametrize(
    ("clean", "found", "tries"),
    [
        ({}, Passed(0, whole=False, at_wall_us=0), 2),
        ({25: 1, 50: 2}, Passed(50_000_000, whole=False, at_wall_us=0), 5),
        ({rate_bps // 10**6: 1 for rate_bps in RATES_BPS}, Passed(300_000_000, whole=True, at_wall_us=0), 8),
    ],
)
async def test_the_ladder_ends_where_a_rate_fails_twice(
    monkeypatch: pytest.MonkeyPatch, clean: dict[int, int], found: Passed, tries: int
) -> None:
    """A rate that passes at its second try is clean; above the first that does not nothing is tried."""
    tried: list[int] = []

    async def passes(rate_bps: int, *_: object) -> bool:
        tried.append(rate_bps // 10**6)
        return tried.count(tried[-1]) == clean.get(tried[-1])

    monkeypatch.setattr(tested, "_passes", passes)
    came = await tested.run(CLOCK, os.urandom, lambda *_: None)
    assert (came.clean_bps, came.whole, len(tried)) == (found.clean_bps, found.whole, tries)


async def test_a_transfer_that_fails_is_not_clean() -> None:
    """Where no sender answers, no rate passes."""
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        assert not await tested._passes(25_000_000, nobody.getsockname()[1], CLOCK, os.urandom)


@pytest.mark.parametrize("program", [("-c", "print('no port')"), ("-c", "")])
async def test_a_sender_that_does_not_start(monkeypatch: pytest.MonkeyPatch, program: tuple[str, ...]) -> None:
    """A sender that says no port is no result, and neither is a system without programs of its own."""
    before = children()
    with pytest.raises(CouldNotRun, match="does not start"):
        async with tested._sender(program):
            raise AssertionError
    monkeypatch.setattr(sys, "executable", "/nonexistent/python")
    with pytest.raises(CouldNotRun, match="a process of its own"):
        async with tested._sender():
            raise AssertionError
    assert children() == before


def request_of(path: str) -> bytes:
    """A client's request."""
    return Upgrade("127.0.0.1", path, {"max_ms": "1"}, KEY, "net.measurementlab.ndt.v7").request()


def test_what_the_sender_is_asked() -> None:
    """The rate stands in the path; whatever is no download of a rate is refused."""
    assert bursts.asked(request_of("/25000000/ndt/v7/download")) == (25_000_000, b"AAAAAAAAAAAAAAAAAAAAAA==")
    for path in ("/25000000/ndt/v7/upload", "/fast/ndt/v7/download", "/ndt/v7/download"):
        with pytest.raises(ValueError, match=r"no download|invalid literal"):
            bursts.asked(request_of(path))


@pytest.mark.parametrize("said", [b"", b"GET", b"x" * 40_000])
def test_the_sender_lets_strangers_go(said: bytes) -> None:
    """Whoever asks for nothing, or without end, is let go."""
    ours, theirs = socket.socketpair()
    with ours, theirs:
        speaking = threading.Thread(target=lambda: (theirs.sendall(said), theirs.shutdown(socket.SHUT_WR)))
        speaking.start()
        with pytest.raises((ValueError, OSError)):
            bursts._head(ours)
        ours.close()
        speaking.join()
