"""Asks for a path through `probe.net.lab_path`, a process of its own with scapy in it. Interprets nothing.

For systems without an error queue, where whoever runs the probe may open raw sockets. One line of strict JSON
goes in for each probe, one comes out: what answered, or that nothing did. What comes out is a stranger's word:
a line that is not in the format, is too long or does not come ends the measurement as one that could not run.
The process is killed, and waited for, on every way out, and ends by itself when its input or its time does.
"""

import asyncio
import sys
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from ipaddress import ip_address

from probe.clock import Clock
from probe.measure.icmp import Reply
from probe.measure.outcome import CouldNotRun
from probe.measure.path import PORT, PathTrace
from shared import strictjson
from shared.errors import Malformed
from shared.strictjson import JsonObject

READY_S = 20  # a small board needs some seconds to load scapy
GRACE_S = 5  # on top of the patience: scapy itself asks for the gateway's hardware address, and waits for it
LINE_LIMIT_BYTES = 4096
ICMP_NUMBERS = range(256)


@asynccontextmanager
async def started(trace: PathTrace, program: tuple[str, ...] = ("-m", "probe.net.lab_path")) -> AsyncIterator[Process]:
    """Keep the process up; raises CouldNotRun where it is not allowed or there is no scapy."""
    plan = trace.plan
    words = ["--json", "--target", str(trace.target), "--port", str(PORT)]
    words += ["--patience-us", str(plan.patience_us * 9 // 10), "--limit-us", str(plan.limit_us + 1_000_000 * READY_S)]
    try:
        process = await asyncio.create_subprocess_exec(
            sys.executable, *program, *words, stdin=PIPE, stdout=PIPE, stderr=DEVNULL, limit=LINE_LIMIT_BYTES
        )
    except (OSError, NotImplementedError) as exc:
        raise CouldNotRun(f"no error queue on this system, and no process of its own: {exc}") from exc
    try:
        ready = await _line(process, READY_S)
        if "ready" not in ready:
            why = ready.get("refused")
            raise CouldNotRun(f"no error queue on this system, and scapy cannot help: {str(why)[:80]}")
        yield process
    finally:
        await _end(process)


async def ask(trace: PathTrace, process: Process, clock: Clock) -> None:
    """Send a started trace's probes and take what comes back, until the trace is final."""
    while (wake_us := trace.next_wakeup(now_us := clock.mono_us())) is not None:
        probe = trace.to_send(now_us)
        if probe is None:
            await asyncio.sleep(max(wake_us - now_us, 0) / 1_000_000)
            continue
        await _tell(process, {"packet": probe.packet.hex(), "ttl": probe.ttl})
        told = await _line(process, trace.plan.patience_us / 1_000_000 + GRACE_S)
        if "silent" not in told:
            reply, rtt_us = read_reply(told)
            trace.receive(reply, probe.sent_us + rtt_us)


def read_reply(told: JsonObject) -> tuple[Reply, int]:
    """Read what the process says of an answer, and its round trip; raises CouldNotRun if it says anything else."""
    quote, offender = told.get("quote"), told.get("offender")
    numbers = [told.get(name) for name in ("type", "code", "rtt_us")]
    match quote, offender, numbers:
        case str(quote), str(offender), [int(icmp_type), int(icmp_code), int(rtt_us)] if (
            icmp_type in ICMP_NUMBERS and icmp_code in ICMP_NUMBERS and rtt_us >= 0
        ):
            with suppress(ValueError):
                return Reply(bytes.fromhex(quote), ip_address(offender), icmp_type, icmp_code), rtt_us
    raise CouldNotRun("the lab process gave nonsense")


async def _tell(process: Process, told: JsonObject) -> None:
    if process.stdin is None:
        raise CouldNotRun("the lab process has no ear")
    try:
        process.stdin.write(strictjson.encode(told) + b"\n")
        await process.stdin.drain()
    except ConnectionError as exc:
        raise CouldNotRun("the lab process ended") from exc


async def _line(process: Process, timeout_s: float) -> JsonObject:
    if process.stdout is None:
        raise CouldNotRun("the lab process has no voice")
    try:
        async with asyncio.timeout(timeout_s):
            line = await process.stdout.readline()
        return strictjson.decode(line.removesuffix(b"\n"))
    except (TimeoutError, ValueError, Malformed) as exc:
        raise CouldNotRun("the lab process ended, hung or gave nonsense") from exc


async def _end(process: Process) -> None:
    with suppress(ProcessLookupError):
        process.kill()
    await process.communicate()
