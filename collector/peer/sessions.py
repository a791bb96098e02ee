"""The transfers that tickets admit, from the ticket to what the peer can say of them. Pure: no socket, no clock, no key.

A `Session` is one transfer of one device. What is said of it rests on this peer's counts and its kernel's, and on the
probe's claim only as far as the claim was proved. Anonymous transfers have an account and no session: nothing is ever
signed of them. All of it is in memory and bounded; with a restart tickets and unfinished transfers are forgotten.
"""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from collector.peer.admission import DAY_US, Admitted, Device, Limits
from collector.peer.errors import BadRequest, Busy, NoTicket, OverLimit
from collector.peer.flows import FlowAccount
from collector.peer.stream import Allowance, Metered, Nothing, Stream
from shared.ticket import SID_CHANCE_BYTES, Ticket, make_sid
from shared.transfer import (
    SEED_BYTES,
    Claim,
    Direction,
    KeyStream,
    TransferStatement,
    stream_sha256,
)

CHANCE_BYTES: Final = SEED_BYTES + SID_CHANCE_BYTES
_SYN_BYTES: Final = 1  # the kernel counts the SYN among the acknowledged bytes
_SOON_S: Final = 5
_NO_BYTES: Final = hashlib.sha256().digest()
_UNFINISHED: Final = "unfinished"  # the end of a flow that was open when the statement was made


@dataclass(slots=True)
class Session:
    """One transfer, over as many connections as its ticket has flows."""

    ticket: Ticket
    request_id: str
    device: Device
    expires_us: int
    allowance: Allowance
    seed: bytes | None = field(repr=False)  # down: the bytes come from it
    seed_sha256: str | None  # up: what the probe bound itself to
    ticket_line: bytes = b""
    statement_line: bytes = b""  # once there is one, it is the only one
    mismatch: bool = False
    signed_us: int = 0
    _flows: dict[int, FlowAccount] = field(default_factory=dict)
    _frozen: bool = False
    _charged_bytes: int = 0

    @property
    def begun(self) -> bool:
        """Whether any flow was opened."""
        return bool(self._flows)

    @property
    def running(self) -> bool:
        """Whether any flow is open."""
        return any(flow.end is None for flow in self._flows.values())

    @property
    def moved_bytes(self) -> tuple[int, ...]:
        """What moved on each flow, 0 for one that was never opened."""
        return tuple(self._flows[k].moved_bytes if k in self._flows else 0 for k in range(self.ticket.flows))

    def open_flow(self, flow: int, direction: Direction, now_us: int) -> FlowAccount:
        """Begin flow number `flow`. Raises NoTicket unless it is its first time, in time, in the right direction."""
        if direction is not self.ticket.direction:
            raise NoTicket("the ticket is for the other direction")
        if not 0 <= flow < self.ticket.flows or flow in self._flows:
            raise NoTicket(f"flow {flow} is none of this ticket's, or was opened before")
        if now_us >= self.expires_us or self._frozen:
            raise NoTicket("the time to begin is over")
        source: Stream = Nothing() if self.seed is None else KeyStream(self.seed, flow)
        self._flows[flow] = FlowAccount(
            direction, Metered(source, self.allowance), began_us=now_us, grew_us=now_us, hashing=True
        )
        return self._flows[flow]

    @property
    def unsigned(self) -> bool:
        """Whether there is something to be said that nobody has said yet."""
        return self.begun and not self.statement_line

    def waits_until_us(self, limits: Limits) -> int:
        """Until when this waits for what comes next: a first flow, the probe's claim, a second question."""
        if self.statement_line:
            return self.signed_us + limits.keep_us
        if not self.begun:
            return self.expires_us
        if self.running:
            return self.expires_us + limits.keep_us  # by then whoever serves it has long ended it
        return max(flow.ended_us for flow in self._flows.values()) + limits.linger_us

    def charge(self, now_us: int) -> None:
        """Count what moved since the last time against the device's day."""
        moved_bytes = sum(self.moved_bytes)
        self.device.moved.spend(moved_bytes - self._charged_bytes, now_us)
        self._charged_bytes = moved_bytes

    def freeze(self, now_us: int) -> None:
        """Let nothing more begin or move: from here on the transfer can be judged, and its seed shown."""
        self.charge(now_us)
        self._frozen = True
        self.allowance.left_bytes = 0

    def sign(self, line: bytes, now_us: int) -> None:
        """The signed statement: there is never another."""
        self.statement_line, self.signed_us = line, now_us

    def statement(self, proved: Claim | None, peer: str, now_us: int, wall_us: int) -> TransferStatement:
        """What there is to say of a frozen transfer; `proved` is the probe's claim if it had to be true."""
        flows = [self._flows[k] for k in sorted(self._flows)]
        down = self.ticket.direction is Direction.DOWN
        acked = self._sum("BytesAcked")
        limited, busy = self._sum("RWndLimited"), self._sum("BusyTime")
        rtts = [rtt for flow in flows if (rtt := flow.told("MinRTT")) is not None]
        stream = proved if down else self._heard()
        return TransferStatement(
            sid=self.ticket.sid,
            dev=self.ticket.dev,
            direction=self.ticket.direction,
            peer=peer,
            t_us=wall_us - (now_us - max(now_us if flow.end is None else flow.ended_us for flow in flows)),
            dur_us=max(flow.grew_us for flow in flows) - min(flow.began_us for flow in flows),
            acked_bytes=None if acked is None or not down else max(acked - _SYN_BYTES * len(flows), 0),
            received_bytes=None if down else sum(self.moved_bytes),
            probe_bytes=sum(proved.flow_bytes) if proved else None,
            stream_sha256=stream.stream_sha256 if stream else None,
            flow_bytes=stream.flow_bytes if stream else None,
            seed=self.seed if proved else None,
            seed_sha256=self.seed_sha256,
            min_rtt_us=min(rtts, default=None),
            retransmitted_bytes=self._sum("BytesRetrans"),
            rwnd_limited_pm=None if limited is None or busy is None else min(1000 * limited // max(busy, 1), 1000),
            flows=self.ticket.flows,
            seq=self.ticket.seq,
            intent=self.ticket.intent,
            cc=",".join(dict.fromkeys(flow.cc for flow in flows if flow.cc)) or None,
            client=",".join(flow.client for flow in flows if flow.client) or None,
            end=",".join(dict.fromkeys(flow.end.value if flow.end else _UNFINISHED for flow in flows)),
        )

    def _heard(self) -> Claim:
        """What was received in an upload."""
        digests = [self._flows[k].digest if k in self._flows else _NO_BYTES for k in range(self.ticket.flows)]
        return Claim(self.moved_bytes, stream_sha256(digests))

    def _sum(self, name: str) -> int | None:
        """The sum of what the kernel said of all flows, `None` if it did not tell of one."""
        told = [flow.told(name) for flow in self._flows.values()]
        return None if None in told else sum(value or 0 for value in told)


class Sessions:
    """Every transfer that a ticket admits, and what each device has had."""

    def __init__(self, peer: str, limits: Limits, anonymous: Callable[[], Stream] | None) -> None:
        """`peer` is the peer's name in tickets; `anonymous` gives the load of whoever has no ticket, `None`: nobody may."""
        self._peer = peer
        self._limits = limits
        self._anonymous = anonymous
        self._sessions: dict[str, Session] = {}
        self._by_request: dict[str, Session] = {}
        self._devices: dict[str, Device] = {}

    def admit(self, asked: Admitted, now_us: int, wall_us: int, chance: bytes) -> Session:
        """A transfer for who asked; the same one for the same request. `chance`: `CHANCE_BYTES` that nobody can guess.

        A ticket that was not used yet is given up for the new one. Raises BadRequest for too many flows, NotAdmitted for a
        replay, OverLimit for too much or while another transfer of the device is running, Busy when there is no room.
        """
        if asked.request_id in self._by_request:
            return self._by_request[asked.request_id]
        request = asked.request
        if request.flows > self._limits.flows:
            raise BadRequest(f"at most {self._limits.flows} flows")
        device = self._devices.get(asked.device) or Device(self._limits)
        max_bytes = device.allowed_bytes(asked, now_us)
        for other in [session for session in self._sessions.values() if session.device is device]:
            if other.running and not other.statement_line:  # once that is signed nothing moves any more
                raise OverLimit("another transfer of this device is running", _SOON_S)
            if not other.begun:
                self._drop(other)
        self._make_room()
        seed = chance[:SEED_BYTES] if request.direction is Direction.DOWN else None
        ticket = Ticket(
            sid=make_sid(wall_us, chance[SEED_BYTES:]),
            dev=request.dev,
            intent=request.intent,
            direction=request.direction,
            flows=request.flows,
            seq=request.seq,
            t_us=wall_us,
            exp_us=wall_us + self._limits.start_us,
            max_bytes=max_bytes,
            peer=self._peer,
            seed_sha256=hashlib.sha256(seed).hexdigest() if seed is not None else None,
        )
        expires_us = now_us + self._limits.start_us
        session = Session(ticket, asked.request_id, device, expires_us, Allowance(max_bytes), seed, request.seed_sha256)
        device.took_ticket(asked, now_us)
        self._devices[asked.device] = device
        self._sessions[ticket.sid] = self._by_request[asked.request_id] = session
        return session

    def find(self, sid: str) -> Session:
        """The transfer with this number. Raises NoTicket."""
        if sid not in self._sessions:
            raise NoTicket("no such ticket here, or its time is long over")
        return self._sessions[sid]

    def anonymous(self, direction: Direction) -> FlowAccount:
        """The account of a transfer without a ticket. Raises NoTicket where they are not served."""
        if self._anonymous is None:
            raise NoTicket("this peer serves transfers with a ticket only")
        return FlowAccount(direction, Metered(self._anonymous(), Allowance()))

    def expire(self, now_us: int) -> list[Session]:
        """Forget what is over; gives the transfers that ended and that nobody asked for in time, to be signed now."""
        for session in self._sessions.values():
            session.charge(now_us)
        over = [session for session in self._sessions.values() if now_us >= session.waits_until_us(self._limits)]
        for session in over:
            if not session.unsigned:
                self._drop(session)
        for dev in [dev for dev, device in self._devices.items() if now_us - device.seen_us >= DAY_US]:
            del self._devices[dev]
        return [session for session in over if session.unsigned]

    def unsigned(self) -> list[Session]:
        """The transfers that would be lost with the memory: begun, and no statement made yet."""
        return [session for session in self._sessions.values() if session.unsigned]

    def _make_room(self) -> None:
        if len(self._sessions) >= self._limits.sessions:
            signed = next((session for session in self._sessions.values() if session.statement_line), None)
            if signed is None:
                raise Busy(f"{self._limits.sessions} transfers are kept, no more are taken at once")
            self._drop(signed)

    def _drop(self, session: Session) -> None:
        del self._sessions[session.ticket.sid], self._by_request[session.request_id]
