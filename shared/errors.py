"""Everything `shared` can raise.

    SpeedproofError
    ├── Malformed            bytes that are not in the format they claim (also a ValueError)
    ├── NoKey                no way to sign or verify on this machine
    ├── NoTool               something that is asked for needs a package that is not installed
    └── Refused              a batch or statement that must not be taken; names the step that failed
        ├── TooLarge         step 1   more bytes than the format allows
        ├── BadMediaType     step 1   not announced as a batch
        ├── BadFormat        2, 5, 7  not in the strict JSON profile, or not of the right shape
        ├── UnknownKey       step 3   signed with a key nobody enrolled
        ├── RevokedKey       step 3
        ├── FrozenKey        step 3   the key forked its chain and waits for a new enrolment
        ├── BadSignature     step 4
        ├── BadStatement     5, 8     signed, but says something that cannot be
        ├── BadDigest        step 6   the records are not the ones that were signed
        ├── BadBeacon        step 10
        ├── ChainFork        11, 12   two different batches of one number, or another predecessor
        └── ChainGap         11, 13   a batch or a sequence number is missing before this one

Steps are those of the table of answers in FORMAT.md. Errors carry facts; what a status or an exit code they become is
decided where they are answered.
"""

from collections.abc import Mapping
from dataclasses import dataclass


class SpeedproofError(Exception):
    """Whatever this project raises on purpose."""


class Malformed(SpeedproofError, ValueError):
    """Bytes that are not in the format they claim to be in."""


class NoKey(SpeedproofError):
    """A key that is needed is not there or cannot be used."""


class NoTool(SpeedproofError):
    """What is asked for needs a package that is not installed; the message says which."""


@dataclass(frozen=True, slots=True)
class Expected:
    """What a chain waits for: enough for a probe to resume."""

    batch: int
    seq: int
    head: str


class Refused(SpeedproofError):
    """A batch or statement that must not be taken.

    `step` is the number of the check that failed, `error` its published name, `detail` a sentence for people,
    `expected` (409 only) what the chain waits for, `whose` by what the batch is found again, once that is known.
    """

    error = "refused"

    def __init__(self, step: int, detail: str, expected: Expected | None = None) -> None:
        super().__init__(f"step {step}, {self.error}: {detail}")
        self.step = step
        self.detail = detail
        self.expected = expected
        self.whose: Mapping[str, str | int] = {}


class TooLarge(Refused):
    """More bytes than the format allows."""

    error = "too_large"


class BadMediaType(Refused):
    """Announced as something that is not taken here."""

    error = "bad_media_type"


class BadFormat(Refused):
    """Not in the strict JSON profile, or not of the right shape."""

    error = "bad_format"


class UnknownKey(Refused):
    """Signed with a key nobody enrolled."""

    error = "unknown_key"


class RevokedKey(Refused):
    """Signed with a key that was revoked before."""

    error = "revoked_key"


class FrozenKey(Refused):
    """Signed with a key that forked its chain."""

    error = "frozen_key"


class BadSignature(Refused):
    """The signature does not fit what was signed."""

    error = "bad_signature"


class BadStatement(Refused):
    """Signed, but says something that cannot be."""

    error = "bad_statement"


class BadDigest(Refused):
    """The records are not the ones that were signed."""

    error = "bad_digest"


class BadBeacon(Refused):
    """The checkpoint inside the batch is not what its witness signed."""

    error = "bad_beacon"


class ChainFork(Refused):
    """Two different batches of one number, or another predecessor than the head."""

    error = "chain_fork"


class ChainGap(Refused):
    """A batch or a sequence number is missing before this one."""

    error = "chain_gap"
