"""Runs a core beside the work that feeds it, until the core says it is over. Interprets nothing.

The work is one task. It is cancelled, and waited for, on every way out, so neither an end nor a cancellation
leaves a task behind; what the work opened it closes in its own `finally`.
"""

import asyncio
from collections.abc import Callable, Coroutine

from probe.clock import Clock
from probe.measure.outcome import Core, Progress

TICK_US = 100_000

Watcher = Callable[[Progress], None]


async def drive(
    core: Core,
    work: Coroutine[None, None, None],
    clock: Clock,
    progress: Watcher | None,
    *,
    pulse: Callable[[], None] | None = None,
    grace_s: float = 0,
    tick_us: Callable[[], int] = lambda: TICK_US,
) -> None:
    """Let the work go on until it ends, or the core and a grace are over; call `pulse` at each tick."""
    task = asyncio.create_task(work)
    try:
        while not task.done():
            if pulse is not None:
                pulse()
            now_us = clock.mono_us()
            wake_us = core.next_wakeup(now_us)
            if wake_us is None:
                await asyncio.wait({task}, timeout=grace_s)
                break
            if progress is not None:
                progress(core.progress(now_us))
            await asyncio.wait({task}, timeout=min(max(wake_us - now_us, 0), tick_us()) / 1_000_000)
    finally:
        task.cancel()
        await asyncio.wait({task})
    if not task.cancelled():
        task.result()
