"""The download: counts what arrives, decides when it is over, and what it was.

Pure; the common course is `probe.measure.flows`. The count is ours, of the load in whatever pieces it arrives. The cap
is hard: `allowance` says how much may still be read, and a transfer that has reached the cap is over. The peer's claims
are kept beside our count and never used for it; a false one is marked `peer_inconsistent` and changes nothing else.
"""

from dataclasses import dataclass
from typing import ClassVar

from probe.measure.claims import Direction
from probe.measure.flow import Flow
from probe.measure.flows import Flows
from probe.measure.held import Kernel
from probe.measure.outcome import Trouble
from probe.measure.transfer import PLANS as PLANS
from shared.failure import Failure, Stage

NAME: Direction = "download"
VERSION = 2
TEXT_US = 1_000_000


@dataclass(slots=True)
class Download(Flows):
    """Load from the peer."""

    NAME: ClassVar[Direction] = NAME
    VERSION: ClassVar[int] = VERSION

    _taken_bytes: int = 0  # load and talk together

    @property
    def text_us(self) -> int:
        """Now and then: the count is ours, and what the peer says costs the customer too."""
        return TEXT_US

    @property
    def allowance_bytes(self) -> int:
        """How much may still be taken, load and talk together."""
        return max(self.plan.cap_bytes - self._taken_bytes, 0)

    @property
    def in_trouble(self) -> bool:
        """Whether it ended in a way that lets nothing more be taken from the peer."""
        return self._trouble is not None or not self.allowance_bytes

    def moved(self, number: int, n_bytes: int, now_us: int) -> None:
        """Count load of one flow."""
        flow = self.flows[number]
        self._taken_bytes += n_bytes
        if self.over or self.zero_us is None or flow.ended:
            return
        self.alive_us = now_us
        flow.samples.add(n_bytes, now_us - self.zero_us)
        if number == 0 and not self.decided:
            self.burst.note(now_us - self.zero_us, flow.samples.total_bytes)
        if not self.allowance_bytes:
            self._end(None, now_us)

    def looked(self, number: int, kernel: Kernel, now_us: int) -> None:
        """Take what our kernel has counted of a flow by now; what has not been counted by now has not arrived."""
        flow = self.flows[number]
        self.heard(number, kernel.in_order_bytes, now_us)
        if self.over or self.zero_us is None or flow.zero_us is None or flow.ended:
            return
        t_us = now_us - self.zero_us
        flow.samples.reach(flow.samples.total_bytes, t_us, self._held_by(flow, kernel, t_us))
        self._look(now_us)

    def talked(self, n_bytes: int, now_us: int) -> None:
        """Count talk: it uses up the cap as load does, so it cannot cost more either."""
        self._taken_bytes += n_bytes
        if not self.allowance_bytes and not self.over:
            self._end(None if self.total_bytes else Trouble(Failure.EOF, Stage.BODY), now_us)

    def _take_text(self, flow: Flow, message: bytes, now_us: int) -> None:
        """Keep the peer's claim."""
        del now_us
        claim = flow.peer.read(message)
        self.congestion |= flow.peer.congestion
        if claim is not None:
            flow.peer.accept(claim)

    def _contradicted(self, now_us: int) -> None:
        """Go on: the count is ours."""
