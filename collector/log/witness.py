"""Asking witnesses to cosign the log (C2SP tlog-witness), and keeping what they said.

A witness signs a checkpoint, with its own clock's time, only if the tree begins with the one that it signed last: so whoever asks
for its signature cannot be shown another log than everybody else. It is asked for the newest published checkpoint, once
a minute, and at once when evidence is made of what none has cosigned yet; receipts do not wait for it.

    log/cosigned    every checkpoint that a quorum has cosigned: its length as four bytes, big-endian, then the note

What a witness answers that is no cosignature changes nothing, but is said. If one says that it has seen another log, that is said
loudly and shown; but it is one's word, without a signature, and stops nothing: without its cosignature there may be no quorum.
"""

import http.client
import logging
import os
import re
import threading
import urllib.request
from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from collector.ledger.frame import Proven
from collector.log.asking import answer
from collector.log.files import write_at
from collector.log.key import Witness
from collector.log.publisher import Published, Publisher
from shared import tree
from shared.checkpoint import open_checkpoint
from shared.dsse import b64
from shared.errors import Malformed
from shared.note import Note, NoteKey, Signature, WrongNote, read_note, read_signature

FILE: Final = "cosigned"
EVERY_S: Final = 60.0
FIRST_S: Final = 2.0
CLOSE_S: Final = 2.0
LENGTH_BYTES: Final = 4
_SIZE: Final = re.compile(rb"[0-9]{1,16}\n?")
_OK, _CONFLICT, _NOT_EXTENDED = 200, 409, 422
log = logging.getLogger(__name__)


class NoWitness(Exception):
    """A witness that did not cosign, and why."""


class OtherLog(NoWitness):
    """A witness that has seen another log under this name."""


@dataclass(frozen=True, slots=True)
class Cosigned:
    """A checkpoint with the cosignatures of a quorum: its size, its signed note, the quorum's latest time (unix s)."""

    size: int
    note: bytes
    time_s: int


def ask(witness: Witness, published: Published, old: int, proof: Sequence[bytes]) -> Signature | int:
    """Ask for a cosignature on what extends a tree of `old` leaves; or the size of the tree that it has seen, if another.

    Raises OtherLog if that is not one that this extends, NoWitness for whatever else it answers.
    """
    body = f"old {old}\n{''.join(b64(one) + chr(10) for one in proof)}\n".encode() + published.note
    request = urllib.request.Request(f"{witness.url.rstrip('/')}/add-checkpoint", body, method="POST")  # noqa: S310 - from the settings
    request.add_header("Content-Type", "text/plain; charset=utf-8")
    try:
        status, told = answer(request)
    except (OSError, http.client.HTTPException, ValueError) as error:
        raise NoWitness(f"it does not answer: {error}") from error
    if status == _CONFLICT and _SIZE.fullmatch(told):
        return int(told)
    words = told[:200].decode("utf-8", "replace").strip()
    if status in (_CONFLICT, _NOT_EXTENDED):
        raise OtherLog(f"it says that this is not the log it has seen: {words or status}")
    if status != _OK:
        raise NoWitness(f"it refuses ({status}): {words}")
    return _signature(witness, published, told)


def _signature(witness: Witness, published: Published, told: bytes) -> Signature:
    """Its cosignature among the lines of an answer."""
    try:
        for line in told.decode().splitlines():
            signature = read_signature(line)
            if witness.key.is_of(signature):
                witness.key.check(signature, published.checkpoint.text)
                return signature
    except (Malformed, UnicodeDecodeError) as error:
        raise NoWitness(f"what it answers is no cosignature of this: {error}") from error
    raise NoWitness("its answer holds no signature of its key")


class Witnesses:
    """The witnesses of one log. `go_round` may be called by hand; `start` does it every minute."""

    def __init__(
        self, folder: Path, publisher: Publisher, own: NoteKey, witnesses: Sequence[Witness], quorum: int
    ) -> None:
        """Open what they said before; raises OSError."""
        self._publisher, self._own, self._witnesses, self._quorum = publisher, own, tuple(witnesses), quorum
        self._seen = dict.fromkeys(
            (one.key.vkey for one in witnesses), 0
        )  # the size of the tree that each cosigned last
        self._lock = threading.Lock()
        self._changed = threading.Condition()
        self._closing = self._hurries = False
        self._begun = self._ended = 0  # rounds
        self.contradictions: dict[str, str] = {}  # what witnesses say who have seen another log, by name
        self._thread: threading.Thread | None = None
        self._file = os.open(folder / FILE, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        # of each that is kept: the size of its tree, where its note begins, how long that is, the quorum's time
        self._sizes, self._begins, self._lengths, self._times = (array("Q") for _ in range(4))
        self._end = 0
        self._read()

    @property
    def newest(self) -> Cosigned | None:
        """The newest checkpoint with a quorum."""
        return self._cosigned(len(self._sizes) - 1) if self._sizes else None

    def first_with(self, index: int) -> Cosigned | None:
        """The first checkpoint with a quorum that has this leaf: it says how early the leaf was there."""
        at = bisect_right(self._sizes, index)
        return self._cosigned(at) if at < len(self._sizes) else None

    def proven(self, index: int, timeout_s: float = 0) -> Proven | None:
        """The proof that a leaf is in the log: in the first checkpoint with a quorum that has it, else in the published one."""
        found = self.first_with(index)
        if found is None:
            return self._publisher.proven(index, timeout_s)
        return Proven(index, b"".join(tree.inclusion(self._publisher.files.node, index, found.size)), found.note)

    def first_since(self, time_s: int) -> Cosigned | None:
        """The first checkpoint that a quorum had cosigned at or after this time (unix s)."""
        at = bisect_left(self._times, time_s)
        return self._cosigned(at) if at < len(self._times) else None

    def start(self) -> None:
        """Ask from now on."""
        if self._witnesses:
            self._thread = threading.Thread(target=self._run, name="witnesses", daemon=True)
            self._thread.start()

    def wanted(self, size: int, timeout_s: float) -> None:
        """Have them asked at once if none of so many leaves has a quorum yet; wait for the answers, no longer than that."""
        newest = self.newest
        if self._thread is None or (newest is not None and newest.size >= size):
            return
        with self._changed:
            due, self._hurries = self._begun + 1, True  # a round under way may be about an older checkpoint
            self._changed.notify_all()
            self._changed.wait_for(lambda: self._closing or self._ended >= due, timeout_s)

    def close(self) -> None:
        """Ask no more; one who is being asked just now is not waited for long."""
        with self._changed:
            self._closing = True
            self._changed.notify_all()
        if self._thread is not None:
            self._thread.join(CLOSE_S)
        with self._lock:
            os.close(self._file)
            self._file = -1

    def go_round(self) -> Cosigned | None:
        """Ask each for the newest checkpoint; what came of it if a quorum has cosigned. Raises OSError."""
        published = self._publisher.published
        if published is None or not published.checkpoint.size:
            return None
        newest = self.newest
        if newest is not None and newest.size >= published.checkpoint.size:
            return newest
        found: list[Signature] = []
        for witness in self._witnesses:
            try:
                found.append(self._asked(witness, published))
                self.contradictions.pop(witness.key.name, None)
            except OtherLog as error:
                self.contradictions[witness.key.name] = str(error)
                log.critical("witness %s: %s", witness.key.name, error)
            except NoWitness as error:
                log.warning("witness %s: %s", witness.key.name, error)
        if len(found) < max(1, self._quorum):
            return None
        note = read_note(published.note)
        return self._keep(Note(note.text, (*note.signatures, *found)).data)

    def _asked(self, witness: Witness, published: Published) -> Signature:
        size = published.checkpoint.size
        for _ in range(2):  # once more if it has seen another tree than was thought
            old = self._seen[witness.key.vkey]
            if old > size:
                raise OtherLog(f"it has seen {old} leaves, and there are {size}")
            proof = tree.consistency(self._publisher.files.node, old, size) if 0 < old < size else []
            told = ask(witness, published, old, proof)
            if isinstance(told, Signature):
                self._seen[witness.key.vkey] = size
                return told
            self._seen[witness.key.vkey] = told
        raise NoWitness("it names one size after the other")

    def _run(self) -> None:
        wait_s = FIRST_S  # what was just begun is soon known
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._closing or self._hurries, wait_s)
                if self._closing:
                    return
                self._hurries = False
                self._begun += 1
            wait_s = EVERY_S if self._publisher.published is not None else FIRST_S
            try:
                self.go_round()
            except (OSError, Malformed) as error:
                log.warning("what witnesses said could not be kept: %s", error)
            finally:
                with self._changed:
                    self._ended += 1
                    self._changed.notify_all()

    def _keep(self, note: bytes) -> Cosigned:
        with self._lock:
            write_at(self._file, len(note).to_bytes(LENGTH_BYTES, "big") + note, self._end)
            os.fsync(self._file)
            self._take(note)
            return self._cosigned(len(self._sizes) - 1)

    def _take(self, note: bytes) -> None:
        found = open_checkpoint(note, self._own, [one.key for one in self._witnesses])
        time_s = found.by_quorum_s(self._quorum)
        if time_s is not None:  # of witnesses that are not asked any more nothing counts
            self._sizes.append(found.checkpoint.size)
            self._begins.append(self._end + LENGTH_BYTES)
            self._lengths.append(len(note))
            self._times.append(
                max(time_s, self._times[-1] if self._times else 0)
            )  # clocks of witnesses differ a little
        self._end += LENGTH_BYTES + len(note)

    def _read(self) -> None:
        """Read what is kept; a torn end is cut off, and what is of another log left alone."""
        data = os.pread(self._file, os.fstat(self._file).st_size, 0)
        while self._end + LENGTH_BYTES <= len(data):
            length = int.from_bytes(data[self._end : self._end + LENGTH_BYTES], "big")
            note = data[self._end + LENGTH_BYTES : self._end + LENGTH_BYTES + length]
            if len(note) < length:
                break
            try:
                self._take(note)
            except WrongNote:
                self._end += LENGTH_BYTES + length
            except Malformed:
                break
        os.ftruncate(self._file, self._end)

    def _cosigned(self, at: int) -> Cosigned:
        return Cosigned(self._sizes[at], os.pread(self._file, self._lengths[at], self._begins[at]), self._times[at])
