"""What the peer says it counted: reads ndt7 measurement messages and refuses what cannot be true.

Pure. A message without counters, or one not from the server, says nothing (every field is optional in ndt7).
A message that is not JSON, or whose counters are not integers from 0 to 2^53-1, is a `FalseClaim`; so is a
count that falls, a clock that goes back, and a count or a time beyond what the caller knows to be possible.
Nothing is inferred from a false claim. Application counts are preferred to the kernel's (which include
headers); whichever the peer gave first is used to the end, so that the two are never mixed.
"""

import json
from dataclasses import dataclass
from typing import Literal

INTEGER_LIMIT = 2**53 - 1
TEXT_LIMIT_BYTES = 65_536  # a real message has about 600
TEXTS_LIMIT_BYTES = 1 << 20  # all messages of one test together; a real test has about 40

Direction = Literal["download", "upload"]
KERNEL_COUNTER = {"download": "BytesAcked", "upload": "BytesReceived"}


class FalseClaim(ValueError):
    """The peer said what cannot be read or cannot be true."""


@dataclass(frozen=True, slots=True)
class Claim:
    """The peer's count at one moment of its own clock."""

    counted: Literal["app", "tcp"]
    count_bytes: int
    elapsed_us: int


def _integer(value: object) -> int:
    if type(value) is not int or not 0 <= value <= INTEGER_LIMIT:
        reason = "a counter is not an integer from 0 to 2^53-1"
        raise FalseClaim(reason)
    return value


def read_claim(text: bytes, direction: Direction) -> Claim | None:
    """Read one message; None if it says nothing about bytes."""
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
    if message.get("Origin", "server") != "server":
        return None
    rooms: tuple[tuple[Literal["app", "tcp"], str, str], ...] = (
        ("app", "AppInfo", "NumBytes"),
        ("tcp", "TCPInfo", KERNEL_COUNTER[direction]),
    )
    for counted, room, counter in rooms:
        info = message.get(room)
        if info is None:
            continue
        if not isinstance(info, dict):
            reason = f"{room} is not an object"
            raise FalseClaim(reason)
        if counter in info and "ElapsedTime" in info:
            return Claim(counted, _integer(info[counter]), _integer(info["ElapsedTime"]))
    return None


@dataclass(slots=True)
class PeerCount:
    """The claims of one test, as far as each agrees with the ones before."""

    direction: Direction
    last: Claim | None = None
    _texts_bytes: int = 0

    def read(self, text: bytes) -> Claim | None:
        """Read a message; None if it adds nothing; `FalseClaim` if it contradicts what was said before."""
        self._texts_bytes += len(text)
        if self._texts_bytes > TEXTS_LIMIT_BYTES:
            reason = "too many messages"
            raise FalseClaim(reason)
        claim = read_claim(text, self.direction)
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
