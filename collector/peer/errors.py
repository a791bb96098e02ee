"""Everything the peer can raise on purpose.

    PeerError
    ├── CannotStart            address taken: the program ends before it is ready
    └── Declined               a request that is not served
        ├── BadRequest         the request breaks a rule that its sender could have known
        ├── NothingHere        no such object, or faults are switched off
        ├── TooLarge           more bytes than this peer moves in one request
        └── Busy               every place is taken; the same request may succeed later

Errors carry facts; which HTTP status each becomes stands in one table in `app`.
"""


class PeerError(Exception):
    """Whatever the peer raises on purpose."""


class CannotStart(PeerError):
    """The peer cannot begin to serve; the message is for the person who started it."""


class Declined(PeerError):
    """A request that is not served; the message is for whoever sent it."""


class BadRequest(Declined):
    """The request breaks a rule that its sender could have known."""


class NothingHere(Declined):
    """There is no such object."""


class TooLarge(Declined):
    """More bytes than this peer moves in one request."""


class Busy(Declined):
    """Every place for a transfer is taken."""
