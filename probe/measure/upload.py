"""The upload: decides what to send, and takes its result from the peer's count alone.

Pure; the common course is `probe.measure.flows`. A sender knows what it gave to its socket, not what arrived; so
samples, `received_bytes` and `dur_us` are the peer's, from its messages, and `sent_bytes` stands beside them. The test
is over when sending is over and the peer has counted all of it, or has closed; without any count above zero it is a
failure, whatever was sent.

A claim must agree with the claims before it (`probe.measure.claims`) and be possible: no byte is counted before it was
sent, and the peer's clock is not ahead of the attempt. One that is not ends the test as `json_parse_error` with
`peer_inconsistent`: a peer that was wrong once gives no rate at all.
"""

from dataclasses import dataclass
from typing import ClassVar

from probe.measure.burst import BURST_AT, BURST_BYTES
from probe.measure.claims import Claim, Direction, FalseClaim
from probe.measure.flow import Flow
from probe.measure.flows import Flows
from probe.measure.outcome import Measured, Trouble
from probe.measure.transfer import PLANS as PLANS
from probe.measure.transfer import WAKE_BYTES, WAKE_EVERY_US, Protocol
from shared.failure import Failure, Stage

NAME: Direction = "upload"
VERSION = 2
FIRST_MESSAGE_BYTES = 1 << 10  # ndt7's least, below its usual 2^13: a very slow line shows a count the sooner
LARGEST_MESSAGE_BYTES = 1 << 16  # ndt7 allows 2^24; larger ones cost more CPU and hide more of a slow line
MESSAGE_US = 20_000  # a message lasts at most about this long, so that little is left over when sending stops
CLOCK_SLACK_US = 250_000  # a loaded peer may start its clock this much after its handshake
TALK_LIMIT_BYTES = 1 << 21  # of everything a peer says; twice what its texts may be
HEADERS_SHARE = 16  # the kernel's count includes at most a sixteenth of headers ...
HEADERS_BYTES = 65_536  # ... and the handshake


@dataclass(frozen=True, slots=True)
class Step:
    """What a flow's sender does next: give this many bytes, or wait until then; neither: it is done."""

    n_bytes: int = 0
    wait_us: int | None = None


DONE = Step()


@dataclass(slots=True)
class Upload(Flows):
    """Load to the peer."""

    NAME: ClassVar[Direction] = NAME
    VERSION: ClassVar[int] = VERSION

    _talk_bytes: int = 0

    @property
    def text_us(self) -> int:
        """As often as there is to be a sample: they are made of what the peer says."""
        return self.plan.spacing_us

    @property
    def allowance_bytes(self) -> int:
        """How much may still be taken from the peer, which here only talks."""
        return max(TALK_LIMIT_BYTES - self._talk_bytes, 0)

    def talked(self, n_bytes: int, now_us: int) -> None:
        """Refuse talk without end."""
        self._talk_bytes += n_bytes
        if not self.allowance_bytes and not self.over:
            self._end(Trouble(Failure.UNKNOWN, Stage.BODY, "talk without end from the peer"), now_us)

    def step(self, number: int, now_us: int) -> Step:
        """Say what a flow's sender is to do now."""
        flow = self.flows[number]
        if self.over or flow.ended or flow.zero_us is None or self.zero_us is None or self.unwanted(number):
            return DONE
        if self._all_given(flow, now_us):
            return DONE
        t_us = now_us - self.zero_us
        if t_us < self.wake_us:
            due_us = self.zero_us + flow.trickled * WAKE_EVERY_US
            if now_us < due_us:
                return Step(wait_us=min(due_us, self.zero_us + self.wake_us))
            n_bytes = BURST_BYTES if self.plan.asks_for_bursts(number) and flow.trickled in BURST_AT else WAKE_BYTES
            flow.trickled = t_us // WAKE_EVERY_US + 1
        else:
            n_bytes = self._message_bytes(flow)
        n_bytes = min(n_bytes, self.plan.flow_cap_bytes - flow.given.total_bytes)
        flow.given.add(n_bytes, t_us)
        return Step(n_bytes)

    @staticmethod
    def _message_bytes(flow: Flow) -> int:
        """The size of the next message: it doubles while no larger than a sixteenth of what was sent (ndt7)."""
        size = flow.message_bytes = flow.message_bytes or FIRST_MESSAGE_BYTES
        if size <= min(flow.given.total_bytes // 16, LARGEST_MESSAGE_BYTES // 2):
            flow.message_bytes *= 2
        if flow.crossing_bps is not None:
            soon_bytes = max(flow.crossing_bps * MESSAGE_US // 8_000_000, FIRST_MESSAGE_BYTES)
            flow.message_bytes = min(flow.message_bytes, 1 << (soon_bytes.bit_length() - 1))
        return flow.message_bytes

    def moved(self, number: int, n_bytes: int, now_us: int) -> None:
        """Refuse load from the peer, which the protocols forbid in an upload."""
        self.failed(number, Trouble(Failure.UNKNOWN, Stage.BODY, f"{n_bytes} bytes of load from the peer"), now_us)

    def wants_close(self, number: int) -> bool:
        """Whether a flow should be closed by us: in throughput1 the sender closes, once it has sent all."""
        flow = self.flows[number]
        if flow.ended or flow.zero_us is None:
            return False
        if self.unwanted(number):
            return True
        ours = self.plan.protocol is Protocol.THROUGHPUT1
        return self.stopped_us is not None or (ours and flow.given.total_bytes >= self.plan.flow_cap_bytes)

    def _take_text(self, flow: Flow, message: bytes, now_us: int) -> None:
        claim = flow.peer.read(message)
        if claim is None or flow.zero_us is None or self.zero_us is None:
            return
        since_us = flow.zero_us - self.zero_us  # the peer counts from this flow's handshake, we from the first one's
        self._check_possible(flow, claim, since_us, now_us)
        if claim.count_bytes > flow.samples.total_bytes:
            self.alive_us = now_us
        flow.peer.accept(claim)
        t_us = claim.elapsed_us + since_us
        held_bytes = 0 if claim.kernel is None else self._held_by(flow, claim.kernel, t_us)
        held_bytes = min(held_bytes, flow.given.total_bytes - min(claim.count_bytes, flow.given.total_bytes))
        flow.samples.reach(claim.count_bytes, t_us, held_bytes)
        if flow is self.flows[0] and not self.decided:
            self.burst.note(t_us, claim.count_bytes)
        self._look(now_us)
        if claim.count_bytes and self._all_given(flow, now_us):
            late = claim.elapsed_us >= self.plan.duration_us and self.plan.protocol is Protocol.NDT7
            if late or claim.count_bytes >= flow.given.total_bytes:
                self._flow_ended(flow, now_us)

    @staticmethod
    def _check_possible(flow: Flow, claim: Claim, since_us: int, now_us: int) -> None:
        """Refuse a count of bytes not sent by then, and a clock ahead of ours."""
        possible_bytes = flow.given.most_at(claim.elapsed_us + since_us + CLOCK_SLACK_US)
        if claim.counted == "tcp":
            possible_bytes += possible_bytes // HEADERS_SHARE + HEADERS_BYTES
        if claim.count_bytes > possible_bytes:
            reason = "the peer counts bytes before they were sent"
            raise FalseClaim(reason)
        if claim.elapsed_us > now_us - flow.attempt.start_us + CLOCK_SLACK_US:
            reason = "the peer's clock is ahead of the test"
            raise FalseClaim(reason)

    def _contradicted(self, now_us: int) -> None:
        self._end(Trouble(Failure.JSON_PARSE, Stage.BODY), now_us)

    def _all_given(self, flow: Flow, now_us: int) -> bool:
        t_us = 0 if self.zero_us is None else now_us - self.zero_us
        planned = t_us >= self.plan.duration_us or flow.given.total_bytes >= self.plan.flow_cap_bytes
        if planned and self.plan.protocol is Protocol.THROUGHPUT1 and t_us >= self.plan.duration_us:
            self.stop(now_us)
        return planned or self.stopped_us is not None

    def result(self) -> Measured:
        """Give what the peer counted, beside what was given to the sockets."""
        # By name: a slotted dataclass is a second class, which a bare super() does not find.
        joined = Flows.result(self)
        given = sum(flow.given.total_bytes for flow in self.flows)
        return type(joined)(joined.end, {**joined.members, "sent_bytes": given})
