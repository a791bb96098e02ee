"""From ledger entries to index rows: pure, so that the index made anew equals the index that grew.

What must be remembered of earlier entries is who is who: the numbers of lines and devices (`Known`). It is a fold over the
entries, and the index holds it too.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

import msgspec

from collector.errors import NotLoaded
from collector.importers.imported import SEQ_SPAN
from collector.ledger.changed import revoked_in, rotated_in
from collector.ledger.frame import Entry, EntryKind
from collector.store.batches import batch_of
from collector.store.facts import fact_of
from collector.store.figures import loss_per_mille, plausible, rate_bps
from collector.store.grading import Settling, columns_of
from collector.store.left import Left, read_left
from collector.store.rows import (
    STREAM_SPAN,
    BatchRow,
    ComplaintRow,
    DayRow,
    DeviceRow,
    ImportRow,
    KeyRow,
    LineRow,
    RefusedRow,
    Rows,
    SpentRow,
)
from collector.store.said import said_of
from collector.store.times import bracket_of, place
from collector.store.transfer_row import transfer_of
from shared import statement
from shared.dsse import read_envelope
from shared.grade import DIRECTION as TRANSFERS
from shared.grade import Peers
from shared.statement import Kind
from shared.strictjson import JsonObject, decode

DIRECTION = {"download": "down", "upload": "up", "latency": "round_trip"}
IMPORTED_DIRECTION = {"passive": "down", "ping": "round_trip"}


Elsewhere = Callable[[EntryKind, str], tuple[int, Entry] | None]  # what made a line or a device, and its stream


@dataclass(slots=True)
class Known:
    """The numbers of lines by subscriber, and of devices, each with its line's, by the ids of all of its keys."""

    lines: dict[str, int] = field(default_factory=dict)
    devices: dict[str, tuple[int, int]] = field(default_factory=dict)
    slots_us: dict[int, int] = field(default_factory=dict)  # how long those of a device are

    def line(self, subscriber: str) -> int:
        """A line's number; raises NotLoaded if what made it is not loaded."""
        found = self.lines.get(subscriber)
        if found is None:
            raise NotLoaded(
                f"what made the line of {subscriber!r} is not in the index yet", EntryKind.SUBSCRIBER, subscriber
            )
        return found

    def device(self, dev: str) -> tuple[int, int]:
        """The numbers of a device and of its line; raises NotLoaded if its enrolment is not loaded."""
        found = self.devices.get(dev)
        if found is None:
            raise NotLoaded(f"the enrolment of device {dev[:16]}… is not in the index yet", EntryKind.ENROLMENT, dev)
        return found


def rows_of(
    entries: Iterable[Entry], known: Known, peers: Peers, stream: int = 0, elsewhere: Elsewhere | None = None
) -> Rows:
    """The rows of some entries of one stream, in order; `known` gains the lines and devices they make.

    `elsewhere` finds what another stream has made and has not loaded; its rows are made here then. Raises NotLoaded.
    """
    rows, settling = Rows(), Settling()
    for entry in entries:
        _row(rows, entry, stream, known, peers, settling, elsewhere)
    rows.borne = settling.settle()
    return rows


def _row(
    rows: Rows,
    entry: Entry,
    stream: int,
    known: Known,
    peers: Peers,
    settling: Settling,
    elsewhere: Elsewhere | None,
) -> None:
    """The rows of one entry, and before them those of what it needs."""
    try:
        match entry.kind:
            case EntryKind.BATCH:
                _batch(rows, entry, stream, known, peers, settling)
            case EntryKind.ENROLMENT:
                _device(rows, entry, stream, known)
            case EntryKind.REFUSED:
                rows.refused.append(_refused(entry, stream, known))
            case EntryKind.TRANSFER:
                rows.transfer.append(transfer_of(entry, stream, known.device))
            case EntryKind.COMPLAINT:
                rows.complaint.append(_complaint(entry, stream, known))
            case EntryKind.IMPORT:
                _imported(rows, entry, stream, known)
            case EntryKind.SUBSCRIBER:
                _line(rows, entry, stream, known)
            case EntryKind.ROTATION | EntryKind.REVOCATION:
                _key(rows, entry, stream, known)
            case EntryKind.CODE | EntryKind.RETENTION | EntryKind.SERVER_KEY | EntryKind.NEXT_LOG:
                pass
    except NotLoaded as missing:  # nothing of this entry was made yet
        found = _made_elsewhere(elsewhere, EntryKind(missing.kind), missing.name)
        if found is None:
            raise
        _row(rows, found[1], found[0], known, peers, settling, elsewhere)
        _row(rows, entry, stream, known, peers, settling, elsewhere)


def _made_elsewhere(elsewhere: Elsewhere | None, kind: EntryKind, name: str) -> tuple[int, Entry] | None:
    """The entry that made a line or a device; a key that was not enrolled has perhaps taken another's place."""
    if elsewhere is None:
        return None
    found = elsewhere(kind, name)
    return elsewhere(EntryKind.ROTATION, name) if found is None and kind is EntryKind.ENROLMENT else found


def _batch(rows: Rows, entry: Entry, stream: int, known: Known, peers: Peers, settling: Settling) -> None:
    pae, said, records = batch_of(entry)
    device, owner = known.device(said.dev)
    bracket = bracket_of(entry, said.sealed_mono_us, None if said.beacon is None else said.beacon.mono_us)
    rows.batch.append(
        BatchRow(
            device,
            said.batch,
            pae,
            *said.seq,
            said.n,
            said.lost,
            said.sealed_wall_us,
            entry.at_us,
            stream,
            entry.no,
            entry.segment,
            entry.offset,
            bracket.since_us,
            entry.gone or None,
        )
    )
    if entry.left is not None:
        _removed(rows, entry, read_left(entry.left), (device, owner), stream, settling)
    for line, record in records:
        row = fact_of(record, line, owner, "signed", stream, entry)
        row.device = device
        if record.wall_us is not None:
            place(row, record, bracket, known.slots_us[device])
        row.direction = DIRECTION.get(record.method)
        if record.received_bytes is not None:
            row.rate_bps = plausible(rate_bps(record))
        if record.rtt_us:
            row.loss_pm = loss_per_mille(record)
        if record.method in TRANSFERS:
            row.grade, row.grade_reason, row.session, row.limited = columns_of(record, line, said.dev, peers)
            if row.session is not None:
                settling.add((entry.at_us, stream, entry.no, record.seq), (device, row.session), row)
        rows.record.append(row)


def _removed(rows: Rows, entry: Entry, left: Left, whose: tuple[int, int], stream: int, settling: Settling) -> None:
    """What the index keeps of a batch whose records were removed: their figures, and the sessions that they used up."""
    device, line = whose
    days = [DayRow(line=line, provenance="signed", **msgspec.structs.asdict(one)) for one in left.days]
    rows.line_day += days
    rows.cell_day += [one for one in days if one.cell is not None]
    for session, seq in left.sessions:
        rows.spent.append(SpentRow(device, session, entry.at_us, stream, entry.no, seq))
        settling.spend((entry.at_us, stream, entry.no, seq), (device, session))


def _imported(rows: Rows, entry: Entry, stream: int, known: Known) -> None:
    line = known.line(statement.text(entry.meta, "subscriber"))
    source, lines = statement.text(entry.meta, "format"), entry.body[:-1].split(b"\n")
    rows.imported.append(ImportRow(line, source, len(lines), stream, entry.no, entry.segment, entry.offset))
    for number, told in enumerate(lines):
        record = said_of(told)
        row = fact_of(record, told, line, "imported", stream, entry)
        row.source, row.seq = source, entry.no * SEQ_SPAN + number
        row.direction = IMPORTED_DIRECTION.get(record.method)
        row.rate_bps = plausible(record.rate_bps)
        row.loss_pm = record.loss_pm
        rows.record.append(row)


def _line(rows: Rows, entry: Entry, stream: int, known: Known) -> None:
    subscriber = statement.text(decode(entry.body[:-1]), "id")
    made = LineRow(stream * STREAM_SPAN + entry.no, subscriber, stream, entry.no)
    if subscriber not in known.lines:  # what is said of a line later makes no other line
        known.lines[subscriber] = made.id
        rows.line.append(made)


def _device(rows: Rows, entry: Entry, stream: int, known: Known) -> None:
    told = statement.read_statement(read_envelope(entry.body[:-1]).payload, Kind.ENROL)
    line, device = known.line(statement.text(entry.meta, "subscriber")), stream * STREAM_SPAN + entry.no
    made = DeviceRow(
        device,
        line,
        told.subject_sha256,
        statement.integer(told.predicate, "t_us"),
        statement.integer(entry.meta, "slot_s", 1),
        statement.integer(entry.meta, "guard_s"),
        stream,
        entry.no,
        entry.segment,
        entry.offset,
    )
    known.slots_us[device] = made.slot_s * 1_000_000
    if known.devices.get(made.dev) != (device, line):  # another stream may have needed it before this one came to it
        known.devices[made.dev] = device, line
        rows.device.append(made)


def _key(rows: Rows, entry: Entry, stream: int, known: Known) -> None:
    """A change of a device's keys: in the index a device is what its first key was, whichever key signs for it now."""
    is_new = True
    if entry.kind is EntryKind.ROTATION:
        old, new = rotated_in(entry.body)
        dev, device = new.key_id, known.device(old)
        is_new = known.devices.get(dev) != device  # another stream may have needed it before this one came to it
        known.devices[dev] = device
    else:
        dev = revoked_in(entry.body)
        device = known.device(dev)
    if is_new:
        made = KeyRow(device[0], dev, entry.kind, entry.at_us, stream, entry.no, entry.segment, entry.offset)
        rows.key_change.append(made)


def _refused(entry: Entry, stream: int, known: Known) -> RefusedRow:
    device, _ = known.device(statement.text(entry.meta, "dev"))
    batch, error = statement.integer(entry.meta, "batch"), statement.text(entry.meta, "error")
    return RefusedRow(device, batch, error, entry.at_us, stream, entry.no, entry.segment, entry.offset)


def _complaint(entry: Entry, stream: int, known: Known) -> ComplaintRow:
    predicate: JsonObject = statement.read_statement(read_envelope(entry.body[:-1]).payload, Kind.COMPLAINT).predicate
    return ComplaintRow(
        known.line(statement.text(entry.meta, "subscriber")),
        statement.text(predicate, "dev"),
        statement.integer(predicate, "wall_us", -(2**53)),
        entry.at_us,
        statement.text(predicate, "text"),
        stream,
        entry.no,
        entry.segment,
        entry.offset,
    )
