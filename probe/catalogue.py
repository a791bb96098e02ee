"""Every method of measuring, in sight and in full.

One tuple, no registration: a method that fails to import stops the program and does not vanish. Changing what
a method means raises its version. A new method is one more row here, one core in `probe.measure` and one
shell in `probe.net`, under the same name.
"""

from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass
from typing import Any, Literal, Protocol

import probe.net.download
import probe.net.fetch
import probe.net.latency
import probe.net.upload
from probe.measure import download, fetch, latency, transfer, upload
from probe.measure.outcome import Core, Measured

Way = Literal["down", "up"]


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

    def cost_bytes(self, plan_name: str) -> int:
        """Say what a plan may cost at most, for the byte budget."""
        return self.plans[plan_name].cost_bytes


CATALOGUE: tuple[Method, ...] = (
    Method(
        name=latency.NAME,
        version=latency.VERSION,
        ways=("down", "up"),
        plans=latency.PLANS,
        core=latency.LatencyTrain,
        run=probe.net.latency.run,
    ),
    Method(
        name=download.NAME,
        version=download.VERSION,
        ways=("down",),
        plans=transfer.PLANS,
        core=download.Download,
        run=probe.net.download.run,
    ),
    Method(
        name=upload.NAME,
        version=upload.VERSION,
        ways=("up",),
        plans=transfer.PLANS,
        core=upload.Upload,
        run=probe.net.upload.run,
    ),
    Method(
        name=fetch.NAME,
        version=fetch.VERSION,
        ways=("down",),
        plans=fetch.PLANS,
        core=fetch.Fetch,
        run=probe.net.fetch.run,
    ),
)

METHODS: Mapping[str, Method] = {method.name: method for method in CATALOGUE}
