"""The process that writes the ledger for others: one thread, no queue of its own.

It reads what came on all its sockets, writes that as one group, fsyncs once, and answers. While it does, the next group
gathers in the sockets: the busier it is, the larger its groups. Those who asked to follow hear of a group before anybody
else is told of it, so that whoever was acknowledged something can ask them and find it.

    python -m collector.ledger.clerk --ledger DIR --listener FD …     ends when stdin does
"""

import argparse
import contextlib
import json
import os
import select
import selectors
import signal
import socket
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from collector import logs
from collector.catalog.sharing import shared_of
from collector.clock import Clock, SystemClock
from collector.errors import AlreadyRunning, CollectorError
from collector.ledger import wire
from collector.ledger.book import Book
from collector.ledger.shared_book import open_book
from collector.ledger.wire import Ask, Follow, Key, KeyOf, Newest, No, Number, Others, Places, Put, Told
from collector.ledger.writer import SETTLE_S
from collector.log.key import log_key
from collector.metrics import Metrics
from shared.errors import Refused

_READ_BYTES: Final = 1 << 20
_HANDING_OVER_US: Final = 5_000_000
MOST_UNSENT_BYTES: Final = 64 * 1024 * 1024  # to one that does not read its answers: it is hung up on


@dataclass(slots=True)
class _Caller:
    socket: socket.socket
    received: bytearray = field(default_factory=bytearray)
    unsent: bytearray = field(default_factory=bytearray)
    follows: bool = False


class Clerk:
    """Serves one book on one listening socket."""

    def __init__(self, book: Book, listener: socket.socket) -> None:
        """Serve; nothing happens before `turn`."""
        self._book = book
        self._callers: dict[socket.socket, _Caller] = {}
        self._buffer = memoryview(bytearray(_READ_BYTES))
        self._selector = selectors.DefaultSelector()
        listener.settimeout(0)
        self._listener = listener
        self._selector.register(listener, selectors.EVENT_READ)

    def watch(self, file: int) -> None:
        """End when this can be read."""
        self._selector.register(file, selectors.EVENT_READ)

    def turn(self, timeout_s: float | None = None) -> bool:
        """Wait for something, do all of it; False if it is time to end."""
        going, puts = True, list[tuple[_Caller, Put]]()
        if timeout_s is None and self._book.is_in_doubt:
            timeout_s = SETTLE_S
        for key, mask in self._selector.select(timeout_s):
            if key.fileobj is self._listener:
                self._accept()
            elif not isinstance(key.fileobj, socket.socket):
                going = False
            elif (caller := self._callers.get(key.fileobj)) is not None:
                if mask & selectors.EVENT_WRITE:
                    self._send(caller)
                if mask & selectors.EVENT_READ:
                    puts += self._read(caller)
        if puts or self._book.is_in_doubt:
            self._write(puts)
        return going

    def close(self) -> None:
        """Hang up."""
        for caller in list(self._callers.values()):
            self._hang_up(caller)
        self._selector.close()

    def _accept(self) -> None:
        with contextlib.suppress(BlockingIOError, ConnectionError):
            connection, _ = self._listener.accept()
            connection.settimeout(0)
            self._callers[connection] = _Caller(connection)
            self._selector.register(connection, selectors.EVENT_READ)

    def _read(self, caller: _Caller) -> list[tuple[_Caller, Put]]:
        """What a caller asks to be written; all else is answered at once."""
        try:
            size = caller.socket.recv_into(self._buffer)
            caller.received += self._buffer[:size]
            asked = wire.asks(caller.received)
        except BlockingIOError:
            return []
        except (OSError, ValueError):  # msgspec's errors are ValueErrors: a stranger, or a caller of another version
            size, asked = 0, []
        puts: list[tuple[_Caller, Put]] = []
        for one in asked:
            if isinstance(one, Put):
                puts.append((caller, one))
            else:
                self._tell(caller, self._answer(caller, one))
        if not size:
            self._hang_up(caller)
        return puts

    def _answer(self, caller: _Caller, asked: Ask) -> Told:
        match asked:
            case KeyOf(number, dev):
                return self._key(number, dev)
            case Others(number):
                return Places(number, self._book.chains.others)
            case Follow(number):
                caller.follows = True
                return Number(number, self._book.last_no, self._book.note)
            case Newest(number):
                return Number(number, self._book.last_no, self._book.note)
            case Put(number):
                return No(number, "", 0, "not here", None)

    def _key(self, number: int, dev: str) -> Told:
        try:
            return Key(number, self._book.key_of(dev))
        except (Refused, CollectorError) as refusal:
            return wire.no_of(number, refusal)

    def _write(self, puts: list[tuple[_Caller, Put]]) -> None:
        before = self._book.last_no
        outcomes = self._book.commit([put.sheet for _, put in puts])
        if self._book.last_no != before:
            for caller in list(self._callers.values()):
                if caller.follows:
                    self._tell(caller, Number(0, self._book.last_no, self._book.note))
        told: dict[int, tuple[_Caller, bytearray]] = {}
        for (caller, put), outcome in zip(puts, outcomes, strict=True):
            _, data = told.setdefault(id(caller), (caller, bytearray()))
            data += wire.spell(wire.told_of(put.id, outcome))
        for caller, data in told.values():
            caller.unsent += data
            self._send(caller)

    def _tell(self, caller: _Caller, told: Told) -> None:
        caller.unsent += wire.spell(told)
        self._send(caller)

    def _send(self, caller: _Caller) -> None:
        """Send what can be sent now; the rest when there is room again."""
        if caller.socket not in self._callers:
            return
        try:
            while caller.unsent:
                del caller.unsent[: caller.socket.send(caller.unsent)]
        except BlockingIOError:
            pass
        except OSError:
            self._hang_up(caller)
            return
        if len(caller.unsent) > MOST_UNSENT_BYTES:
            self._hang_up(caller)
            return
        waits = selectors.EVENT_WRITE if caller.unsent else 0
        self._selector.modify(caller.socket, selectors.EVENT_READ | waits)

    def _hang_up(self, caller: _Caller) -> None:
        if self._callers.pop(caller.socket, None) is not None:
            self._selector.unregister(caller.socket)
            caller.socket.close()


def _opened(folder: Path, clock: Clock, segment_bytes: int, reserve_bytes: int) -> Book:
    """The book; one whose last writer is just ending is waited for."""
    until_us, measured = clock.mono_us() + _HANDING_OVER_US, Metrics().measured
    while True:
        try:
            return open_book(
                folder,
                clock,
                shared_of(os.environ, clock),
                segment_bytes,
                reserve_bytes=reserve_bytes,
                measured=measured,
                log_key=log_key(folder.parent / "keys"),
            )
        except AlreadyRunning:
            if clock.mono_us() > until_us:
                raise
            select.select([], [], [], 0.05)


def main() -> int:
    """Serve until stdin ends: whoever started this ends it, once nobody has anything more to write."""
    parser = argparse.ArgumentParser(description="Writes a collector's ledger; started by `speedproof-collector up`.")
    parser.add_argument("--ledger", type=Path, required=True, help="the ledger's folder")
    parser.add_argument("--listener", type=int, required=True, help="descriptor of a socket that listens")
    parser.add_argument("--segment-mb", type=int, required=True, help="length at which a segment is sealed")
    parser.add_argument("--reserve-mb", type=int, required=True, help="room on the disk that batches may not take")
    parser.add_argument("--log-format", choices=logs.FORMATS, default="text")
    parser.add_argument("--log-level", choices=logs.LEVELS, default="warning")
    options = parser.parse_args()
    logs.begin(options.log_format, options.log_level)
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    mb = 1_000_000
    try:
        book = _opened(options.ledger, SystemClock(), options.segment_mb * mb, options.reserve_mb * mb)
    except CollectorError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    with contextlib.closing(book), socket.socket(fileno=options.listener) as door:
        clerk = Clerk(book, door)
        clerk.watch(sys.stdin.fileno())
        sys.stdout.write(json.dumps({"last_no": book.last_no, "torn_bytes": book.torn_bytes}) + "\n")
        sys.stdout.flush()
        with contextlib.closing(clerk):
            while clerk.turn():
                pass
    return 0


if __name__ == "__main__":
    sys.exit(main())
