"""Reading what client and peer say of a run: only what is in form is read."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from probe.measure.ookla_report import MOST_OUTPUT_BYTES, read_log, read_report
from shared import strictjson
from shared.errors import Malformed

GOOD = {"download": 1.9, "upload": 2, "ping": 0.0015, "server": {"name": "x" * 100}}
ROW = {
    "way": "up",
    "begin_us": 1,
    "bytes": 8,
    "first_us": 2,
    "last_us": 6,
    "end": "complete",
    "end_us": 7,
    "status": 200,
}
ZERO = {"bytes": 0, "dur_us": 0, "rate_bps": 0}
LOG = {"down": ZERO, "requests": [ROW], "up": {"bytes": 8, "dur_us": 4, "rate_bps": 16_000_000}}


def test_a_report_is_read_without_floats() -> None:
    """Fractions are cut off, a ping becomes whole microseconds, and a name is no longer than it may be."""
    report = read_report(json.dumps(GOOD).encode())
    assert (report.down_bps, report.up_bps, report.ping_us, report.server) == (1, 2, 1, "x" * 60)


@pytest.mark.parametrize(
    "output",
    [
        b"",
        b"[]",
        b"null",
        b"\xff",
        b"[" * 60_000,
        b" " * (MOST_OUTPUT_BYTES + 1),
        json.dumps(GOOD | {"download": float("nan")}).encode(),
        json.dumps(GOOD | {"download": float("inf")}).encode(),
        json.dumps(GOOD | {"download": -1}).encode(),
        json.dumps(GOOD | {"download": True}).encode(),
        json.dumps(GOOD | {"download": "1"}).encode(),
        json.dumps(GOOD | {"download": None}).encode(),
        json.dumps(GOOD | {"upload": 2**53}).encode(),
        b'{"download":1e999999,"upload":1,"ping":1}',
        b'{"download":1,"upload":1,"ping":' + b"9" * 5000 + b"}",
        b'{"download":1,"upload":1}',
    ],
)
def test_what_is_no_report(output: bytes) -> None:
    """What is not one object with three plain numbers within bounds is malformed."""
    with pytest.raises(Malformed):
        read_report(output)


@pytest.mark.parametrize("server", [None, 7, [], {}, {"name": 7}])
def test_a_report_without_a_server_name(server: object) -> None:
    """A server without a name is one of no name."""
    assert read_report(json.dumps(GOOD | {"server": server}).encode()).server == ""


def test_a_log_is_read() -> None:
    """Bytes, times and rates follow from the rows."""
    log = read_log(strictjson.encode(LOG))
    assert (log.up.n_bytes, log.up.dur_us, log.up.rate_bps, log.running) == (8, 4, 16_000_000, 0)
    assert (log.down.rate_bps, log.down.cut(100), log.down.refused) == (0, 0, 0)
    assert log.down.ended_early(0)


@pytest.mark.parametrize(
    "told",
    [
        LOG | {"requests": 7},
        LOG | {"requests": [7]},
        LOG | {"requests": [ROW | {"way": "across"}]},
        LOG | {"requests": [ROW | {"bytes": -1}]},
        LOG | {"requests": [ROW | {"bytes": True}]},
        LOG | {"requests": [ROW | {"status": "200"}]},
        LOG | {"requests": [ROW | {"first_us": 7}]},
        LOG | {"requests": [ROW | {"begin_us": 3}]},
        LOG | {"requests": [ROW | {"bytes": 9}]},
        LOG | {"requests": [{name: value for name, value in ROW.items() if name != "last_us"}]},
        LOG | {"up": ZERO},
        {name: value for name, value in LOG.items() if name != "down"},
    ],
)
def test_what_is_no_log(told: "strictjson.JsonObject") -> None:
    """Rows that cannot be, and totals that are not those of the rows, are not believed."""
    with pytest.raises(Malformed):
        read_log(strictjson.encode(told))


@given(data=st.binary())
def test_any_bytes(data: bytes) -> None:
    """Any bytes are a report, a log, or malformed, and nothing else."""
    for read in (read_report, read_log):
        try:
            read(data)  # type: ignore[operator]
        except Malformed:
            continue
