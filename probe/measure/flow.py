"""What one transfer of either direction goes through: handshake, signs of life, an end, a result.

Pure: told what happened and when. t = 0 is the finished handshake. A silence as long as the plan's patience
fails the transfer; a sign of life is a count that grew, or growth of the kernel's own count (`heard`), which
shows bytes inside a long message that has not fully arrived. A line that has died shortly before the planned
end therefore fails too: `Download` and `Upload` end a transfer only on something that came at or after the
planned time. Patience once more after it is the last moment of all.

`dur_us` is, when all went well, the time from t = 0 to the last byte counted, by the clock of whoever
counted; when it failed, until it was given up, from t = 0 or, without a handshake, from the start of the
attempt.
"""

from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from typing import ClassVar

from probe.measure.attempt import Attempt
from probe.measure.claims import Direction, FalseClaim, PeerCount
from probe.measure.outcome import Measured, Progress, Trouble, Value, measured
from probe.measure.samples import Samples
from probe.measure.transfer import HANDSHAKE_US, Ending, TransferPlan, trouble_of_end
from shared.failure import Stage


@dataclass(slots=True)
class Flow(ABC):
    """One connection's transfer; `samples` is the count that the result stands on."""

    NAME: ClassVar[Direction]
    VERSION: ClassVar[int]

    plan: TransferPlan
    over: bool = False
    attempt: Attempt = field(default_factory=Attempt)
    samples: Samples = field(default_factory=Samples)
    peer: PeerCount = field(init=False)
    zero_us: int | None = None
    alive_us: int = 0
    _heard_bytes: int = 0
    _wire: dict[str, int] = field(default_factory=dict)
    _end_us: int = 0
    _trouble: Trouble | None = None
    _status: int | None = None
    _cut: bool = False
    _false_claim: bool = False

    def __post_init__(self) -> None:
        """Make room for the peer's count of this direction."""
        self.peer = PeerCount(self.NAME)

    @property
    def stage(self) -> Stage:
        """The stage the connection is in."""
        return self.attempt.stage

    def start(self, now_us: int) -> None:
        """Begin the attempt to connect."""
        self.attempt.start(now_us)

    def entered(self, stage: Stage, now_us: int) -> None:
        """Take the news that the connection has come to its next stage."""
        self.attempt.enter(stage, now_us)

    def opened(self, now_us: int) -> None:
        """Take the finished handshake: t = 0."""
        self.attempt.enter(Stage.BODY, now_us)
        self.zero_us = self.alive_us = now_us

    @abstractmethod
    def moved(self, n_bytes: int, now_us: int) -> None:
        """Take a whole message of load from the peer."""

    def text(self, message: bytes, now_us: int) -> None:
        """Take a message of the peer's about what it counted."""
        if self.over or self.zero_us is None:
            return
        try:
            self._take_claim(message, now_us)
        except FalseClaim:
            self._false_claim = True
            self._contradicted(now_us)

    @abstractmethod
    def _take_claim(self, message: bytes, now_us: int) -> None:
        """Read a message of the peer's and use it as this direction does."""

    @abstractmethod
    def _contradicted(self, now_us: int) -> None:
        """Draw the consequence of a claim that cannot be true."""

    def heard(self, kernel_bytes: int, now_us: int) -> None:
        """Take the kernel's count of what has crossed this connection in the direction measured."""
        if kernel_bytes > self._heard_bytes:
            self._heard_bytes, self.alive_us = kernel_bytes, now_us

    def crossed(self, rx_bytes: int, tx_bytes: int) -> None:
        """Take the kernel's last counts of this connection, both ways; 0 is what it does not say."""
        self._wire = {"tcp_rx_bytes": rx_bytes, "tcp_tx_bytes": tx_bytes} if rx_bytes and tx_bytes else {}

    def closed(self, ending: Ending, now_us: int) -> None:
        """Take the peer's end of the connection."""
        if not self.over:
            self._cut = ending is Ending.EOF
            t_us = 0 if self.zero_us is None else now_us - self.zero_us
            self._end(trouble_of_end(self.plan, ending, self.samples.total_bytes, t_us), now_us)

    def failed(self, trouble: Trouble, now_us: int, status: int | None = None) -> None:
        """Take a failure that has a name, and the HTTP status if it came with one."""
        if not self.over:
            self._status = status
            self._end(trouble, now_us)

    def next_wakeup(self, now_us: int) -> int | None:
        """Say when patience will end; None exactly when the result is final."""
        if self.over:
            return None
        if self.zero_us is None:
            limit_us = self.attempt.start_us + HANDSHAKE_US
        else:
            last_us = self.zero_us + self.plan.duration_us + self.plan.patience_us
            limit_us = min(self.alive_us + self.plan.patience_us, last_us)
        if now_us < limit_us:
            return limit_us
        self._run_out(now_us)
        return None

    @abstractmethod
    def _run_out(self, now_us: int) -> None:
        """End by the clock."""

    def progress(self, now_us: int) -> Progress:
        """Say how far the transfer is."""
        elapsed_us = 0 if self.zero_us is None else now_us - self.zero_us
        rate_bps = self.samples.rate_bps()
        return Progress(self.NAME, elapsed_us, self.plan.duration_us, self.samples.total_bytes, rate_bps)

    def result(self) -> Measured:
        """Give what was counted, and the failure if there was one."""
        members: dict[str, Value] = {"plan": self.plan.name, "ver": self.VERSION, "flows": 1}
        members |= {"warm_us": self.plan.warm_us, "received_bytes": self.samples.total_bytes}
        if self.zero_us is None:
            members["dur_us"] = self._end_us - self.attempt.start_us
        else:
            members["connect_us"] = self.zero_us - self.attempt.start_us
            members["dur_us"] = self._end_us - self.zero_us if self._trouble else self.samples.last_us
            members |= {"t_us": list(self.samples.t_us), "bytes": list(self.samples.counts)}
        if (last := self.peer.last) is not None:
            members |= {"peer_bytes": last.count_bytes, "peer_dur_us": last.elapsed_us}
            members["counted"] = last.counted
        members |= self._wire
        if self._false_claim:
            members["peer_inconsistent"] = True
        if self._status is not None:
            members["status"] = self._status
        if self._cut:
            members["closed"] = Ending.EOF.value
        return measured(self._trouble, members)

    def _end(self, trouble: Trouble | None, now_us: int) -> None:
        self.over, self._trouble, self._end_us = True, trouble, now_us
        self.samples.close()
