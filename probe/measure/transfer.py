"""What download and upload share: their plans, the ways a connection ends, and which end is a failure.

Pure. Two protocols of M-Lab: ndt7 (specification 0.11; one flow) and throughput1 (msak; several flows, a WebSocket
each). The finished handshake of the first flow is t = 0. What a plan asks of the peer beyond the protocol (`max_ms`,
`max_bytes`, `wake_ms`, `text_ms`) goes into the query, where a foreign server takes it for metadata.
"""

from dataclasses import dataclass
from enum import StrEnum

from probe.measure.outcome import Trouble
from shared.failure import Failure, Stage

HANDSHAKE_US = 10_000_000  # ndt7: allow 5 to 10 s for TCP, TLS and WebSocket together
EARLY_US = 250_000  # a peer that ends in order sooner than this has shown nothing about the line
NEARLY_PER_MILLE = 900  # a connection cut without a closing frame counts only this near its planned end
OVERTIME_US = 300_000  # a peer that goes on longer than planned by this is asked to stop
CLOSE_US = 3_000_000  # what is under way when we stop is waited for this long (RMBT)
QUIET_US = 300_000  # a line silent for this long may have died; one that is alive shows it again within `CLOSE_US`
RAMP_ROUND_TRIPS = 6  # from ten packets in each flow to the window of a fast line, doubling in each
LEAST_RAMP_US, MOST_RAMP_US = 300_000, 1_500_000
TALK_SHARE = 128  # of the cap, for what is not load
WAKE_BYTES = 1 << 6  # one message, and
WAKE_EVERY_US = 100_000  # one each: below the shortest timer after which a phone's radio dozes off (DRX)


class Protocol(StrEnum):
    """What is spoken with the peer."""

    NDT7 = "ndt7"
    THROUGHPUT1 = "throughput1"


SUBPROTOCOL = {
    Protocol.NDT7: "net.measurementlab.ndt.v7",
    Protocol.THROUGHPUT1: "net.measurementlab.throughput.v1",
}
PATH = {Protocol.NDT7: "ndt/v7", Protocol.THROUGHPUT1: "throughput/v1"}


@dataclass(frozen=True, slots=True)
class TransferPlan:
    """How long, how much at most, what to leave out at the start, how long a silence may be, and in what way.

    `duration_us` is the time from t = 0 until the sender stops; what is then still under way is counted as it arrives.
    `gentle` plans send only a trickle at first, which wakes the radio, and full load for the last part of the warm-up,
    which opens the windows; `light` ones stop as soon as the rate is known well enough.
    """

    name: str
    duration_us: int
    cap_bytes: int
    warm_us: int
    patience_us: int
    protocol: Protocol = Protocol.NDT7
    flows: int = 1
    spacing_us: int = 100_000
    gentle: bool = False
    light: bool = False
    congestion: str = ""

    @property
    def cost_bytes(self) -> int:
        """What it may cost at most, both ways: the cap, the headers of packets and their acknowledgements, handshakes."""
        return self.cap_bytes * 9 // 8 + self.flows * 65_536

    @property
    def flow_cap_bytes(self) -> int:
        """One flow's share of the cap, with room left for texts and heads of frames, so that a good peer ends by itself."""
        return (self.cap_bytes - self.cap_bytes // TALK_SHARE) // self.flows

    @property
    def close_us(self) -> int:
        """How long what is under way when we stop is waited for."""
        return min(CLOSE_US, self.patience_us)

    def wake_us(self, round_trip_us: int) -> int:
        """How long to trickle before the load, so that the windows are open when the warm-up ends."""
        ramp_us = min(max(RAMP_ROUND_TRIPS * round_trip_us, LEAST_RAMP_US), MOST_RAMP_US)
        return max(self.warm_us - ramp_us, 0) if self.gentle else 0

    def query(self, name: str, wake_us: int, text_us: int) -> dict[str, str]:
        """What we ask of the peer; `name` tells this transfer's flows from others'; texts come as often as they count."""
        duration_ms, asked = str(self.duration_us // 1000), {"client_name": "speedproof"}
        if self.protocol is Protocol.NDT7:
            return asked | {"max_ms": duration_ms, "max_bytes": str(self.flow_cap_bytes)}
        asked |= {"mid": name, "streams": str(self.flows), "duration": duration_ms, "bytes": str(self.flow_cap_bytes)}
        if self.congestion:
            asked["cc"] = self.congestion
        return asked | {"text_ms": str(text_us // 1000), "wake_ms": str(wake_us // 1000)}

    def asks_for_bursts(self, number: int) -> bool:
        """Whether a flow is the one that shows how fast the line is before the load begins."""
        return self.gentle and number == 0 and self.flows > 1


# 10 s and 7 s of patience: ndt7 and its Go client; 250 MB: the M-Lab early exit; 2 s: RMBT's pre-test.
STANDARD = TransferPlan("standard", 10_000_000, 250_000_000, warm_us=2_000_000, patience_us=7_000_000)
# Ours, for metered lines: a look, not evidence.
QUICK = TransferPlan("quick", 3_000_000, 30_000_000, warm_us=500_000, patience_us=5_000_000)
# Only for tests and very small budgets.
TINY = TransferPlan("tiny", 1_000_000, 4_000_000, warm_us=200_000, patience_us=2_000_000)
# RMBT (specification 1.2.0): three flows, 2 s for the radio, then 7 s. The sender stops half a second early: its
# last bytes leave the queue of the line while the seventh second ends. 150 MB: 7 s at 170 Mbit/s.
EVIDENCE = TransferPlan(
    "evidence",
    8_550_000,
    150_000_000,
    warm_us=2_000_000,
    patience_us=7_000_000,
    protocol=Protocol.THROUGHPUT1,
    flows=3,
    gentle=True,
    congestion="bbr",
)
# Ours, with the stopping idea of FastBTS (NSDI'21): at most 1.8 s, less as soon as the rate is level and known to 5 %.
LIGHT = TransferPlan(
    "light",
    1_800_000,
    40_000_000,
    warm_us=0,
    patience_us=5_000_000,
    protocol=Protocol.THROUGHPUT1,
    spacing_us=25_000,
    light=True,
    congestion="bbr",
)
PLANS = {plan.name: plan for plan in (STANDARD, QUICK, TINY, EVIDENCE, LIGHT)}


class Ending(StrEnum):
    """How the peer ended a connection that nothing had gone wrong with."""

    CLOSE = "close"
    EOF = "eof"


def trouble_of_end(plan: TransferPlan, ending: Ending, counted_bytes: int, t_us: int) -> Trouble | None:
    """Say what is wrong with a flow its peer ended at `t_us`; None if it counts.

    A flow without a byte never counts. A closing frame counts from `EARLY_US` on; a bare end of the stream only if the
    planned time was nearly over; either of them once the flow's cap was reached.
    """
    if counted_bytes > 0:
        nearly_us = plan.duration_us * NEARLY_PER_MILLE // 1000
        if counted_bytes >= plan.flow_cap_bytes or t_us >= (EARLY_US if ending is Ending.CLOSE else nearly_us):
            return None
    return Trouble(Failure.EOF, Stage.BODY)
