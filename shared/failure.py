"""The closed vocabulary of what can go wrong in a measurement.

Names are those of OONI data format df-007, verbatim, so that anyone who reads OONI data reads ours. A failed
measurement carries one `Failure`, and beside it the `Stage` it happened in, the bytes received before, the bytes
expected, the HTTP status and the attempt. A timeout of any stage is `generic_timeout_error`; a body that ends early
is `eof_error`. What no name fits is `unknown_failure`, with the text beside it, never inside it.
"""

from enum import StrEnum


class Failure(StrEnum):
    """Why a measurement that ran did not succeed (OONI df-007)."""

    CONNECTION_REFUSED = "connection_refused"
    CONNECTION_RESET = "connection_reset"
    CONNECTION_ABORTED = "connection_aborted"
    CONNECTION_ALREADY_CLOSED = "connection_already_closed"
    HOST_UNREACHABLE = "host_unreachable"
    NETWORK_UNREACHABLE = "network_unreachable"
    NETWORK_DOWN = "network_down"
    NETWORK_RESET = "network_reset"
    EOF = "eof_error"
    TIMEOUT = "generic_timeout_error"
    DNS_NXDOMAIN = "dns_nxdomain_error"
    DNS_SERVFAIL = "dns_servfail_error"
    DNS_REFUSED = "dns_refused_error"
    DNS_NO_ANSWER = "dns_no_answer"
    DNS_BOGON = "dns_bogon_error"
    DNS_TEMPORARY = "dns_temporary_failure"
    DNS_NON_RECOVERABLE = "dns_non_recoverable_failure"
    DNS_MISBEHAVING = "dns_server_misbehaving"
    DNS_WRONG_QUERY_ID = "dns_reply_with_wrong_query_id"
    DNS_ANDROID_NO_DATA = "android_dns_cache_no_data"
    TLS_INVALID_HOSTNAME = "ssl_invalid_hostname"
    TLS_UNKNOWN_AUTHORITY = "ssl_unknown_authority"
    TLS_INVALID_CERTIFICATE = "ssl_invalid_certificate"
    TLS_FAILED_HANDSHAKE = "ssl_failed_handshake"
    QUIC_INCOMPATIBLE_VERSION = "quic_incompatible_version"
    HTTP_REQUEST_FAILED = "http_request_failed"
    HTTP_UNEXPECTED_STATUS = "http_unexpected_status_code"
    HTTP_UNEXPECTED_REDIRECT = "http_unexpected_redirect_url"
    HTTP_INVALID_REDIRECT = "http_invalid_redirect_location_host"
    JSON_PARSE = "json_parse_error"
    INTERRUPTED = "interrupted"
    UNKNOWN = "unknown_failure"


class Stage(StrEnum):
    """The part of a transfer in which a failure happened."""

    DNS = "dns"
    CONNECT = "connect"
    TLS = "tls"
    REQUEST = "request"
    BODY = "body"
    CLOSE = "close"


IN_WORDS: dict[Failure, str] = {
    Failure.CONNECTION_REFUSED: "the server refused the connection",
    Failure.CONNECTION_RESET: "the connection was cut off",
    Failure.CONNECTION_ABORTED: "the connection was given up",
    Failure.CONNECTION_ALREADY_CLOSED: "the connection was already closed",
    Failure.HOST_UNREACHABLE: "the server could not be reached",
    Failure.NETWORK_UNREACHABLE: "there was no way to the network",
    Failure.NETWORK_DOWN: "the network was down",
    Failure.NETWORK_RESET: "the network dropped the connection",
    Failure.EOF: "the transfer ended before everything had arrived",
    Failure.TIMEOUT: "nothing came within the waiting time",
    Failure.DNS_NXDOMAIN: "the server's name does not exist",
    Failure.DNS_SERVFAIL: "the name server failed",
    Failure.DNS_REFUSED: "the name server refused to answer",
    Failure.DNS_NO_ANSWER: "the name has no address",
    Failure.DNS_BOGON: "the name server gave an address that cannot be right",
    Failure.DNS_TEMPORARY: "the server's name could not be looked up just then",
    Failure.DNS_NON_RECOVERABLE: "the server's name could not be looked up",
    Failure.DNS_MISBEHAVING: "the name server gave nonsense",
    Failure.DNS_WRONG_QUERY_ID: "the name server answered another question",
    Failure.DNS_ANDROID_NO_DATA: "the phone could not look up the server's name",
    Failure.TLS_INVALID_HOSTNAME: "the server's certificate is for another name",
    Failure.TLS_UNKNOWN_AUTHORITY: "the server's certificate is from an unknown authority",
    Failure.TLS_INVALID_CERTIFICATE: "the server's certificate is not valid",
    Failure.TLS_FAILED_HANDSHAKE: "no secure connection could be agreed",
    Failure.QUIC_INCOMPATIBLE_VERSION: "no common protocol version",
    Failure.HTTP_REQUEST_FAILED: "the request failed",
    Failure.HTTP_UNEXPECTED_STATUS: "the server answered with an error",
    Failure.HTTP_UNEXPECTED_REDIRECT: "the server sent us somewhere else",
    Failure.HTTP_INVALID_REDIRECT: "the server sent us to an impossible place",
    Failure.JSON_PARSE: "the answer could not be read",
    Failure.INTERRUPTED: "the measurement was interrupted",
    Failure.UNKNOWN: "something failed that has no name yet",
}
