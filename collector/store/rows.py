"""What a ledger entry becomes in the index: one struct for each table, a member for each column; what is none is left out.

They are written as NDJSON and read by the engine (`sql/load_*.sql`), so a member's name is its column's name.
"""

from dataclasses import dataclass, field
from typing import Final, TypeAlias

import msgspec

STREAM_SPAN = 2**40  # (stream, entry) becomes one number: that of a line or a device


class LineRow(msgspec.Struct, omit_defaults=True, gc=False):
    """A subscriber's line."""

    id: int
    subscriber: str
    stream: int
    entry_no: int


class DeviceRow(msgspec.Struct, omit_defaults=True, gc=False):
    """An enrolled key."""

    id: int
    line: int
    dev: str
    enrolled_us: int
    slot_s: int
    guard_s: int
    stream: int
    entry_no: int
    segment: str
    offset: int


class KeyRow(msgspec.Struct, omit_defaults=True, gc=False):
    """A key that took another's place (`dev` is the new one), or that was revoked."""

    device: int
    dev: str
    kind: str
    at_us: int
    stream: int
    entry_no: int
    segment: str
    offset: int


class BatchRow(msgspec.Struct, omit_defaults=True, gc=False):
    """An accepted batch; `pae` is its identity in hex."""

    device: int
    batch: int
    pae: str
    first_seq: int
    last_seq: int
    n: int
    lost: int
    sealed_us: int
    received_us: int
    stream: int
    entry_no: int
    segment: str
    offset: int
    since_us: int | None = None  # not before that was it sealed, by a witness's clock
    gone: bool | None = None  # true: its records were removed by a rule of retention


class RefusedRow(msgspec.Struct, omit_defaults=True, gc=False):
    """A batch that was refused and kept aside."""

    device: int
    batch: int
    error: str
    at_us: int
    stream: int
    entry_no: int
    segment: str
    offset: int


class ComplaintRow(msgspec.Struct, omit_defaults=True, gc=False):
    """A complaint."""

    line: int
    dev: str
    said_us: int
    received_us: int
    text: str
    stream: int
    entry_no: int
    segment: str
    offset: int


class ImportRow(msgspec.Struct, omit_defaults=True, gc=False):
    """An imported part of a file."""

    line: int
    source: str
    n: int
    stream: int
    entry_no: int
    segment: str
    offset: int


class FactRow(msgspec.Struct, omit_defaults=True, gc=False):
    """A measurement as the index holds it; the columns are explained in `sql/migrations/0003_columns.sql`."""

    line: int
    provenance: str
    stream: int
    entry_no: int
    seq: int
    at_us: int
    received_us: int
    method: str
    end: str
    device: int | None = None
    source: str | None = None
    slot: int | None = None
    direction: str | None = None
    rate_bps: int | None = None
    rtt_us: int | None = None
    loss_pm: int | None = None
    received_bytes: int | None = None
    dur_us: int | None = None
    failure: str | None = None
    stage: str | None = None
    reason: str | None = None
    flaws: str | None = None
    network_type: str | None = None
    grade: str | None = None
    grade_reason: str | None = None
    session: int | None = None
    limited: bool | None = None
    campaign: str | None = None
    k: int | None = None
    says: str | None = None
    note: str | None = None
    technology: str | None = None
    sim_mccmnc: str | None = None
    net_mccmnc: str | None = None
    located: bool | None = None
    radio: str | None = None
    operator: str | None = None
    area: int | None = None
    cell: int | None = None
    pci: int | None = None
    channel: int | None = None
    band: int | None = None
    rsrp_dbm: int | None = None
    rsrq_ddb: int | None = None
    sinr_ddb: int | None = None
    signals: str | None = None
    skew_us: int | None = None  # its wall clock less `at_us`, if that clock said what cannot be


class DayRow(msgspec.Struct, omit_defaults=True, gc=False):
    """The figures that removed records of one batch have in the sums of a day."""

    line: int
    day: int
    provenance: str
    method: str
    direction: str
    n: int
    ok: int
    failed: int
    not_started: int
    aborted: int
    flawed: int
    rate_n: int
    rtt_n: int
    operator: str | None = None
    cell: int | None = None
    rate_sum: int | None = None
    rate_min: int | None = None
    rate_max: int | None = None
    rtt_sum: int | None = None
    rtt_min: int | None = None
    rtt_max: int | None = None
    bytes: int | None = None


class SpentRow(msgspec.Struct, omit_defaults=True, gc=False):
    """A session that a removed record bore."""

    device: int
    session: int
    received_us: int
    stream: int
    entry_no: int
    seq: int


class TransferRow(msgspec.Struct, omit_defaults=True, gc=False):
    """A peer's statement of a transfer; `bytes`: by the peer's own count. What it does not say is none."""

    device: int
    line: int
    session: int
    pae: str
    sid: str
    peer: str
    direction: str
    at_us: int
    dur_us: int
    received_us: int
    stream: int
    entry_no: int
    segment: str
    offset: int
    seq: int | None = None
    bytes: int | None = None
    min_rtt_us: int | None = None


class ForgottenRow(msgspec.Struct):
    """A batch whose records are to be removed."""

    entry_no: int


class GradeRow(msgspec.Struct, omit_defaults=True, gc=False):
    """The new grade of a measurement that is in the index."""

    device: int
    received_us: int
    stream: int
    entry_no: int
    seq: int
    grade: str | None = None
    grade_reason: str | None = None
    session: int | None = None
    limited: bool | None = None


Order: TypeAlias = tuple[int, int, int, int]  # received_us, stream, entry_no, seq: which of two records was earlier
Bearing: TypeAlias = tuple[int, int]  # a device and the number of a session one of its records bears


@dataclass(slots=True)
class Rows:
    """Rows by table, and the first record of these to bear each session."""

    line: list[LineRow] = field(default_factory=list)
    device: list[DeviceRow] = field(default_factory=list)
    key_change: list[KeyRow] = field(default_factory=list)
    batch: list[BatchRow] = field(default_factory=list)
    refused: list[RefusedRow] = field(default_factory=list)
    complaint: list[ComplaintRow] = field(default_factory=list)
    imported: list[ImportRow] = field(default_factory=list)
    record: list[FactRow] = field(default_factory=list)
    line_day: list[DayRow] = field(default_factory=list)
    cell_day: list[DayRow] = field(default_factory=list)  # of `line_day` those that have a cell
    spent: list[SpentRow] = field(default_factory=list)
    transfer: list[TransferRow] = field(default_factory=list)
    borne: dict[Bearing, Order] = field(default_factory=dict)


# The tables whose rows are made of one entry each, by name.
MADE: Final = {
    "line": LineRow,
    "device": DeviceRow,
    "batch": BatchRow,
    "refused": RefusedRow,
    "complaint": ComplaintRow,
    "imported": ImportRow,
    "record": FactRow,
    "transfer": TransferRow,
}
