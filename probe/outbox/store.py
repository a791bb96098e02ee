"""The outbox's database: its tables, its connection, its transactions. What the rows mean is told by the other modules.

SQLite in WAL mode with synchronous=FULL: what was committed is on disk. Pages are small, because most commits change one
row of a few hundred bytes, and a page is the least that is written. A full disk or a busy file is a `NotWritten`: tried
again later, it may work. Damage is neither tried again nor hidden.
"""

import contextlib
import os
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from probe.errors import StateUnusable

VERSION = 2  # of the tables; 1 had `intent`, `record` and `recent`, and bodies that were not packed
PAGE_BYTES = 512
LEAST_BYTES = 512  # SQLite's smallest page, and so its smallest database
LOG_BYTES = 1 << 20  # the -wal is written back when it is about so long, and kept at that length
PATIENCE_S = 10  # for another process that writes

# chain    the one place: numbers to give next, the head, the seed; `lost`, the numbers sealed as lost; `asking_from`, set
#          while the collector has to be asked where the chain stands: the first number given since then
# start    a start and what came of it: `intent` until its end, then `line`, packed; neither if there was no room.
#          One row, so that a commit changes one page; `intent` and `record` show it as version 1 had it
# sealed   a batch; `draft` if it was sealed while asking, and so never left the device. With its receipt, which is a row of
#          its own so that a body is written once, it is a `batch`
# again    bodies that never left and do not fit their chain any more: to be sealed again, numbers moved by `moved`
_TABLES = """
BEGIN;
CREATE TABLE chain (one INTEGER PRIMARY KEY CHECK (one = 1), next_seq INTEGER NOT NULL, batch INTEGER NOT NULL,
                    seq INTEGER NOT NULL, head TEXT NOT NULL, seed BLOB NOT NULL, lost INTEGER NOT NULL,
                    asking_from INTEGER);
CREATE TABLE start (seq INTEGER PRIMARY KEY, intent BLOB, boot TEXT, line BLOB);
CREATE VIEW intent AS SELECT seq, intent AS line FROM start WHERE intent IS NOT NULL;
CREATE VIEW record AS SELECT seq, line, boot FROM start WHERE line IS NOT NULL;
CREATE TABLE sealed (batch INTEGER PRIMARY KEY, first_seq INTEGER, last_seq INTEGER, records INTEGER NOT NULL,
                     pae_sha256 TEXT NOT NULL, draft INTEGER NOT NULL, body BLOB);
CREATE TABLE receipt (batch INTEGER PRIMARY KEY, received_us INTEGER NOT NULL, receipt BLOB NOT NULL);
CREATE VIEW batch AS SELECT * FROM sealed LEFT JOIN receipt USING (batch);
CREATE TABLE again (id INTEGER PRIMARY KEY, first_seq INTEGER NOT NULL, last_seq INTEGER NOT NULL,
                    records INTEGER NOT NULL, moved INTEGER NOT NULL, body BLOB NOT NULL);
CREATE TABLE complaint (id INTEGER PRIMARY KEY, line BLOB NOT NULL UNIQUE, sent INTEGER NOT NULL DEFAULT 0);
CREATE TABLE kept (name TEXT PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID;
COMMIT;
"""
# the number the next start gets: a start moves it by being there
NEXT_SEQ = "max(next_seq, (SELECT coalesce(max(seq), -1) + 1 FROM start))"


class NotWritten(StateUnusable):
    """The disk did not take it now; nothing of it is there."""


class Damaged(sqlite3.DatabaseError):
    """The file is none of ours any more."""


def make(file: Path) -> sqlite3.Connection:
    """Make a new database with its tables, empty, for its owner only; raises sqlite3.Error or OSError."""
    os.close(os.open(file, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))  # -wal and -shm take their mode from it
    db = sqlite3.connect(file, isolation_level=None)
    db.execute(f"PRAGMA page_size={PAGE_BYTES}")
    db.executescript(_TABLES)
    db.execute(f"PRAGMA user_version={VERSION}")
    return db


def connect(file: Path, *, thoroughly: bool) -> sqlite3.Connection:
    """Open a database that is there; raises Damaged or another sqlite3.Error."""
    db = sqlite3.connect(f"{file.absolute().as_uri()}?mode=rw", PATIENCE_S, isolation_level=None, uri=True)
    db.text_factory = lenient
    try:
        db.execute("PRAGMA journal_mode=WAL")
        db.execute("PRAGMA synchronous=FULL")
        db.execute(f"PRAGMA wal_autocheckpoint={LOG_BYTES // PAGE_BYTES}")
        db.execute(f"PRAGMA journal_size_limit={LOG_BYTES}")
        _check(db, thoroughly=thoroughly)
    except sqlite3.Error:
        db.close()
        raise
    except UnicodeDecodeError as error:  # Python's, of the words in which SQLite would tell of the damage
        db.close()
        raise Damaged("it is damaged, and cannot even be told how") from error
    return db


def _check(db: sqlite3.Connection, *, thoroughly: bool) -> None:
    if thoroughly and (found := db.execute("PRAGMA quick_check(1)").fetchone()[0]) != "ok":
        raise Damaged(f"it is damaged: {found}")
    if db.execute("PRAGMA user_version").fetchone()[0] != VERSION or _tables(db) != _own_tables():
        raise Damaged("its tables are not those of this version")
    if db.execute("SELECT count(*) FROM chain").fetchone()[0] != 1:
        raise Damaged("its place in the chain is not in it")


def _tables(db: sqlite3.Connection) -> list[tuple[str, str]]:
    return db.execute("SELECT name, sql FROM sqlite_master ORDER BY name").fetchall()


def _own_tables() -> list[tuple[str, str]]:
    with contextlib.closing(sqlite3.connect(":memory:", isolation_level=None)) as db:
        db.executescript(_TABLES)
        return _tables(db)


def lenient(text: bytes) -> str:
    """Read text that may be damaged: it is then unlike any that is looked for, and no error of the library's."""
    return text.decode("utf-8", "replace")


def is_damage(error: sqlite3.Error) -> bool:
    """Whether the file itself is wrong, and not the disk full, the folder read-only or another program busy."""
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    # SQLITE_ERROR: of statements that are right elsewhere, so it is the file's format that is none
    return isinstance(error, Damaged) or code in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_ERROR)


def is_within(db: sqlite3.Connection) -> bool:
    """Whether a transaction is under way; in a database that is closed none is."""
    try:
        return db.in_transaction
    except sqlite3.ProgrammingError:
        return False


@contextlib.contextmanager
def writing(db: sqlite3.Connection) -> Iterator[sqlite3.Connection]:
    """One transaction, or a part of the one it is within; raises NotWritten or StateUnusable: nothing of it is kept then."""
    if is_within(db):
        yield db
        return
    try:
        db.execute("BEGIN IMMEDIATE")
        try:
            yield db
            db.execute("COMMIT")
        except BaseException:
            if db.in_transaction:  # a full disk has already undone it
                db.execute("ROLLBACK")
            raise
    except sqlite3.OperationalError as error:
        raise NotWritten(f"the outbox cannot be written: {error}") from error
    except (sqlite3.Error, UnicodeDecodeError) as error:
        raise StateUnusable(f"the outbox cannot be written: {error}") from error


def shrink(db: sqlite3.Connection, least_bytes: int) -> None:
    """Give unused room back if it is at least so much."""
    if one(db, "PRAGMA freelist_count") * PAGE_BYTES < least_bytes:
        return
    with contextlib.suppress(sqlite3.OperationalError):  # somebody looks, or no room to write it: another time
        db.execute("VACUUM")
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)")


def rows(db: sqlite3.Connection, query: str, *values: object) -> list[Any]:
    """What a query finds; raises StateUnusable."""
    try:
        return db.execute(query, values).fetchall()
    except (sqlite3.Error, UnicodeDecodeError) as error:
        raise StateUnusable(f"the outbox cannot be read: {error}") from error


def one(db: sqlite3.Connection, query: str, *values: object) -> Any:  # noqa: ANN401 - whatever the column holds
    """The first column of the first row a query finds; raises StateUnusable."""
    return rows(db, query, *values)[0][0]
