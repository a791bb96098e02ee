"""The shell of `probe.measure.download`: an ndt7 WebSocket on which the peer sends."""

from probe.measure.download import Download
from probe.measure.outcome import Measured
from probe.measure.transfer import TransferPlan
from probe.net.scene import Scene
from probe.net.websocket import Transfer


async def run(plan: TransferPlan, scene: Scene) -> Measured:
    """Receive from the peer for the plan's time."""
    return await Transfer(Download(plan), scene.clock).run(scene.peer, scene.progress)
