"""What the history keeps of a finished measurement: one short line of JSON, enough for charts and counts. Pure.

It is a copy for whoever owns the device: unsigned, rounded to what a chart needs, and nothing that is judged is ever
computed from it. A member that the record does not have is absent. A line that cannot be read is no line: whoever reads
leaves it out.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass

from shared import kpi
from shared.errors import Malformed
from shared.record import LOST, End, Record
from shared.strictjson import JsonObject

BESIDE = frozenset({"presence", "mark", "campaign", "episode", "reach"})  # records beside the measurements
_STAMP_BYTES = 2 * (44 + 28)  # a STAMP packet and its answer, with UDP's and IPv4's headers
_TEXTS = (
    "method",
    "end",
    "plan",
    "direction",
    "failure",
    "reason",
    "event",
    "after",
    "network",
    "campaign",
    "why",
    "words",
)
_NUMBERS = ("slot", "rate_bps", "rtt_us", "loss_pm", "took_us", "used_bytes", "span_us")
_FAR = 4_000_000_000_000_000  # the year 2096, in µs: a moment beyond it is a clock's fault and fits no chart


@dataclass(frozen=True, slots=True)
class Remembered:
    """One finished measurement. `slot` is absent if somebody started it by hand."""

    seq: int
    at_us: int
    method: str
    end: str
    plan: str | None = None
    direction: str | None = None  # of the load in `loaded_latency`
    failure: str | None = None
    reason: str | None = None
    event: str | None = None  # what a record of `presence`, `episode` or `campaign` tells
    after: str | None = None  # how the run before a start had ended
    network: str | None = None
    campaign: str | None = None
    why: str | None = None  # what asked for it, if neither the schedule nor a person did
    words: str | None = None  # what somebody wrote beside a mark; the rule of a campaign
    slot: int | None = None
    rate_bps: int | None = None
    rtt_us: int | None = None  # the median round trip, of lookups in `dns`
    loss_pm: int | None = None
    took_us: int | None = None
    used_bytes: int | None = None  # both ways, as far as the record tells
    span_us: int | None = None  # how long the device was off or asleep, by how much its clock was set
    flaws: tuple[str, ...] = ()

    @property
    def worked(self) -> bool:
        """Whether it ended well."""
        return self.end == End.OK

    @property
    def is_planned(self) -> bool:
        """Whether the schedule or a campaign wanted it, so that nobody chose its moment."""
        return self.slot is not None or self.campaign is not None

    @property
    def is_measurement(self) -> bool:
        """Whether it says something of the line's quality."""
        return self.method not in BESIDE


def remember(record: Record) -> Remembered | None:
    """What is kept of a record; None for one without a moment or a method, which no chart could place."""
    at_us = record.integer("wall_us")
    if at_us is None or not 0 <= at_us < _FAR or not record.method:
        return None
    ctx = record.fields.get("ctx")
    return Remembered(
        seq=record.seq,
        at_us=at_us,
        method=record.method,
        end=record.text("end") or "",
        plan=record.text("plan"),
        direction=record.text("direction"),
        failure=record.text("failure"),
        reason=record.text("reason"),
        event=record.text("event") or record.text("act"),
        network=_text(ctx, "network_type"),
        after=record.text("after"),
        campaign=record.text("campaign"),
        why=record.text("why"),
        words=record.text("words") or record.text("criterion"),
        slot=record.integer("slot"),
        rate_bps=_rate_bps(record),
        rtt_us=_middle_us(record),
        loss_pm=kpi.loss_per_mille(record),
        took_us=record.integer("dur_us"),
        used_bytes=used_bytes(record),
        span_us=_span_us(record),
        flaws=record.texts("flaws"),
    )


def write(one: Remembered) -> bytes:
    """Spell it as a line, with its LF."""
    told: JsonObject = {"seq": one.seq, "at_us": one.at_us}
    for name in (*_TEXTS, *_NUMBERS):
        value = getattr(one, name)
        if value is not None:
            told[name] = value
    if one.flaws:
        told["flaws"] = list(one.flaws)
    return json.dumps(told, separators=(",", ":"), ensure_ascii=True).encode() + b"\n"


def read(line: bytes) -> Remembered:
    """Read a line, with or without its LF; raises Malformed."""
    try:
        told = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise Malformed("a line of the history that is no JSON") from error
    if not isinstance(told, dict):
        raise Malformed("a line of the history that is no object")
    record = Record(b"", told, 0)
    seq, at_us, method = record.integer("seq"), record.integer("at_us"), record.method
    if seq is None or at_us is None or not 0 <= at_us < _FAR or not method:
        raise Malformed("a line of the history without number, moment or method")
    texts = {name: record.text(name) for name in _TEXTS if name not in {"method", "end"}}
    numbers = {name: _counted(record, name) for name in _NUMBERS}
    end = record.text("end") or ""
    return Remembered(seq, at_us, method, end, flaws=record.texts("flaws"), **texts, **numbers)  # type: ignore[arg-type]


def used_bytes(record: Record) -> int | None:
    """What a measurement moved in both directions, as far as its record tells; small things are counted as 0."""
    parts = [("tcp_rx_bytes", "tcp_tx_bytes"), ("down_bytes", "up_bytes"), ("received_bytes", "sent_bytes")]
    for names in parts:
        counts = [record.integer(name) for name in names]
        if any(count is not None for count in counts):
            return sum(max(0, count) for count in counts if count is not None)
    sent = record.integer("sent")
    return sent * _STAMP_BYTES if record.method == "latency" and sent is not None else None


def _rate_bps(record: Record) -> int | None:
    """The rate of whatever carried load; of speedtest-cli the download, if our own peer counted it."""
    if record.method == "ookla":
        return record.integer("down_bps")
    return kpi.rate_bps(record)


def _middle_us(record: Record) -> int | None:
    if record.method == "dns":
        return kpi.percentile([one for one in record.integers("lookup_us") if one != LOST], 500)
    if record.method == "loaded_latency":
        return kpi.percentile(record.integers("loaded_rtt_us"), 500)
    return kpi.rtt_median_us(record)


def _span_us(record: Record) -> int | None:
    told = (record.integer(name) for name in ("off_us", "slept_us", "step_us"))
    return next((abs(one) for one in told if one is not None), None)


def _text(value: object, name: str) -> str | None:
    found = value.get(name) if isinstance(value, Mapping) else None
    return found if isinstance(found, str) else None


def _counted(record: Record, name: str) -> int | None:
    value = record.integer(name)
    return value if value is not None and value >= 0 else None
