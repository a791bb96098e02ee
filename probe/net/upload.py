"""The shell of `probe.measure.upload`: an ndt7 WebSocket on which we send and the peer counts."""

from probe.clock import Clock
from probe.measure.outcome import Measured
from probe.measure.transfer import TransferPlan
from probe.measure.upload import LARGEST_MESSAGE_BYTES, Upload
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
    """Send to the peer for the plan's time; the mask that WebSocket adds makes each message's bytes new."""
    return await Transfer(Upload(plan), clock, chance(LARGEST_MESSAGE_BYTES)).run(peer, progress)
