"""The shell of `probe.measure.path`: over the error queue where there is one, else by scapy in a process of its own."""

import asyncio
import socket
from ipaddress import ip_address

from probe.measure.hops import Address, Near, Standing
from probe.measure.outcome import CouldNotRun, Measured, measured
from probe.measure.path import PORT, VERSION, PathPlan, PathTrace, packets_of, result_of
from probe.net import errqueue, lab
from probe.net.drive import drive
from probe.net.failures import trouble_of
from probe.net.lookup import look_up
from probe.net.scene import Scene
from probe.platform.host import source_to
from probe.platform.route import standing_towards
from shared.failure import Stage

LOOKUP_S = 10


async def run(plan: PathPlan, scene: Scene) -> Measured:
    """Find the hops to the peer's host; raises CouldNotRun where this system lets nobody ask for them."""
    start_us = scene.clock.mono_us()
    try:
        target = await _look_up(scene.peer.udp_host)
    except (OSError, UnicodeError) as exc:
        spent_us = scene.clock.mono_us() - start_us
        return measured(trouble_of(exc, Stage.DNS), {"plan": plan.name, "ver": VERSION, "dur_us": spent_us})
    trace = PathTrace(plan, packets_of(plan, scene.chance(plan.chance_bytes)), target)
    try:
        sock = errqueue.open_socket(target, scene.interface)
    except (OSError, NotImplementedError):
        return await _by_lab(trace, scene)
    with sock:
        return await _by_error_queue(trace, sock, scene)


async def _by_error_queue(trace: PathTrace, sock: socket.socket, scene: Scene) -> Measured:
    trace.start(scene.clock.mono_us())
    try:
        sock.connect((str(trace.target), PORT))
    except OSError as exc:
        trace.refuse(trouble_of(exc, Stage.CONNECT), scene.clock.mono_us())
        return result_of(trace, Standing(Near.UNKNOWN), "udp_errqueue")
    standing = standing_towards(trace.target, str(sock.getsockname()[0]), scene.interface)
    await drive(trace, errqueue.ask(trace, sock, scene.clock), scene.clock, scene.progress)
    return result_of(trace, standing, "udp_errqueue")


async def _by_lab(trace: PathTrace, scene: Scene) -> Measured:
    if scene.interface is not None:
        raise CouldNotRun(f"no error queue on this system, and scapy cannot be pinned to {scene.interface}")
    source = source_to(str(trace.target), PORT)
    standing = Standing(Near.UNKNOWN) if source is None else standing_towards(trace.target, source)
    async with lab.started(trace) as process:
        trace.start(scene.clock.mono_us())
        await drive(trace, lab.ask(trace, process, scene.clock), scene.clock, scene.progress)
    return result_of(trace, standing, "scapy")


async def _look_up(host: str) -> Address:
    """Find the first address; the resolver's own order is the system's preference."""
    async with asyncio.timeout(LOOKUP_S):
        found = await look_up(host, PORT, kind=socket.SOCK_DGRAM)
    return ip_address(str(found[0][2][0]))
