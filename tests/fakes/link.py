"""Simulated links: drive a core with arithmetic, where a shell would wait. Time jumps to the next event.

A stream is a schedule of events. An upload link is a bottleneck of a given rate in steps of `STEP_US`, with a
peer behind it that counts. Links for packets are in `stamp_link`.
"""

import json
from collections.abc import Callable, Iterable

from probe.measure.outcome import Core
from probe.measure.transfer import Ending
from probe.measure.upload import Upload

STEP_US = 10_000
BUFFER_BYTES = 131_072
TEXT_EVERY_US = 250_000

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
