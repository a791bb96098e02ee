"""What the peer says it counted: reads ndt7 and throughput1 measurements and refuses what cannot be true.

Pure. A message without counters, or one not from the server, says nothing (every field is optional).
A message that is not JSON, or whose counters are not integers from 0 to 2^53-1, is a `FalseClaim`; so is a
count that falls, a clock that goes back, and a count or a time beyond what the caller knows to be possible.
Nothing is inferred from a false claim. Application counts are preferred to the kernel's (which include
headers); whichever the peer gave first is used to the end, so that the two are never mixed.
"""

import json
from dataclasses import dataclass, field
from typing import Any, Literal

from probe.measure.held import Kernel
from probe.measure.transfer import Protocol

INTEGER_LIMIT = 2**53 - 1
TEXT_LIMIT_BYTES = 65_536  # a real message has about 600
TEXTS_LIMIT_BYTES = 1 << 20  # all messages of one test together; a real test has about 40

Direction = Literal["download", "upload"]
# By protocol and direction: what is counted, the object that holds the counter, the counter. The first that is there counts.
COUNTERS: dict[tuple[Protocol, Direction], tuple[tuple[Literal["app", "tcp"], str, str], ...]] = {
    (Protocol.NDT7, "download"): (("app", "AppInfo", "NumBytes"), ("tcp", "TCPInfo", "BytesAcked")),
    (Protocol.NDT7, "upload"): (("app", "AppInfo", "NumBytes"), ("tcp", "TCPInfo", "BytesReceived")),
    (Protocol.THROUGHPUT1, "download"): (("app", "Application", "BytesSent"), ("tcp", "Network", "BytesSent")),
    (Protocol.THROUGHPUT1, "upload"): (("app", "Application", "BytesReceived"), ("tcp", "Network", "BytesReceived")),
}
CONGESTION_CHARACTERS = 16
KERNEL_MEMBERS = ("BytesReceived", "DataSegsIn", "RcvMSS")


class FalseClaim(ValueError):
    """The peer said what cannot be read or cannot be true."""


@dataclass(frozen=True, slots=True)
class Claim:
    """The peer's count at one moment of its own clock."""

    counted: Literal["app", "tcp"]
    count_bytes: int
    elapsed_us: int
    kernel: Kernel | None = None  # what the peer's kernel has counted by then, where it tells


def _integer(value: object) -> int:
    if type(value) is not int or not 0 <= value <= INTEGER_LIMIT:
        reason = "a counter is not an integer from 0 to 2^53-1"
        raise FalseClaim(reason)
    return value


def read_message(text: bytes) -> dict[str, Any]:
    """Read one message as an object."""
    if len(text) > TEXT_LIMIT_BYTES:
        reason = "a message is too long"
        raise FalseClaim(reason)
    try:
        message = json.loads(text)
    except (ValueError, RecursionError) as exc:
        reason = "a message is not JSON"
        raise FalseClaim(reason) from exc
    if not isinstance(message, dict):
        reason = "a message is not an object"
        raise FalseClaim(reason)
    return message


def claim_of(message: dict[str, Any], direction: Direction, protocol: Protocol) -> Claim | None:
    """What a message says about bytes; None if it says nothing."""
    if message.get("Origin", "server") != "server":
        return None
    for counted, room, counter in COUNTERS[protocol, direction]:
        info = message.get(room)
        if info is None:
            continue
        if not isinstance(info, dict):
            reason = f"{room} is not an object"
            raise FalseClaim(reason)
        clock = info if protocol is Protocol.NDT7 else message
        if counter in info and "ElapsedTime" in clock:
            return Claim(counted, _integer(info[counter]), _integer(clock["ElapsedTime"]), _kernel_of(message))
    return None


def _kernel_of(message: dict[str, Any]) -> Kernel | None:
    told = message.get("TCPInfo")
    if not isinstance(told, dict) or not {*KERNEL_MEMBERS} <= told.keys():
        return None
    return Kernel(*(_integer(told[name]) for name in KERNEL_MEMBERS))


@dataclass(slots=True)
class PeerCount:
    """The claims of one test, as far as each agrees with the ones before."""

    direction: Direction
    protocol: Protocol = Protocol.NDT7
    last: Claim | None = None
    congestion: set[str] = field(default_factory=set)
    _texts_bytes: int = 0

    def read(self, text: bytes) -> Claim | None:
        """Read a message; None if it adds nothing; `FalseClaim` if it contradicts what was said before."""
        self._texts_bytes += len(text)
        if self._texts_bytes > TEXTS_LIMIT_BYTES:
            reason = "too many messages"
            raise FalseClaim(reason)
        message = read_message(text)
        named = message.get("CC")
        if isinstance(named, str) and named.isascii() and named.isalnum():
            self.congestion = {named[:CONGESTION_CHARACTERS]}
        claim = claim_of(message, self.direction, self.protocol)
        if claim is None or self.last is None:
            return claim
        if claim.counted != self.last.counted:
            return None
        if claim.count_bytes < self.last.count_bytes or claim.elapsed_us < self.last.elapsed_us:
            reason = "a count or a clock went back"
            raise FalseClaim(reason)
        return claim

    def accept(self, claim: Claim) -> None:
        """Hold a claim that was found possible."""
        self.last = claim
