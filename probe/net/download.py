"""The shell of `probe.measure.download`: WebSockets on which the peer sends."""

from dataclasses import replace

from probe.measure.download import Download
from probe.measure.outcome import Measured
from probe.measure.transfer import TransferPlan
from probe.net.scene import Scene
from probe.net.transfer import Transfer
from shared.transfer import Direction

NAME_BYTES = 16


async def run(plan: TransferPlan, scene: Scene) -> Measured:
    """Receive from the peer for the plan's time; with a ticket, return what came and be given the peer's word."""
    core = Download(plan, scene.chance(NAME_BYTES).hex())
    if scene.tickets is None:
        return await Transfer(core, scene).run()
    admitted = await scene.tickets.ask(Direction.DOWN, plan.flows, plan.cap_bytes)
    transfer = Transfer(core, scene, query=admitted.query)
    measured = await transfer.run()
    counts = [flow.samples.total_bytes for flow in core.flows]
    said = await scene.tickets.finish(admitted, counts, [lane.digest for lane in transfer.lanes])
    return replace(measured, members={**measured.members, **said})
