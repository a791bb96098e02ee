"""The shell of `probe.measure.loaded_latency`: an idle train, then a load with a train and probes beside it."""

import asyncio
import socket
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace

from probe.measure.latency import LOOKUP_US
from probe.measure.loaded_latency import CHANCE_BYTES, NAME, LoadedLatency
from probe.measure.loaded_plan import LoadedLatencyPlan
from probe.measure.outcome import CouldNotRun, Measured, Progress
from probe.measure.upload import Upload
from probe.net import foreign, udp
from probe.net.connect import Found, Origin, find
from probe.net.latency import Ways
from probe.net.lookup import look_up
from probe.net.scene import Scene
from probe.net.tickets import Admitted
from probe.net.transfer import Transfer
from shared.transfer import SEED_BYTES, Direction, KeyStream

LEAST_LOOK_US, LOOK_US = 2_000, 50_000


async def run(plan: LoadedLatencyPlan, scene: Scene) -> Measured:
    """Measure the idle line, load it in the plan's direction, and measure again beside the load."""
    core, origin = LoadedLatency(plan, scene.chance(CHANCE_BYTES)), Origin.of(scene)
    reflector = await _idle(core, origin, scene)
    seed = scene.chance(SEED_BYTES) if isinstance(core.load, Upload) else None
    admitted = await _admitted(core, scene, seed)
    streams = [] if seed is None else [KeyStream(seed, number) for number in range(plan.load.flows)]
    transfer = Transfer(core.load, _watched(scene), streams, None if admitted is None else admitted.query)
    addresses = await _addresses(origin)
    try:
        async with asyncio.TaskGroup() as tasks:
            # This task begins only when the load has begun, at the first moment at which that one waits.
            tasks.create_task(_beside(core, transfer, origin, addresses, reflector, scene, tasks))
            await transfer.run()
            core.ended(scene.clock.mono_us())
    except* (CouldNotRun, OSError) as group:  # no thread or no socket to spare: nothing that the line did
        raise CouldNotRun(str(group.exceptions[0])) from group
    measured = core.result()
    if admitted is None or scene.tickets is None:
        return measured
    counts = [] if seed is not None else [flow.samples.total_bytes for flow in core.load.flows]
    said = await scene.tickets.finish(admitted, counts, [lane.digest for lane in transfer.lanes] if counts else [])
    return replace(measured, members={**measured.members, **said})


async def _idle(core: LoadedLatency, origin: Origin, scene: Scene) -> udp.Address | None:
    """Measure the idle line, by TCP if not by STAMP; where the reflector is, if it answered."""
    ways = Ways(core.plan.idle, _watched(scene))
    peer = scene.peer
    core.idle.append(await ways.stamp(peer.udp_host, peer.udp_port))
    if core.idle[-1].trouble is not None:
        core.idle.append(await ways.tcp(origin.host, origin.port))
        return None
    with suppress(OSError, UnicodeError):
        async with asyncio.timeout(LOOKUP_US / 1_000_000):
            family, _protocol, address = (await look_up(peer.udp_host, peer.udp_port, kind=socket.SOCK_DGRAM))[0]
        return family, address
    return None


async def _admitted(core: LoadedLatency, scene: Scene, seed: bytes | None) -> Admitted | None:
    """What the peer says of the load that is to come; None if it need not be asked."""
    if scene.tickets is None:
        return None
    load = core.plan.load
    return await scene.tickets.ask(Direction.DOWN if seed is None else Direction.UP, load.flows, load.cap_bytes, seed)


async def _addresses(origin: Origin) -> Sequence[Found]:
    """Where probes go; nowhere if the name is not found, which the load will say."""
    with suppress(OSError, UnicodeError):
        async with asyncio.timeout(LOOKUP_US / 1_000_000):
            return await find(origin, lambda _stage: None)
    return ()


def _watched(scene: Scene) -> Scene:
    """The same scene, with every part of this measurement told under its name."""
    watch = scene.progress
    if watch is None:
        return scene

    def tell(progress: Progress) -> None:
        watch(replace(progress, method=NAME))

    return replace(scene, progress=tell)


async def _beside(
    core: LoadedLatency,
    transfer: Transfer,
    origin: Origin,
    addresses: Sequence[Found],
    reflector: udp.Address | None,
    scene: Scene,
    tasks: asyncio.TaskGroup,
) -> None:
    """Send packets and probes beside a load that has begun, until the core is final."""
    clock, waiting = scene.clock, reflector
    while (wake_us := core.next_wakeup(now_us := clock.mono_us())) is not None:
        if waiting is not None and core.load.zero_us is not None:
            core.start_train(*udp.one_moment(clock))
            tasks.create_task(udp.run_train(core.stamp, waiting, clock, scene.interface))
            waiting = None
        for number, lane in enumerate(transfer.lanes):
            core.heard(number, lane.round_trip_us, now_us)
        if addresses and (begun := core.to_probe(now_us)) is not None:
            tasks.create_task(foreign.probe(core, begun, origin, addresses, clock))
            continue
        await asyncio.sleep(min(max(wake_us - now_us, LEAST_LOOK_US), LOOK_US) / 1_000_000)
