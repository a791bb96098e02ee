"""One connection of a transfer: its way to the first byte, what crossed it, what its peer says, how it ended.

Pure state, told what happened and when; what follows from it for the transfer as a whole is decided in
`probe.measure.flows`.
"""

from dataclasses import dataclass, field

from probe.measure.attempt import Attempt
from probe.measure.claims import PeerCount
from probe.measure.held import Held
from probe.measure.samples import SPACING_US, Samples
from shared.failure import Stage


@dataclass(slots=True)
class Flow:
    """One connection; `samples` is the count that the result stands on, `given` what an upload handed to the socket."""

    peer: PeerCount
    samples: Samples
    given: Samples
    attempt: Attempt = field(default_factory=Attempt)
    zero_us: int | None = None  # its own finished handshake, by the caller's clock
    held: Held = field(default_factory=Held)
    heard_bytes: int = 0
    wire: tuple[int, int] | None = None
    ended: bool = False
    cut: bool = False  # the peer ended it without a closing frame
    false_claim: bool = False
    status: int | None = None
    message_bytes: int = 0  # the size of the messages sent now
    trickled: int = 0  # messages of the trickle so far
    crossing_bps: int | None = None  # the rate of the moment by the kernel's count
    _mark: tuple[int, int] = (0, 0)

    @property
    def stage(self) -> Stage:
        """The stage the connection is in."""
        return self.attempt.stage

    @property
    def round_trip_us(self) -> int | None:
        """How long the handshake of TCP took: at least one round trip, more if the radio had to wake."""
        return self.attempt.spent_us.get(Stage.CONNECT)

    def grew(self, kernel_bytes: int, now_us: int) -> bool:
        """Whether the kernel's own count has grown: bytes show there before a count of ours does."""
        since_us, since_bytes = self._mark
        if now_us - since_us >= SPACING_US:
            self.crossing_bps = 8_000_000 * max(kernel_bytes - since_bytes, 0) // (now_us - since_us)
            self._mark = (now_us, kernel_bytes)
        grown = kernel_bytes > self.heard_bytes
        self.heard_bytes = max(kernel_bytes, self.heard_bytes)
        return grown
