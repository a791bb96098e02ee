"""The upload: decides what to send over an ndt7 stream, and takes its result from the peer's count alone.

Pure; the common course is `probe.measure.flow`. A sender knows what it gave to its socket, not what arrived;
so `t_us`, `bytes`, `received_bytes` and `dur_us` are the peer's, from its messages, and `sent_bytes` stands
beside them. The test is over when sending is over and the peer has counted up to the planned time or all that
was sent; without any count above zero it is a failure, whatever was sent.

A claim must agree with the claims before it (`probe.measure.claims`) and be possible: no byte is counted
before it was sent, and the peer's clock is not ahead of the attempt. One that is not ends the test as
`json_parse_error` with `peer_inconsistent`: a peer that was wrong once gives no rate at all.
"""

from dataclasses import dataclass, field
from typing import ClassVar

from probe.measure.claims import Claim, Direction, FalseClaim
from probe.measure.flow import Flow
from probe.measure.outcome import Measured, Trouble
from probe.measure.samples import Samples
from shared.failure import Failure, Stage

NAME: Direction = "upload"
VERSION = 1
FIRST_MESSAGE_BYTES = 1 << 10  # ndt7's least, below its usual 2^13: a very slow line shows a count the sooner
LARGEST_MESSAGE_BYTES = 1 << 16  # ndt7 allows 2^24; larger ones cost more CPU and hide more of a slow line
CLOCK_SLACK_US = 250_000  # a loaded peer may start its clock this much after its handshake
HEADERS_SHARE = 16  # the kernel's count includes at most a sixteenth of headers ...
HEADERS_BYTES = 65_536  # ... and the handshake


@dataclass(slots=True)
class Upload(Flow):
    """One flow to the peer."""

    NAME: ClassVar[Direction] = NAME
    VERSION: ClassVar[int] = VERSION

    _given: Samples = field(default_factory=Samples)
    _message_bytes: int = FIRST_MESSAGE_BYTES

    def to_send(self, now_us: int) -> int:
        """Give the size of the message to send now; 0 when there is none to send any more."""
        if self.zero_us is None or self.over or self._all_given(now_us):
            return 0
        # ndt7: double while no larger than a sixteenth of what was sent.
        if self._message_bytes <= min(self._given.total_bytes // 16, LARGEST_MESSAGE_BYTES // 2):
            self._message_bytes *= 2
        self._given.add(self._message_bytes, now_us - self.zero_us)
        return self._message_bytes

    def moved(self, n_bytes: int, now_us: int) -> None:
        """Refuse load from the peer, which ndt7 forbids in an upload."""
        self.failed(Trouble(Failure.UNKNOWN, Stage.BODY, f"{n_bytes} bytes of load from the peer"), now_us)

    def _take_claim(self, message: bytes, now_us: int) -> None:
        claim = self.peer.read(message)
        if claim is None:
            return
        self._check_possible(claim, now_us)
        if claim.count_bytes > self.samples.total_bytes:
            self.alive_us = now_us
        self.peer.accept(claim)
        self.samples.reach(claim.count_bytes, claim.elapsed_us)
        all_arrived = claim.count_bytes >= self._given.total_bytes
        all_counted = all_arrived or claim.elapsed_us >= self.plan.duration_us
        if claim.count_bytes and all_counted and self._all_given(now_us):
            self._end(None, now_us)

    def _check_possible(self, claim: Claim, now_us: int) -> None:
        """Refuse a count of bytes not sent by then, and a clock ahead of ours."""
        possible_bytes = self._given.most_at(claim.elapsed_us + CLOCK_SLACK_US)
        if claim.counted == "tcp":
            possible_bytes += possible_bytes // HEADERS_SHARE + HEADERS_BYTES
        if claim.count_bytes > possible_bytes:
            reason = "the peer counts bytes before they were sent"
            raise FalseClaim(reason)
        if claim.elapsed_us > now_us - self.attempt.start_us + CLOCK_SLACK_US:
            reason = "the peer's clock is ahead of the test"
            raise FalseClaim(reason)

    def _contradicted(self, now_us: int) -> None:
        self._end(Trouble(Failure.JSON_PARSE, Stage.BODY), now_us)

    def _all_given(self, now_us: int) -> bool:
        elapsed_us = 0 if self.zero_us is None else now_us - self.zero_us
        return elapsed_us >= self.plan.duration_us or self._given.total_bytes >= self.plan.cap_bytes

    def _run_out(self, now_us: int) -> None:
        """Fail a silence; at the last moment let the peer's count stand, if there is one."""
        silent = now_us - self.alive_us >= self.plan.patience_us
        timeout = Trouble(Failure.TIMEOUT, self.stage)
        self._end(timeout if self.zero_us is None or silent or not self.samples.total_bytes else None, now_us)

    def result(self) -> Measured:
        """Give what the peer counted, beside what was given to the socket."""
        # By name: a slotted dataclass is a second class, which a bare super() does not find.
        joined = Flow.result(self)
        return type(joined)(joined.end, {**joined.members, "sent_bytes": self._given.total_bytes})
