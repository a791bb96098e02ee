"""Simulated links: drive a core with arithmetic, where a shell would wait. Time jumps to the next event.

A packet link is a function from the packet's number to the delays of its copies: none is a loss, two are a
duplicate, a long one is a reordering. A stream is a schedule of events. An upload link is a bottleneck of a
given rate in steps of `STEP_US`, with a peer behind it that counts.
"""

import heapq
import json
from collections.abc import Callable, Iterable, Sequence

from probe.measure.latency import LatencyTrain
from probe.measure.outcome import Core
from probe.measure.transfer import Ending
from probe.measure.upload import Upload

STEP_US = 10_000
BUFFER_BYTES = 131_072
TEXT_EVERY_US = 250_000

Event = tuple[int, Callable[[int], object]]


def run_train(train: LatencyTrain, delays_us: Callable[[int], Sequence[int]], start_us: int = 0) -> int:
    """Run a train over a packet link; give the time at which it was final."""
    now_us, number = start_us, 0
    in_the_air: list[tuple[int, int, bytes]] = []
    train.start(now_us)
    while (wake_us := train.next_wakeup(now_us)) is not None:
        if sent := train.to_send(now_us):
            for packet in sent:
                for delay_us in delays_us(number):
                    heapq.heappush(in_the_air, (now_us + delay_us, number, packet))
                number += 1
            continue
        now_us = max(now_us, min(wake_us, in_the_air[0][0] if in_the_air else wake_us))
        while in_the_air and in_the_air[0][0] <= now_us:
            arrived_us, _number, packet = heapq.heappop(in_the_air)
            train.receive(packet, arrived_us)
    return now_us


def play(core: Core, events: Iterable[Event], start_us: int = 0) -> int:
    """Let events happen to a core at their times, until it is over; give the time of its end."""
    now_us = start_us
    for at_us, happen in sorted(events, key=lambda event: event[0]):
        while (wake_us := core.next_wakeup(now_us)) is not None and wake_us <= at_us:
            now_us = max(now_us, wake_us)
        if core.next_wakeup(now_us) is None:
            return now_us
        now_us = max(now_us, at_us)
        happen(now_us)
    while (wake_us := core.next_wakeup(now_us)) is not None:
        now_us = max(now_us, wake_us)
    return now_us


def message(count_bytes: int, elapsed_us: int, room: str = "AppInfo", counter: str = "NumBytes") -> bytes:
    """Write what an ndt7 server says it counted."""
    info = {counter: count_bytes, "ElapsedTime": elapsed_us}
    return json.dumps({"Origin": "server", "Test": "upload", room: info}).encode()


def run_upload(
    core: Upload,
    rate_bps: int,
    *,
    dies_us: int | None = None,
    closes_us: int | None = None,
    say: Callable[[int, int], bytes | None] = message,
) -> tuple[int, int]:
    """Run an upload over a bottleneck with a counting peer; give its end and the bytes that arrived."""
    now_us = zero_us = 50_000
    core.start(0)
    core.opened(zero_us)
    queued_bytes = arrived_bytes = 0
    next_text_us = zero_us + TEXT_EVERY_US
    while core.next_wakeup(now_us) is not None:
        while queued_bytes < BUFFER_BYTES and (n_bytes := core.to_send(now_us)):
            queued_bytes += n_bytes
        now_us += STEP_US
        if dies_us is not None and now_us - zero_us >= dies_us:
            continue
        crossed_bytes = min(queued_bytes, rate_bps * STEP_US // 8_000_000)
        queued_bytes, arrived_bytes = queued_bytes - crossed_bytes, arrived_bytes + crossed_bytes
        if now_us >= next_text_us:
            next_text_us += TEXT_EVERY_US
            if (text := say(arrived_bytes, now_us - zero_us)) is not None:
                core.text(text, now_us)
        if closes_us is not None and now_us - zero_us >= closes_us:
            core.closed(Ending.CLOSE, now_us)
    return now_us, arrived_bytes
