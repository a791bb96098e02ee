"""What a record line says, as far as the index wants it: read by types in one pass, or member by member if anything is odd.

Both ways give the same (a test holds them to it). A member of another type than FORMAT.md says counts as absent, exactly
as `shared.record` has it, so nothing that a device writes into a record can stop a load. Pure.
"""

import json
from typing import Any

import msgspec

from shared.record import Record, reread_record
from shared.strictjson import Json, JsonObject


class Signal(msgspec.Struct, gc=False):
    """One serving cell."""

    radio: str = ""
    mccmnc: str | None = None
    area: int | None = None
    cell: int | None = None
    pci: int | None = None
    channel: int | None = None
    band: int | None = None
    rsrp_dbm: int | None = None
    rsrq_ddb: int | None = None
    sinr_ddb: int | None = None


class Radio(msgspec.Struct, gc=False):
    """The mobile network as told after a measurement."""

    technology: str | None = None
    sim_mccmnc: str | None = None
    net_mccmnc: str | None = None
    located: bool | None = None
    signals: list[Signal] = []


class Context(msgspec.Struct, gc=False):
    """The link around a measurement."""

    network_type: str | None = None


class Said(msgspec.Struct, gc=False):
    """The members of a record that the index wants; absent ones are none, or an empty list."""

    seq: int
    method: str = ""
    end: str | None = None
    wall_us: int | None = None
    mono_us: int | None = None
    boot: str | None = None
    slot: int | None = None
    dur_us: int | None = None
    received_bytes: int | None = None
    rate_bps: int | None = None
    loss_pm: int | None = None
    failure: str | None = None
    stage: str | None = None
    reason: str | None = None
    flaws: list[str] = []
    net: str | None = None
    ctx: Context | None = None
    radio: Radio | None = None
    rtt_us: list[int] = []
    warm_us: int | None = None
    until_us: int | None = None
    t_us: list[int] = []
    bytes: list[int] = []
    held_bytes: list[int] = []
    flow_t_us: list[list[int]] = []
    flow_bytes: list[list[int]] = []
    flow_held_bytes: list[list[int]] = []
    campaign: str | None = None
    k: int | None = None
    event: str | None = None
    reached: str | None = None
    words: str | None = None
    co: msgspec.Raw = msgspec.Raw()  # empty: it bears no counter-signature


_typed = msgspec.json.Decoder(Said).decode
_TEXTS = (
    "method", "end", "failure", "stage", "reason", "net", "boot", "campaign", "event", "reached", "words",
)  # fmt: skip
_WHOLES = ("wall_us", "mono_us", "slot", "dur_us", "received_bytes", "rate_bps", "loss_pm", "warm_us", "until_us", "k")
_LISTS = ("rtt_us", "t_us", "bytes", "held_bytes")
_SERIES = ("flow_t_us", "flow_bytes", "flow_held_bytes")
_SIGNAL_WHOLES = ("area", "cell", "pci", "channel", "band", "rsrp_dbm", "rsrq_ddb", "sinr_ddb")


def said_of(line: bytes) -> Said:
    """What a record line that was taken before says."""
    try:
        return _typed(line)
    except (msgspec.ValidationError, OverflowError):
        return read_loosely(reread_record(line))


def read_loosely(record: Record) -> Said:
    """The same, member by member: what has another type than it should is absent."""
    fields: dict[str, Any] = {name: record.text(name) for name in _TEXTS if record.text(name) is not None}
    fields |= {name: record.integer(name) for name in _WHOLES}
    fields |= {name: [*record.integers(name)] for name in _LISTS}
    fields |= {name: [[*row] for row in record.series(name)] for name in _SERIES}
    campaign = record.fields.get("campaign")
    if campaign is not None and not isinstance(campaign, str):  # it names one, if none that there can be
        fields["campaign"] = json.dumps(campaign, separators=(",", ":"), ensure_ascii=False)
    if "co" in record.fields:
        fields["co"] = msgspec.Raw(json.dumps(record.fields["co"]).encode())
    context = _object(record.fields.get("ctx"))
    return Said(
        record.seq,
        flaws=[*record.texts("flaws")],
        ctx=None if context is None else Context(_text(context, "network_type")),
        radio=_radio(_object(record.fields.get("radio"))),
        **fields,
    )


def _radio(told: "JsonObject | None") -> Radio | None:
    if told is None:
        return None
    signals, located = told.get("signals"), told.get("located")
    return Radio(
        _text(told, "technology"),
        _text(told, "sim_mccmnc"),
        _text(told, "net_mccmnc"),
        located if isinstance(located, bool) else None,
        [_signal(one) for one in signals if isinstance(one, dict)] if isinstance(signals, list) else [],
    )


def _signal(told: JsonObject) -> Signal:
    wholes = {name: told[name] for name in _SIGNAL_WHOLES if type(told.get(name)) is int}
    return Signal(str(told.get("radio", "")), _text(told, "mccmnc"), **wholes)  # type: ignore[arg-type]


def _object(value: "Json | None") -> "JsonObject | None":
    return value if isinstance(value, dict) else None


def _text(told: JsonObject, name: str) -> str | None:
    value = told.get(name)
    return value if isinstance(value, str) else None
