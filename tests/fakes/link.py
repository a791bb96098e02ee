"""Simulated links: drive a core with arithmetic, where a shell would wait. Time jumps to the next event.

A stream is a schedule of events. Links for packets are in `stamp_link`, lines under load in `load_link`.
"""

import json
from collections.abc import Callable, Iterable

from probe.measure.outcome import Core, Measured
from shared.record import Record, read_record, write_record

Event = tuple[int, Callable[[int], object]]


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


def told(count_bytes: int, elapsed_us: int, counter: str = "BytesReceived") -> bytes:
    """Write what a throughput1 server says it counted."""
    return json.dumps({"Application": {counter: count_bytes}, "ElapsedTime": elapsed_us}).encode()


def record_of(outcome: Measured) -> Record:
    """The record that a measurement becomes, through its bytes and back."""
    return read_record(write_record({"seq": 0, "end": outcome.end, **outcome.members})[:-1])
