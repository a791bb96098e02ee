"""`python -m fakes.probing`: the probe's methods in a process of their own, ordered by a line of JSON, as `fakes.jobs` names them.

An order is {"jobs": [names], "mark_us": n, "mark_bytes": n, "cancel_us": n}. All its jobs begin at once. A first line says
that every job has come to the mark, or to its end, how long after the beginning, and which have ended; that long after it they
are cancelled, if that is ordered. A second line says what came of each job and how long it took, and what the process had open and running before it cancelled
them and in the end: tasks, sockets, threads, children.
"""

import asyncio
import json
import os
import sys
import threading
from dataclasses import dataclass, field
from typing import Any

import psutil
from fakes.jobs import JOBS, SETTINGS

from probe.catalogue import METHODS
from probe.clock import SystemClock
from probe.measure.outcome import CouldNotRun, Progress
from probe.net.scene import Scene

CLOCK = SystemClock()
SETTLED_S = 0.1  # for what asyncio closes one turn later


@dataclass
class Order:
    """What was ordered, and who is past the mark."""

    jobs: list[str]
    mark_us: int = 0
    mark_bytes: int = 0
    cancel_us: int = -1  # never
    had: dict[str, list[str]] = field(default_factory=dict)
    past: set[str] = field(default_factory=set)
    ended: set[str] = field(default_factory=set)
    marked: asyncio.Event = field(default_factory=asyncio.Event)

    def passed(self, name: str) -> None:
        """Note that a job is past the mark."""
        self.past.add(name)
        if len(self.past) == len(self.jobs):
            self.marked.set()

    async def one(self, name: str) -> dict[str, Any]:
        """Run one job to its end."""
        job, start_us = JOBS[name], CLOCK.mono_us()
        counts_bytes = job.method in {"download", "upload", "fetch"}

        def watch(told: Progress) -> None:
            moved = not counts_bytes or told.moved_bytes >= self.mark_bytes
            if moved and told.elapsed_us >= self.mark_us:
                self.passed(name)

        scene = Scene(job.peer, CLOCK, os.urandom, watch, SETTINGS)
        try:
            measured = await METHODS[job.method].run(job.plan, scene)
            came: dict[str, Any] = {"end": measured.end, **measured.members}
        except CouldNotRun as error:
            came = {"end": "could_not_run", "note": error.reason}
        finally:
            self.ended.add(name)
            self.passed(name)
        return came | {"took_us": CLOCK.mono_us() - start_us}

    async def run(self) -> dict[str, Any]:
        """Run them all; what came of those that were not cancelled."""
        tasks, start_us = {name: asyncio.create_task(self.one(name)) for name in self.jobs}, CLOCK.mono_us()
        if self.mark_us:
            await self.marked.wait()
        say({"marked_us": CLOCK.mono_us() - start_us, "ended": sorted(self.ended)})
        if self.cancel_us >= 0:
            await asyncio.sleep(self.cancel_us / 1_000_000)
            self.had = left()
            for task in tasks.values():
                task.cancel()
        await asyncio.wait(tasks.values())
        return {name: task.result() for name, task in tasks.items() if not task.cancelled()}


def say(line: dict[str, Any]) -> None:
    """Say one thing to whoever ordered."""
    sys.stdout.write(json.dumps(line) + "\n")
    sys.stdout.flush()


def left() -> dict[str, list[str]]:
    """What this process has open and running beside itself."""
    own = psutil.Process()
    return {
        "tasks": sorted(repr(task.get_coro()) for task in asyncio.all_tasks() - {asyncio.current_task()}),
        "sockets": sorted(str(one) for one in own.net_connections("inet")),
        "threads": sorted(one.name for one in threading.enumerate() if one is not threading.main_thread()),
        "children": sorted(str(one) for one in own.children(recursive=True)),
    }


async def obey(order: dict[str, Any]) -> None:
    """Carry out one order."""
    ordered = Order(**order)
    came = await ordered.run()
    await asyncio.sleep(SETTLED_S)
    say({"came": came, "had": ordered.had, "left": left()})


def main() -> None:
    """Carry out orders until there are no more."""
    say({"ready": True})
    for line in sys.stdin:
        asyncio.run(obey(json.loads(line)))


if __name__ == "__main__":
    main()
