"""What an index answers of many lines at once: days, cells, the fleet. Values of the store's port."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class DayFigures:
    """A day's measurements of one provenance, method and direction; figures that no line can have are in no sum."""

    day: int  # since 1970-01-01, UTC
    provenance: str
    method: str
    direction: str  # empty: the method has none
    n: int
    ok: int
    failed: int
    not_started: int
    aborted: int
    flawed: int
    rate_n: int  # measurements that have a rate
    rate_sum_bps: int | None
    rate_min_bps: int | None
    rate_max_bps: int | None
    rtt_n: int
    rtt_sum_us: int | None
    rtt_min_us: int | None
    rtt_max_us: int | None
    received_bytes: int | None


@dataclass(frozen=True, slots=True)
class CellHour:
    """One cell in one hour: how the signed measurements of one direction ended, and their figures."""

    operator: str | None
    cell: int
    hour_us: int
    n: int
    ok: int
    failed: int
    rate_n: int
    rate_mean_bps: int | None
    rate_min_bps: int | None
    rtt_n: int
    rtt_mean_us: int | None
    rtt_max_us: int | None
    devices: int
    figure_devices: int  # of those, the ones that a rate or a round trip is of
    rate_median_bps: int | None
    rtt_median_us: int | None


@dataclass(frozen=True, slots=True)
class CellFigures:
    """One cell over a stretch of time: how the signed measurements of one direction ended that ran, and their medians."""

    operator: str | None
    cell: int
    n: int
    ok: int
    failed: int
    devices: int
    figure_devices: int  # of those, the ones that a rate or a round trip is of
    rate_n: int
    rate_median_bps: int | None
    rtt_n: int
    rtt_median_us: int | None


@dataclass(frozen=True, slots=True)
class CellOperator:
    """An operator in whose network a cell of some number was measured, and the first and last day (UTC, since 1970) of it."""

    operator: str | None
    first_day: int
    last_day: int


@dataclass(frozen=True, slots=True)
class LocalDay:
    """A day of a line by its own clock: how its signed measurements ended, and the medians of what they measured."""

    from_us: int  # when it begins
    n: int
    ok: int
    failed: int
    not_started: int
    aborted: int
    flawed: int
    down_n: int  # downloads that have a rate
    down_median_bps: int | None
    up_n: int
    up_median_bps: int | None
    rtt_n: int
    rtt_median_us: int | None


@dataclass(frozen=True, slots=True)
class Silent:
    """A device that was not heard lately; None: never."""

    dev: str
    subscriber: str
    heard_us: int | None


@dataclass(frozen=True, slots=True)
class Fleet:
    """All devices since a moment."""

    devices: int
    heard: int
    lost: int
    silent: tuple[Silent, ...]  # those heard last first
    refused: dict[str, int]  # batches kept aside, by reason
    records: dict[tuple[str, str], int]  # signed, by method and end


@dataclass(frozen=True, slots=True)
class TransferFact:
    """A peer's statement about a device, and what the index has of its start.

    `told`: method and end of each record of its number that bears no other session, or that bears its own; `other`: a record of
    its number bears another; `passed`: a batch speaks for its number or
    a later one; `removed`: the records of that batch were removed by a rule. `bytes`: by the peer's own count.
    """

    dev: str
    peer: str
    sid: str
    seq: int | None
    direction: str
    t_us: int
    dur_us: int
    bytes: int | None
    min_rtt_us: int | None
    received_us: int
    told: tuple[tuple[str, str], ...]
    passed: bool
    removed: bool
    other: bool = False
