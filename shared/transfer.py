"""What a peer says of one transfer over its own signature (FORMAT.md, section "Transfers"), and the stream it is about.

A download's bytes are the AES-256-CTR key stream of a seed that the peer shows only to whoever returned their count
and hash: nobody can claim bytes he never got. In an upload the roles are turned round. This module makes and reads the
statement, the claim and the stream; it does not say whether a record agrees with a statement, nor whether the peer that
signed is one to be trusted. `ticket` says how a transfer is admitted.
"""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import TypeVar

from shared import dsse, statement, strictjson
from shared.dsse import Envelope, b64, b64_exact
from shared.errors import Malformed
from shared.keys import PublicKey, Signer
from shared.primitives import chosen
from shared.statement import Kind, Statement
from shared.strictjson import Json, JsonObject

SUBJECT = "transfer"
SEED_BYTES = 32
HINT_DIGITS = 16
# What `POST /v1/transfers` of a collector takes: envelopes, one per line (FORMAT.md, section 10).
STATEMENTS_MEDIA_TYPE = "application/vnd.speedproof.transfers"
MAX_STATEMENTS = 256
MAX_STATEMENTS_BYTES = 1 << 20
_FLOW_BYTES = 8
_PIECE_BYTES = 1 << 18

_Member = TypeVar("_Member")


class Direction(StrEnum):
    """Which way the load goes, seen from the probe."""

    DOWN = "down"
    UP = "up"


class KeyStream:
    """The bytes of one flow, from its beginning on: pieces of any size give the same stream.

    AES-256-CTR with the seed as key; the counter block begins at the flow's number (8 bytes, big-endian) and 8 zero bytes.
    """

    __slots__ = ("_next", "position")

    def __init__(self, seed: bytes, flow: int = 0) -> None:
        """Begin the stream of flow `flow`."""
        counter = flow.to_bytes(_FLOW_BYTES, "big") + bytes(_FLOW_BYTES)
        self._next = chosen().key_stream(seed, counter)
        self.position = 0

    def take(self, n_bytes: int) -> bytes:
        """The next `n_bytes`."""
        self.position += n_bytes
        return self._next(n_bytes)


def stream_sha256(flow_digests: Sequence[bytes]) -> str:
    """The hash of a transfer, hex: its only flow's SHA-256, or SHA-256 over the flows' digests in the order of numbers."""
    if len(flow_digests) == 1:
        return flow_digests[0].hex()
    return hashlib.sha256(b"".join(flow_digests)).hexdigest()


def stream_sha256_of(seed: bytes, flow_bytes: Sequence[int]) -> str:
    """The hash that whoever received `flow_bytes` of the flows of this seed must have found.

    Computes every byte anew, piece by piece: about 1.2 GB/s on one core, so not for an event loop.
    """
    return stream_sha256([_flow_digest(seed, flow, n_bytes) for flow, n_bytes in enumerate(flow_bytes)])


def _flow_digest(seed: bytes, flow: int, n_bytes: int) -> bytes:
    stream, digest = KeyStream(seed, flow), hashlib.sha256()
    while stream.position < n_bytes:
        digest.update(stream.take(min(n_bytes - stream.position, _PIECE_BYTES)))
    return digest.digest()


@dataclass(frozen=True, slots=True)
class Claim:
    """What a probe says it received in a download: bytes of each flow, and the hash of the stream."""

    flow_bytes: tuple[int, ...]
    stream_sha256: str

    def encode(self) -> bytes:
        """The body of `POST /v1/transfers/<sid>`."""
        return strictjson.encode({"flow_bytes": [*self.flow_bytes], "stream_sha256": self.stream_sha256})


NO_CLAIM = b"{}"  # the body of an upload, and of a download whose probe does not know


def read_claim(body: bytes) -> Claim | None:
    """Read the body of `POST /v1/transfers/<sid>`: a claim or none; raises Malformed."""
    fields = strictjson.decode(body)
    if not fields.keys() & {"flow_bytes", "stream_sha256"}:
        return None
    return Claim(_flow_bytes(fields, "flow_bytes"), statement.sha256_hex(fields, "stream_sha256"))


@dataclass(frozen=True, slots=True)
class TransferStatement:
    """What a peer counted in one transfer. `None`: not said; the kernel did not tell, or nobody could prove it."""

    sid: str
    dev: str
    direction: Direction
    peer: str
    t_us: int  # its end, by the peer's wall clock
    dur_us: int  # from the first flow's handshake to the last growth of a count
    acked_bytes: int | None = None  # down: acknowledged by the probe's kernel, WebSocket and TLS included
    received_bytes: int | None = None  # up: payload
    probe_bytes: int | None = None  # down: payload, as claimed by the probe and proved by the hash
    stream_sha256: str | None = None
    flow_bytes: tuple[int, ...] | None = None  # what `stream_sha256` covers, flow by flow
    seed: bytes | None = None  # down: shown together with `probe_bytes`
    seed_sha256: str | None = None  # up: what the probe bound itself to beforehand
    min_rtt_us: int | None = None
    retransmitted_bytes: int | None = None  # by the peer
    rwnd_limited_pm: int | None = None  # per mille of the time in which the peer had something to send
    flows: int | None = None
    seq: int | None = None
    intent: str | None = None  # SHA-256 of the probe's intent line, hex
    cc: str | None = None  # names of the peer's congestion control
    client: str | None = None  # addresses of the flows, as the peer saw them
    end: str | None = None  # why the flows ended, in the peer's words

    @property
    def peer_bytes(self) -> int | None:
        """The peer's own count of what reached the other side."""
        return self.acked_bytes if self.direction is Direction.DOWN else self.received_bytes

    def encode(self) -> bytes:
        """The payload bytes."""
        said: dict[str, Json | None] = {
            "acked_bytes": self.acked_bytes,
            "cc": self.cc,
            "client": self.client,
            "dev": self.dev,
            "dir": self.direction.value,
            "dur_us": self.dur_us,
            "end": self.end,
            "flow_bytes": None if self.flow_bytes is None else [*self.flow_bytes],
            "flows": self.flows,
            "intent": self.intent,
            "min_rtt_us": self.min_rtt_us,
            "peer": self.peer,
            "probe_bytes": self.probe_bytes,
            "received_bytes": self.received_bytes,
            "retransmitted_bytes": self.retransmitted_bytes,
            "rwnd_limited_pm": self.rwnd_limited_pm,
            "seed": None if self.seed is None else b64(self.seed),
            "seed_sha256": self.seed_sha256,
            "seq": self.seq,
            "sid": self.sid,
            "stream_sha256": self.stream_sha256,
            "t_us": self.t_us,
        }
        predicate: JsonObject = {name: value for name, value in said.items() if value is not None}
        return Statement(Kind.TRANSFER, SUBJECT, sid_sha256(self.sid), predicate).encode()

    def seal(self, peer: Signer) -> bytes:
        """The envelope line, signed by the peer."""
        return dsse.seal(self.encode(), peer)


def sid_sha256(sid: str) -> str:
    """What stands for a transfer as the subject of its ticket and of its statement."""
    return hashlib.sha256(sid.encode()).hexdigest()


def read_transfer(envelope: Envelope, peer: PublicKey) -> TransferStatement:
    """What `peer` signed of a transfer; raises WrongSignature, or Malformed for another thing than a transfer/v1."""
    told = statement.read_statement(envelope.verified_by(peer), Kind.TRANSFER)
    said = told.predicate
    sid = statement.text(said, "sid")
    if told.subject_name != SUBJECT or told.subject_sha256 != sid_sha256(sid):
        raise Malformed("the subject is not the transfer")
    transfer = TransferStatement(
        sid=sid,
        dev=statement.sha256_hex(said, "dev"),
        direction=read_direction(said),
        peer=statement.text(said, "peer"),
        t_us=statement.integer(said, "t_us"),
        dur_us=statement.integer(said, "dur_us"),
        acked_bytes=_if_said(said, "acked_bytes", statement.integer),
        received_bytes=_if_said(said, "received_bytes", statement.integer),
        probe_bytes=_if_said(said, "probe_bytes", statement.integer),
        stream_sha256=_if_said(said, "stream_sha256", statement.sha256_hex),
        flow_bytes=_if_said(said, "flow_bytes", _flow_bytes),
        seed=_if_said(said, "seed", _seed),
        seed_sha256=_if_said(said, "seed_sha256", statement.sha256_hex),
        min_rtt_us=_if_said(said, "min_rtt_us", statement.integer),
        retransmitted_bytes=_if_said(said, "retransmitted_bytes", statement.integer),
        rwnd_limited_pm=_if_said(said, "rwnd_limited_pm", statement.integer),
        flows=_if_said(said, "flows", statement.integer),
        seq=_if_said(said, "seq", statement.integer),
        intent=_if_said(said, "intent", statement.sha256_hex),
        cc=_if_said(said, "cc", statement.text),
        client=_if_said(said, "client", statement.text),
        end=_if_said(said, "end", statement.text),
    )
    counted = transfer.probe_bytes if transfer.direction is Direction.DOWN else transfer.received_bytes
    if transfer.flow_bytes is not None and sum(transfer.flow_bytes) != counted:
        raise Malformed("the flows' bytes are not the transfer's")
    return transfer


def co_member(envelope: Envelope) -> JsonObject:
    """A peer's signed statement as a record carries it: its member `co`."""
    return {"k": envelope.key_id[:HINT_DIGITS], "p": b64(envelope.payload), "s": b64(envelope.signature)}


def read_co(co: object) -> Envelope:
    """The envelope in a record's member `co`; its `key_id` is the hint, 16 digits that only pick the key. Raises Malformed."""
    match co:
        case {"k": str(hint), "p": str(p), "s": str(s)}:
            return Envelope(b64_exact(p), hint, b64_exact(s))
        case _:
            raise Malformed("co does not have k, p and s")


def envelope_in(body: bytes, member: str) -> Envelope:
    """The envelope that a peer's answer carries as its member `ticket` or `transfer`; raises Malformed."""
    envelope = strictjson.decode(body).get(member)
    if not isinstance(envelope, dict):
        raise Malformed(f"the answer holds no {member}")
    return dsse.read_envelope(strictjson.encode(envelope))


def read_direction(predicate: JsonObject) -> Direction:
    """The member `dir`; raises Malformed."""
    try:
        return Direction(statement.text(predicate, "dir"))
    except ValueError as error:
        raise Malformed("dir is neither down nor up") from error


def _if_said(predicate: JsonObject, name: str, read: Callable[[JsonObject, str], _Member]) -> _Member | None:
    return read(predicate, name) if name in predicate else None


def _flow_bytes(predicate: JsonObject, name: str) -> tuple[int, ...]:
    values = predicate.get(name)
    if not isinstance(values, list):
        raise Malformed(f"{name} is not a list")
    counts = tuple(value for value in values if type(value) is int and value >= 0)
    if len(counts) != len(values):
        raise Malformed(f"{name} holds something that is no count of bytes")
    return counts


def _seed(predicate: JsonObject, name: str) -> bytes:
    seed = b64_exact(predicate.get(name))
    if len(seed) != SEED_BYTES:
        raise Malformed(f"a seed has {SEED_BYTES} bytes")
    return seed
