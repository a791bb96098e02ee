"""How a probe is admitted to a transfer before it begins: its request, the peer's ticket.

    request    ticket-request/v1 by the device's key, over the SHA-256 of the intent line that is already on its disk
    ticket     ticket/v1 by the peer's key: a number nobody can guess (`sid`), until when the transfer may begin, how many
               bytes it may move, and for a download the hash of the seed its bytes will come from

Both are statements in envelopes. Which device may ask is decided by its enrolment (`enrolment`), how often by the peer.
"""

from dataclasses import dataclass

from shared import dsse, statement
from shared.dsse import Envelope
from shared.enrolment import CODE_SYMBOLS
from shared.errors import Malformed
from shared.keys import PublicKey, Signer
from shared.statement import Kind, Statement
from shared.strictjson import JsonObject
from shared.transfer import SUBJECT, Direction, read_direction, sid_sha256

INTENT = "intent"
SID_CHANCE_BYTES = 10
_SID_SYMBOLS = 26
_SYMBOL_BITS = 5
_TIME_BITS = 48


def make_sid(t_us: int, chance: bytes) -> str:
    """A transfer's number, as a ULID: milliseconds since 1970 and 80 bits of chance in Crockford's base32."""
    if len(chance) != SID_CHANCE_BYTES:
        raise ValueError(f"a sid needs {SID_CHANCE_BYTES} bytes of chance")
    number = (t_us // 1000 % (1 << _TIME_BITS)) << 8 * SID_CHANCE_BYTES | int.from_bytes(chance, "big")
    places = range(_SYMBOL_BITS * (_SID_SYMBOLS - 1), -1, -_SYMBOL_BITS)
    return "".join(CODE_SYMBOLS[number >> place & 31] for place in places)


@dataclass(frozen=True, slots=True)
class TicketRequest:
    """What a probe asks for: one transfer of one measurement whose intent it has written down."""

    dev: str
    intent: str  # SHA-256 of the intent line, hex
    direction: Direction
    flows: int
    seq: int
    t_us: int  # by the device's wall clock, which nobody trusts
    seed_sha256: str | None = None  # up: what the probe binds itself to; down: none, the seed is the peer's

    def seal(self, device: Signer) -> bytes:
        """The envelope line, signed by the device."""
        predicate: JsonObject = {
            "dev": self.dev,
            "dir": self.direction.value,
            "flows": self.flows,
            "seq": self.seq,
            "t_us": self.t_us,
        }
        if self.seed_sha256 is not None:
            predicate["seed_sha256"] = self.seed_sha256
        return dsse.seal(Statement(Kind.TICKET_REQUEST, INTENT, self.intent, predicate).encode(), device)


def read_ticket_request(envelope: Envelope, device: PublicKey) -> TicketRequest:
    """What this device asks for; raises WrongSignature, or Malformed for anything but its own request."""
    told = statement.read_statement(envelope.verified_by(device), Kind.TICKET_REQUEST)
    asked = told.predicate
    request = TicketRequest(
        dev=statement.sha256_hex(asked, "dev"),
        intent=told.subject_sha256,
        direction=read_direction(asked),
        flows=statement.integer(asked, "flows", 1),
        seq=statement.integer(asked, "seq"),
        t_us=statement.integer(asked, "t_us"),
        seed_sha256=_seed_sha256(asked, Direction.UP),
    )
    if told.subject_name != INTENT:
        raise Malformed("the subject is not an intent")
    if request.dev != device.key_id:
        raise Malformed("the request names another device than the one that signed")
    return request


@dataclass(frozen=True, slots=True)
class Ticket:
    """One transfer that a peer will serve."""

    sid: str
    dev: str
    intent: str
    direction: Direction
    flows: int
    seq: int
    t_us: int  # when it was given, by the peer's wall clock
    exp_us: int  # until when its flows may begin, by the same clock
    max_bytes: int
    peer: str
    seed_sha256: str | None = None  # down

    def seal(self, peer: Signer) -> bytes:
        """The envelope line, signed by the peer."""
        predicate: JsonObject = {
            "dev": self.dev,
            "dir": self.direction.value,
            "exp_us": self.exp_us,
            "flows": self.flows,
            "intent": self.intent,
            "max_bytes": self.max_bytes,
            "peer": self.peer,
            "seq": self.seq,
            "sid": self.sid,
            "t_us": self.t_us,
        }
        if self.seed_sha256 is not None:
            predicate["seed_sha256"] = self.seed_sha256
        return dsse.seal(Statement(Kind.TICKET, SUBJECT, sid_sha256(self.sid), predicate).encode(), peer)


def read_ticket(envelope: Envelope, peer: PublicKey) -> Ticket:
    """A ticket that `peer` signed; raises WrongSignature or Malformed. Whether it fits a request is for `ticket_for`."""
    told = statement.read_statement(envelope.verified_by(peer), Kind.TICKET)
    said = told.predicate
    ticket = Ticket(
        sid=statement.text(said, "sid"),
        dev=statement.sha256_hex(said, "dev"),
        intent=statement.sha256_hex(said, "intent"),
        direction=read_direction(said),
        flows=statement.integer(said, "flows", 1),
        seq=statement.integer(said, "seq"),
        t_us=statement.integer(said, "t_us"),
        exp_us=statement.integer(said, "exp_us"),
        max_bytes=statement.integer(said, "max_bytes"),
        peer=statement.text(said, "peer"),
        seed_sha256=_seed_sha256(said, Direction.DOWN),
    )
    if told.subject_name != SUBJECT or told.subject_sha256 != sid_sha256(ticket.sid):
        raise Malformed("the subject is not the transfer")
    return ticket


def ticket_for(request: TicketRequest, envelope: Envelope, peer: PublicKey) -> Ticket:
    """The ticket in `envelope`, if `peer` signed it and it answers this very request; raises Malformed."""
    ticket = read_ticket(envelope, peer)
    asked = (request.dev, request.intent, request.direction, request.flows, request.seq)
    if asked != (ticket.dev, ticket.intent, ticket.direction, ticket.flows, ticket.seq):
        raise Malformed("the ticket is for another request")
    return ticket


def _seed_sha256(predicate: JsonObject, needed: Direction) -> str | None:
    """The member `seed_sha256`, which one direction must have and the other must not; raises Malformed."""
    if read_direction(predicate) is needed:
        return statement.sha256_hex(predicate, "seed_sha256")
    if "seed_sha256" in predicate:
        raise Malformed("seed_sha256 in the direction whose seed is the other side's")
    return None
