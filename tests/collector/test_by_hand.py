"""What somebody starts by hand is shown and sent, and changes no statistics (T3)."""

import json
from dataclasses import asdict
from typing import Any

import pytest
from fakes.clock import FakeClock
from fakes.device import download
from fakes.history import History

from collector.case import page_of
from collector.services import Services
from shared.strictjson import JsonObject

SLOT_US = 900_000_000
FIRST = 2_000_000  # the slot in which the clock stands
BY_HAND = 500


def statistics(services: Services) -> bytes:
    """All that is computed of a line: verdicts with their windows and figures, bounds, medians of days."""
    case, _, days = page_of(services, "line-0")
    told: dict[str, Any] = json.loads(json.dumps(asdict(case)))
    for verdict in told["verdicts"]:
        for finding in verdict["findings"]:
            finding["samples_rejected"] = [one for one in finding["samples_rejected"] if one[1] != "by_hand"]
    medians = [(one.day, one.down_n, one.down_median_bps, one.up_n, one.rtt_n, one.missing) for one in days]
    windows = {name: told["omission"][name] for name in ("windows", "planned", "least_bps", "gaps")}
    slots = {name: told["counts"]["signed"][name] for name in ("scheduled_slots", "missing_slots", "lost")}
    return json.dumps([told["verdicts"], windows, told["presence"], slots, medians]).encode()


def at(slot: int, **members: Any) -> JsonObject:
    """A download of a slot."""
    return download(slot=slot, wall_us=slot * SLOT_US + 5_000_000, **members)


@pytest.mark.threat("T3")
def test_five_hundred_slow_runs_by_hand(services: Services, clock: FakeClock) -> None:
    """Whoever presses the button five hundred times while the line is bad changes no statistics by a byte."""
    history = History(services)
    device = history.device("line-0")
    clock.advance(48 * SLOT_US)
    history.batch(device, *(at(FIRST + n, received_bytes=5_000_000) for n in range(48)))
    history.complaint(device, "Slow.", clock.wall_us())
    before = statistics(services)
    slow = {name: value for name, value in download(received_bytes=1).items() if name != "slot"}
    history.batch(device, *(slow | {"wall_us": (FIRST + n % 48) * SLOT_US + 60_000_000 + n} for n in range(BY_HAND)))
    after = statistics(services)
    case, rows, days = page_of(services, "line-0")
    assert after == before
    assert case.counts["signed"].by_hand == BY_HAND
    assert len(rows) == 48 + BY_HAND
    assert sum(day.n for day in days) == 48 + BY_HAND
