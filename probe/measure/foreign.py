"""Probes on connections of their own ("foreign" in draft-ietf-ippm-responsiveness): when each is due, and what it met.

Pure. Each probe is a new connection to the peer, TLS if the peer has it, and a GET of one byte; the name is not looked up
again. Probes come at random distances. They may use 5 % of what the line carries at that moment (the draft's PTC, by its
figure of 5000 bytes for one) and are at most ten a second: the draft allows a hundred (MPS), for lines on which each is
cheap. No more than `MOST_OPEN` are under way at once, so that a line that answers late is not asked ever more.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

from probe.measure.outcome import Trouble
from probe.measure.train import Pace, draws
from shared.failure import Stage
from shared.record import LOST

PATH = "nq/small"
PROBE_BYTES = 5000  # the draft's figure
WIRE_BYTES = 12_000  # with a long chain of certificates, and what is sent again: for the byte budget
PTC_PER_CENT = 5
LEAST_GAP_US = 100_000
UNKNOWN_GAP_US = 1_000_000  # while no rate is known
MOST_OPEN = 8
MOST_PROBES = 128
PATIENCE_US = 3_000_000


@dataclass(slots=True)
class Foreign:
    """All probes of one test, by their numbers; what was not reached is `LOST`."""

    seed: bytes
    start_us: list[int] = field(default_factory=list)
    tcp_us: list[int] = field(default_factory=list)
    tls_us: list[int] = field(default_factory=list)
    http_us: list[int] = field(default_factory=list)
    tls_trips: int = 1
    troubles: dict[int, Trouble] = field(default_factory=dict)
    status: int | None = None  # the last answer that was not a 200
    longest_us: int = 0  # what the slowest one that was answered took
    _since_us: dict[int, tuple[Stage, int]] = field(default_factory=dict)  # of those under way
    _draws: Iterator[int] = field(init=False)
    _draw: int = 0

    def __post_init__(self) -> None:
        """Draw the first distance."""
        self._draws = draws(b"foreign" + self.seed)
        self._draw = next(self._draws)

    def due_us(self, rate_bps: int) -> int | None:
        """When the next probe is due on a line that carries this; None while no more may be under way, or ever be."""
        if len(self._since_us) >= MOST_OPEN or len(self.start_us) >= MOST_PROBES:
            return None
        return self.start_us[-1] + gap_us(self._draw, rate_bps) if self.start_us else 0

    def begin(self, now_us: int) -> int:
        """Begin a probe; its number."""
        number = len(self.start_us)
        self.start_us.append(now_us)
        for times in (self.tcp_us, self.tls_us, self.http_us):
            times.append(LOST)
        self._since_us[number] = (Stage.CONNECT, now_us)
        self._draw = next(self._draws)
        return number

    def enter(self, number: int, stage: Stage, now_us: int) -> None:
        """Take the news that a probe has come to its next stage: the stage before took until now."""
        self._close(number, now_us)
        self._since_us[number] = (stage, now_us)

    def connected(self, number: int, now_us: int, tls_trips: int) -> None:
        """Take the news that a probe asks now, and how many round trips its TLS handshake took."""
        self.tls_trips = max(tls_trips, self.tls_trips)
        self.enter(number, Stage.REQUEST, now_us)

    def done(self, number: int, now_us: int) -> None:
        """Take the news that a probe has its answer."""
        self._close(number, now_us)
        self.longest_us = max(now_us - self.start_us[number], self.longest_us)

    def failed(self, number: int, trouble: Trouble, status: int | None = None) -> None:
        """Take a probe's failure."""
        if self._since_us.pop(number, None) is not None:
            self.troubles[number] = trouble
            self.status = self.status if status is None else status

    def stage(self, number: int) -> Stage:
        """The stage a probe under way is in."""
        return self._since_us[number][0]

    @property
    def open_until_us(self) -> int | None:
        """When patience with the last probe under way ends; None if there is none."""
        return max((self.start_us[number] + PATIENCE_US for number in self._since_us), default=None)

    def commonest_trouble(self) -> Trouble | None:
        """What went wrong most often; None if nothing did."""
        found = Counter(self.troubles.values()).most_common(1)
        return found[0][0] if found else None

    def _close(self, number: int, now_us: int) -> None:
        stage, since_us = self._since_us.pop(number)
        times = {Stage.CONNECT: self.tcp_us, Stage.TLS: self.tls_us, Stage.REQUEST: self.http_us}[stage]
        times[number] = now_us - since_us


def gap_us(draw: int, rate_bps: int) -> int:
    """Turn one of `train.DRAWS` equally likely numbers into a distance that a line of this rate can bear."""
    paid_us = PROBE_BYTES * 8_000_000 * 100 // (PTC_PER_CENT * rate_bps) if rate_bps > 0 else UNKNOWN_GAP_US
    mean_us = max(paid_us, LEAST_GAP_US)
    return Pace(mean_us, mean_us // 4, mean_us * 4, wake_us=0, patience_us=PATIENCE_US).gap_us(draw)
