"""From ledger entries to index rows: pure, so that the index made anew equals the index that grew."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from collector.importers.imported import SEQ_SPAN
from collector.ledger.frame import Entry, EntryKind
from collector.store.grading import Grader, Row, UsedOf
from shared import kpi, statement
from shared.batch import read_batch_statement
from shared.dsse import read_envelope
from shared.grade import Peers
from shared.record import Record, reread_record
from shared.statement import Kind
from shared.strictjson import JsonObject, encode

DIRECTION = {"download": "down", "upload": "up", "latency": "round_trip"}
IMPORTED_DIRECTION = {"passive": "down", "ping": "round_trip"}
MOST_BPS = 10**15  # a thousand Tbit/s: no line; a figure above it is none
MOBILE = {"5G", "NR", "LTE", "HSPA+", "HSUPA", "HSDPA", "HSPA", "UMTS", "EDGE", "GPRS"}


@dataclass(slots=True)
class Rows:
    """Rows by table."""

    entry: list[Row] = field(default_factory=list)
    record: list[Row] = field(default_factory=list)
    batch: list[Row] = field(default_factory=list)
    refused: list[Row] = field(default_factory=list)
    device: list[Row] = field(default_factory=list)
    complaint: list[Row] = field(default_factory=list)


def rows_of(entries: Iterable[Entry], subscriber_of: Callable[[str], str], peers: Peers, used_of: UsedOf) -> Rows:
    """The rows of some entries.

    `subscriber_of` tells whose line a device measures, `peers` whose counter-signature is believed, and `used_of` which
    sessions are known from the entries before.
    """
    rows = Rows()
    grader = Grader(peers)
    enrolled: dict[str, str] = {}
    for entry in entries:
        rows.entry.append(
            {
                "no": entry.no,
                "kind": entry.kind.value,
                "at_us": entry.at_us,
                "segment": entry.segment,
                "offset": entry.offset,
            }
        )
        match entry.kind:
            case EntryKind.BATCH:
                dev = statement.sha256_hex(entry.meta, "dev")
                _batch(rows, entry, enrolled.get(dev) or subscriber_of(dev), grader)
            case EntryKind.ENROLMENT:
                row = _device(entry)
                rows.device.append(row)
                enrolled[str(row["dev"])] = str(row["subscriber"])
            case EntryKind.REFUSED:
                rows.refused.append(
                    {"entry_no": entry.no, "at_us": entry.at_us}
                    | {name: entry.meta[name] for name in ("dev", "batch", "error")}
                )
            case EntryKind.COMPLAINT:
                rows.complaint.append(_complaint(entry))
            case EntryKind.IMPORT:
                _imported(rows, entry)
            case EntryKind.SUBSCRIBER | EntryKind.CODE:
                pass
    grader.settle(used_of)
    return rows


def _batch(rows: Rows, entry: Entry, subscriber: str, grader: Grader) -> None:
    line, _, rest = entry.body.partition(b"\n")
    envelope = read_envelope(line)
    said = read_batch_statement(statement.read_statement(envelope.payload, Kind.BATCH))
    receipt = entry.meta["receipt"]
    rows.batch.append(
        {
            "entry_no": entry.no,
            "dev": said.dev,
            "batch": said.batch,
            "pae_sha256": envelope.pae_sha256,
            "first_seq": said.first_seq,
            "last_seq": said.last_seq,
            "n": said.n,
            "lost": said.lost,
            "sealed_wall_us": said.sealed_wall_us,
            "received_us": entry.at_us,
            "receipt": encode(receipt).decode(),
        }
    )
    for record_line in rest[:-1].split(b"\n"):
        record = reread_record(record_line)
        row = _record(entry, record) | {
            "direction": DIRECTION.get(record.method),
            "rate_bps": _plausible(kpi.rate_bps(record)),
            "rtt_us": kpi.rtt_median_us(record),
            "loss_pm": kpi.loss_per_mille(record),
            "subscriber": subscriber,
            "provenance": "signed",
            "dev": said.dev,
            "batch": said.batch,
            "seq": record.seq,
        }
        grader.add(row, record, said.dev)
        rows.record.append(row)


def _imported(rows: Rows, entry: Entry) -> None:
    for number, line in enumerate(entry.body[:-1].split(b"\n")):
        record = reread_record(line)
        rows.record.append(
            _record(entry, record)
            | {
                "direction": IMPORTED_DIRECTION.get(record.method),
                "rate_bps": _plausible(record.integer("rate_bps")),
                "rtt_us": kpi.rtt_median_us(record),
                "loss_pm": record.integer("loss_pm"),
                "subscriber": statement.text(entry.meta, "subscriber"),
                "provenance": "imported",
                "dev": statement.text(entry.meta, "format"),
                "batch": None,
                "seq": entry.no * SEQ_SPAN + number,
            }
        )


def _record(entry: Entry, record: Record) -> Row:
    end = record.end
    return {
        "entry_no": entry.no,
        "slot": record.integer("slot"),
        "at_us": record.integer("wall_us") or 0,
        "received_us": entry.at_us,
        "method": record.method,
        "end": end.value if end else "unknown",
        "received_bytes": record.integer("received_bytes"),
        "dur_us": record.integer("dur_us"),
        "failure": record.text("failure"),
        "stage": record.text("stage"),
        "reason": record.text("reason"),
        "flaws": list(record.texts("flaws")),
        "network_type": _network_type(record),
        "line": record.line.decode(),
    }


def _plausible(rate_bps: int | None) -> int | None:
    return rate_bps if rate_bps is not None and 0 <= rate_bps <= MOST_BPS else None


def _network_type(record: Record) -> str | None:
    """`mobile`, `wifi`, … as the record's context says; a record that names its radio technology ran over mobile."""
    context = record.fields.get("ctx")
    kind = context.get("network_type") if isinstance(context, dict) else None
    if isinstance(kind, str):
        return kind
    return "mobile" if record.text("net") in MOBILE else None


def _device(entry: Entry) -> Row:
    told = statement.read_statement(read_envelope(entry.body[:-1]).payload, Kind.ENROL)
    return {
        "entry_no": entry.no,
        "dev": told.subject_sha256,
        "subscriber": entry.meta["subscriber"],
        "enrolled_us": told.predicate["t_us"],
        "slot_s": entry.meta["slot_s"],
        "guard_s": entry.meta["guard_s"],
    }


def _complaint(entry: Entry) -> Row:
    predicate: JsonObject = statement.read_statement(read_envelope(entry.body[:-1]).payload, Kind.COMPLAINT).predicate
    return {
        "entry_no": entry.no,
        "subscriber": entry.meta["subscriber"],
        "dev": predicate["dev"],
        "said_us": predicate["wall_us"],
        "received_us": entry.at_us,
        "text": predicate["text"],
    }
