"""Why a collector was not reached, in words a person can act on. Decides nothing; the failure's name comes from one table."""

import ssl
from datetime import UTC, datetime

from probe.net.failures import name_of
from shared.failure import Failure, Stage

_NO_NETWORK = "there is no network now: is mobile data or Wi-Fi switched on?"
_NO_COLLECTOR = "whatever answered is no collector: check the address, also http:// or https:// and the port"
REMEDIES = {
    Failure.CONNECTION_REFUSED: "nothing listens there: check the port, and whether the collector runs",
    Failure.HOST_UNREACHABLE: _NO_NETWORK,
    Failure.NETWORK_UNREACHABLE: _NO_NETWORK,
    Failure.NETWORK_DOWN: _NO_NETWORK,
    Failure.TIMEOUT: "nothing came back: check the network, then the address",
    Failure.DNS_NXDOMAIN: "nobody knows this name: check the address for a typing mistake",
    Failure.DNS_NO_ANSWER: "nobody knows this name: check the address for a typing mistake",
    Failure.DNS_ANDROID_NO_DATA: "the name is not found: check the network, then the address for a typing mistake",
    Failure.DNS_TEMPORARY: "names cannot be looked up: is mobile data or Wi-Fi switched on?",
    Failure.TLS_INVALID_HOSTNAME: "its certificate is for another name: use exactly the address you were given",
    Failure.TLS_UNKNOWN_AUTHORITY: "nobody this device knows vouches for it: in a guest network log in first; "
    "if you were given a file of certificates, add --ca FILE",
    Failure.TLS_FAILED_HANDSHAKE: _NO_COLLECTOR,
    Failure.HTTP_REQUEST_FAILED: _NO_COLLECTOR,
    Failure.EOF: _NO_COLLECTOR,
    Failure.CONNECTION_RESET: _NO_COLLECTOR,
}
_NOT_YET_VALID, _EXPIRED = 9, 10  # X509_V_ERR


def remedy(error: BaseException, wall_us: int) -> str:
    """What to do about the reason behind an error; empty if nobody knows. `wall_us` is what this device's clock says."""
    return "" if error.__cause__ is None else remedy_of(error.__cause__, wall_us)


def remedy_of(cause: BaseException, wall_us: int) -> str:
    """What to do about what a library raised; empty if nobody knows."""
    if isinstance(cause, ssl.SSLCertVerificationError) and cause.verify_code in {_NOT_YET_VALID, _EXPIRED}:
        date = datetime.fromtimestamp(wall_us // 1_000_000, UTC)
        early = cause.verify_code == _NOT_YET_VALID
        return (
            f"its certificate is not good {'yet' if early else 'any more'} by this device's clock, which says {date:%d %B %Y}: "
            f"set the clock{'' if early else '; if it is right, tell support'}"
        )
    return REMEDIES.get(name_of(cause, Stage.CONNECT)[0], "")
