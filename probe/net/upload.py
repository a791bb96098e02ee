"""The shell of `probe.measure.upload`: an ndt7 WebSocket on which we send and the peer counts."""

from probe.measure.outcome import Measured
from probe.measure.transfer import TransferPlan
from probe.measure.upload import LARGEST_MESSAGE_BYTES, Upload
from probe.net.scene import Scene
from probe.net.websocket import Transfer


async def run(plan: TransferPlan, scene: Scene) -> Measured:
    """Send to the peer for the plan's time; the mask that WebSocket adds makes each message's bytes new."""
    return await Transfer(Upload(plan), scene.clock, scene.chance(LARGEST_MESSAGE_BYTES)).run(
        scene.peer, scene.progress
    )
