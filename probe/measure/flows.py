"""What a transfer of either direction goes through: handshakes, signs of life, a stop, an end, a result.

Pure: told what happened on which of its flows, and when. t = 0 is the first finished handshake, for all flows. A silence
of all flows as long as the plan's patience fails the transfer, and so does the failure of any one flow; a sign of life is
a count that grew, or growth of the kernel's own count (`heard`). The peer ends each flow at the planned time; one that
does not is asked to stop (`wants_close`), and what was under way is still counted. A line that has died shortly before the
planned end, or while that came, brings neither an end nor bytes, and the transfer fails after all.

`dur_us` is the time from t = 0 to the last byte counted, by the clock of whoever counted, and `gave_up_us` that until a
transfer that failed was given up; without a handshake `dur_us` is that, from the start of the attempt. `received_bytes` is
everything counted; the rate is that of a window (`warm_us`, `until_us`), by the rule in `shared.kpi`.
"""

from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from typing import ClassVar

from probe.measure.burst import BURST_BYTES, DECIDED_US, NOTICE_US, Burst
from probe.measure.claims import Direction, FalseClaim, PeerCount
from probe.measure.flow import Flow
from probe.measure.grid import Grid
from probe.measure.held import Held, Kernel
from probe.measure.outcome import Measured, Progress, Trouble, Value, measured
from probe.measure.samples import Samples
from probe.measure.steady import GRID_US, Estimate, known_estimate
from probe.measure.tally import interval_members, peer_members, series_members, wire_members
from probe.measure.transfer import (
    HANDSHAKE_US,
    LEAST_RAMP_US,
    OVERTIME_US,
    QUIET_US,
    Ending,
    TransferPlan,
    trouble_of_end,
)
from shared.failure import Failure, Stage


@dataclass(slots=True)
class Flows(ABC):
    """One transfer over the plan's number of flows."""

    NAME: ClassVar[Direction]
    VERSION: ClassVar[int] = 2

    plan: TransferPlan
    name: str = "0"
    over: bool = False
    flows: list[Flow] = field(init=False)
    zero_us: int | None = None
    start_us: int = 0
    alive_us: int = 0
    stopped_us: int | None = None
    found: Estimate | None = None
    congestion: set[str] = field(default_factory=set)
    grid: Grid = field(default_factory=Grid)
    burst: Burst = field(default_factory=Burst)
    alone: bool = False  # the line is too slow for more than the first flow
    decided: bool = False  # how many flows carry load
    _wake_us: int | None = None
    _end_us: int = 0
    _trouble: Trouble | None = None

    def __post_init__(self) -> None:
        """Make room for the flows."""
        spacing_us = self.plan.spacing_us
        self.flows = [
            Flow(PeerCount(self.NAME, self.plan.protocol), Samples(spacing_us), Samples(spacing_us))
            for _ in range(self.plan.flows)
        ]

    def start(self, now_us: int) -> None:
        """Begin the attempts to connect."""
        self.start_us = now_us
        for flow in self.flows:
            flow.attempt.start(now_us)

    def entered(self, number: int, stage: Stage, now_us: int) -> None:
        """Take the news that a flow's connection has come to its next stage."""
        self.flows[number].attempt.enter(stage, now_us)

    @property
    def wake_us(self) -> int:
        """How long the trickle lasts, from t = 0; settled when it is first asked for."""
        if self._wake_us is None:
            times_us = [flow.round_trip_us for flow in self.flows if flow.round_trip_us is not None]
            self._wake_us = self.plan.wake_us(min(times_us, default=0))
        return self._wake_us

    def query(self, number: int) -> dict[str, str]:
        """What a flow asks of the peer in its handshake."""
        bursts = {"burst_bytes": str(BURST_BYTES)} if self.plan.asks_for_bursts(number) else {}
        return self.plan.query(self.name, self.wake_us, self.text_us) | bursts

    def opened(self, number: int, now_us: int) -> None:
        """Take a flow's finished handshake: the first is t = 0."""
        flow = self.flows[number]
        flow.attempt.enter(Stage.BODY, now_us)
        flow.zero_us = self.alive_us = now_us
        if self.zero_us is None:
            self.zero_us = now_us

    @property
    @abstractmethod
    def text_us(self) -> int:
        """How often the peer is to say what it counted."""

    @abstractmethod
    def moved(self, number: int, n_bytes: int, now_us: int) -> None:
        """Take load from the peer, in whatever pieces it arrives."""

    def text(self, number: int, message: bytes, now_us: int) -> None:
        """Take a message of the peer's about what it counted."""
        flow = self.flows[number]
        if self.over or flow.zero_us is None:
            return
        try:
            self._take_text(flow, message, now_us)
        except FalseClaim:
            flow.false_claim = True
            self._contradicted(now_us)

    @abstractmethod
    def talked(self, n_bytes: int, now_us: int) -> None:
        """Take bytes from the peer that are no load: texts, control frames, heads of frames."""

    @abstractmethod
    def _take_text(self, flow: Flow, message: bytes, now_us: int) -> None:
        """Read a message of the peer's and use it as this direction does."""

    @abstractmethod
    def _contradicted(self, now_us: int) -> None:
        """Draw the consequence of a claim that cannot be true."""

    def heard(self, number: int, kernel_bytes: int, now_us: int) -> None:
        """Take the kernel's count of what has crossed a connection in the direction measured."""
        if self.flows[number].grew(kernel_bytes, now_us):
            self.alive_us = now_us

    def crossed(self, number: int, rx_bytes: int, tx_bytes: int) -> None:
        """Take the kernel's last counts of a connection, both ways; 0 is what it does not say."""
        self.flows[number].wire = (rx_bytes, tx_bytes) if rx_bytes and tx_bytes else None

    def closed(self, number: int, ending: Ending, now_us: int) -> None:
        """Take the peer's end of a connection."""
        flow = self.flows[number]
        if self.over or flow.ended:
            return
        flow.cut = ending is Ending.EOF and not self.unwanted(number)
        t_us = 0 if self.zero_us is None else now_us - self.zero_us
        trouble = trouble_of_end(self.plan, ending, flow.samples.total_bytes, t_us)
        forgiven = self.unwanted(number) or (self.stopped_us is not None and flow.samples.total_bytes)
        if trouble is not None and not forgiven:
            self._end(trouble, now_us)
        else:
            self._flow_ended(flow, now_us)

    def failed(self, number: int, trouble: Trouble, now_us: int, status: int | None = None) -> None:
        """Take a failure that has a name, and the HTTP status if it came with one."""
        flow = self.flows[number]
        if self.over or flow.ended:
            return
        if self.unwanted(number):
            self._flow_ended(flow, now_us)
        else:
            flow.status = status
            self._end(trouble, now_us)

    def wants_close(self, number: int) -> bool:
        """Whether a flow that is still open should be asked to end."""
        return (self.stopped_us is not None or self.unwanted(number)) and not self.flows[number].ended

    def unwanted(self, number: int) -> bool:
        """Whether a flow is not to carry load."""
        return self.alone and number > 0

    @property
    def _loaded(self) -> list[Flow]:
        return self.flows[:1] if self.alone else self.flows

    def stop(self, now_us: int) -> None:
        """Ask the peer to end; what is under way still counts."""
        if self.stopped_us is None:
            self.stopped_us = now_us

    @property
    def in_trouble(self) -> bool:
        """Whether it ended in a way that lets nothing more be taken from the peer."""
        return self._trouble is not None

    def look_us(self, now_us: int) -> int:
        """How long until the kernel is to be asked again: soon while the load grows or is about to be known."""
        t_us = 0 if self.zero_us is None else now_us - self.zero_us
        grows = self.plan.light or self.wake_us <= t_us < max(self.plan.warm_us, LEAST_RAMP_US)
        return min(GRID_US if grows else self.plan.spacing_us, self.plan.spacing_us)

    def in_full_flow(self, now_us: int) -> bool:
        """Whether load is under way and its end is not near."""
        if self.plan.light or self.zero_us is None or self.stopped_us is not None:
            return False
        return self.wake_us <= now_us - self.zero_us < self.plan.duration_us - OVERTIME_US

    def _flow_ended(self, flow: Flow, now_us: int) -> None:
        flow.ended = True
        if all(one.ended for one in self._loaded):
            self._end(None, now_us)

    def next_wakeup(self, now_us: int) -> int | None:
        """Say when patience will end, or it is time to stop; None exactly when the result is final."""
        if self.over:
            return None
        if any(flow.zero_us is None for flow in self._loaded):
            limits_us = [self.start_us + HANDSHAKE_US]
        else:
            limits_us = [self.alive_us + self.plan.patience_us]
        if self.zero_us is not None:
            self._decide(now_us - self.zero_us)
            due_us = self.zero_us + self.plan.duration_us + OVERTIME_US
            if now_us >= due_us:
                self.stop(due_us)
            limits_us.append(due_us if self.stopped_us is None else self._drained_us(self.stopped_us, now_us))
        if now_us < min(limits_us):
            return min(limits_us)
        self._run_out(now_us)
        return None

    def _decide(self, t_us: int) -> None:
        """Go on with the first flow alone if the line has shown that it is slow."""
        if not self.decided and self.plan.asks_for_bursts(0) and t_us >= DECIDED_US:
            self.decided = True
            self.alone = self.wake_us >= DECIDED_US + NOTICE_US and not self.burst.fast

    def _held_by(self, flow: Flow, kernel: Kernel, t_us: int) -> int:
        """What a flow's receiver holds back; nothing while it trickles, in segments of all sizes."""
        if t_us < self.wake_us:
            flow.held = Held()
            return 0
        return flow.held.look(kernel)

    def _drained_us(self, stopped_us: int, now_us: int) -> int:
        """Until when to wait for what is under way; a silence that has begun by then is waited out, for the line may be dead."""
        quiet = now_us - self.alive_us >= QUIET_US
        return max(stopped_us, self.alive_us if quiet else stopped_us) + self.plan.close_us

    def _run_out(self, now_us: int) -> None:
        """Fail a silence; count a line that is alive but slow."""
        silent = now_us - self.alive_us >= self.plan.close_us
        opening = next((flow for flow in self._loaded if flow.zero_us is None), None)
        stage = Stage.BODY if opening is None else opening.stage
        empty = not all(flow.samples.total_bytes for flow in self._loaded)
        self._end(Trouble(Failure.TIMEOUT, stage) if opening or silent or empty else None, now_us)

    def _look(self, now_us: int) -> None:
        """Stop a light plan as soon as its rate is known."""
        if self.plan.light and self.stopped_us is None and self.grid.advance([flow.samples for flow in self.flows]):
            self.found = known_estimate(self.grid.points, self._round_trip_us)
            if self.found is not None:
                self.stop(now_us)

    @property
    def _round_trip_us(self) -> int:
        return min((flow.round_trip_us for flow in self.flows if flow.round_trip_us is not None), default=0)

    @property
    def total_bytes(self) -> int:
        """Everything counted so far."""
        return sum(flow.samples.total_bytes for flow in self.flows)

    def progress(self, now_us: int) -> Progress:
        """Say how far the transfer is."""
        elapsed_us = 0 if self.zero_us is None else now_us - self.zero_us
        rate_bps = sum(flow.samples.rate_bps() for flow in self.flows)
        return Progress(self.NAME, elapsed_us, self.plan.duration_us, self.total_bytes, rate_bps)

    def result(self) -> Measured:
        """Give what was counted, and the failure if there was one."""
        members: dict[str, Value] = {"plan": self.plan.name, "ver": self.VERSION, "flows": len(self._loaded)}
        members |= {"protocol": self.plan.protocol.value, "received_bytes": self.total_bytes}
        members["warm_us"] = self.plan.warm_us
        if self.zero_us is None:
            members["dur_us"] = self._end_us - self.start_us
        else:
            members["connect_us"] = self.zero_us - self.start_us
            grown_us = max(flow.samples.grown_us for flow in self.flows)
            members["dur_us"] = grown_us
            if self._trouble is not None:
                members["gave_up_us"] = self._end_us - self.zero_us
            members |= series_members(self._loaded)
            if self._trouble is None:
                self.grid.advance([flow.samples for flow in self._loaded])
                members |= interval_members(self.plan, self._loaded, self.grid.points, self.found, self._round_trip_us)
        if self.plan.gentle:
            members |= {"wake_us": self.wake_us, "flows_opened": sum(flow.zero_us is not None for flow in self.flows)}
        members |= peer_members(self.flows, self.congestion) | wire_members(self.flows)
        return measured(self._trouble, members)

    def _end(self, trouble: Trouble | None, now_us: int) -> None:
        self.over, self._trouble, self._end_us = True, trouble, now_us
        for flow in self.flows:
            flow.samples.close()
