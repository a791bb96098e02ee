"""The index in one DuckDB file: one writer, a cursor per reader, everything in it can be made anew from the ledger."""

import contextlib
import json
import threading
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any

import duckdb

from collector.errors import IndexUnusable
from collector.ledger.frame import Entry
from collector.store import queries
from collector.store.grading import basis_of, regraded
from collector.store.port import CampaignRow, Place
from collector.store.rows import Rows, rows_of
from collector.verify import Accepted
from collector.view import AlarmRow, ComplaintRow, Counts, DeviceRow, GradeCount, RecordRow
from shared.grade import NOBODY, Peers
from shared.slots import SlotPlan

_SETTINGS = {
    "autoinstall_known_extensions": "false",
    "autoload_known_extensions": "false",
    "wal_autocheckpoint": "256MB",
    "threads": "2",
    "memory_limit": "1GB",
}
_REGRADED_AT_ONCE = 1024
_COLUMNS = tuple(column.name for column in fields(RecordRow))


class DuckStore:
    """The store port over one DuckDB file (or `:memory:`)."""

    def __init__(self, path: Path | None, subscriber_of: Callable[[str], str], peers: Peers = NOBODY) -> None:
        """Open or make the file and bring it to the newest migration and to these `peers`; raises IndexUnusable.

        `subscriber_of` tells whose line a device is, `peers` whose counter-signature is believed.
        """
        self._subscriber_of = subscriber_of
        self._peers = peers
        self._lock = threading.Lock()
        self._path = str(path) if path else ":memory:"
        self._writer = self._open()

    def _open(self) -> duckdb.DuckDBPyConnection:
        try:
            writer = duckdb.connect(self._path, config=dict(_SETTINGS))
            _migrate(writer)
            _regrade(writer, self._peers)
        except duckdb.Error as error:
            raise IndexUnusable(f"the index cannot be opened ({error}); `rebuild` makes it anew") from error
        return writer

    def reopen(self) -> None:
        """Let go of the file and open it again: the only cure after DuckDB has given an instance up (a full disk)."""
        with self._lock:
            with contextlib.suppress(duckdb.Error):
                self._writer.close()
            self._writer = self._open()

    def close(self) -> None:
        """Write what is in the WAL into the file and close it."""
        with self._lock:
            self._writer.close()

    def loaded_no(self) -> int:
        """The number of the newest ledger entry in the index."""
        return int(self._rows(queries.LOADED_NO)[0][0])

    def load(self, entries: Sequence[Entry]) -> None:
        """Take in ledger entries, in order and exactly once: those loaded before are passed over."""
        with self._lock, _named():
            loaded = int(self._writer.execute(queries.LOADED_NO).fetchall()[0][0])
            fresh = [entry for entry in entries if entry.no > loaded]
            if not fresh:
                return
            rows = rows_of(fresh, self._subscriber_of, self._peers, self._used)
            with _transaction(self._writer):
                self._insert(rows)

    def _used(self, sessions: Collection[str]) -> set[str]:
        """Those of these sessions that a record in the index bears."""
        return {row[0] for row in self._writer.execute(queries.USED_SESSIONS, [list(sessions)]).fetchall()}

    def _insert(self, rows: Rows) -> None:
        for statement, some in (
            (queries.LOAD_ENTRY, rows.entry),
            (queries.LOAD_RECORD, rows.record),
            (queries.LOAD_BATCH, rows.batch),
            (queries.LOAD_REFUSED, rows.refused),
            (queries.LOAD_DEVICE, rows.device),
            (queries.LOAD_COMPLAINT, rows.complaint),
        ):
            if some:
                self._writer.execute(statement, [json.dumps(some)])

    def accepted(self, dev: str, batch: int) -> Accepted | None:
        """The identity and receipt of a batch in the index, None if it is not there."""
        rows = self._rows(queries.ACCEPTED, [dev, batch])
        return Accepted(rows[0][0], rows[0][1].encode()) if rows else None

    def timeline(self, subscriber: str, since_us: int = 0) -> list[RecordRow]:
        """A subscriber's measurements in the order of time."""
        rows = self._rows(queries.TIMELINE, [subscriber, since_us])
        return [RecordRow(**(dict(zip(_COLUMNS, row, strict=True)) | {"flaws": tuple(row[16])})) for row in rows]

    def radio(self, subscriber: str, since_us: int = 0) -> dict[tuple[str, int], dict[str, Any]]:
        """The radio facts of a subscriber's measurements, by (device, seq)."""
        rows = self._rows(queries.RADIO, [subscriber, since_us])
        return {(dev, seq): json.loads(line) for dev, seq, line in rows}

    def notes(self, subscriber: str) -> dict[str, dict[int, dict[str, Any]]]:
        """What a subscriber's probes recorded of their presence and of their ladders, by device and sequence number."""
        found: dict[str, dict[int, dict[str, Any]]] = {}
        for dev, seq, line in self._rows(queries.NOTES, [subscriber]):
            found.setdefault(dev, {})[seq] = json.loads(line)
        return found

    def campaigns(self, subscriber: str) -> list[CampaignRow]:
        """The records by which a subscriber's campaigns were fixed or given up."""
        return [CampaignRow(*row) for row in self._rows(queries.CAMPAIGNS, [subscriber])]

    def counts(self, subscriber: str) -> dict[str, Counts]:
        """How a subscriber's measurements ended, by provenance; slots and losses are not in it."""
        names = ("ok", "failed", "not_started", "aborted", "flawed", "by_hand")
        rows = self._rows(queries.COUNTS, [subscriber])
        return {row[0]: Counts(**dict(zip(names, row[1:], strict=True))) for row in rows}

    def grades(self, subscriber: str) -> list[GradeCount]:
        """How many of a subscriber's signed transfers have which grade."""
        return [GradeCount(*row) for row in self._rows(queries.GRADES, [subscriber])]

    def filled_slots(self, dev: str) -> set[int]:
        """The slots of a device for which anything was received."""
        return {row[0] for row in self._rows(queries.FILLED_SLOTS, [dev])}

    def devices(self, subscriber: str) -> list[tuple[DeviceRow, SlotPlan]]:
        """A subscriber's devices, not knowing which are frozen, each with its slots."""
        return [
            (DeviceRow(dev, enrolled_us, frozen=False, batches=batches, lost=lost), SlotPlan(slot_s, guard_s))
            for dev, enrolled_us, slot_s, guard_s, batches, lost in self._rows(queries.DEVICES, [subscriber])
        ]

    def complaints(self, subscriber: str) -> list[ComplaintRow]:
        """A subscriber's complaints, oldest first."""
        return [ComplaintRow(*row) for row in self._rows(queries.COMPLAINTS, [subscriber])]

    def alarms(self, subscriber: str) -> list[AlarmRow]:
        """What went wrong with the chains of a subscriber's devices."""
        return [AlarmRow(*row) for row in self._rows(queries.ALARMS, [subscriber])]

    def places(self, subscriber: str) -> list[Place]:
        """Where the ledger holds what an evidence file needs."""
        return [Place(*row) for row in self._rows(queries.PLACES, {"subscriber": subscriber})]

    def digest(self) -> dict[str, tuple[int, str]]:
        """Rows and a digest over them, by table: equal for equal indexes, whatever order they were loaded in."""
        return {row[0]: (row[1], row[2]) for row in self._rows(queries.DIGEST)}

    def _rows(self, sql: str, values: object = None) -> list[tuple[Any, ...]]:
        with _named(), self._writer.cursor() as cursor:
            return cursor.execute(sql, values).fetchall()


def _migrate(writer: duckdb.DuckDBPyConnection) -> None:
    """Bring a file to the newest migration."""
    writer.execute("CREATE TABLE IF NOT EXISTS migration (no INTEGER NOT NULL)")
    applied = {row[0] for row in writer.execute("SELECT no FROM migration").fetchall()}
    for no, sql in queries.migrations():
        if no not in applied:
            with _transaction(writer):
                writer.execute(sql)
                writer.execute("INSERT INTO migration VALUES (?)", [no])


def _regrade(writer: duckdb.DuckDBPyConnection, peers: Peers) -> None:
    """Grade every record anew if they were graded by other rules, or when other peers were trusted."""
    basis, used = basis_of(peers), set[str]()
    if writer.execute(queries.GRADED_BY).fetchall() == [(basis,)]:
        return
    with _transaction(writer), writer.cursor() as reader:  # the reader sees what was there before
        reader.execute(queries.TRANSFERS)
        while some := reader.fetchmany(_REGRADED_AT_ONCE):
            writer.execute(queries.REGRADE, [json.dumps(regraded(some, peers, used))])
        writer.execute(queries.MARK_GRADED, [basis])


@contextlib.contextmanager
def _named() -> Iterator[None]:
    """The engine's errors as ours."""
    try:
        yield
    except duckdb.Error as error:
        raise IndexUnusable(f"the index does not answer: {error}") from error


class _transaction:  # noqa: N801 - reads as a verb
    """BEGIN, then COMMIT, or ROLLBACK if anything was raised."""

    def __init__(self, connection: duckdb.DuckDBPyConnection) -> None:
        self._connection = connection

    def __enter__(self) -> None:
        self._connection.execute("BEGIN")

    def __exit__(self, kind: object, *_: object) -> None:
        if kind is None:
            self._connection.execute("COMMIT")
            return
        with contextlib.suppress(duckdb.Error):  # an instance that was given up cannot even do this
            self._connection.execute("ROLLBACK")
