"""Every method of measuring, in sight and in full.

One tuple, no registration: a method that fails to import stops the program and does not vanish. Changing what
a method means raises its version. A new method is one more row here, one core in `probe.measure` and one
shell in `probe.net`, under the same name.
"""

from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

import probe.net.dns
import probe.net.download
import probe.net.fetch
import probe.net.latency
import probe.net.ookla
import probe.net.path
import probe.net.upload
from probe.measure import dns, download, fetch, latency, ookla, path, stamp, transfer, upload
from probe.measure.outcome import Core, Measured

Way = Literal["down", "up"]
Weight = Literal["light", "heavy", "by_hand"]  # in every slot, in every n-th slot, only when a person asks for it


class Plan(Protocol):
    """What every plan says of itself."""

    @property
    def name(self) -> str:
        """Its name, unique within its method."""

    @property
    def cost_bytes(self) -> int:
        """What it may cost at most, both directions together."""


@dataclass(frozen=True, slots=True)
class Method:
    """One way of measuring; a core and a shell of one row take the plans of that row and no others."""

    name: str
    version: int
    ways: tuple[Way, ...]
    plans: Mapping[str, Plan]
    core: Callable[..., Core]
    run: Callable[..., Coroutine[Any, Any, Measured]]
    weight: Weight = "by_hand"
    usual: str = ""  # the plan that goes with a transfers' plan which `beside` does not name
    beside: Mapping[str, str] = field(default_factory=dict)

    def plan_beside(self, plan_name: str) -> str:
        """Say which of this method's plans goes with the plan that was chosen for the transfers."""
        return plan_name if plan_name in self.plans else self.beside.get(plan_name, self.usual)

    def cost_bytes(self, plan_name: str) -> int:
        """Say what a plan may cost at most, for the byte budget."""
        return self.plans[plan_name].cost_bytes


CATALOGUE: tuple[Method, ...] = (
    Method(
        name=latency.NAME,
        version=latency.VERSION,
        ways=("down", "up"),
        plans=latency.PLANS,
        core=stamp.Stamp,
        run=probe.net.latency.run,
        weight="light",
        usual="quick",
        beside={"evidence": "standard"},
    ),
    Method(
        name=download.NAME,
        version=download.VERSION,
        ways=("down",),
        plans=transfer.PLANS,
        core=download.Download,
        run=probe.net.download.run,
        weight="heavy",
    ),
    Method(
        name=upload.NAME,
        version=upload.VERSION,
        ways=("up",),
        plans=transfer.PLANS,
        core=upload.Upload,
        run=probe.net.upload.run,
        weight="heavy",
    ),
    Method(
        name=fetch.NAME,
        version=fetch.VERSION,
        ways=("down",),
        plans=fetch.PLANS,
        core=fetch.Fetch,
        run=probe.net.fetch.run,
        weight="light",
        usual="small",
    ),
    Method(
        name=dns.NAME,
        version=dns.VERSION,
        ways=("down",),
        plans=dns.PLANS,
        core=dns.Lookups,
        run=probe.net.dns.run,
        weight="light",
        usual="standard",
    ),
    Method(
        name=path.NAME,
        version=path.VERSION,
        ways=("down", "up"),
        plans=path.PLANS,
        core=path.PathTrace,
        run=probe.net.path.run,
        weight="heavy",
        usual="quick",
        beside={"evidence": "standard"},
    ),
    Method(
        name=ookla.NAME,
        version=ookla.VERSION,
        ways=("down", "up"),
        plans=ookla.PLANS,
        core=ookla.Ookla,
        run=probe.net.ookla.run,
        usual="metered",
    ),
)

METHODS: Mapping[str, Method] = {method.name: method for method in CATALOGUE}
