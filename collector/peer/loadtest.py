"""What one load test does next, whatever protocol it is spoken in: how large a message, when a text, when over and why.

Pure: bytes, time (µs since the finished handshake) and chance come in as arguments; `websocket` moves the bytes, `ndt7`
and `throughput1` give plans, sizes and the words of texts. A test may begin with a trickle that wakes a radio without
spending the client's volume (`wake_us`). Messages double as the protocols say, and last no longer than `_MESSAGE_US` at
the rate of the moment: what has been begun when the test ends must still be sent.
"""

import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from collector.peer.account import End

CLOSING_US: Final = 5_000_000  # after that the connection is dropped: 15 s in all in ndt7, as ndt-server does
TRICKLE_BYTES: Final = 1 << 6
TRICKLE_US: Final = 100_000
BURST_AT: Final = (5, 8)
MOST_BURST_BYTES: Final = 1 << 14
SOON_US: Final = 5_000  # between texts while load trickles in

_LARGEST_BYTES: Final = 1 << 20
_GROWTH_DIVISOR: Final = 16
_MESSAGE_US: Final = 20_000
_RATE_US: Final = 50_000  # over how long the rate of the moment is taken


class Direction(StrEnum):
    """Which way the load goes, seen from the client."""

    DOWNLOAD = "download"
    UPLOAD = "upload"


@dataclass(frozen=True, slots=True)
class Pauses:
    """Between texts: exponential with a mean, within bounds; so nothing periodic can hide between them."""

    mean_us: int
    least_us: int
    most_us: int

    def drawn(self, chance: random.Random) -> int:
        """The time to the next text."""
        return min(max(int(chance.expovariate(1 / self.mean_us)), self.least_us), self.most_us)


@dataclass(frozen=True, slots=True)
class Plan:
    """What the client asked for, within what its protocol allows."""

    duration_us: int
    pauses: Pauses
    max_bytes: int | None = None
    acked_bytes: int | None = None  # end the download once the client acknowledged as many
    wake_us: int = 0
    burst_bytes: int = 0  # some messages of the trickle are this large, and show how fast the line is
    first_bytes: int = 1 << 13
    least_bytes: int = 1 << 10  # no message is smaller, not even the last before a cap; 1: the cap is met exactly
    congestion: str = ""


@dataclass(frozen=True, slots=True)
class Dialect:
    """A protocol: its names, how it reads a query (raising BadRequest), and what its texts say.

    `words` is given the test, the time, facts of the connection, the kernel's figures, and whether it is the first text.
    """

    name: str
    subprotocol: str
    root: str
    parse_plan: Callable[[Mapping[str, str]], Plan]
    words: Callable[["LoadTest", int, Mapping[str, str], Mapping[str, int], bool], dict[str, object]]


def message_bytes(plan: Plan, moved_bytes: int, rate_bps: int | None) -> int:
    """Size the next message: a power of two that doubles while at most 1/16 of what was moved, and is soon sent.

    Near the cap it shrinks, so that a capped test passes its cap by less than `least_bytes`.
    """
    size = plan.first_bytes
    most = _LARGEST_BYTES if rate_bps is None else min(_LARGEST_BYTES, rate_bps * _MESSAGE_US // 8_000_000)
    while size * 2 <= most and size <= moved_bytes // _GROWTH_DIVISOR:
        size *= 2
    if plan.max_bytes is not None and size > (left := max(plan.max_bytes - moved_bytes, 1)):
        if plan.least_bytes == 1:
            return left
        while size > plan.least_bytes and size > left:
            size //= 2
    return size


@dataclass(slots=True)
class LoadTest:
    """One test from the finished handshake to the reason for its end; opens nothing, waits for nothing."""

    direction: Direction
    plan: Plan
    chance: random.Random
    moved_bytes: int = 0
    end: End | None = None
    _text_due_us: int = field(init=False)
    _trickled: int = 0
    _said_us: int = 0
    _mark: tuple[int, int] = (0, 0)
    _rate_bps: int | None = None

    def __post_init__(self) -> None:
        """Draw the time of the first text."""
        self._text_due_us = self.plan.pauses.drawn(self.chance)

    def moved(self, n_bytes: int) -> None:
        """Load was handed to the kernel (download) or has arrived (upload)."""
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

    def crossed(self, count_bytes: int, now_us: int) -> None:
        """This much has crossed the line by now, as far as the kernel knows: what gives the rate of the moment."""
        since_us, since_bytes = self._mark
        if now_us - since_us >= _RATE_US:
            self._rate_bps = 8_000_000 * max(count_bytes - since_bytes, 0) // (now_us - since_us)
            self._mark = (now_us, count_bytes)

    @property
    def rate_bps(self) -> int:
        """The rate of the moment; 0 before there is one."""
        return self._rate_bps or 0

    def stop(self, end: End) -> None:
        """The test is over; the first reason stays."""
        self.end = self.end or end

    def next_message_bytes(self, now_us: int) -> int:
        """How large the next message of a download is; 0 while the radio wakes and nothing is due."""
        if now_us >= self.plan.wake_us:
            return message_bytes(self.plan, self.moved_bytes, self._rate_bps)
        if now_us < self._trickled * TRICKLE_US:
            return 0
        size = self.plan.burst_bytes if self._trickled in BURST_AT else 0
        self._trickled = now_us // TRICKLE_US + 1
        return size or TRICKLE_BYTES

    def take_text(self, now_us: int) -> bool:
        """Whether a text goes out now; a yes is given once, and plans the next."""
        if now_us < self._text_due_us:
            return False
        self._text_due_us = now_us + self.plan.pauses.drawn(self.chance)
        self._said_us = now_us
        return True

    def hasten_text(self, now_us: int) -> bool:
        """Whether the next text is to come sooner because of what has just arrived: each step of a trickle is told."""
        if now_us >= self.plan.wake_us or self._text_due_us <= (soon_us := max(now_us, self._said_us + SOON_US)):
            return False
        self._text_due_us = soon_us
        return True

    def next_wakeup_us(self, now_us: int) -> int:
        """When something is due even if no byte moves."""
        due_us = min(self._text_due_us, self.plan.duration_us)
        if self.direction is Direction.UPLOAD or now_us >= self.plan.wake_us:
            return due_us
        return min(due_us, self._trickled * TRICKLE_US, self.plan.wake_us)
