"""The shell of `probe.measure.download`: an ndt7 WebSocket on which the peer sends."""

from probe.clock import Clock
from probe.measure.download import Download
from probe.measure.outcome import Measured
from probe.measure.transfer import TransferPlan
from probe.net.address import PeerAddress
from probe.net.chance import Chance
from probe.net.drive import Watcher
from probe.net.websocket import Transfer


async def run(
    plan: TransferPlan,
    peer: PeerAddress,
    *,
    clock: Clock,
    chance: Chance,
    progress: Watcher | None = None,
) -> Measured:
    """Receive from the peer for the plan's time."""
    del chance  # every method is called alike; here the peer's chance fills the load
    return await Transfer(Download(plan), clock).run(peer, progress)
