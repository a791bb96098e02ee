"""The cores of both directions, against the peer's own core, over simulated lines good and bad."""

import json
import random
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from fakes.link import record_of
from fakes.load_link import Line, Seen, run_over
from hypothesis import given, settings
from hypothesis import strategies as st

from probe.measure.download import Download
from probe.measure.outcome import Trouble
from probe.measure.transfer import (
    CLOSE_US,
    EVIDENCE,
    HANDSHAKE_US,
    LIGHT,
    OVERTIME_US,
    Ending,
    Protocol,
    TransferPlan,
)
from probe.measure.upload import Upload
from shared.failure import Failure, Stage
from shared.kpi import flow_series, rate_bps, window_us
from shared.record import MAX_RECORD_BYTES, Record, write_record

Transfer = Download | Upload
Kind = Callable[..., Transfer]
BOTH = pytest.mark.parametrize("kind", [Download, Upload], ids=["download", "upload"])
# Short plans for what takes no minute to be true.
ONE = TransferPlan("one", 1_000_000, 40_000_000, 200_000, 1_500_000)
THREE = replace(
    ONE, name="three", protocol=Protocol.THROUGHPUT1, flows=3, gentle=True, warm_us=800_000, duration_us=2_000_000
)


def run(kind: Kind, plan: TransferPlan, line: Line) -> tuple[Transfer, Seen, Record]:
    """Run a core over a line; the core, what really happened, and the record of it."""
    core = kind(plan, "a1")
    seen = run_over(line, core)
    return core, seen, record_of(core.result())


def losing(share: float, seed: int = 1) -> Callable[[int], bool]:
    """Lose this share of all packets."""
    chance = random.Random(seed)
    return lambda _number: chance.random() < share


def deadline_us(plan: TransferPlan) -> int:
    """When a transfer is over, whatever happens."""
    return HANDSHAKE_US + plan.duration_us + OVERTIME_US + 2 * min(CLOSE_US, plan.patience_us)


def per_mille(found: int, truth: int) -> int:
    """How far a figure is from the truth."""
    return abs(found - truth) * 1000 // truth


# what is measured


@BOTH
@pytest.mark.parametrize("rate", [1_000_000, 5_000_000, 50_000_000])
@pytest.mark.parametrize("round_trip_us", [30_000, 80_000])
def test_evidence_knows_a_constant_rate_to_one_percent(kind: Kind, rate: int, round_trip_us: int) -> None:
    """On a line that never changes the rate is right to 1 %, and the truth lies in the stated interval."""
    _, seen, record = run(kind, EVIDENCE, Line(rate, round_trip_us))
    found = rate_bps(record)
    assert found is not None
    assert per_mille(found, rate) <= 10
    assert record.integer("rate_lo_bps") <= rate <= record.integer("rate_hi_bps")  # type: ignore[operator]
    assert seen.end_us <= 2 * round_trip_us + EVIDENCE.duration_us + 1_000_000


@BOTH
@pytest.mark.parametrize("rate", [1_000_000, 5_000_000, 50_000_000])
@pytest.mark.parametrize("round_trip_us", [30_000, 80_000])
def test_light_knows_a_constant_rate_to_five_percent(kind: Kind, rate: int, round_trip_us: int) -> None:
    """The light plan is right to 5 %, states an interval with the truth in it, and stops long before the end where it can."""
    _, seen, record = run(kind, LIGHT, Line(rate, round_trip_us))
    found = rate_bps(record)
    assert found is not None
    assert per_mille(found, rate) <= 50
    assert record.integer("rate_lo_bps") <= rate <= record.integer("rate_hi_bps")  # type: ignore[operator]
    assert record.integer("interval_pm") == 950
    if rate > 1_000_000:
        assert seen.end_us < 1_500_000


@BOTH
@pytest.mark.parametrize("plan", [EVIDENCE, LIGHT], ids=["evidence", "light"])
def test_losses_do_not_hide_what_the_line_carried(kind: Kind, plan: TransferPlan) -> None:
    """Bytes behind a hole are counted when they came: the rate is that of all that arrived, holes or not."""
    _, seen, record = run(kind, plan, Line(20_000_000, 60_000, loses=losing(0.005)))
    found, window = rate_bps(record), window_us(record)
    assert found is not None
    assert window is not None
    from_us, until_us = window
    carried = 8_000_000 * (seen.arrived_bytes(until_us) - seen.arrived_bytes(from_us)) // (until_us - from_us)
    assert per_mille(found, carried) <= 10
    assert any(map(any, record.series("flow_held_bytes") or [record.integers("held_bytes")]))


@BOTH
def test_a_slow_line_is_given_one_flow_and_a_fast_one_three(kind: Kind) -> None:
    """The first windows of three flows are spared a line that they would only choke."""
    for rate, flows in ((1_000_000, 1), (20_000_000, 3)):
        core, _, record = run(kind, EVIDENCE, Line(rate, 40_000))
        assert record.integer("flows") == flows
        assert record.integer("flows_opened") == 3
        assert core.alone is (flows == 1)
        assert len(flow_series(record)) == flows


@BOTH
def test_a_dismissed_flow_may_fail_or_hang(kind: Kind) -> None:
    """Once the first flow goes on alone, what becomes of the others changes nothing."""
    core = kind(EVIDENCE, "a1")
    core.start(0)
    for number in range(2):
        core.opened(number, 50_000)
    core.next_wakeup(1_200_000)
    assert core.alone
    assert [core.wants_close(number) for number in range(2)] == [False, True]
    core.failed(1, Trouble(Failure.CONNECTION_RESET, Stage.BODY), 1_300_000)
    assert not core.over
    assert core.next_wakeup(9_000_000) is None, "the first flow's silence counts"
    assert core.result().members["failure"] == "generic_timeout_error"
    assert core.result().members["stage"] == "body"


def test_a_dismissed_flow_is_not_waited_for() -> None:
    """When the first flow has gone on alone and ended in order, the transfer is over, whoever else still hangs."""
    core = Download(EVIDENCE, "a1")
    core.start(0)
    core.opened(0, 50_000)
    core.opened(1, 60_000)
    core.next_wakeup(1_200_000)
    core.moved(0, 1000, 8_000_000)
    core.closed(0, Ending.CLOSE, 8_700_000)
    assert core.over
    assert core.result().end == "ok"


@BOTH
def test_a_flow_that_stays_empty_is_a_failure(kind: Kind) -> None:
    """Where several flows were to carry load, one that never had a byte is not made good by the others."""
    core, _, record = run(kind, THREE, Line(5_000_000, stalls={2: (0, 60_000_000)}))
    assert core.result().end == "failed"
    assert record.text("failure") == ("generic_timeout_error" if kind is Download else "eof_error")
    assert sum(record.series("flow_bytes")[2]) == 0
    assert record.integer("received_bytes") > 0  # type: ignore[operator]


@BOTH
def test_the_series_of_all_flows_add_up(kind: Kind) -> None:
    """What is counted in all is the sum over the flows' series."""
    for line in (Line(20_000_000), Line(20_000_000, loses=losing(0.01))):
        _, _, record = run(kind, THREE, line)
        assert len(record.series("flow_bytes")) == 3
        assert sum(counts[-1] for counts in record.series("flow_bytes")) == record.integer("received_bytes")


@BOTH
@pytest.mark.parametrize("lossy", [False, True])
def test_the_largest_record_fits(kind: Kind, lossy: bool) -> None:
    """A whole evidence test at 1 Gbit/s, with a cap to match, is a record of less than half the size allowed."""
    plan = replace(EVIDENCE, cap_bytes=2_000_000_000)
    loses = losing(0.02) if lossy else (lambda _number: False)
    core, _, record = run(kind, plan, Line(1_000_000_000, 30_000, packet_bytes=65_536, loses=loses))
    assert core.result().end == "ok"
    assert record.integer("received_bytes") > 800_000_000  # type: ignore[operator]
    assert len(write_record({"seq": 2**53 - 1, **core.result().members})) < MAX_RECORD_BYTES // 2  # type: ignore[dict-item]


def test_three_flows_share_one_cap() -> None:
    """All flows together never take more than the cap, and give it up in good order."""
    for kind in (Download, Upload):
        plan = replace(THREE, cap_bytes=600_000)
        core, seen, record = run(kind, plan, Line(50_000_000))
        assert core.result().end == "ok"
        assert 500_000 < record.integer("received_bytes") <= 600_000  # type: ignore[operator]
        assert seen.end_us < plan.duration_us


# what goes wrong


@BOTH
@pytest.mark.parametrize(
    ("dies_us", "stage"),
    [
        (0, "connect"),
        (50_000, "request"),
        (300_000, "body"),
        (1_000_000, "body"),
        (2_040_000, "body"),
        (2_079_000, "body"),
    ],
    ids=["connecting", "handshake", "trickle", "load", "shortly before the end", "drain"],
)
def test_a_line_that_dies_in_any_phase(kind: Kind, dies_us: int, stage: str) -> None:
    """A dead line is a timeout of the stage it died in, before the deadline, and what had come is kept."""
    core, seen, record = run(kind, THREE, Line(5_000_000, dies_us=dies_us))
    assert (core.result().end, record.text("failure"), record.text("stage")) == (
        "failed",
        "generic_timeout_error",
        stage,
    )
    assert seen.end_us <= deadline_us(THREE)
    assert rate_bps(record) is None
    if dies_us >= 300_000:
        assert record.integer("received_bytes") > 0  # type: ignore[operator]
        assert seen.end_us <= dies_us + OVERTIME_US + THREE.patience_us + CLOSE_US
        assert sum(counts[-1] for counts in record.series("flow_bytes")) == record.integer("received_bytes")


@BOTH
def test_one_flow_whose_handshake_is_never_answered(kind: Kind) -> None:
    """A flow that does not open fails the transfer in its own stage, after the time for handshakes."""
    core, seen, record = run(kind, replace(THREE, duration_us=12_000_000), Line(5_000_000, mute=frozenset({2})))
    assert (core.result().end, record.text("failure"), record.text("stage")) == (
        "failed",
        "generic_timeout_error",
        "connect",
    )
    assert seen.end_us == HANDSHAKE_US
    assert record.integer("flows_opened") == 2


@BOTH
@pytest.mark.parametrize("until_us", [1_300_000, 2_600_000])
def test_a_flow_that_stalls_and_comes_back(kind: Kind, until_us: int) -> None:
    """A stall of one flow that ends in time costs nothing but its time, even across the planned end."""
    core, _, record = run(kind, THREE, Line(5_000_000, stalls={1: (1_000_000, until_us)}))
    assert core.result().end == "ok", core.result().members
    assert sum(counts[-1] for counts in record.series("flow_bytes")) == record.integer("received_bytes")


@BOTH
@pytest.mark.parametrize(
    ("at_us", "ending", "end"),
    [(200_000, Ending.CLOSE, "failed"), (1_000_000, Ending.EOF, "failed"), (1_000_000, Ending.CLOSE, "ok")],
)
def test_one_flow_that_the_peer_ends_early(kind: Kind, at_us: int, ending: Ending, end: str) -> None:
    """A closing frame after a while is the peer's right; a bare end or one too soon fails the whole, by name."""
    core, seen, record = run(kind, THREE, Line(5_000_000, ends={1: (at_us, ending)}))
    assert core.result().end == end
    assert record.text("failure") == (None if end == "ok" else "eof_error")
    if end == "failed":
        assert at_us <= seen.end_us < at_us + 300_000


def lies(change: Callable[[int, dict[str, Any]], dict[str, Any]]) -> Callable[[int, dict[str, Any]], bytes]:
    """Say something else than what is true once there is something to say."""

    def say(number: int, told: dict[str, Any]) -> bytes:
        lie = told["ElapsedTime"] > 900_000
        return json.dumps(change(number, told) if lie else told).encode()

    return say


@pytest.mark.parametrize(
    "change",
    [
        lambda _number, told: told | {"Application": {"BytesReceived": 10**12}},
        lambda _number, told: told | {"Application": {"BytesReceived": -1}},
        lambda _number, told: (
            told | {"Application": {"BytesReceived": told["Application"]["BytesReceived"] * 2 + 10**6}}
        ),
        lambda number, told: told | ({"Application": {"BytesReceived": 0}} if number == 2 else {}),
        lambda _number, told: told | {"ElapsedTime": told["ElapsedTime"] + 700_000},
        lambda _number, told: told | {"ElapsedTime": told["ElapsedTime"] // 4},
    ],
    ids=["far too much", "less than nothing", "too much", "one flow goes back", "clock ahead", "clock slowed down"],
)
def test_a_peer_that_lies_in_an_upload_gives_no_rate(change: Callable[[int, dict[str, Any]], dict[str, Any]]) -> None:
    """One claim of one flow that cannot be true ends the whole, by name, without a rate."""
    core, _, record = run(Upload, THREE, Line(5_000_000, say=lies(change)))
    assert (core.result().end, record.text("failure")) == ("failed", "json_parse_error")
    assert core.result().members["peer_inconsistent"] is True
    assert rate_bps(record) is None


def test_a_peer_that_lies_in_a_download_changes_nothing() -> None:
    """A download's count is ours whatever the peer claims."""
    _, _, honest = run(Download, THREE, Line(5_000_000))
    say = lies(lambda _number, told: told | {"Application": {"BytesSent": -5}})
    core, _, record = run(Download, THREE, Line(5_000_000, say=say))
    assert core.result().members["peer_inconsistent"] is True
    assert rate_bps(record) == rate_bps(honest)


def test_a_peers_kernel_that_lies_lifts_no_rate() -> None:
    """Whatever a peer says its kernel holds back, no rate is above what it counted in the end."""

    def say(_number: int, told: dict[str, Any]) -> bytes:
        kernel = {"BytesReceived": 0, "DataSegsIn": told["ElapsedTime"] // 10, "RcvMSS": 10_000}
        return json.dumps(told | {"TCPInfo": kernel}).encode()

    _, seen, record = run(Upload, THREE, Line(5_000_000, say=say))
    arrived = [counts[-1] for _, counts in flow_series(record)]
    assert arrived == [counts[-1] for counts in record.series("flow_bytes")]
    assert sum(arrived) <= sum(seen.in_order)


@BOTH
def test_a_peer_without_a_word(kind: Kind) -> None:
    """Without any text a download is what we counted, and an upload is nothing."""
    core, _, record = run(kind, THREE, Line(5_000_000, say=lambda _number, _told: None))
    if kind is Download:
        assert core.result().end == "ok"
        assert "peer_bytes" not in record.fields
    else:
        assert record.text("failure") == "eof_error"
        assert record.integer("received_bytes") == 0


# whatever happens

LINES = st.builds(
    Line,
    rate_bps=st.integers(50_000, 30_000_000),
    round_trip_us=st.integers(2_000, 600_000),
    loses=st.one_of(
        st.just(lambda _number: False),
        st.builds(losing, st.sampled_from([0.001, 0.02, 0.2]), st.integers(0, 9)),
    ),
    dies_us=st.one_of(st.just(1 << 60), st.integers(0, 3_000_000)),
    mute=st.one_of(st.just(frozenset()), st.just(frozenset({0})), st.just(frozenset({1}))),
    stalls=st.dictionaries(
        st.integers(0, 2), st.tuples(st.integers(0, 2_500_000), st.integers(0, 9_000_000)), max_size=2
    ),
    ends=st.dictionaries(st.integers(0, 2), st.tuples(st.integers(0, 2_500_000), st.sampled_from(Ending)), max_size=1),
)


@settings(deadline=None, max_examples=80)
@given(st.sampled_from([Download, Upload]), st.sampled_from([ONE, THREE, LIGHT]), LINES)
def test_any_line_has_an_outcome_and_no_rate_is_invented(kind: Kind, plan: TransferPlan, line: Line) -> None:
    """Over any line there is an end in time, samples in order, a strict record, and never more than was delivered."""
    core, seen, record = run(kind, plan, line)
    received = record.integer("received_bytes")
    assert received is not None
    assert seen.end_us <= deadline_us(plan)
    assert received <= min(sum(seen.in_order), plan.cap_bytes)
    assert (core.result().end == "ok") == ("failure" not in record.fields)
    assert core.result().end == "failed" or received > 0
    assert "peer_inconsistent" not in record.fields
    names = ("flow_t_us", "flow_bytes") if plan.flows > 1 and not core.alone else ("t_us", "bytes")
    for times, counts in zip(*[record.series(name) or (record.integers(name),) for name in names], strict=True):
        assert list(times) == sorted(set(times))
        assert list(counts) == sorted(counts)
    if plan.flows > 1 and not core.alone:
        assert sum(counts[-1] for counts in record.series("flow_bytes") if counts) == received
    rate, window = rate_bps(record), window_us(record)
    if rate is not None:
        from_us, until_us = window or (0, record.integer("dur_us") or 1)
        assert rate <= 8_000_000 * received // (until_us - from_us)


@settings(deadline=None, max_examples=20)
@given(st.sampled_from([Download, Upload]), st.integers(3_000_000, 40_000_000), st.integers(5_000, 100_000))
def test_a_constant_line_is_known_whatever_its_rate(kind: Kind, rate: int, round_trip_us: int) -> None:
    """The light plan is right to 5 % over constant lines of any rate and delay, and its interval holds."""
    _, _, record = run(kind, LIGHT, Line(rate, round_trip_us))
    found = rate_bps(record)
    assert found is not None
    assert per_mille(found, rate) <= 50
    assert record.integer("rate_lo_bps") <= rate <= record.integer("rate_hi_bps")  # type: ignore[operator]


@settings(deadline=None, max_examples=25)
@given(st.sampled_from([0.002, 0.01, 0.05]), st.integers(0, 99), st.integers(1_000_000, 20_000_000))
def test_what_is_held_back_is_never_more_than_the_kernel_had(share: float, seed: int, rate: int) -> None:
    """At every sample, what was counted and held back had really arrived."""
    core, seen, _ = run(Download, ONE, Line(rate, 50_000, loses=losing(share, seed)))
    samples = core.flows[0].samples
    for t_us, count, held in zip(samples.t_us, samples.counts, samples.held, strict=True):
        assert count + held <= seen.arrived_bytes(t_us) + 1448  # one short packet is estimated as a whole one
