"""The account of a transfer."""

import json

import pytest

from collector.peer.account import End, Transfer, address_text, log_line


@pytest.mark.parametrize(
    ("address", "text"),
    [
        (("192.0.2.1", 80), "192.0.2.1:80"),
        (("::1", 80, 0, 0), "[::1]:80"),
        (None, "unknown"),
        ("", "unknown"),
        ((), "unknown"),
    ],
)
def test_addresses(address: object, text: str) -> None:
    """An address is written as in ndt7, and one that is gone is said to be unknown."""
    assert address_text(address) == text


def test_a_log_line_is_one_line_of_json() -> None:
    """A finished transfer is one line with all its members."""
    line = log_line(Transfer("object", "c", 1, 2, 3, 4, End.COMPLETE, "bbr"))
    assert line.count("\n") == 1
    assert json.loads(line) == {
        "kind": "object",
        "client": "c",
        "wall_us": 1,
        "dur_us": 2,
        "sent_bytes": 3,
        "received_bytes": 4,
        "end": "complete",
        "cc": "bbr",
    }
