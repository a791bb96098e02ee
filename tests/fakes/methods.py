"""Methods that measure nothing, as quickly or slowly and as well or badly as they are told."""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Literal

from probe.catalogue import METHODS, Method
from probe.measure.outcome import Measured, Value


@dataclass
class FakeRun:
    """What the shell of a method does: calls `during`, waits, then ends as told."""

    end: Literal["ok", "failed"] = "ok"
    members: Mapping[str, Value] = field(default_factory=dict)
    raises: BaseException | None = None
    during: Callable[[], object] = lambda: None
    wait_s: float = 0
    plans: list[object] = field(default_factory=list)

    async def __call__(self, plan: object, *_peer: object, **_tools: object) -> Measured:
        """Run once."""
        self.plans.append(plan)
        self.during()
        await asyncio.sleep(self.wait_s)
        if self.raises is not None:
            raise self.raises
        return Measured(self.end, self.members)


def methods(run: FakeRun) -> dict[str, Method]:
    """The catalogue's methods with another shell; names, versions and plans are the real ones."""
    return {name: replace(real, shell=run) for name, real in METHODS.items()}
