"""The way to the first byte: which stage a connection is in, since when, and how long each stage took.

Pure: told of each stage by whoever watches the connection. The stages and their order are those of
`shared.failure.Stage`. A stage that was never entered has no length, which is not the same as a length of
zero.
"""

from dataclasses import dataclass, field

from shared.failure import Stage

ORDER = tuple(Stage)


@dataclass(slots=True)
class Attempt:
    """One connection attempt, from its start until the body begins."""

    start_us: int = 0
    since_us: int = 0
    stage: Stage = Stage.CONNECT
    spent_us: dict[Stage, int] = field(default_factory=dict)

    def start(self, now_us: int) -> None:
        """Begin with connecting: an address in place of a name need not be looked up."""
        self.start_us = self.since_us = now_us

    def enter(self, stage: Stage, now_us: int) -> None:
        """Leave one stage for the next; a step back (connecting turns out to need a name) ends no stage."""
        if ORDER.index(stage) > ORDER.index(self.stage):
            self.spent_us[self.stage] = now_us - self.since_us
        self.stage, self.since_us = stage, now_us
