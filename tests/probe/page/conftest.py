"""A month of a line that is slow in the evening, with everything that can go wrong in it."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from probe.moments import DAY_US, HOUR_US, Local
from probe.page.facts import Allowance, Facts, Sending, Sent
from probe.remembered import Remembered
from shared.record import Record

NOW_US = 1_795_345_500_000_000  # 22 Nov 2026, 11:45 in Prague, an hour more in summer
SLOT_US = 900_000_000
DAYS = 32  # so that the month begins in summer time
PRAGUE = ZoneInfo("Europe/Prague")


def prague(at_us: int) -> datetime:
    """A moment by Prague's clocks."""
    return datetime.fromtimestamp(at_us // 1_000_000, UTC).astimezone(PRAGUE)


def month(now_us: int = NOW_US, days: int = DAYS) -> list[Remembered]:
    """Everything that was measured in so many days, by time."""
    first = (now_us - days * DAY_US) // SLOT_US + 1
    return [row for slot in range(first, now_us // SLOT_US) for row in _slot(slot)]


def _slot(slot: int) -> list[Remembered]:
    at_us, noise = slot * SLOT_US + 120_000_000, slot * 2_654_435_761 % 2**32 * 101 >> 32
    hour, day = prague(at_us).hour, at_us // DAY_US
    if day % 11 == 3 and hour < 7:  # the device was off
        return []
    latency = Remembered(
        slot * 8, at_us, "latency", "ok", slot=slot, used_bytes=2_880, rtt_us=31_000 + noise * 90, loss_pm=0
    )
    fetch = Remembered(
        slot * 8 + 1, at_us + 9_000_000, "fetch", "ok", slot=slot, used_bytes=100_000, rate_bps=9_000_000
    )
    dns = Remembered(slot * 8 + 2, at_us + 12_000_000, "dns", "ok", slot=slot, rtt_us=22_000 + noise * 50)
    light = [latency, fetch, dns]
    if day % 9 == 2 and 9 <= hour < 12:
        return [
            replace(row, end="not_started", reason="paused", rtt_us=None, rate_bps=None, used_bytes=None)
            for row in light
        ]
    if day % 7 == 1 and 20 <= hour < 22:  # the line was down
        return [
            replace(row, end="failed", failure="generic_timeout_error", rtt_us=None, rate_bps=None) for row in light
        ]
    if 18 <= hour < 23:
        light[0] = replace(latency, rtt_us=70_000 + noise * 900, loss_pm=noise // 2)
    if noise == 50:
        light[1] = replace(fetch, end="failed", failure="connection_reset", rate_bps=None)
    if noise % 16 != 5:
        return light
    down_bps = (4_000_000 if 18 <= hour < 23 else 16_000_000) + (hour * 47 + noise * 13) % 101 * 120_000
    heavy = [
        Remembered(
            slot * 8 + 3, at_us + 20_000_000, "download", "ok", slot=slot, rate_bps=down_bps, used_bytes=2_400_000
        ),
        Remembered(
            slot * 8 + 4, at_us + 30_000_000, "upload", "ok", slot=slot, rate_bps=down_bps // 4, used_bytes=900_000
        ),
    ]
    if noise % 17 == 4:
        heavy[0] = replace(heavy[0], end="failed", failure="eof_error", rate_bps=None)
    if noise % 13 == 11:
        heavy[1] = replace(heavy[1], flaws=("cross_traffic",))
    if noise % 19 == 9:
        heavy = [replace(row, slot=None) for row in heavy]
    if noise == 69 and slot % 5 == 0:
        heavy.append(Remembered(slot * 8 + 5, at_us + 40_000_000, "mark", "ok", words="nothing loads"))
    return light + heavy


def recent() -> list[Record]:
    """The last records as they were signed."""
    members: list[dict[str, Any]] = [
        {"method": "latency", "end": "ok", "rtt_us": [35_000, 36_000], "via": "stamp"},
        {"method": "download", "end": "ok", "received_bytes": 2_400_000, "dur_us": 800_000, "flaws": ["wifi"]},
        {"method": "fetch", "end": "failed", "failure": "connection_reset", "received_bytes": 12_000},
        {"method": "upload", "end": "not_started", "reason": "battery_low"},
    ]
    return [
        Record(b"", told | {"wall_us": NOW_US - n * HOUR_US, "seq": 90 - n}, 90 - n) for n, told in enumerate(members)
    ]


FACTS = Facts(
    subscriber="Příklad č. 7",
    collector_url="https://proof.example.net",
    device="3f9a1c07" * 8,
    from_us=NOW_US - DAYS * DAY_US,
    now_us=NOW_US,
    slot_s=900,
    local=prague,
    rows=month(),
    recent=recent(),
    sending=Sending(
        batches=214,
        waiting=2,
        waiting_bytes=35_000,
        unsealed=0,
        lost=3,
        receipts=tuple(Sent(211 - n, NOW_US - (n + 1) * HOUR_US, f"{n:064x}") for n in range(10)),
    ),
    allowance=Allowance("2026-11-01", 1_000_000_000, 312_000_000),
    campaign=("Rule cz-mobile-cert, download: 12 of 30 tests done, 1 failed; the next at 18:20.",),
)


@pytest.fixture
def facts() -> Facts:
    """A month with something of everything."""
    return FACTS


@pytest.fixture
def make_facts() -> Callable[..., Facts]:
    """The same, changed as asked."""

    def make(**changes: Any) -> Facts:
        return replace(FACTS, **changes)

    return make


@pytest.fixture
def empty() -> Facts:
    """A device that has measured nothing yet."""
    return replace(FACTS, rows=(), recent=(), sending=Sending(0, 0, 0, 0), allowance=None, campaign=())


@pytest.fixture
def local() -> Local:
    """Prague's clocks."""
    return prague
