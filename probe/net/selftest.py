"""The shell of `probe.selftest`: real downloads over the loopback, from a sender in a process of its own.

They take the way of a download for the record: the same protocol, the same buffers, every byte hashed as with a ticket.
"""

import asyncio
import sys
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress

from probe.clock import Clock
from probe.measure.download import Download
from probe.measure.outcome import CouldNotRun
from probe.net.address import PeerAddress
from probe.net.chance import Chance
from probe.net.scene import Scene
from probe.net.transfer import Transfer
from probe.selftest import KEPT, RATES_BPS, TRIES, Passed, is_clean, plan_of

PROGRAM = ("-P", "-m", "probe.net.bursts")
START_S = 10.0  # an old board loads Python in some seconds
NAME_BYTES = 16
Told = Callable[[int, bool], None]


async def run(clock: Clock, chance: Chance, told: Told) -> Passed:
    """Try each rate until one does not pass; `told` hears of each. Raises CouldNotRun if there is no sender."""
    clean_bps = 0
    async with _sender() as port:
        for rate_bps in RATES_BPS:
            for _ in range(TRIES):
                clean = await _passes(rate_bps, port, clock, chance)
                if clean:
                    clean_bps = rate_bps
                    break
            told(rate_bps, clean)
            if not clean:
                break
    return Passed(clean_bps, clean_bps == RATES_BPS[-1], clock.wall_us())


async def _passes(rate_bps: int, port: int, clock: Clock, chance: Chance) -> bool:
    peer = PeerAddress(f"http://127.0.0.1:{port}/{rate_bps}", "127.0.0.1", port, KEPT)
    core = Download(plan_of(rate_bps), chance(NAME_BYTES).hex())
    measured = await Transfer(core, Scene(peer, clock, chance), query={"sid": KEPT}).run()
    received, dur_us = measured.members.get("received_bytes"), measured.members.get("dur_us")
    if measured.end != "ok" or not isinstance(received, int) or not isinstance(dur_us, int):
        return False
    return is_clean(rate_bps, received, dur_us)


@asynccontextmanager
async def _sender(program: tuple[str, ...] = PROGRAM) -> AsyncIterator[int]:
    """The port of a sender, which is dead afterwards whatever happens."""
    try:
        process = await asyncio.create_subprocess_exec(
            sys.executable, *program, stdin=DEVNULL, stdout=PIPE, stderr=DEVNULL
        )
    except (OSError, NotImplementedError) as error:
        raise CouldNotRun(f"the self-test needs a process of its own: {error}") from error
    try:
        yield await _port_of(process)
    finally:
        with suppress(ProcessLookupError):
            process.kill()
        await process.communicate()


async def _port_of(process: Process) -> int:
    try:
        async with asyncio.timeout(START_S):
            line = b"" if process.stdout is None else await process.stdout.readline()
        return int(line)
    except (TimeoutError, ValueError) as error:
        raise CouldNotRun("the sender of the self-test does not start") from error
