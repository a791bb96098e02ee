"""A record as a row of the index, but for what only a signed or only an imported one has. Pure."""

import json
from typing import Final

import msgspec

from collector.ledger.frame import Entry
from collector.store.figures import rtt_median_us
from collector.store.rows import FactRow
from collector.store.said import Radio, Said, Signal
from shared.record import End
from shared.strictjson import JsonObject

MOBILE: Final = frozenset({"5G", "NR", "LTE", "HSPA+", "HSUPA", "HSDPA", "HSPA", "UMTS", "EDGE", "GPRS"})
# Of a note, the members that anybody asks for (collector/presence.py); of a campaign all of them are.
NOTED: Final = (
    "after", "event", "failures", "last_wall_us", "put_off", "reached", "refused", "rungs", "silent", "since_wall_us",
)  # fmt: skip
_ENDS: Final = frozenset(end.value for end in End)
_NOTES: Final = frozenset({"presence", "reach", "campaign", "episode", "mark"})
_text = msgspec.json.Encoder(order=None).encode


def fact_of(said: Said, line: bytes, owner: int, provenance: str, stream: int, entry: Entry) -> FactRow:
    """The row of a record of the line `owner`."""
    row = FactRow(
        owner,
        provenance,
        stream,
        entry.no,
        said.seq,
        said.wall_us or 0,
        entry.at_us,
        said.method,
        said.end if said.end in _ENDS else "unknown",
    )
    row.slot, row.received_bytes, row.dur_us = said.slot, said.received_bytes, said.dur_us
    row.failure, row.stage, row.reason = said.failure, said.stage, said.reason
    if said.rtt_us:
        row.rtt_us = rtt_median_us(said)
    if said.flaws:
        row.flaws = _text(said.flaws).decode()
    if said.ctx is not None and said.ctx.network_type is not None:
        row.network_type = said.ctx.network_type
    elif said.net in MOBILE:
        row.network_type = "mobile"
    if said.radio is not None:
        _radio(row, said.radio)
    if provenance == "signed":
        if said.slot is None:
            row.campaign, row.k = said.campaign, said.k
        if said.method in _NOTES:
            _note(row, said, line)
    return row


def _note(row: FactRow, said: Said, line: bytes) -> None:
    """What a note says, and what else is asked of it."""
    match said.method:
        case "presence":
            row.says, row.note = said.event, _members(line)
        case "reach":
            row.says, row.note = said.reached, _members(line)
        case "campaign":
            row.says, row.note = said.event, line.decode()
        case "episode":
            row.says = said.event
        case "mark":
            row.says = said.words


def _members(line: bytes) -> str:
    told: JsonObject = json.loads(line)
    return json.dumps({name: told[name] for name in NOTED if name in told}, ensure_ascii=False)


def _radio(row: FactRow, radio: Radio) -> None:
    row.technology, row.located = radio.technology, radio.located
    row.sim_mccmnc, row.net_mccmnc, row.operator = radio.sim_mccmnc, radio.net_mccmnc, radio.net_mccmnc
    if radio.signals:
        _primary(row, radio.signals[0])
    if len(radio.signals) > 1:
        row.signals = _text([(one.radio, one.channel, one.rsrp_dbm) for one in radio.signals[1:]]).decode()


def _primary(row: FactRow, signal: Signal) -> None:
    row.radio, row.operator = signal.radio, signal.mccmnc or row.operator
    row.area, row.cell, row.pci = signal.area, signal.cell, signal.pci
    row.channel, row.band = signal.channel, signal.band
    row.rsrp_dbm, row.rsrq_ddb, row.sinr_ddb = signal.rsrp_dbm, signal.rsrq_ddb, signal.sinr_ddb
