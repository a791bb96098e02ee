"""The outbox: what was started, what was measured, what was sealed, and what has its receipt. One SQLite file.

WAL with synchronous=FULL: whatever a method returned from is on disk. An intent is written before its measurement; a
batch and the head of the chain are written in one transaction; a body goes only after its receipt is stored.
"""

import contextlib
import sqlite3
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from probe.errors import StateUnusable
from shared.batch import FIRST_PREV
from shared.chain import Head

_SCHEMA = """
CREATE TABLE IF NOT EXISTS chain (one INTEGER PRIMARY KEY CHECK (one = 1), next_seq INTEGER NOT NULL,
                                  batch INTEGER NOT NULL, seq INTEGER NOT NULL, head TEXT NOT NULL, seed BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS intent (seq INTEGER PRIMARY KEY, line BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS record (seq INTEGER PRIMARY KEY, line BLOB NOT NULL, boot TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS batch (batch INTEGER PRIMARY KEY, pae_sha256 TEXT NOT NULL, records INTEGER NOT NULL,
                                  body BLOB, receipt BLOB, received_us INTEGER);
CREATE TABLE IF NOT EXISTS complaint (id INTEGER PRIMARY KEY, line BLOB NOT NULL UNIQUE, sent INTEGER NOT NULL DEFAULT 0);
CREATE TABLE IF NOT EXISTS recent (seq INTEGER PRIMARY KEY, line BLOB NOT NULL);
"""
KEEP_RECENT = 50
SEAL_RECORDS = 500
SEAL_BYTES = 2 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Waiting:
    """A sealed batch without a receipt."""

    batch: int
    body: bytes
    pae_sha256: str


@dataclass(frozen=True, slots=True)
class Stored:
    """A record that is not sealed yet: its line (with LF) and the boot it was made in."""

    seq: int
    line: bytes
    boot: str


@dataclass(frozen=True, slots=True)
class Tally:
    """What the outbox holds."""

    next_seq: int
    batches: int
    unsealed: int
    unsent: int
    unsent_bytes: int
    open_intents: int
    unsent_complaints: int
    last_receipt_us: int | None


class Outbox:
    """One file, one agent; complaints and looks from other processes are welcome."""

    def __init__(self, file: Path, seed: Callable[[], bytes]) -> None:
        """Open or make the outbox; `seed` gives the 32 bytes a new one draws its slots from. Raises StateUnusable."""
        try:
            file.touch(mode=0o600)  # before SQLite makes it: -wal and -shm take their mode from it
            self._db = sqlite3.connect(file, timeout=10, isolation_level=None)
        except (sqlite3.Error, OSError) as error:
            raise StateUnusable(f"the outbox {file} cannot be used: {error}") from error
        try:
            self._prepare(seed)
        except sqlite3.Error as error:
            self._db.close()
            raise StateUnusable(f"the outbox {file} cannot be used: {error}") from error

    def _prepare(self, seed: Callable[[], bytes]) -> None:
        self._db.execute("PRAGMA journal_mode=WAL")
        self._db.execute("PRAGMA synchronous=FULL")
        found = self._db.execute("PRAGMA quick_check(1)").fetchone()[0]
        if found != "ok":
            raise sqlite3.DatabaseError(f"it is damaged: {found}")
        self._db.executescript(_SCHEMA)
        self._db.execute("INSERT OR IGNORE INTO chain VALUES (1, 0, 0, 0, ?, ?)", (FIRST_PREV, seed()))

    def close(self) -> None:
        """Let go of the file."""
        self._db.close()

    @contextlib.contextmanager
    def _write(self) -> Iterator[sqlite3.Connection]:
        """One transaction; raises StateUnusable and keeps nothing of it if the disk does not take it."""
        try:
            self._db.execute("BEGIN IMMEDIATE")
            try:
                yield self._db
                self._db.execute("COMMIT")
            except BaseException:
                if self._db.in_transaction:  # a full disk has already undone it
                    self._db.execute("ROLLBACK")
                raise
        except sqlite3.Error as error:
            raise StateUnusable(f"the outbox cannot be written: {error}") from error

    @property
    def seed(self) -> bytes:
        """The seed of the slots' times."""
        return bytes(self._one("SELECT seed FROM chain"))

    @property
    def head(self) -> Head:
        """Where the chain stands."""
        batch, seq, head = self._rows("SELECT batch, seq, head FROM chain")[0]
        return Head(batch, seq, head)

    def start(self, intent: Callable[[int], bytes]) -> int:
        """Put an intent on disk; `intent` makes its line from its sequence number, which is returned."""
        with self._write() as db:
            seq: int = db.execute("UPDATE chain SET next_seq = next_seq + 1 RETURNING next_seq - 1").fetchall()[0][0]
            db.execute("INSERT INTO intent VALUES (?, ?)", (seq, intent(seq)))
        return seq

    def finish(self, seq: int, line: bytes, boot: str) -> None:
        """Put the record of a start on disk in place of its intent."""
        with self._write() as db:
            db.execute("INSERT INTO record VALUES (?, ?, ?)", (seq, line, boot))
            db.execute("DELETE FROM intent WHERE seq = ?", (seq,))
            db.execute("INSERT OR REPLACE INTO recent VALUES (?, ?)", (seq, line))
            db.execute("DELETE FROM recent WHERE seq <= ?", (seq - KEEP_RECENT,))

    def open_intents(self) -> list[tuple[int, bytes]]:
        """Starts that have no record yet, oldest first."""
        return self._rows("SELECT seq, line FROM intent ORDER BY seq")

    def sealable(self) -> list[Stored]:
        """The oldest records that can be sealed now: up to the first start that is still open, and no more than fit."""
        before = self._one("SELECT coalesce(min(seq), (SELECT next_seq FROM chain)) FROM intent")
        found: list[Stored] = []
        size = 0
        query = "SELECT seq, line, boot FROM record WHERE seq < ? ORDER BY seq LIMIT ?"
        for seq, line, boot in self._rows(query, (before, SEAL_RECORDS)):
            size += len(line)
            if found and size > SEAL_BYTES:
                break
            found.append(Stored(seq, line, boot))
        return found

    def seal(self, body: bytes, pae_sha256: str, head: Head, records: int) -> None:
        """Put a sealed batch and the chain's new head on disk; its records are in it from now on."""
        with self._write() as db:
            db.execute("INSERT INTO batch VALUES (?, ?, ?, ?, NULL, NULL)", (head.batch - 1, pae_sha256, records, body))
            db.execute("DELETE FROM record WHERE seq < ?", (head.seq,))
            db.execute("UPDATE chain SET batch = ?, seq = ?, head = ?", (head.batch, head.seq, head.pae_sha256))

    def oldest_unsent(self) -> Waiting | None:
        """The oldest batch without a receipt."""
        rows = self._rows("SELECT batch, body, pae_sha256 FROM batch WHERE receipt IS NULL ORDER BY batch LIMIT 1")
        return Waiting(*rows[0]) if rows else None

    def receipted(self, batch: int, receipt: bytes, received_us: int) -> None:
        """Store a receipt; only now may the body go."""
        with self._write() as db:
            db.execute(
                "UPDATE batch SET receipt = ?, received_us = ?, body = NULL WHERE batch = ?",
                (receipt, received_us, batch),
            )

    def receipts(self) -> list[tuple[int, bytes]]:
        """Every receipt there is, by batch."""
        return self._rows("SELECT batch, receipt FROM batch WHERE receipt IS NOT NULL ORDER BY batch")

    def add_complaint(self, line: bytes) -> None:
        """Keep a complaint until it is sent."""
        with self._write() as db:
            db.execute("INSERT OR IGNORE INTO complaint (line) VALUES (?)", (line,))

    def unsent_complaints(self) -> list[tuple[int, bytes]]:
        """Complaints that were not sent, oldest first."""
        return self._rows("SELECT id, line FROM complaint WHERE sent = 0 ORDER BY id")

    def complaint_sent(self, number: int) -> None:
        """Mark a complaint as received by the collector."""
        with self._write() as db:
            db.execute("UPDATE complaint SET sent = 1 WHERE id = ?", (number,))

    def recent(self) -> list[bytes]:
        """The last records, newest first, sealed or not."""
        return [line for (line,) in self._rows("SELECT line FROM recent ORDER BY seq DESC")]

    def tally(self) -> Tally:
        """What there is."""
        return Tally(
            next_seq=self._one("SELECT next_seq FROM chain"),
            batches=self._one("SELECT count(*) FROM batch"),
            unsealed=self._one("SELECT count(*) FROM record"),
            unsent=self._one("SELECT count(*) FROM batch WHERE receipt IS NULL"),
            unsent_bytes=self._one("SELECT coalesce(sum(length(body)), 0) FROM batch WHERE receipt IS NULL"),
            open_intents=self._one("SELECT count(*) FROM intent"),
            unsent_complaints=self._one("SELECT count(*) FROM complaint WHERE sent = 0"),
            last_receipt_us=self._one("SELECT max(received_us) FROM batch"),
        )

    def _one(self, query: str) -> Any:  # noqa: ANN401 - whatever the column holds
        return self._rows(query)[0][0]

    def _rows(self, query: str, values: tuple[int, ...] = ()) -> list[Any]:
        try:
            return self._db.execute(query, values).fetchall()
        except sqlite3.Error as error:
            raise StateUnusable(f"the outbox cannot be read: {error}") from error
