"""What people are told of a measurement: every end, every failure, every unit."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies import record_members

from probe import report
from probe.catalogue import METHODS
from probe.flaws import FLAW_RULES
from probe.measure.outcome import Progress
from shared.failure import IN_WORDS, Failure
from shared.record import End, write_record
from shared.strictjson import JsonObject


@pytest.mark.parametrize(
    ("bps", "words"),
    [
        (0, "0 bit/s"),
        (999, "999 bit/s"),
        (64_000, "64 kbit/s"),
        (1_234_567, "1.23 Mbit/s"),
        (40_000_000, "40 Mbit/s"),
        (999_600_000, "1000 Mbit/s"),
        (1_000_000_000, "1 Gbit/s"),
        (123_456_000_000, "123 Gbit/s"),
        (5_000_000_000_000, "5000 Gbit/s"),
    ],
)
def test_rates_have_units(bps: int, words: str) -> None:
    """A rate has three digits and the unit people know, and never an exponent."""
    assert report.rate(bps) == words


@pytest.mark.parametrize(
    ("count", "words"),
    [(0, "0 B"), (999, "999 B"), (1000, "1 kB"), (999_600, "1000 kB"), (4_060_000, "4.06 MB"), (2 * 10**9, "2 GB")],
)
def test_sizes_have_units(count: int, words: str) -> None:
    """A size is in decimal units, as the rates are."""
    assert report.size(count) == words


@given(st.integers(0, 2**53))
def test_no_exponent(count: int) -> None:
    """People read no powers of ten."""
    assert "e+" not in report.rate(count) + report.size(count)


LATENCY: JsonObject = {"end": "ok", "method": "latency", "seq": 1, "via": "stamp"}
DOWNLOAD: JsonObject = {"dur_us": 10_000_000, "end": "ok", "method": "download", "received_bytes": 50_000_000, "seq": 2}

LINES: list[tuple[JsonObject, str]] = [
    (LATENCY | {"rtt_us": [35_000, 36_000, 37_000]}, "latency      36 ms median, 0 % lost (STAMP)"),
    (LATENCY | {"rtt_us": [1_500_000], "via": "tcp"}, "latency      1500 ms median, 0 % lost (TCP connect)"),
    (LATENCY | {"rtt_us": [9_000], "via": "icmp"}, "latency      9 ms median, 0 % lost (ICMP)"),
    (LATENCY | {"rtt_us": [360, -1, 360]}, "latency      0.36 ms median, 33.3 % lost (STAMP)"),
    (LATENCY | {"rtt_us": [-1, -1, 5]}, "latency      most packets lost, 66.6 % lost (STAMP)"),
    (DOWNLOAD, "download     40 Mbit/s, 50 MB in 10 s"),
    (DOWNLOAD | {"method": "upload"}, "upload       40 Mbit/s, 50 MB in 10 s"),
    (DOWNLOAD | {"method": "fetch", "dur_us": 120_000_000}, "object fetch 3.33 Mbit/s, 50 MB in 120 s"),
    (
        DOWNLOAD | {"flaws": ["wifi", "new"]},
        "download     40 Mbit/s, 50 MB in 10 s  [over Wi-Fi, not the mobile line itself, new]",
    ),
    (DOWNLOAD | {"end": "aborted"}, "download     cut off before it ended"),
    (DOWNLOAD | {"end": "not_started", "note": "no address"}, "download     not started: no address"),
    (DOWNLOAD | {"end": "not_started", "reason": "could_not_run"}, "download     not started: it could not be tried"),
    (DOWNLOAD | {"end": "not_started"}, "download     not started: no reason given"),
    (DOWNLOAD | {"end": "later"}, "download     cut off before it ended"),
    (
        DOWNLOAD | {"end": "failed", "failure": "connection_reset", "received_bytes": 1500},
        "download     FAILED: the connection was cut off; 1.5 kB had arrived",
    ),
    (
        {"end": "failed", "failure": "http_unexpected_status_code", "method": "fetch", "seq": 0, "status": 503},
        "object fetch FAILED: the server answered with an error (503)",
    ),
    ({"end": "failed", "failure": "new_failure", "method": "dns", "seq": 0}, "name lookup  FAILED: new failure"),
    (
        {"end": "ok", "lookup_us": [24_000, -1, 30_000], "method": "dns", "seq": 0},
        "name lookup  24 ms median, 2 of 3 lookups answered",
    ),
    (
        {"counted": "peer", "down_bps": 18_000_000, "end": "ok", "method": "ookla", "seq": 0, "up_bps": 9_600_000},
        "speedtest    18 Mbit/s down, 9.6 Mbit/s up, as the server counted",
    ),
    (
        {
            "direction": "download",
            "dur_us": 8_000_000,
            "end": "ok",
            "idle_rtt_us": [40_000],
            "loaded_rtt_us": [200_000, 240_000, -1],
            "method": "loaded_latency",
            "received_bytes": 20_000_000,
            "rpm": 282,
            "rpm_band": "poor",
            "rpm_confidence": "high",
            "seq": 0,
        },
        "under load   40 ms idle, 240 ms median in download at 20 Mbit/s; 282 round trips a minute (poor, confidence high)",
    ),
    (
        {"end": "ok", "loaded_rtt_us": [9_000, 9_900], "method": "loaded_latency", "seq": 0},
        "under load   idle unknown, 9 ms median, 9.9 ms p95 in a transfer at 0 bit/s",
    ),
    (
        {"claimed_down_bps": 8_000, "claimed_up_bps": 1, "counted": "client", "end": "ok", "method": "ookla", "seq": 0},
        "speedtest    8 kbit/s down, 1 bit/s up, as speedtest-cli alone claims",
    ),
    (
        {
            "delay_from": "operator",
            "delay_from_hop": 2,
            "end": "ok",
            "ends": "target",
            "hop_sent": [5] * 9,
            "method": "path",
            "seq": 0,
        },
        "path         9 hops to the server; delay begins in the operator's network",
    ),
    (
        {"end": "ok", "ends": "silence", "hop_sent": [5], "loss_from_hop": 1, "method": "path", "seq": 0},
        "path         1 hop to the last place that answered; loss begins at hop 1",
    ),
]


@pytest.mark.parametrize(("members", "words"), LINES)
def test_a_line_for_a_measurement(members: JsonObject, words: str) -> None:
    """A person reads what was measured, or why it was not, in one line."""
    assert report.line(members) == words


@pytest.mark.parametrize("failure", Failure)
@pytest.mark.parametrize("method", METHODS)
def test_every_failure_has_words(failure: Failure, method: str) -> None:
    """No failure is told by its code."""
    text = report.line({"end": "failed", "failure": failure.value, "method": method, "seq": 0})
    assert text == f"{report.NAMES[method]:<13}FAILED: {IN_WORDS[failure]}"
    assert "_" not in text


def test_every_method_and_flaw_has_words() -> None:
    """What the catalogue and the rules can name has a name for people."""
    assert report.NAMES.keys() == METHODS.keys()
    assert report.FLAWS.keys() == {rule.id for rule in FLAW_RULES}


@given(record_members(3))
def test_any_record_has_a_line(members: JsonObject) -> None:
    """Whatever a record holds, it is told in one line."""
    assert report.line(members)
    (line,) = report.summary([write_record(members)])
    assert line.startswith("  #3     ")


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("end", End)
def test_the_worst_line_of_each_method(method: str, end: End) -> None:
    """A record with nothing but its end has words too."""
    assert report.line({"end": end.value, "method": method, "seq": 0})


@given(st.sampled_from(sorted(METHODS)), *[st.integers(0, 2**40)] * 4)
def test_a_bar_keeps_its_width(method: str, elapsed_us: int, expected_us: int, moved_bytes: int, rate_bps: int) -> None:
    """The bar is twenty wide, however long a measurement takes, and the line overwrites the one before."""
    text = report.bar(Progress(method, elapsed_us, expected_us, moved_bytes, rate_bps))
    inner = text.partition("[")[2].partition("]")[0]
    assert len(inner) == 20
    assert inner.rstrip(".").strip("#") == ""
    assert len(text) <= 60
