"""What the history keeps of a record."""

import dataclasses
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from probe.remembered import Remembered, read, remember, used_bytes, write
from shared.errors import Malformed
from shared.record import Record
from shared.strictjson import JsonObject

MOST = 2**53 - 1
TEXTS = st.none() | st.text(max_size=20)
COUNTS = st.none() | st.integers(0, MOST)
REMEMBERED = st.builds(
    Remembered,
    seq=st.integers(-MOST, MOST),
    at_us=st.integers(0, 3_000_000_000_000_000),
    method=st.text(min_size=1, max_size=12),
    end=st.text(max_size=12),
    flaws=st.lists(st.text(max_size=12), max_size=3).map(tuple),
    **dict.fromkeys(
        ("plan", "direction", "failure", "reason", "event", "after", "network", "campaign", "why", "words"), TEXTS
    ),
    **dict.fromkeys(("slot", "rate_bps", "rtt_us", "loss_pm", "took_us", "used_bytes", "span_us"), COUNTS),
)
WALL_US = 1_800_000_000_000_000


def record(**members: object) -> Record:
    """A record with these members."""
    told: JsonObject = {"wall_us": WALL_US, "seq": 7, "method": "latency", "end": "ok"} | members  # type: ignore[assignment]
    return Record(b"", told, 7)


@given(one=REMEMBERED)
def test_what_is_written_is_read_back(one: Remembered) -> None:
    """A line gives back exactly what it was made of."""
    line = write(one)
    assert line.endswith(b"\n")
    assert line.count(b"\n") == 1
    assert read(line) == one


def test_every_field_is_written() -> None:
    """No field is forgotten by the line: each stands in it under its own name."""
    names = {field.name for field in dataclasses.fields(Remembered)}
    values = {name: 1 if "int" in str(kind) else "x" for name, kind in Remembered.__annotations__.items()}
    one = Remembered(**(values | {"flaws": ("x",)}))  # type: ignore[arg-type]
    assert json.loads(write(one)).keys() == names


@given(line=st.binary(max_size=200) | st.from_type(dict).map(lambda told: json.dumps(str(told)).encode()))
def test_any_bytes_are_a_line_or_malformed(line: bytes) -> None:
    """A damaged line is left out by whoever reads, and stops nobody."""
    try:
        found = read(line)
    except Malformed:
        return
    assert found.method


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"[]",
        b"{}",
        b'{"seq":1,"at_us":1}',
        b'{"seq":1,"at_us":-1,"method":"x"}',
        b'{"seq":1,"at_us":4000000000000000,"method":"x"}',
        b'{"seq":1,"at_us":1.5,"method":"x"}',
        b"[" * 100_000,
    ],
)
def test_a_line_without_number_moment_or_method_is_none(line: bytes) -> None:
    """What no chart could place is no line."""
    with pytest.raises(Malformed):
        read(line)


def test_a_figure_of_the_wrong_kind_is_unknown() -> None:
    """A member that is no count becomes absent, and the rest stays."""
    found = read(b'{"seq":1,"at_us":1,"method":"x","rate_bps":"fast","rtt_us":-3,"plan":4}')
    assert (found.rate_bps, found.rtt_us, found.plan) == (None, None, None)


def test_the_figures_of_a_record() -> None:
    """Latency keeps median and loss, a transfer its rate, lookups their median; all by the contract's own figures."""
    latency = remember(record(rtt_us=[30_000, -1, 50_000, 40_000], sent=5, slot=3, ctx={"network_type": "mobile"}))
    assert latency is not None
    assert (latency.rtt_us, latency.loss_pm, latency.used_bytes) == (40_000, 250, 720)
    assert (latency.slot, latency.network) == (3, "mobile")
    download = remember(record(method="download", received_bytes=5_000_000, dur_us=1_000_000, flaws=["wifi"]))
    assert download is not None
    assert (download.rate_bps, download.took_us, download.used_bytes) == (40_000_000, 1_000_000, 5_000_000)
    assert download.flaws == ("wifi",)
    dns = remember(record(method="dns", lookup_us=[20_000, -1, 30_000]))
    assert dns is not None
    assert dns.rtt_us == 20_000
    loaded = remember(record(method="loaded_latency", loaded_rtt_us=[90_000], direction="upload"))
    assert loaded is not None
    assert (loaded.rtt_us, loaded.direction) == (90_000, "upload")
    ookla = remember(record(method="ookla", down_bps=8, down_bytes=10, up_bytes=3))
    assert ookla is not None
    assert (ookla.rate_bps, ookla.used_bytes) == (8, 13)


@pytest.mark.parametrize(
    ("members", "expected"),
    [
        ({"tcp_rx_bytes": 10, "tcp_tx_bytes": 4, "received_bytes": 7}, 14),
        ({"method": "upload", "received_bytes": 7, "sent_bytes": 9}, 16),
        ({"received_bytes": -5}, 0),
        ({"method": "dns"}, None),
        ({"method": "latency", "sent": 10}, 1440),
    ],
)
def test_what_a_measurement_moved(members: JsonObject, expected: int | None) -> None:
    """The kernel's own count is preferred to the payload; what no record tells is unknown and not 0."""
    assert used_bytes(record(**({"method": "download"} | members))) == expected


@pytest.mark.parametrize(
    ("members", "span_us"),
    [({"off_us": 5}, 5), ({"slept_us": 6}, 6), ({"step_us": -7}, 7), ({}, None)],
)
def test_what_presence_tells(members: JsonObject, span_us: int | None) -> None:
    """How long the device was off or asleep, or by how much its clock was set, is kept beside the event."""
    found = remember(record(method="presence", event="started", after="reboot", **members))
    assert found is not None
    assert (found.event, found.after, found.span_us, found.is_measurement) == ("started", "reboot", span_us, False)


@pytest.mark.parametrize("changed", [{"wall_us": None}, {"wall_us": -1}, {"wall_us": MOST}, {"method": None}])
def test_a_record_that_no_chart_could_place(changed: JsonObject) -> None:
    """A record without moment or method is not kept in the history; the signed one is not touched by that."""
    assert remember(record(**changed)) is None


def test_what_nobody_chose() -> None:
    """The schedule and a campaign plan a test; a person, or an event, only asks for it."""
    one = Remembered(1, 1, "download", "ok")
    assert not one.is_planned
    assert dataclasses.replace(one, slot=0).is_planned
    assert dataclasses.replace(one, campaign="c").is_planned
