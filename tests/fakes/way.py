"""A simulated path: routers that delay, lose, keep silent or answer too rarely, between a trace and its target.

Delay and loss are those of the links, so they add up along the path; what a router does to its own answers
concerns that router alone. Time jumps to the next event.
"""

import heapq
from collections.abc import Callable
from dataclasses import dataclass, field
from ipaddress import ip_address

from probe.measure.hops import Address
from probe.measure.icmp import Reply
from probe.measure.path import PathTrace, Probe

TARGET = ip_address("203.0.113.9")
EXPIRED, UNREACHABLE = 11, 3


@dataclass
class Router:
    """One place on the path, and the link that leads to it; called with the number of the probe."""

    address: Address
    link_us: int = 1_000
    slow_us: int = 0
    loses: Callable[[int], bool] = lambda _number: False
    spares: Callable[[int], bool] = lambda _number: False
    code: int | None = None
    quote_bytes: int = 512


@dataclass
class Way:
    """The routers in order, the target last; what each probe met is kept."""

    routers: list[Router]
    copies: int = 1
    sent: list[Probe] = field(default_factory=list)

    def answers(self, probe: Probe) -> list[tuple[int, Reply]]:
        """Say what comes back of a probe, and after how long."""
        number, delay_us = len(self.sent), 0
        self.sent.append(probe)
        for place, router in enumerate(self.routers, start=1):
            delay_us += router.link_us
            if router.loses(number):
                return []
            target = place == len(self.routers)
            if place == probe.ttl or target or router.code is not None:
                if router.spares(number):
                    return []
                icmp_type, code = (UNREACHABLE, 3) if target else (EXPIRED, 0)
                if router.code is not None:
                    icmp_type, code = UNREACHABLE, router.code
                reply = Reply(probe.packet[: router.quote_bytes], router.address, icmp_type, code)
                return [(2 * delay_us + router.slow_us + copy, reply) for copy in range(self.copies)]
        return []


def chain(*links_us: int) -> list[Router]:
    """Make routers 10.0.0.1 and so on, the target last, each behind a link of this delay."""
    addresses = [ip_address(f"10.0.0.{place}") for place in range(1, len(links_us))] + [TARGET]
    return [Router(address, us) for address, us in zip(addresses, links_us, strict=True)]


def run_trace(trace: PathTrace, way: Way, noise: Callable[[Probe], list[tuple[int, Reply]]] = lambda _probe: []) -> int:
    """Run a trace over a path, with what strangers send beside; give the time at which it was final."""
    now_us, count = 1_000_000, 0
    in_the_air: list[tuple[int, int, Reply]] = []
    trace.start(now_us)
    while (wake_us := trace.next_wakeup(now_us)) is not None:
        probe = trace.to_send(now_us)
        if probe is not None:
            for delay_us, reply in [*way.answers(probe), *noise(probe)]:
                count += 1
                heapq.heappush(in_the_air, (now_us + delay_us, count, reply))
            continue
        now_us = max(now_us, min(wake_us, in_the_air[0][0] if in_the_air else wake_us))
        while in_the_air and in_the_air[0][0] <= now_us:
            arrived_us, _count, reply = heapq.heappop(in_the_air)
            trace.receive(reply, arrived_us)
    return now_us
