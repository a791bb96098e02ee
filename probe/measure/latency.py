"""Latency of an idle line: one burst by STAMP, else by ICMP echo, else by TCP connect.

Pure: the plans, what they may cost, and how what the ways saw becomes one measurement. A way is given up only
when nothing at all came back by it; the record says which one was used and which were tried in vain. The
figures of the ways differ in what answers (a program, a kernel, a kernel's TCP), so they are not mixed.

Plans. The waiting time of `standard` is that of RFC 8912, and its distances average 50 ms because an uplink
scheduling request may take up to 80 ms on LTE: they fall into every phase of it. `quick` is for a look by hand.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from probe.measure.outcome import Measured, Value, measured
from probe.measure.train import Pace, Seen
from shared.stamp import PACKET_BYTES

NAME = "latency"
VERSION = 2
# With IPv6, UDP and link headers: one packet, by STAMP and by ICMP; eight segments of a connection opened and closed.
PACKET_WIRE_BYTES = PACKET_BYTES + 62
TCP_WIRE_BYTES = 8 * 94
LOOKUP_WIRE_BYTES = 4 * 300  # both kinds of address, question and answer
WAYS = 3
LOOKUP_US = 10_000_000
LAB_START_US = 5_000_000  # a small board needs this long to import scapy


@dataclass(frozen=True, slots=True)
class LatencyPlan:
    """How many packets, the first one among them, and at what pace."""

    name: str
    packets: int
    pace: Pace

    @property
    def cost_bytes(self) -> int:
        """What it may cost at most, both directions together: the burst by STAMP, by ICMP and by TCP."""
        return self.packets * (2 * 2 * PACKET_WIRE_BYTES + TCP_WIRE_BYTES) + WAYS * LOOKUP_WIRE_BYTES

    @property
    def expected_us(self) -> int:
        """How long it takes on a line that answers."""
        return self.packets * self.pace.mean_us

    @property
    def burst_limit_us(self) -> int:
        """How long one way may take at most."""
        return self.pace.wake_us + self.packets * self.pace.cap_us + self.pace.patience_us

    @property
    def limit_us(self) -> int:
        """How long it may take at most: every look-up is slow, and nothing answers by any way."""
        return WAYS * (LOOKUP_US + self.burst_limit_us) + LAB_START_US


STANDARD = LatencyPlan(
    "standard",
    packets=21,
    pace=Pace(mean_us=50_000, floor_us=5_000, cap_us=200_000, wake_us=500_000, patience_us=3_000_000),
)
QUICK = LatencyPlan(
    "quick",
    packets=11,
    pace=Pace(mean_us=20_000, floor_us=5_000, cap_us=80_000, wake_us=500_000, patience_us=1_000_000),
)
PLANS = {plan.name: plan for plan in (STANDARD, QUICK)}


def result_of(plan: LatencyPlan, ways: Sequence[Seen], dur_us: int) -> Measured:
    """Make one measurement of what the ways saw, in the order in which they were tried; the last one counts.

    The line failed only when no way had an answer; the failure is then the one of the last way.
    """
    *vain, last = ways
    members: dict[str, Value] = {"plan": plan.name, "ver": VERSION, "dur_us": dur_us}
    members |= {"interval_us": plan.pace.mean_us, "patience_us": plan.pace.patience_us}
    if vain:
        members["tried"] = ",".join(seen.via for seen in vain)
    return measured(last.trouble, members | last.members())
