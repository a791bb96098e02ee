"""The table of failures, row by row, and what no row fits."""

import errno
import socket
import ssl

import h11
import pytest

from probe.net.failures import ERRNO_NAMES, VERIFY_NAMES, name_of, trouble_of
from shared.failure import Failure, Stage


def _verify(code: int) -> ssl.SSLCertVerificationError:
    exc = ssl.SSLCertVerificationError("x")
    exc.verify_code = code
    return exc


@pytest.mark.parametrize(("number", "failure"), ERRNO_NAMES.items(), ids=str)
def test_each_errno_keeps_its_stage(number: int, failure: Failure) -> None:
    """A socket's error is named by its number, in whatever stage it came."""
    for stage in Stage:
        assert name_of(OSError(number, "x"), stage) == (failure, stage)


@pytest.mark.parametrize(
    ("code", "failure"),
    [
        (socket.EAI_NONAME, Failure.DNS_NXDOMAIN),
        (socket.EAI_AGAIN, Failure.DNS_TEMPORARY),
        (socket.EAI_FAIL, Failure.DNS_NON_RECOVERABLE),
        (socket.EAI_NODATA, Failure.DNS_NO_ANSWER),
        (socket.EAI_SERVICE, Failure.DNS_MISBEHAVING),
    ],
)
def test_the_resolvers_codes(code: int, failure: Failure) -> None:
    """A resolver's error belongs to the lookup, whoever raised it."""
    assert name_of(socket.gaierror(code, "x"), Stage.CONNECT) == (failure, Stage.DNS)


@pytest.mark.parametrize(
    ("code", "failure"),
    [*VERIFY_NAMES.items(), (10, Failure.TLS_INVALID_CERTIFICATE)],
    ids=str,
)
def test_openssls_verify_codes(code: int, failure: Failure) -> None:
    """A certificate's failure belongs to TLS and is named by OpenSSL's code."""
    assert name_of(_verify(code), Stage.CONNECT) == (failure, Stage.TLS)


@pytest.mark.parametrize(
    ("exc", "failure"),
    [
        (TimeoutError(), Failure.TIMEOUT),
        (ConnectionResetError(), Failure.CONNECTION_RESET),
        (ConnectionAbortedError(), Failure.CONNECTION_ABORTED),
        (ConnectionRefusedError(), Failure.CONNECTION_REFUSED),
        (BrokenPipeError(), Failure.CONNECTION_ALREADY_CLOSED),
        (EOFError(), Failure.EOF),
        (h11.RemoteProtocolError("x"), Failure.HTTP_REQUEST_FAILED),
        (ssl.SSLEOFError(), Failure.EOF),
        (ssl.SSLError(), Failure.UNKNOWN),
        (OSError(errno.EMFILE, "x"), Failure.UNKNOWN),
        (ValueError("x"), Failure.UNKNOWN),
    ],
    ids=repr,
)
def test_types_without_a_code(exc: Exception, failure: Failure) -> None:
    """What has no code is named by its type, and what has no row is unknown."""
    assert name_of(exc, Stage.BODY) == (failure, Stage.BODY)


def test_tls_errors_before_the_body_belong_to_the_handshake() -> None:
    """A TLS error without a verify code is a failed handshake."""
    assert name_of(ssl.SSLError(), Stage.CONNECT) == (Failure.TLS_FAILED_HANDSHAKE, Stage.TLS)


def test_an_unknown_failure_says_what_it_was() -> None:
    """The note of an unknown failure is short and ASCII, and only it has one."""
    assert trouble_of(OSError(errno.EMFILE, "x"), Stage.CONNECT).members() == {
        "failure": "unknown_failure",
        "stage": "connect",
        "note": f"OSError {errno.EMFILE}",
    }
    assert "note" not in trouble_of(TimeoutError(), Stage.CONNECT).members()
