"""Tickets and counter-signatures over HTTP: admit before, sign after (FORMAT.md, section "Transfers").

`POST /v1/tickets` answers 201 with a ticket, `POST /v1/transfers/<sid>` 200 with what the peer says of the transfer. The
rules are in `admission` and `sessions`; here are the key, the clock, the worker thread and the file. A statement is made
once and never changes: whoever asks again gets the same bytes. It is on disk before anybody sees it.
"""

import asyncio
import logging
import random
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Final

from aiohttp import web

from collector.clock import Clock
from collector.peer.admission import MAX_BODY_BYTES, Limits, admitted
from collector.peer.errors import BadRequest, NoTicket, StatementsFull, StreamMismatch, TooLarge
from collector.peer.sessions import CHANCE_BYTES, Session, Sessions
from collector.peer.statements import StatementFile
from collector.peer.stream import prove
from shared import strictjson
from shared.errors import Malformed
from shared.keys import PublicKey, Signer
from shared.transfer import Claim, read_claim

PATIENCE_S: Final = 15
_CHECK_S: Final = 0.02
_MOST_CHECKS: Final = 150
_EXPIRY_S: Final = 1
_LOG: Final = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class CounterSigning:
    """What a peer needs to admit probes and to sign what it counted."""

    signer: Signer
    portals: tuple[PublicKey, ...]
    statements: StatementFile
    limits: Limits = field(default_factory=Limits)
    collector: str | None = None  # the address of the one that gets every statement from here too


class Tickets:
    """The two endpoints, and the end of transfers that nobody asked about."""

    def __init__(
        self, peer: str, setup: CounterSigning, sessions: Sessions, clock: Clock, chance: random.Random
    ) -> None:
        """Sign in the name of `peer`; `chance` makes numbers and seeds, so it must be one that nobody can guess."""
        self._peer = peer
        self._signer = setup.signer
        self._portals = {portal.key_id: portal for portal in setup.portals}
        self._statements = setup.statements
        self._sessions = sessions
        self._clock = clock
        self._chance = chance
        self._one_at_a_time = asyncio.Lock()  # computing a stream anew must leave the machine to the measurements

    def routes(self) -> list[web.RouteDef]:
        """The paths served here."""
        return [web.post("/v1/tickets", self._admit), web.post("/v1/transfers/{sid}", self._finish)]

    async def _admit(self, request: web.Request) -> web.StreamResponse:
        asked = admitted(await _body(request), self._portals)
        if self._statements.waiting:  # for a disk; no more transfers, then, that will need one
            async with self._one_at_a_time:
                await self._keep()
        session = self._sessions.admit(
            asked, self._clock.mono_us(), self._clock.wall_us(), self._chance.randbytes(CHANCE_BYTES)
        )
        session.ticket_line = session.ticket_line or session.ticket.seal(self._signer)
        return _answer(201, "ticket", session.ticket_line)

    async def _finish(self, request: web.Request) -> web.StreamResponse:
        try:
            claim = read_claim(await _body(request))
        except Malformed as error:
            raise BadRequest(str(error)) from error
        session = self._sessions.find(request.match_info["sid"])
        if not session.begun:
            raise NoTicket("no flow of this transfer was opened")
        for _ in range(_MOST_CHECKS):  # a client's goodbye may come later than its next request
            if not session.running:
                break
            await asyncio.sleep(_CHECK_S)
        line = await self._signed(session, claim)
        if session.mismatch:
            raise StreamMismatch("this is not what was sent", transfer=strictjson.decode(line))
        return _answer(200, "transfer", line)

    async def _signed(self, session: Session, claim: Claim | None) -> bytes:
        """The statement on a transfer, made now if there is none; returns once it is on disk. Raises StatementsFull."""
        async with self._one_at_a_time:
            if not session.statement_line:
                session.freeze(self._clock.mono_us())
                proved: Claim | None = None
                if claim is not None and session.seed is not None:
                    proved = await asyncio.to_thread(prove, claim, session.seed, session.moved_bytes)
                    session.mismatch = proved is None
                now_us = self._clock.mono_us()
                told = session.statement(proved, self._peer, now_us, self._clock.wall_us())
                session.sign(told.seal(self._signer), now_us)
                self._statements.add(session.statement_line)
            await self._keep()
        return session.statement_line

    async def _keep(self) -> None:
        """Put what was signed on disk. Raises StatementsFull, and then it still waits in memory."""
        if self._statements.waiting:
            try:
                await asyncio.to_thread(self._statements.flush)
            except OSError as error:
                raise StatementsFull(f"the statement is not on disk yet: {error.strerror}") from error

    async def running(self, _app: web.Application) -> AsyncIterator[None]:
        """Sign what nobody asks about while the peer runs, and what is left when it stops."""
        task = asyncio.create_task(self._expire())
        yield
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
        with suppress(StatementsFull):
            await self._sign_all(self._sessions.unsigned())
        for line in self._statements.close():
            _LOG.error("a statement that is not on disk: %s", line.decode())

    async def _expire(self) -> None:
        while True:
            await asyncio.sleep(_EXPIRY_S)
            try:
                await self._sign_all(self._sessions.expire(self._clock.mono_us()))
            except StatementsFull:
                continue
            except Exception:  # noqa: BLE001  (without this task nothing is signed unasked)
                _LOG.exception("transfers that ended could not be looked at")

    async def _sign_all(self, sessions: list[Session]) -> None:
        for session in sessions:
            with suppress(StatementsFull):
                await self._signed(session, None)
        async with self._one_at_a_time:
            await self._keep()


def _answer(status: int, member: str, line: bytes) -> web.Response:
    body = strictjson.encode({member: strictjson.decode(line)})
    return web.Response(body=body, status=status, content_type="application/json")


async def _body(request: web.Request) -> bytes:
    """The body of a small request. Raises TooLarge, or BadRequest for one that is not in form or does not end."""
    body = b""
    try:
        async with asyncio.timeout(PATIENCE_S):
            while piece := await request.content.readany():
                body += piece
                if len(body) > MAX_BODY_BYTES:
                    raise TooLarge(f"at most {MAX_BODY_BYTES} bytes")
    except (TimeoutError, web.RequestPayloadError) as error:
        raise BadRequest("the body is not in form, or does not end") from error
    return body
