"""Run one of the probe's methods against a peer and print, as one JSON object, what it found and what it cost.

The figures of the method are the probe's own; this program only notes when t = 0 was by the monotonic clock and how
much CPU time the method took after everything was imported. `--set` changes a plan's parameter, for the benchmark only.
"""

import argparse
import asyncio
import json
import resource
import secrets
import sys
import time
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import urlsplit

from probe.catalogue import METHODS
from probe.clock import SystemClock
from probe.measure.outcome import Progress
from probe.net.address import PeerAddress
from probe.net.scene import Scene
from shared.kpi import rate_bps, window_us
from shared.record import Record
from shared.strictjson import JsonObject


@dataclass(slots=True)
class NotedClock:
    """The system's clock, with its first and its last reading."""

    system: SystemClock = field(default_factory=SystemClock)
    first_us: int = 0
    last_us: int = 0

    def wall_us(self) -> int:
        """Wall time."""
        return self.system.wall_us()

    def mono_us(self) -> int:
        """Monotonic time, noted."""
        self.last_us = self.system.mono_us()
        self.first_us = self.first_us or self.last_us
        return self.last_us

    def behind_monotonic_us(self) -> int:
        """How far CLOCK_MONOTONIC is behind this clock, which may count sleep."""
        return self.system.mono_us() - time.monotonic_ns() // 1000


def cpu_us() -> int:
    """CPU time of this process and of the children it has waited for."""
    whole = 0.0
    for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN):
        used = resource.getrusage(who)
        whole += used.ru_utime + used.ru_stime
    return int(whole * 1_000_000)


async def measure(options: argparse.Namespace) -> dict[str, Any]:
    """Run the method."""
    url = urlsplit(options.peer)
    address = PeerAddress(options.peer, url.hostname or "", url.port or 80, "bench")
    clock, zeros = NotedClock(), [0]

    def watch(progress: Progress) -> None:
        if progress.elapsed_us > 0:
            zeros[0] = clock.last_us - progress.elapsed_us

    method = METHODS[options.method]
    plan = method.plans[options.plan]
    if options.set:
        plan = replace(plan, **{name: int(value) for name, _, value in (one.partition("=") for one in options.set)})  # type: ignore[type-var]
    before_us = cpu_us()
    measured = await method.run(plan, Scene(address, clock, secrets.token_bytes, watch))
    used_us = cpu_us() - before_us
    members: JsonObject = json.loads(json.dumps(dict(measured.members)))
    record = Record(b"", {**members, "end": measured.end, "seq": 0, "method": options.method}, 0)
    connect_us = members.get("connect_us")
    zero_us = zeros[0] or clock.first_us + (connect_us if isinstance(connect_us, int) else 0)
    return {
        "end": measured.end,
        "members": members,
        "rate_bps": rate_bps(record),
        "window_us": window_us(record) or (0, members["dur_us"]),
        "zero_mono_us": zero_us - clock.behind_monotonic_us(),
        "took_us": clock.mono_us() - clock.first_us,
        "cpu_us": used_us,
    }


def main() -> None:
    """Measure once."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--peer", required=True, metavar="URL")
    parser.add_argument("--method", required=True, choices=sorted(METHODS))
    parser.add_argument("--plan", required=True)
    parser.add_argument("--set", action="append", default=[], metavar="NAME=INTEGER")
    options = parser.parse_args()
    sys.stdout.write(json.dumps(asyncio.run(measure(options))) + "\n")


if __name__ == "__main__":
    main()
