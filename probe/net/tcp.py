"""Drives a latency train by TCP connect: each packet is a connection, opened and closed. Interprets nothing.

For lines on which UDP does not pass. The time is that of the handshake as the event loop sees it.
"""

import asyncio
import socket
from contextlib import suppress

from probe.clock import Clock
from probe.measure.latency import LatencyTrain
from probe.net.failures import trouble_of
from probe.net.udp import Address
from shared.failure import Stage


async def run_train(train: LatencyTrain, address: Address, clock: Clock) -> None:
    """Open a connection for each packet of a started train, until the train is final; leave none open."""
    settled = asyncio.Event()
    tasks: set[asyncio.Task[None]] = set()

    async def connect(packet: bytes) -> None:
        with socket.socket(address[0], socket.SOCK_STREAM) as sock:
            sock.setblocking(False)  # noqa: FBT003  (the standard library's own)
            try:
                await asyncio.get_running_loop().sock_connect(sock, address[1])
                train.receive(packet, clock.mono_us())
            except OSError as exc:
                train.refuse(packet, trouble_of(exc, Stage.CONNECT))
            settled.set()

    try:
        while (wake_us := train.next_wakeup(now_us := clock.mono_us())) is not None:
            for packet in train.to_send(now_us):
                tasks.add(asyncio.create_task(connect(packet)))
                wake_us = now_us
            settled.clear()
            with suppress(TimeoutError):
                async with asyncio.timeout((wake_us - now_us) / 1_000_000):
                    await settled.wait()
    finally:
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)
