"""Writing the ledger through the process that has it open, for a process with threads; `line` is the same for an event loop.

Both keep the promises of `LedgerPort`. If the other process goes away, whoever waits for it is told that nothing is known
of what he handed over (LedgerAway): it may be on disk and may not, so it is sent again, and a batch that was written is then
a repeat. Both connect again by themselves.
"""

import contextlib
import itertools
import logging
import socket
import threading
from collections.abc import Callable
from concurrent.futures import Future
from pathlib import Path
from typing import Final, TypeVar

from collector.errors import LedgerAway
from collector.ledger import wire
from collector.ledger.frame import Draft, Entry, sheet_of
from collector.ledger.line import kept_as_told
from collector.ledger.port import Kept, entry_of
from collector.ledger.segments import read_at
from collector.ledger.wire import Ask, Follow, Newest, Number, Others, Places, Put, Told

PATIENCE_S: Final = 30
_AGAIN_S: Final = 0.1
_READ_BYTES: Final = 1 << 20
_TRIES: Final = 5
T = TypeVar("T")
log = logging.getLogger(__name__)


class LedgerClient:
    """A `LedgerPort` over a socket: a thread reads answers, anybody asks."""

    def __init__(
        self, address: str, folder: Path, torn_bytes: int = 0, committed: Callable[[], None] = lambda: None
    ) -> None:
        """Connect; `committed` is called whenever the ledger has grown. Raises LedgerAway."""
        self.folder = folder
        self.torn_bytes = torn_bytes
        self.committed = committed
        self._address = address
        self._numbers = itertools.count(1)
        self._waiting: dict[int, Future[Told]] = {}
        self._lock = threading.Lock()
        self._newest = 0, b""
        self._closing = threading.Event()
        self._socket = self._connect()
        self._thread = threading.Thread(target=self._run, name="ledger answers", daemon=True)
        self._thread.start()
        self.newest_no()

    @property
    def last_no(self) -> int:
        """The newest entry on disk that is known here."""
        return self._newest[0]

    @property
    def newest(self) -> tuple[int, bytes]:
        """The same, and the checkpoint of the log up to there."""
        return self._newest

    def newest_no(self) -> int:
        """The newest entry on disk, asked for now."""
        told = self._ask(Newest)
        return told.no if isinstance(told, Number) else self.last_no

    def others(self) -> list[tuple[str, int]]:
        """Where every entry that is no batch stands, in order."""
        told = self._ask(Others)
        return told.places if isinstance(told, Places) else []

    def keep(self, draft: Draft) -> Entry:
        """Append an entry that no chain has a say in, and wait for it.

        If the other process goes away meanwhile, its successor is asked whether the entry is there, and gets it if not:
        whoever tried again by himself might have it twice.
        """
        before_no, future = self.last_no, self.append(draft)
        for _ in range(_TRIES):
            try:
                return entry_of(self._patiently(future))
            except LedgerAway:
                if not future.done():  # it may still be written
                    raise
            written = self._written(draft, before_no)
            if written is not None:
                return written
            future = self.append(draft)
        raise LedgerAway("the ledger's writer goes away again and again")

    def _written(self, draft: Draft, before_no: int) -> Entry | None:
        """The entry a draft has become after this one, if it has; raises LedgerAway if nobody can be asked."""
        for _ in range(round(PATIENCE_S / _AGAIN_S)):
            with contextlib.suppress(LedgerAway):
                places = self.others()
                break
            self._closing.wait(_AGAIN_S)
        else:
            raise LedgerAway("the ledger's writer went away, and does not come back; whether it wrote is not known")
        for place in reversed(places):
            entry = read_at(self.folder, *place)
            if entry.no <= before_no:
                return None
            if (entry.kind, entry.meta, entry.body) == (draft.kind, draft.meta, draft.body):
                return entry
        return None

    def _patiently(self, future: "Future[T]") -> T:
        try:
            return future.result(PATIENCE_S)
        except TimeoutError as error:
            raise LedgerAway(f"the ledger's writer did not answer within {PATIENCE_S} s") from error

    def append(self, draft: Draft) -> "Future[Kept]":
        """Hand over an entry."""
        kept: Future[Kept] = Future()
        kept.set_running_or_notify_cancel()
        sheet = sheet_of(draft)
        answer = self._send(lambda number: Put.of(number, sheet))
        answer.add_done_callback(lambda done: _settle(kept, draft, done))
        return kept

    def close(self) -> None:
        """Hang up; what was not answered is not known."""
        with self._lock, contextlib.suppress(OSError):  # not between a look at `_closing` and another socket
            self._closing.set()
            self._socket.shutdown(socket.SHUT_RDWR)
        self._thread.join()
        self._socket.close()

    def _ask(self, kind: Callable[[int], Ask]) -> Told:
        return self._patiently(self._send(kind))

    def _send(self, question: Callable[[int], Ask]) -> "Future[Told]":
        future: Future[Told] = Future()
        with self._lock:
            number = next(self._numbers)
            self._waiting[number] = future
            try:
                self._socket.sendall(wire.spell(question(number)))
            except OSError as error:
                del self._waiting[number]
                future.set_exception(LedgerAway(f"the ledger's writer is not there: {error}"))
        return future

    def _connect(self) -> socket.socket:
        connection = socket.socket(socket.AF_UNIX)
        try:
            connection.connect(self._address)
            connection.sendall(wire.spell(Follow(0)))
        except OSError as error:
            connection.close()
            raise LedgerAway(f"the ledger's writer is not there: {error}") from error
        return connection

    def _run(self) -> None:
        buffer = bytearray()
        while True:
            try:
                data = self._socket.recv(_READ_BYTES)
            except OSError:
                data = b""
            if data:
                buffer += data
                self._take(wire.tolds(buffer))
                continue
            buffer.clear()
            if not self._again():
                return

    def _take(self, answers: list[Told]) -> None:
        for told in answers:
            if isinstance(told, Number):
                self._newest = max(self._newest, (told.no, told.note))
                if told.id == 0:
                    self.committed()
                    continue
            with self._lock:
                future = self._waiting.pop(told.id, None)
            if future is not None:
                future.set_result(told)

    def _again(self) -> bool:
        """Tell all who wait, and connect again; False if it is time to end."""
        with self._lock:
            waiting, self._waiting = self._waiting, {}
        for future in waiting.values():
            future.set_exception(LedgerAway("the ledger's writer went away; send it again"))
        while not self._closing.wait(_AGAIN_S):
            try:
                connection = self._connect()
            except LedgerAway:
                continue
            with self._lock:
                self._socket.close()
                self._socket = connection
                return not self._closing.is_set()
        return False


def _settle(kept: "Future[Kept]", draft: Draft, answer: "Future[Told]") -> None:
    try:
        kept.set_result(kept_as_told(draft, answer.result()))
    except Exception as error:  # noqa: BLE001 - whatever it is, it is his who waits
        kept.set_exception(error)
