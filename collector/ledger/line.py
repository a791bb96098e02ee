"""Writing the ledger through the process that has it open, for one event loop."""

import asyncio
import itertools
import socket
from collections.abc import Callable
from typing import cast

from collector.errors import LedgerAway
from collector.ledger import wire
from collector.ledger.frame import Draft, sheet_of
from collector.ledger.port import Kept
from collector.ledger.wire import Ask, Key, KeyOf, No, Put, Told
from collector.ledger.writer import kept_of
from shared.keys import PublicKey


def kept_as_told(draft: Draft, told: Told) -> Kept:
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
    """A line to the writer, for the event loop it is opened in."""

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
        return kept_as_told(draft, await self._ask(lambda number: Put.of(number, sheet)))

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
