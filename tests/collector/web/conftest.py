"""A case with something of everything, and the pieces to make others of."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from collector.view import (
    AlarmRow,
    CaseView,
    ComplaintRow,
    Counts,
    DeviceRow,
    FindingView,
    GapRow,
    OmissionView,
    RecordRow,
    VerdictView,
    WindowRow,
)

HOUR_US = 3_600_000_000
NOON_US = 1_795_345_500_000_000  # 22 Nov 2026, 12:05 in Prague
DEV = "3f9a1c07" * 8
OTHER = "4b" * 32

ROW = RecordRow(
    provenance="signed",
    dev=DEV,
    seq=1,
    slot=1,
    at_us=NOON_US,
    method="download",
    direction="down",
    end="ok",
    rate_bps=8_400_000,
    rtt_us=None,
    loss_pm=None,
    received_bytes=10_500_000,
    dur_us=10_000_000,
    failure=None,
    stage=None,
    reason=None,
    flaws=(),
    network_type="mobile",
)
FINDING = FindingView(
    direction="down",
    verdict="substantiated",
    met=("recurring",),
    failed=(),
    samples_used=18,
    samples_rejected=(
        (3, "other_direction"),
        (5, "other_direction"),
        (7, "flaw: wifi"),
        (9, "not_started: battery_low"),
    ),
    because=(
        "count: holds: 18 downloads counted, at least 6 needed.",
        "recurring: met: 5 of 18 downloads were below the minimum of 10 Mbit/s; at least 3 are needed.",
        "continuous: not met: no hour without a result at or above the minimum.",
    ),
    limits=(
        "Does not show where on the way the speed was lost.",
        "A customer who shapes his own link would look the same.",
    ),
    window_from_us=NOON_US - 60 * HOUR_US,
    window_to_us=NOON_US - 2 * HOUR_US,
    windows_looked_at=4,
)
VERDICT = VerdictView(
    criterion="cz-mobile-cert",
    version="2020-1",
    status="in_force",
    provenance="signed",
    verdict="substantiated",
    words="Of 18 downloads, 5 were below the minimum of 10 Mbit/s. This would meet rule cz-mobile-cert (recurring).",
    findings=(FINDING, replace(FINDING, direction="up", verdict="not_substantiated", met=())),
)
CASE = CaseView(
    subscriber="Příklad č. 7, 420 555 0142",
    time_zone="Europe/Prague",
    contract={
        "down": {
            "advertised_bps": 40_000_000,
            "normal_bps": 24_000_000,
            "min_bps": 10_000_000,
            "max_bps": 40_000_000,
        },
        "up": {"advertised_bps": 10_000_000, "normal_bps": 6_000_000, "min_bps": 3_000_000},
    },
    as_of_us=NOON_US,
    complaints=(
        ComplaintRow(
            "In the evening nothing loads, not even the news.",
            NOON_US - 60 * HOUR_US,
            NOON_US - 60 * HOUR_US,
            DEV,
        ),
    ),
    devices=(DeviceRow(DEV, NOON_US - 100 * HOUR_US, frozen=False, batches=31, lost=2),),
    counts={
        "signed": Counts(
            ok=120,
            failed=6,
            not_started=4,
            aborted=1,
            flawed=9,
            by_hand=3,
            scheduled_slots=140,
            missing_slots=11,
            lost=2,
        ),
    },
    verdicts=(VERDICT,),
    omission=OmissionView(
        16,
        {"down": 10_000_000, "up": 3_000_000},
        windows=tuple(
            WindowRow(NOON_US // 86_400_000_000 - back, way, scheduled, slow, missing)
            for back, (slow, missing) in enumerate([(1, 2), (2, 0), (0, 1), (3, 1)])
            for way, scheduled in (("down", 6), ("up", 6), ("any", 96))
        ),
        gaps=(
            GapRow(OTHER, 40, 41, 2, NOON_US - 9 * HOUR_US, NOON_US - 8 * HOUR_US),
            GapRow(OTHER, 0, 0, 1, None, NOON_US),
        ),
    ),
)


# Every so many records one is something else: how many, from which on, and what.
ODDITIES: tuple[tuple[int, int, dict[str, Any]], ...] = (
    (3, 1, {"method": "upload", "direction": "up"}),
    (6, 5, {"method": "latency", "direction": "round_trip", "rtt_us": 41_200, "loss_pm": 20}),
    (
        31,
        6,
        {"end": "failed", "failure": "generic_timeout_error", "stage": "body", "received_bytes": 1_250_000},
    ),
    (29, 3, {"flaws": ("cross_traffic",)}),
    (71, 40, {"slot": None}),
    (200, 178, {"end": "not_started", "reason": "budget_month"}),
    (200, 175, {"end": "aborted"}),
    (37, 5, {"provenance": "imported", "slot": None, "dev": ""}),
)


def mixed_rows() -> tuple[RecordRow, ...]:
    """Ninety hours of a line that is slow in the evening, with one night missing and one of each oddity."""
    return tuple(_one_of_many(number) for number in range(180) if not 70 <= number < 86)


def _one_of_many(number: int) -> RecordRow:
    noise = number * 7919
    down_bps = (6_000_000 if number % 48 in range(12, 22) else 27_000_000) + noise % 101 * 90_000
    at_us = NOON_US - 90 * HOUR_US + number * HOUR_US // 2 + noise % 97 * 10_000_000
    row = replace(ROW, seq=number, slot=number, at_us=at_us, rate_bps=down_bps)
    for every, first, changes in ODDITIES:
        if number % every == first:
            row = replace(row, **changes)
    if row.direction == "up":
        row = replace(row, rate_bps=5_000_000 + noise % 101 * 30_000)
    return replace(row, rate_bps=None) if row.end != "ok" or row.direction == "round_trip" else row


@pytest.fixture
def make_row() -> Callable[..., RecordRow]:
    """A successful scheduled download, changed as asked."""

    def make(**changes: Any) -> RecordRow:
        return replace(ROW, **changes)

    return make


@pytest.fixture
def make_case() -> Callable[..., CaseView]:
    """The case with something of everything, changed as asked."""

    def make(**changes: Any) -> CaseView:
        return replace(CASE, **changes)

    return make


@pytest.fixture
def rows() -> tuple[RecordRow, ...]:
    """What such a line's records look like."""
    return mixed_rows()


@pytest.fixture
def alarmed() -> CaseView:
    """The same case with a fork, a frozen device and an imported verdict."""
    device = replace(CASE.devices[0], frozen=True)
    imported = replace(
        VERDICT,
        provenance="imported",
        verdict="insufficient_evidence",
        words="Too few measurements were imported.",
        findings=(
            replace(
                FINDING,
                verdict="insufficient_evidence",
                met=(),
                failed=("count", "same_day"),
                window_from_us=None,
                window_to_us=None,
            ),
        ),
    )
    return replace(
        CASE,
        alarms=(AlarmRow(NOON_US - HOUR_US, DEV, 30, "chain_fork"),),
        devices=(device,),
        verdicts=(VERDICT, imported),
        counts=CASE.counts | {"imported": Counts(ok=5)},
    )
