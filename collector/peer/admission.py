"""Who may have a transfer, and how much of it. Pure: keys, bytes and time are arguments.

A probe shows its enrolment, signed by a portal this peer was told to trust, and a request signed by the key in it. Not
checked here: whether the device was revoked since (the peer hears of no revocation; the collector refuses such records)
and the device's clock (nobody trusts it). A request taken from the wire and sent again gets no second ticket: the same
bytes get the same ticket, and a sequence number below the highest one seen gets none. The peer keeps all this in
memory, for as long as it runs and a day after it last heard of the device.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from collector.peer.errors import BadRequest, NotAdmitted, OverLimit
from shared import dsse, strictjson
from shared.enrolment import read_enrolment
from shared.errors import Malformed
from shared.keys import PublicKey, WrongSignature
from shared.lineage import follow
from shared.rotation import Whose
from shared.ticket import TicketRequest, read_ticket_request

MAX_BODY_BYTES: Final = 64 * 1024
MOST_ROTATIONS: Final = 32
HOUR_US: Final = 3_600_000_000
DAY_US: Final = 24 * HOUR_US


@dataclass(frozen=True, slots=True)
class Limits:
    """What one device may take, and what the peer keeps. All of it is ours."""

    tickets_per_hour: int = 120  # a test of both directions each minute
    bytes_per_day: int = 8_000_000_000  # 96 slots with two transfers of 40 MB each
    transfer_bytes: int = 500_000_000  # 10 s at 400 Mbit/s
    flows: int = 8
    start_us: int = 60_000_000  # a ticket's flows begin within this time
    linger_us: int = 10_000_000  # the probe's time to return count and hash after the last flow has ended
    keep_us: int = 600_000_000  # a statement whose answer was lost can be fetched again
    sessions: int = 4096


@dataclass(frozen=True, slots=True)
class Admitted:
    """A request by an enrolled device; `request_id` is the identity of what it signed, `device` the id of its first key."""

    request: TicketRequest
    request_id: str
    device: str


def admitted(body: bytes, portals: Mapping[str, PublicKey]) -> Admitted:
    """The request in the body of `POST /v1/tickets`, `portals` being the trusted keys by id.

    1. the body is {"enrolment", "request"}, both envelopes in form        BadRequest
    2. the enrolment names a trusted portal, whose signature fits          NotAdmitted
    3. the request is signed by the device's key and names that key        NotAdmitted

    Where another key took the enrolled one's place, "rotations" has the envelopes that lead to it.
    """
    try:
        fields = strictjson.decode(body)
        enrolment, asked = _envelope_line(fields.get("enrolment")), _envelope_line(fields.get("request"))
        portal = portals.get(dsse.read_envelope(enrolment).key_id)
        if portal is None:
            raise NotAdmitted("the enrolment is by a portal that this peer does not know")
        device = read_enrolment(enrolment, portal).key
        envelope = dsse.read_envelope(asked)
        key = follow(device, _rotations(fields.get("rotations", [])), Whose.DEVICE).newest
        return Admitted(read_ticket_request(envelope, key), envelope.pae_sha256, device.key_id)
    except WrongSignature as error:
        raise NotAdmitted(str(error)) from error
    except Malformed as error:
        raise BadRequest(str(error)) from error


def _rotations(member: object) -> list[bytes]:
    if not isinstance(member, list) or len(member) > MOST_ROTATIONS:
        raise Malformed(f"rotations are at most {MOST_ROTATIONS} envelopes")
    return [_envelope_line(one) for one in member]


def _envelope_line(member: object) -> bytes:
    if not isinstance(member, dict):
        raise Malformed("not an enrolment and a request")
    return strictjson.encode(member)


@dataclass(slots=True)
class Window:
    """So much in each hour or day, counted from the peer's start."""

    length_us: int
    limit: int
    _number: int = -1
    _used: int = 0

    def left(self, now_us: int) -> int:
        """What the running window still has."""
        self._turn(now_us)
        return max(self.limit - self._used, 0)

    def spend(self, amount: int, now_us: int) -> None:
        """Count `amount`, even beyond the limit: it has happened."""
        self._turn(now_us)
        self._used += amount

    def require(self, what: str, now_us: int) -> int:
        """What is left, if anything is. Raises OverLimit with the time to the next window."""
        left = self.left(now_us)
        if left == 0:
            wait_us = self.length_us - now_us % self.length_us
            raise OverLimit(f"no more {what} for this device", wait_us // 1_000_000 + 1)
        return left

    def _turn(self, now_us: int) -> None:
        if now_us // self.length_us != self._number:
            self._number, self._used = now_us // self.length_us, 0


@dataclass(slots=True)
class Device:
    """What one device has had."""

    limits: Limits
    seen_us: int = 0
    tickets: Window = field(init=False)
    moved: Window = field(init=False)
    _seq: int = 0
    _asked: set[str] = field(default_factory=set)  # the requests for `_seq` that got a ticket

    def __post_init__(self) -> None:
        """Begin with nothing used."""
        self.tickets = Window(HOUR_US, self.limits.tickets_per_hour)
        self.moved = Window(DAY_US, self.limits.bytes_per_day)

    def allowed_bytes(self, asked: Admitted, now_us: int) -> int:
        """What the transfer asked for may move. Raises NotAdmitted for a replay, or OverLimit."""
        if asked.request.seq < self._seq or asked.request_id in self._asked:
            raise NotAdmitted("this request, or one for a later measurement, has had its ticket")
        self.tickets.require("tickets this hour", now_us)
        return min(self.moved.require("bytes today", now_us), self.limits.transfer_bytes)

    def took_ticket(self, asked: Admitted, now_us: int) -> None:
        """One ticket was given."""
        if asked.request.seq > self._seq:
            self._seq, self._asked = asked.request.seq, set()
        self._asked.add(asked.request_id)
        self.seen_us = now_us
        self.tickets.spend(1, now_us)
