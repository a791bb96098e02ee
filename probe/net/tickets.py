"""The peer's admission and its counter-signature, as the probe asks for them (FORMAT.md, section "Transfers").

Before a transfer the probe asks for a ticket for the very start it has written down; afterwards it returns what it
received, and is given the peer's signed statement. Neither is needed to measure: where the peer gives no ticket, or does
not answer in time, the transfer runs without one and only the device vouches for it. What is wrong stands in the
record's member `ticket`.
"""

import asyncio
import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from probe.clock import Clock
from probe.measure.outcome import CouldNotRun, Value
from probe.net.address import PeerAddress
from probe.net.connect import Origin
from probe.net.exchange import NAMED_ERRORS, Request, exchange
from probe.net.http import url_of
from shared import strictjson
from shared.dsse import Envelope, b64, b64_exact
from shared.errors import Malformed
from shared.keys import PublicKey, Signer, WrongSignature
from shared.lineage import lineage_of, read_told
from shared.rotation import Whose
from shared.ticket import Ticket, TicketRequest, ticket_for
from shared.transfer import (
    NO_CLAIM,
    Claim,
    Direction,
    co_member,
    envelope_in,
    read_transfer,
    stream_sha256,
)

PATIENCE_S = 5  # for each question; the peer itself waits up to 3 s for the last bytes
ANSWER_LIMIT_BYTES = 1 << 16
CREATED, OK, MISMATCH = 201, 200, 409


class NoTicket(StrEnum):
    """Why a transfer ran without a ticket, or stayed without a counter-signature."""

    SILENT = "silent"  # no answer in time
    REFUSED = "refused"  # the peer gives this device none, now or at all
    NOT_BELIEVED = "not_believed"  # the answer is not what this peer signed for this start
    MISMATCH = "mismatch"  # the peer says it sent something else


class _Without(Exception):
    """There will be no counter-signature."""

    def __init__(self, reason: NoTicket) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Admitted:
    """A transfer that the peer has admitted, or not."""

    ticket: Ticket | None
    reason: NoTicket | None = None
    seed: bytes | None = None  # of an upload
    key: PublicKey | None = None  # the peer's

    @property
    def query(self) -> dict[str, str]:
        """What the flows' handshakes present."""
        return {} if self.ticket is None else {"sid": self.ticket.sid}


@dataclass(frozen=True, slots=True)
class Tickets:
    """What one start of this device needs to ask the peer: who asks, whom, and for what."""

    peer: PeerAddress
    signer: Signer
    enrolment: bytes  # the envelope line that says whose device this is
    intent: bytes  # the line that is on disk
    seq: int
    clock: Clock
    interface: str | None = None  # that the questions are pinned to, as the transfer is
    rotations: tuple[bytes, ...] = ()  # the envelope lines that lead from the enrolled key to the one that signs

    async def ask(self, direction: Direction, flows: int, least_bytes: int, seed: bytes | None = None) -> Admitted:
        """Ask for a ticket; `seed` is what an upload's bytes come from.

        Raises CouldNotRun if the peer would cut the transfer off: its rate would be that of a beginning.
        """
        request = TicketRequest(
            dev=self.signer.public.key_id,
            intent=hashlib.sha256(self.intent).hexdigest(),
            direction=direction,
            flows=flows,
            seq=self.seq,
            t_us=self.clock.wall_us(),
            seed_sha256=None if seed is None else hashlib.sha256(seed).hexdigest(),
        )
        sealed = strictjson.decode(request.seal(self.signer))
        fields: strictjson.JsonObject = {"enrolment": strictjson.decode(self.enrolment), "request": sealed}
        if self.rotations:
            fields["rotations"] = [strictjson.decode(line) for line in self.rotations]
        body = strictjson.encode(fields)
        try:
            status, answer = await self._post("v1/tickets", body)
            if status != CREATED:
                raise _Without(NoTicket.REFUSED)
            key = await self._peer_key()
            ticket = ticket_for(request, envelope_in(answer, "ticket"), key)
        except (Malformed, WrongSignature):
            return Admitted(None, NoTicket.NOT_BELIEVED)
        except _Without as without:
            return Admitted(None, without.reason)
        if ticket.max_bytes < least_bytes:
            raise CouldNotRun(f"the peer lets this device move only {ticket.max_bytes} bytes for now")
        return Admitted(ticket, seed=seed, key=key)

    async def finish(self, admitted: Admitted, flow_bytes: Sequence[int], digests: Sequence[bytes]) -> dict[str, Value]:
        """Return what was received, and give the record's members about the peer's word."""
        if admitted.ticket is None or admitted.key is None:
            return {} if admitted.reason is None else {"ticket": admitted.reason.value}
        sid = admitted.ticket.sid
        members: dict[str, Value] = {"sid": sid}
        if admitted.seed is not None:
            members["seed"] = b64(admitted.seed)
        claim = Claim(tuple(flow_bytes), stream_sha256(digests)).encode() if digests else NO_CLAIM
        try:
            status, answer = await self._patiently(f"v1/transfers/{sid}", claim)
            if status not in {OK, MISMATCH}:
                raise _Without(NoTicket.REFUSED)
            envelope = envelope_in(answer, "transfer")
            if read_transfer(envelope, admitted.key).sid != sid:
                raise _Without(NoTicket.NOT_BELIEVED)
        except (Malformed, WrongSignature):
            return members | {"ticket": NoTicket.NOT_BELIEVED.value}
        except _Without as without:
            return members | {"ticket": without.reason.value}
        return members | _co(envelope) | ({"ticket": NoTicket.MISMATCH.value} if status == MISMATCH else {})

    async def _peer_key(self) -> PublicKey:
        """The peer's key: the one that enrolment named, or one that follows it. Raises _Without or Malformed."""
        _status, answer = await self._ask("GET", "v1/peer", b"")
        try:
            told = json.loads(answer)
        except (ValueError, RecursionError) as error:
            raise Malformed("the peer's introduction is not JSON") from error
        if not isinstance(told, dict) or self.peer.key_id is None:
            raise Malformed("the peer does not introduce itself")
        key = PublicKey.from_spki(b64_exact(told.get("spki")))
        if key.key_id != self.peer.key_id:
            lineage_of(key, read_told(told.get("history")), Whose.PEER).of(self.peer.key_id)
        return key

    async def _patiently(self, path: str, body: bytes) -> tuple[int, bytes]:
        """Ask twice if need be: the peer keeps its word, and it is the same whenever it is asked for."""
        try:
            return await self._post(path, body)
        except _Without:
            return await self._post(path, body)

    async def _post(self, path: str, body: bytes) -> tuple[int, bytes]:
        return await self._ask("POST", path, body)

    async def _ask(self, verb: str, path: str, body: bytes) -> tuple[int, bytes]:
        """One question; raises _Without if there is no answer."""
        origin = Origin.at(url_of(self.peer, path), self.peer.tls_ca, self.interface)
        request = Request(verb, origin.url.target, body=body)
        try:
            async with asyncio.timeout(PATIENCE_S), exchange(origin, request, lambda _stage: None) as answer:
                data = await answer.body(ANSWER_LIMIT_BYTES)
        except (*NAMED_ERRORS, CouldNotRun) as error:  # the end of patience is an OSError too
            raise _Without(NoTicket.SILENT) from error
        if len(data) > ANSWER_LIMIT_BYTES:
            raise _Without(NoTicket.NOT_BELIEVED)
        return answer.status, data


def _co(envelope: Envelope) -> dict[str, Value]:
    return {"co": {name: str(value) for name, value in co_member(envelope).items()}}
