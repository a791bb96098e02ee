"""The plans of `probe.measure.loaded_latency`: which load, at what pace packets go beside it, what it may cost. Data only.

The load's congestion control is CUBIC, which most senders use and which fills a queue that is there to be filled: what
is asked is how long a customer waits, not how gently one could have loaded the line. The record names what ran.
"""

from dataclasses import dataclass, replace

from probe.measure.claims import Direction
from probe.measure.foreign import MOST_PROBES, WIRE_BYTES
from probe.measure.foreign import PATIENCE_US as PROBE_PATIENCE_US
from probe.measure.latency import LOOKUP_US, PACKET_WIRE_BYTES, LatencyPlan
from probe.measure.latency import QUICK as IDLE
from probe.measure.latency import STANDARD as LATENCY
from probe.measure.train import Pace
from probe.measure.transfer import CLOSE_US, EVIDENCE, HANDSHAKE_US, OVERTIME_US, Protocol, TransferPlan


@dataclass(frozen=True, slots=True)
class LoadedLatencyPlan:
    """Which load, at what pace packets go beside it, and the train before it."""

    name: str
    direction: Direction
    load: TransferPlan
    pace: Pace
    idle: LatencyPlan = IDLE

    @property
    def packets(self) -> int:
        """How many packets may go beside the load."""
        return 2 * (self.load.duration_us + OVERTIME_US + CLOSE_US) // self.pace.mean_us

    @property
    def cost_bytes(self) -> int:
        """What it may cost at most, both ways: load, idle train, packets beside the load, probes."""
        beside = self.packets * 2 * PACKET_WIRE_BYTES + MOST_PROBES * WIRE_BYTES
        return self.load.cost_bytes + self.idle.cost_bytes + beside

    @property
    def limit_us(self) -> int:
        """How long it may take at most, without what is asked of the peer beforehand and afterwards."""
        idle_us = 2 * (LOOKUP_US + self.idle.burst_limit_us)
        load_us = HANDSHAKE_US + self.load.duration_us + OVERTIME_US + 2 * CLOSE_US
        return idle_us + 2 * LOOKUP_US + load_us + max(self.pace.patience_us + self.pace.cap_us, PROBE_PATIENCE_US)


# Ours: a glance. Two seconds of one flow, of which the last 1.2 s count: 5 MB at 20 Mbit/s; RPM only with low confidence.
GLANCE = TransferPlan(
    "glance",
    2_000_000,
    25_000_000,
    warm_us=800_000,
    patience_us=5_000_000,
    protocol=Protocol.THROUGHPUT1,
    congestion="cubic",
)
# The evidence transfer, longer: eight intervals of the draft's algorithm fit, and the whole stays below its limit of 12 s.
FULL = replace(EVIDENCE, name="full", duration_us=10_200_000, congestion="cubic")
GLANCE_PACE = replace(LATENCY.pace, mean_us=20_000, cap_us=80_000)
DOWNLOAD = LoadedLatencyPlan("download", "download", FULL, LATENCY.pace)
UPLOAD = LoadedLatencyPlan("upload", "upload", FULL, LATENCY.pace)
DOWNLOAD_LIGHT = LoadedLatencyPlan("download-light", "download", GLANCE, GLANCE_PACE)
UPLOAD_LIGHT = LoadedLatencyPlan("upload-light", "upload", GLANCE, GLANCE_PACE)
PLANS = {plan.name: plan for plan in (DOWNLOAD_LIGHT, UPLOAD_LIGHT, DOWNLOAD, UPLOAD)}
