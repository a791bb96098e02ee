"""ICMP echo without privileges where the system allows it, else by a process that may. Interprets nothing.

A datagram socket for ICMP needs no privilege, but Linux opens one only to the groups of
`net.ipv4.ping_group_range`, by default to none; then `PermissionError` is raised before anything is sent. A
device that has scapy and may open raw sockets asks `probe.net.lab_ping` in a process of its own, because
scapy weighs more than the whole probe; what that process says is not believed before it was looked at. On
Android scapy cannot do it.
"""

import asyncio
import os
import socket
import sys
from dataclasses import astuple
from importlib.util import find_spec
from pathlib import Path

from probe.clock import Clock
from probe.measure.latency import LAB_START_US, LatencyPlan
from probe.measure.outcome import Trouble
from probe.measure.train import Seen
from probe.net.bind import bind
from probe.net.udp import Address, PacketCore, exchange
from shared import strictjson
from shared.errors import Malformed
from shared.failure import Failure, Stage
from shared.record import LOST
from shared.strictjson import JsonObject

STATUS = Path("/proc/self/status")
CAP_NET_RAW = 1 << 13
ANSWER_LIMIT_BYTES = 65_536


async def run_train(core: PacketCore, address: Address, clock: Clock, interface: str | None = None) -> None:
    """Exchange the messages of a started core with a host, until the core is final. Raises OSError if it may not."""
    protocol = socket.IPPROTO_ICMPV6 if address[0] == socket.AF_INET6 else socket.IPPROTO_ICMP
    with socket.socket(address[0], socket.SOCK_DGRAM, protocol) as sock:
        bind(sock, interface)
        await exchange(sock, core, without_port(address), clock)


def without_port(address: Address) -> Address:
    """Give the address of a host for that of one of its ports."""
    family, (host, _port, *rest) = address
    return family, (host, 0, *rest)  # type: ignore[return-value]  # the tuple keeps its length


def lab_is_possible() -> bool:
    """Say whether scapy is there and this process may open raw sockets."""
    return sys.platform != "android" and find_spec("scapy") is not None and _may_open_raw_sockets()


def _may_open_raw_sockets() -> bool:
    try:
        lines = STATUS.read_text(encoding="ascii", errors="replace").splitlines()
    except OSError:
        return hasattr(os, "geteuid") and os.geteuid() == 0
    held = next((line.split()[1] for line in lines if line.startswith("CapEff:")), "0")
    return bool(int(held, 16) & CAP_NET_RAW)


async def run_apart(plan: LatencyPlan, address: Address, chance: bytes) -> Seen | None:
    """Let another process measure; None if it could not. It is dead when this returns, whatever happens."""
    pace = list(astuple(plan.pace))
    task: JsonObject = {"address": str(address[1][0]), "packets": plan.packets, "pace": pace, "chance": chance.hex()}
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-P", "-m", "probe.net.lab_ping", strictjson.encode(task).decode()),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
        limit=ANSWER_LIMIT_BYTES,
    )
    try:
        async with asyncio.timeout((LAB_START_US + plan.burst_limit_us) / 1_000_000):
            answer = b"" if process.stdout is None else await process.stdout.readline()
            status = await process.wait()
    except (TimeoutError, ValueError):  # too late, or a line without end
        return None
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    return seen_by_lab(answer, plan) if status == 0 else None


def seen_by_lab(answer: bytes, plan: LatencyPlan) -> Seen | None:
    """Read what the other process said; None unless it is the round trips of one train by this plan."""
    try:
        told = strictjson.decode(answer.removesuffix(b"\n"))
    except Malformed:
        return None
    said = told.get("rtts_us")
    if not isinstance(said, list) or len(said) != plan.packets:
        return None
    rtts_us = tuple(rtt_us for rtt_us in said if type(rtt_us) is int and LOST <= rtt_us < plan.pace.patience_us)
    if len(rtts_us) != plan.packets:
        return None
    answered = any(rtt_us != LOST for rtt_us in rtts_us)
    trouble = None if answered else Trouble(Failure.TIMEOUT, Stage.CONNECT)
    return Seen("icmp", rtts_us, trouble, kernel_stamps=answered and told.get("kernel_stamps") is True)
