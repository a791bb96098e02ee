"""A simulated link with a reflector at its end, and one that carries any packets: time jumps to the next event.

Each way is a function from a packet's number to the delays of its copies: none is a loss, two are a duplicate, a
long one is a reordering. The reflector's clock is years off, and what it sends may be changed on the way.
"""

import heapq
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from fakes.reflector import FakeReflector

from probe.measure.echo import Echo
from probe.measure.stamp import Stamp
from shared.stamp import read_request

Delays = Callable[[int], Sequence[int]]
WALL_US = 1_800_000_000_000_000


def always(*delays_us: int) -> Delays:
    """Give every packet these delays."""
    return lambda _number: delays_us


def honest(reply: bytes) -> Sequence[bytes]:
    """Leave a reply as it is."""
    return (reply,)


@dataclass
class StampLink:
    """A link, and what really happened on it."""

    up: Delays
    down: Delays
    residence_us: int = 20
    peer_ahead_us: int = -100_000_000_000_000
    change: Callable[[bytes], Sequence[bytes]] = honest
    reflector: FakeReflector = field(default_factory=FakeReflector)
    reached: list[int] = field(default_factory=list)  # our numbers, in the order in which they came to the reflector

    def run(self, core: Stamp, start_us: int = 0) -> int:
        """Run a core over the link; give the time at which it was final."""
        now_us, order = start_us, 0
        events: list[tuple[int, int, bool, bytes]] = []
        core.start(now_us, now_us + WALL_US)
        while (wake_us := core.next_wakeup(now_us)) is not None:
            if sent := core.to_send(now_us):
                for packet in sent:
                    for delay_us in self.up(read_request(packet).number):
                        heapq.heappush(events, (now_us + delay_us, order := order + 1, True, packet))
                continue
            now_us = max(now_us, min(wake_us, events[0][0] if events else wake_us))
            while events and events[0][0] <= now_us:
                at_us, _order, is_request, packet = heapq.heappop(events)
                if not is_request:
                    core.receive(packet, at_us, 0)
                    continue
                for reply, delay_us in self._answers(packet, at_us):
                    heapq.heappush(events, (at_us + self.residence_us + delay_us, order := order + 1, False, reply))
        return now_us

    def _answers(self, packet: bytes, at_us: int) -> list[tuple[bytes, int]]:
        number = read_request(packet).number
        self.reached.append(number)
        wall_us = at_us + WALL_US + self.peer_ahead_us
        reply = self.reflector.reply(packet, "us", wall_us, wall_us + self.residence_us)
        assert reply is not None
        return [(changed, delay_us) for delay_us in self.down(number) for changed in self.change(reply)]


def run_echo(core: Echo, answer: Callable[[bytes], Sequence[tuple[int, bytes]]], start_us: int = 0) -> int:
    """Run a core over a link that turns each message into packets and their delays; give the time of its end."""
    now_us, order = start_us, 0
    events: list[tuple[int, int, bytes]] = []
    core.start(now_us)
    while (wake_us := core.next_wakeup(now_us)) is not None:
        if sent := core.to_send(now_us):
            for message in sent:
                for delay_us, packet in answer(message):
                    heapq.heappush(events, (now_us + delay_us, order := order + 1, packet))
            continue
        now_us = max(now_us, min(wake_us, events[0][0] if events else wake_us))
        while events and events[0][0] <= now_us:
            at_us, _order, packet = heapq.heappop(events)
            core.receive(packet, at_us)
    return now_us
