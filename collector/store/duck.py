"""The index in one DuckDB file: one writer, a cursor per reader, everything in it can be made anew from the ledger.

What arrives goes into a hot table, in the order of arrival. `compact` moves it, sorted by line and time, in small pieces into
a warm one, and when all that is enough for a run into the cold one, together with the figures of its days. Each is one
transaction on a connection of its own: loads and questions go on, and whoever is killed on the way has moved nothing.
"""

import contextlib
import logging
import shutil
import tempfile
import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import duckdb

from collector.errors import IndexUnusable
from collector.ledger.frame import Entry
from collector.store import queries
from collector.store.engine import named_errors, open_engine, transaction
from collector.store.grading import corrections
from collector.store.limits import Limits
from collector.store.port import Place
from collector.store.project import Known, rows_of
from collector.store.questions import Questions
from collector.store.regrade import apply_grades, regrade
from collector.store.rows import ForgottenRow, GradeRow
from collector.store.staging import Staged, stage, write_rows
from shared.grade import NOBODY, Peers

FORGET_BATCHES = (
    8192  # whose records are removed in one transaction; each looks through the numbers of all records once
)
ReadAt = Callable[[Place], Entry]
log = logging.getLogger(__name__)


class _Moment(Questions):
    """One state of an index, on a cursor of its own; for one thread."""

    def __init__(self, cursor: duckdb.DuckDBPyConnection, known: Known) -> None:
        self._cursor, self._known = cursor, known

    def _ask(self, sql: str, values: object = None) -> list[tuple[Any, ...]]:
        with named_errors():
            return self._cursor.execute(sql, values).fetchall()


class DuckStore(Questions):
    """The store port over one DuckDB file (or `:memory:`)."""

    _run: Sequence[str] = queries.FILE_MOVE
    _grading_runs: Sequence[str] = queries.FILE_REGRADE_RUNS

    def __init__(
        self, path: Path | None, peers: Peers = NOBODY, read_at: ReadAt | None = None, limits: Limits | None = None
    ) -> None:
        """Open or make the file and bring it to the newest migration and to these `peers`; raises IndexUnusable.

        `peers` are those whose counter-signature is believed; when they have changed, `read_at` is asked for the ledger's
        entries that hold transfers.
        """
        self._path, self._peers, self._read_at = path, peers, read_at
        self._limits = limits or Limits()
        self._loading, self._moving = threading.Lock(), threading.Lock()  # in this order, if both
        self._folder = load_folder(path)
        self._writer = self._open()
        self._known = self._who_is_who()

    def _open(self) -> duckdb.DuckDBPyConnection:
        try:
            writer = self._begin()
        except duckdb.Error as error:
            raise IndexUnusable(f"the index cannot be opened ({error}); `rebuild` makes it anew") from error
        return writer

    def _begin(self) -> duckdb.DuckDBPyConnection:
        """The engine, migrated and graded; raises duckdb.Error."""
        writer = open_engine(self._path, self._limits)
        regrade(writer, self._peers, self._read_at, self._folder, self._grading_runs)
        return writer

    def _cursor(self) -> duckdb.DuckDBPyConnection:
        """One more connection, for whoever asks or moves."""
        return self._writer.cursor()

    def _who_is_who(self) -> Known:
        found = self._ask(queries.KNOWN_DEVICES)
        devices = {dev: (device, line) for dev, device, line, _ in found}
        slots_us = {device: slot_s * 1_000_000 for _, device, _, slot_s in found}
        return Known(dict(self._ask(queries.KNOWN_LINES)), devices, slots_us)

    def reopen(self) -> None:
        """Let go of the file and open it again: the only cure after DuckDB has given an instance up (a full disk)."""
        with self._loading, self._moving:
            with contextlib.suppress(duckdb.Error):
                self._writer.close()
            self._writer = self._open()
            self._known = self._who_is_who()

    def close(self) -> None:
        """Write what is in the WAL into the file and close it."""
        with self._loading, self._moving:
            self._writer.close()
            shutil.rmtree(self._folder, ignore_errors=True)

    @property
    def known(self) -> Known:
        """Who is who, as far as entries were loaded."""
        return self._known

    def load(self, entries: Sequence[Entry], stream: int = 0) -> None:
        """Take in entries of a stream, in order and exactly once: those loaded before are passed over."""
        with self._loading:
            loaded = self.loaded_no(stream)
            fresh = [entry for entry in entries if entry.no > loaded]
            if fresh:
                try:
                    rows = rows_of(fresh, self._known, self._peers, stream)
                    self._take(stage(rows, fresh, stream, self._folder))
                except BaseException:
                    with contextlib.suppress(IndexUnusable):  # then it is to be reopened anyway
                        self._known = self._who_is_who()  # not what was not kept
                    raise

    def load_staged(self, staged: Staged) -> None:
        """Take in what somebody else has made rows of and staged, unless it is loaded. Who is who he knows, not this object."""
        with self._loading:
            if staged.last_no > self.loaded_no(staged.stream):
                self._take(staged)

    def _take(self, staged: Staged) -> None:
        try:
            with named_errors(), contextlib.ExitStack() as held:
                late, is_old = self._late(staged)
                if is_old:
                    held.enter_context(self._moving)  # a run must not take up a row whose grade is being changed
                with transaction(self._writer):
                    self._put(staged, late, self._grading_runs if is_old else ())
                    mark = {"stream": staged.stream, "no": staged.last_no, "entries": staged.entries}
                    self._writer.execute(queries.LOAD_MARK, mark)
        finally:
            staged.unlink()

    def _late(self, staged: Staged) -> tuple[list[GradeRow], bool]:
        """The records that bear a session too late, and whether some of them were loaded before."""
        late = corrections(staged.borne, self._bearing(staged))
        first_no = staged.last_no - staged.entries + 1
        return late, any(row.stream != staged.stream or row.entry_no < first_no for row in late)

    def _put(self, staged: Staged, late: Sequence[GradeRow], runs: Sequence[str]) -> None:
        """Insert the rows, within a transaction; `runs`: how records that are no longer hot are graded, if any are to be."""
        for table, file in staged.files.items():
            self._writer.execute(queries.LOAD[table], {"file": str(file)})
        if late:
            apply_grades(self._writer, late, self._folder, runs)

    def _bearing(self, staged: Staged) -> list[tuple[tuple[int, int], tuple[int, int, int, int]]]:
        """The records in the index that bear the sessions of what is to be loaded."""
        if not staged.borne:
            return []
        devices, sessions = ([*some] for some in zip(*staged.borne, strict=True))
        values = {"first": min(sessions), "last": max(sessions), "sessions": sessions, "devices": devices}
        rows = self._writer.execute(queries.SESSIONS, values).fetchall()
        return [((device, session), (at_us, *place)) for device, session, at_us, *place in rows]

    def compact(self) -> int:
        """Put what has arrived in order: all of it as a run if that is enough for one, else what is hot as a piece."""
        with self._moving, named_errors(), self._writer.cursor() as mover:
            if self._log_bytes() >= self._limits.checkpoint_bytes:
                _checkpoint(mover)
            ((hot, warm),) = mover.execute(queries.FILE_WAITING).fetchall()
            is_run = hot + warm >= self._limits.run_rows
            if not is_run and hot < self._limits.sort_rows:
                return 0
            what = "compaction" if is_run else "sort"
            log.info("%s begins: %d records", what, hot + warm if is_run else hot)
            moved = move_all(mover, self._run if is_run else queries.FILE_SORT)
            log.info("%s ended: %d records", what, moved)
            _checkpoint(mover)
            return moved if is_run else 0

    def forget(self, numbers: Sequence[int], stream: int = 0) -> int:
        """Let go of the records of these batches, so many batches at a time that nobody waits long."""
        done = 0
        for start in range(0, len(numbers), FORGET_BATCHES):
            some = sorted(numbers[start : start + FORGET_BATCHES])
            values = {"stream": stream, "first": some[0], "last": some[-1]}
            with self._arranging(), named_errors(), self._cursor() as mover:
                mover.execute(queries.FORGET_BEGIN)
                file = write_rows([ForgottenRow(no) for no in some], self._folder / "forgotten.ndjson")
                mover.execute(queries.FORGET_TAKE, {"file": str(file)})
                if mover.execute(queries.FORGET_WAITING, values).fetchall() != [(0,)]:
                    move_all(mover, self._run)  # whose figures only then outlast their records
                with transaction(mover):
                    for statement in queries.FORGET:
                        counted = mover.execute(statement, values).fetchall()
                done += int(counted[0][0])
        return done

    @contextlib.contextmanager
    def _arranging(self) -> Iterator[None]:
        """Be the only one who moves or removes records."""
        with self._moving:
            yield

    def _log_bytes(self) -> int:
        """How much was committed and is not in the file yet."""
        try:
            return 0 if self._path is None else self._path.with_name(self._path.name + ".wal").stat().st_size
        except FileNotFoundError:
            return 0

    @contextlib.contextmanager
    def moment(self) -> Iterator[Questions]:
        """The questions, all answered by the index as it is now; whoever loads meanwhile waits for nobody."""
        known = self.known
        with named_errors(), self._cursor() as cursor:
            cursor.execute("BEGIN TRANSACTION READ ONLY")
            try:
                yield _Moment(cursor, known)
            finally:
                with contextlib.suppress(duckdb.Error):  # an instance that was given up cannot even do this
                    cursor.execute("ROLLBACK")

    def _ask(self, sql: str, values: object = None) -> list[tuple[Any, ...]]:
        with named_errors(), self._cursor() as cursor:
            return cursor.execute(sql, values).fetchall()


def move_all(mover: duckdb.DuckDBPyConnection, statements: Sequence[str]) -> int:
    """Make a run of what is in none, or what else these statements make, in one transaction; how many records are in it."""
    with transaction(mover):
        counted = [mover.execute(statement).fetchall() for statement in statements]
        put_together(mover)
    return int(counted[0][0][0])


def put_together(connection: duckdb.DuckDBPyConnection, *more: tuple[int, int, int]) -> None:
    """Make one mark of all those of a stream, and of further ones (stream, number, entries), within a transaction."""
    marks = dict[int, tuple[int, int]]()
    for stream, no, entries in (*connection.execute(queries.MARKS).fetchall(), *more):
        before_no, before = marks.get(stream, (0, 0))
        marks[stream] = max(no, before_no), entries + before
    connection.execute(queries.UNMARK)
    for stream, (no, entries) in marks.items():
        connection.execute(queries.LOAD_MARK, {"stream": stream, "no": no, "entries": entries})


def _checkpoint(connection: duckdb.DuckDBPyConnection) -> None:
    """Write what was committed into the file; if somebody else's transaction is in the way, another time."""
    log.info("checkpoint begins")
    try:
        connection.execute("CHECKPOINT")
    except duckdb.TransactionException as error:
        log.info("checkpoint ended: %s", error)
    else:
        log.info("checkpoint ended")


def load_folder(path: Path | None) -> Path:
    """An empty folder for what is being loaded, beside the index."""
    if path is None:
        return Path(tempfile.mkdtemp(prefix="speedproof-index-"))
    folder = path.with_name(path.name + ".load")
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    return folder
