"""The shell of `probe.measure.upload`: WebSockets on which we send and the peer counts."""

from dataclasses import replace

from probe.measure.outcome import Measured
from probe.measure.transfer import TransferPlan
from probe.measure.upload import Upload
from probe.net.download import NAME_BYTES
from probe.net.scene import Scene
from probe.net.transfer import Transfer
from shared.transfer import SEED_BYTES, Direction, KeyStream


async def run(plan: TransferPlan, scene: Scene) -> Measured:
    """Send to the peer for the plan's time; with a ticket, bind ourselves to the bytes beforehand."""
    core, seed = Upload(plan, scene.chance(NAME_BYTES).hex()), scene.chance(SEED_BYTES)
    streams = [KeyStream(seed, number) for number in range(plan.flows)]
    if scene.tickets is None:
        return await Transfer(core, scene, streams).run()
    admitted = await scene.tickets.ask(Direction.UP, plan.flows, plan.cap_bytes, seed)
    measured = await Transfer(core, scene, streams, admitted.query).run()
    said = await scene.tickets.finish(admitted, (), ())
    return replace(measured, members={**measured.members, **said})
