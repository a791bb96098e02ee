"""The ndt7 protocol of the server, without its sockets (ndt7 specification v0.11).

One `Ndt7Test` decides what one download or upload does next: how large the next message is, when the next
text is due, when it is over and why, and what the texts say. Bytes, time (µs since the finished handshake)
and chance come in as arguments; `websocket` moves the bytes. Three query fields are read: `early_exit=250` of
the specification, and two of ours that any other client simply does not send: `max_bytes` and `max_ms` end
the test sooner. The server may end an ndt7 test at any time, so both keep within the specification.
"""

import random
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from collector.peer.account import End
from collector.peer.errors import BadRequest
from collector.peer.query import integer, integer_field, parse_fields

SUBPROTOCOL: Final = "net.measurementlab.ndt.v7"
MAX_MESSAGE_BYTES: Final = 1 << 24
DURATION_US: Final = 10_000_000
CLOSING_US: Final = 5_000_000  # after that the connection is dropped: 15 s in all, as ndt-server does

# Message sizes: start and rule of growth from the specification, the ceiling is ndt-server's.
_SMALLEST_BYTES: Final = 1 << 10
_START_BYTES: Final = 1 << 13
_LARGEST_BYTES: Final = 1 << 20
_GROWTH_DIVISOR: Final = 16

# Pause between texts: exponential with this mean, held within these bounds, as ndt-server does.
_MEAN_PAUSE_US: Final = 250_000
_LEAST_PAUSE_US: Final = 25_000
_MOST_PAUSE_US: Final = 625_000

_EARLY_EXIT: Final = "250"
_EARLY_EXIT_BYTES: Final = 250_000_000


class Direction(StrEnum):
    """Which way the load goes, seen from the client."""

    DOWNLOAD = "download"
    UPLOAD = "upload"


@dataclass(frozen=True, slots=True)
class Plan:
    """What the client asked for."""

    duration_us: int = DURATION_US
    max_bytes: int | None = None
    acked_bytes: int | None = None  # end the download once the client acknowledged as many


def parse_plan(query: bytes) -> Plan:
    """Read the query of a test. Raises BadRequest; a key without meaning here is the client's metadata."""
    fields = parse_fields(query)
    early_exit = fields.get("early_exit", _EARLY_EXIT)
    if early_exit != _EARLY_EXIT:
        raise BadRequest(f"early_exit can only be {_EARLY_EXIT}")
    return Plan(
        duration_us=integer_field(fields, "max_ms", DURATION_US // 1000, 1, DURATION_US // 1000) * 1000,
        max_bytes=integer(fields["max_bytes"], "max_bytes", 1) if "max_bytes" in fields else None,
        acked_bytes=_EARLY_EXIT_BYTES if "early_exit" in fields else None,
    )


def require_subprotocol(header: str) -> None:
    """Return only if a Sec-WebSocket-Protocol header offers ndt7. Raises BadRequest."""
    if SUBPROTOCOL not in (offer.strip() for offer in header.split(",")):
        raise BadRequest(f"the subprotocol {SUBPROTOCOL} must be offered")


def message_bytes(moved_bytes: int, max_bytes: int | None) -> int:
    """Size the next binary message: a power of two, doubling while at most 1/16 of what was moved.

    Near the cap it shrinks again, so that a capped test overshoots by less than the smallest message.
    """
    size = _START_BYTES
    while size < _LARGEST_BYTES and size <= moved_bytes // _GROWTH_DIVISOR:
        size *= 2
    while max_bytes is not None and size > _SMALLEST_BYTES and size > max_bytes - moved_bytes:
        size //= 2
    return size


def pause_us(chance: random.Random) -> int:
    """The time to the next text: Poisson, so that nothing periodic on the path can hide between the texts."""
    return min(max(int(chance.expovariate(1 / _MEAN_PAUSE_US)), _LEAST_PAUSE_US), _MOST_PAUSE_US)


@dataclass(slots=True)
class Ndt7Test:
    """One test from the finished handshake to the reason for its end; opens nothing, waits for nothing."""

    direction: Direction
    plan: Plan
    chance: random.Random
    moved_bytes: int = 0
    end: End | None = None
    _text_due_us: int = field(init=False)

    def __post_init__(self) -> None:
        """Draw the time of the first text."""
        self._text_due_us = pause_us(self.chance)

    def moved(self, n_bytes: int) -> None:
        """A message of load was sent (download) or has arrived whole (upload)."""
        self.moved_bytes += n_bytes
        if self.plan.max_bytes is not None and self.moved_bytes >= self.plan.max_bytes:
            self.stop(End.BYTE_CAP)

    def acknowledged(self, acked_bytes: int) -> None:
        """The kernel says how much of the connection the client has acknowledged."""
        wanted = self.plan.acked_bytes
        if self.direction is Direction.DOWNLOAD and wanted is not None and acked_bytes >= wanted:
            self.stop(End.EARLY_EXIT)

    def passed(self, now_us: int) -> None:
        """Time has come this far."""
        if now_us >= self.plan.duration_us:
            self.stop(End.DURATION)

    def stop(self, end: End) -> None:
        """The test is over; the first reason stays."""
        self.end = self.end or end

    def next_message_bytes(self) -> int:
        """How large the next message of a download is."""
        return message_bytes(self.moved_bytes, self.plan.max_bytes)

    def take_text(self, now_us: int) -> bool:
        """Whether a text goes out now; a yes is given once, and plans the next."""
        if now_us < self._text_due_us:
            return False
        self._text_due_us = now_us + pause_us(self.chance)
        return True

    def next_wakeup_us(self) -> int:
        """When something is due even if no byte moves."""
        return min(self._text_due_us, self.plan.duration_us)

    def measurement(self, now_us: int, connection: Mapping[str, str], tcp_info: Mapping[str, int]) -> dict[str, object]:
        """What a text says, in the names of the specification; no TCPInfo where the kernel tells nothing."""
        text: dict[str, object] = {
            "AppInfo": {"ElapsedTime": now_us, "NumBytes": self.moved_bytes},
            "ConnectionInfo": dict(connection),
            "Origin": "server",
            "Test": str(self.direction),
        }
        if tcp_info:
            text["TCPInfo"] = {**tcp_info, "ElapsedTime": now_us}
        return text
