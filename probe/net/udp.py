"""Drives a latency train over UDP echo. Interprets nothing.

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

from probe.clock import Clock
from probe.measure.latency import LatencyTrain
from probe.net.failures import trouble_of
from shared.failure import Stage

SO_TIMESTAMPNS = 35
TIMESPEC = struct.Struct("@ll")
AGE_LIMIT_US = 1_000_000  # older than this is a clock that was set, not a packet that waited
PACKET_LIMIT_BYTES = 2048

Address = tuple[socket.AddressFamily, tuple[str, int] | tuple[str, int, int, int] | tuple[int, bytes]]


def _age_us(control: list[tuple[int, int, bytes]], wall_us: int) -> int:
    """Say how long a packet has been waiting since the kernel had it."""
    for level, kind, stamp in control:
        if level == socket.SOL_SOCKET and kind == SO_TIMESTAMPNS and len(stamp) == TIMESPEC.size:
            seconds, nanoseconds = TIMESPEC.unpack(stamp)
            age_us = wall_us - (seconds * 1_000_000 + nanoseconds // 1000)
            return age_us if 0 <= age_us <= AGE_LIMIT_US else 0
    return 0


async def run_train(train: LatencyTrain, address: Address, clock: Clock) -> None:
    """Send a started train to an echo and take what comes back, until the train is final."""
    loop = asyncio.get_running_loop()
    arrived = asyncio.Event()
    with socket.socket(address[0], socket.SOCK_DGRAM) as sock:
        sock.setblocking(False)  # noqa: FBT003  (the standard library's own)
        if sys.platform.startswith(("linux", "android")):
            sock.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)

        def take() -> None:
            try:
                packet, control, _flags, _sender = sock.recvmsg(PACKET_LIMIT_BYTES, 64)
            except OSError:  # a refusal by the network; which packet it was for is unknown
                return
            train.receive(packet, clock.mono_us() - _age_us(control, clock.wall_us()))
            arrived.set()

        loop.add_reader(sock, take)
        try:
            refusal = _try_connect(sock, address)
            while (wake_us := train.next_wakeup(now_us := clock.mono_us())) is not None:
                for packet in train.to_send(now_us):
                    if (reason := refusal or _try_send(sock, packet)) is not None:
                        train.refuse(packet, trouble_of(reason, Stage.CONNECT))
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
