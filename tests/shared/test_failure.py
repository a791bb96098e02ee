"""The vocabulary of failures is closed, and each has words for people."""

import pytest

from shared.failure import IN_WORDS, Failure, Stage

# OONI df-007, the names this project uses; a name here is never changed, only new ones are added.
NAMES = """
connection_refused connection_reset connection_aborted connection_already_closed host_unreachable
network_unreachable network_down network_reset eof_error generic_timeout_error dns_nxdomain_error
dns_servfail_error dns_refused_error dns_no_answer dns_bogon_error dns_temporary_failure
dns_non_recoverable_failure dns_server_misbehaving dns_reply_with_wrong_query_id android_dns_cache_no_data
ssl_invalid_hostname ssl_unknown_authority ssl_invalid_certificate ssl_failed_handshake
quic_incompatible_version http_request_failed http_unexpected_status_code http_unexpected_redirect_url
http_invalid_redirect_location_host json_parse_error interrupted unknown_failure
""".split()  # noqa: SIM905 - one name a line would fill a page


def test_names_are_kept() -> None:
    """The names are those of OONI's data format, letter by letter."""
    assert [failure.value for failure in Failure] == NAMES


def test_every_failure_has_words() -> None:
    """Every failure is told to people in words of its own, without a technical name in them."""
    assert set(IN_WORDS) == set(Failure)
    assert len(set(IN_WORDS.values())) == len(IN_WORDS)
    assert not [words for words in IN_WORDS.values() if "_" in words or not words]


def test_unknown_names_are_refused() -> None:
    """A name outside the vocabulary is no failure."""
    with pytest.raises(ValueError, match="not a valid Failure"):
        Failure("it_broke")


def test_stages_follow_a_transfer() -> None:
    """The stages are in the order in which a transfer goes through them."""
    assert [stage.value for stage in Stage] == ["dns", "connect", "tls", "request", "body", "close"]
