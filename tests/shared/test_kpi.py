"""Figures: integers recomputed from what a record holds, and None where there is no figure."""

from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from strategies import Series, record_members, rtts_us, series

from shared.kpi import bytes_at, flow_series, loss_per_mille, percentile, rate_bps, rtt_median_us, window_us
from shared.record import LOST, Record, read_record, write_record
from shared.strictjson import Json, JsonObject


def record(**members: Json) -> Record:
    """Make a record with these members."""
    told: JsonObject = {"seq": 0}
    return read_record(write_record(told | members)[:-1])


def download(**members: Json) -> Record:
    """Make a finished download of 2 MB in 2 s, slower in its first half second."""
    told: JsonObject = {
        "bytes": [100_000, 2_000_000],
        "dur_us": 2_000_000,
        "end": "ok",
        "received_bytes": 2_000_000,
        "t_us": [500_000, 2_000_000],
    }
    return record(**(told | members))


def test_rate_of_a_whole_transfer() -> None:
    """Bits that arrived over the time they took, rounded down."""
    assert rate_bps(download()) == 8_000_000
    assert rate_bps(download(received_bytes=1, dur_us=3)) == 2_666_666
    assert rate_bps(download(received_bytes=0)) == 0


def test_rate_without_the_warm_up() -> None:
    """What arrived during the warm-up, and its time, are left out, interpolated between samples."""
    assert rate_bps(download(warm_us=500_000)) == 8 * 1_900_000 * 1_000_000 // 1_500_000
    assert rate_bps(download(warm_us=250_000)) == 8 * 1_950_000 * 1_000_000 // 1_750_000


@pytest.mark.parametrize(
    "change",
    [
        {"end": "failed"},
        {"end": "aborted"},
        {"end": "not_started"},
        {"end": "evaporated"},
        {"dur_us": 0},
        {"dur_us": -1},
        {"dur_us": "2000000"},
        {"received_bytes": -1},
        {"received_bytes": True},
    ],
)
def test_no_rate(change: dict[str, Json]) -> None:
    """A transfer that did not finish, or says too little, has no rate; that is not a rate of nothing."""
    assert rate_bps(download(**change)) is None
    assert rate_bps(record(end="ok")) is None
    assert rate_bps(record(end="ok", received_bytes=1)) is None


@pytest.mark.parametrize(
    "change",
    [
        {"warm_us": 0},
        {"warm_us": -1},
        {"warm_us": 2_000_000},
        {"warm_us": "500000"},
        {"warm_us": 500_000, "t_us": []},
        {"warm_us": 500_000, "t_us": [500_000]},
        {"warm_us": 500_000, "t_us": [-1, 2_000_000]},
        {"warm_us": 500_000, "bytes": [-1, 2_000_000]},
        {"warm_us": 500_000, "t_us": [500_000, 400_000]},
        {"warm_us": 500_000, "bytes": [100_000, 99_999]},
        {"warm_us": 500_000, "t_us": [400_000, 500_000]},
    ],
)
def test_warm_up_that_cannot_be_left_out(change: dict[str, Json]) -> None:
    """Without a usable series beyond the warm-up the whole transfer counts, warm-up and all."""
    assert rate_bps(download(**change)) == 8_000_000


@settings(deadline=None)
@given(series(), st.integers(0, 10**10), st.integers(1, 10**8), st.integers(0, 10**7))
def test_rate_is_bounded(sampled: Series, received_bytes: int, dur_us: int, warm_us: int) -> None:
    """A rate is never negative, and never above all bits over the time they were counted for."""
    rate = rate_bps(
        download(
            t_us=list(sampled.times),
            bytes=list(sampled.counts),
            received_bytes=received_bytes,
            dur_us=dur_us,
            warm_us=warm_us,
        )
    )
    assert rate is not None
    after_us = sampled.times[-1] - warm_us
    if warm_us > 0 and after_us > 0:
        assert 0 <= rate <= Fraction(8_000_000 * sampled.counts[-1], after_us)
    else:
        assert 0 <= Fraction(8_000_000 * received_bytes, dur_us) - rate < 1


@settings(deadline=None)
@given(st.integers(1, 10**6), st.integers(2, 20), st.data())
def test_steady_flow_keeps_its_rate(step_bytes: int, samples: int, data: st.DataObject) -> None:
    """A flow that never changes has the same rate with and without its warm-up, but for rounding."""
    times = [100_000 * number for number in range(1, samples + 1)]
    counts = [step_bytes * number for number in range(1, samples + 1)]
    warm_us = data.draw(st.integers(1, times[-1] - 100_000))
    flow: dict[str, Any] = {"t_us": times, "bytes": counts, "received_bytes": counts[-1], "dur_us": times[-1]}
    whole, rest = rate_bps(download(**flow)), rate_bps(download(**flow, warm_us=warm_us))
    assert whole is not None
    assert rest is not None
    assert 0 <= rest - whole <= 8_000_000 // (times[-1] - warm_us) + 1


@settings(deadline=None, max_examples=100)
@given(record_members(0))
def test_any_record_has_figures_or_none(members: JsonObject) -> None:
    """Whatever a record holds, a figure is an integer of at least zero, or there is none."""
    made = read_record(write_record(members)[:-1])
    for figure in (rate_bps(made), rtt_median_us(made), loss_per_mille(made)):
        assert figure is None or (type(figure) is int and figure >= 0)


def of_flows(**members: Json) -> Record:
    """Make a finished download of two flows, of which one is counted a little longer."""
    told: JsonObject = {
        "dur_us": 2_100_000,
        "end": "ok",
        "flow_bytes": [[500_000, 1_000_000], [500_000, 1_000_000, 1_050_000]],
        "flow_t_us": [[1_000_000, 2_000_000], [1_000_000, 2_000_000, 2_100_000]],
        "received_bytes": 2_050_000,
        "warm_us": 1_000_000,
    }
    return record(**(told | members))


def test_the_rate_of_several_flows_ends_where_the_first_of_them_does() -> None:
    """All flows are counted up to the smallest of their last times, each interpolated there (RMBT's t*)."""
    assert window_us(of_flows()) == (1_000_000, 2_000_000)
    assert rate_bps(of_flows()) == 8_000_000
    shorter = of_flows(flow_t_us=[[1_000_000, 1_900_000], [1_000_000, 2_000_000, 2_100_000]])
    assert rate_bps(shorter) == 8_000_000 * (500_000 + 450_000) // 900_000


def test_a_stated_end_of_the_window() -> None:
    """A record may say until when its rate is taken, inside what was counted; anything else is not heard."""
    for until_us in (1_500_000, 2_000_000):
        assert window_us(of_flows(until_us=until_us)) == (1_000_000, until_us)
    for until_us in (0, 1_000_000, 2_000_001, "1500000"):
        assert window_us(of_flows(until_us=until_us)) == (1_000_000, 2_000_000)
    assert window_us(of_flows(warm_us=0, until_us=400_000)) == (0, 400_000)
    assert rate_bps(of_flows(warm_us=0, until_us=400_000)) == 8_000_000
    assert window_us(of_flows(warm_us=0)) is None
    assert window_us(of_flows(warm_us=2_000_000)) is None


def test_what_was_held_back_had_arrived() -> None:
    """Bytes behind a lost packet count from when they came, and not once more when they come free."""
    held = [[0, 0], [0, 100_000, 0]]
    assert flow_series(of_flows(flow_held_bytes=held)) == [
        ((1_000_000, 2_000_000), (500_000, 1_000_000)),
        ((1_000_000, 2_000_000, 2_100_000), (500_000, 1_050_000, 1_050_000)),
    ]
    assert rate_bps(of_flows(flow_held_bytes=held)) == 8_400_000
    assert rate_bps(download(warm_us=500_000, held_bytes=[50_000, 0])) == 8 * 1_850_000 * 1_000_000 // 1_500_000


@pytest.mark.parametrize("held", [[[0, 0]], [[0], [0, 0, 0]], [0, 0], "much", [[0, 0], [0, "1", 0]]])
def test_held_bytes_out_of_form_are_not_counted(held: Json) -> None:
    """Without one number for each sample the counts stand alone."""
    assert rate_bps(of_flows(flow_held_bytes=held)) == 8_000_000


@pytest.mark.parametrize(
    "change",
    [
        {"flow_t_us": [[1_000_000, 2_000_000]]},
        {"flow_bytes": [[500_000, 1_000_000], []]},
        {"flow_bytes": [[500_000, 1_000_000], [500_000, 1_000_000, 1]]},
        {"flow_t_us": [[1_000_000, 2_000_000], [1_000_000, 2_000_000, "2100000"]]},
        {"flow_held_bytes": [[-600_000, 0], [0, 0, 0]]},
    ],
)
def test_flows_that_cannot_be_true_count_as_a_whole(change: dict[str, Json]) -> None:
    """One flow out of form, and the rate is that of all bytes over all the time."""
    assert flow_series(of_flows(**change)) == []
    assert rate_bps(of_flows(**change)) == 8_000_000 * 2_050_000 // 2_100_000


@settings(deadline=None)
@given(st.lists(series(), min_size=1, max_size=3), st.data())
def test_no_rate_is_above_what_was_counted_in_the_end(flows: list[Series], data: st.DataObject) -> None:
    """Whatever a record says was held back, no window carried more than all bytes counted by its end."""
    held = [[data.draw(st.integers(0, 10**9)) for _ in flow.counts] for flow in flows]
    made = of_flows(
        flow_t_us=[list(flow.times) for flow in flows],
        flow_bytes=[list(flow.counts) for flow in flows],
        flow_held_bytes=held,
        warm_us=data.draw(st.integers(0, 10**6)),
        received_bytes=sum(flow.counts[-1] for flow in flows),
    )
    window = window_us(made)
    if window is not None and flow_series(made):
        from_us, until_us = window
        assert rate_bps(made) <= 8_000_000 * sum(flow.counts[-1] for flow in flows) // (until_us - from_us)  # type: ignore[operator]


def test_bytes_between_samples() -> None:
    """Between samples, and before the first, bytes come at an even pace; after the last none."""
    times, counts = (10, 20), (100, 400)
    assert [bytes_at(times, counts, at) for at in (0, 5, 10, 15, 20, 99)] == [0, 50, 100, 250, 400, 400]
    assert bytes_at((0, 10), (7, 17), 0) == 7
    assert bytes_at((0, 10), (7, 17), 5) == 12
    assert [bytes_at((10, 10, 20), (100, 200, 300), at) for at in (10, 15)] == [100, 250]


@settings(deadline=None)
@given(series(), st.integers(0, 2 * 10**7), st.integers(0, 2 * 10**7))
def test_bytes_never_go_back(sampled: Series, one_us: int, two_us: int) -> None:
    """Later never means fewer bytes, and never more than arrived in all."""
    early, late = sorted((one_us, two_us))
    before = bytes_at(sampled.times, sampled.counts, early)
    after = bytes_at(sampled.times, sampled.counts, late)
    assert 0 <= before <= after <= sampled.counts[-1]


@settings(deadline=None)
@given(series(), st.data())
def test_bytes_at_a_sample(sampled: Series, data: st.DataObject) -> None:
    """At the moment of a sample the bytes are one of those counted at that moment."""
    at = data.draw(st.sampled_from(range(len(sampled.times))))
    moment = sampled.times[at]
    there = {count for t_us, count in zip(sampled.times, sampled.counts, strict=True) if t_us == moment}
    assert bytes_at(sampled.times, sampled.counts, moment) in there


@pytest.mark.parametrize(
    ("values", "per_mille", "expected"),
    [
        # RFC 2330, section 11.3, first the example itself.
        ((-2, 7, 7, 4, 18, -5), 0, -5),
        ((-2, 7, 7, 4, 18, -5), 250, -2),
        ((-2, 7, 7, 4, 18, -5), 500, 4),
        ((-2, 7, 7, 4, 18, -5), 1000, 18),
        # RFC 7679: a lost packet is an infinite delay.
        ((100, 110, LOST, 90, 500), 500, 110),
        ((100, 110, LOST, 90, 500), 800, 500),
        ((100, 110, LOST, 90, 500), 801, None),
        ((100, 110, LOST, 90, 500), 1000, None),
        ((LOST,), 0, None),
        ((LOST, 5), 500, 5),
        ((LOST, 5), 501, None),
        ((0,), 1000, 0),
        ((), 500, None),
    ],
)
def test_percentile(values: tuple[int, ...], per_mille: int, expected: int | None) -> None:
    """The smallest value that at least this share does not exceed, losses being infinite."""
    assert percentile(values, per_mille) == expected


@settings(deadline=None)
@given(rtts_us, st.integers(1, 1000))
def test_percentile_is_the_smallest_that_reaches(values: list[int], per_mille: int) -> None:
    """At least the share asked for does not exceed the percentile, and for no smaller value is that so."""

    def share(limit: int) -> Fraction:
        return Fraction(1000 * sum(value != LOST and value <= limit for value in values), len(values))

    found = percentile(values, per_mille)
    reaching = [value for value in values if value != LOST and share(value) >= per_mille]
    assert found == min(reaching, default=None)


def test_median_and_loss_of_a_train() -> None:
    """The median counts losses as infinite; a train lost whole has no median."""
    assert rtt_median_us(record(rtt_us=[40_000, LOST, 20_000])) == 40_000
    assert loss_per_mille(record(rtt_us=[40_000, LOST, 20_000])) == 333
    assert rtt_median_us(record(rtt_us=[LOST, LOST])) is None
    assert loss_per_mille(record(rtt_us=[LOST, LOST])) == 1000
    assert rtt_median_us(record(rtt_us=[0])) == 0
    assert loss_per_mille(record(rtt_us=[0])) == 0
    assert rtt_median_us(record()) is None
    assert loss_per_mille(record()) is None
