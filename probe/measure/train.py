"""A train of numbered packets at random distances: which is due when, which came back, which is still waited for.

Pure: numbers and times in, numbers and times out; knows no packet's bytes. The distances are exponential (a
Poisson process, RFC 2330 section 11.1.1, so that no period of the line's is met or missed), cut at a floor and
a cap. The first packet may have to wake the radio: it is kept apart, and the second one waits for its answer,
though for at most `wake_us`. An answer counts once and in time; a lost packet is `LOST` in its place. The
metric is the round-trip delay of RFC 2681, the waiting time of three seconds that of RFC 8912.

A train ends after a number of packets, or at a time it is told, or at whichever comes first.
"""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from math import log
from typing import Literal

from probe.measure.outcome import Progress, Trouble, Value
from shared.failure import Failure, Stage
from shared.record import LOST

Via = Literal["stamp", "icmp", "tcp"]

_DRAW_BYTES = 4
DRAWS = 1 << 8 * _DRAW_BYTES


@dataclass(frozen=True, slots=True)
class Pace:
    """How far apart packets are sent, and how long each is waited for."""

    mean_us: int
    floor_us: int
    cap_us: int
    wake_us: int
    patience_us: int

    def gap_us(self, draw: int) -> int:
        """Turn one of `DRAWS` equally likely numbers into a distance."""
        gap_us = round(-self.mean_us * log((draw + 1) / DRAWS))
        return min(max(gap_us, self.floor_us), self.cap_us)


def draws(seed: bytes) -> Iterator[int]:
    """Draw without end from a seed: the first bytes of SHA-256(seed || number)."""
    number = 0
    while True:
        yield int.from_bytes(sha256(seed + number.to_bytes(8, "big")).digest()[:_DRAW_BYTES], "big")
        number += 1


@dataclass(frozen=True, slots=True)
class Seen:
    """What one train saw; `more` is what only its way of asking can tell."""

    via: Via
    rtts_us: tuple[int, ...] = ()  # of all packets, the first one too
    trouble: Trouble | None = None  # why nothing at all came back
    kernel_stamps: bool = False
    more: Mapping[str, Value] = field(default_factory=dict)

    def members(self) -> dict[str, Value]:
        """Give the record's members; the first packet's round trip stands apart, and is absent if it was lost."""
        stamps = "kernel" if self.kernel_stamps else "user"
        members: dict[str, Value] = {"via": self.via, "stamps": stamps, "sent": len(self.rtts_us)}
        if self.rtts_us and self.rtts_us[0] != LOST:
            members["first_rtt_us"] = self.rtts_us[0]
        return members | {"rtt_us": list(self.rtts_us[1:]), **self.more}


@dataclass(slots=True)
class Train:
    """Packets by their numbers, from 0: each is answered, refused with a reason, or lost."""

    name: str
    pace: Pace
    seed: bytes
    packets: int | None  # None: until it is stopped
    expected_us: int = 0
    sent_us: list[int] = field(default_factory=list)
    _rtt_us: dict[int, int] = field(default_factory=dict)
    _refused: dict[int, Trouble] = field(default_factory=dict)
    _open_until_us: dict[int, int] = field(default_factory=dict)
    _kernel_stamps: bool = True
    _gaps: Iterator[int] = field(init=False)
    _start_us: int = 0
    _due_us: int = 0
    _stop_us: int | None = None

    def __post_init__(self) -> None:
        self._gaps = (self.pace.gap_us(draw) for draw in draws(self.seed))

    def start(self, now_us: int) -> None:
        """Make the first packet due."""
        self._start_us = self._due_us = now_us

    def stop(self, at_us: int) -> None:
        """Send nothing from this time on, now or later; what was sent before is still waited for."""
        self._stop_us = at_us

    def to_send(self, now_us: int) -> tuple[int, ...]:
        """Give the packet that is due, if one is; a late wake-up stretches the spacing, with no burst."""
        if now_us < self._due_us or self._all_sent(now_us):
            return ()
        number = len(self.sent_us)
        self.sent_us.append(now_us)
        self._open_until_us[number] = now_us + self.pace.patience_us
        self._due_us = now_us + (next(self._gaps) if number else self.pace.wake_us)
        return (number,)

    def receive(self, number: int, now_us: int, age_us: int | None = None) -> int | None:
        """Take an answer that came `age_us` ago by the kernel's stamp; give its round trip if it is the first, and in time.

        An age that puts the answer before its question is that of a clock that was set, and is not believed.
        """
        until_us = self._open_until_us.get(number)
        if until_us is None:
            return None
        sent_us, at_us = self.sent_us[number], now_us - (age_us or 0)
        if at_us < sent_us:
            at_us, age_us = now_us, None
        if not sent_us <= at_us < until_us:
            return None
        del self._open_until_us[number]
        self._rtt_us[number] = at_us - sent_us
        self._kernel_stamps = self._kernel_stamps and age_us is not None
        self._first_is_back(number, now_us)
        return at_us - sent_us

    def waits_for(self, number: int, now_us: int) -> bool:
        """Say whether an answer to a packet would be in time, a first one or another."""
        return number < len(self.sent_us) and 0 <= now_us - self.sent_us[number] < self.pace.patience_us

    def take_off(self, number: int, residence_us: int) -> None:
        """Take off a round trip what it spent at the far end, which is not the line's."""
        self._rtt_us[number] = max(0, self._rtt_us[number] - residence_us)

    def refuse(self, number: int, trouble: Trouble, now_us: int) -> None:
        """Take the news that a packet will have no answer, and why."""
        if self._open_until_us.pop(number, None) is not None:
            self._refused[number] = trouble
            self._first_is_back(number, now_us)

    def next_wakeup(self, now_us: int) -> int | None:
        """Say when a packet is due or the last patience ends; None exactly when the result is final."""
        if not self._all_sent(now_us):
            return self._due_us
        until_us = next(reversed(self._open_until_us.values()), now_us)
        return until_us if until_us > now_us else None

    def progress(self, now_us: int) -> Progress:
        """Say how far the train is."""
        return Progress(self.name, now_us - self._start_us, self.expected_us, 0, 0)

    def result(self, via: Via) -> Seen:
        """Give one round trip per packet sent, in the order of sending, and why there is none if there is none."""
        rtts_us = tuple(self._rtt_us.get(number, LOST) for number in range(len(self.sent_us)))
        return Seen(via, rtts_us, self._trouble(), self._kernel_stamps and bool(self._rtt_us))

    def _trouble(self) -> Trouble | None:
        """Say why nothing at all was answered: the commonest reason given, else that nothing came in time."""
        if self._rtt_us:
            return None
        reasons = Counter(self._refused.values()).most_common(1)
        return reasons[0][0] if reasons else Trouble(Failure.TIMEOUT, Stage.CONNECT)

    def _all_sent(self, now_us: int) -> bool:
        stopped = self._stop_us is not None and max(now_us, self._due_us) >= self._stop_us
        return stopped or len(self.sent_us) == self.packets

    def _first_is_back(self, number: int, now_us: int) -> None:
        """Let the second packet follow the first one's answer, if it was not sent meanwhile."""
        if number == 0 and len(self.sent_us) == 1:
            self._due_us = min(self._due_us, now_us + next(self._gaps))
