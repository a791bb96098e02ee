"""Drives a core of packets over a datagram socket: STAMP over UDP, and whatever else has one. Interprets nothing.

One connected socket, so that strangers' packets do not arrive and the network's refusals do. Where the kernel
stamps arrivals (SO_TIMESTAMPNS on Linux and Android) the stamp is used, which a busy event loop cannot make
late; the stamp is wall time, so only its age is taken from it. On an event loop without `add_reader`
(Windows, by default) it raises `NotImplementedError` before anything is sent.
"""

import asyncio
import socket
import struct
import sys
from contextlib import suppress
from typing import Protocol

from probe.clock import Clock
from probe.measure.outcome import Trouble
from probe.net.bind import bind
from probe.net.failures import trouble_of
from shared.failure import Stage

SO_TIMESTAMPNS = 35
TIMESPEC = struct.Struct("@ll")
AGE_LIMIT_US = 1_000_000  # older than this is a clock that was set, not a packet that waited
ONE_MOMENT_US = 50  # two readings this close are one; a scheduler's pause between them would pass for age
READINGS = 4
PACKET_LIMIT_BYTES = 2048
BURST = 64  # packets taken before anybody else has a turn

Address = tuple[socket.AddressFamily, tuple[str, int] | tuple[str, int, int, int] | tuple[int, bytes]]


class PacketCore(Protocol):
    """A core that is made of packets; each of those it gives is known to it by its bytes."""

    def to_send(self, now_us: int) -> tuple[bytes, ...]:
        """Give what is due."""

    def receive(self, packet: bytes, now_us: int, age_us: int | None) -> None:
        """Take what came, `age_us` ago by the kernel's stamp."""

    def refuse(self, packet: bytes, trouble: Trouble, now_us: int) -> None:
        """Take the news that a packet did not leave."""

    def next_wakeup(self, now_us: int) -> int | None:
        """Say when to ask again; None exactly when the result is final."""


def age_us(control: list[tuple[int, int, bytes]], wall_us: int) -> int | None:
    """Say how long a packet has been waiting since the kernel had it; None if the kernel does not say, or cannot be right."""
    for level, kind, stamp in control:
        if level == socket.SOL_SOCKET and kind == SO_TIMESTAMPNS and len(stamp) == TIMESPEC.size:
            seconds, nanoseconds = TIMESPEC.unpack(stamp)
            waited_us = wall_us - (seconds * 1_000_000 + nanoseconds // 1000)
            return waited_us if 0 <= waited_us <= AGE_LIMIT_US else None
    return None


def one_moment(clock: Clock) -> tuple[int, int]:
    """Read both clocks at one moment, as nearly as a few tries give it: monotonic time, wall time."""
    for _ in range(READINGS):
        before_us, wall_us, mono_us = clock.mono_us(), clock.wall_us(), clock.mono_us()
        if mono_us - before_us <= ONE_MOMENT_US:
            break
    return mono_us, wall_us


async def run_train(core: PacketCore, address: Address, clock: Clock, interface: str | None = None) -> None:
    """Exchange packets of a started core with a UDP port, until the core is final; by one interface, if it is named."""
    with socket.socket(address[0], socket.SOCK_DGRAM) as sock:
        bind(sock, interface)
        await exchange(sock, core, address, clock)


async def exchange(sock: socket.socket, core: PacketCore, address: Address, clock: Clock) -> None:
    """Send what a started core gives and hand it what comes back, until it is final."""
    loop = asyncio.get_running_loop()
    arrived = asyncio.Event()
    sock.setblocking(False)  # noqa: FBT003  (the standard library's own)
    if sys.platform.startswith(("linux", "android")):
        sock.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)

    def take() -> None:
        with suppress(OSError):  # nothing more, or a refusal by the network; which packet it was for is unknown
            for _ in range(BURST):
                packet, control, _flags, _sender = sock.recvmsg(PACKET_LIMIT_BYTES, 64)
                mono_us, wall_us = one_moment(clock)
                core.receive(packet, mono_us, age_us(control, wall_us))
                arrived.set()

    loop.add_reader(sock, take)
    try:
        refusal = _try_connect(sock, address)
        while (wake_us := core.next_wakeup(now_us := clock.mono_us())) is not None:
            for packet in core.to_send(now_us):
                if (reason := refusal or _try_send(sock, packet)) is not None:
                    core.refuse(packet, trouble_of(reason, Stage.CONNECT), clock.mono_us())
                wake_us = now_us
            arrived.clear()
            with suppress(TimeoutError):
                async with asyncio.timeout((wake_us - now_us) / 1_000_000):
                    await arrived.wait()
    finally:
        loop.remove_reader(sock)


def _try_connect(sock: socket.socket, address: Address) -> OSError | None:
    try:
        sock.connect(address[1])
    except OSError as exc:
        return exc
    return None


def _try_send(sock: socket.socket, packet: bytes) -> OSError | None:
    sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)  # an earlier packet's refusal must not stop this one
    try:
        sock.send(packet)
    except OSError as exc:
        return exc
    return None
