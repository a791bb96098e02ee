"""What the report is made from: everything it shows, gathered beforehand. Data only."""

from collections.abc import Sequence
from dataclasses import dataclass

from probe.moments import Local
from probe.remembered import Remembered
from shared.record import Record


@dataclass(frozen=True, slots=True)
class Sent:
    """A batch that the collector promised to keep."""

    batch: int
    received_us: int  # by the collector's clock
    pae_sha256: str


@dataclass(frozen=True, slots=True)
class Sending:
    """Where what was measured is."""

    batches: int
    waiting: int  # sealed, without a receipt
    waiting_bytes: int
    unsealed: int
    lost: int = 0  # records for which the disk had no room
    receipts: tuple[Sent, ...] = ()  # the last ones, newest first


@dataclass(frozen=True, slots=True)
class Allowance:
    """What this month's measuring may cost and has cost so far, in bytes."""

    since: str  # the month's first day, ISO 8601
    month_bytes: int
    spent_bytes: int


@dataclass(frozen=True, slots=True)
class Facts:
    """One report's worth."""

    subscriber: str
    collector_url: str
    device: str  # the key's id
    from_us: int
    now_us: int
    slot_s: int
    local: Local
    rows: Sequence[Remembered]  # by time
    recent: Sequence[Record]  # whole records, newest first
    sending: Sending
    allowance: Allowance | None = None
    campaign: tuple[str, ...] = ()  # how the campaign stands, a sentence each
