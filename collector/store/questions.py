"""What is asked of the index in DuckDB: each question one statement, its rows as the port's values."""

import json
from abc import ABC, abstractmethod
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import fields
from typing import Any

from collector.dating import TimesView
from collector.store import queries
from collector.store.answers import (
    CellFigures,
    CellHour,
    CellOperator,
    DayFigures,
    Fleet,
    LocalDay,
    Silent,
    TransferFact,
)
from collector.store.left import Left, LeftDay
from collector.store.port import ALL_SLOTS, AcceptedAt, CampaignRow, HeldBatch, Place
from collector.store.project import Known
from collector.store.rows import MADE
from collector.view import AlarmRow, ComplaintRow, Counts, DeviceRow, GradeCount, RecordRow, RemovedRow
from shared.bracket import LIVE_US
from shared.grade import RECEIVER_LIMITED
from shared.slots import SlotPlan

DAY_US = 86_400_000_000
_FLAWS = [item.name for item in fields(RecordRow)].index("flaws")
_TOLD = [item.name for item in fields(TransferFact)].index("told")
_NETWORK = ("technology", "sim_mccmnc", "net_mccmnc", "located")
_FURTHER = ("radio", "channel", "rsrp_dbm")
_SIGNAL = ("radio", "mccmnc", "area", "cell", "pci", "channel", "band", "rsrp_dbm", "rsrq_ddb", "sinr_ddb")


class Questions(ABC):
    """The port's questions, for whoever can run a statement."""

    _known: Known

    @abstractmethod
    def _ask(self, sql: str, values: object = None) -> list[tuple[Any, ...]]:
        """Run a statement on a cursor of its own; raises IndexUnusable."""

    def _of_line(self, sql: str, subscriber: str, **values: object) -> list[tuple[Any, ...]]:
        line = self._known.lines.get(subscriber)
        return [] if line is None else self._ask(sql, {"line": line, **values})

    def loaded_no(self, stream: int = 0) -> int:
        """The number of the newest entry of a stream in the index."""
        return int(self._ask(queries.LOADED_NO, [stream])[0][0])

    def accepted(self, dev: str, batch: int) -> AcceptedAt | None:
        """The identity of a batch in the index and where the ledger holds it, None if it is not there."""
        device, _ = self._known.devices.get(dev, (None, None))
        rows = [] if device is None else self._ask(queries.ACCEPTED, {"device": device, "batch": batch})
        return next((AcceptedAt(pae, Place("batch", segment, at, stream)) for pae, stream, segment, at in rows), None)

    def held_batches(self, after_no: int, up_to_no: int, stream: int = 0) -> list[HeldBatch]:
        """The batches of a stretch of a stream's ledger as the index has them."""
        values = {"after_no": after_no, "up_to_no": up_to_no, "stream": stream}
        return [HeldBatch(*row) for row in self._ask(queries.HELD_BATCHES, values)]

    def known_transfers(self, sessions: Sequence[int]) -> set[str]:
        """The identities of the peers' statements whose session has one of these numbers."""
        if not sessions:
            return set()
        values = {"first": min(sessions), "last": max(sessions), "sessions": [*sessions]}
        return {row[0] for row in self._ask(queries.TRANSFERS_KNOWN, values)}

    def transfers(self, subscriber: str) -> list[TransferFact]:
        """The peers' statements about a subscriber's devices, with what there is of their starts."""
        return [_transfer(*row) for row in self._of_line(queries.TRANSFERS, subscriber)]

    def rows_made(self, table: str, numbers: Sequence[int], stream: int = 0) -> list[dict[str, Any]]:
        """What a table has of some entries, by column."""
        names = MADE[table].__struct_fields__
        rows = self._ask(queries.ROWS[table], {"numbers": [*numbers], "stream": stream})
        return [dict(zip(names, row, strict=True)) for row in rows]

    def newest_us(self, after_no: int, up_to_no: int, stream: int = 0) -> int | None:
        """When the newest batch of a stretch of a stream's ledger was received."""
        values = {"after_no": after_no, "up_to_no": up_to_no, "stream": stream}
        found: int | None = self._ask(queries.NEWEST_US, values)[0][0]
        return found

    def left_of(self, after_no: int, up_to_no: int, stream: int = 0) -> dict[int, Left]:
        """What there is to note of the records of a stretch of a stream's ledger."""
        values = {"after_no": after_no, "up_to_no": up_to_no, "stream": stream}
        days, sessions = defaultdict[int, list[LeftDay]](list), defaultdict[int, list[tuple[int, int]]](list)
        for no, *day in self._ask(queries.LEFT_DAYS, values):
            days[no].append(LeftDay(*day))
        for no, session, seq in self._ask(queries.LEFT_SESSIONS, values):
            sessions[no].append((session, seq))
        return {no: Left(days.get(no, []), sessions.get(no, [])) for no in sorted({*days, *sessions})}

    def complained(self) -> dict[str, int]:
        """Who complained, and when last."""
        return dict(self._ask(queries.COMPLAINED))

    def removed(self, subscriber: str) -> list[RemovedRow]:
        """The batches of a subscriber's devices whose records were removed."""
        return [RemovedRow(*row) for row in self._of_line(queries.REMOVED, subscriber)]

    def timeline(self, subscriber: str, since_us: int = 0) -> list[RecordRow]:
        """A subscriber's measurements in the order of time."""
        rows = self._of_line(queries.TIMELINE, subscriber, since_us=since_us)
        return [_measurement(*row) for row in rows]

    def radio(self, subscriber: str, since_us: int = 0) -> dict[tuple[str, int], dict[str, Any]]:
        """The radio facts of a subscriber's measurements, by (device, seq)."""
        rows = self._of_line(queries.RADIO, subscriber, since_us=since_us)
        return {(row[0], row[1]): {"radio": radio_of(row[2:6], row[6:16], row[16])} for row in rows}

    def notes(self, subscriber: str) -> dict[str, dict[int, dict[str, Any]]]:
        """What a subscriber's probes recorded of their presence and of their ladders, by device and sequence number."""
        found: dict[str, dict[int, dict[str, Any]]] = {}
        for dev, seq, note in self._of_line(queries.NOTES, subscriber):
            found.setdefault(dev, {})[seq] = json.loads(note)
        return found

    def campaigns(self, subscriber: str) -> list[CampaignRow]:
        """The records by which a subscriber's campaigns were fixed or given up."""
        return [CampaignRow(*row) for row in self._of_line(queries.CAMPAIGNS, subscriber)]

    def counts(self, subscriber: str) -> dict[str, Counts]:
        """How a subscriber's measurements ended, by provenance; slots and losses are not in it."""
        return {row[0]: Counts(*row[1:]) for row in self._of_line(queries.COUNTS, subscriber)}

    def grades(self, subscriber: str) -> list[GradeCount]:
        """How many of a subscriber's signed transfers have which grade."""
        return [GradeCount(*row) for row in self._of_line(queries.GRADES, subscriber)]

    def filled_slots(self, dev: str, first: int = -ALL_SLOTS, stop: int = ALL_SLOTS) -> set[int]:
        """The slots of a device, of a stretch of slots, for which anything was received."""
        if dev not in self._known.devices:
            return set()
        device, line = self._known.devices[dev]
        values = {"device": device, "line": line, "first": first, "stop": stop}
        return {row[0] for row in self._ask(queries.FILLED_SLOTS, values)}

    def devices(self, subscriber: str) -> list[tuple[DeviceRow, SlotPlan]]:
        """A subscriber's devices, not knowing which are frozen, each with its slots."""
        return [
            (DeviceRow(dev, enrolled_us, frozen=False, batches=batches, lost=lost), SlotPlan(slot_s, guard_s))
            for dev, enrolled_us, slot_s, guard_s, batches, lost in self._of_line(queries.DEVICES, subscriber)
        ]

    def times(self, subscriber: str) -> list[TimesView]:
        """How well it is known when a subscriber's devices measured."""
        rows = self._ask(queries.TIMES, {"line": self._known.lines.get(subscriber, -1), "live_us": LIVE_US})
        return [TimesView(dev, live, off, undated, longest_us, 0, None) for dev, live, off, undated, longest_us in rows]

    def complaints(self, subscriber: str) -> list[ComplaintRow]:
        """A subscriber's complaints, oldest first."""
        return [ComplaintRow(*row) for row in self._of_line(queries.COMPLAINTS, subscriber)]

    def alarms(self, subscriber: str) -> list[AlarmRow]:
        """What went wrong with the chains of a subscriber's devices."""
        return [AlarmRow(*row) for row in self._of_line(queries.ALARMS, subscriber)]

    def places(self, subscriber: str) -> list[Place]:
        """Where the ledger holds what an evidence file needs."""
        return [Place(*row) for row in self._of_line(queries.PLACES, subscriber)]

    def line_days(self, subscriber: str, since_us: int = 0) -> list[DayFigures]:
        """A line's daily figures, from the day (UTC) of a moment on."""
        return [DayFigures(*row) for row in self._of_line(queries.LINE_DAYS, subscriber, since_day=since_us // DAY_US)]

    def cell_days(self, operator: str | None, cell: int, since_us: int = 0) -> list[DayFigures]:
        """A cell's daily figures, from the day (UTC) of a moment on."""
        values = {"operator": operator, "cell": cell, "since_day": since_us // DAY_US}
        return [DayFigures(*row) for row in self._ask(queries.CELL_DAYS, values)]

    def local_days(self, subscriber: str, edges_us: Sequence[int]) -> list[LocalDay]:
        """A line's days with any signed measurement, in order."""
        values = {"edges": [*edges_us[:-1]], "since_us": edges_us[0], "until_us": edges_us[-1]}
        return [LocalDay(*row) for row in self._of_line(queries.LOCAL_DAYS, subscriber, **values)]

    def cell_hours(
        self, since_us: int, until_us: int, direction: str = "down", most: int = 100, least_devices: int = 0
    ) -> list[CellHour]:
        """The worst hours of cells between two moments, at most so many."""
        values = {"since_us": since_us, "until_us": until_us, "direction": direction, "most": most}
        return [CellHour(*row) for row in self._ask(queries.CELL_HOURS, {**values, "least_devices": least_devices})]

    def cell_hours_of(
        self, operator: str | None, cell: int, since_us: int, until_us: int, direction: str = "down", most: int = 10_000
    ) -> list[CellHour]:
        """The hours of one cell between two moments, in the order of time."""
        values = {"since_us": since_us, "until_us": until_us, "direction": direction, "most": most}
        return [
            CellHour(*row) for row in self._ask(queries.CELL_HOURS_OF, {**values, "operator": operator, "cell": cell})
        ]

    def cell_operators(self, cell: int, most: int = 100) -> list[CellOperator]:
        """The operators in whose networks a cell of this number was measured."""
        return [CellOperator(*row) for row in self._ask(queries.CELL_OPERATORS, {"cell": cell, "most": most})]

    def worst_cells(
        self, since_us: int, until_us: int, direction: str, least_n: int, least_devices: int, most: int
    ) -> list[CellFigures]:
        """The worst cells between two moments, of those with enough measurements."""
        values = {"since_us": since_us, "until_us": until_us, "direction": direction, "most": most}
        least = {"least_n": least_n, "least_devices": least_devices}
        return [CellFigures(*row) for row in self._ask(queries.WORST_CELLS, values | least)]

    def heard(self, since_us: int) -> int:
        """How many devices were heard since a moment."""
        return int(self._ask(queries.HEARD, {"since_us": since_us})[0][0])

    def fleet(self, since_us: int, most: int = 100) -> Fleet:
        """How all devices are: who was heard since a moment, what was lost, refused and recorded."""
        since: Mapping[str, int] = {"since_us": since_us}
        devices, heard, lost = self._ask(queries.FLEET_DEVICES, since)[0]
        return Fleet(
            devices,
            heard,
            lost,
            tuple(Silent(*row) for row in self._ask(queries.FLEET_SILENT, {**since, "most": most})),
            dict(self._ask(queries.FLEET_REFUSED, since)),
            {(method, end): n for method, end, n in self._ask(queries.FLEET_RECORDS, since)},
        )

    def rows_of_stream(self, stream: int) -> dict[str, int]:
        """How many rows a stream has in each table."""
        return dict(self._ask(queries.STREAM_ROWS, {"stream": stream}))

    def digest(self) -> dict[str, tuple[int, str]]:
        """Rows and a digest over them, by table: equal for equal indexes, whatever order they were loaded in."""
        return {row[0]: (row[1], row[2]) for row in self._ask(queries.DIGEST)}


def flaws_of(text: str | None, *, limited: bool | None) -> tuple[str, ...]:
    """The flaws of a record: what the device said, and what the peer saw."""
    flaws: tuple[str, ...] = () if text is None else tuple(json.loads(text))
    return (*flaws, RECEIVER_LIMITED) if limited and RECEIVER_LIMITED not in flaws else flaws


def _measurement(*row: Any) -> RecordRow:  # noqa: ANN401 - columns
    """A row of the timeline; the peer's word on its reader is its last column."""
    *columns, limited = row
    columns[_FLAWS] = flaws_of(columns[_FLAWS], limited=limited)
    return RecordRow(*columns)


def _transfer(*row: Any) -> TransferFact:  # noqa: ANN401 - columns
    """A peer's statement; what its start's records say comes as a list of lists, in any order."""
    columns = [*row]
    columns[_TOLD] = tuple(sorted((method, end) for method, end in columns[_TOLD]))
    return TransferFact(*columns)


def radio_of(network: tuple[Any, ...], primary: tuple[Any, ...], further: str | None) -> dict[str, Any]:
    """A record's `radio` as far as the index has it; what is not known is absent."""
    found = _known_of(_NETWORK, network)
    if primary[0] is not None:  # every signal has a radio, if only an empty one
        found["signals"] = [_known_of(_SIGNAL, primary)]
        found["signals"] += [_known_of(_FURTHER, tuple(one)) for one in json.loads(further or "[]")]
    return found


def _known_of(names: tuple[str, ...], values: tuple[Any, ...]) -> dict[str, Any]:
    return {name: value for name, value in zip(names, values, strict=True) if value is not None}
