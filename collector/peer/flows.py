"""What moved on one connection, as its server reports it. Pure: bytes, kernel figures and time are arguments.

Payload is counted where it passes; what the other side has acknowledged, the kernel tells (`tcpinfo`). A later, smaller or
missing answer of the kernel, as after a reset, never takes back what an earlier one said.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field

from collector.peer.account import End
from collector.peer.stream import Metered
from shared.transfer import Direction


@dataclass(slots=True)
class FlowAccount:
    """The account of one connection. A download's bytes are taken from `stream`, an upload's are told by `received`."""

    direction: Direction
    stream: Metered
    began_us: int = 0
    hashing: bool = False
    client: str = ""
    cc: str = ""
    end: End | None = None
    ended_us: int = 0
    grew_us: int = 0  # when the count that matters last grew: acknowledged (down) or received (up)
    _received_bytes: int = 0
    _sha256: "hashlib._Hash" = field(default_factory=hashlib.sha256)
    _info: dict[str, int] = field(default_factory=dict)

    @property
    def moved_bytes(self) -> int:
        """Payload taken to be sent, or received."""
        return self.stream.taken_bytes if self.direction is Direction.DOWN else self._received_bytes

    @property
    def left_bytes(self) -> int:
        """What the transfer may still move over all its flows; at 0 whoever serves the flow ends it."""
        return self.stream.allowance.left_bytes

    @property
    def digest(self) -> bytes:
        """SHA-256 of what was received."""
        return self._sha256.digest()

    def connected(self, client: str, cc: str) -> None:
        """Who is at the other end, and by which congestion control this end sends."""
        self.client, self.cc = client, cc

    def received(self, data: bytes | bytearray | memoryview, now_us: int) -> None:
        """A piece of an upload's payload has arrived."""
        self.stream.allowance.grant(len(data))
        self._received_bytes += len(data)
        self.grew_us = now_us
        if self.hashing:
            self._sha256.update(data)

    def polled(self, info: Mapping[str, int], now_us: int) -> None:
        """The kernel's view of the connection now; empty where it does not tell."""
        for name, value in info.items():
            if name == "BytesAcked" and self.direction is Direction.DOWN and value > self._info.get(name, 0):
                self.grew_us = now_us
            known = self._info.get(name, value)
            self._info[name] = min(known, value) if name == "MinRTT" else max(known, value)

    def closed(self, end: End, now_us: int) -> None:
        """The connection is over; what was said first stays."""
        if self.end is None:
            self.end, self.ended_us = end, now_us

    def told(self, name: str) -> int | None:
        """What the kernel said of this connection in the end, `None` if it never did."""
        return self._info.get(name)
