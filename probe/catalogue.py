"""Every method of measuring, in sight and in full.

One tuple, no registration. Changing what a method means raises its version. A new method is one more row here, one core in
`probe.measure` and one shell in `probe.net`, under the same name. Both are loaded when the method is first asked for, so
that a device pays for what it uses; a method that fails to load stops whoever asked for it, and does not vanish.
"""

from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass, field
from importlib import import_module
from typing import Any, Literal, Protocol, cast

from probe.measure.outcome import Measured

Way = Literal["down", "up"]
Weight = Literal["light", "heavy", "by_hand"]  # in every slot, in every n-th slot, only when it is asked for
TRANSFERS = ("standard", "quick", "tiny", "evidence", "light")

Shell = Callable[..., Coroutine[Any, Any, Measured]]  # takes a plan and a Scene


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
    """One way of measuring; its core and its shell take its own plans and no others."""

    name: str
    version: int
    ways: tuple[Way, ...]
    plan_names: tuple[str, ...]
    weight: Weight = "by_hand"
    usual: str = ""  # the plan that goes with a transfers' plan which `beside` does not name
    beside: Mapping[str, str] = field(default_factory=dict)
    shell: Shell | None = None  # in place of the one in `probe.net`

    @property
    def plans(self) -> Mapping[str, Plan]:
        """Its named parameter sets."""
        return cast("Mapping[str, Plan]", import_module(f"probe.measure.{self.name}").PLANS)

    @property
    def run(self) -> Shell:
        """What measures."""
        return self.shell or cast("Shell", import_module(f"probe.net.{self.name}").run)

    def plan_beside(self, plan_name: str) -> str:
        """Say which of this method's plans goes with the plan that was chosen for the transfers."""
        return plan_name if plan_name in self.plan_names else self.beside.get(plan_name, self.usual)

    def cost_bytes(self, plan_name: str) -> int:
        """Say what a plan may cost at most, for the byte budget."""
        return self.plans[plan_name].cost_bytes


CATALOGUE: tuple[Method, ...] = (
    Method("latency", 2, ("down", "up"), ("standard", "quick"), "light", "quick", {"evidence": "standard"}),
    Method("download", 2, ("down",), TRANSFERS, "heavy"),
    Method("upload", 2, ("up",), TRANSFERS, "heavy"),
    Method("fetch", 2, ("down",), ("icon", "small", "page", "large", "host"), "light", "icon"),
    Method("dns", 1, ("down",), ("standard",), "light", "standard"),
    Method("path", 1, ("down", "up"), ("standard", "quick"), "heavy", "quick", {"evidence": "standard"}),
    Method("ookla", 1, ("down", "up"), ("metered", "full", "public"), usual="metered"),
    Method(
        "loaded_latency",
        1,
        ("down", "up"),
        ("download-light", "upload-light", "download", "upload"),
        usual="download-light",
        beside={"evidence": "download"},
    ),
    Method("reach", 1, ("down", "up"), ("ladder",), usual="ladder"),  # asked for by the agent, when a test has failed
)

METHODS: Mapping[str, Method] = {method.name: method for method in CATALOGUE}
