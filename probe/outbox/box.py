"""The outbox's verbs: start, finish, seal, hand out, let go. Whatever one of them returned from is on disk.

An intent is written before its measurement; a batch and the head of the chain are written in one transaction; a body
goes only after its receipt is stored, and those of the last fifty batches stay a while, to be looked at. Of the receipts
the last thousand stay: each covers, by `prev`, every batch before it.

Nothing is dropped in silence. A record for which there is no room (`limit_bytes`) leaves its number behind, and the next
batch counts it as lost. One that the disk did not take is held in memory until it does, and its start is nobody's to
close meanwhile. After damage, a cut-off, or in a log that went back in time, the outbox is *asking*: it measures and
seals on, but hands out nothing until `resume` was told where the chain stands.
"""

import contextlib
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TypeVar

from probe.errors import StateUnusable
from probe.outbox import resume as resuming
from probe.outbox.bodies import read_body
from probe.outbox.doubt import ask
from probe.outbox.log import Log, NotWritten
from probe.outbox.looks import next_to_send, recent, tally
from probe.outbox.replay import TURNS, Moved
from probe.outbox.rows import Finished, Stored, Tally, Waiting
from probe.outbox.sealing import sealable, thin
from probe.outbox.session import Session
from probe.outbox.tables import Blob, Complaint, Ended, Intent, Kept, Received, Sealed
from probe.packed import Packed, pack_line
from shared.chain import Head
from shared.errors import Malformed

KEEP_RECENT = 50  # batches whose bodies stay after their receipt
KEEP_RECEIPTS = 1000  # ten days of a batch each quarter of an hour
LIMIT_BYTES = 50_000_000
DEAD_SHARE = 8  # of the limit, one part in so many is left to what is not cleaned away yet
T = TypeVar("T")


class Outbox:
    """One folder, one agent; complaints and looks from other processes are welcome."""

    def __init__(self, folder: Path, seed: Callable[[], bytes], limit_bytes: int = LIMIT_BYTES) -> None:
        """Open or make the outbox; `seed` gives the 32 bytes a new one draws its slots from. Raises StateUnusable."""
        self._limit_bytes = limit_bytes
        self._held: dict[int, Finished] = {}
        self._session = Session(folder, seed, limit_bytes)
        self._log = self._session.log

    def close(self) -> None:
        """Let go of it; whoever is the last to leaves the mark of an orderly end."""
        with contextlib.suppress(StateUnusable):
            self._retry()
        self._session.close()

    @property
    def doubt(self) -> str | None:
        """Why the collector has to be asked, in words; None if there was no reason when this was opened."""
        return self._session.doubt

    @property
    def set_aside(self) -> Path | None:
        """The folder with the damaged files that this outbox was mended from when it was opened."""
        return self._session.set_aside

    @property
    def seed(self) -> bytes:
        """The seed of the slots' times."""
        return self._log.read(self._log.catch_up().chain.seed)

    @property
    def head(self) -> Head:
        """Where the chain stands."""
        return self._log.catch_up().chain.stands

    def start(self, *intents: Callable[[int], bytes]) -> int:
        """Put intents on disk, all or none; each makes its line from its sequence number, of which the first is returned."""
        with self._write() as log:
            seq = log.state.next_seq
            for number, intent in enumerate(intents, seq):
                log.put(Intent(number, Blob(intent(number))))
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
        if with_next and not self._log.is_within:
            self._held[seq] = finished
            return
        try:
            with self._write() as log:
                if not self._finish(log, finished):
                    raise StateUnusable(f"start {seq} is not open")
        except NotWritten:
            self._held[seq] = finished
            raise

    def _finish(self, log: Log, told: Finished) -> bool:
        room_bytes = self._limit_bytes - self._limit_bytes // DEAD_SHARE
        is_full = log.state.alive_bytes + len(told.line) > room_bytes
        is_open = log.drop("intent", told.seq)
        if is_open:
            log.put(Ended(told.seq, *(("", Blob(b"")) if is_full else (told.boot, Blob(pack_line(told.line))))))
        self._keep(log, told.keep)
        return is_open

    def _keep(self, log: Log, values: Mapping[str, bytes]) -> None:
        for name, value in values.items():
            row = log.state.kept.get(name)
            if row is None or row.value.held != value:
                log.put(Kept(name, Blob(value)))

    def _retry(self) -> None:
        """Write what is held; raises NotWritten if that still cannot be done."""
        if self._held:
            with self._write():
                pass

    def open_intents(self) -> list[tuple[int, bytes]]:
        """Starts that have no end yet, oldest first, each with what is on the disk: who reads it may find it damaged."""
        intents = sorted(self._log.catch_up().intents.items())
        return [(seq, row.line.held or b"") for seq, row in intents if seq not in self._held]

    def sealable(self) -> list[Stored]:
        """The oldest records that can be sealed now: up to the first start that is still open, and no more than fit."""
        self._retry()
        return self._look(lambda: sealable(self._log, self._write))

    def seal(self, body: bytes, pae_sha256: str, head: Head, records: int) -> None:
        """Put a sealed batch and the chain's new head on disk; its records are in it from now on."""
        packed = Packed.of(body).gzip
        with self._write() as log:
            state, chain = log.state, log.state.chain
            if chain.batch != head.batch - 1:
                raise StateUnusable(f"batch {chain.batch} comes next, not {head.batch - 1}")
            first, last = chain.seq, head.seq - 1
            log.put(Sealed(chain.batch, first, last, records, pae_sha256, chain.is_asking, Blob(packed)))
            lost, next_seq = chain.lost + head.seq - first - records, max(state.next_seq, head.seq)
            log.put(chain._replace(next_seq=next_seq, batch=head.batch, seq=head.seq, head=head.pae_sha256, lost=lost))
            for seq in [seq for seq in state.records if seq < head.seq]:
                log.drop("record", seq)
            for row in [row for row in state.again.values() if row.last_seq + row.moved < head.seq]:
                log.drop("again", row.number)

    @property
    def must_ask(self) -> bool:
        """Whether something waits that nothing may be sent of before the collector was asked where the chain stands."""
        state = self._log.catch_up()
        return state.chain.is_asking and bool(state.again or state.unsent())

    def ask(self) -> None:
        """Hand out nothing from now on before the collector was asked where the chain stands; raises StateUnusable."""
        with self._write() as log:
            ask(log, None)

    def resume(self, told: Head, dev: str | None = None) -> None:
        """Go on where the collector says the chain stands; raises ForeignChain if that cannot be, or StateUnusable.

        `dev` is the id of the key that signs now: what another one has signed and was not taken is sealed again.
        """
        with self._write() as log:
            resuming.resume(log, told, dev)

    def oldest_unsent(self) -> Waiting | None:
        """The oldest batch without a receipt that may leave the device; that it was sealed is on disk.

        A body that does not read as what was sealed is let go: the chain is asked for then, and goes on without it.
        """
        waiting = self._look(lambda: next_to_send(self._log))
        if waiting is None:
            return None
        try:
            read = read_body(waiting.packed)
        except Malformed:
            read = None
        if read is None or (read.said.batch, read.pae_sha256) != (waiting.batch, waiting.pae_sha256):
            with self._write() as log:
                ask(log, None)
                log.drop("sealed", waiting.batch)
            return None
        return waiting

    def receipted(self, batch: int, receipt: bytes, received_us: int) -> None:
        """Store a receipt; only now may the body go, and does when it is none of the last."""
        with self._write() as log:
            log.put(Received(batch, received_us, Blob(receipt)))
            if batch % KEEP_RECENT == 0:  # many at a time: each time costs about as much as one
                thin(log, batch - KEEP_RECEIPTS, KEEP_RECENT)

    def receipts(self) -> list[tuple[int, bytes]]:
        """The receipts that are kept, by batch."""
        log = self._log
        return self._look(lambda: [(batch, log.read(row.receipt)) for batch, row in sorted(log.state.receipts.items())])

    def add_complaint(self, line: bytes) -> None:
        """Keep a complaint until it is sent."""
        with self._write() as log:
            complaints = log.state.complaints
            if all(row.line.held != line for row in complaints.values()):
                log.put(Complaint(max(complaints, default=0) + 1, False, Blob(line)))  # noqa: FBT003 - a column

    def unsent_complaints(self) -> list[tuple[int, bytes]]:
        """Complaints that were not sent, oldest first."""
        complaints = sorted(self._log.catch_up().complaints.items())
        return [(number, row.line.held or b"") for number, row in complaints if not row.is_sent]

    def complaint_sent(self, number: int) -> None:
        """Mark a complaint as received by the collector."""
        with self._write() as log:
            row = log.state.complaints.get(number)
            if row is not None:
                log.put(row._replace(is_sent=True))

    def keep(self, name: str, value: bytes) -> None:
        """Keep a small named value; an earlier one of that name is gone."""
        self.keep_all({name: value})

    def keep_all(self, values: Mapping[str, bytes]) -> None:
        """Keep several, all of them or none."""
        with self._write() as log:
            self._keep(log, values)

    def drop(self, name: str) -> None:
        """Keep a named value no longer."""
        with self._write() as log:
            log.drop("kept", name)

    def kept(self, name: str) -> bytes | None:
        """A named value; None if there is none."""
        row = self._log.catch_up().kept.get(name)
        return None if row is None else row.value.held

    @property
    def version(self) -> int:
        """A number that changes whenever another process has written."""
        self._log.catch_up()
        return self._log.appeared

    def recent(self) -> list[bytes]:
        """The last records, newest first, sealed or not."""
        return self._look(lambda: recent(self._log, KEEP_RECENT))

    def tally(self) -> Tally:
        """What there is."""
        self._log.catch_up()
        return tally(self._log, self._limit_bytes)

    def _look(self, look: Callable[[], T]) -> T:
        """Look once more where somebody cleaned meanwhile."""
        for _ in range(TURNS):
            self._log.catch_up()
            with contextlib.suppress(Moved):
                return look()
        raise StateUnusable("the outbox cannot be read: others clean it without end")

    @contextlib.contextmanager
    def _write(self) -> Iterator[Log]:
        """One transaction, with whatever is held in it, or a part of the one it is within."""
        if self._log.is_within:
            yield self._log
            return
        with self._log.transaction():
            for finished in self._held.values():
                self._finish(self._log, finished)
            yield self._log
        self._held.clear()

    @contextlib.contextmanager
    def together(self) -> Iterator[None]:
        """Make one transaction of whatever is written within it: one commit costs the disk as much as the next.

        If anything is raised nothing of it was: what was started within is not there, and what ended within is open again.
        """
        with self._write():
            yield
