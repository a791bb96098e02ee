"""What the probe can raise on purpose, besides `shared.errors` and a method's `CouldNotRun`.

ProbeError
├── NotEnrolled      this device is bound to no line yet
├── AlreadyRunning   another agent measures from this state folder
├── StateUnusable    the state folder cannot be read or written
├── EnrolRefused     the collector did not take the code or the key
├── RotationRefused  the collector did not take a new key in the old one's place
├── CollectorSilent  the collector could not be reached, or answered what no collector answers
└── ForeignChain     what the collector says of this device's chain cannot be true, or is another device's
"""

from shared.errors import SpeedproofError


class ProbeError(SpeedproofError):
    """Whatever the probe raises on purpose."""


class NotEnrolled(ProbeError):
    """This device is bound to no line yet."""


class AlreadyRunning(ProbeError):
    """Another agent measures from this state folder."""


class StateUnusable(ProbeError):
    """The state folder cannot be read or written."""


class EnrolRefused(ProbeError):
    """The collector did not take the code or the key."""


class RotationRefused(ProbeError):
    """The collector did not take a new key in the old one's place."""


class CollectorSilent(ProbeError):
    """The collector could not be reached, or answered what no collector answers; `sent_bytes` were on their way to it."""

    def __init__(self, words: str, sent_bytes: int = 0) -> None:
        super().__init__(words)
        self.sent_bytes = sent_bytes


class ForeignChain(ProbeError):
    """What the collector says of this device's chain cannot be true, or is another device's."""
