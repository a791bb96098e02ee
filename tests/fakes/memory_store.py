"""An index in plain Python: the same rows from the same entries, every question answered by looking at all of them."""

import contextlib
import copy
import itertools
import json
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec

from collector.dating import TimesView
from collector.ledger.frame import Entry
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
from collector.store.project import Known, rows_of
from collector.store.questions import flaws_of, radio_of
from collector.store.rows import DayRow, FactRow, Order, Rows, SpentRow, TransferRow
from collector.view import AlarmRow, ComplaintRow, Counts, DeviceRow, GradeCount, RecordRow, RemovedRow
from shared.bracket import TimeGrade, time_grade
from shared.grade import NOBODY, Peers
from shared.record import UNCOUNTED
from shared.slots import SlotPlan

DAY_US, HOUR_US = 86_400_000_000, 3_600_000_000
ENDS = ("ok", "failed", "not_started", "aborted")
MOST_BPS, MOST_RTT_US, MOST_BYTES = 10**11, 10**9, 10**11  # beyond these a figure is in no daily sum


def whole(value: int, by: int) -> int:
    """Divided as SQL does: towards zero."""
    return abs(value) // by * (1 if value >= 0 else -1)


@dataclass
class MemoryStore:
    """The store port over lists. Nothing of it outlives the process, so `reopen` changes nothing."""

    peers: Peers = field(default_factory=lambda: NOBODY)
    run_rows: int = 4_000_000
    rows: Rows = field(default_factory=Rows)
    _known: Known = field(default_factory=Known)
    _loaded: dict[int, int] = field(default_factory=dict)
    _entries: Counter[int] = field(default_factory=Counter)
    _hot: int = 0

    def loaded_no(self, stream: int = 0) -> int:
        """The newest entry of a stream."""
        return self._loaded.get(stream, 0)

    def load(self, entries: Sequence[Entry], stream: int = 0) -> None:
        """Make rows of what is new, then grade everything anew."""
        fresh = [entry for entry in entries if entry.no > self.loaded_no(stream)]
        if not fresh:
            return
        known = Known(dict(self._known.lines), dict(self._known.devices), dict(self._known.slots_us))
        new = rows_of(fresh, known, self.peers, stream)
        self._known = known
        for table in (
            "line",
            "device",
            "key_change",
            "batch",
            "refused",
            "complaint",
            "imported",
            "record",
            "line_day",
            "cell_day",
            "spent",
            "transfer",
        ):
            getattr(self.rows, table).extend(getattr(new, table))
        self._loaded[stream] = fresh[-1].no
        self._entries[stream] += len(fresh)
        self._hot += len(new.record)
        self._settle()

    def _settle(self) -> None:
        first: dict[tuple[int | None, int], Order] = {}
        bearing = [row for row in self.rows.record if row.session is not None]
        for row in sorted((*bearing, *self.rows.spent), key=order_of):
            if row.session is None or first.setdefault((row.device, row.session), order_of(row)) == order_of(row):
                continue
            if isinstance(row, FactRow):
                row.grade, row.grade_reason, row.limited = "one_sided", "session_reused", None

    def known_transfers(self, sessions: Sequence[int]) -> set[str]:
        """Look through all statements."""
        return {row.pae for row in self.rows.transfer if row.session in sessions}

    def transfers(self, subscriber: str) -> list[TransferFact]:
        """Look for each statement's start among all records and batches."""
        devs, first = dict(self._devices(subscriber)), dict[tuple[int, str], TransferRow]()
        for row in sorted(self.rows.transfer, key=lambda row: (row.received_us, row.stream, row.entry_no)):
            if row.device in devs:
                first.setdefault((row.device, row.pae), row)
        found = []
        for row in first.values():
            own = [one for one in self.rows.record if one.device == row.device and one.provenance == "signed"]
            records = [one for one in own if one.session == row.session or (one.seq == row.seq and one.session is None)]
            other = any(one.seq == row.seq and one.session not in {None, row.session} for one in own)
            batches = [one for one in self.rows.batch if one.device == row.device and row.seq is not None]
            fact = TransferFact(
                devs[row.device], row.peer, row.sid, row.seq, row.direction, row.at_us, row.dur_us, row.bytes, row.min_rtt_us,
                row.received_us, tuple(sorted({(one.method, one.end) for one in records})),
                any(one.last_seq >= (row.seq or 0) for one in batches),
                any(one.gone and one.first_seq <= (row.seq or 0) <= one.last_seq for one in batches),
                other,
            )  # fmt: skip
            found.append((row.at_us, fact.dev, row.sid, row.pae, fact))
        return [fact for *_, fact in sorted(found, key=lambda one: one[:4])]

    def newest_us(self, after_no: int, up_to_no: int, stream: int = 0) -> int | None:
        """Look through all batches."""
        return max(
            (r.received_us for r in self.rows.batch if r.stream == stream and after_no < r.entry_no <= up_to_no),
            default=None,
        )

    def left_of(self, after_no: int, up_to_no: int, stream: int = 0) -> dict[int, Left]:
        """Add each batch's records up."""
        found: dict[int, Left] = {}
        for no in range(after_no + 1, min(up_to_no, self.loaded_no(stream)) + 1):
            rows = [r for r in self.rows.record if (r.stream, r.entry_no, r.provenance) == (stream, no, "signed")]
            days = [left_day(key, some) for key, some in sorted(by_place(rows).items(), key=in_left_order)]
            sessions = sorted((r.session, r.seq) for r in rows if r.session is not None)
            if days or sessions:
                found[no] = Left(days, sorted(sessions, key=lambda one: one[1]))
        return found

    def complained(self) -> dict[str, int]:
        """The newest complaint of each line."""
        names, found = {line.id: line.subscriber for line in self.rows.line}, dict[str, int]()
        for row in self.rows.complaint:
            name = names[row.line]
            found[name] = max(row.received_us, found.get(name, row.received_us))
        return found

    def removed(self, subscriber: str) -> list[RemovedRow]:
        """Add the batches up whose records are gone."""
        found = []
        for device, dev in sorted(self._devices(subscriber), key=lambda one: one[1]):
            gone = [row for row in self.rows.batch if row.device == device and row.gone]
            if gone:
                until_us = max(min(row.sealed_us, row.received_us) for row in gone)
                records, first = sum(row.n for row in gone), min(row.first_seq for row in gone)
                found.append(RemovedRow(dev, len(gone), records, first, max(row.last_seq for row in gone), until_us))
        return found

    def forget(self, numbers: Sequence[int], stream: int = 0) -> int:
        """Drop the rows; keep their sums and sessions."""
        left, wanted = self.left_of(0, max(numbers, default=0), stream), set(numbers)
        going = [
            row.stream == stream and row.provenance == "signed" and row.entry_no in wanted for row in self.rows.record
        ]
        if any(going[len(going) - self._hot :]):
            self._hot = 0
        gone = [row for row, is_going in zip(self.rows.record, going, strict=True) if is_going]
        self.rows.record = [row for row, is_going in zip(self.rows.record, going, strict=True) if not is_going]
        for row in gone:
            if row.session is not None and row.device is not None:
                place = (row.device, row.session, row.received_us, row.stream, row.entry_no, row.seq)
                self.rows.spent.append(SpentRow(*place))
        for batch in self.rows.batch:
            if batch.stream == stream and batch.entry_no in wanted:
                line = next(one.line for one in self.rows.device if one.id == batch.device)
                for day in left[batch.entry_no].days if batch.entry_no in left else ():
                    made = DayRow(line=line, provenance="signed", **msgspec.structs.asdict(day))
                    self.rows.line_day.append(made)
                    if made.cell is not None:
                        self.rows.cell_day.append(made)
                batch.gone = True
        return len(gone)

    def compact(self) -> int:
        """Nothing to move; it says what would have been moved."""
        moved = self._hot if self._hot >= self.run_rows else 0
        self._hot -= moved
        return moved

    def accepted(self, dev: str, batch: int) -> AcceptedAt | None:
        """Look through all batches."""
        device = self._known.devices.get(dev, (None, None))[0]
        found = [row for row in self.rows.batch if (row.device, row.batch) == (device, batch)]
        return next((AcceptedAt(row.pae, Place("batch", row.segment, row.offset, row.stream)) for row in found), None)

    @contextlib.contextmanager
    def moment(self) -> Iterator["MemoryStore"]:
        """A copy of everything."""
        yield copy.deepcopy(self)

    def held_batches(self, after_no: int, up_to_no: int, stream: int = 0) -> list[HeldBatch]:
        """Look through all batches, and through all records for each."""
        devs = {one.id: one.dev for one in self.rows.device}
        return [
            HeldBatch(
                row.entry_no, devs[row.device], row.batch, row.pae, row.segment, row.offset, row.n,
                sum((one.stream, one.entry_no, one.provenance) == (stream, row.entry_no, "signed") for one in self.rows.record),
                row.received_us, bool(row.gone),
            )
            for row in sorted(self.rows.batch, key=lambda row: row.entry_no)
            if row.stream == stream and after_no < row.entry_no <= up_to_no
        ]  # fmt: skip

    def rows_made(self, table: str, numbers: Sequence[int], stream: int = 0) -> list[dict[str, Any]]:
        """The rows themselves."""
        rows = [row for row in getattr(self.rows, table) if row.stream == stream and row.entry_no in numbers]
        return [
            msgspec.structs.asdict(row) for row in sorted(rows, key=lambda row: (row.entry_no, getattr(row, "seq", 0)))
        ]

    def _of(self, subscriber: str) -> list[FactRow]:
        line = self._known.lines.get(subscriber)
        return [row for row in self.rows.record if row.line == line]

    def _dev(self, row: FactRow) -> str:
        return row.source or next(one.dev for one in self.rows.device if one.id == row.device)

    def timeline(self, subscriber: str, since_us: int = 0) -> list[RecordRow]:
        """All rows of the line, sorted."""
        found = [(self._dev(row), row) for row in self._of(subscriber) if row.at_us >= since_us]
        found.sort(key=lambda one: (one[1].at_us, one[0], one[1].seq, one[1].method, one[1].stream, one[1].entry_no))
        return [
            RecordRow(
                row.provenance,  # type: ignore[arg-type]
                dev, row.seq, row.slot, row.at_us, row.method, row.direction, row.end, row.rate_bps, row.rtt_us,
                row.loss_pm, row.received_bytes, row.dur_us, row.failure, row.stage, row.reason,
                flaws_of(row.flaws, limited=row.limited), row.network_type, row.received_us, row.grade,
                row.grade_reason, row.campaign, row.k, row.says, row.skew_us,
            )
            for dev, row in found
        ]  # fmt: skip

    def radio(self, subscriber: str, since_us: int = 0) -> dict[tuple[str, int], dict[str, Any]]:
        """The facts of all rows that have any."""
        found: dict[tuple[str, int], dict[str, Any]] = {}
        for row in sorted(self._of(subscriber), key=lambda row: (row.at_us, self._dev(row), row.seq)):
            network = (row.technology, row.sim_mccmnc, row.net_mccmnc, row.located)
            primary = (
                row.radio, row.operator, row.area, row.cell, row.pci, row.channel, row.band,
                row.rsrp_dbm, row.rsrq_ddb, row.sinr_ddb,
            )  # fmt: skip
            if row.at_us >= since_us and (*network, row.radio) != (None,) * 5:
                found[self._dev(row), row.seq] = {"radio": radio_of(network, primary, row.signals)}
        return found

    def _noted(self, subscriber: str, *methods: str) -> list[tuple[str, FactRow]]:
        found = [row for row in self._of(subscriber) if row.provenance == "signed" and row.method in methods]
        return sorted(
            ((self._dev(row), row) for row in found),
            key=lambda one: (one[0], one[1].seq, one[1].stream, one[1].entry_no),
        )

    def notes(self, subscriber: str) -> dict[str, dict[int, dict[str, Any]]]:
        """Presence and ladders."""
        found: dict[str, dict[int, dict[str, Any]]] = {}
        for dev, row in self._noted(subscriber, "presence", "reach"):
            found.setdefault(dev, {})[row.seq] = json.loads(str(row.note))
        return found

    def campaigns(self, subscriber: str) -> list[CampaignRow]:
        """Campaigns' own records."""
        return [
            CampaignRow(d, row.seq, row.received_us, str(row.note)) for d, row in self._noted(subscriber, "campaign")
        ]

    def counts(self, subscriber: str) -> dict[str, Counts]:
        """Count how they ended."""
        found: dict[str, Counter[str]] = defaultdict(Counter)
        for row in self._of(subscriber):
            if row.method in UNCOUNTED:
                continue
            by_hand = row.provenance == "signed" and row.slot is None and row.campaign is None
            found[row.provenance].update({row.end: 1, "flawed": is_flawed(row), "by_hand": by_hand})
        names = (*ENDS, "flawed", "by_hand")
        return {name: Counts(*(found[name][one] for one in names)) for name in sorted(found)}

    def grades(self, subscriber: str) -> list[GradeCount]:
        """Count the grades."""
        graded = [row for row in self._of(subscriber) if row.grade is not None]
        found = Counter((str(row.direction), str(row.grade), row.grade_reason) for row in graded)
        return [GradeCount(*key, found[key]) for key in sorted(found, key=lambda key: (*key[:2], key[2] or "~"))]

    def filled_slots(self, dev: str, first: int = -ALL_SLOTS, stop: int = ALL_SLOTS) -> set[int]:
        """The slots of a device's rows."""
        device = self._known.devices.get(dev, (-1, -1))[0]
        slots = {row.slot for row in self.rows.record if row.device == device and row.slot is not None}
        return {slot for slot in slots if first <= slot < stop}

    def _devices(self, subscriber: str) -> list[tuple[int, str]]:
        line = self._known.lines.get(subscriber)
        return [(row.id, row.dev) for row in self.rows.device if row.line == line]

    def devices(self, subscriber: str) -> list[tuple[DeviceRow, SlotPlan]]:
        """The line's devices with their batches."""
        ids, found = dict(self._devices(subscriber)), []
        for row in self.rows.device:
            if row.id in ids:
                lost = [batch.lost for batch in self.rows.batch if batch.device == row.id]
                one = DeviceRow(row.dev, row.enrolled_us, frozen=False, batches=len(lost), lost=sum(lost))
                found.append((one, SlotPlan(row.slot_s, row.guard_s)))
        return sorted(found, key=lambda one: (one[0].enrolled_us, one[0].dev))

    def times(self, subscriber: str) -> list[TimesView]:
        """The line's devices with the grades of their batches' times."""
        found = []
        for row, _ in self.devices(subscriber):
            device = self._known.devices[row.dev][0]
            batches = [one for one in self.rows.batch if one.device == device]
            grades = Counter(time_grade(one.since_us, one.received_us) for one in batches)
            longest_us = max(
                (one.received_us - one.since_us for one in batches if one.since_us is not None), default=None
            )
            found.append(TimesView(row.dev, *(grades[grade] for grade in TimeGrade), longest_us, 0, None))
        return found

    def complaints(self, subscriber: str) -> list[ComplaintRow]:
        """The line's complaints."""
        found = [row for row in self.rows.complaint if row.line == self._known.lines.get(subscriber)]
        found.sort(key=lambda row: (row.received_us, row.stream, row.entry_no))
        return [ComplaintRow(row.text, row.said_us, row.received_us, row.dev) for row in found]

    def alarms(self, subscriber: str) -> list[AlarmRow]:
        """Refused batches of the line's devices."""
        ids = dict(self._devices(subscriber))
        found = sorted(
            (row for row in self.rows.refused if row.device in ids), key=lambda row: (row.stream, row.entry_no)
        )
        return [AlarmRow(row.at_us, ids[row.device], row.batch, row.error) for row in found]

    def places(self, subscriber: str) -> list[Place]:
        """Everything of the line that has a place."""
        line, ids = self._known.lines.get(subscriber), dict(self._devices(subscriber))
        tables: list[tuple[str, Iterable[Any], Callable[[Any], bool]]] = [
            ("batch", self.rows.batch, lambda row: row.device in ids),
            ("enrolment", self.rows.device, lambda row: row.line == line),
            ("rotation", self.rows.key_change, lambda row: row.device in ids and row.kind == "rotation"),
            ("revocation", self.rows.key_change, lambda row: row.device in ids and row.kind == "revocation"),
            ("complaint", self.rows.complaint, lambda row: row.line == line),
            ("refused", self.rows.refused, lambda row: row.device in ids),
            ("import", self.rows.imported, lambda row: row.line == line),
            ("transfer", self.rows.transfer, lambda row: row.line == line),
        ]
        found = [(kind, row) for kind, rows, wanted in tables for row in rows if wanted(row)]
        found.sort(key=lambda one: (one[1].stream, one[1].entry_no))
        return [Place(kind, row.segment, row.offset, row.stream) for kind, row in found]

    def line_days(self, subscriber: str, since_us: int = 0) -> list[DayFigures]:
        """Add the line's rows up by day."""
        line = self._known.lines.get(subscriber)
        return days_of(self._of(subscriber), since_us, [row for row in self.rows.line_day if row.line == line])

    def cell_days(self, operator: str | None, cell: int, since_us: int = 0) -> list[DayFigures]:
        """Add the cell's rows up by day."""
        place = (operator, cell)
        return days_of(
            [row for row in self.rows.record if (row.operator, row.cell) == place],
            since_us,
            [row for row in self.rows.cell_day if (row.operator, row.cell) == place],
        )

    def _hours(self, since_us: int, until_us: int, direction: str) -> list[CellHour]:
        found: dict[tuple[str | None, int, int], list[FactRow]] = defaultdict(list)
        for row in self.rows.record:
            is_wanted = since_us <= row.at_us < until_us and (row.provenance, row.direction) == ("signed", direction)
            if is_wanted and row.cell is not None and row.slot is not None:
                found[row.operator, row.cell, whole(row.at_us, HOUR_US)].append(row)
        return [hour_of(*key, rows) for key, rows in found.items()]

    def local_days(self, subscriber: str, edges_us: Sequence[int]) -> list[LocalDay]:
        """Count the line's rows between each two edges."""
        signed = [row for row in self._of(subscriber) if row.provenance == "signed" and row.method not in UNCOUNTED]
        days = [
            (since_us, [row for row in signed if since_us <= row.at_us < until_us])
            for since_us, until_us in itertools.pairwise(edges_us)
        ]
        return [local_day(since_us, rows) for since_us, rows in days if rows]

    def cell_hours(
        self, since_us: int, until_us: int, direction: str = "down", most: int = 100, least_devices: int = 0
    ) -> list[CellHour]:
        """The worst first."""
        hours = [one for one in self._hours(since_us, until_us, direction) if one.devices >= least_devices]
        return sorted(hours, key=worst_first)[:most]

    def cell_hours_of(
        self, operator: str | None, cell: int, since_us: int, until_us: int, direction: str = "down", most: int = 10_000
    ) -> list[CellHour]:
        """One cell, in the order of time."""
        hours = self._hours(since_us, until_us, direction)
        mine = [one for one in hours if (one.operator, one.cell) == (operator, cell)]
        return sorted(mine, key=lambda one: one.hour_us)[:most]

    def cell_operators(self, cell: int, most: int = 100) -> list[CellOperator]:
        """Look at every day of a cell of this number."""
        days: dict[str | None, set[int]] = defaultdict(set)
        for row in self.rows.record:
            if row.cell == cell and row.provenance == "signed" and row.method not in UNCOUNTED:
                days[row.operator].add(whole(row.at_us, DAY_US))
        for left in self.rows.cell_day:  # of records that were removed
            if left.cell == cell:
                days[left.operator].add(left.day)
        found = sorted(days, key=lambda operator: (operator is None, operator or ""))
        return [CellOperator(operator, min(days[operator]), max(days[operator])) for operator in found][:most]

    def worst_cells(
        self, since_us: int, until_us: int, direction: str, least_n: int, least_devices: int, most: int
    ) -> list[CellFigures]:
        """Add up what ran, by cell."""
        cells: dict[tuple[str | None, int], list[FactRow]] = defaultdict(list)
        for row in self.rows.record:
            is_wanted = since_us <= row.at_us < until_us and (row.provenance, row.direction) == ("signed", direction)
            if is_wanted and row.cell is not None and row.slot is not None and row.end in {"ok", "failed"}:
                cells[row.operator, row.cell].append(row)
        enough = [
            (cell_of(*key, rows), rank_of(direction, rows)) for key, rows in cells.items() if len(rows) >= least_n
        ]
        enough = [one for one in enough if one[0].devices >= least_devices]
        enough.sort(
            key=lambda one: (
                one[1] is None, one[1] or 0, -one[0].failed, one[0].operator is None, one[0].operator or "", one[0].cell,
            )
        )  # fmt: skip
        return [one for one, _ in enough[:most]]

    def heard(self, since_us: int) -> int:
        """Who has sent a batch since then."""
        return len({batch.device for batch in self.rows.batch if batch.received_us >= since_us})

    def fleet(self, since_us: int, most: int = 100) -> Fleet:
        """Look at everything."""
        heard: dict[int, int] = {}
        for batch in self.rows.batch:
            heard[batch.device] = max(batch.received_us, heard.get(batch.device, batch.received_us))
        names = {line.id: line.subscriber for line in self.rows.line}
        silent = [
            Silent(row.dev, names[row.line], heard.get(row.id))
            for row in self.rows.device
            if row.id not in heard or heard[row.id] < since_us
        ]
        silent.sort(key=lambda one: (one.heard_us is None, -(one.heard_us or 0), one.dev))
        signed = [row for row in self.rows.record if row.provenance == "signed" and row.at_us >= since_us]
        return Fleet(
            len(self.rows.device),
            sum(at_us >= since_us for at_us in heard.values()),
            sum(batch.lost for batch in self.rows.batch if batch.received_us >= since_us),
            tuple(silent[:most]),
            dict(Counter(row.error for row in self.rows.refused if row.at_us >= since_us)),
            dict(Counter((row.method, row.end) for row in signed)),
        )

    def digest(self) -> dict[str, tuple[int, str]]:
        """By table, how many rows, and their sorted text."""
        found = {"entry": (sum(self._entries.values()), str(sorted(self._loaded.items())))}
        for name, table in (*((name, name) for name in TABLES), ("import", "imported")):
            rows = getattr(self.rows, table)
            found[name] = len(rows), str(sorted(map(repr, rows)))
        return found

    def reopen(self) -> None:
        """Nothing can have failed."""

    def close(self) -> None:
        """Nothing is open."""


TABLES = ("record", "line", "device", "key_change", "batch", "refused", "complaint", "spent", "transfer")


def order_of(row: FactRow | SpentRow) -> Order:
    """Which of two records was earlier."""
    return row.received_us, row.stream, row.entry_no, row.seq


def is_flawed(row: FactRow) -> bool:
    """Whether the device or the peer named a flaw."""
    return bool(flaws_of(row.flaws, limited=row.limited))


Place5 = tuple[int, str, str, str | None, int | None]


def by_place(rows: Iterable[FactRow]) -> dict[Place5, list[FactRow]]:
    """What counts as a measurement, by day, method, direction, operator and cell."""
    found: dict[Place5, list[FactRow]] = defaultdict(list)
    for row in rows:
        if row.method not in UNCOUNTED:
            found[whole(row.at_us, DAY_US), row.method, row.direction or "", row.operator, row.cell].append(row)
    return found


def in_left_order(one: tuple[Place5, object]) -> tuple[Any, ...]:
    """The order in which a batch's figures are noted."""
    day, method, direction, operator, cell = one[0]
    return day, method, direction, operator is not None, operator or "", cell is not None, cell or 0


def left_day(key: Place5, rows: Sequence[FactRow]) -> LeftDay:
    """The figures of some rows as they are noted."""
    told = _day((key[0], "signed", key[1], key[2]), rows)
    return LeftDay(
        *key, told.n, told.ok, told.failed, told.not_started, told.aborted, told.flawed, told.rate_n, told.rate_sum_bps,
        told.rate_min_bps, told.rate_max_bps, told.rtt_n, told.rtt_sum_us, told.rtt_min_us, told.rtt_max_us, told.received_bytes,
    )  # fmt: skip


def added(one: DayFigures, more: DayRow) -> DayFigures:
    """Figures of a day, and further ones of the same day."""

    def both(pick: Callable[[Iterable[int]], int], first: int | None, second: int | None) -> int | None:
        there = [value for value in (first, second) if value is not None]
        return pick(there) if there else None

    return DayFigures(
        one.day, one.provenance, one.method, one.direction, one.n + more.n, one.ok + more.ok, one.failed + more.failed,
        one.not_started + more.not_started, one.aborted + more.aborted, one.flawed + more.flawed, one.rate_n + more.rate_n,
        both(sum, one.rate_sum_bps, more.rate_sum), both(min, one.rate_min_bps, more.rate_min),
        both(max, one.rate_max_bps, more.rate_max), one.rtt_n + more.rtt_n, both(sum, one.rtt_sum_us, more.rtt_sum),
        both(min, one.rtt_min_us, more.rtt_min), both(max, one.rtt_max_us, more.rtt_max),
        both(sum, one.received_bytes, more.bytes),
    )  # fmt: skip


def days_of(rows: Iterable[FactRow], since_us: int, more: Iterable[DayRow] = ()) -> list[DayFigures]:
    """Daily figures by a full look at the rows, and at what is left of those that were removed."""
    found: dict[tuple[int, str, str, str], list[FactRow]] = defaultdict(list)
    for row in rows:
        if row.method not in UNCOUNTED and whole(row.at_us, DAY_US) >= since_us // DAY_US:
            found[whole(row.at_us, DAY_US), row.provenance, row.method, row.direction or ""].append(row)
    days = {key: _day(key, some) for key, some in found.items()}
    for one in more:
        if one.day >= since_us // DAY_US:
            key = (one.day, one.provenance, one.method, one.direction)
            days[key] = added(days[key] if key in days else _day(key, []), one)
    return [days[key] for key in sorted(days)]


def _day(key: tuple[int, str, str, str], rows: Sequence[FactRow]) -> DayFigures:
    ends = Counter(row.end for row in rows)
    rates = [row.rate_bps for row in rows if row.rate_bps is not None and 0 <= row.rate_bps <= MOST_BPS]
    rtts = [row.rtt_us for row in rows if row.rtt_us is not None and 0 <= row.rtt_us <= MOST_RTT_US]
    moved = [
        row.received_bytes for row in rows if row.received_bytes is not None and 0 <= row.received_bytes <= MOST_BYTES
    ]
    return DayFigures(
        *key, len(rows), *(ends[name] for name in ENDS), sum(map(is_flawed, rows)),
        len(rates), sum(rates) if rates else None, min(rates, default=None), max(rates, default=None),
        len(rtts), sum(rtts) if rtts else None, min(rtts, default=None), max(rtts, default=None),
        sum(moved) if moved else None,
    )  # fmt: skip


def hour_of(operator: str | None, cell: int, hour: int, rows: Sequence[FactRow]) -> CellHour:
    """The figures of a cell's hour."""
    ends = Counter(row.end for row in rows)
    rates = [row.rate_bps for row in rows if row.rate_bps is not None]
    rtts = [row.rtt_us for row in rows if row.rtt_us is not None]
    return CellHour(
        operator, cell, hour * HOUR_US, len(rows), ends["ok"], ends["failed"],
        len(rates), sum(rates) // len(rates) if rates else None, min(rates, default=None),
        len(rtts), whole(sum(rtts), len(rtts)) if rtts else None, max(rtts, default=None),
        *devices_of(rows), middle(rates), middle(rtts),
    )  # fmt: skip


def cell_of(operator: str | None, cell: int, rows: Sequence[FactRow]) -> CellFigures:
    """The figures of a cell."""
    ends = Counter(row.end for row in rows)
    rates = [row.rate_bps for row in rows if row.rate_bps is not None]
    rtts = [row.rtt_us for row in rows if row.rtt_us is not None]
    return CellFigures(
        operator, cell, len(rows), ends["ok"], ends["failed"], *devices_of(rows),
        len(rates), middle(rates), len(rtts), middle(rtts),
    )  # fmt: skip


def rank_of(direction: str, rows: Sequence[FactRow]) -> int | None:
    """The less, the worse: the median with failures as the worst there is."""
    if direction == "round_trip":
        rtts = [2**53 - 1 if row.end == "failed" else row.rtt_us for row in rows]
        found = middle([rtt for rtt in rtts if rtt is not None])
        return None if found is None else -found
    rates = [0 if row.end == "failed" else row.rate_bps for row in rows]
    return middle([rate for rate in rates if rate is not None])


def devices_of(rows: Sequence[FactRow]) -> tuple[int, int]:
    """How many devices these are of, and how many the figures in them."""
    with_figure = [row for row in rows if row.rate_bps is not None or row.rtt_us is not None]
    return len({row.device for row in rows}), len({row.device for row in with_figure})


def middle(values: Iterable[int]) -> int | None:
    """The median that is one of the values, the lower one of two."""
    ordered = sorted(values)
    return ordered[(len(ordered) - 1) // 2] if ordered else None


def local_day(from_us: int, rows: Sequence[FactRow]) -> LocalDay:
    """The figures of a line's day."""
    ends = Counter(row.end for row in rows)
    figures: list[int | None] = []
    for direction, name in (("down", "rate_bps"), ("up", "rate_bps"), ("round_trip", "rtt_us")):
        wanted = [row for row in rows if row.direction == direction and row.slot is not None]
        values = [getattr(row, name) for row in wanted if getattr(row, name) is not None]
        figures += [len(values), middle(values)]
    return LocalDay(from_us, len(rows), *(ends[name] for name in ENDS), sum(map(is_flawed, rows)), *figures)  # type: ignore[arg-type]


def worst_first(one: CellHour) -> tuple[Any, ...]:
    """Least mean rate, most mean round trip, most failures, then time and place."""
    rate, rtt = one.rate_mean_bps, one.rtt_mean_us
    by_figures = (rate is None, rate or 0, rtt is None, -(rtt or 0), -one.failed)
    return (*by_figures, one.hour_us, one.operator is None, one.operator or "", one.cell)
