"""The benchmark's own arithmetic: what a link could carry, and what a set of runs comes to."""

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scripts.bench import accuracy, latency
from scripts.bench.runs import Journal, Run, read
from scripts.bench.table import Figure, accuracy_figures, accuracy_table, report
from scripts.bench.truth import (
    MILLION,
    Trace,
    between_samples,
    binomial_bounds,
    constant_bps,
    error_ppm,
    jain_per_mille,
    trace_bps,
)

M = MILLION
TRACE = Trace.parse("0\n0\n3\n10\n")


def test_nothing_crosses_a_trace_before_its_first_opportunity() -> None:
    """A stretch without an opportunity offers no bit at all."""
    assert trace_bps(TRACE, 3_000, 9_000, 0) == 0


def test_a_trace_repeats_after_its_last_line() -> None:
    """The last opportunity ends a round, and those at zero begin each."""
    assert [TRACE.until(t_us) for t_us in (0, 2_999, 3_000, 9_999, 10_000, 12_999, 13_000, 20_000)] == [
        2, 2, 3, 3, 6, 6, 7, 10,
    ]  # fmt: skip


@given(st.lists(st.integers(0, 500), min_size=1, max_size=30), st.integers(0, 10**7), st.integers(0, 10**6))
def test_every_opportunity_is_offered_once(times_ms: list[int], from_us: int, length_us: int) -> None:
    """Counting a stretch agrees with going through the opportunities one by one, as the emulator does."""
    trace = Trace((*sorted(time_ms * 1000 for time_ms in times_ms), 501_000))
    until_us = from_us + length_us
    rounds = range(until_us // trace.period_us + 1)
    served = [number * trace.period_us + at_us for number in rounds for at_us in trace.at_us]
    assert trace.between(from_us, until_us) == sum(from_us < at_us <= until_us for at_us in served)


@pytest.mark.parametrize(
    ("loss_ppm", "version", "payload_bps"),
    [(0, 4, 19_306_666), (0, 6, 19_040_000), (5_000, 4, 19_210_133), (MILLION, 4, 0)],
)
def test_payload_is_what_headers_and_loss_leave(loss_ppm: int, version: int, payload_bps: int) -> None:
    """Of 20 Mbit/s, 1448 bytes of 1500 are payload over IPv4 and 1428 over IPv6, and loss takes its share."""
    assert constant_bps(20_000_000, loss_ppm, version) == payload_bps


def test_a_steady_trace_is_a_constant_link() -> None:
    """A packet each millisecond is 12 Mbit/s."""
    steady = Trace(tuple(range(1_000, 1_001_000, 1_000)))
    assert trace_bps(steady, 0, 5 * MILLION, 0) == constant_bps(12_000_000, 0)


def test_an_error_has_its_sign() -> None:
    """Half of the truth is half a million millionths too little."""
    assert (error_ppm(5, 10), error_ppm(15, 10)) == (-500_000, 500_000)


def test_a_count_between_two_readings_is_interpolated() -> None:
    """Before the first reading and after the last nothing is invented."""
    samples = [(100, 10), (200, 30), (300, 30)]
    assert [between_samples(samples, at_us) for at_us in (50, 100, 150, 250, 900)] == [10, 10, 20, 30, 30]


def test_fairness_is_one_when_all_are_served_alike() -> None:
    """Jain's index of one served among four is a quarter, and of nobody nothing."""
    assert [jain_per_mille(shares) for shares in ([7, 7, 7], [8, 0, 0, 0], [], [0, 0])] == [1000, 250, 0, 0]


@pytest.mark.parametrize(("n", "share_ppm", "bounds"), [(10, 0, (0, 0)), (10, MILLION, (10, 10)), (1, 500_000, (0, 1))])
def test_chance_has_bounds(n: int, share_ppm: int, bounds: tuple[int, int]) -> None:
    """What never happens is bounded by none, what always happens by all."""
    assert binomial_bounds(n, share_ppm) == bounds


def test_bounds_are_those_of_the_tables() -> None:
    """Of 400 at 5 %, all but a thousandth of cases lie within 8 and 35, as the exact binomial distribution says."""
    fewest, most = binomial_bounds(400, 50_000)
    assert fewest < 20 < most
    assert (fewest, most) == (7, 36)


def test_a_round_trip_is_its_two_ways_without_the_far_end() -> None:
    """What a packet spends at the peer is not the line's; the first packet and one that was lost do not count."""
    near = [(0, 1, 1, 5, 0), (90, 0, 0, 5, 0), (100, 1, 1, 5, 1), (190, 0, 0, 5, 1), (200, 1, 1, 5, 2)]
    far = [(40, 0, 1, 5, 0), (50, 1, 0, 5, 0), (140, 0, 1, 5, 1), (155, 1, 0, 5, 1), (240, 0, 1, 5, 2)]
    assert latency.true_round_trips_us(near, far) == (75,)


def transfer(tool: str, way: str, error: int, n_bytes: int, **more: int) -> Run:
    """One run on a clean link of 20 Mbit/s, unless it says otherwise."""
    figures = {"rate_bps": 20_000_000, "loss_ppm": 0, "error_ppm": error, "link_bytes": n_bytes, "discarded": 0}
    figures |= {"interval": 0, "covered": 0, "carried_error_ppm": 0}
    return Run("accuracy", tool, f"cell {error}", way, 0, figures | more)


def test_a_figure_says_whether_it_holds() -> None:
    """At the limit it holds, beyond it does not, and nothing measured is neither."""
    said = [Figure("x", found, 10, at_least=True).said.split()[0] for found in (10, 9)]
    assert [*said, Figure("x", None, 10).said.split()[0]] == ["holds", "MISSED", "no"]


def test_no_runs_make_no_claim() -> None:
    """Without data no figure holds."""
    assert {figure.found for figure in accuracy_figures([])} == {None}
    assert list(report([], {})) == []


def test_the_cost_of_an_answer_is_set_beside_the_best_of_the_others() -> None:
    """The same error at half the bytes is half the cost, whatever the sign of the error."""
    runs = [transfer("ours evidence", "down", -4_000, 10_000_000), transfer("curl 20 MB", "down", 4_000, 20_000_000)]
    runs.append(transfer("iperf3 -P4", "down", 9_000, 26_000_000))
    found = {figure.name: figure.found for figure in accuracy_figures(runs)}
    assert found["evidence down, error x megabytes beside the best of the others"] == 500
    assert found["evidence down, no loss, median error"] == 4_000


def test_loss_and_traces_stand_apart() -> None:
    """Each kind of link has its own column, and a tool that did not run has no row."""
    runs = [
        transfer("ours evidence", "down", 10_000, 1),
        transfer("ours evidence", "down", 20_000, 1, loss_ppm=5_000),
        transfer("ours evidence", "down", 30_000, 1, rate_bps=0),
        Run("accuracy", "curl 20 MB", "cell", "down", why="not installed"),
    ]
    rows = [row for row in accuracy_table(runs) if "%" not in row and "late" not in row]
    assert len(rows) == 1
    assert re.findall(r"(\d\.\d\d) / \1 / \1", rows[0]) == ["1.00", "2.00", "3.00"]
    assert "not installed" in "\n".join(report(runs, {}))


def test_a_benchmark_goes_on_where_it_was_interrupted(tmp_path: Path) -> None:
    """Runs with figures are not repeated, runs without are, and the last word on a run stands."""
    file = tmp_path / "runs.jsonl"
    journal = Journal(file)
    journal.add(Run("cpu", "curl", "bulk", why="not installed"))
    assert not Journal(file).has("cpu", "curl", "bulk", "", 0)
    journal.add(Run("cpu", "curl", "bulk", figures={"bytes": 1}))
    assert Journal(file).has("cpu", "curl", "bulk", "", 0)
    assert [run.figures for run in read([file])] == [{"bytes": 1}]


def test_our_plans_run_in_every_cell_and_the_others_in_some() -> None:
    """Foreign tools are run once at every rate without loss, and everywhere if so wished."""
    choice = accuracy.Choice([M, 2 * M, 3 * M], [10_000, 20_000], [0, 5_000], ["T"], runs=2)
    found = accuracy.jobs(choice)
    ours = {(job.link.name, job.tool.name, job.way, job.number) for job in found if job.tool.name.startswith("ours")}
    assert len(ours) == (3 * 2 * 2 + 1) * 2 * 2 * 2
    foreign = {(job.link.rate_bps, max(job.link.loss_ppm.values())) for job in found if job.tool.name == "curl 20 MB"}
    assert foreign == {(M, 0), (2 * M, 0), (3 * M, 0), (2 * M, 5_000), (0, 0)}
    assert {job.link.offset_ms for job in found} == {0, accuracy.OFFSET_MS}
    names = {job.tool.name for job in accuracy.jobs(accuracy.Choice([M], [10_000], [0], [], only="light"))}
    assert names == {"ours light"}
