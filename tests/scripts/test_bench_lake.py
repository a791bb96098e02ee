"""The benchmark of the lake, run tiny: its engines answer the same, or its figures would mean nothing."""

import subprocess
import sys
from pathlib import Path

import pytest
from fakes import postgres

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.slow
def test_the_same_rows_in_both() -> None:
    """Two loaders into a lake and one into a file leave every record once and give as many rows to the same questions."""
    if postgres.missing():
        pytest.skip(str(postgres.missing()))
    options = [
        "--sections",
        "index",
        "--records",
        "3000",
        "--lines",
        "10",
        "--loaders",
        "2",
        "--rows",
        "500",
        "--times",
        "3",
    ]
    command = [sys.executable, str(ROOT / "scripts" / "bench_lake.py"), *options]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=200)
    assert done.returncode == 0, done.stderr[-3000:]
    rows = [line.split("|")[-2].strip() for line in done.stdout.splitlines() if line.startswith("| Duck")]
    assert len(rows) == 2
    assert rows[0] == rows[1] != "0"


def test_ledgers_alone_and_shared() -> None:
    """One and two collectors write their groups alone and by one catalog, and every batch of them is kept."""
    if postgres.missing():
        pytest.skip(str(postgres.missing()))
    options = ["--sections", "chains", "--groups", "3", "--sizes", "1,4"]
    command = [sys.executable, str(ROOT / "scripts" / "bench_lake.py"), *options]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=200)
    assert done.returncode == 0, done.stderr[-3000:]
    told = [
        [cell.strip() for cell in line.split("|")[1:3]]
        for line in done.stdout.splitlines()
        if line.startswith(("| 1", "| 2"))
    ]
    assert told == [
        [f"{writers} {name}", size] for size in ("1", "4") for writers in (1, 2) for name in ("alone", "one catalog")
    ]
