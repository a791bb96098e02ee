"""An event loop whose time jumps to the next timer: weeks of waiting take no time. Nothing may wait for a real socket in it."""

import asyncio
import selectors
from collections.abc import Coroutine
from typing import Any, TypeVar

from fakes.clock import FakeClock

T = TypeVar("T")
_REAL_S = 0.0005  # a thread of its own (a lookup, a look at the host) may want the processor


class _Selector(selectors.DefaultSelector):  # type: ignore[valid-type,misc]  # chosen by the platform
    """Waits for nobody: what would have been waited for is told to the loop."""

    def __init__(self) -> None:
        super().__init__()
        self.skipped_s = 0.0

    def select(self, timeout: float | None = None) -> Any:
        """Look what is there; if nothing is, let the time pass that would have been waited."""
        found = super().select(0)
        if found or timeout == 0:
            return found
        if timeout is None:  # only another thread can go on
            return super().select(_REAL_S)
        self.skipped_s += timeout
        return found


class VirtualLoop(asyncio.SelectorEventLoop):
    """A loop for simulations. Its clock moves only by waiting; a fake clock, if it is given one, moves with it."""

    def __init__(self, clock: FakeClock | None = None) -> None:
        """Start at 0 s."""
        self._pace = _Selector()
        self._clock, self._told_us = clock, 0
        super().__init__(self._pace)

    def time(self) -> float:
        """Give the seconds that were waited so far."""
        now_us = round(self._pace.skipped_s * 1_000_000) if hasattr(self, "_pace") else 0
        if self._clock is not None and now_us > self._told_us:
            self._clock.advance(now_us - self._told_us)
            self._told_us = now_us
        return now_us / 1_000_000


def run(work: Coroutine[Any, Any, T], clock: FakeClock | None = None) -> T:
    """Run a coroutine to its end on a loop of its own, in no time."""
    with asyncio.Runner(loop_factory=lambda: VirtualLoop(clock)) as runner:
        return runner.run(work)
