"""Drives a train by TCP connect: each of its numbers is a connection, opened and closed. Interprets nothing.

For lines on which neither UDP nor ICMP passes. The time is that of the handshake as the event loop sees it.
"""

import asyncio
import socket
from contextlib import suppress

from probe.clock import Clock
from probe.measure.train import Train
from probe.net.bind import bind
from probe.net.failures import trouble_of
from probe.net.udp import Address
from shared.failure import Stage


async def run_train(train: Train, address: Address, clock: Clock, interface: str | None = None) -> None:
    """Open a connection for each number of a started train, until the train is final; leave none open."""
    settled = asyncio.Event()
    tasks: set[asyncio.Task[None]] = set()

    async def connect(number: int) -> None:
        with socket.socket(address[0], socket.SOCK_STREAM) as sock:
            sock.setblocking(False)  # noqa: FBT003  (the standard library's own)
            try:
                bind(sock, interface)
                await asyncio.get_running_loop().sock_connect(sock, address[1])
                train.receive(number, clock.mono_us())
            except OSError as exc:
                train.refuse(number, trouble_of(exc, Stage.CONNECT), clock.mono_us())
            settled.set()

    try:
        while (wake_us := train.next_wakeup(now_us := clock.mono_us())) is not None:
            for number in train.to_send(now_us):
                tasks.add(asyncio.create_task(connect(number)))
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
