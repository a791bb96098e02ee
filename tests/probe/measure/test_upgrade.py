"""The opening handshake of a WebSocket."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from probe.measure.outcome import Trouble
from probe.measure.upgrade import Upgrade

# The key and its proof are the example of RFC 6455, section 1.3.
UPGRADE = Upgrade("peer:80", "/ndt/v7/download", {"a": "1", "b": "x y"}, b"the sample nonce", "chat.v1")
PROOF = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="
GOOD = {
    "Upgrade": "websocket",
    "Connection": "Upgrade",
    "Sec-WebSocket-Accept": PROOF,
    "Sec-WebSocket-Protocol": "chat.v1",
}


def head(first: str = "HTTP/1.1 101 Switching Protocols", **changes: str | None) -> bytes:
    """Write the head of an answer, with fields replaced (`_` stands for `-`) or (None) left out."""
    fields = GOOD | {name.replace("_", "-"): value for name, value in changes.items()}
    return "\r\n".join([first, *(f"{name}: {value}" for name, value in fields.items() if value is not None)]).encode()


def test_the_request_is_what_the_standard_asks_for() -> None:
    """Method, version, key and the one subprotocol are there, and the query is spelt for a URL."""
    lines = UPGRADE.request().decode().split("\r\n")
    assert lines[0] == "GET /ndt/v7/download?a=1&b=x+y HTTP/1.1"
    assert {"Host: peer:80", "Upgrade: websocket", "Connection: Upgrade", "Sec-WebSocket-Version: 13"} < set(lines)
    assert "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==" in lines
    assert "Sec-WebSocket-Protocol: chat.v1" in lines
    assert lines[-2:] == ["", ""]


@pytest.mark.parametrize(
    "answer",
    [
        head(),
        head(Upgrade="WebSocket"),
        head("HTTP/1.1 101"),
        head().replace(b"Sec-WebSocket-Accept", b"SEC-websocket-accept"),
    ],
)
def test_an_answer_that_switches_as_asked(answer: bytes) -> None:
    """Names of fields and of the protocol are read in any case."""
    assert UPGRADE.trouble_with(answer) == (None, 101)


@pytest.mark.parametrize(
    ("answer", "failure", "status"),
    [
        (b"", "http_request_failed", None),
        (b"SSH-2.0-OpenSSH_9.2", "http_request_failed", None),
        (b"HTTP/2 101", "http_request_failed", None),
        (b"HTTP/1.1 1x1", "http_request_failed", None),
        (b"HTTP/1.1 \xb9\xb2\xb3", "http_request_failed", None),
        (head("HTTP/1.1 200 OK"), "http_unexpected_status_code", 200),
        (head("HTTP/1.1 503 Busy"), "http_unexpected_status_code", 503),
        (head("HTTP/1.1 302 Found"), "http_unexpected_redirect_url", 302),
        (head(Sec_WebSocket_Accept="c2VtaW5hcg=="), "http_request_failed", None),
        (head(Sec_WebSocket_Accept=None), "http_request_failed", None),
        (head(Upgrade="h2c"), "http_request_failed", None),
        (head(Sec_WebSocket_Protocol=None), "http_request_failed", None),
        (head(Sec_WebSocket_Protocol="chat.v2"), "http_request_failed", None),
        (head(Sec_WebSocket_Extensions="permessage-deflate"), "http_request_failed", None),
    ],
)
def test_an_answer_that_does_not(answer: bytes, failure: str, status: int | None) -> None:
    """What was not asked for is refused: another status, another key, another subprotocol, an extension."""
    trouble, told = UPGRADE.trouble_with(answer)
    assert isinstance(trouble, Trouble)
    assert (trouble.failure.value, trouble.stage.value, told) == (failure, "request", status)


@given(st.binary(max_size=200))
def test_any_bytes_as_answer(answer: bytes) -> None:
    """No head, whatever its bytes, raises or is taken for a good one."""
    assert UPGRADE.trouble_with(answer)[0] is not None
