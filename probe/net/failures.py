"""One table from what the libraries raise to the closed vocabulary of failures.

Looks at types, errno, resolver and OpenSSL verify codes, never at message text. What no row fits is
`unknown_failure`, and `trouble_of` puts its type and errno beside it.
"""

import errno
import socket
import ssl
import sys

import h11

from probe.measure.outcome import Trouble
from shared.failure import Failure, Stage

ERRNO_NAMES: dict[int, Failure] = {
    errno.ECONNREFUSED: Failure.CONNECTION_REFUSED,
    errno.ECONNRESET: Failure.CONNECTION_RESET,
    errno.ECONNABORTED: Failure.CONNECTION_ABORTED,
    errno.EPIPE: Failure.CONNECTION_ALREADY_CLOSED,
    errno.ENOTCONN: Failure.CONNECTION_ALREADY_CLOSED,
    errno.ESHUTDOWN: Failure.CONNECTION_ALREADY_CLOSED,
    errno.EHOSTUNREACH: Failure.HOST_UNREACHABLE,
    errno.EHOSTDOWN: Failure.HOST_UNREACHABLE,
    errno.ENETUNREACH: Failure.NETWORK_UNREACHABLE,
    errno.ENETDOWN: Failure.NETWORK_DOWN,
    errno.ENODEV: Failure.NETWORK_DOWN,  # the interface a test is pinned to is gone
    errno.ENETRESET: Failure.NETWORK_RESET,
    errno.ETIMEDOUT: Failure.TIMEOUT,
}

# Some systems lack some codes; a code that is missing cannot be raised.
RESOLVER_CODES: tuple[tuple[str, Failure], ...] = (
    ("EAI_NONAME", Failure.DNS_NXDOMAIN),
    ("EAI_NODATA", Failure.DNS_ANDROID_NO_DATA if sys.platform == "android" else Failure.DNS_NO_ANSWER),
    ("EAI_ADDRFAMILY", Failure.DNS_NO_ANSWER),
    ("EAI_AGAIN", Failure.DNS_TEMPORARY),
    ("EAI_FAIL", Failure.DNS_NON_RECOVERABLE),
)
RESOLVER_NAMES: dict[int, Failure] = {
    code: name for attribute, name in RESOLVER_CODES if (code := getattr(socket, attribute, None)) is not None
}

# X509_V_ERR: 62 host name, 64 address; 18 to 21 self-signed, or no issuer found.
VERIFY_NAMES: dict[int, Failure] = {
    62: Failure.TLS_INVALID_HOSTNAME,
    64: Failure.TLS_INVALID_HOSTNAME,
    18: Failure.TLS_UNKNOWN_AUTHORITY,
    19: Failure.TLS_UNKNOWN_AUTHORITY,
    20: Failure.TLS_UNKNOWN_AUTHORITY,
    21: Failure.TLS_UNKNOWN_AUTHORITY,
}

# For exceptions that carry no code; the first row that fits, so subclasses come before their bases.
TYPE_NAMES: tuple[tuple[type[BaseException], Failure], ...] = (
    (TimeoutError, Failure.TIMEOUT),
    (ConnectionRefusedError, Failure.CONNECTION_REFUSED),
    (ConnectionResetError, Failure.CONNECTION_RESET),
    (ConnectionAbortedError, Failure.CONNECTION_ABORTED),
    (BrokenPipeError, Failure.CONNECTION_ALREADY_CLOSED),
    (EOFError, Failure.EOF),
    (h11.RemoteProtocolError, Failure.HTTP_REQUEST_FAILED),
)


def name_of(exc: BaseException, stage: Stage) -> tuple[Failure, Stage]:
    """Name what was raised in a stage, and the stage it really belongs to."""
    if isinstance(exc, socket.gaierror):
        return RESOLVER_NAMES.get(exc.errno or 0, Failure.DNS_MISBEHAVING), Stage.DNS
    if isinstance(exc, ssl.SSLCertVerificationError):
        return VERIFY_NAMES.get(exc.verify_code, Failure.TLS_INVALID_CERTIFICATE), Stage.TLS
    if isinstance(exc, ssl.SSLEOFError):
        return Failure.EOF, stage
    if isinstance(exc, ssl.SSLError):
        return (Failure.UNKNOWN, stage) if stage is Stage.BODY else (Failure.TLS_FAILED_HANDSHAKE, Stage.TLS)
    if isinstance(exc, OSError) and exc.errno in ERRNO_NAMES:
        return ERRNO_NAMES[exc.errno], stage
    return next((name for kind, name in TYPE_NAMES if isinstance(exc, kind)), Failure.UNKNOWN), stage


def trouble_of(exc: BaseException, stage: Stage) -> Trouble:
    """Name what was raised, with its type and errno for the case that no name fits."""
    failure, stage = name_of(exc, stage)
    return Trouble(failure, stage, f"{type(exc).__name__} {getattr(exc, 'errno', None) or ''}".strip())
