"""Log records as JSON."""

import json
import logging

from collector.peer.logs import JsonLine


def test_a_record_is_one_line() -> None:
    """A record with an error of many lines is still one line of JSON."""
    error = ValueError("first\nsecond")
    record = logging.LogRecord("aiohttp", logging.ERROR, "x.py", 1, "bad %s", ("thing",), (ValueError, error, None))
    line = JsonLine().format(record)
    assert "\n" not in line
    assert json.loads(line) == {
        "kind": "log",
        "source": "aiohttp",
        "level": "error",
        "says": "bad thing",
        "error": "ValueError: first\nsecond",
    }
    assert "error" not in json.loads(
        JsonLine().format(logging.LogRecord("a", logging.WARNING, "x.py", 1, "plain", None, None))
    )
