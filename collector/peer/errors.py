"""Everything the peer can raise on purpose.

    PeerError
    ├── CannotStart            address taken: the program ends before it is ready
    └── Declined               a request that is not served
        ├── BadRequest         the request breaks a rule that its sender could have known
        ├── NothingHere        no such object, or faults are switched off
        ├── TooLarge           more bytes than this peer moves in one request
        ├── Busy               every place is taken; the same request may succeed later
        ├── NotAdmitted        a ticket is asked for by somebody who gets none
        ├── NoTicket           a transfer without a ticket that is good for it
        ├── OverLimit          the device has had what one device may have; says when there is more
        ├── StreamMismatch     what a probe says it received is not what was sent; carries the statement made without it
        └── StatementsFull     the disk does not take what was signed; it is kept in memory and can be asked for later

Errors carry facts; which HTTP status each becomes stands in one table in `app`.
"""

from shared.strictjson import Json


class PeerError(Exception):
    """Whatever the peer raises on purpose."""


class CannotStart(PeerError):
    """The peer cannot begin to serve; the message is for the person who started it."""


class Declined(PeerError):
    """A request that is not served; the message is for whoever sent it.

    `retry_after_s`: when the same request may succeed, 0: never; `members`: further members of the answer.
    """

    retry_after_s = 0

    def __init__(self, detail: str, **members: Json) -> None:
        super().__init__(detail)
        self.members = members


class BadRequest(Declined):
    """The request breaks a rule that its sender could have known."""


class NothingHere(Declined):
    """There is no such object."""


class TooLarge(Declined):
    """More bytes than this peer moves in one request."""


class Busy(Declined):
    """Every place for a transfer is taken."""

    retry_after_s = 5


class NotAdmitted(Declined):
    """A ticket is asked for by somebody who gets none."""


class NoTicket(Declined):
    """A transfer without a ticket that is good for it."""


class OverLimit(Declined):
    """The device has had what one device may have."""

    def __init__(self, detail: str, retry_after_s: int) -> None:
        super().__init__(detail)
        self.retry_after_s = retry_after_s


class StreamMismatch(Declined):
    """What a probe says it received is not what was sent."""


class StatementsFull(Declined):
    """The disk does not take what was signed."""

    retry_after_s = 5
