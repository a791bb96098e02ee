"""What the desk is shown of many lines at once: plain values, ready for JSON, for a table and for a page.

Times are unix µs, rates bit/s, delays µs. `None` means that there is none, never zero. Only signed measurements are in any of
it. Figures of fewer than FEW_DEVICES devices are not shown: they would tell of the people behind them and not of a cell.
"""

from dataclasses import dataclass
from typing import Final

FEW_DEVICES: Final = 3


@dataclass(frozen=True, slots=True)
class Lag:
    """How far the index is behind the ledger: entries, and the age of the newest one in it, 0 if there are none."""

    ledger_no: int
    index_no: int
    entries: int
    age_us: int


@dataclass(frozen=True, slots=True)
class SilentRow:
    """A device of which nothing was received in a while. `heard_us` is None if it never was."""

    dev: str
    subscriber: str
    time_zone: str  # of its line; UTC if that is another collector's
    heard_us: int | None
    frozen: bool  # nothing is taken from it any more: its chain forked


@dataclass(frozen=True, slots=True)
class RecordCount:
    """How many signed records are of one method and ended so."""

    method: str
    end: str
    n: int


@dataclass(frozen=True, slots=True)
class FleetView:
    """All devices, and what happened since a moment."""

    as_of_us: int
    since_us: int
    devices: int
    heard_hour: int
    heard_day: int
    heard_week: int
    heard: int  # since `since_us`
    lost: int  # numbers of starts whose records were declared lost, in what was received since then
    refused: dict[str, int]  # batches kept aside since then, by reason
    records: tuple[RecordCount, ...]
    silent: tuple[SilentRow, ...]  # those heard last first; `devices` - `heard` in all
    index: Lag


@dataclass(frozen=True, slots=True)
class CellRow:
    """One cell over a stretch of time. `median_bps` and `median_us` are None too if few devices have a figure."""

    cell: str
    operator: str | None
    eci: int
    devices: int
    n: int  # that ran, so `ok` and `failed` together
    ok: int
    failed: int
    median_bps: int | None
    median_us: int | None


@dataclass(frozen=True, slots=True)
class HourRow:
    """One hour (UTC) of a cell. With `few`, fewer than FEW_DEVICES measured then, and nothing else is told of it."""

    hour_us: int
    few: bool
    devices: int | None = None
    n: int | None = None  # begun; what is neither `ok` nor `failed` was not started or broken off
    ok: int | None = None
    failed: int | None = None
    median_bps: int | None = None
    median_us: int | None = None


@dataclass(frozen=True, slots=True)
class CellHourRow:
    """One hour (UTC) of one of many cells."""

    cell: str
    operator: str | None
    eci: int
    hour: HourRow


@dataclass(frozen=True, slots=True)
class CellsView:
    """The worst cells, or with `by_hour` the worst hours of cells, of a stretch of time; the other of the two is empty."""

    as_of_us: int
    since_us: int
    until_us: int
    direction: str
    least_n: int  # measurements that a cell needs to be among the cells
    few_devices: int
    by_hour: bool
    cells: tuple[CellRow, ...] = ()
    hours: tuple[CellHourRow, ...] = ()


@dataclass(frozen=True, slots=True)
class CellView:
    """The hours of one cell over a stretch of time, in order, those in which anything was measured."""

    as_of_us: int
    since_us: int
    until_us: int
    direction: str
    few_devices: int
    cell: str
    operator: str | None
    eci: int
    first_day: int  # since 1970-01-01, UTC: the first and the last day on which it was measured at all
    last_day: int
    hours: tuple[HourRow, ...] = ()


@dataclass(frozen=True, slots=True)
class DayRow:
    """One day of a line by its own clock. `missing`: slots that began on it for which nothing was ever received."""

    day: str  # 2026-11-22
    from_us: int
    to_us: int
    scheduled: int
    missing: int
    n: int = 0
    ok: int = 0
    failed: int = 0
    not_started: int = 0
    aborted: int = 0
    flawed: int = 0
    down_n: int = 0  # downloads that have a rate
    down_median_bps: int | None = None
    up_n: int = 0
    up_median_bps: int | None = None
    rtt_n: int = 0
    rtt_median_us: int | None = None


@dataclass(frozen=True, slots=True)
class DaysView:
    """A line's days, oldest first."""

    subscriber: str
    time_zone: str
    as_of_us: int
    days: tuple[DayRow, ...]
    newest_day: int | None = None  # since 1970-01-01, UTC: where none of them has anything, the last day that has
