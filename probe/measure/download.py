"""The download: counts what arrives of an ndt7 stream, decides when it is over, and what it was.

Pure; the common course is `probe.measure.flow`. The count is ours, of whole messages of load. The test is
over with the first message at or after the planned time, or once the cap is reached. The peer's claims are
kept beside our count and never used for it; a false one is marked `peer_inconsistent` and changes nothing
else.
"""

from dataclasses import dataclass
from typing import ClassVar

from probe.measure.claims import Direction
from probe.measure.flow import Flow
from probe.measure.outcome import Trouble
from shared.failure import Failure, Stage

NAME: Direction = "download"
VERSION = 1


@dataclass(slots=True)
class Download(Flow):
    """One flow from the peer."""

    NAME: ClassVar[Direction] = NAME
    VERSION: ClassVar[int] = VERSION

    _texts_bytes: int = 0

    def moved(self, n_bytes: int, now_us: int) -> None:
        """Count one whole message of load."""
        if self.over or self.zero_us is None:
            return
        self.alive_us = now_us
        self.samples.add(n_bytes, now_us - self.zero_us)
        if now_us - self.zero_us >= self.plan.duration_us or self._spent():
            self._end(None, now_us)

    def _take_claim(self, message: bytes, now_us: int) -> None:
        """Keep the peer's claim; talk uses up the cap as load does, so it cannot cost more either."""
        self._texts_bytes += len(message)
        if self._spent():
            self._end(None if self.samples.total_bytes else Trouble(Failure.EOF, Stage.BODY), now_us)
        claim = self.peer.read(message)
        if claim is not None:
            self.peer.accept(claim)

    def _contradicted(self, now_us: int) -> None:
        """Go on: the count is ours."""

    def _spent(self) -> bool:
        return self.samples.total_bytes + self._texts_bytes >= self.plan.cap_bytes

    def _run_out(self, now_us: int) -> None:
        """Fail a silence; count a line that is alive but slow up to this moment, not to its last message."""
        silent = now_us - self.alive_us >= self.plan.patience_us
        if self.zero_us is None or silent or not self.samples.total_bytes:
            self._end(Trouble(Failure.TIMEOUT, self.stage), now_us)
        else:
            self.samples.add(0, now_us - self.zero_us)
            self._end(None, now_us)
