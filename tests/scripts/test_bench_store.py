"""The benchmark of the index, run tiny: what it compares is the same everywhere, or its figures would mean nothing."""

import subprocess
import sys
from pathlib import Path

import duckdb
import pytest

from scripts.store_bench.data import DAY_US, Size
from scripts.store_bench.report import Found, quantile, table

ROOT = Path(__file__).resolve().parents[2]


def run(*arguments: str) -> str:
    """What the benchmark prints."""
    command = [sys.executable, str(ROOT / "scripts" / "bench_store.py"), *arguments]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=200)
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout


def test_all_engines_answer_the_same(capsys: pytest.CaptureFixture[str]) -> None:
    """The engines that are here give the same timelines and the same hours; one that is not is named with its reason."""
    told = run(
        "--records",
        "6000",
        "--lines",
        "30",
        "--piece",
        "700",
        "--run-rows",
        "2400",
        "--times",
        "5",
        "--cold",
        "0",
        "--seconds",
        "0.5",
    )
    assert "| ours (DuckDB) |" in told
    for name, left_out in (("PostgreSQL", "left out, PostgreSQL"), ("ClickHouse (chdb)", "left out, chdb")):
        assert (f"| {name} |" in told) != (left_out in told)
    with capsys.disabled():
        sys.stdout.write("".join(f"\n{line}" for line in told.splitlines() if line.startswith("left out")))
    assert "longest load while a run of" in told


def test_an_index_is_made_anew() -> None:
    """The ledger that is made for it holds what is then in the index."""
    assert "made anew: 2,400 records" in run("--rebuild", "2400")


def test_the_measurements_are_spread_as_they_should_be() -> None:
    """All of them are in the span of days, of the lines there are, and slower in the evening."""
    size = Size(60_000, 50, 20, 60_000)
    with duckdb.connect() as connection:
        connection.execute("CREATE TABLE made AS " + size.select(0, size.records))
        (row,) = connection.execute(
            f"SELECT count(*), count(DISTINCT line), max(at_us) - min(at_us) <= {20 * DAY_US}, count(DISTINCT cell) > 50, "
            "avg(rate_bps) FILTER (at_us // 3600000000 % 24 = 20) * 2 < avg(rate_bps) FILTER (at_us // 3600000000 % 24 = 10) FROM made"
        ).fetchall()
    assert row == (60_000, 50, True, True, True)


def test_a_figure_stands_beside_its_limit() -> None:
    """What is asked for and missed is said to be missed."""
    ours, other = Found("ours", 80.0, warm_ms=[1.0, 31.0], hours_ms=10), Found("PostgreSQL", 240.0, hours_ms=190)
    told = table([ours, other], 100, 1)
    assert "| bytes per record, <= 75 | 80.0 | MISS |" in told
    assert "| timeline warm p95, ms, <= 30 | 31.0 | MISS |" in told
    assert "| times smaller than PostgreSQL, >= 3 | 3.0 | ok |" in told
    assert "| times faster on cell hours than PostgreSQL, >= 20 | 19.0 | MISS |" in told
    assert [quantile([3.0, 1.0, 2.0], pm) for pm in (1, 500, 1000)] == [1.0, 2.0, 3.0]
