"""Time-stamps (RFC 3161) of the log: somebody else's word on when what is in it was there at the latest.

One over the *text* of a published checkpoint (origin, size, root: the root commits to every leaf, whoever may have the log's key)
covers all leaves before it, so one every quarter of an hour is enough for any number of batches; more of them would be much for
an authority and prove little more. With `every_batch` each leaf gets one of its own beside, over its signature's DER bytes:
that is the one a Sigstore bundle has room for. A leaf that is asked for, as the newest of a case whose evidence is made, gets
one either way, and so does a checkpoint with it.

It is all done in the background, after the receipts: nobody who sends waits for it. Once a minute, one request at a time; at
most sixty leaves a minute, and only the newest thousand of those that wait: what is old gains nothing by a late stamp.

    log/stamped.<id>    by the tree's size: the note's length as four bytes, big-endian, the note, the token
    log/tokens.<id>     by the leaf's number: the token                       <id>: that of the log's key, eight hex digits
"""

import logging
import threading
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from collector.clock import Clock
from collector.log.kept import KeptFile
from collector.log.publisher import Publisher
from collector.log.tsa import Authority, NoStamp, ask
from collector.log.witness import Cosigned
from shared.leaf import signature_in
from shared.note import MAX_NOTE_BYTES, NoteKey, read_note
from shared.timestamp import MAX_TOKEN_BYTES

EVERY_S: Final = 60.0
FIRST_S: Final = 2.0
CLOSE_S: Final = 2.0
MOST_LEAVES: Final = 60  # in one round
MOST_BEHIND: Final = 1000
NOTES, LEAVES = "stamped", "tokens"
_LENGTH_BYTES: Final = 4
MOST_NOTE_BYTES: Final = _LENGTH_BYTES + MAX_NOTE_BYTES + MAX_TOKEN_BYTES
log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class StampedNote:
    """A checkpoint with a token: the size of its tree, the note as the log signed it, the token over its text."""

    size: int
    note: bytes
    token: bytes


class Stamps:
    """The tokens of one log. `go_round` may be called by hand; `start` does it every minute."""

    def __init__(
        self,
        folder: Path,
        publisher: Publisher,
        own: NoteKey,
        authority: Authority | None,
        clock: Clock,
        nonce: Callable[[], bytes],
        *,
        cosigned: Callable[[], Cosigned | None] = lambda: None,
        minutes: int = 15,
        every_batch: bool = False,
    ) -> None:
        """Open what was kept before; what `cosigned` gives, the newest with a quorum, goes before others. Raises OSError."""
        self._cosigned = cosigned
        self._publisher, self._authority, self._clock, self._nonce = publisher, authority, clock, nonce
        self._pause_us, self._every_batch = minutes * 60_000_000, every_batch
        self._notes = KeptFile(folder / f"{NOTES}.{own.id.hex()}", MOST_NOTE_BYTES)
        self._leaves = KeptFile(folder / f"{LEAVES}.{own.id.hex()}", MAX_TOKEN_BYTES)
        self._next_leaf = 1 + max(self._leaves.numbers, default=-1)
        self._due_us = 0  # when the next checkpoint gets one
        self._asked_for: set[int] = set()
        self._hurries = False  # the next checkpoint gets one at once
        self._round = threading.Lock()
        self._changed = threading.Condition()
        self._closing = False
        self._thread: threading.Thread | None = None
        self.wrong: str | None = None  # why the authority gave none the last time

    @property
    def roots_pem(self) -> bytes:
        """The certificates by which the authority is believed; nothing without one."""
        return b"" if self._authority is None else self._authority.pem

    @property
    def stamped_size(self) -> int:
        """How many leaves the newest checkpoint with a token has."""
        return self._notes.numbers[-1] if self._notes.numbers else 0

    def of_leaf(self, index: int) -> bytes | None:
        """The token over a leaf's signature, if it has one."""
        return self._leaves.get(index)

    def over(self, indices: Iterable[int], most: int) -> list[StampedNote]:
        """For each leaf the first checkpoint with a token that has it; of more than `most`, evenly some and the last."""
        sizes = sorted({size for index in indices if (size := self._notes.above(index)) is not None})
        if len(sizes) > most:
            sizes = [sizes[(at + 1) * len(sizes) // most - 1] for at in range(most)]
        return [read_stamped(size, self._notes.get(size) or b"") for size in sizes]

    def wanted(self, indices: Sequence[int], timeout_s: float) -> None:
        """Have these leaves stamped before others, and a checkpoint that has them; wait for the answers, no longer than that."""
        missing = {index for index in indices if self.of_leaf(index) is None or index >= self.stamped_size}
        if self._authority is None or self._thread is None or not missing:
            return
        with self._changed:
            self._asked_for |= missing
            self._hurries = self._hurries or max(missing) >= self.stamped_size
            self._changed.notify_all()
            self._changed.wait_for(lambda: self._closing or missing.isdisjoint(self._asked_for), timeout_s)

    def start(self) -> None:
        """Ask from now on."""
        if self._authority is not None:
            self._thread = threading.Thread(target=self._run, name="time-stamps", daemon=True)
            self._thread.start()

    def close(self) -> None:
        """Ask no more; an answer that is being waited for just now is not waited for long."""
        with self._changed:
            self._closing = True
            self._changed.notify_all()
        if self._thread is not None:
            self._thread.join(CLOSE_S)
        if self._round.acquire(timeout=CLOSE_S):
            self._notes.close()
            self._leaves.close()
            self._round.release()

    def go_round(self) -> None:
        """Have stamped what is due: leaves that were asked for, the newest checkpoint, each leaf if so set. Raises OSError."""
        with self._round:
            with self._changed:
                asked_for = sorted(self._asked_for)[:MOST_LEAVES]
            try:
                if self._authority is not None and not self._closing:
                    self._ask(self._authority, asked_for)
                    self.wrong = None
            except NoStamp as error:
                self.wrong = str(error)
                log.warning("no time-stamp: %s", error)
            finally:
                with self._changed:
                    self._asked_for -= set(asked_for)
                    self._changed.notify_all()

    def _ask(self, authority: Authority, asked_for: Sequence[int]) -> None:
        published = self._publisher.published
        if published is None or self._publisher.wrong is not None:
            return
        size = published.checkpoint.size
        for index in asked_for:
            if index < size:
                self._stamp_leaf(authority, index)
        if size > self.stamped_size and (self._hurries or self._clock.mono_us() >= self._due_us):
            self._hurries = False
            cosigned = self._cosigned()
            if cosigned is not None and cosigned.size > self.stamped_size:
                self._stamp_note(authority, cosigned.note, cosigned.size)
            else:
                self._stamp_note(authority, published.note, size)
        if self._every_batch:
            self._stamp_leaves(authority, size)

    def _stamp_note(self, authority: Authority, note: bytes, size: int) -> None:
        token, _ = ask(authority, read_note(note).text.encode(), self._nonce())
        self._notes.put(size, len(note).to_bytes(_LENGTH_BYTES, "big") + note + token)
        self._due_us = self._clock.mono_us() + self._pause_us

    def _stamp_leaves(self, authority: Authority, size: int) -> None:
        if size - self._next_leaf > MOST_BEHIND:
            skipped = size - MOST_BEHIND - self._next_leaf
            log.warning("%d leaves get no time-stamp of their own: more wait than can be asked for", skipped)
            self._next_leaf += skipped
        for index in range(self._next_leaf, min(size, self._next_leaf + MOST_LEAVES)):
            self._stamp_leaf(authority, index)
            self._next_leaf = index + 1

    def _stamp_leaf(self, authority: Authority, index: int) -> None:
        if not self._closing and self.of_leaf(index) is None:
            token, _ = ask(authority, signature_in(self._publisher.files.leaf(index)), self._nonce())
            self._leaves.put(index, token)

    def _run(self) -> None:
        wait_s = FIRST_S
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._closing or self._asked_for, wait_s)
                if self._closing:
                    return
            wait_s = EVERY_S if self._publisher.published is not None else FIRST_S
            try:
                self.go_round()
            except OSError as error:
                self.wrong = f"a time-stamp could not be kept: {error}"
                log.warning("%s", self.wrong)


def read_stamped(size: int, data: bytes) -> StampedNote:
    """What is kept of a checkpoint of this size."""
    end = _LENGTH_BYTES + int.from_bytes(data[:_LENGTH_BYTES], "big")
    return StampedNote(size, data[_LENGTH_BYTES:end], data[end:])
