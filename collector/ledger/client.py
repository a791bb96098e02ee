"""Writing the ledger through the process that has it open: for a process with threads, and for an event loop.

Both keep the promises of `LedgerPort`. If the other process goes away, whoever waits for it is told that nothing is known
of what he handed over (LedgerAway): it may be on disk and may not, so it is sent again, and a batch that was written is then
a repeat. Both connect again by themselves.
"""

import asyncio
import contextlib
import itertools
import logging
import socket
import threading
from collections.abc import Callable
from concurrent.futures import Future
from pathlib import Path
from typing import Final, TypeVar, cast

from collector.errors import LedgerAway
from collector.ledger import wire
from collector.ledger.frame import Draft, Entry, sheet_of
from collector.ledger.port import Kept, entry_of
from collector.ledger.segments import read_at
from collector.ledger.wire import Ask, Follow, Key, KeyOf, Newest, No, Number, Others, Places, Put, Told
from collector.ledger.writer import kept_of
from shared.keys import PublicKey

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
        self._last_no = 0
        self._closing = threading.Event()
        self._socket = self._connect()
        self._thread = threading.Thread(target=self._run, name="ledger answers", daemon=True)
        self._thread.start()
        self._last_no = self.newest_no()

    @property
    def last_no(self) -> int:
        """The newest entry on disk that is known here."""
        return self._last_no

    def newest_no(self) -> int:
        """The newest entry on disk, asked for now."""
        told = self._ask(Newest)
        return told.no if isinstance(told, Number) else self._last_no

    def others(self) -> list[tuple[str, int]]:
        """Where every entry that is no batch stands, in order."""
        told = self._ask(Others)
        return told.places if isinstance(told, Places) else []

    def keep(self, draft: Draft) -> Entry:
        """Append an entry that no chain has a say in, and wait for it.

        If the other process goes away meanwhile, its successor is asked whether the entry is there, and gets it if not:
        whoever tried again by himself might have it twice.
        """
        before_no, future = self._last_no, self.append(draft)
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
                self._last_no = max(self._last_no, told.no)
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
        kept.set_result(_kept(draft, answer.result()))
    except Exception as error:  # noqa: BLE001 - whatever it is, it is his who waits
        kept.set_exception(error)


def _kept(draft: Draft, told: Told) -> Kept:
    """What came of a draft; raises what it was refused with."""
    if not isinstance(told, wire.Written | wire.Before | No):
        raise LedgerAway(f"the ledger's writer answered something else: {told}")
    outcome = wire.outcome_of(told)
    if isinstance(outcome, Exception):
        raise outcome
    return kept_of(draft, outcome)


def _connected(address: str) -> socket.socket:
    """A connection, which in one machine is there at once or not at all; raises LedgerAway."""
    connection = socket.socket(socket.AF_UNIX)
    try:
        connection.settimeout(0)
        connection.connect(address)
    except OSError as error:
        connection.close()
        raise LedgerAway(f"the ledger's writer is not there: {error}") from error
    return connection


class LedgerLine(asyncio.Protocol):
    """The same for one event loop, which must be the one it is opened in."""

    def __init__(self, address: str) -> None:
        """Talk to the writer at this address; connects when first asked."""
        self._address = address
        self._numbers = itertools.count(1)
        self._waiting: dict[int, asyncio.Future[Told]] = {}
        self._transport: asyncio.WriteTransport | None = None
        self._opening: asyncio.Lock = asyncio.Lock()
        self._buffer = bytearray()
        self._unsent: list[bytes] = []

    async def append(self, draft: Draft) -> Kept:
        """Hand over an entry, and wait for what comes of it."""
        sheet = sheet_of(draft)
        return _kept(draft, await self._ask(lambda number: Put.of(number, sheet)))

    async def key_of(self, dev: str) -> PublicKey:
        """A device's key; raises UnknownKey or FrozenKey."""
        told = await self._ask(lambda number: KeyOf(number, dev))
        match told:
            case Key(spki=spki):
                return PublicKey.from_spki(spki)
            case No():
                raise wire.refusal_of(told)
        raise LedgerAway(f"the ledger's writer answered something else: {told}")

    def close(self) -> None:
        """Hang up."""
        if self._transport is not None:
            self._transport.abort()

    async def _ask(self, question: Callable[[int], Ask]) -> Told:
        if self._transport is None:
            await self._open()
        loop, number = asyncio.get_running_loop(), next(self._numbers)
        future: asyncio.Future[Told] = loop.create_future()
        self._waiting[number] = future
        if not self._unsent:
            loop.call_soon(self._send)  # together with what others ask in this turn of the loop
        self._unsent.append(wire.spell(question(number)))
        try:
            return await future
        finally:
            self._waiting.pop(number, None)

    def _send(self) -> None:
        unsent, self._unsent = self._unsent, []
        if self._transport is not None:  # or whoever asked is told by `connection_lost`
            self._transport.write(b"".join(unsent))

    async def _open(self) -> None:
        async with self._opening:
            if self._transport is None:
                connection = _connected(self._address)  # by hand: uvloop cancels whoever is refused
                await asyncio.get_running_loop().create_unix_connection(lambda: self, sock=connection)
            if self._transport is None:
                raise LedgerAway("the ledger's writer went away; send it again")

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Note that it is there."""
        self._transport = cast("asyncio.WriteTransport", transport)  # uvloop's is none by descent
        self._buffer.clear()

    def data_received(self, data: bytes) -> None:
        """Tell those whose answers have come."""
        self._buffer += data
        for told in wire.tolds(self._buffer):
            future = self._waiting.get(told.id)
            if future is not None and not future.done():
                future.set_result(told)

    def connection_lost(self, exc: Exception | None) -> None:
        """Tell all who wait."""
        self._transport = None
        for future in self._waiting.values():
            if not future.done():
                future.set_exception(LedgerAway(f"the ledger's writer went away ({exc or 'it ended'}); send it again"))
