"""The index of many collectors: the same tables and the same statements over a lake (`lake_engine`), any number of writers.

Each collector loads its own ledger as a stream of its own number, and asks for all of them. What holds:

1. **Exactly once.** A stream's mark is in the transaction of its rows. Marks are one small file that every load replaces, so two
   loads that have not seen each other are in each other's way and only one commits: also a load that was taken for dead and
   commits late, and one whose commit was answered by nobody. It looks for the mark and goes on from there. The same makes it
   sure that of two records with one session, or two ledgers that name one line, one was first.
2. **One at a time.** Loads take turns, a lock in the catalog: a commit that would be refused is not worth its work. Rows are
   made before that, beside the others' loads; if somebody has made lines or devices meanwhile they are made again.
3. **One compactor** among all collectors, by another lock. It moves what is hot into a run during a turn, puts small files
   together beside the loads, writes those anew of which retention has removed the half, and drops states older than an hour,
   their files, and files that never became part of the lake. A question must therefore be answered within the hour.
4. **PostgreSQL may go away.** Whatever is asked then raises IndexUnusable; `reopen` attaches anew.
5. **Power.** The engine syncs no file and no folder: on a shared folder, unlike in a bucket, a commit that was acknowledged can
   lose its files to a power cut while the catalog still has its mark. The mark promises that rows were committed, not that
   the files are whole. So a load that has returned has synced its files, which leaves the moment between the two; and whoever
   opens the lake looks whether every file has the length the catalog knows, and says so if not. The truth is the ledgers: an
   emptied lake is filled from them again (`migrate-store`, by every collector).

What it does not do: read another collector's ledger. When the trusted peers change, each collector grades its own stream anew.
"""

import contextlib
import shutil
import threading
from collections import deque
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import duckdb

from collector.catalog.control import made_by_others
from collector.errors import IndexLags, IndexUnusable
from collector.ledger.frame import Entry
from collector.store import queries
from collector.store.address import LakeAddress
from collector.store.duck import DuckStore, ReadAt, move_all, put_together
from collector.store.engine import migrate, named_errors, transaction
from collector.store.lake_engine import LOADING, ORDERING, Catalog, Changed, is_beaten, lake_cursor, open_lake
from collector.store.lake_files import check_files, sync_files
from collector.store.limits import Limits
from collector.store.port import ALL_SLOTS, AcceptedAt
from collector.store.project import Known, rows_of
from collector.store.regrade import regrade_stream
from collector.store.staging import Staged, stage
from shared.grade import NOBODY, Peers

_TRIES = 8  # a load that others were faster than
_IDLE_CURSORS = 4
MANY_FILES = 48  # so many small ones make every question slower than one move
MERGED_BELOW = (4_000_000, 64_000_000)  # bytes; whatever is put together is not taken up again at once


class LakeStore(DuckStore):
    """The store port over a lake."""

    _run = queries.MOVE
    _grading_runs = queries.REGRADE_COLD

    def __init__(
        self,
        address: LakeAddress,
        folder: Path,
        stream: int = 0,
        peers: Peers = NOBODY,
        read_at: ReadAt | None = None,
        limits: Limits | None = None,
        owner: str = "",
    ) -> None:
        """Open or make the lake, using `folder` for what is on its way there. `stream` is the one whose grades are kept here.

        `owner` is the collector whose ledger that stream is: for any other it is refused from then on.
        """
        self._address, self._stream, self._owner, self._catalog = address, stream, owner, Catalog(address)
        self._idle: deque[duckdb.DuckDBPyConnection] = deque(maxlen=_IDLE_CURSORS)
        self._seeing, self._version, self._synced = threading.Lock(), -1, -1
        try:
            super().__init__(folder / "lake", peers, read_at, limits)
        except BaseException:
            self._catalog.close()
            raise

    def _begin(self) -> duckdb.DuckDBPyConnection:
        self._idle.clear()
        with self._catalog.turn(LOADING):  # whoever comes first makes the tables
            writer = open_lake(self._address, self._limits, self._folder.with_name("lake.tmp"))
            try:
                migrate(writer, queries.lake_migrations())
                self._own(writer)
                self._check()
                with lake_cursor(writer) as reader:
                    regrade_stream(writer, reader, self._stream, self._peers, self._read_at, self._folder)
            except BaseException:
                writer.close()
                raise
        return writer

    def _own(self, writer: duckdb.DuckDBPyConnection) -> None:
        """See that no other collector's ledger is this stream; raises IndexUnusable."""
        own = {"stream": self._stream}
        found = writer.execute(queries.LAKE_OWNER, own).fetchall()
        if not found:
            writer.execute(queries.LAKE_OWN, own | {"collector": self._owner})
        elif found != [(self._owner,)]:
            raise IndexUnusable(
                f"stream {self._stream} of the lake is another collector's; each has a number of its own"
            )

    def _cursor(self) -> duckdb.DuckDBPyConnection:
        return lake_cursor(self._writer)

    def _ask(self, sql: str, values: object = None) -> list[tuple[Any, ...]]:
        """On a connection that is there already, if one is: to come to the lake takes longer than many a question."""
        with named_errors():
            writer = self._writer
            try:
                cursor = self._idle.pop()
            except IndexError:
                cursor = self._cursor()
            try:
                found = cursor.execute(sql, values).fetchall()
            except BaseException:
                cursor.close()
                raise
            if writer is self._writer:
                self._idle.append(cursor)
            return found

    def _who_is_who(self) -> Known:
        version = self._newest()
        known = super()._who_is_who()
        self._version = version
        return known

    def _newest(self) -> int:
        """The newest change of who is who."""
        return int(self._catalog.ask(queries.LAKE_KNOWN)[0][0])

    def _look(self) -> bool:
        """Learn which lines and devices others have made; whether there was anything to learn."""
        with self._seeing:
            if self._newest() == self._version:
                return False
            self._known = self._who_is_who()
            return True

    @property
    def known(self) -> Known:
        """Who is who now, whoever has made it."""
        self._look()
        return self._known

    def _of_line(self, sql: str, subscriber: str, **values: object) -> list[tuple[Any, ...]]:
        if subscriber not in self._known.lines:
            self._look()
        return super()._of_line(sql, subscriber, **values)

    def _heard_of(self, dev: str) -> None:
        if dev not in self._known.devices:
            self._look()

    def accepted(self, dev: str, batch: int) -> AcceptedAt | None:
        """The identity of a batch in the index and where its ledger holds it, None if it is not there."""
        self._heard_of(dev)
        return super().accepted(dev, batch)

    def filled_slots(self, dev: str, first: int = -ALL_SLOTS, stop: int = ALL_SLOTS) -> set[int]:
        """The slots of a device, of a stretch of slots, for which anything was received."""
        self._heard_of(dev)
        return super().filled_slots(dev, first, stop)

    def load(self, entries: Sequence[Entry], stream: int = 0) -> None:
        """Take in entries of a stream, in order and exactly once: those loaded before are passed over."""
        with self._loading:
            for left in reversed(range(_TRIES)):
                self._look()
                loaded = self.loaded_no(stream)
                fresh = [entry for entry in entries if entry.no > loaded]
                if not fresh:
                    return
                known = self._known
                try:
                    rows = rows_of(fresh, known, self._peers, stream, made_by_others(self._catalog.ask))
                    if self._load(stage(rows, fresh, stream, self._folder), known):
                        return
                except BaseException as error:
                    self._forget()
                    if not (left and is_beaten(error)):
                        raise
                self._forget()
        raise IndexLags("the index was changed by others again and again; try again")

    def load_staged(self, staged: Staged) -> None:
        """Take in what somebody else has made rows of, knowing `known`; raises IndexLags if that has changed meanwhile."""
        with self._loading:
            if staged.last_no <= self.loaded_no(staged.stream):
                return
            if not self._load(staged, self._known):
                raise IndexLags("others have changed the index; who is who is to be asked again")
            if not {"line", "device", "key_change"}.isdisjoint(staged.files):
                with self._seeing:
                    self._known = super()._who_is_who()

    def _load(self, staged: Staged, known: Known) -> bool:
        """Load during a turn, if nothing has changed that the rows rest on; whether that was so."""
        try:
            with self._catalog.turn(LOADING):
                self._take(staged)
                with self._seeing:
                    self._known, self._version = known, self._newest()
            self._sync()
        except Changed:
            return False
        finally:
            staged.unlink()
        return True

    def _take(self, staged: Staged) -> None:
        """One transaction. All it rests on is looked at within it: what is committed later is in its way, or it in that one's."""
        with named_errors(), transaction(self._writer):
            (row,) = self._writer.execute(queries.LOADED_NO, [staged.stream]).fetchall()
            if row[0] > staged.last_no - staged.entries or self._newest() != self._version:
                raise Changed
            late, is_old = self._late(staged)
            self._put(staged, late, self._grading_runs if is_old else ())
            put_together(self._writer, (staged.stream, staged.last_no, staged.entries))

    def _sync(self) -> None:
        """Have what was committed written out, if that is for us to do."""
        if self._address.bucket is None:
            found = self._catalog.ask(queries.LAKE_NEW_FILES, {"after": self._synced})
            sync_files(Path(self._address.files), [row[0] for row in found])
            self._synced = max([self._synced, *(row[2] for row in found)])

    def _check(self) -> None:
        """See that the files are what the catalog says they are; raises IndexUnusable."""
        if self._address.bucket is None:
            found = self._catalog.ask(queries.LAKE_NEW_FILES, {"after": -1})
            check_files(Path(self._address.files), [(row[0], row[1]) for row in found])
            self._synced = max([-1, *(row[2] for row in found)])

    def _forget(self) -> None:
        """Who is who is what is kept, not what was on its way."""
        self._version = -1
        with contextlib.suppress(IndexUnusable):  # then it is looked up by whoever comes next
            self._look()

    def compact(self) -> int:
        """Move what has arrived into a run, if it is enough for one, or in many files; nothing if another collector is at it."""
        with self._moving, named_errors(), self._catalog.only_one(ORDERING) as is_mine:
            if not is_mine:
                return 0
            moved = 0
            with self._cursor() as mover:
                waiting = int(mover.execute(queries.WAITING).fetchall()[0][0])
                files = self._files(MERGED_BELOW[0])
                if waiting >= self._limits.run_rows or files.pop("hot", 0) >= MANY_FILES:
                    with self._catalog.turn(LOADING):
                        moved = move_all(mover, self._run)
                if self._merge(mover, files) or moved:
                    self._tidy(mover)
            return moved

    @contextlib.contextmanager
    def _arranging(self) -> Iterator[None]:
        """Be the only one of all collectors who moves or removes records; nobody loads meanwhile."""
        with self._moving, self._catalog.turn(ORDERING), self._catalog.turn(LOADING):
            yield
        self._sync()

    def _files(self, below: int) -> dict[str, int]:
        """How many files smaller than this each table has."""
        return dict(self._catalog.ask(queries.LAKE_FILES, {"below": below}))

    def _merge(self, mover: duckdb.DuckDBPyConnection, small: dict[str, int]) -> int:
        """Put files together where there are many, small ones first; of how many tables."""
        done = 0
        for below in MERGED_BELOW:
            files = small if below == MERGED_BELOW[0] else self._files(below)
            for name, number in files.items():
                if number >= MANY_FILES and name != "hot":
                    mover.execute(queries.LAKE_MERGE, {"name": name, "below": below}).fetchall()
                    done += 1
        return done

    def _tidy(self, mover: duckdb.DuckDBPyConnection) -> None:
        for statement in queries.LAKE_TIDY:
            mover.execute(statement).fetchall()

    def close(self) -> None:
        """Let go of the lake."""
        while self._idle:
            self._idle.pop().close()
        super().close()
        self._catalog.close()
        shutil.rmtree(self._folder.with_name("lake.tmp"), ignore_errors=True)
