"""The outbox's verbs: start, finish, seal, hand out, let go. Whatever one of them returned from is on disk.

An intent is written before its measurement; a batch and the head of the chain are written in one transaction; a body
goes only after its receipt is stored, and those of the last fifty batches stay a while, to be looked at. Of the receipts
the last thousand stay: each covers, by `prev`, every batch before it.

Nothing is dropped in silence. A record for which there is no room (`limit_bytes`) leaves its number behind, and the next
batch counts it as lost. One that the disk did not take is held in memory until it does, and its start is nobody's to
close meanwhile. After damage, a cut-off, or in a database that went back in time, the outbox is *asking*: it measures and
seals on, but hands out nothing until `resume` was told where the chain stands.
"""

import contextlib
import sqlite3
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from probe.errors import StateUnusable
from probe.outbox import resume as resuming
from probe.outbox import store
from probe.outbox.bodies import read_body
from probe.outbox.doubt import ask, doubt_about
from probe.outbox.hold import Hold
from probe.outbox.looks import next_to_send, recent, tally, used_bytes
from probe.outbox.opening import beside, open_database
from probe.outbox.place import Place, PlaceFile
from probe.outbox.rows import Finished, Stored, Tally, Waiting
from probe.outbox.sealing import sealable, thin
from probe.outbox.store import NEXT_SEQ, NotWritten
from probe.packed import Packed, pack_line
from shared.chain import Head
from shared.errors import Malformed

KEEP_RECENT = 50  # batches whose bodies stay after their receipt
KEEP_RECEIPTS = 1000  # ten days of a batch each quarter of an hour
LIMIT_BYTES = 50_000_000
BESIDE_BYTES = 2 * store.LOG_BYTES  # of the limit: for the -wal, which a large transaction makes longer for a while
SHRINK_BYTES = 4 * 1024 * 1024  # more unused room than this is given back once nothing waits


class Outbox:
    """One file, one agent; complaints and looks from other processes are welcome."""

    def __init__(self, file: Path, seed: Callable[[], bytes], limit_bytes: int = LIMIT_BYTES) -> None:
        """Open or make the outbox; `seed` gives the 32 bytes a new one draws its slots from. Raises StateUnusable."""
        self._limit_bytes = limit_bytes
        self._held: dict[int, Finished] = {}
        self._places = PlaceFile(beside(file, "-place"))
        try:
            self._hold = Hold(beside(file, "-lock"))
        except OSError as error:
            raise StateUnusable(f"the outbox {file} cannot be used: {error}") from error
        try:
            self._place = self._places.read()  # before the database: an agent at work writes it after
            self._opened = open_database(file, self._place, seed, alone=self._hold.is_alone)
        except BaseException:
            self._hold.close()
            raise
        self._db = self._opened.db
        self.doubt: str | None = None
        if self._hold.is_alone:
            try:
                self._look_after()
            except BaseException:
                self.close()
                raise
            self._hold.share()

    def _look_after(self) -> None:
        """Ask if the database may not stand where the device stood; a new chain's place is on disk from the beginning."""
        self.doubt = doubt_about(self._opened, self.head, self._place, self._places.path)
        if self.doubt is not None:
            with self._write() as db:
                ask(db, self._place)
        elif self._place is None:
            self._write_place()

    def close(self) -> None:
        """Let go of the file."""
        with contextlib.suppress(StateUnusable):
            self._retry()
        self._db.close()
        self._hold.close()

    @property
    def set_aside(self) -> Path | None:
        """Where the damaged file is that this outbox was mended from when it was opened."""
        return self._opened.set_aside

    @property
    def seed(self) -> bytes:
        """The seed of the slots' times."""
        return bytes(self._one("SELECT seed FROM chain"))

    @property
    def head(self) -> Head:
        """Where the chain stands."""
        batch, seq, head = self._rows("SELECT batch, seq, head FROM chain")[0]
        return Head(batch, seq, head)

    def start(self, *intents: Callable[[int], bytes]) -> int:
        """Put intents on disk, all or none; each makes its line from its sequence number, of which the first is returned."""
        with self._write() as db:
            seq: int = db.execute(f"SELECT {NEXT_SEQ} FROM chain").fetchone()[0]  # noqa: S608 - ours
            lines = [(number, intent(number)) for number, intent in enumerate(intents, seq)]
            db.executemany("INSERT INTO start VALUES (?, ?, NULL, NULL)", lines)
        return seq

    def finish(
        self, seq: int, line: bytes, boot: str, keep: Mapping[str, bytes] | None = None, *, with_next: bool = False
    ) -> None:
        """Put the record of a start on disk in place of its intent, and named values with it.

        Raises NotWritten if the disk does not take it now: it is held, and written with whatever is written next.
        `with_next` holds it at once, for callers who start or seal in the next moment: two commits become one. Until then
        it is as if the measurement had not ended.
        """
        finished = Finished(seq, line, boot, dict(keep or {}))
        if with_next and not store.is_within(self._db):
            self._held[seq] = finished
            return
        try:
            with self._write() as db:
                if self._end(db, finished) != 1:
                    raise StateUnusable(f"start {seq} is not open")
        except NotWritten:
            self._held[seq] = finished
            raise

    def _end(self, db: sqlite3.Connection, told: Finished) -> int:
        is_full = used_bytes(db) + len(told.line) > self._limit_bytes - BESIDE_BYTES
        boot, line = (None, None) if is_full else (told.boot, pack_line(told.line))
        query = "UPDATE start SET intent = NULL, boot = ?, line = ? WHERE seq = ? AND intent IS NOT NULL"
        ended = db.execute(query, (boot, line, told.seq)).rowcount
        db.executemany("INSERT OR REPLACE INTO kept VALUES (?, ?)", told.keep.items())
        return ended

    def _retry(self) -> None:
        """Write what is held; raises NotWritten if that still cannot be done."""
        if self._held:
            with self._write():
                pass

    def open_intents(self) -> list[tuple[int, bytes]]:
        """Starts that have no end yet, oldest first, each with what is on the disk: who reads it may find it damaged."""
        intents = self._rows("SELECT seq, CAST(intent AS BLOB) FROM start WHERE intent IS NOT NULL ORDER BY seq")
        return [(seq, intent) for seq, intent in intents if seq not in self._held]

    def sealable(self) -> list[Stored]:
        """The oldest records that can be sealed now: up to the first start that is still open, and no more than fit."""
        self._retry()
        return sealable(self._db)

    def seal(self, body: bytes, pae_sha256: str, head: Head, records: int) -> None:
        """Put a sealed batch and the chain's new head on disk; its records are in it from now on."""
        packed = Packed.of(body).gzip
        with self._write() as db:
            batch, seq, asking_from = db.execute("SELECT batch, seq, asking_from FROM chain").fetchone()
            if batch != head.batch - 1:
                raise StateUnusable(f"batch {batch} comes next, not {head.batch - 1}")
            db.execute(
                "INSERT INTO sealed VALUES (?, ?, ?, ?, ?, ?, ?)",
                (batch, seq, head.seq - 1, records, pae_sha256, asking_from is not None, packed),
            )
            db.execute(
                f"UPDATE chain SET next_seq = max({NEXT_SEQ}, ?), batch = ?, seq = ?, head = ?, lost = lost + ?",  # noqa: S608 - ours
                (head.seq, head.batch, head.seq, head.pae_sha256, head.seq - seq - records),
            )
            db.execute("DELETE FROM start WHERE seq < ? AND intent IS NULL", (head.seq,))
            db.execute("DELETE FROM again WHERE last_seq + moved < ?", (head.seq,))

    @property
    def must_ask(self) -> bool:
        """Whether something waits that nothing may be sent of before the collector was asked where the chain stands."""
        return bool(
            self._one(
                "SELECT asking_from IS NOT NULL AND (EXISTS (SELECT 1 FROM batch WHERE receipt IS NULL)"
                " OR EXISTS (SELECT 1 FROM again)) FROM chain"
            )
        )

    def resume(self, told: Head) -> None:
        """Go on where the collector says the chain stands; raises ForeignChain if that cannot be, or StateUnusable."""
        with self._write() as db:
            resuming.resume(db, told)

    def oldest_unsent(self) -> Waiting | None:
        """The oldest batch without a receipt that may leave the device; its place in the chain is on disk by then.

        A body that does not read as what was sealed is let go: the chain is asked for then, and goes on without it.
        """
        waiting = next_to_send(self._db)
        if waiting is None:
            return None
        try:
            read = read_body(waiting.packed)
        except Malformed:
            read = None
        if read is None or (read.said.batch, read.pae_sha256) != (waiting.batch, waiting.pae_sha256):
            with self._write() as db:
                ask(db, self._place)
                db.execute("DELETE FROM sealed WHERE batch = ?", (waiting.batch,))
            return None
        if self._place is None or waiting.batch >= self._place.head.batch:
            self._write_place()
        return waiting

    def _write_place(self) -> None:
        next_seq = self._one(f"SELECT {NEXT_SEQ} FROM chain")  # noqa: S608 - ours
        place = Place(self.head, next_seq, self.seed)
        self._places.write(place)
        self._place = place

    def receipted(self, batch: int, receipt: bytes, received_us: int) -> None:
        """Store a receipt; only now may the body go, and does when it is none of the last."""
        with self._write() as db:
            db.execute("INSERT OR REPLACE INTO receipt VALUES (?, ?, ?)", (batch, received_us, receipt))
            if batch % KEEP_RECENT == 0:  # many at a time: each time costs about as much as one
                thin(db, batch - KEEP_RECEIPTS, KEEP_RECENT)
        if not self._rows("SELECT 1 FROM batch WHERE receipt IS NULL LIMIT 1"):
            store.shrink(self._db, SHRINK_BYTES)  # what is left is small, and quickly written anew

    def receipts(self) -> list[tuple[int, bytes]]:
        """The receipts that are kept, by batch."""
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

    def keep(self, name: str, value: bytes) -> None:
        """Keep a small named value; an earlier one of that name is gone."""
        self.keep_all({name: value})

    def keep_all(self, values: Mapping[str, bytes]) -> None:
        """Keep several, all of them or none."""
        with self._write() as db:
            db.executemany("INSERT OR REPLACE INTO kept VALUES (?, ?)", values.items())

    def drop(self, name: str) -> None:
        """Keep a named value no longer."""
        with self._write() as db:
            db.execute("DELETE FROM kept WHERE name = ?", (name,))

    def kept(self, name: str) -> bytes | None:
        """A named value; None if there is none."""
        rows = self._rows("SELECT value FROM kept WHERE name = ?", name)
        return bytes(rows[0][0]) if rows else None

    @property
    def version(self) -> int:
        """A number that changes whenever another process has written."""
        return int(self._one("PRAGMA data_version"))

    def recent(self) -> list[bytes]:
        """The last records, newest first, sealed or not."""
        return recent(self._db, KEEP_RECENT)

    def tally(self) -> Tally:
        """What there is."""
        return tally(self._db, self._limit_bytes)

    @contextlib.contextmanager
    def _write(self) -> Iterator[sqlite3.Connection]:
        """One transaction, with whatever is held in it, or a part of the one it is within."""
        if store.is_within(self._db):
            yield self._db
            return
        with store.writing(self._db) as db:
            for finished in self._held.values():
                self._end(db, finished)
            yield db
        self._held.clear()

    @contextlib.contextmanager
    def together(self) -> Iterator[None]:
        """Make one transaction of whatever is written within it: one commit costs the disk as much as the next.

        If anything is raised nothing of it was: what was started within is not there, and what ended within is open again.
        """
        with self._write():
            yield

    def _one(self, query: str) -> Any:  # noqa: ANN401 - whatever the column holds
        return store.one(self._db, query)

    def _rows(self, query: str, *values: object) -> list[Any]:
        return store.rows(self._db, query, *values)
