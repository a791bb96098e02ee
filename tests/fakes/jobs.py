"""Every method with a short plan, by the name under which the tests of faults order it, and how long each may last.

The addresses are those of the emulated link: the peer is known by an IPv4 address, an IPv6 address and a name.
"""

from dataclasses import dataclass, replace

from probe.measure import ookla
from probe.measure.dns import DnsPlan
from probe.measure.fetch import FetchPlan
from probe.measure.latency import LatencyPlan
from probe.measure.ookla_judge import OoklaPlan
from probe.measure.path import PathPlan
from probe.measure.train import Pace
from probe.measure.transfer import CLOSE_US, EVIDENCE, HANDSHAKE_US, LIGHT, OVERTIME_US, TransferPlan
from probe.net import lane, path
from probe.net.address import PeerAddress
from probe.settings import ResolverAddress, Settings

PORT = 8441
BY_IPV4, BY_IPV6, BY_NAME = "10.77.0.2", "fd00:77::2", "peer.internal"
LOOKED_UP = ("one.example",)
SETTINGS = Settings(names=LOOKED_UP, resolver=ResolverAddress(BY_IPV4))
PATIENCE_US = 1_500_000
DURATION_US = 2_500_000

FLOWS = replace(EVIDENCE, name="flows", duration_us=DURATION_US, warm_us=500_000, patience_us=PATIENCE_US)
ONE_FLOW = TransferPlan("one-flow", DURATION_US, 50_000_000, warm_us=200_000, patience_us=PATIENCE_US)
SOON_KNOWN = replace(LIGHT, patience_us=PATIENCE_US)
OBJECT = FetchPlan("object", 2_000_000, patience_us=PATIENCE_US, limit_us=15_000_000)
TRAIN = LatencyPlan("train", 31, Pace(50_000, 5_000, 200_000, wake_us=500_000, patience_us=1_000_000))
HOPS = PathPlan("hops", 5, 4, 2, 20_000, 1_100_000, patience_us=500_000, limit_us=10_000_000)
NAMES = DnsPlan("names", patience_us=2_000_000)

Plan = TransferPlan | FetchPlan | LatencyPlan | PathPlan | DnsPlan | OoklaPlan


@dataclass(frozen=True, slots=True)
class Job:
    """One method, its plan, and how the peer is addressed."""

    method: str
    plan: Plan
    host: str = BY_IPV4
    scheme: str = "http"

    @property
    def peer(self) -> PeerAddress:
        """Where the peer is."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return PeerAddress(f"{self.scheme}://{host}:{PORT}", self.host, PORT, "emulated")

    @property
    def deadline_us(self) -> int:
        """When it is over at the latest, counted from its start, by what its plan and its method state."""
        plan = self.plan
        match plan:
            case TransferPlan():
                draining_us = 2 * min(CLOSE_US, plan.patience_us)
                closing_us = int(2 * lane.CLOSE_GRACE_S * 1_000_000)
                return HANDSHAKE_US + plan.duration_us + OVERTIME_US + draining_us + closing_us
            case FetchPlan() | LatencyPlan():
                return plan.limit_us
            case PathPlan():
                return path.LOOKUP_S * 1_000_000 + plan.limit_us
            case DnsPlan():
                return (1 + len(LOOKED_UP)) * plan.patience_us
            case OoklaPlan():
                return ookla.PATIENCE_US + plan.client_us + ookla.KILL_US + plan.tail_us


JOBS = {
    "latency": Job("latency", TRAIN),
    "latency-by-name": Job("latency", TRAIN, BY_NAME),
    "download": Job("download", FLOWS),
    "download-6": Job("download", FLOWS, BY_IPV6),
    "download-by-name": Job("download", FLOWS, BY_NAME),
    "download-one-flow": Job("download", ONE_FLOW),
    "download-light": Job("download", SOON_KNOWN),
    "upload": Job("upload", FLOWS),
    "upload-by-name": Job("upload", FLOWS, BY_NAME),
    "upload-one-flow": Job("upload", ONE_FLOW),
    "upload-light": Job("upload", SOON_KNOWN),
    "upload-tls": Job("upload", FLOWS, scheme="https"),
    "fetch": Job("fetch", OBJECT),
    "fetch-6": Job("fetch", OBJECT, BY_IPV6),
    "fetch-by-name": Job("fetch", OBJECT, BY_NAME),
    "fetch-tls": Job("fetch", OBJECT, scheme="https"),
    "dns": Job("dns", NAMES, BY_NAME),
    "path": Job("path", HOPS),
    "path-by-name": Job("path", HOPS, BY_NAME),
    "ookla": Job("ookla", ookla.METERED),
}
