"""What download and upload share: their plans, the ways a connection ends, and which end is a failure.

Pure. The protocol is ndt7 (ndt7 specification 0.11); its finished handshake is t = 0.
"""

from dataclasses import dataclass
from enum import StrEnum

from probe.measure.outcome import Trouble
from shared.failure import Failure, Stage

HANDSHAKE_US = 10_000_000  # ndt7: allow 5 to 10 s for TCP, TLS and WebSocket together
SUBPROTOCOL = "net.measurementlab.ndt.v7"
MESSAGE_LIMIT_BYTES = 1 << 24  # ndt7: a reader takes messages up to this size
EARLY_US = 250_000  # a peer that ends in order sooner than this has shown nothing about the line
NEARLY_PER_MILLE = 900  # a connection cut without a closing frame counts only this near its planned end


@dataclass(frozen=True, slots=True)
class TransferPlan:
    """How long, how much at most, what to leave out at the start, and how long a silence may be."""

    name: str
    duration_us: int
    cap_bytes: int
    warm_us: int
    patience_us: int

    @property
    def cost_bytes(self) -> int:
        """What it may cost at most: one message over the cap (a sixteenth in ndt7), headers, handshake."""
        return self.cap_bytes * 9 // 8 + 65_536

    @property
    def query(self) -> dict[str, str]:
        """What we ask of the peer; a foreign ndt7 server takes it for metadata, which ends nothing."""
        max_ms = self.duration_us // 1000
        return {"max_ms": str(max_ms), "max_bytes": str(self.cap_bytes), "client_name": "speedproof"}


# 10 s and 7 s of patience: ndt7 and its Go client; 250 MB: the M-Lab early exit; 2 s: RMBT's pre-test.
STANDARD = TransferPlan("standard", 10_000_000, 250_000_000, warm_us=2_000_000, patience_us=7_000_000)
# Ours, for metered lines: a look, not evidence.
QUICK = TransferPlan("quick", 3_000_000, 30_000_000, warm_us=500_000, patience_us=5_000_000)
# Only for tests and very small budgets.
TINY = TransferPlan("tiny", 1_000_000, 4_000_000, warm_us=200_000, patience_us=2_000_000)
PLANS = {plan.name: plan for plan in (STANDARD, QUICK, TINY)}


class Ending(StrEnum):
    """How the peer ended a connection that nothing had gone wrong with."""

    CLOSE = "close"
    EOF = "eof"


def trouble_of_end(plan: TransferPlan, ending: Ending, counted_bytes: int, t_us: int) -> Trouble | None:
    """Say what is wrong with a transfer its peer ended at `t_us`; None if it counts.

    A transfer without a byte never counts. A closing frame counts from `EARLY_US` on; a bare end of the
    stream only if the planned time was nearly over; either of them once the cap was reached.
    """
    if counted_bytes > 0:
        nearly_us = plan.duration_us * NEARLY_PER_MILLE // 1000
        if counted_bytes >= plan.cap_bytes or t_us >= (EARLY_US if ending is Ending.CLOSE else nearly_us):
            return None
    return Trouble(Failure.EOF, Stage.BODY)
